"""All services on one store, as the engine, the site and the commands use them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cronapp.config import Settings
from cronapp.core.clock import Clock
from cronapp.core.vault import Vault
from cronapp.service.alerts import Alerts
from cronapp.service.arrivals import Arrivals
from cronapp.service.audit import Audit
from cronapp.service.backfills import Backfills
from cronapp.service.blackouts import Blackouts
from cronapp.service.bulk import Bulk
from cronapp.service.bulk_runs import BulkRuns
from cronapp.service.channels import Channels
from cronapp.service.comparisons import Comparisons
from cronapp.service.concerns import Worries
from cronapp.service.failures import Failures
from cronapp.service.fleet import Fleet
from cronapp.service.history import History
from cronapp.service.jobs import Jobs
from cronapp.service.ledger import Ledger
from cronapp.service.limits import Limits
from cronapp.service.load import Loads
from cronapp.service.log_search import LogSearch
from cronapp.service.news import News
from cronapp.service.notes import Notes
from cronapp.service.pauses import Pauses
from cronapp.service.people import People
from cronapp.service.pulse import Pulse
from cronapp.service.repairs import Repairs
from cronapp.service.restarts import Restarts
from cronapp.service.runs import Runs
from cronapp.service.saved_views import SavedViews
from cronapp.service.search import Search
from cronapp.service.second_factor import SecondFactor
from cronapp.service.secrets import Secrets
from cronapp.service.signin import SignIn
from cronapp.service.spread import Spreads
from cronapp.service.switch import Switch
from cronapp.service.tasks import Tasks
from cronapp.service.throttle import Throttle
from cronapp.service.timeline import Timeline
from cronapp.service.tokens import Tokens
from cronapp.service.trials import Trials
from cronapp.service.upcoming import Upcoming
from cronapp.service.usage import Usage
from cronapp.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """On a store of which only some jobs' part is read, all of them know only these jobs."""

    store: Store
    tasks: Tasks
    blackouts: Blackouts
    jobs: Jobs
    runs: Runs
    fleet: Fleet
    comparisons: Comparisons
    bulk: Bulk
    bulk_runs: BulkRuns
    failures: Failures
    log_search: LogSearch
    views: SavedViews
    trials: Trials
    limits: Limits
    backfills: Backfills
    ledger: Ledger
    timeline: Timeline
    pulse: Pulse
    worries: Worries
    usage: Usage
    loads: Loads
    spreads: Spreads
    restarts: Restarts
    repairs: Repairs
    history: History
    news: News
    notes: Notes
    upcoming: Upcoming
    pauses: Pauses
    switch: Switch
    search: Search
    people: People
    factor: SecondFactor
    throttle: Throttle
    signin: SignIn
    arrivals: Arrivals
    tokens: Tokens
    audit: Audit
    secrets: Secrets
    channels: Channels
    alerts: Alerts


def make_services(
    store: Store,
    tasks: Tasks,
    blackouts: Blackouts,
    settings: Settings,
    clock: Clock,
    own_clock: Clock,
    secrets: Secrets | None = None,
) -> Services:
    """`own_clock` is this machine's, which decides who comes in; `secrets` are those of the whole store, where this one
    is a part of it."""
    jobs = Jobs(store, tasks, blackouts, clock, settings.timezone)
    runs = Runs(store, tasks, blackouts, clock)
    loads = Loads(store, blackouts, clock, settings.concurrency)
    people, factor, throttle, signin = make_entrance(store, settings, own_clock, tasks.vault)
    return Services(
        store=store,
        tasks=tasks,
        blackouts=blackouts,
        jobs=jobs,
        runs=runs,
        fleet=Fleet(store, blackouts, clock, settings.stall),
        comparisons=Comparisons(store, tasks),
        bulk=Bulk(store, jobs, runs, clock),
        bulk_runs=BulkRuns(store, tasks, blackouts, clock),
        failures=Failures(store, clock),
        log_search=LogSearch(store),
        views=SavedViews(store, clock),
        trials=Trials(store, tasks, clock),
        limits=Limits(store, clock),
        backfills=Backfills(store, tasks, clock),
        ledger=Ledger(store, clock),
        timeline=Timeline(store, blackouts, clock),
        pulse=Pulse(store, clock),
        worries=Worries(store, clock),
        usage=Usage(store),
        loads=loads,
        spreads=Spreads(jobs, loads),
        restarts=Restarts(store, clock),
        repairs=Repairs(jobs),
        history=History(jobs),
        news=News(store, jobs),
        notes=Notes(store, clock),
        upcoming=Upcoming(store, blackouts, clock),
        pauses=Pauses(store, blackouts, clock),
        switch=Switch(store, blackouts, clock),
        search=Search(store, tasks),
        people=people,
        factor=factor,
        throttle=throttle,
        signin=signin,
        arrivals=Arrivals(store, clock, settings, signin),
        tokens=Tokens(store, clock),
        audit=Audit(store, clock),
        secrets=secrets or Secrets(store, tasks.vault, clock),
        channels=Channels(store, tasks.vault, clock),
        alerts=Alerts(store, clock),
    )


def make_entrance(
    store: Store, settings: Settings, clock: Clock, vault: Vault
) -> tuple[People, SecondFactor, Throttle, SignIn]:
    """What decides who comes in."""
    idle, life = timedelta(seconds=settings.session_idle), timedelta(seconds=settings.session_life)
    token = settings.admin_token
    throttle = Throttle(store, clock)
    factor = SecondFactor(store, clock, vault)
    signin = SignIn(
        store,
        clock,
        throttle,
        factor,
        admin_token=token.get_secret_value() if token else None,
        idle=idle,
        life=life,
    )
    return People(store, clock, idle), factor, throttle, signin
