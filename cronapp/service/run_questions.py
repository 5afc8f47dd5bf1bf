"""What is asked about runs and their logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cronapp.core.access import asking
from cronapp.core.clock import Clock
from cronapp.core.errors import RunNotFound
from cronapp.core.figures import Past
from cronapp.core.logs import LogFilter, LogShow, Step
from cronapp.core.models import Job, LogLine, Run, RunState
from cronapp.core.routing import Line
from cronapp.core.usual import Usual
from cronapp.service.tasks import Tasks
from cronapp.store import logs, runs
from cronapp.store.runs import Found, RunFilter, Tally
from cronapp.store.store import Conn, Store

PAST = 500  # attempts that the figures of a job look at


class RunQuestions:
    """The part of `Runs` that changes nothing."""

    store: Store
    tasks: Tasks
    clock: Clock

    async def get(self, run_id: int) -> Run:
        """The run of that number; raises `RunNotFound`."""
        run = await self.store.read(runs.get, run_id)
        if run is None and self.store.tags is not None:  # a trial has no job with tags: it is of who began it
            run = await self.store.whole.read(runs.tried, run_id, asking.get().name)
        if run is None:
            raise RunNotFound
        return run

    async def attempts(self, run: Run) -> list[Run]:
        store = self.store.whole if run.trial else self.store
        return await store.read(runs.attempts, run.first_attempt)

    async def line(self, run: Run) -> Line:
        """Its queue, and the labels that it asks for."""
        found = await self.store.whole.read(runs.lines_of, [run.id])
        return found.get(run.id, Line("default"))

    async def held_up_by(self, run: Run) -> list[str]:
        """What has no place for a run that waits although its time has come, in words."""
        now = self.clock()
        if run.state is not RunState.QUEUED or (run.not_before and run.not_before > now):
            return []
        return (await self.store.whole.read(runs.held_up, [run.id], now)).get(run.id, [])

    async def page(
        self, filters: RunFilter, *, before: int | None = None, limit: int = 50
    ) -> tuple[list[Run], int | None]:
        """One page of runs, the newest first, and the number to go on before, if there are more."""
        found = await self.listed(filters, before=before, limit=limit)
        return found.runs, found.next

    async def listed(self, filters: RunFilter, *, before: int | None = None, limit: int = 50) -> Found:
        """One page of runs, the newest first, and how far was looked for them."""
        guarded = self.tasks.guarded()
        return await self.store.read(runs.listed, filters, before=before, limit=limit, guarded=guarded)

    async def tally(self, filters: RunFilter) -> Tally:
        """How many runs of each state match the filters besides their states."""
        return await self.store.read(runs.tally, filters, self.tasks.guarded())

    async def of_job(
        self, job: Job, *, state: str = "", before: int | None = None, limit: int = 50
    ) -> tuple[list[Run], int | None]:
        """A job's own runs, the newest first, and the number to go on before, if there are more."""
        return await self.of_key(job.key, state=state, before=before, limit=limit)

    async def of_key(
        self, key: int, *, state: str = "", before: int | None = None, limit: int = 50
    ) -> tuple[list[Run], int | None]:
        """The same for the job of this key, which may be removed."""
        listed = await self.store.read(runs.of_job, key, state=state, before=before, limit=limit + 1)
        return listed[:limit], listed[limit - 1].id if len(listed) > limit else None

    async def followed(self, job: Job) -> Run | None:
        """The run whose log tells most of the job now: the newest that is running, else the newest that started."""
        return await self.store.read(runs.followed, job.key)

    async def find(self, run_id: int) -> Run | None:
        return await self.store.read(runs.get, run_id)

    async def has_alike(self, run: Run) -> bool:
        """Whether other runs failed in the same way."""
        return run.error_group is not None and await self.store.read(runs.has_alike, run.id, run.error_group)

    async def running(self, limit: int = 100) -> list[Run]:
        """What runs now, the longest first."""
        return await self.store.read(runs.running, limit)

    async def usual(self, listed: Sequence[Job]) -> Mapping[int, Usual]:
        """How long the runs of these jobs usually take, by their keys; jobs of which that is not known are left out."""
        return await self.store.read(runs.usual, [job.key for job in listed])

    async def usual_for(self, job: Job) -> Usual | None:
        return (await self.usual([job])).get(job.key)

    async def usual_before(self, run: Run) -> Usual | None:
        """What was usual for its job when the run began."""
        return await self.store.read(runs.usual_before, run)

    async def past(self, job: Job) -> list[Past]:
        """The newest 500 attempts of a job, the newest first, for its figures and the chart of its durations."""
        return await self.store.read(runs.past, job.key, PAST)

    async def counts(self) -> dict[str, int]:
        """How many runs are queued and running."""
        return await self.store.read(runs.counts_by_state)

    async def lines(
        self,
        run_id: int,
        after: int = 0,
        limit: int = 1000,
        *,
        level: str = "",
        q: str = "",
        show: LogShow = LogShow.ALL,
    ) -> list[LogLine]:
        """Log lines numbered above `after`."""
        return await self.store.read(logs.lines_after, run_id, after, limit, level=level, q=q, show=show)

    async def line_step(self, run: Run, wanted: LogFilter, start: int, *, back: bool) -> Step:
        """The next line that fits beyond `start`, or before it, among those the run had when it was read."""
        return await self.store.read(logs.step, run.id, wanted, start, run.last_seq, back=back)

    async def line_count(self, run: Run, wanted: LogFilter, after: int = 0, upto: int | None = None) -> int:
        """How many lines fit, above `after` and not above `upto`."""
        return await self.store.read(logs.count, run.id, wanted, after, run.last_seq if upto is None else upto)

    async def line_pieces(self, run: Run, wanted: LogFilter, size: int) -> list[int]:
        """The lines that fit, parted into pieces of `size`: the number of each piece's first line."""
        return await self.store.read(logs.firsts, run.id, wanted, run.last_seq, size)


def found_run(conn: Conn, run_id: int) -> Run:
    run = runs.get(conn, run_id)
    if run is None:
        raise RunNotFound
    return run
