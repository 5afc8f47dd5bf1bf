"""What may surprise in the slots ahead, in sentences: runs that meet, an end, nothing left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronapp.core.durations import duration_words
from cronapp.core.models import Overlap
from cronapp.core.triggers import Trigger, moment_words, parts_of, slots_between

COMPARED = 100
"""So many slots at least are looked at for the shortest gap."""

_END = datetime.max.replace(tzinfo=UTC)

_MET = {
    Overlap.SKIP: "the rule says skip",
    Overlap.QUEUE: "the rule lets one wait and skips the others",
    Overlap.QUEUE_ALL: "the rule lets all of them wait, so the line may grow",
    Overlap.CANCEL_RUNNING: "the rule cancels the one that is running",
    Overlap.ALLOW: "the rule skips those beyond",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What decides how runs meet; seconds. `usual` is how long a run takes on average, if that is known."""

    usual: float | None = None
    overlap: Overlap = Overlap.SKIP
    max_running: int = 1
    jitter: float = 0


def warnings_of(
    trigger: Trigger,
    slots: Sequence[datetime],
    refused: Sequence[str | None],
    count: int,
    zone: ZoneInfo,
    rules: Rules,
) -> tuple[str, ...]:
    """What may surprise in a schedule whose next slots, `count` at most, are these."""
    warnings = [*trigger.warnings(), *_ending(trigger, slots, count, zone)]
    if slots and all(refused):
        shown = "The slot shown is" if len(slots) == 1 else f"All {len(slots)} slots shown are"
        warnings.append(f"{shown} within a blackout, so none runs.")
    compared = [*slots, *slots_between(trigger, slots[-1], _END, COMPARED - len(slots))] if slots else []
    return (*warnings, *_meeting(compared, rules), *_scattering(compared, rules.jitter))


def _ending(trigger: Trigger, slots: Sequence[datetime], count: int, zone: ZoneInfo) -> list[str]:
    if not slots:
        never = any(part.keeps_time() for part in parts_of(trigger))
        return ["There is no further slot, so this would never run."] if never else []
    if len(slots) == 1 or (len(slots) == count and trigger.next_after(slots[-1]) is not None):
        return []
    return [f"The last slot is {moment_words(slots[-1], zone)} ({zone.key})."]


def _meeting(slots: Sequence[datetime], rules: Rules) -> list[str]:
    """Whether an average run still goes on when one more comes than may run at a time."""
    many = 1 if rules.overlap is Overlap.CANCEL_RUNNING else rules.max_running
    gap = _shortest(slots, many)
    if rules.usual is None or gap is None or rules.usual <= gap:
        return []
    spans = "the shortest gap is" if many == 1 else f"{many + 1} slots come within"
    meets = "runs will overlap" if many == 1 else f"more than {many} runs will meet"
    took = f"A run usually takes {duration_words(rules.usual)} and {spans} {duration_words(gap)}"
    return [f"{took}: {meets}, and {_MET[rules.overlap]}."]


def _scattering(slots: Sequence[datetime], jitter: float) -> list[str]:
    gap = _shortest(slots, 1)
    if not jitter or gap is None or jitter < gap:
        return []
    return [
        f"The jitter is up to {duration_words(jitter)} and the shortest gap {duration_words(gap)}: "
        "a run may start after that of the next slot."
    ]


def _shortest(slots: Sequence[datetime], apart: int) -> float | None:
    """The shortest time from a slot to the one that comes so many later."""
    gaps = [(later - slot).total_seconds() for slot, later in zip(slots, slots[apart:], strict=False)]
    return min(gaps, default=None)
