"""Runs, their logs, and failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import httpx

from cronapp import wire
from cronapp.client.carrying import call, flow, pages
from cronapp.client.events import followed
from cronapp.client.steps import Ask, Flow, Give, answered, ask, at, given
from cronapp.wire import Items

Moment = datetime | str
Fields = Mapping[str, Any]
LINES = {"Accept": "application/x-ndjson"}


class RunCalls:
    @flow
    def runs(
        self,
        *,
        job: str | None = None,
        state: str | Sequence[str] | None = None,
        task: str | None = None,
        tag: str | None = None,
        trigger: str | None = None,
        node: str | None = None,
        group: str | None = None,
        args: str | Sequence[str] | None = None,
        result: str | None = None,
        error: str | None = None,
        q: str | None = None,
        backfill: int | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        most: int | None = None,
    ) -> Flow[wire.Run]:
        """The runs that fit, the newest first; at most so many."""
        which = given(job=job, state=state, task=task, tag=tag, trigger=trigger, node=node, group=group)
        texts = given(args=args, result=result, error=error, q=q, backfill=backfill, since=since, until=until)
        return pages(ask(Items[wire.Run], "GET", "/runs", query={**which, **texts}), most)

    @call
    def run(self, run: int) -> Ask[wire.Run]:
        """One run, with the frames of its error."""
        return ask(wire.Run, "GET", at("runs", run))

    @call
    def cancel_run(self, run: int) -> Ask[wire.Run]:
        """Ends a run that waits at once, and asks one that is executed to stop."""
        return ask(wire.Run, "POST", at("runs", run, "cancel"))

    @call
    def retry_run(self, run: int) -> Ask[wire.Run]:
        """Tries a run again now; answers the new attempt."""
        return ask(wire.Run, "POST", at("runs", run, "retry"))

    @call
    def retry_alike(self, run: int) -> Ask[wire.RetriedAlike]:
        """Tries all runs again that failed like this one."""
        return ask(wire.RetriedAlike, "POST", at("runs", run, "retry-like"))

    @call
    def plan_retry_alike(self, run: int) -> Ask[wire.Alike]:
        """Which runs that would try again."""
        return ask(wire.Alike, "POST", at("runs", run, "retry-like"), {"dry_run": True})

    @call
    def change_runs(
        self,
        action: Literal["retry", "cancel"],
        *,
        ids: Sequence[int] | None = None,
        filter: Fields | None = None,  # noqa: A002
        dry_run: bool = False,
    ) -> Ask[wire.BulkRunsDone]:
        """Retries or cancels many runs, by `ids` or a `filter`. With `dry_run` it only tells what would be."""
        sent = {"action": action, "dry_run": dry_run, **given(ids=ids, filter=filter)}
        return ask(wire.BulkRunsDone, "POST", "/runs/bulk", sent)

    @call
    def comparison(self, run: int) -> Ask[wire.Comparison]:
        """What changed since the job last worked, told of a run that went wrong."""
        return ask(wire.Comparison, "GET", at("runs", run, "comparison"))

    @call
    def stack(self, run: int) -> Ask[wire.Inside]:
        """Where the code of a running run is."""
        return ask(wire.Inside, "GET", at("runs", run, "stack"))

    @flow
    def log(self, run: int, *, after: int = 0, level: str | None = None, q: str | None = None) -> Flow[wire.LogLine]:
        """The lines that a run has so far, those after the line of that number."""
        for line in (yield from answered(lines_of(run, after, level=level, q=q))):
            yield Give(line)

    @call
    def log_text(self, run: int) -> Ask[str]:
        """The log of a run as one text."""
        return Ask("GET", at("runs", run, "log"), lambda reply: reply.text, headers={"Accept": "text/plain"})

    @flow
    def follow(self, run: int, *, after: int = 0, seen: Callable[[wire.Run], None] | None = None) -> Flow[wire.LogLine]:
        """The lines of a run as they come, until it has ended. Where the connection is lost it is made anew, and each
        line is given once. `seen` gets the run each time that it changed, for how far it is."""
        return followed(run, after, seen)

    @call
    def search_logs(
        self,
        q: str = "",
        *,
        show: str | None = None,
        job: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        cursor: str | None = None,
    ) -> Ask[wire.LogMatches]:
        """A text in the logs of all runs; `next` of the answer is the `cursor` with which the search goes on."""
        query = given(q=q or None, show=show, job=job, since=since, until=until, cursor=cursor)
        return ask(wire.LogMatches, "GET", "/logs", query=query)

    @flow
    def errors(
        self,
        *,
        within: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        job: str | None = None,
        q: str | None = None,
        most: int | None = None,
    ) -> Flow[wire.ErrorGroup]:
        """Failures by their groups, the one that failed last first."""
        query = given(within=within, since=since, until=until, job=job, q=q)
        return pages(ask(Items[wire.ErrorGroup], "GET", "/errors", query=query), most)

    @call
    def error(self, group: str, *, within: str | None = None) -> Ask[wire.ErrorDetail]:
        """One group of failures, with the frames of its newest run."""
        return ask(wire.ErrorDetail, "GET", at("errors", group), query=given(within=within))


def lines_of(run: int, after: int, **filters: str | None) -> Ask[list[wire.LogLine]]:
    query = {"after": after or None, **given(**filters)}
    return Ask("GET", at("runs", run, "log"), read_lines, query, headers=LINES)


def read_lines(reply: httpx.Response) -> list[wire.LogLine]:
    return [wire.LogLine.model_validate_json(line) for line in reply.content.split(b"\n") if line]
