"""When a job has slots."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class CronSchedule:
    expression: str
    timezone: str = "UTC"
    kind: Literal["cron"] = "cron"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalSchedule:
    """`every` is seconds (elapsed time) or text as `15m`, `24h` (elapsed) or `1d`, `2w`, `1mo`, `1y` (calendar).

    `anchor` is the instant from which the slots are counted; it is stored with the job.
    """

    every: float | str
    anchor: datetime | None = None
    timezone: str = "UTC"
    kind: Literal["interval"] = "interval"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceSchedule:
    at: datetime
    timezone: str = "UTC"
    kind: Literal["once"] = "once"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualSchedule:
    kind: Literal["manual"] = "manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencySchedule:
    """The job has no slots of its own: other jobs wake it (`JobSpec.after`)."""

    kind: Literal["dependency"] = "dependency"


Unclocked = ManualSchedule | DependencySchedule
Schedule = CronSchedule | IntervalSchedule | OnceSchedule | Unclocked
