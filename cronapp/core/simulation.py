"""What a schedule is going to do, for a person to look at before it does; by the very triggers that will."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from cronapp.core.forecast import Rules, warnings_of
from cronapp.core.frequency import frequency_words
from cronapp.core.models import Overlap
from cronapp.core.triggers import TICK, Trigger, clock_notes, moment_words, slots_between

YEAR = timedelta(days=366)
MOST_COMPARED = 1000  # slots of the old schedule
_UTC = ZoneInfo("UTC")
_END = datetime.max.replace(tzinfo=UTC)

Covered = Callable[[datetime], str | None]
"""The reason why a blackout refuses the slot at this moment; None: it runs."""


class Mark(StrEnum):
    """What an edit does to a slot."""

    NEW = "new"
    GONE = "gone"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class SlotAhead:
    """A slot to come. `refused` is the reason why it will get no run."""

    at: datetime
    refused: str | None = None
    mark: Mark | None = None  # when there is something to compare with


@dataclass(frozen=True, slots=True)
class Changes:
    """The slots of an edited schedule against those it had, over the stretch that its next slots fill.

    `slots` are all new and kept ones, and the first of those that fall away, in their order; `new` and `gone` are how
    many there are, of a dense old schedule the first thousand.
    """

    slots: tuple[SlotAhead, ...]
    new: int
    gone: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a schedule is going to do: in words, slot by slot, and what may surprise."""

    words: str
    slots: tuple[SlotAhead, ...]
    per_day: str
    changes: Changes | None = None
    notes: tuple[str, ...] = field(default=())
    warnings: tuple[str, ...] = field(default=())


def never(_: datetime) -> str | None:
    """No blackout."""
    return None


def simulate(
    trigger: Trigger,
    *,
    now: datetime,
    count: int = 10,
    zone: ZoneInfo = _UTC,
    old: Trigger | None = None,
    usual: float | None = None,
    overlap: Overlap = Overlap.SKIP,
    max_running: int = 1,
    jitter: float = 0,
    covered: Covered = never,
) -> Simulation:
    """The next `count` slots after `now`, and all there is to say about them; moments are worded in `zone`.

    `old` is the trigger before an edit, None when the edit leaves it as it was. `usual` is how many seconds a run takes
    on average, if that is known. The work is bounded, however dense the schedule is.
    """
    moments = slots_between(trigger, now, _END, count)
    slots = tuple(SlotAhead(moment, covered(moment)) for moment in moments)
    rules = Rules(usual=usual, overlap=overlap, max_running=max_running, jitter=jitter)
    return Simulation(
        words=trigger.words(),
        slots=slots,
        per_day=frequency_words(trigger, now, zone),
        changes=None if old is None else compare(slots, old, now=now, count=count, zone=zone),
        notes=clock_notes(trigger, now, now + YEAR, moments),
        warnings=warnings_of(trigger, moments, [slot.refused for slot in slots], count, zone, rules),
    )


def compare(slots: Sequence[SlotAhead], old: Trigger, *, now: datetime, count: int, zone: ZoneInfo) -> Changes:
    """The next slots of an edited schedule against those of the old one."""
    before = slots_between(old, now, _END, count)
    end = slots[-1].at if len(slots) == count else max([slot.at for slot in slots] + before, default=now)
    marked = [replace(slot, mark=Mark.KEPT if _has(old, slot.at) else Mark.NEW) for slot in slots]
    kept = {slot.at for slot in marked if slot.mark is Mark.KEPT}
    were = slots_between(old, now, end, MOST_COMPARED)
    fallen = [moment for moment in were if moment not in kept]
    new, gone = len(marked) - len(kept), len(fallen)
    if slots and not new and not gone:
        sentence = f"No slot of the next {len(slots)} changes." if len(slots) > 1 else "The only slot ahead stays."
    else:
        sentence = _moved(slots[0].at if slots else None, before[0] if before else None, zone)
        sentence += _amounts(len(slots), len(before), new, gone, len(were) == MOST_COMPARED)
    listed = sorted(
        [*marked, *(SlotAhead(moment, mark=Mark.GONE) for moment in fallen[:count])], key=lambda slot: slot.at
    )
    return Changes(tuple(listed), new, gone, sentence)


def _has(trigger: Trigger, moment: datetime) -> bool:
    return trigger.next_after(moment - TICK) == moment


def _moved(first: datetime | None, was: datetime | None, zone: ZoneInfo) -> str:
    """What becomes of the next run; without its full stop."""
    if first is None:
        return (
            f"The next run, {_worded(was, zone)}, falls away like all others"
            if was
            else "No run was ahead, and none is"
        )
    if was is None:
        return f"No run was ahead; now the next one is {_worded(first, zone)}"
    if first == was:
        return f"The next run stays {_worded(first, zone)}"
    return f"The next run moves from {moment_words(was, zone)} to {_worded(first, zone)}"


def _amounts(shown: int, before: int, new: int, gone: int, more: bool) -> str:
    """How many slots an edit touches, where that is not said by the next run alone."""
    if not shown:
        return "."
    told = []
    if new and before and shown > 1:
        told.append(f"of the next {shown} slots {'all' if new == shown else new} {'is' if new == 1 else 'are'} new")
    if gone > 1:
        told.append(f"{gone:,}{' or more' if more else ''} old ones fall away")
    elif gone and shown > 1:
        told.append("an old one falls away")
    return f"; {', and '.join(told)}." if told else "."


def _worded(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment_words(moment, zone)} ({zone.key})"
