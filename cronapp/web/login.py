"""Signing in and out: by a name and a password, with a code where one is asked for; by a one-time link; by a token."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from math import ceil
from urllib.parse import quote

from quart import Blueprint, current_app, g, make_response, redirect, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import AccountsExist, Busy, CronAppError, SignInOver, TooManyAttempts, WrongCode, WrongPassword
from cronapp.core.people import LONGEST_NAME
from cronapp.service.signin import HALF_LIFE, Half
from cronapp.web import cookies
from cronapp.web.auth import own_secret, own_session, visitor
from cronapp.web.render import page
from cronapp.web.site import parts

pages = Blueprint("auth", __name__)
HALF = "half"  # what the cookie of a sign-in whose code is asked for is for
LINKS = 5  # that the server prints, for whomever,
LINKS_WITHIN = timedelta(minutes=1)


@pages.get("/login")
async def login() -> ResponseReturnValue:
    """The sign-in page; with the token of a one-time link, signs in at once."""
    token = request.args.get("token", "")
    if token:
        return await enter(token, request.args.get("next"))
    if g.signed_in:
        return redirect("/")
    return await login_page(sent="sent" in request.args, target=request.args.get("next"))


@pages.post("/login")
async def sign_in() -> ResponseReturnValue:
    """With a name and a password; or with a token, of a link or the admin's."""
    form = await request.form
    target = form.get("next")
    if "name" not in form:
        return await enter(form.get("token", "").strip(), target)
    name = form.get("name", "")
    try:
        made = await parts().signin.by_password(name, form.get("password", ""), visitor())
    except (WrongPassword, TooManyAttempts, Busy) as error:
        return await refused(error, target=target, name=name)
    if isinstance(made, Half):
        return await half_way(made, target)
    return await let_in(made, target)


@pages.get("/login/code")
async def code() -> ResponseReturnValue:
    """The second step, for who told a good password and has a second factor."""
    target = request.args.get("next")
    if not await parts().signin.half(cookies.read(HALF)):
        return await refused(SignInOver(), target=target)
    return code_page(target=target)


@pages.post("/login/code")
async def enter_code() -> ResponseReturnValue:
    form = await request.form
    target = form.get("next")
    try:
        made = await parts().signin.by_code(cookies.read(HALF), form.get("code", ""), visitor())
    except SignInOver as error:
        return await refused(error, target=target)
    except (WrongCode, TooManyAttempts) as error:
        return code_page(error=str(error), target=target), error.status, retry_of(error)
    return await let_in(made, target)


@pages.post("/login/link")
async def new_link() -> ResponseReturnValue:
    """Prints a new link in the server's terminal: who can read that may come in, until there are accounts."""
    target = inside((await request.form).get("next"))
    if await parts().people.any():
        return await refused(AccountsExist(), target=target)
    if wait := refused_for():
        error = f"Too many links were asked for. Use one that stands there already, or ask again in {wait} s."
        return await login_page(error=error, target=target), 429, {"Retry-After": str(wait)}
    await parts().announce_link()
    return redirect(onward("/login?sent=1", target), 303)


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
    house, session = parts(), own_session()
    await house.signin.sign_out(own_secret())
    by_issuer = house.sign_on and session and session.subject.startswith(f"{house.sign_on.issuer}|")
    there = await house.sign_on.leave(request.url_root + "login") if by_issuer else None
    response = await make_response(redirect(there or "/login", 303))
    cookies.drop(response)
    return response


async def enter(token: str, target: str | None) -> ResponseReturnValue:
    try:
        secret = await parts().signin.use_link(token, visitor()) if token else None
    except TooManyAttempts as error:
        return await refused(error, target=target)
    if secret is not None:
        return await let_in(secret, target)
    if g.signed_in:  # the same link opened a second time, by who is in already
        return redirect(inside(target), 303)
    wrong = "This link or token is not good any more: a link works once, within a quarter of an hour."
    wrong += "" if await parts().people.any() else " Ask for a new one."
    return await login_page(error=wrong, target=target), 403


async def let_in(secret: str, target: str | None) -> ResponseReturnValue:
    """The browser gets its session, and goes to where it wanted to be."""
    response = await make_response(redirect(inside(target), 303))
    cookies.put(response, secret, parts().signin.life)
    cookies.drop(response, HALF)
    return response


async def half_way(half: Half, target: str | None) -> ResponseReturnValue:
    response = await make_response(redirect(onward("/login/code", target), 303))
    cookies.put(response, half.secret, HALF_LIFE, HALF)
    return response


def onward(path: str, target: str | None) -> str:
    """A page on the way to where somebody wanted to be."""
    wanted = inside(target)
    if wanted == "/":
        return path
    return f"{path}{'&' if '?' in path else '?'}next={quote(wanted, safe='/')}"


def retry_of(error: CronAppError) -> dict[str, str]:
    return {"Retry-After": str(error.retry_after)} if error.retry_after else {}


async def refused(error: CronAppError, *, target: str | None, name: str = "") -> ResponseReturnValue:
    """The sign-in page once more, with what was wrong."""
    return await login_page(error=str(error), target=target, name=name), error.status, retry_of(error)


async def login_page(*, error: str | None = None, sent: bool = False, target: str | None = None, name: str = "") -> str:
    return page(
        "login",
        page="login",
        stream=None,
        signed_in=False,
        accounts=await parts().people.any(),
        has_token=parts().signin.has_admin_token,
        sign_on=parts().sign_on.name if parts().sign_on else None,
        error=error,
        sent=sent,
        next=target,
        typed=name[:LONGEST_NAME],
    )


def code_page(*, error: str | None = None, target: str | None = None) -> str:
    return page("login_code", page="login", stream=None, signed_in=False, error=error, next=target)


def inside(address: str | None) -> str:
    """An address within this site; anything else becomes the overview.

    Browsers read a backslash as a slash and pass over tabs and line breaks, so these may not be in it.
    """
    if address is None or not address.startswith("/") or address.startswith("//"):
        return "/"
    return address if "\\" not in address and address.isprintable() else "/"
