"""Counts by job, so that one can ask for each of them, and yet there is an end to how many series there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily

from cronapp.core.meters import Ended
from cronapp.core.models import RunState

OTHERS = ""
"""Under this name the jobs are told together that have no series of their own."""
ALWAYS = (RunState.SUCCEEDED, RunState.FAILED)
"""Told of each job from the beginning, as 0: `increase()` does not see the first of a series that was not there."""
WITHOUT = (RunState.MISSED, RunState.SKIPPED)
Labels = tuple[str, str]


class Tally:
    """How the runs of each job ended, and its slots without a run, since this server started. To be changed on the
    event loop only; read anywhere."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: dict[str, dict[Labels, int]] = {}  # by job: (state, task), or of slots (state, cause)

    def count(self, ended: Ended) -> None:
        own = self._own(ended.job)
        task = ended.task if own is not self._of.get(OTHERS) else OTHERS
        labels = (ended.state, (ended.cause or "") if ended.state in WITHOUT else task)
        own[labels] = own.get(labels, 0) + (ended.slots if ended.state in WITHOUT else 1)

    def know(self, jobs: Iterable[tuple[str, str]]) -> None:
        """These jobs are there, each with its task."""
        for job, task in jobs:
            if (own := self._own(job)) is not self._of.get(OTHERS):
                for state in ALWAYS:
                    own.setdefault((state, task), 0)

    def forget(self, job: str) -> None:
        """It was removed; without that, jobs that live for an hour would become many in a year."""
        self._of.pop(job, None)

    def _own(self, job: str) -> dict[Labels, int]:
        found = self._of.get(job)
        if found is not None:
            return found
        return self._of.setdefault(job if len(self._of) < self._most else OTHERS, {})

    def collect(self) -> Iterator[Metric]:
        runs = CounterMetricFamily(
            "cronapp_runs", "Runs that ended, each attempt counted, by how.", labels=("job_id", "task", "state")
        )
        missed = CounterMetricFamily("cronapp_slots_missed", "Slots at which nobody was there.", labels=("job_id",))
        skipped = CounterMetricFamily(
            "cronapp_slots_skipped", "Slots that a rule or somebody let pass.", labels=("job_id", "cause")
        )
        for job, counts in list(self._of.items()):
            for (state, detail), count in list(counts.items()):
                if state == RunState.MISSED:
                    missed.add_metric((job,), count)
                elif state == RunState.SKIPPED:
                    skipped.add_metric((job, detail), count)
                else:
                    runs.add_metric((job, detail, state), count)
        yield from (runs, missed, skipped)
