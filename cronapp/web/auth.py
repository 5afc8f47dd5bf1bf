"""Who asks: a session's cookie, or a token in the `Authorization` header. Everybody else stays outside."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

from quart import Response, after_this_request, current_app, g, redirect, request
from quart.typing import ResponseReturnValue, ResponseTypes
from werkzeug.exceptions import MethodNotAllowed

from cronapp.core.access import Principal, asking
from cronapp.core.errors import NotAllowed, NotInvited, NotSignedIn, TooManyCalls
from cronapp.service.signin import Visitor
from cronapp.store.signin import Session
from cronapp.web import bearer, cookies
from cronapp.web.addresses import of_api
from cronapp.web.calls import calls, token_id
from cronapp.web.permissions import NEEDS, OPEN, OWN, looking
from cronapp.web.site import parts, parts_for
from cronapp.web.stream import GONE

EVENTS = "text/event-stream"
FORMS = "forms"  # what a cookie is for


async def require_right() -> ResponseReturnValue | None:
    """Before each request: lets nobody in who is not known, and nobody do what the table of permissions does not give
    them. Runs before any handler, so no route can forget it."""
    g.who = g.token = g.session = None
    g.proxied = False
    try:
        g.who = await known()
    except (NotInvited, NotSignedIn, TooManyCalls):
        if request.endpoint not in OPEN:
            raise
    g.signed_in = g.who is not None
    if g.who is not None:
        asking.set(g.who)
        looking.set(g.who.sight)
        g.parts = parts_for(g.who.sight)
    if request.endpoint in OPEN or (request.endpoint is None and in_another_way()):
        return None
    if g.who is None:
        await bearer.refuse_misplaced(address())
        return turn_away()
    if of_api(request.path):
        calls().admit(g.who, token_id())
    if request.endpoint is None or request.endpoint in OWN:
        return None  # there is nothing, as whoever handles it says
    if not NEEDS[request.endpoint].met_by(g.who.sight):
        raise NotAllowed
    if g.who.sight.tags is not None:
        await refuse_foreign(request.view_args or {})
    return None


def in_another_way() -> bool:
    """Whether what is asked for is for everybody, but not by this method."""
    error = request.routing_exception
    if not isinstance(error, MethodNotAllowed) or not error.valid_methods:
        return False
    routes = current_app.url_map.bind("")
    return any(routes.match(request.path, method)[0] in OPEN for method in error.valid_methods)


def turn_away() -> ResponseReturnValue:
    """For who is not known."""
    if request.endpoint == "stream.stream" and request.accept_mimetypes.best == EVENTS:
        return Response(GONE, content_type=EVENTS)  # a page that was open when its session ended: it loads itself anew
    if of_api(request.path):
        calls().count_refused(address())
    if of_api(request.path) or request.method != "GET" or "HX-Request" in request.headers:
        raise NotSignedIn
    asked = quote(request.full_path.rstrip("?"), safe="/?=")
    return redirect(f"/login?next={asked}" if request.path != "/" else "/login")


async def refuse_foreign(named: Mapping[str, Any]) -> None:
    """What the address names must be among what is theirs; raises as if it were not there."""
    if "run_id" in named:
        await parts().runs.get(named["run_id"])
    if "job_id" in named:
        await parts().jobs.get(named["job_id"])


async def known() -> Principal | None:
    """Who asks, by a living session or a good token; None: nobody we know. Raises `BadToken`, `TooManyCalls` and
    `NotInvited`."""
    if given := request.headers.getlist("Authorization"):
        return await bearer.known(given, address())
    secret = cookies.read()
    session = await parts().signin.session(secret) if secret else None
    if session is not None:
        g.session, g.form_secret = session, secret
        return Principal(name=session.user, sight=session.sight, address=address())
    return await named_by_proxy(address())


async def named_by_proxy(address: str) -> Principal | None:
    """Who a trusted proxy says asks; raises `NotInvited`. Of others the header does not come so far."""
    settings = parts().settings
    names = request.headers.getlist(settings.proxy_user_header) if settings.proxy_user_header else []
    if len(names) != 1 or not names[0].strip():
        return None
    g.form_secret, g.proxied = cookies.read(FORMS) or make_form_secret(), True
    groups = request.headers.get(settings.proxy_groups_header or "", "")
    listed = [group.strip() for group in re.split(r"[,;|]", groups) if group.strip()]
    return await parts().arrivals.known(names[0].strip(), listed, address)


def make_form_secret() -> str:
    """Where a proxy keeps the session, the browser gets a secret of ours for its forms alone."""
    secret = secrets.token_urlsafe(32)

    @after_this_request
    async def keep(response: ResponseTypes) -> ResponseTypes:
        cookies.put(response, secret, None, FORMS)
        return response

    return secret


def address() -> str:
    """From where somebody asks, as the web server knows it."""
    return request.remote_addr or ""


def own_secret() -> str:
    """The secret of the session of the browser that asks, whether or not it is good for anything."""
    return cookies.read()


def own_session() -> Session | None:
    """The session of the browser that asks; None for a program with a token, or who comes by a proxy."""
    return cast("Session | None", g.session)


def visitor() -> Visitor:
    """Who asks, for the books of who signed in."""
    return Visitor(agent=request.headers.get("User-Agent", ""), address=address(), secret=own_secret())


def who() -> str:
    """Who asks, for the books."""
    return str(g.who.name)
