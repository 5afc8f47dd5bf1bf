"""GET /stream: the open page's parts, sent as they change."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

from markupsafe import Markup
from quart import Blueprint, Response, request

from cronapp.core.errors import CronAppError, StoreUnavailable
from cronapp.web.hub import View
from cronapp.web.site import Parts, parts
from cronapp.web.views import view_of

pages = Blueprint("stream", __name__)
KEEP_ALIVE = 15.0  # seconds between two signs of life
LIFE = 600.0  # seconds until the browser is sent away to connect anew; it goes on where it stopped


@pages.get("/stream")
async def stream() -> Response:
    house = parts()
    last = request.headers.get("Last-Event-ID") or request.args.get("last") or request.args.get("after")
    view = await view_of(house, request.args.get("topics", ""), request.args.get("at", ""), last or "")
    secret = request.cookies.get(house.cookie, "")
    content = b"" if request.method == "HEAD" else messages(house, view, secret)  # else a HEAD would last as long
    response = Response(content, content_type="text/event-stream; charset=utf-8")
    response.timeout = None
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


async def messages(house: Parts, view: View, secret: str) -> AsyncIterator[bytes]:
    """Messages until the server closes, the session ends, or it is time to connect anew."""
    clock = asyncio.get_running_loop().time
    ends = clock() + LIFE * random.uniform(0.9, 1.1)
    checked = clock()
    connection = house.hub.join(view)
    closing = asyncio.ensure_future(house.hub.closing.wait())
    waiting: asyncio.Task[Markup] | None = None
    try:
        yield b"retry: 1000\n\n"
        while clock() < ends:
            waiting = waiting or asyncio.ensure_future(connection.next())
            await asyncio.wait({waiting, closing}, timeout=KEEP_ALIVE, return_when=asyncio.FIRST_COMPLETED)
            if closing.done():
                yield b"event: bye\ndata: \n\n"
                return
            if not waiting.done() or clock() - checked >= KEEP_ALIVE:
                checked = clock()
                if await signed_out(house, secret):
                    yield b"event: gone\ndata: \n\n"
                    return
            if not waiting.done():
                yield b": here\n\n"
                continue
            html, waiting = outcome(waiting), None
            if html:
                yield message(html, connection.view.place)
    finally:
        house.hub.leave(connection)
        closing.cancel()
        if waiting:
            waiting.cancel()


async def signed_out(house: Parts, secret: str) -> bool:
    """Whether the session ended. While the database is away nobody can say; it is asked again in a moment."""
    try:
        return bool(secret) and await house.signin.session(secret) is None
    except StoreUnavailable:
        return False


def outcome(waiting: asyncio.Task[Markup]) -> Markup:
    """What came; nothing if it could not be read just now: the next change brings it."""
    error = waiting.exception()
    if error is not None and not isinstance(error, CronAppError):
        raise error
    return Markup() if error else waiting.result()


def message(html: str, place: str) -> bytes:
    """One server-sent event; `place` is where a reader who reconnects goes on."""
    lines = [f"id: {place}"] if place else []
    lines += [f"data: {line}" for line in html.replace("\r", "&#13;").split("\n")]  # a \r alone would end a line too
    return ("\n".join(lines) + "\n\n").encode()
