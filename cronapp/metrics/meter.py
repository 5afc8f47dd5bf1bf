"""Measures what this process does while it does it. What is asked of it costs some microseconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram

from cronapp.core.events import Event, JobChanged
from cronapp.core.meters import Asked, Ended, Move, Printed, Started
from cronapp.metrics.tally import OTHERS, WITHOUT, Tally

MOST_NAMES = 200  # tasks, and queues, that are told one by one: each is a whole histogram
DURATIONS = (0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
LATENESS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600)
QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


M = TypeVar("M", Counter, Histogram)


class ByName(Generic[M]):
    """The children of a metric with one label, found fast. Beyond `MOST_NAMES` the rest are told together."""

    def __init__(self, metric: M) -> None:
        self._metric: M = metric
        self._children: dict[str, M] = {}

    def __getitem__(self, name: str) -> M:
        child = self._children.get(name)
        if child is None:
            name = name if len(self._children) < MOST_NAMES else OTHERS
            child = self._children[name] = self._metric.labels(name)
        return child


class ServerMeter:
    """The `Meter` of a server, or of a worker."""

    def __init__(self, registry: CollectorRegistry, most_jobs: int) -> None:
        self.tally = Tally(most_jobs)
        registry.register(self.tally)
        self._started = ByName(Counter("cronapp_runs_started", "Runs that began.", ["queue"], registry=registry))
        self._lines = Counter("cronapp_log_lines", "Lines of what runs printed that were stored.", registry=registry)
        self._durations = ByName(
            Histogram(
                "cronapp_run_duration_seconds",
                "How long runs took, each attempt measured, however it ended.",
                ["task"],
                buckets=DURATIONS,
                registry=registry,
            )
        )
        self._lateness = ByName(
            Histogram(
                "cronapp_run_lateness_seconds",
                "How long after its slot, or its own moment within the spread, a run of a schedule began.",
                ["queue"],
                buckets=LATENESS,
                registry=registry,
            )
        )
        took = Histogram(
            "cronapp_database_seconds",
            "What the database took, with the time that was waited for it.",
            ["operation"],
            buckets=QUICK,
            registry=registry,
        )
        errors = Counter(
            "cronapp_database_errors", "Questions and changes for which it was away.", ["operation"], registry=registry
        )
        self._took = {what: took.labels(what) for what in ("read", "write")}
        self._errors = {what: errors.labels(what) for what in ("read", "write")}
        self._lag = Histogram(
            "cronapp_event_loop_lag_seconds",
            "How late the event loop came to a task that was due; looked at four times a second.",
            buckets=QUICK,
            registry=registry,
        )
        self._blocks = Counter("cronapp_event_loop_blocks", "Times that something blocked the loop.", registry=registry)

    def count(self, moves: Sequence[Move]) -> None:
        for move in moves:
            match move:
                case Started():
                    self._began(move)
                case Printed():
                    self._lines.inc(move.lines)
                case _:
                    self._ended(move)

    def took(self, what: Asked, seconds: float, *, good: bool) -> None:
        self._took[what].observe(seconds)
        if not good:
            self._errors[what].inc()

    def lagged(self, seconds: float) -> None:
        """The loop came so late to a task."""
        self._lag.observe(seconds)

    def blocked(self) -> None:
        """Something has blocked the loop. May be called from any thread."""
        self._blocks.inc()

    def heed(self, event: Event) -> None:
        if isinstance(event, JobChanged) and event.gone:
            self.tally.forget(event.job)

    def _began(self, started: Started) -> None:
        self._started[started.queue].inc()
        if started.late is not None:
            self._lateness[started.queue].observe(started.late)

    def _ended(self, ended: Ended) -> None:
        self.tally.count(ended)
        if ended.duration is not None and ended.state not in WITHOUT:
            self._durations[ended.task].observe(ended.duration)
