"""/events: jobs, runs and lines as they change."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from typing import Literal

from quart import g, request

from cronapp.core.errors import InvalidInput, JobNotFound, RunNotFound, TooManyStreams
from cronapp.core.feed import MOST, Place, place_of, topics_of
from cronapp.web.api.feed import Feed, opened
from cronapp.web.calls import calls, token_id
from cronapp.web.described.part import Param, Part
from cronapp.web.described.replies import Events
from cronapp.web.site import Parts, parts
from cronapp.web.stream import KEEP_ALIVE, LIFE, Reader, reader

api = Part("events", __name__, "Events")
log = logging.getLogger(__name__)
TOPICS = Param(
    "topics",
    "`jobs`: all jobs. `runs`: all runs. `job:ID`: this job and its runs. `run:NUMBER`: this run, and its lines; with "
    f"`@LINE` those after this one. At most {MOST}, with commas or one by one.",
    many=True,
    needed=True,
)
LAST = Param("Last-Event-ID", "Where to go on: the id of the last event that came.", place="header")
AFTER = Param("after", "Where to go on, for who cannot send `Last-Event-ID`.")
FOLLOW = Param("follow", "`0`: only how all is now, or what changed since; then the answer ends.", Literal["0", "1"])


@api.get("/events", params=(TOPICS, AFTER, FOLLOW, LAST), refuses=(JobNotFound, RunNotFound, TooManyStreams))
async def stream() -> Events:
    """How jobs and runs are, and then each change of them as it comes.

    It begins with how all is: the jobs that were asked for, and their runs that are not over; with a place, with what
    changed since. Then comes `ready`, and from there on each change. Of what changes several times within a moment
    the newest is told. A state may be told twice, a line is told once, and the end of a run after its last line. The
    answer ends after some ten minutes, or when the server stops: come again with `Last-Event-ID`, and nothing is lost.
    """
    asked, after, follow = request.args.getlist("topics"), request.args.get("after"), request.args.get("follow", "1")
    topics, place = topics_of(asked), place_asked(request.headers.get("Last-Event-ID"), after)
    if follow not in ("0", "1"):
        raise InvalidInput.of("follow", "Write 0 or 1.")
    calls().admit_stream(g.who, token_id())
    house = parts()
    return Events(messages(house, await opened(house, topics, place), reader(), follow=follow == "1"))


def place_asked(header: str | None, after: str | None) -> Place | None:
    """Where to go on. A browser that comes again by itself sends the header, with the address as it was at first."""
    if header:
        return place_of(header, "Last-Event-ID")
    return place_of(after, "after") if after else None


async def messages(house: Parts, feed: Feed, who: Reader, *, follow: bool) -> AsyncIterator[bytes]:
    """Until the server closes, who reads is another to us than when they began, or it is time to connect anew."""
    clock = asyncio.get_running_loop().time
    ends = clock() + LIFE * random.uniform(0.9, 1.1)  # nosec B311 # no secret
    checked = clock()
    house.hub.listen(feed.marks)
    pieces = feed.pieces(follow=follow)
    coming = asyncio.ensure_future(next_of(pieces))
    closing = asyncio.ensure_future(house.hub.closing.wait())
    with house.hub.doubts() as doubt:
        doubting = asyncio.ensure_future(doubt.wait())
        try:
            yield b"retry: 1000\n\n"
            while clock() < ends:
                both = {closing, doubting}
                done, _ = await asyncio.wait({coming, *both}, timeout=KEEP_ALIVE, return_when=asyncio.FIRST_COMPLETED)
                if closing.done():
                    return
                if not done or doubting.done() or clock() - checked >= KEEP_ALIVE:
                    checked = clock()
                    if doubting.done():
                        doubt.clear()
                        doubting = asyncio.ensure_future(doubt.wait())
                    if not await who.stays(house):
                        return
                if not done:
                    yield feed.here()
                if coming in done:
                    if (piece := outcome(coming)) is None:
                        return
                    yield piece
                    coming = asyncio.ensure_future(next_of(pieces))
        finally:
            house.hub.leave(feed.marks)
            for task in (coming, closing, doubting):
                task.cancel()


async def next_of(pieces: AsyncIterator[bytes]) -> bytes | None:
    """The next events; None: there are no more."""
    return await anext(pieces, None)


def outcome(coming: asyncio.Task[bytes | None]) -> bytes | None:
    """What came. If it could not be told, the stream ends: who comes again goes on at their place."""
    if error := coming.exception():
        log.error("the event stream cannot go on", exc_info=error)
        return None
    return coming.result()
