"""What became of each slot that a job promised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cronapp.core.durations import duration_words
from cronapp.core.models import Cause, Job, JobState, Run, RunState, RunTrigger, SchedulerPause, SlotChange

ON_TIME = 2.0  # seconds: a run that starts no later than this after its slot, or its spread, is on time
STARTS_NOW = timedelta(seconds=10)  # a slot that passed so lately is being settled


class Verdict(StrEnum):
    RAN = "ran"
    LATE = "late"
    RUNNING = "running"
    WAITING = "waiting"
    SKIPPED = "skipped"
    MISSED = "missed"
    CANCELLED = "cancelled"  # by hand, or for another run, before it started
    PAUSED = "paused"
    BLACKED_OUT = "blacked_out"
    CONDITION = "condition"
    BY_HAND = "skipped_by_hand"
    HELD = "held"  # its job needs attention
    DUE = "due"  # it is being settled just now


BROKEN = (Verdict.MISSED, Verdict.SKIPPED, Verdict.HELD, Verdict.LATE)
"""Promises that were not kept, the worst first."""
EXCUSED = (Verdict.PAUSED, Verdict.BLACKED_OUT, Verdict.CONDITION, Verdict.BY_HAND, Verdict.CANCELLED)
"""Slots that had no run because somebody wanted it so."""
OPEN = (Verdict.RUNNING, Verdict.WAITING, Verdict.DUE)
CHOICES: dict[str, tuple[Verdict, ...]] = {
    "not_kept": BROKEN,
    "excused": EXCUSED,
    **{verdict.value: (verdict,) for verdict in Verdict},
}
"""What a list of slots can be narrowed to."""
WORST_FIRST = (*BROKEN, Verdict.RAN, *OPEN, *EXCUSED)

OF_CAUSE = {
    Cause.OVERLAP: Verdict.SKIPPED,
    Cause.BLACKOUT: Verdict.BLACKED_OUT,
    Cause.CONDITION: Verdict.CONDITION,
    Cause.PAUSE: Verdict.PAUSED,
    Cause.SCHEDULER_PAUSE: Verdict.PAUSED,
    Cause.DOWN: Verdict.MISSED,
    Cause.BY_HAND: Verdict.BY_HAND,
}
OF_STATE = {
    RunState.QUEUED: Verdict.WAITING,
    RunState.RUNNING: Verdict.RUNNING,  # its condition is being asked
    RunState.CANCELLED: Verdict.CANCELLED,
    RunState.MISSED: Verdict.MISSED,
    RunState.LOST: Verdict.MISSED,
}
"""What became of a slot of which no run started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotEntry:
    """One slot, or several in a row that share a fate and cannot be told one by one (`slots`, from `since` on)."""

    slot: datetime
    verdict: Verdict
    words: str
    run: int | None = None
    state: RunState | None = None
    late: float | None = None  # seconds that its run started after its slot
    cause: Cause | None = None
    slots: int = 1
    since: datetime | None = None


def entry_of(attempts: Sequence[Run]) -> SlotEntry:
    """The entry of a slot with a row, from the attempts of its run, the first one first."""
    last = next((run for run in reversed(attempts) if not given_up(run)), attempts[-1])
    tried = [run for run in attempts if run.started_at and run.cause is not Cause.CONDITION]
    late = lateness(attempts[0], tried)
    verdict = verdict_of(last.state, last.cause, late)
    return SlotEntry(
        slot=last.slot or last.queued_at,
        verdict=verdict,
        words=words_of(verdict, late or 0.0, tried, last),
        run=last.id,
        state=last.state,
        late=late,
        cause=last.cause,
    )


def given_up(run: Run) -> bool:
    """Whether it was cancelled before it started: that does not undo what became of its slot before."""
    return run.state is RunState.CANCELLED and run.started_at is None


def lateness(first: Run, tried: Sequence[Run]) -> float | None:
    """How many seconds after its slot, or after the moment within the spread that was its own, a run started."""
    if not tried or tried[0].started_at is None or first.slot is None:
        return None
    promised = max(first.slot, first.not_before or first.slot)
    return max((tried[0].started_at - promised).total_seconds(), 0.0)


def verdict_of(state: RunState, cause: Cause | None, late: float | None) -> Verdict:
    """What became of a slot, by its newest attempt, and by how many seconds late the first one started (None: none
    did)."""
    if late is not None:
        if state is RunState.RUNNING:
            return Verdict.RUNNING
        return Verdict.LATE if late > ON_TIME else Verdict.RAN
    if cause is not None and cause in OF_CAUSE:
        return OF_CAUSE[cause]
    return OF_STATE.get(state, Verdict.SKIPPED)


def words_of(verdict: Verdict, late: float, tried: Sequence[Run], last: Run) -> str:
    """As in "Ran 4 s late and failed." and "Skipped: run #812 was still running."."""
    seconds = duration_words(round(late, 1))
    match verdict:
        case Verdict.RAN | Verdict.LATE:
            how = f"{seconds} late" if verdict is Verdict.LATE else "on time"
            after = ", by a backfill" if tried[0].trigger is RunTrigger.BACKFILL else ""
            return f"Ran {how}{after}{_ended(tried[-1], last)}."
        case Verdict.RUNNING:
            return f"Runs since {seconds} after its slot." if late > ON_TIME else "Runs."
        case Verdict.WAITING:
            return "Waits for its turn."
        case Verdict.CANCELLED:
            return f"Cancelled before it started. {last.reason or ''}".strip()
    return because(verdict, last.reason)


def _ended(ended: Run, last: Run) -> str:
    if last.state is RunState.QUEUED:
        return ", and is tried again"
    if ended.state is RunState.SUCCEEDED:
        return ""
    return f" and {'was lost' if ended.state is RunState.LOST else ended.state.replace('_', ' ')}"


def because(verdict: Verdict, reason: str | None) -> str:
    """A reason under its verdict, without saying the same twice."""
    if verdict in (Verdict.SKIPPED, Verdict.MISSED) and reason:
        return f"{verdict.capitalize()}: {reason[0].lower()}{reason[1:]}"
    return reason or f"{verdict.replace('_', ' ').capitalize()}."


def unsettled(job: Job, switch: SchedulerPause | None, slot: datetime, now: datetime) -> SlotEntry:
    """The entry of a slot that has passed and has no row yet; `switch` says who paused the whole scheduler."""
    verdict, words = open_verdict(job, switch, now - slot)
    return SlotEntry(slot=slot, verdict=verdict, words=words)


def skipped_by_hand(skipped: SlotChange) -> SlotEntry:
    """The entry of a slot that somebody skipped, once it has passed."""
    return SlotEntry(slot=skipped.slot, verdict=Verdict.BY_HAND, words=skipped.words())


def open_verdict(job: Job, switch: SchedulerPause | None, age: timedelta) -> tuple[Verdict, str]:
    match job.state:
        case JobState.PAUSED:
            return Verdict.PAUSED, job.pause_words()
        case JobState.NEEDS_ATTENTION:
            return Verdict.HELD, f"The job needs attention: {job.reason}"
    if switch is not None:
        return Verdict.PAUSED, switch.words()
    return Verdict.DUE, "Due now." if age < STARTS_NOW else "Due, and not settled yet."
