"""The event stream of one reader: how all is, or what changed since their place, and then each change as it comes.

Each event has the place that was reached before it; so whoever comes again with the id of the last one that they had
may be told a state twice, and misses none. A line has a place of its own, behind it, so it is told once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from cronapp import wire
from cronapp.core.errors import JobNotFound, RunNotFound, StoreUnavailable
from cronapp.core.feed import Place, Topics
from cronapp.core.models import JobRow, Run
from cronapp.web.api.marks import Marks
from cronapp.web.api.told import job_told, run_line_told, run_told
from cronapp.web.site import Parts
from cronapp.wire.events import EVENTS, Told

AGAIN = 1.0  # seconds until a database that is away is asked again
LINES = 200  # read at once
AT_ONCE = 200  # jobs or runs in one piece
UNKNOWN = "It is not known what changed since that place: all is told anew. Removals are kept for {days:g} days."
NAMES = {model: name for name, model in EVENTS.items()}


def body_of(told: Told) -> bytes:
    """An event but for its id."""
    data = json.dumps(told.told(), separators=(",", ":"))
    return f"event: {NAMES[type(told)]}\ndata: {data}\n".encode()


class Feed:
    """What one reader is told. `place`: as far as they were told already; None: they begin, or, for the `reason`, begin
    anew."""

    def __init__(self, house: Parts, topics: Topics, place: Place | None, *, reason: str = "") -> None:
        self.house = house
        self.place = place
        self.reason = reason
        self.marks = Marks(topics)
        self._lines = {run: (place.lines if place else {}).get(run, seq) for run, seq in topics.lines.items()}
        self._keys: set[int] = set()  # of the jobs that are followed, also of one that was removed meanwhile
        self._begun = False

    @property
    def topics(self) -> Topics:
        return self.marks.topics

    def here(self) -> bytes:
        """A sign of life, which also brings the reader's place forward."""
        return b": here\n" + (f"id: {self.place}\n\n".encode() if self.place else b"\n")

    async def pieces(self, *, follow: bool) -> AsyncIterator[bytes]:
        """Events, some at a time; without `follow` only until all is told as it is now."""
        if self.reason:
            yield self._framed([body_of(wire.Reset(reason=self.reason))])
        while True:
            try:
                async for piece in self._told():
                    if piece:
                        yield piece
                if not follow:
                    return
                await self.marks.wait()
            except StoreUnavailable:
                self.marks.fall_behind()  # what was taken and not told
                await asyncio.sleep(AGAIN)

    async def _told(self) -> AsyncIterator[bytes]:
        """All that is due."""
        began = self.house.clock()
        if behind := self.marks.behind:
            self.marks.catch_up()
            try:
                async for piece in self._changed_since(self.place.since if self.place else None):
                    yield piece
            except BaseException:
                self.marks.fall_behind()
                raise
            self.place = Place(began, self._lines)
        elif self.marks.due:
            async for piece in self._changed(*self.marks.take()):
                yield piece
            self.place = Place(began, self._lines)
        async for piece in self._followed():
            yield piece
        if behind and not self._begun:
            self._begun = True
            yield self._framed([body_of(wire.CaughtUp(at=began))])

    def _framed(self, bodies: Iterable[bytes]) -> bytes:
        """Events with the reader's place; without one they are told all anew who leave before all was told."""
        end = f"id: {self.place}\n\n".encode() if self.place else b"\n"
        return b"".join(body + end for body in bodies)

    # -- what changed, by the rows ------------------------------------------------------------------------------------

    async def _changed_since(self, since: datetime | None) -> AsyncIterator[bytes]:
        """How all is; or what changed since that moment: what is gone, the jobs, the runs that are not over, and those
        that are, in the order in which they ended."""
        news, topics = self.house.news, self.topics
        if since is not None and (topics.jobs or topics.of_jobs):
            gone = await news.departed(since, None if topics.jobs else topics.of_jobs)
            yield self._framed(body_of(wire.JobRemoved(id=one)) for one in gone)
        if topics.of_jobs:
            yield self._framed(self._job_bodies((await news.jobs(topics.of_jobs)).values()))
        if topics.jobs:
            async for rows in news.jobs_since(since):
                yield self._framed(self._job_bodies(rows))
        if not (topics.runs or topics.of_jobs):
            return
        keys = None if topics.runs else self._keys
        async for some in news.open_runs(since, keys):
            yield self._framed(self._run_bodies(some))
        if since is not None:
            async for some in news.ended_runs(since, keys):
                yield self._framed(self._run_bodies(some))
                self._move_on(some[-1].finished_at)

    def _move_on(self, ended: datetime | None) -> None:
        """All else was told as it is now, so the place is where the runs are that ended."""
        if self.place and ended and ended > self.place.moment:
            self.place = replace(self.place, moment=ended)

    def _job_bodies(self, rows: Iterable[JobRow]) -> Iterable[bytes]:
        for row in rows:
            if row.job.id in self.topics.of_jobs:
                self._keys.add(row.job.key)
            yield body_of(job_told(row, self.house.tasks))

    def _run_bodies(self, runs: Iterable[Run]) -> Iterable[bytes]:
        """Runs that are followed are told with their lines."""
        return (body_of(run_told(run, self.house.tasks)) for run in runs if run.id not in self.topics.lines)

    # -- what changed, by the events ----------------------------------------------------------------------------------

    async def _changed(self, jobs: Sequence[str], runs: Sequence[int]) -> AsyncIterator[bytes]:
        try:
            for n in range(0, len(jobs), AT_ONCE):
                yield await self._jobs_now(jobs[n : n + AT_ONCE])
            for n in range(0, len(runs), AT_ONCE):
                yield await self._runs_now(runs[n : n + AT_ONCE])
        except BaseException:
            self.marks.fall_behind()
            raise

    async def _jobs_now(self, ids: Sequence[str]) -> bytes:
        shelf, who = self.house.hub.shelf, self.house.store.tags
        found = await shelf.take("job", ids, who, self._read_jobs)
        self._keys |= {row[0] for one, row in found.items() if row and one in self.topics.of_jobs}
        gone = [one for one, row in found.items() if row is None]
        if gone and self.place:  # of jobs that they never saw nothing is told
            gone = await self.house.news.departed(self.place.since, gone)
        bodies = [body_of(wire.JobRemoved(id=one)) for one in gone]
        return self._framed(bodies + [row[1] for row in found.values() if row])

    async def _read_jobs(self, ids: Sequence[str]) -> Mapping[str, tuple[int, bytes]]:
        rows = await self.house.news.jobs(ids)
        return {one: (row.job.key, body_of(job_told(row, self.house.tasks))) for one, row in rows.items()}

    async def _runs_now(self, ids: Sequence[int]) -> bytes:
        found = await self.house.hub.shelf.take("run", ids, self.house.store.tags, self._read_runs)
        return self._framed(run[1] for run in found.values() if run and (self.topics.runs or run[0] in self._keys))

    async def _read_runs(self, ids: Sequence[int]) -> Mapping[int, tuple[int, bytes]]:
        runs = await self.house.news.runs(ids)
        return {one: (run.job_key, body_of(run_told(run, self.house.tasks))) for one, run in runs.items()}

    # -- runs that are followed ---------------------------------------------------------------------------------------

    async def _followed(self) -> AsyncIterator[bytes]:
        while self.marks.followed:
            run_id, changed = self.marks.followed.popitem()
            try:
                async for piece in self._run_and_lines(run_id, changed=changed):
                    yield piece
            except RunNotFound:  # it was pruned
                continue
            except BaseException:
                self.marks.followed[run_id] = True
                raise

    async def _run_and_lines(self, run_id: int, *, changed: bool) -> AsyncIterator[bytes]:
        """The run as it is now, and its new lines; its end comes after the last of them."""
        run = await self.house.runs.get(run_id)
        told = [body_of(run_told(run, self.house.tasks))] if changed else []
        if told and not run.state.ended:
            yield self._framed(told)
        while (seq := self._lines[run_id]) < run.last_seq:
            read = partial(self._read_lines, run_id, seq)
            lines = await self.house.hub.shelf.piece(run_id, seq, read, LINES)
            if not lines:
                break
            yield self._lines_framed(run_id, lines)
        if told and run.state.ended:
            yield self._framed(told)

    async def _read_lines(self, run_id: int, after: int) -> list[tuple[int, bytes]]:
        lines = await self.house.runs.lines(run_id, after, LINES)
        return [(one.seq, body_of(run_line_told(run_id, one))) for one in lines]

    def _lines_framed(self, run_id: int, lines: Sequence[tuple[int, bytes]]) -> bytes:
        framed = []
        for seq, body in lines:
            self._lines = {**self._lines, run_id: seq}
            if self.place:
                self.place = replace(self.place, lines=self._lines)
            framed.append(self._framed([body]))
        return b"".join(framed)


async def opened(house: Parts, topics: Topics, place: Place | None) -> Feed:
    """The stream of somebody who may see what they ask for; raises `JobNotFound` and `RunNotFound`."""
    days = house.settings.keep_days
    kept = place is None or place.is_kept(house.clock(), days)
    await refuse_unknown_jobs(house, topics, place if kept else None)
    for run_id, last_seq in (await lengths(house, topics)).items():  # a log that is shorter is of another history
        kept = kept and (place is None or place.lines.get(run_id, 0) <= last_seq)
    if kept:
        return Feed(house, topics, place)
    return Feed(house, topics, None, reason=UNKNOWN.format(days=days))


async def refuse_unknown_jobs(house: Parts, topics: Topics, place: Place | None) -> None:
    """One that was removed since the place is told to be gone."""
    known = await house.jobs.known(topics.of_jobs) if topics.of_jobs else set()
    missing = [one for one in topics.of_jobs if one not in known]
    if missing and place:
        gone = await house.news.departed(place.since, missing)
        missing = [one for one in missing if one not in gone]
    if missing:
        raise JobNotFound(f"There is no job {missing[0]}. It may have been removed.")


async def lengths(house: Parts, topics: Topics) -> dict[int, int]:
    """How many lines each followed run has."""
    found = {}
    for run_id in topics.lines:
        try:
            found[run_id] = (await house.runs.get(run_id)).last_seq
        except RunNotFound:
            raise RunNotFound(f"There is no run {run_id}.") from None
    return found
