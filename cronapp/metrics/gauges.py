"""How it stands at this moment: in this process, and in the database, which is the same for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from cronapp.core.models import JobState, RunState
from cronapp.service.standing import Standing

Value = float | bool | datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """This process."""

    kind: str  # server, worker
    version: str
    python: str
    database: str  # sqlite, postgresql
    executing: int
    concurrency: int
    stream_clients: int | None  # None: it has no pages
    leaked_threads: int
    scheduler_running: bool | None  # None: it has none
    draining: bool


def gauge(name: str, help_text: str, value: Value) -> Iterator[Metric]:
    """One figure; nothing where it is not known."""
    if value is not None:
        yield GaugeMetricFamily(f"cronapp_{name}", help_text, value=plain(value))


def gauges(
    name: str, help_text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], Value]]
) -> Metric:
    family = GaugeMetricFamily(f"cronapp_{name}", help_text, labels=labels)
    for named, value in values:
        if value is not None:
            family.add_metric(named, plain(value))
    return family


def plain(value: float | bool | datetime) -> float:
    return value.timestamp() if isinstance(value, datetime) else float(value)


class Gauges:
    """Told anew each time that somebody asks; `here` and `standing` are set before."""

    here: Here
    database: bool  # whether it answers
    standing: Standing | None = None  # None: it is away, or told by others

    def collect(self) -> Iterator[Metric]:
        yield from of_this_process(self.here)
        yield from gauge("database_up", "Whether the database answered just now.", self.database)
        if self.standing is not None:
            yield from of_all_servers(self.standing)


def of_this_process(here: Here) -> Iterator[Metric]:
    labels = ("kind", "version", "python", "database")
    built = [((here.kind, here.version, here.python, here.database), 1.0)]
    yield gauges("build_info", "Whether it is a server or a worker, and what it is made of.", labels, built)
    yield from gauge("runs_executing", "Runs that are executed by this process.", here.executing)
    yield from gauge("concurrency", "How many it executes side by side at the most.", here.concurrency)
    yield from gauge("stream_clients", "Open pages that follow what changes.", here.stream_clients)
    yield from gauge("leaked_threads", "Threads of runs that ended in the books and still work.", here.leaked_threads)
    yield from gauge("scheduler_running", "Whether this server serves slots.", here.scheduler_running)
    yield from gauge("draining", "Whether it is being emptied for a restart.", here.draining)


def of_all_servers(standing: Standing) -> Iterator[Metric]:
    now, queues = standing.at, {queue for queue, _ in standing.open} | standing.waiting_since.keys() | {"default"}
    for state in (RunState.QUEUED, RunState.RUNNING):
        counts = [((queue,), standing.open.get((queue, state), 0)) for queue in sorted(queues)]
        yield gauges(f"runs_{state}", f"Runs that are {state}, on all servers.", ("queue",), counts)
    waits = [((queue,), waited(standing, queue, now)) for queue in sorted(queues)]
    yield gauges("queue_wait_seconds", "How long the oldest run waits that could start.", ("queue",), waits)
    left = [((queue,), standing.unserved.get(queue, 0)) for queue in sorted(queues)]
    yield gauges("runs_unserved", "Runs that wait for a process that is not there.", ("queue",), left)
    states = [((str(state),), standing.jobs.get(state, 0)) for state in JobState]
    yield gauges("jobs", "Jobs by their state.", ("state",), states)
    yield from gauge("scheduler_paused", "Whether the whole scheduler is paused.", standing.paused)
    yield from gauge("alive_timestamp_seconds", "When a server last served slots.", standing.alive_at)
    yield from gauge("database_bytes", "What the database takes.", standing.database_bytes)
    each = standing.each
    last = [((one.job, one.task), one.last_success) for one in each]
    served = () if standing.paused else each  # while all is paused, slots pass and nothing is wrong
    next_slots = [((one.job,), one.next_slot) for one in served if one.state is JobState.ACTIVE]
    yield gauges(
        "job_last_success_timestamp_seconds", "When the newest run that succeeded ended.", ("job_id", "task"), last
    )
    yield gauges(
        "job_next_slot_timestamp_seconds",
        "The next slot of an active job; past: it is overdue.",
        ("job_id",),
        next_slots,
    )
    failures = [((one.job,), one.failures) for one in each]
    yield gauges("job_failures", "How many runs of a job failed for good in a row, up to now.", ("job_id",), failures)


def waited(standing: Standing, queue: str, now: datetime) -> float:
    since = standing.waiting_since.get(queue)
    return max((now - since).total_seconds(), 0.0) if since else 0.0
