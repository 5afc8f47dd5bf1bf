"""One's own account: the password, the second factor, and the browsers in which one is signed in."""

from __future__ import annotations

from typing import Any

import segno
from markupsafe import Markup
from quart import Blueprint, redirect, request
from quart.typing import ResponseReturnValue

from cronapp.core.access import Role
from cronapp.core.errors import Busy, InvalidInput, NoAccount, TooManyAttempts, WrongCode, WrongPassword
from cronapp.core.people import Person
from cronapp.store.signin import Way
from cronapp.web.auth import own_session, visitor
from cronapp.web.login import let_in
from cronapp.web.render import toast
from cronapp.web.shell import done, show
from cronapp.web.site import parts
from cronapp.web.views.people import account_context

pages = Blueprint("account", __name__, url_prefix="/settings/account")
Texts = dict[str, str]
DIFFERENT = "The two are different. Write the same password twice."


@pages.get("")
async def index() -> str:
    return await shown(told=request.args.get("done", ""))


@pages.get("/new")
async def new() -> ResponseReturnValue:
    """For who came in without an account, as long as there is none: theirs becomes the first."""
    if not may_make() or await parts().people.any():
        return redirect("/settings/account")
    return await shown_new({}, {})


@pages.post("/new")
async def create() -> ResponseReturnValue:
    if not may_make():
        return redirect("/settings/account", 303)
    texts = (await request.form).to_dict()
    try:
        same_twice(texts)
        person = await parts().people.add(texts.get("name"), texts.get("password"), Role.ADMIN, first=True)
    except InvalidInput as error:
        return await shown_new(texts, error.errors), error.status
    return await let_in(await parts().signin.enter(person, Way.PASSWORD, visitor()), "/settings/account?done=made")


@pages.post("/password")
async def change_password() -> ResponseReturnValue:
    person, texts = await me(), (await request.form).to_dict()
    session = own_session()
    assert session is not None
    try:
        await confirmed(person, texts)
        same_twice(texts)
        await parts().people.set_password(person.id, texts.get("password"), keep=session.hash)
    except InvalidInput as error:
        return await shown(error.errors, form="password"), error.status
    secret = await parts().signin.enter(person, session.way or Way.PASSWORD, visitor())
    return await let_in(secret, "/settings/account?done=password")


# -- the second factor ------------------------------------------------------------------------------------------------


@pages.get("/factor")
async def factor() -> ResponseReturnValue:
    """What the app needs, until it has told its first code."""
    person = await me()
    return await shown_factor(person) or redirect("/settings/account")


@pages.post("/factor")
async def begin_factor() -> ResponseReturnValue:
    person, texts = await me(), (await request.form).to_dict()
    try:
        await confirmed(person, texts)
    except InvalidInput as error:
        return await shown(error.errors, form="factor"), error.status
    await parts().factor.begin(person)
    return redirect("/settings/account/factor", 303)


@pages.post("/factor/confirm")
async def confirm_factor() -> ResponseReturnValue:
    person, texts = await me(), (await request.form).to_dict()
    try:
        codes = await parts().factor.begin_use(person, texts.get("code", ""))
    except WrongCode as error:
        page = await shown_factor(person, {"code": str(error)})
        return (page, 422) if page else redirect("/settings/account", 303)
    return await shown_codes(codes, "on")


@pages.post("/factor/leave")
async def give_up_factor() -> ResponseReturnValue:
    await parts().factor.give_up(await me())
    return redirect("/settings/account", 303)


@pages.post("/factor/end")
async def end_factor() -> ResponseReturnValue:
    person, texts = await me(), (await request.form).to_dict()
    try:
        await confirmed(person, texts)
    except InvalidInput as error:
        return await shown(error.errors, form="factor"), error.status
    await parts().factor.end(person.id)
    return redirect("/settings/account?done=factor-off", 303)


@pages.post("/codes")
async def renew_codes() -> ResponseReturnValue:
    person, texts = await me(), (await request.form).to_dict()
    try:
        await confirmed(person, texts)
    except InvalidInput as error:
        return await shown(error.errors, form="codes"), error.status
    return await shown_codes(await parts().factor.renew_codes(person), "new")


# -- where one is signed in -------------------------------------------------------------------------------------------


@pages.post("/sessions/<session>/end")
async def end_session(session: str) -> ResponseReturnValue:
    await parts().signin.end(session, (await me()).id)
    return done("/settings/account", toast("The browser was signed out."))


@pages.post("/sessions/end")
async def end_others() -> ResponseReturnValue:
    person, session = await me(), own_session()
    gone = await parts().people.sign_out(person.id, keep=session.hash if session else "")
    told = toast(f"{gone} other browser{'s were' if gone != 1 else ' was'} signed out.")
    return done("/settings/account", told)


# -- what all of these need -------------------------------------------------------------------------------------------


async def me() -> Person:
    """Whose account it is. Raises `NoAccount` for who came in without one."""
    session = own_session()
    if session is None or session.user_id is None:
        raise NoAccount
    return await parts().people.get(session.user_id)


def may_make() -> bool:
    session = own_session()
    return session is not None and session.user_id is None


async def confirmed(person: Person, texts: Texts) -> None:
    """Asks for the current password before what a thief of a session must not do; raises `InvalidInput`."""
    if not person.has_password:
        raise NoAccount("You sign in elsewhere, so your password and your second factor are there.")
    try:
        await parts().signin.confirm(person.id, texts.get("current", ""), visitor())
    except (WrongPassword, TooManyAttempts, Busy) as error:
        raise InvalidInput.of("current", str(error)) from None


def same_twice(texts: Texts) -> None:
    if texts.get("password", "") != texts.get("again", ""):
        raise InvalidInput.of("again", DIFFERENT)


async def shown(errors: Texts | None = None, *, form: str = "", told: str = "") -> str:
    """`form` is the one that was refused."""
    context = await account_context(parts(), own_session())
    return await part("account", topic="account", errors=errors or {}, form=form, told=told, **context)


async def shown_new(texts: Texts, errors: Texts) -> str:
    return await part("account_new", values={"name": texts.get("name", "")}, errors=errors)


async def shown_factor(person: Person, errors: Texts | None = None) -> str | None:
    begun = await parts().factor.beginning(person)
    if begun is None:
        return None
    secret = " ".join(begun.secret[i : i + 4] for i in range(0, len(begun.secret), 4))
    return await part("account_factor", secret=secret, picture=picture(begun.uri), errors=errors or {})


async def shown_codes(codes: list[str], why: str) -> str:
    return await part("account_codes", codes=codes, why=why)


async def part(name: str, *, topic: str = "page", **context: Any) -> str:
    return await show("settings", nav="settings", topic=topic, part=name, **context)


def picture(text: str) -> Markup:
    """A text as a QR code. It is dark on light in both themes, as cameras want it."""
    svg = segno.make(text, error="m").svg_inline(scale=4, border=4, dark="#000", light="#fff", omitsize=True)
    return Markup(svg)  # noqa: S704, made of numbers
