"""What a slot does when it meets runs of the same job that have not ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cronapp.core.models import Overlap, Run, RunState


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer for one slot: `refused` says why it gets no run; `cancel` are the runs that make way for it."""

    refused: str | None = None
    cancel: tuple[int, ...] = ()


def admit(rule: Overlap, max_running: int, unended: Sequence[Run]) -> Admission:
    """Decides over a new slot, given the job's runs that have not ended, the oldest first."""
    waiting = [run for run in unended if run.state is RunState.QUEUED]
    match rule:
        case Overlap.SKIP | Overlap.ALLOW if len(unended) >= max_running:
            return Admission(refused=still(unended))
        case Overlap.QUEUE if waiting and len(unended) > max_running:  # those that may run, and one that waits
            return Admission(refused=still(waiting))
        case Overlap.CANCEL_RUNNING:
            return Admission(cancel=tuple(run.id for run in unended))
        case _:
            return Admission()


def still(runs: Sequence[Run]) -> str:
    """Why a slot was skipped: the run it met, or how many."""
    if len(runs) > 1:
        return f"{len(runs)} runs had not ended, as many as this job may have."
    run = runs[0]
    return f"Run #{run.id} was still {'running' if run.state is RunState.RUNNING else 'waiting'}."
