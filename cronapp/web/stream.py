"""GET /stream: the parts of open pages, sent as they change.

One connection carries the views of many pages, since a browser has only six connections for each server:
`?view=…&view=…`, each a query of its own with `name`, `topics`, `at` and `last`. Each message is an event of its view's
name, and its id is the name and that view's own place, so a connection can be made anew with other views, and each goes
on where it stopped. For a program that follows one page, `?topics=…&at=…&last=…` is that one view without a name.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from markupsafe import Markup
from quart import Blueprint, Response, g, request

from cronapp.core.access import Sight
from cronapp.core.errors import BadRequest, CronAppError, NotFound, PersonNotFound, StoreUnavailable
from cronapp.web import cookies
from cronapp.web.calls import calls, token_id
from cronapp.web.described.replies import endless
from cronapp.web.form_token import filled, token_of
from cronapp.web.hub import Connection, View
from cronapp.web.site import Parts, parts
from cronapp.web.views import view_of

pages = Blueprint("stream", __name__)
log = logging.getLogger(__name__)
KEEP_ALIVE = 15.0  # seconds between two signs of life
LIFE = 600.0  # seconds until the browser is sent away to connect anew; it goes on where it stopped
MOST = 100  # views of one connection
NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,31}")
OURS = {"message", "open", "error", "here", "bye", "gone"}  # names that say something else
HERE = b": here\nevent: here\ndata: \n\n"  # scripts are not told of a comment
GONE = b"event: gone\ndata: \n\n"
BYE = b"event: bye\ndata: \n\n"


@pages.get("/stream")
async def stream() -> Response:
    house = parts()
    calls().admit_stream(g.who, token_id())
    views = await views_asked(house)
    content = b"" if request.method == "HEAD" else messages(house, views, reader())  # else a HEAD would last as long
    return endless(content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads a stream, and what lets them in: a session, a token of a program, a proxy, or the admin token."""

    sight: Sight
    session: str = ""  # its secret
    token: int | None = None
    proxied: str = ""  # their name
    form_token: str = ""  # for the forms that they are sent

    async def stays(self, house: Parts) -> bool:
        """Whether they would be let in as they were. While the database is away nobody can say; it is asked again in a
        moment."""
        try:
            return await self._sight(house) == self.sight
        except StoreUnavailable:
            return True
        except PersonNotFound:
            return False

    async def _sight(self, house: Parts) -> Sight | None:
        if self.token is not None:
            return self.sight if await house.tokens.is_good(self.token) else None
        if self.session:
            session = await house.signin.session(self.session)
            return session.sight if session else None
        if self.proxied:
            person = await house.people.find(self.proxied)
            return person.sight if person.disabled_at is None else None
        return self.sight


def reader() -> Reader:
    """Who asks."""
    secret = g.get("form_secret")
    return Reader(
        sight=g.who.sight,
        session=cookies.read() if g.session else "",
        token=token_id(),
        proxied=g.who.name if g.proxied else "",
        form_token=token_of(secret) if secret else "",
    )


async def views_asked(house: Parts) -> dict[str, View]:
    """The views by their names; the only one of an address without `view` has none."""
    several = request.args.getlist("view")
    if not several:
        last = request.headers.get("Last-Event-ID") or request.args.get("last") or request.args.get("after")
        return {"": await view_asked(house, request.args, last)}
    if len(several) > MOST:
        raise BadRequest(f"One connection carries at most {MOST} views. Ask for the others by another one.")
    views: dict[str, View] = {}
    for text in several:
        asked = {name: values[-1] for name, values in parse_qs(text).items()}
        name = asked.get("name", "")
        if not NAME.fullmatch(name) or name in OURS or name in views:
            raise BadRequest("Each view needs a name of its own, of letters and digits.")
        try:
            views[name] = await view_asked(house, asked, asked.get("last"))
        except NotFound:  # what it shows was pruned meanwhile: its page stays, and so do the other views
            views[name] = await view_of(house, "page", "", "")
    return views


async def view_asked(house: Parts, asked: Mapping[str, str], last: str | None) -> View:
    return await view_of(house, asked.get("topics", ""), asked.get("at", ""), last or "")


async def messages(house: Parts, views: Mapping[str, View], who: Reader) -> AsyncIterator[bytes]:
    """Messages until the server closes, who reads them is another to us than when they began, or it is time to connect
    anew."""
    clock = asyncio.get_running_loop().time
    ends = clock() + LIFE * random.uniform(0.9, 1.1)  # nosec B311 # no secret
    checked = clock()
    joined = {name: house.hub.join(view) for name, view in views.items()}
    closing = asyncio.ensure_future(house.hub.closing.wait())
    waiting: dict[asyncio.Task[Markup], str] = {}
    with house.hub.doubts() as doubt:
        doubting = asyncio.ensure_future(doubt.wait())
        try:
            yield b"retry: 1000\n\n"
            while clock() < ends:
                listen(joined, waiting)
                both = {closing, doubting}
                done, _ = await asyncio.wait({*waiting, *both}, timeout=KEEP_ALIVE, return_when=asyncio.FIRST_COMPLETED)
                if closing.done():
                    yield BYE
                    return
                if not done or doubting.done() or clock() - checked >= KEEP_ALIVE:
                    checked = clock()
                    if doubting.done():
                        doubt.clear()
                        doubting = asyncio.ensure_future(doubt.wait())
                    if not await who.stays(house):
                        yield GONE
                        return
                if not done:
                    yield HERE
                for came in [one for one in waiting if one in done]:
                    name, html = waiting.pop(came), outcome(came)
                    if html:
                        told = filled(html, who.form_token) if who.form_token else html
                        yield message(told, joined[name].view.place, name)
        finally:
            for connection in joined.values():
                house.hub.leave(connection)
            for task in (closing, doubting, *waiting):
                task.cancel()


def listen(joined: Mapping[str, Connection], waiting: dict[asyncio.Task[Markup], str]) -> None:
    """Has somebody wait at each connection where nobody does."""
    for name in joined.keys() - waiting.values():
        waiting[asyncio.ensure_future(joined[name].next())] = name


def outcome(waiting: asyncio.Task[Markup]) -> Markup:
    """What came; nothing if it could not be made just now: the next change brings it, and the other views go on."""
    error = waiting.exception()
    if error is not None and not isinstance(error, CronAppError):
        log.error("a part of an open page cannot be shown", exc_info=error)
    return Markup() if error else waiting.result()


def message(html: str, place: str, name: str = "") -> bytes:
    """One server-sent event; `place` is where a reader who reconnects goes on."""
    lines = [f"event: {name}", f"id: {name} {place}"] if name else [f"id: {place}"] if place else []
    lines += [f"data: {line}" for line in html.replace("\r", "&#13;").split("\n")]  # a \r alone would end a line too
    return ("\n".join(lines) + "\n\n").encode()
