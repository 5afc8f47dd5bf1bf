"""Carries runs between processes by procrastinate, on PostgreSQL. docs/many-machines.md says why it is done so.

Handing out is a change of our own rows (`service.tickets`): which run goes to which node, by all the limits there are.
In the same transaction a ticket for it is deferred as a job of procrastinate, in a queue named as the node. There a
worker of procrastinate fetches it, and the run begins, if its row still says so. Then the ticket is done: the run is
executed by our runner, and neither its end nor its loss depends on the carrier.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.connector import Notify
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.types import JSONValue
from psycopg import AsyncConnection, OperationalError

from cronapp.core.clock import Clock
from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import Event, JobChanged, LimitsChanged, NodesChanged, Resync, RunChanged, SchedulerChanged
from cronapp.core.models import Ticket
from cronapp.core.postgres import line
from cronapp.engine.dispatch.carrier_tables import bring_up, changes_in
from cronapp.engine.gathering import Gathering
from cronapp.engine.runner import Runner
from cronapp.service.runs import Claimed
from cronapp.service.tickets import BATCH, UNTAKEN, Tickets

log = logging.getLogger(__name__)
TASK = "cronapp.run"
LOOK_EVERY = 5.0  # seconds: the net under events, and the pause when the database is away
TRY_AGAIN = 1.0
MOST_PAUSED = 0.25
AT_ONCE = 4  # tickets that one node takes side by side; each takes a moment, and may be for many runs
RECONNECT = 2.0  # seconds; the pool waits twice as long each time: after an outage of minutes it would be minutes late
FORGET = (
    "DELETE FROM procrastinate_jobs WHERE queue_name = ANY(%(nodes)s) OR queue_name NOT IN (SELECT name FROM nodes)"
)
LEFT = "DELETE FROM procrastinate_jobs WHERE queue_name = %(node)s AND status = 'doing'"
"""What was fetched, and not told to be done since the connection was lost just then."""
for name in ("procrastinate", "psycopg.pool"):  # they tell of each ticket and try; of what matters we tell
    logging.getLogger(name).setLevel(logging.CRITICAL)


class Connector(PsycopgConnector):
    """Procrastinate's own gives up listening where its connection cannot be made anew at once, as while PostgreSQL
    starts again: from then on each ticket would wait until somebody looks."""

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        while True:
            with suppress(ConnectorException, OperationalError):
                await super().listen_notify(on_notification, channels)
            await asyncio.sleep(TRY_AGAIN)


class ProcrastinateDispatch:
    def __init__(self, tickets: Tickets, runner: Runner, clock: Clock, *, conninfo: str, works: bool) -> None:
        """`works`: runs are executed here too, not only handed out."""
        self._tickets = tickets
        self._runner = runner
        self._clock = clock
        self._conninfo = conninfo
        self._works = works
        self._wake = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._taken_back = 0.0
        self._stopping = False
        self._begins = Gathering(self._begin, "cronapp-begin")
        connector = Connector(
            conninfo=conninfo, min_size=1, max_size=3, timeout=5, reconnect_timeout=RECONNECT, kwargs=line(conninfo)
        )
        self._app = App(connector=connector)
        self._app.task(name=TASK)(self._came_here)

    @property
    def running(self) -> bool:
        return bool(self._loops) and not any(loop.done() for loop in self._loops)

    def hold(self, held: bool) -> None:
        """Who is emptied is handed nothing (`engine.membership`), so there is nothing to hold here."""

    def heed(self, event: Event) -> None:
        if isinstance(event, RunChanged | JobChanged | LimitsChanged | SchedulerChanged | NodesChanged | Resync):
            self._wake.set()

    def heed_others(self, event: Event) -> None:
        """The process that tells of a run hands out itself. In case it could not, all look now and then."""
        if isinstance(event, Resync | NodesChanged):
            self._wake.set()

    # -- what it stands on ----------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Puts procrastinate's own tables into the database, once, and keeps them as its package needs them."""
        made = self._app.schema_manager
        async with await AsyncConnection.connect(self._conninfo, autocommit=True, **line(self._conninfo)) as conn:
            await bring_up(conn, made.get_schema(), changes_in(Path(made.get_migrations_path())), self._runner.node)
        await self._app.open_async()

    async def close(self) -> None:
        with suppress(ConnectorException, OperationalError):
            await self._app.close_async()

    def start(self) -> None:
        self._loops = [asyncio.create_task(self._hand_out_on(), name="cronapp-hand-out")]
        if self._works:
            self._loops.append(asyncio.create_task(self._take_on(), name="cronapp-take"))

    async def stop(self) -> None:
        self._stopping = True
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self._begins.settled()
        with suppress(StoreUnavailable):
            await self._tickets.take_back(self._runner.node)
        await self.forget([self._runner.node])

    # -- handing out ----------------------------------------------------------------------------------------------

    async def carry(self, conn: Any, tickets: Sequence[Ticket]) -> None:
        """Defers a job of procrastinate for each node that is given something, in the transaction of this
        connection."""
        given: dict[str, list[JSONValue]] = {}
        for one in tickets:
            given.setdefault(one.node, []).append([one.run, one.task])
        jobs = [
            Job(queue=node, lock=None, queueing_lock=None, task_name=TASK, task_kwargs={"runs": runs})
            for node, runs in given.items()
        ]
        try:
            await self._app.job_manager.batch_defer_jobs_async(jobs, connection=conn)
        except ConnectorException as error:
            raise StoreUnavailable(f"The database cannot be written: {cause(error)}.") from error

    async def forget(self, nodes: Sequence[str]) -> None:
        """Drops what is still to be carried to these nodes, and to all that are not there any more: one may have been
        given up just as it was handed something."""
        with suppress(ConnectorException, OperationalError):
            await self._app.connector.execute_query_async(FORGET, nodes=list(nodes))

    async def _hand_out_on(self) -> None:
        pause = 0.0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            self._wake.clear()
            looked = self._clock()
            try:
                await self._take_back_now_and_then()
                await self._hand_out()
                pause = self._until(await self._tickets.runs.next_start(looked))
            except StoreUnavailable as error:
                log.warning("%s Waiting runs are kept.", error)
                pause = LOOK_EVERY
            except Exception:
                log.exception("handing out runs failed; trying again")
                pause = LOOK_EVERY

    async def _hand_out(self) -> None:
        began = time.monotonic()
        while await self._tickets.hand_out() == BATCH:
            pass  # else nothing waits any more, or nothing has room
        # While many runs end they are replaced by the handful, and half of the time is for everything else.
        await asyncio.sleep(min(time.monotonic() - began, MOST_PAUSED))

    async def _take_back_now_and_then(self) -> None:
        if (now := time.monotonic()) - self._taken_back >= UNTAKEN / 2:
            self._taken_back = now
            if await self._tickets.take_back():
                await self.forget(())

    def _until(self, due: datetime | None) -> float:
        """Seconds until the next run may be handed out, at most until the next look for what was left alone, by its
        node or by who should have handed it out."""
        wait = (due - self._clock()).total_seconds() if due else UNTAKEN / 2
        return min(max(wait, 0.0), UNTAKEN / 2)

    # -- taking ---------------------------------------------------------------------------------------------------

    async def _take_on(self) -> None:
        """A worker of procrastinate ends when its connection does: then the next one begins."""
        while True:
            try:
                await self._app.connector.execute_query_async(LEFT, node=self._runner.node)
                await self._app.run_worker_async(
                    queues=[self._runner.node],
                    name=self._runner.node,
                    concurrency=AT_ONCE,
                    listen_notify=True,
                    fetch_job_polling_interval=LOOK_EVERY,
                    delete_jobs="always",
                    install_signal_handlers=False,
                )
            except (ConnectorException, OperationalError) as error:
                log.warning("no run reaches this node: %s. Trying again.", cause(error))
            except Exception:
                log.exception("taking runs failed; trying again")
            await asyncio.sleep(TRY_AGAIN)

    async def _came_here(self, runs: Sequence[tuple[int, str]], **_later: Any) -> None:
        """Tickets came; those of a newer version may say more. They are done when their runs have begun, durably, or
        may not begin. What could not begin is taken back, and handed out again."""
        node = self._runner.node
        try:
            await self._begins.add([Ticket(run, node, task) for run, task in runs])
        except StoreUnavailable as error:
            log.warning("%s Runs that came here wait.", error)
        except Exception:
            log.exception("runs that came here could not begin; they are taken back")

    async def _begin(self, came: Sequence[Sequence[Ticket]]) -> list[None]:
        await self._begin_all([one for some in came for one in some])
        return [None for _ in came]

    async def _begin_all(self, tickets: Sequence[Ticket]) -> None:
        try:
            begun = await self._begun(tickets)
        except StoreUnavailable:
            raise
        except Exception:
            if len(tickets) == 1:
                log.exception("run #%s could not begin; it is taken back", tickets[0].run)
                return
            for one in tickets:  # so that only what cannot begin stays behind
                await self._begin_all([one])
            return
        for claimed in begun:
            if not self._runner.has(claimed.run.id):
                # Its end is told before its place is free, so that news alone would leave the next run waiting.
                self._runner.start(claimed).add_done_callback(lambda _: self._wake.set())

    async def _begun(self, tickets: Sequence[Ticket]) -> list[Claimed]:
        unsure = False
        while True:
            try:
                return await self._tickets.begin(self._runner.node, tickets, unsure=unsure)
            except StoreUnavailable as error:  # perhaps after the commit: then they run in the books, and nowhere else
                if self._stopping:
                    raise
                log.warning("%s Runs that came here wait.", error)
            unsure = True
            await asyncio.sleep(TRY_AGAIN)


def cause(error: BaseException) -> str:
    """The database's own words, in one line."""
    return str(error.__cause__ or error).strip().split("\n", 1)[0]
