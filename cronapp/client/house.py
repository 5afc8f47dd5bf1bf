"""The server itself: its tasks, its scheduler, what it can take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from cronapp import wire
from cronapp.client.carrying import call, flow, pages
from cronapp.client.events import Event, told
from cronapp.client.steps import Ask, Flow, ask, at, given, nothing
from cronapp.wire import Items

Moment = datetime | str
Fields = Mapping[str, Any]
CatchUp = Literal["none", "last", "all"]
Kind = Literal["group", "queue"]


class ServerCalls:
    @flow
    def tasks(self) -> Flow[wire.Task]:
        """The tasks, with the JSON Schema of their arguments."""
        return pages(ask(Items[wire.Task], "GET", "/tasks"))

    @call
    def task(self, name: str) -> Ask[wire.Task]:
        """One task."""
        return ask(wire.Task, "GET", at("tasks", name))

    @call
    def test_task(self, name: str, args: Fields | None = None, *, timeout: float | str | None = None) -> Ask[wire.Run]:
        """Runs a task once, without a job."""
        return ask(wire.Run, "POST", at("tasks", name, "test"), given(args=args, timeout=timeout))

    @call
    def preview(
        self,
        schedule: Any = None,
        *,
        count: int = 10,
        since: Moment | None = None,
        job: str | None = None,
        fields: Fields | None = None,
    ) -> Ask[wire.Preview]:
        """What a schedule is going to do: in words, and its next slots after `since`. Further `fields`
        of a job, as `jitter` or `blackouts`, may be told; with `job` it is an edit of that one."""
        said = {"count": count, **given(schedule=schedule, job=job), **given(**{"from": since}), **(fields or {})}
        return ask(wire.Preview, "POST", "/schedule/preview", said)

    @flow
    def events(
        self, topics: str | Sequence[str], *, after: str | None = None, follow: bool = True, patience: float = 60
    ) -> Flow[Event]:
        """How jobs and runs are, and then each change as it comes: of `jobs`, `runs`, `job:ID` and `run:NUMBER`.

        `after` is the `place` of the last event that somebody had: what changed since is told first. Without `follow`
        it ends once all is told as it is now. Where the connection is lost it is made anew and nothing is; where the
        server is away for longer than `patience` seconds, `NotReached` is raised.
        """
        return told(topics, after, follow=follow, patience=patience)

    @call
    def stats(self) -> Ask[wire.Stats]:
        """How many jobs there are, and how runs go."""
        return ask(wire.Stats, "GET", "/stats")

    @flow
    def workers(self) -> Flow[wire.Worker]:
        """The processes on the server's database."""
        return pages(ask(Items[wire.Worker], "GET", "/workers"))

    @call
    def drain_worker(self, name: str) -> Ask[wire.Worker]:
        """A process is given no more runs and takes no new slot from now on."""
        return ask(wire.Worker, "POST", at("workers", name, "drain"))

    @call
    def resume_worker(self, name: str) -> Ask[wire.Worker]:
        """A process that somebody emptied works again."""
        return ask(wire.Worker, "POST", at("workers", name, "resume"))

    @call
    def load(self, *, hours: int = 24) -> Ask[wire.Load]:
        """How many runs are going to meet."""
        return ask(wire.Load, "GET", "/load", query={"hours": hours})

    @call
    def scheduler(self) -> Ask[wire.Scheduler]:
        """Whether slots run at all."""
        return ask(wire.Scheduler, "GET", "/scheduler")

    @call
    def pause_scheduler(self, *, reason: str | None = None, until: Moment | None = None) -> Ask[wire.Scheduler]:
        """No slot of any job runs until then, or until it is resumed."""
        return ask(wire.Scheduler, "POST", "/scheduler/pause", given(reason=reason, until=until))

    @call
    def resume_scheduler(self, *, catch_up: CatchUp = "none") -> Ask[wire.Scheduler]:
        """Slots run again."""
        return ask(wire.Scheduler, "POST", "/scheduler/resume", {"catch_up": catch_up})

    @call
    def safe_restart(self, minutes: float = 5) -> Ask[wire.SafeRestart]:
        """What runs, what is due, and the next gap of so many minutes."""
        return ask(wire.SafeRestart, "GET", "/safe-restart", query={"minutes": minutes})

    @call
    def draining(self) -> Ask[wire.Drain]:
        """Whether the server is emptied for a restart."""
        return ask(wire.Drain, "GET", "/drain")

    @call
    def drain(self) -> Ask[wire.Drain]:
        """The server takes no new slot and starts no run from now on."""
        return ask(wire.Drain, "POST", "/drain")

    @call
    def undrain(self) -> Ask[wire.Drain]:
        """The server goes to work again."""
        return ask(wire.Drain, "DELETE", "/drain")

    @flow
    def limits(self) -> Flow[wire.Limit]:
        """Each group and queue that has a limit, that a job names, or that has runs now."""
        return pages(ask(Items[wire.Limit], "GET", "/limits"))

    @call
    def set_limit(
        self, kind: Kind, name: str, *, max_running: int | None = None, rate: str | None = None
    ) -> Ask[wire.LimitHead]:
        """Gives a group or a queue a limit, in place of the one it had. A rate, as `10/m`, is for queues."""
        return ask(wire.LimitHead, "PUT", at("limits", kind, name), given(max_running=max_running, rate=rate))

    @call
    def clear_limit(self, kind: Kind, name: str) -> Ask[None]:
        """Takes a limit away."""
        return nothing("DELETE", at("limits", kind, name))
