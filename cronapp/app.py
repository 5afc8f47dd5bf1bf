"""Builds everything once, hands it down, starts it and stops it: the only place that wires."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import signal
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from zlib import crc32

from cronapp import __version__
from cronapp.bus.making import bus_for
from cronapp.config import Settings, known_secrets, named_value, trace_exporters
from cronapp.core.about import concerning
from cronapp.core.clock import Clock, system_clock
from cronapp.core.durations import duration_words
from cronapp.core.errors import StoreUnavailable
from cronapp.core.events import DrainChanged, Resync
from cronapp.core.hosts import hosts_of
from cronapp.core.models import Job, Json, Node, NodeKind, Run
from cronapp.core.postgres import conninfo
from cronapp.core.ready import LENT, Lent
from cronapp.core.vault import Vault
from cronapp.engine import capture
from cronapp.engine.afar import Afar
from cronapp.engine.clock_check import ClockCheck
from cronapp.engine.dispatch.carriage import Dispatch
from cronapp.engine.dispatch.local import LocalDispatch
from cronapp.engine.dispatch.making import over_postgres
from cronapp.engine.drain import Drain
from cronapp.engine.executors import ChildLimits, leaked_threads
from cronapp.engine.housekeeping import prune_on
from cronapp.engine.lag import LoopLag
from cronapp.engine.machine import machine
from cronapp.engine.membership import Membership
from cronapp.engine.pauses import PauseEnds
from cronapp.engine.presence import noted, stay_on
from cronapp.engine.reaper import Reaper
from cronapp.engine.runner import Runner
from cronapp.engine.scheduler import Scheduler
from cronapp.engine.shared import Shared
from cronapp.engine.spans import tracer_for
from cronapp.engine.vitals import Vitals
from cronapp.engine.watchdog import Blocked, LoopWatchdog
from cronapp.engine.watcher import Watcher
from cronapp.metrics import Here, MetricsPage
from cronapp.notify.carriers import Carriers
from cronapp.notify.sender import Sender
from cronapp.service.addresses import known_problem
from cronapp.service.blackouts import Blackouts
from cronapp.service.calendars import Calendars
from cronapp.service.declarations import Declarations
from cronapp.service.looks import Looks
from cronapp.service.outbox import Outbox
from cronapp.service.presence import Presence
from cronapp.service.sealing import Sealing
from cronapp.service.services import Services, make_services
from cronapp.service.single_sign_on import SingleSignOn
from cronapp.service.standing import Standings
from cronapp.service.tasks import Tasks
from cronapp.service.tickets import Tickets
from cronapp.service.watch import Watch
from cronapp.store.holdings import holdings
from cronapp.store.keyfile import keys_for
from cronapp.store.open import named_database, open_store
from cronapp.store.reach import Reach
from cronapp.store.store import PostgresStore, Store
from cronapp.web import make_site
from cronapp.web.api.told import told_of_hook
from cronapp.web.hub import Hub
from cronapp.web.site import Blocked as BlockedRow
from cronapp.web.site import Parts, Pruned, Site, System

log = logging.getLogger(__name__)
LIBRARIES = ("quart", "hypercorn", "apscheduler", "sqlalchemy", "jinja2", "pydantic")
BLOCKS_KEPT = 20
LEAVING = 5.0  # seconds that work of ours has for its end when the server closes
STOPPED = "The server was stopped before this run could finish."


class App:
    """One process: its store, services and engine; of a server also its scheduler and its site."""

    def __init__(
        self, settings: Settings, *, address: str = "", kind: NodeKind = NodeKind.SERVER, clock: Clock = system_clock
    ) -> None:
        """`address` is where the site is reached, as `http://127.0.0.1:5000`. A worker has none: it only executes runs
        that others schedule and show."""
        self.settings = settings
        self.address = address
        self.kind = kind
        self.node = f"{socket.gethostname()}:{os.getpid()}"
        self.bus = bus_for(settings.database)
        self.hub = Hub()
        self.own_clock = clock  # by which people come in, since their phones and providers do not ask the database
        self.sign_on = SingleSignOn(settings, clock)
        self.metrics = MetricsPage(settings.metrics_jobs)
        self.meter = self.metrics.meter
        self.lag = LoopLag(self.meter.lagged)
        self.vitals = Vitals()
        self.tracer = tracer_for(trace_exporters(), self.node)
        self._pruned: Pruned | None = None
        self.watchdog = LoopWatchdog(self._blocked)
        self._quiet = False  # nothing new is taken any more
        self.clocks = ClockCheck(clock, self._clock_turned)
        self.clock: Clock = self.clocks.now
        self._blocks: deque[BlockedRow] = deque(maxlen=BLOCKS_KEPT)
        self._began = time.monotonic()
        self._started_at = clock()

    async def start(self, *, worker: bool = True, watch: bool = False) -> None:
        """Opens the store, takes up what the last server left, and goes to work. Raises `CannotStart`.

        With `watch` the tasks files are read again when they change.
        """
        self._works = worker
        capture.install()
        bus = self.bus
        self.store: Store = await open_store(self.settings.database, bus.publish, self.meter, bus.in_transaction)
        self.reach = Reach(self.store)
        await bus.start()
        self._make_services()
        await self._join(worker)
        LENT.set(Lent(prune=self._prune, private_hooks=self.settings.allow_private_hooks))  # for the tasks made below
        self._make_engine()
        await self.membership.look_at_clock()
        self._make_sender()
        self.parts = self._parts()
        if self.kind is NodeKind.SERVER:
            self.site: Site = make_site(self.parts)
        services = self.services
        await self.dispatch.open()
        bus.subscribe(self.dispatch.heed, self.dispatch.heed_others)
        serving = (
            self.scheduler,
            self.pause_ends,
            self.sealing,
            services.secrets,
            services.loads,
            self.hub,
            self.sender,
        )
        working = (self.runner, self.meter, self.membership, self.afar)
        for part in (*working, *(serving if self.kind is NodeKind.SERVER else ())):
            bus.subscribe(part.heed)
        await services.secrets.names()
        if self.kind is NodeKind.SERVER:
            await self._take_over()
        await self._go_to_work(worker, watch)

    async def _join(self, worker: bool) -> None:
        """Becomes one of the processes on this database. Its name may be taken by one in another container."""
        settings = self.settings
        node = Node(
            name=self.node,
            kind=self.kind,
            host=socket.gethostname(),
            pid=os.getpid(),
            machine=machine(),
            version=__version__,
            queues=settings.queues or None,
            labels=settings.labels,
            concurrency=settings.concurrency if worker else 0,
            started_at=self._started_at,
            heartbeat=self._started_at,
        )
        self.membership = Membership(
            self.services.fleet,
            node,
            settings.database,
            came_back=lambda: self.bus.publish([Resync()]),
            drained=lambda since: self.draining.follow(since),
            timed=self.clocks.measured,
            must_end=self._must_end,
        )
        if isinstance(self.store, PostgresStore):
            self.store.heard = self.membership.heard
        self.node = await self.membership.join(self.clock())

    async def _take_over(self) -> None:
        """What the last server left, and what the settings and the code declare."""
        await self._take_addresses()
        if self.services.fleet.shared:
            await self.reaper.clear()
        else:
            await self.runs.lose_running("The server that executed this run ended without a word.")
        await self.sealing.start()
        await self.declarations.declare()
        await self.declarations.hold_against_code()

    def _make_services(self) -> None:
        settings = self.settings
        self._keys = keys_for(settings.database, settings.secret_keys)
        self.tasks = Tasks(settings.tasks, self.clock, Vault(self._keys), settings.ready_modules, named_value)
        blackouts = Blackouts(Calendars(Path.cwd()))
        self.services: Services = make_services(self.store, self.tasks, blackouts, settings, self.clock, self.own_clock)
        self.jobs, self.runs, self.signin = self.services.jobs, self.services.runs, self.services.signin
        self.declarations = Declarations(self.jobs)
        self.sealing = Sealing(self.store, self.tasks)
        self.presence = Presence(self.store, self.clock)
        self.standings = Standings(self.store, self.clock, settings.metrics_jobs)

    def _make_engine(self) -> None:
        settings = self.settings
        self.runner = Runner(
            self.runs,
            self.tasks,
            self.clock,
            node=self.node,
            log_limit=settings.log_limit,
            child_limits=ChildLimits(memory=settings.task_memory, processes=settings.task_processes),
            when_idle=Shared().put_back,
            secrets={*known_secrets(settings), *self._keys},
            variable=named_value,
            tracer=self.tracer,
        )
        self.dispatch = self._dispatch()
        self.afar = Afar(Looks(self.store), self.runner)
        self.reaper = Reaper(self.services.fleet, machine(), self.dispatch.forget)
        self.scheduler = Scheduler(self.jobs, self.runs)
        self.pause_ends = PauseEnds(self.services.pauses, self.jobs, self.services.switch, self.clock)
        declarations = self.declarations if self.kind is NodeKind.SERVER else None
        self.watcher = Watcher(self.tasks, declarations, self.bus.publish)
        self.draining = Drain(
            self.scheduler,
            self.dispatch,
            self.membership,
            self.presence,
            self.services.audit,
            self.bus.publish,
            self.clock,
        )

    def _dispatch(self) -> Dispatch:
        if not isinstance(self.store, PostgresStore):
            return LocalDispatch(self.runs, self.runner, self.clock, self.settings.concurrency)
        tickets = Tickets(self.store, self.runs, self.tasks, self.clock)
        made = over_postgres(
            tickets,
            self.runner,
            self.clock,
            conninfo=conninfo(self.settings.database),
            works=self._works,
        )
        self.store.carry = made.carry
        return made

    def _make_sender(self) -> None:
        settings, store = self.settings, self.store
        self.sender = Sender(
            Outbox(store, self.tasks.vault, self.clock, settings.notify_urls),
            Watch(store, self.clock),
            Carriers(private=settings.allow_private_hooks),
            self.clock,
            as_json=self._as_json,
            address=settings.public_url,
            only=not self.services.fleet.shared,
        )

    def _as_json(self, run: Run | None, job: Job | None) -> Json:
        return told_of_hook(run, job, self.tasks)

    async def _take_addresses(self) -> None:
        """Those of the setting NOTIFY. One that cannot be sent to is told, and does not stop the start."""
        urls = self.settings.notify_urls
        for n, url in enumerate(urls, start=1):
            if problem := await asyncio.to_thread(known_problem, url):
                log.warning("Address %d of CRONAPP_NOTIFY cannot be used. %s", n, problem)
        await self.services.channels.settle_settings(urls)

    async def _go_to_work(self, worker: bool, watch: bool) -> None:
        self.lag.start()
        self.watchdog.start()
        self.runner.begin()
        if worker or self.services.fleet.shared:  # there, also who executes nothing hands out
            self.dispatch.start()
        await self.membership.ready()
        if watch:
            self.watcher.start()
        if self.kind is NodeKind.SERVER:
            await self._serve()

    async def _serve(self) -> None:
        """What servers do beside executing runs."""
        if self.services.fleet.shared:
            self.reaper.start()
        if not self.clocks.wrong:
            await self.presence.arrive()
        await self.scheduler.start()
        self.pause_ends.start()
        await self.sender.start()
        self._staying = asyncio.create_task(stay_on(self.presence, self.serving), name="cronapp-presence")
        self._pruning = asyncio.create_task(
            prune_on(
                self.runs,
                (
                    partial(self.services.history.prune, keep_days=self.settings.keep_days),
                    partial(self.services.audit.prune, days=self.settings.audit_days),
                    self.services.upcoming.prune,
                    self.services.tokens.prune,
                    partial(self.services.alerts.prune, keep_days=self.settings.keep_days),
                ),
                keep_days=self.settings.keep_days,
                keep_runs=self.settings.keep_runs,
                note=self._note_pruned,
            ),
            name="cronapp-prune",
        )

    async def drain(self, hasten: asyncio.Event, tell: Callable[[str], None]) -> None:
        """Takes no new slot, and lets runs finish up to the limit or until `hasten`; then asks them to stop. Ends in
        any case: runs whose end cannot be stored are told and left."""
        limit = self.settings.stop_timeout
        await first(self._take_nothing_new(), hasten.wait(), limit)
        if runs := self.runner.unended:
            tell(f"Waiting up to {duration_words(limit)} for {named(runs)}. Press Ctrl-C again to stop now.")
            await first(self.runner.drained(), hasten.wait(), limit)
        if self.runner.live:
            tell(f"Stopping {named(self.runner.live)}.")
        if left := await self.runner.stop(STOPPED):
            tell(unstored(left))

    async def close(self) -> None:
        """Ends the streams, stops what runs at once, and closes everything."""
        self.hub.close()
        beside = [self._pruning, self._staying] if self.kind is NodeKind.SERVER else []
        for task in beside:
            task.cancel()
        await within(LEAVING, self.sealing.stop())
        await self._take_nothing_new()
        if left := await self.runner.stop(STOPPED):
            log.warning(unstored(left))
        if self.kind is NodeKind.SERVER:
            await within(LEAVING, self.sender.stop())
        await within(LEAVING, self.runner.end(), asyncio.gather(*beside, return_exceptions=True))
        await within(LEAVING, self.membership.leave(clean=not left))
        self.watchdog.stop()
        await self.lag.stop()
        await asyncio.to_thread(self.tracer.close)
        await self.sign_on.close()
        await within(LEAVING, self.dispatch.close(), self.bus.stop())
        self.reach.stop()
        await self.store.close()
        capture.uninstall()

    async def _take_nothing_new(self) -> None:
        """Each part of it has a limit of its own, since a database that does not answer may hold up any of them."""
        if self._quiet:
            return
        await self.watcher.stop()
        if self.kind is NodeKind.SERVER:
            served = self.serving()
            await within(LEAVING, self.reaper.stop(), self.pause_ends.stop(), self.scheduler.stop())
            if served:
                await within(LEAVING, noted(self.presence.stay()))
        if self.services.fleet.shared:
            await within(LEAVING, noted(self.membership.empty(self.clock())))
        await within(LEAVING, self.dispatch.stop())
        self._quiet = True

    def serving(self) -> bool:
        """Whether slots are served: not before the start, after the stop, while the server is emptied, or its clock is
        off."""
        return self.scheduler.running and self.draining.since is None and not self.clocks.wrong

    def _must_end(self) -> None:
        """The others gave this process up for good, and what it ran."""
        self.runner.give_up_all()
        os.kill(os.getpid(), signal.SIGTERM)

    def _clock_turned(self) -> None:
        """The clock is off by so much that others take the slots, or it is right again."""
        if self.kind is NodeKind.SERVER:
            self.scheduler.hold(self.clocks.wrong, "clock")
            self.pause_ends.hold(self.clocks.wrong)
            self.bus.publish([DrainChanged()])

    # -- what the site asks ---------------------------------------------------------------------------------------

    def _parts(self) -> Parts:
        return Parts(
            **{name: getattr(self.services, name) for name in Services.__slots__},
            node=self.node,
            drain=self.draining,
            settings=self.settings,
            clock=self.clock,
            hub=self.hub,
            sign_on=self.sign_on,
            system=self.system,
            clock_off=lambda: self.clocks.off if self.clocks.wrong else 0.0,
            alive=lambda: self.membership.alive,
            ready=self.ready,
            metrics=self.figures,
            asked=self.tracer.asked,
            look=self.afar.look if self.services.fleet.shared else self.runner.look,
            send_test=self.sender.test,
            announce_link=self.announce_link,
            timezone=self.settings.timezone,
            cookie=self._cookie(),
            hosts=hosts_of(self.settings.host, self.settings.trusted_hosts),
            limited=self._limited,
        )

    def _cookie(self) -> str:
        """The name of the session's cookie: the same for all servers on one database, since a browser may land on any
        of them, and another for other sites of this host. Cookies know no ports."""
        port = self.address.rpartition(":")[2]
        name = named_database(self.settings.database).database or ""
        return f"cronapp_session_{crc32(name.encode()) if self.services.fleet.shared else port}"

    def _limited(self, tags: frozenset[str]) -> Services:
        """The services of somebody who is limited to the jobs with one of these tags."""
        store = self.store.scoped(tags)
        services = make_services(
            store,
            self.tasks,
            self.services.blackouts,
            self.settings,
            self.clock,
            self.own_clock,
            self.services.secrets,
        )
        self.bus.subscribe(services.loads.heed)
        return services

    async def announce_link(self) -> None:
        """Prints a one-time sign-in link on the terminal, as it is good for something until there is an account."""
        print(f"Sign in at  {self.address}/login?token={await self.signin.new_link()}", flush=True)

    async def ready(self) -> dict[str, bool]:
        database = await self.reach()
        if self.kind is NodeKind.WORKER:
            return {"database": database, "worker": self.dispatch.running and self.membership.node.draining is None}
        # who spreads load shall send nothing here that makes new work, or that is about moments
        clock = not self.clocks.wrong
        working = self.draining.since is None and clock
        state = {"database": database, "scheduler": self.scheduler.running and working, "clock": clock}
        return state | {"worker": self.dispatch.running} if self._works else state

    async def figures(self, openmetrics: bool) -> tuple[bytes, str]:
        """What is measured, as text, and of what type it is."""
        serves = self.kind is NodeKind.SERVER
        here = Here(
            kind=self.kind,
            version=__version__,
            python=platform.python_version(),
            database=self.store.kind,
            executing=self.runner.busy,
            concurrency=self.settings.concurrency if self._works else 0,
            stream_clients=len(self.hub) if serves else None,
            leaked_threads=leaked_threads(),
            scheduler_running=self.scheduler.running if serves else None,
            draining=self.membership.node.draining is not None,
        )
        standing = self.standings.look if serves else self._told_by_servers
        return await self.metrics.told(here, standing, openmetrics=openmetrics)

    async def _told_by_servers(self) -> None:
        """What all have in common. Raises `StoreUnavailable`."""
        if not await self.reach():
            raise StoreUnavailable

    async def system(self) -> System:
        counts, taken = await self.runs.counts(), self.vitals.look()
        return System(
            version=__version__,
            python=platform.python_version(),
            node=self.node,
            started_at=self._started_at,
            uptime=time.monotonic() - self._began,
            database=self.store.name,
            database_bytes=await self.store.size(),
            timezone=self.settings.timezone,
            concurrency=self.settings.concurrency,
            places=await self.services.fleet.places(self.settings.concurrency),
            running=counts.get("running", 0),
            queued=counts.get("queued", 0),
            loop_lag_ms=self.lag.worst * 1000,
            lag=self.lag.history,
            memory=taken.memory,
            cpu=taken.cpu,
            threads=taken.threads,
            works=self._works,
            holdings=await self.store.read(holdings),
            keep_runs=self.settings.keep_runs,
            keep_days=self.settings.keep_days,
            log_limit=self.settings.log_limit,
            pruned=self._pruned,
            leaked_threads=leaked_threads(),
            stream_clients=len(self.hub),
            sources=self.tasks.sources,
            libraries={name: version(name) for name in LIBRARIES},
            blocked=list(self._blocks),
        )

    async def _prune(self, keep_days: float, keep_runs: int, tell: Callable[[int, int], None]) -> int:
        gone = await self.runs.prune(keep_days=keep_days, keep_runs=keep_runs, tell=tell)
        await self.services.history.prune(keep_days=keep_days)
        return gone

    def _note_pruned(self, gone: int) -> None:
        before = self._pruned.total if self._pruned else 0
        self._pruned = Pruned(self.clock(), gone, before + gone)

    def _blocked(self, blocked: Blocked) -> None:
        """The event loop stood still; called on the watchdog's thread."""
        who = f"run #{blocked.run} of {blocked.job}" if blocked.run else "the server"
        so_far = "was" if blocked.over else "has been"
        if blocked.over:
            self.meter.blocked()
        text = f"The event loop {so_far} blocked for {duration_words(blocked.seconds)} by {who}."
        place = "" if blocked.over else f"\n{blocked.stack}"  # told when it was noticed
        with concerning({"run": blocked.run, "job": blocked.job or ""} if blocked.run else {}):
            log.warning("%s%s", text, place)
        if blocked.run:
            self.runner.remark(blocked.run, f"{text} Everything else had to wait.{place}")
        if blocked.over:
            self._blocks.appendleft(BlockedRow(at=self.clock(), seconds=blocked.seconds, who=who, stack=blocked.stack))


def named(runs: list[Run]) -> str:
    """Runs for a person to read: how many, and the first few."""
    some = ", ".join(f"#{run.id} {run.job}" for run in runs[:5])
    more = f" and {len(runs) - 5} more" if len(runs) > 5 else ""
    return f"{len(runs)} run{'s' if len(runs) != 1 else ''} ({some}{more})"


def unstored(runs: list[Run]) -> str:
    them = "it" if len(runs) == 1 else "them"
    return f"The end of {named(runs)} could not be stored: the database is away. The next start marks {them} lost."


async def first(one: Awaitable[object], other: Awaitable[object], limit: float) -> None:
    """Waits until either is done, at most `limit` seconds."""
    await within(limit, one, other, until=asyncio.FIRST_COMPLETED)


async def within(limit: float, *work: Awaitable[object], until: str = asyncio.ALL_COMPLETED) -> None:
    """Waits until all is done, at most `limit` seconds. The rest is cancelled, and left behind if it does not heed
    that: a database that is away may hold up who asks it."""
    waiting = {asyncio.ensure_future(each) for each in work}
    try:
        await asyncio.wait(waiting, timeout=limit, return_when=until)
    finally:
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting, timeout=1)
