"""Cron expressions: grammar, next and previous slot, and words, all from one parse tree.

The grammar is that of the Open Cron Pattern Specification 1.4: five fields (minute, hour, day of month, month, day of
week), six with seconds first, seven with the year last; `*`, lists, ranges, steps, names, `L`, `LW`, `15W`, `2#3`,
`5L`, `5#L`, `+` before the day of week, `?`, and the nicknames. `H` and `~` are additions: a value spread by job id.

The calendar is that of Debian cron: a fixed time that the clock skips runs right after the gap, one that the clock
repeats runs once; a job whose second, minute or hour starts with `*` runs in real time, through both passes of a
repeated hour and not at all in a skipped one.
"""

from cronapp.core.cron.expression import Cron, parse
from cronapp.core.cron.fields import FieldTold, told_fields
from cronapp.core.cron.shifting import is_spread, later

__all__ = ["Cron", "FieldTold", "is_spread", "later", "parse", "told_fields"]
