"""/users: the accounts. No answer tells a password, nor what is kept of one."""

from __future__ import annotations

from werkzeug.urls import iri_to_uri

from cronapp import wire
from cronapp.core.errors import Busy, Conflict, InvalidInput, LastAdmin, PersonNotFound
from cronapp.core.people import Person
from cronapp.web.api.asked import AFTER_NAME, LIMIT, cursor_text, limit, only
from cronapp.web.api.told import items, tags_told
from cronapp.web.described.part import Part
from cronapp.web.described.replies import Created, Done
from cronapp.web.people import refuse_own
from cronapp.web.site import parts

api = Part("users", __name__, "Users")


@api.get("/users", params=(AFTER_NAME, LIMIT))
async def index() -> wire.Items[wire.User]:
    """The accounts in the order of their names."""
    people, following = await parts().people.page(after=cursor_text(), limit=limit())
    return items(wire.User, await told(people), following)


@api.post("/users", takes=wire.UserAsked, refuses=(Busy,))
async def add() -> Created[wire.User]:
    """Make an account."""
    sent = await only(wire.UserAsked)
    person = await parts().people.add(sent.get("name"), sent.get("password"), sent.get("role"), sent.get("tags"))
    return Created((await told([person]))[0], iri_to_uri(f"/api/v1/users/{person.name}"))


@api.get("/users/<name>", refuses=(PersonNotFound,))
async def show(name: str) -> wire.User:
    """One account."""
    return (await told([await parts().people.find(name)]))[0]


@api.patch("/users/<name>", takes=wire.UserChange, refuses=(PersonNotFound, LastAdmin))
async def change(name: str) -> wire.User:
    """Give another role, other tags (null: all jobs), or disable an account."""
    sent = await only(wire.UserChange)
    if not isinstance(sent.get("disabled", False), bool):
        raise InvalidInput.of("disabled", "Write true or false.")
    people = parts().people
    person = await people.find(name)
    sight = person.sight
    tags = sent.get("tags", None if sight.tags is None else sorted(sight.tags))
    person = await people.change(person.id, sent.get("role", sight.role), tags)
    if "disabled" in sent:
        person = await (people.disable if sent["disabled"] else people.enable)(person.id)
    return (await told([person]))[0]


@api.delete("/users/<name>", refuses=(PersonNotFound, LastAdmin))
async def remove(name: str) -> Done:
    """Remove an account."""
    await parts().people.remove((await parts().people.find(name)).id)
    return Done()


@api.post("/users/<name>/password", takes=wire.PasswordAsked, refuses=(PersonNotFound, Conflict, Busy))
async def set_password(name: str) -> Done:
    """Set a new password, and sign them out everywhere. Not of one's own account."""
    sent = await only(wire.PasswordAsked)
    person = await parts().people.find(name)
    refuse_own(person.id)
    await parts().people.set_password(person.id, sent.get("password"))
    return Done()


@api.delete("/users/<name>/sessions", refuses=(PersonNotFound,))
async def sign_out(name: str) -> wire.SignedOut:
    """Sign them out everywhere."""
    person = await parts().people.find(name)
    return wire.SignedOut(ended=await parts().people.sign_out(person.id))


@api.delete("/users/<name>/second-factor", refuses=(PersonNotFound, Conflict))
async def end_factor(name: str) -> Done:
    """Turn the second factor off, for who lost the app and the recovery codes. Not of one's own account."""
    person = await parts().people.find(name)
    refuse_own(person.id)
    await parts().factor.end(person.id)
    return Done()


async def told(people: list[Person]) -> list[wire.User]:
    browsers = await parts().people.browsers(people)
    return [user_told(person, browsers.get(person.id, 0)) for person in people]


def user_told(person: Person, browsers: int) -> wire.User:
    return wire.User(
        name=person.name,
        role=person.sight.role,
        tags=tags_told(person.sight),
        created_at=person.created_at,
        created_by=person.by,
        seen_at=person.seen_at,
        password_changed_at=person.changed_at if person.has_password else None,
        second_factor=person.second_factor,
        disabled=person.disabled_at is not None,
        disabled_at=person.disabled_at,
        sessions=browsers,
    )
