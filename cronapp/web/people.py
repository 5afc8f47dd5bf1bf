"""The people: their accounts, and the browsers in which they are signed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quart import Blueprint, redirect, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import Conflict, InvalidInput
from cronapp.core.people import Person
from cronapp.web.account import Texts, same_twice
from cronapp.web.auth import own_secret, own_session
from cronapp.web.render import toast
from cronapp.web.shell import answered, ask, done, go, show
from cronapp.web.site import parts
from cronapp.web.views.people import ROLES, people_context, person_context

pages = Blueprint("people", __name__, url_prefix="/settings/people")
OWN = "This is your own account. Change that on its own page, where your current password is asked."


@pages.get("")
async def index() -> str:
    context = await people_context(parts(), request.args.to_dict(), own_session())
    return await show("settings", nav="settings", topic="settings:people", part="people", **context)


@pages.get("/new")
async def new() -> str:
    return await shown_new({"role": "operator"}, {})


@pages.post("")
async def add() -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    try:
        same_twice(texts)
        person = await parts().people.add(texts.get("name"), texts.get("password"), texts.get("role"), tags_of(texts))
    except InvalidInput as error:
        return await shown_new(texts, error.errors), error.status
    return redirect(f"{address(person)}?done=added", 303)


@pages.get("/<int:person_id>")
async def person(person_id: int) -> str:
    return await shown(person_id, told=request.args.get("done", ""))


@pages.post("/<int:person_id>")
async def change(person_id: int) -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    try:
        changed = await parts().people.change(person_id, texts.get("role"), tags_of(texts))
    except InvalidInput as error:
        return await shown(person_id, texts, error.errors), error.status
    return redirect(f"{address(changed)}?done=changed", 303)


@pages.post("/<int:person_id>/password")
async def set_password(person_id: int) -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    refuse_own(person_id)
    try:
        same_twice(texts)
        changed = await parts().people.set_password(person_id, texts.get("password"))
    except InvalidInput as error:
        return await shown(person_id, None, error.errors), error.status
    return redirect(f"{address(changed)}?done=password", 303)


@pages.post("/<int:person_id>/factor/end")
async def end_factor(person_id: int) -> ResponseReturnValue:
    refuse_own(person_id)
    await parts().factor.end(person_id)
    return done(f"/settings/people/{person_id}?done=factor-off", toast("The second factor is off."))


@pages.post("/<int:person_id>/sign-out")
async def sign_out(person_id: int) -> ResponseReturnValue:
    own = own_session()
    gone = await parts().people.sign_out(person_id, keep=own.hash if own else "")
    return done(f"/settings/people/{person_id}", toast(f"{browsers(gone)} signed out."))


@pages.get("/<int:person_id>/disable")
async def ask_disable(person_id: int) -> ResponseReturnValue:
    return await asked("_ask_disable", person_id, "Disable the account of {}?")


@pages.post("/<int:person_id>/disable")
async def disable(person_id: int) -> ResponseReturnValue:
    person = await parts().people.disable(person_id)
    return done(address(person), answered(), toast(f"{person.name} is signed out and cannot sign in."))


@pages.post("/<int:person_id>/enable")
async def enable(person_id: int) -> ResponseReturnValue:
    person = await parts().people.enable(person_id)
    return done(address(person), toast(f"{person.name} can sign in again."))


@pages.get("/<int:person_id>/remove")
async def ask_remove(person_id: int) -> ResponseReturnValue:
    return await asked("_ask_remove_person", person_id, "Remove the account of {}?")


@pages.post("/<int:person_id>/remove")
async def remove(person_id: int) -> ResponseReturnValue:
    await parts().people.remove(person_id)
    return go("/settings/people")


@pages.get("/end")
async def ask_end_others() -> ResponseReturnValue:
    own = own_session()
    others = [one for one in await parts().signin.sessions() if own is None or one.hash != own.hash]
    title = f"Sign out {len(others)} other browser{'s' if len(others) != 1 else ''}?"
    return await ask("_ask_sign_out", nav="settings", title=title)


@pages.post("/end")
async def end_others() -> ResponseReturnValue:
    gone = await parts().signin.end_others(own_secret())
    return done("/settings/people", answered(), toast(f"{browsers(gone, 'other ')} signed out."))


@pages.post("/<session>/end")
async def end(session: str) -> ResponseReturnValue:
    await parts().signin.end(session)
    return done("/settings/people", toast("The browser was signed out."))


def tags_of(texts: Mapping[str, str]) -> list[str] | None:
    """Typed with commas between them; None: none were, so all jobs are meant."""
    return [tag.strip() for tag in texts.get("tags", "").split(",") if tag.strip()] or None


def refuse_own(person_id: int) -> None:
    """A session alone must not be enough to take an account over."""
    own = own_session()
    if own is not None and own.user_id == person_id:
        raise Conflict(OWN)


def browsers(gone: int, which: str = "") -> str:
    return f"{gone} {which}browser{'s were' if gone != 1 else ' was'}"


def address(person: Person) -> str:
    return f"/settings/people/{person.id}"


async def asked(name: str, person_id: int, title: str) -> ResponseReturnValue:
    context = await person_context(parts(), person_id, own_session())
    return await ask(name, nav="settings", title=title.format(context["person"].name), **context)


async def shown_new(texts: Texts, errors: Texts) -> str:
    values = {name: text for name, text in texts.items() if name in ("name", "role", "tags")}
    return await show("settings", nav="settings", part="person_new", values=values, errors=errors, roles=ROLES)


async def shown(person_id: int, texts: Texts | None = None, errors: Texts | None = None, *, told: str = "") -> str:
    context: dict[str, Any] = await person_context(parts(), person_id, own_session())
    sight = context["person"].sight
    values = texts or {"role": sight.role.value, "tags": ", ".join(sorted(sight.tags or ()))}
    context |= {"values": values, "errors": errors or {}, "told": told, "roles": ROLES}
    return await show("settings", nav="settings", topic=f"person:{person_id}", part="person", **context)
