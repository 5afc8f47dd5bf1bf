"""The server: its tasks and its scheduler, what it is going to do, and how much."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from cronapp.core.simulation import Mark
from cronapp.wire.base import From, Items, Json, Wire
from cronapp.wire.jobs import Kept, Pause


class Health(Wire):
    """It is alive; `unavailable`: it answers, but can no longer tell the others so, and must be started anew."""

    status: Literal["ok", "unavailable"]


class Ready(Wire):
    """What can do its part."""

    status: Literal["ok", "unavailable"]
    database: bool = Field(description="Whether it answers, and is of a version that this process may work with.")
    scheduler: bool = Field(default=False, description="Only of a server: whether slots are served.")
    clock: bool = Field(default=False, description="Only of a server: whether its clock agrees with the database's.")
    worker: bool = Field(default=False, description="Only where runs are executed.")


class Task(Wire):
    """A Python function that jobs can run."""

    name: str
    summary: str
    doc: str
    source: str = Field(description="The file or module that was given to the server.")
    file: str
    line: int
    run_in: Literal["loop", "thread", "process"]
    problem: str | None
    args_schema: Json = Field(
        validation_alias="schema", serialization_alias="schema", description="The JSON Schema of its arguments."
    )


class Scheduler(Wire):
    """Whether slots run at all."""

    state: Literal["running", "paused"]
    reason: str | None
    pause: Pause | None


class Drain(Wire):
    """Whether this server is emptied for a restart."""

    draining: bool
    since: datetime | None


class JobCounts(Wire):
    """How many jobs there are, by their states; how many of them run now, and whose last run failed."""

    all: int
    active: int
    paused: int
    finished: int
    needs_attention: int
    running: int
    failing: int


class Day(Wire):
    """What ended within a day."""

    runs: int
    succeeded: int
    failed: int
    share: float | None = Field(description="Of those that succeeded, from 0 to 1.")


class StartDelay(Wire):
    """How late runs start, in seconds after their slots."""

    p95: float | None
    of: int = Field(description="Of how many runs.")


class Stats(Wire):
    """How much there is, and how it goes."""

    jobs: JobCounts
    running: int
    queued: int
    concurrency: int = Field(description="How many runs go on side by side at most.")
    day: Day
    day_before: Day
    start_delay: StartDelay
    kept: Kept


class Worker(Wire):
    """A process on the database."""

    id: str
    kind: Literal["server", "worker"] = Field(description="Whether it schedules and serves too.")
    host: str
    version: str
    queues: list[str] | None = Field(description="The queues whose runs it executes; null: every one.")
    labels: list[str] = Field(description="What it has that jobs may ask for.")
    started_at: datetime
    heartbeat: datetime = Field(description="When it was heard of last, by the database's clock.")
    clock_off: float = Field(description="Seconds that its clock is ahead of the database's.")
    concurrency: int = Field(description="How many runs it executes side by side at most; 0: it executes none.")
    running: int = Field(description="How many runs it executes, or is about to.")
    draining: bool = Field(description="Whether it is given no more runs.")
    drained_by: str | None = Field(description="Who emptied it; null: it comes or leaves by itself, or works.")
    lacks: list[str] = Field(description="Tasks that it was given runs of and does not have.")


class Unserved(Wire):
    """Runs that wait for a process which is not there."""

    queue: str
    labels: list[str]
    task: str | None = Field(description="The task that nobody has; null: it is the queue or the labels.")
    count: int
    why: str


class WorkerItems(Items[Worker]):
    """All processes, and what none of them would ever take."""

    unserved: list[Unserved]


class Ending(Wire):
    """A run that goes on."""

    run: int
    job: str
    started_at: datetime | None
    ends_about: datetime | None


class DueSlot(Wire):
    job: str
    slot: datetime | None


class Gap(Wire):
    """From when on nothing runs for so long."""

    at: datetime
    minutes: float


class SafeRestart(Wire):
    """What a restart would meet."""

    safe: bool
    words: str
    minutes: float
    running: list[Ending]
    waiting: int
    due: list[DueSlot]
    gap: Gap | None
    draining: bool


class LimitHead(Wire):
    """What a group or a queue is limited to."""

    kind: Literal["group", "queue"]
    name: str
    max_running: int | None
    rate: str | None = Field(description="As `10/m`: how many runs start within how long.")


class Limit(LimitHead):
    """A limit, and what of it runs and waits now."""

    running: int
    waiting: int


class Stretch(Wire):
    """How much a stretch of time will hold."""

    at: datetime
    due: int
    peak: int = Field(description="Runs side by side.")
    waiting: int
    held: int = Field(description="Of those due, how many have to wait.")
    longest_wait: float = Field(description="Seconds.")


class Crowd(Stretch):
    """A moment at which many runs meet."""

    jobs: list[str] = Field(description="At most 100 of them.")


class Load(Wire):
    """How many runs are going to meet."""

    limit: int
    since: From
    until: datetime
    assumed: int = Field(description="Jobs of which nothing is known yet: they are thought to be short.")
    skipped: int
    stretches: list[Stretch]
    crowds: list[Crowd]


class BlackedOut(Wire):
    slot: datetime
    reason: str | None


class MarkedSlot(Wire):
    slot: datetime
    mark: Mark | None


class TimingChanges(Wire):
    """The slots of an edit against those of before."""

    sentence: str
    new: int
    gone: int
    slots: list[MarkedSlot]


class Preview(Wire):
    """What a schedule is going to do."""

    words: str
    slots: list[datetime]
    blacked_out: list[BlackedOut]
    per_day: str
    zone: str | None
    notes: list[str] = Field(description="Changes of the clock within a year that it meets.")
    warnings: list[str]
    changes: TimingChanges | None = Field(description="With `job`: old against new.")
