"""/users: the accounts. No answer tells a password, nor what is kept of one."""

from __future__ import annotations

from quart import Blueprint
from quart.typing import ResponseReturnValue
from werkzeug.urls import iri_to_uri

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.core.people import Person
from cronapp.web.api.asked import body, cursor_text, limit
from cronapp.web.api.told import at, items
from cronapp.web.people import refuse_own
from cronapp.web.site import parts

api = Blueprint("users", __name__)


@api.get("/users")
async def index() -> Json:
    """The accounts in the order of their names."""
    people, following = await parts().people.page(after=cursor_text(), limit=limit())
    return items(await told(people), following)


@api.post("/users")
async def add() -> ResponseReturnValue:
    sent = only(await body(), "name", "password", "role", "tags")
    person = await parts().people.add(sent.get("name"), sent.get("password"), sent.get("role"), sent.get("tags"))
    return (await told([person]))[0], 201, {"Location": iri_to_uri(f"/api/v1/users/{person.name}")}


@api.get("/users/<name>")
async def show(name: str) -> Json:
    return (await told([await parts().people.find(name)]))[0]


@api.patch("/users/<name>")
async def change(name: str) -> Json:
    """Another role, other tags (null: all jobs), or `disabled`."""
    sent = only(await body(), "role", "tags", "disabled")
    if not isinstance(sent.get("disabled", False), bool):
        raise InvalidInput.of("disabled", "Write true or false.")
    people = parts().people
    person = await people.find(name)
    wanted = {**person.sight.words, **sent}
    person = await people.change(person.id, wanted["role"], wanted["tags"])
    if "disabled" in sent:
        person = await (people.disable if sent["disabled"] else people.enable)(person.id)
    return (await told([person]))[0]


@api.delete("/users/<name>")
async def remove(name: str) -> ResponseReturnValue:
    await parts().people.remove((await parts().people.find(name)).id)
    return "", 204


@api.post("/users/<name>/password")
async def set_password(name: str) -> ResponseReturnValue:
    """Signs them out everywhere."""
    sent = only(await body(), "password")
    person = await parts().people.find(name)
    refuse_own(person.id)
    await parts().people.set_password(person.id, sent.get("password"))
    return "", 204


@api.delete("/users/<name>/sessions")
async def sign_out(name: str) -> Json:
    """Signs them out everywhere."""
    person = await parts().people.find(name)
    return {"ended": await parts().people.sign_out(person.id)}


@api.delete("/users/<name>/second-factor")
async def end_factor(name: str) -> ResponseReturnValue:
    """For who lost the app and the recovery codes."""
    person = await parts().people.find(name)
    refuse_own(person.id)
    await parts().factor.end(person.id)
    return "", 204


def only(sent: Json, *names: str) -> Json:
    """What was sent, if nothing else was."""
    if unknown := sorted(sent.keys() - set(names)):
        raise InvalidInput({name: f"There is no such field. There are {', '.join(names)}." for name in unknown})
    return sent


async def told(people: list[Person]) -> list[Json]:
    browsers = await parts().people.browsers(people)
    return [user_json(person, browsers.get(person.id, 0)) for person in people]


def user_json(person: Person, browsers: int) -> Json:
    return {
        "name": person.name,
        **person.sight.words,
        "created_at": at(person.created_at),
        "created_by": person.by,
        "seen_at": at(person.seen_at),
        "password_changed_at": at(person.changed_at) if person.has_password else None,
        "second_factor": person.second_factor,
        "disabled": person.disabled_at is not None,
        "disabled_at": at(person.disabled_at),
        "sessions": browsers,
    }
