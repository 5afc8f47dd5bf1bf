"""Who asks: a session's cookie, or a token in the `Authorization` header. Everybody else stays outside."""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from math import ceil
from typing import Any
from urllib.parse import quote

from quart import Blueprint, Response, after_this_request, current_app, g, make_response, redirect, request
from quart.typing import ResponseReturnValue, ResponseTypes

from cronapp.core.access import Principal, asking
from cronapp.core.errors import NotAllowed, NotInvited, NotSignedIn, TooManyCalls
from cronapp.service.signin import SESSION_LIFE
from cronapp.web import bearer, cookies
from cronapp.web.calls import calls, token_id
from cronapp.web.permissions import NEEDS, OPEN, OWN, looking
from cronapp.web.render import page
from cronapp.web.site import parts, parts_for
from cronapp.web.stream import GONE

pages = Blueprint("auth", __name__)
API = "/api/"
EVENTS = "text/event-stream"
FORMS = "forms"  # what a cookie is for
LINKS = 5  # that the server prints, for whomever,
LINKS_WITHIN = timedelta(minutes=1)


async def require_right() -> ResponseReturnValue | None:
    """Before each request: lets nobody in who is not known, and nobody do what the table of permissions does not give
    them. Runs before any handler, so no route can forget it."""
    g.who = g.token = None
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
    if request.endpoint in OPEN:
        return None
    if g.who is None:
        await bearer.refuse_misplaced(address())
        return turn_away()
    if request.path.startswith(API):
        calls().admit(g.who, token_id())
    if request.endpoint is None or request.endpoint in OWN:
        return None  # there is nothing, as whoever handles it says
    if not NEEDS[request.endpoint].met_by(g.who.sight):
        raise NotAllowed
    if g.who.sight.tags is not None:
        await refuse_foreign(request.view_args or {})
    return None


def turn_away() -> ResponseReturnValue:
    """For who is not known."""
    if request.endpoint == "stream.stream" and request.accept_mimetypes.best == EVENTS:
        return Response(GONE, content_type=EVENTS)  # a page that was open when its session ended: it loads itself anew
    if request.path.startswith(API):
        calls().count_refused(address())
    if request.path.startswith(API) or request.method != "GET" or "HX-Request" in request.headers:
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
        g.form_secret = secret
        return Principal(name=session.user, sight=session.sight, address=address())
    return await named_by_proxy(address())


async def named_by_proxy(address: str) -> Principal | None:
    """Who a trusted proxy says asks; raises `NotInvited`. Of others the header does not come so far."""
    settings = parts().settings
    names = request.headers.getlist(settings.proxy_user_header) if settings.proxy_user_header else []
    if len(names) != 1 or not names[0].strip():
        return None
    g.form_secret = cookies.read(FORMS) or make_form_secret()
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


def who() -> str:
    """Who asks, for the books."""
    return str(g.who.name)


def inside(address: str | None) -> str:
    """An address within this site; anything else becomes the overview.

    Browsers read a backslash as a slash and pass over tabs and line breaks, so these may not be in it.
    """
    if address is None or not address.startswith("/") or address.startswith("//"):
        return "/"
    return address if "\\" not in address and address.isprintable() else "/"


@pages.get("/login")
async def login() -> ResponseReturnValue:
    """The sign-in page; with the token of a one-time link, signs in at once."""
    token = request.args.get("token", "")
    if token:
        return await enter(token, request.args.get("next"))
    if g.signed_in:
        return redirect("/")
    return login_page(sent="sent" in request.args, target=request.args.get("next"))


@pages.post("/login")
async def sign_in() -> ResponseReturnValue:
    form = await request.form
    return await enter(form.get("token", "").strip(), form.get("next"))


@pages.post("/login/link")
async def new_link() -> ResponseReturnValue:
    """Prints a new link in the server's terminal: who can read that may come in."""
    target = inside((await request.form).get("next"))
    if wait := refused_for():
        error = f"Too many links were asked for. Use one that stands there already, or ask again in {wait} s."
        return login_page(error=error, target=target), 429, {"Retry-After": str(wait)}
    await parts().announce_link()
    return redirect("/login?sent=1" + (f"&next={quote(target, safe='/')}" if target != "/" else ""), 303)


def refused_for() -> int:
    """For how many seconds no link is printed, since anybody may ask for one; 0: one is, and it counts."""
    printed: deque[datetime] = current_app.extensions.setdefault("cronapp_links", deque(maxlen=LINKS))
    now = parts().clock()
    passed = now - printed[0] if len(printed) == LINKS else LINKS_WITHIN
    if timedelta(0) <= passed < LINKS_WITHIN:  # less than nothing: the clock was set back
        return ceil((LINKS_WITHIN - passed).total_seconds())
    printed.append(now)
    return 0


@pages.post("/logout")
async def sign_out() -> ResponseReturnValue:
    secret, house = cookies.read(), parts()
    session = await house.signin.session(secret) if secret else None
    await house.signin.sign_out(secret)
    by_issuer = house.sign_on and session and session.subject.startswith(f"{house.sign_on.issuer}|")
    there = await house.sign_on.leave(request.url_root + "login") if by_issuer else None
    response = await make_response(redirect(there or "/login", 303))
    cookies.drop(response)
    return response


async def enter(token: str, target: str | None) -> ResponseReturnValue:
    secret = await use_link(token) if token else None
    if secret is None:
        if g.signed_in:  # the same link opened a second time, by who is in already
            return redirect(inside(target), 303)
        error = "This link or token is not good any more: a link works once, within half an hour. Ask for a new one."
        return login_page(error=error, target=target), 403
    response = await make_response(redirect(inside(target), 303))
    cookies.put(response, secret, SESSION_LIFE)
    return response


async def use_link(token: str) -> str | None:
    return await parts().signin.use_link(token, request.headers.get("User-Agent", ""), request.remote_addr or "")


def login_page(*, error: str | None = None, sent: bool = False, target: str | None = None) -> str:
    return page(
        "login",
        page="login",
        stream=None,
        signed_in=False,
        error=error,
        sent=sent,
        next=target,
        sign_on=parts().sign_on.name if parts().sign_on else None,
    )
