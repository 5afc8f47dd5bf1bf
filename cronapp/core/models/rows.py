"""What a list shows of each job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cronapp.core.models.jobs import Job, SlotChangeKind
from cronapp.core.models.runs import RunBrief
from cronapp.core.models.states import RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """One row of the jobs list: the job, its schedule in words, its newest runs (oldest first) and its next one."""

    job: Job
    words: str
    recent: tuple[RunBrief, ...]
    next_run: datetime | None  # the next slot that nobody skips and no blackout covers
    held: bool = False  # the whole scheduler is paused

    @property
    def passed_over(self) -> str:
        """Why the next slot has no run, as `skipped` or `blacked out`; empty: it has one, or there is none."""
        slot = self.job.next_slot
        if slot is None or slot == self.next_run:
            return ""
        skips = (one.slot for one in self.job.slot_changes if one.kind is SlotChangeKind.SKIP)
        return "skipped" if slot in skips else "blacked out"

    @property
    def last_run(self) -> RunBrief | None:
        return self.recent[-1] if self.recent else None

    @property
    def running(self) -> tuple[RunBrief, ...]:
        return tuple(run for run in self.recent if run.state is RunState.RUNNING)
