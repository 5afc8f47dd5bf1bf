"""What needs somebody now, gathered from jobs and waiting runs."""

from __future__ import annotations

from datetime import datetime, timedelta

from cronapp.core.clock import Clock
from cronapp.core.concerns import Concern, Concerns, Trouble, waiting_words
from cronapp.core.history import ITSELF
from cronapp.core.models import RETRIED_STATES, Job, Run, RunBrief
from cronapp.store import overview, pauses, runs
from cronapp.store.store import Conn, Store

SHOWN = {Trouble.MISFIT: 5, Trouble.PAUSED: 5, Trouble.FAILING: 6, Trouble.LATE: 4}
DUE = timedelta(seconds=10)  # after which a slot without a run is told
WAITS = timedelta(minutes=1)  # after which a run that waits is told
NEWEST = 30  # runs of a job that are looked at


class Worries:
    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def look(self, *, late: bool = True) -> Concerns:
        """What needs somebody, the worst first; each kind is bounded. Without `late` nothing is said of slots that
        wait: somebody wants them to."""
        return await self.store.read(self._ask, self.clock(), late)

    def _ask(self, conn: Conn, now: datetime, late: bool) -> Concerns:
        kinds = [
            (Trouble.MISFIT, *self._misfits(conn)),
            (Trouble.PAUSED, *self._paused(conn)),
            (Trouble.FAILING, *self._failing(conn)),
        ]
        if late and pauses.scheduler_pause(conn) is None:  # the banner tells of that
            kinds.append((Trouble.LATE, *self._late(conn, now)))
        listed = [concern for _, some, _ in kinds for concern in some]
        return Concerns(tuple(listed), {kind: count - len(some) for kind, some, count in kinds if count > len(some)})

    def _misfits(self, conn: Conn) -> tuple[list[Concern], int]:
        found, count = overview.misfits(conn, SHOWN[Trouble.MISFIT])
        return [misfit(job) for job in found], count

    def _paused(self, conn: Conn) -> tuple[list[Concern], int]:
        found, count = overview.paused_by(conn, ITSELF, SHOWN[Trouble.PAUSED])
        return [paused(job) for job in found], count

    def _failing(self, conn: Conn) -> tuple[list[Concern], int]:
        found, count = overview.failing(conn, SHOWN[Trouble.FAILING])
        newest = runs.recent(conn, [job.key for job in found], NEWEST)
        return [failing(job, newest[job.key], overview.first_failure(conn, job.key)) for job in found], count

    def _late(self, conn: Conn, now: datetime) -> tuple[list[Concern], int]:
        limit = SHOWN[Trouble.LATE]
        due, due_count = overview.overdue(conn, now - DUE, limit)
        waiting, waiting_count = overview.waiting(conn, now - WAITS, limit)
        why = runs.held_up(conn, [run.id for run in waiting], now)
        found = [overdue(job) for job in due]
        found += [late(run, waiting_words(why.get(run.id, []))) for run in waiting]
        found.sort(key=lambda concern: concern.since or now)
        return found[:limit], due_count + waiting_count


def misfit(job: Job) -> Concern:
    return Concern(trouble=Trouble.MISFIT, job=job.id, key=job.key, words=job.reason or "It needs attention.")


def paused(job: Job) -> Concern:
    since = job.pause.at if job.pause else None
    words = job.reason or "Paused by itself."
    return Concern(trouble=Trouble.PAUSED, job=job.id, key=job.key, words=words, since=since, failures=job.failures)


def failing(job: Job, newest: tuple[RunBrief, ...], since: datetime | None) -> Concern:
    """The last failure tells what is wrong; a run that goes on already may mend it."""
    last = next((run for run in reversed(newest) if run.state in RETRIED_STATES), None)
    going = newest[-1] if newest and not newest[-1].state.ended else None
    words = (last and last.problem) or (last.state.replace("_", " ").capitalize() if last else "Its last run failed.")
    return Concern(
        trouble=Trouble.FAILING,
        job=job.id,
        key=job.key,
        words=words.partition("\n")[0],
        since=since or (last.finished_at if last else None),
        failures=job.failures,
        run=last.id if last else None,
        trying=going.id if going else None,
    )


def overdue(job: Job) -> Concern:
    words = "Its slot has come, and no run was made of it yet."
    return Concern(trouble=Trouble.LATE, job=job.id, key=job.key, words=words, since=job.next_slot)


def late(run: Run, words: str) -> Concern:
    since = max(run.slot or run.queued_at, run.not_before or run.queued_at)
    return Concern(trouble=Trouble.LATE, job=run.job, key=run.job_key, words=words, since=since, run=run.id)
