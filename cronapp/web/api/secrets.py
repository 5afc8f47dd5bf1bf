"""/secrets: stored secrets by their names. No answer has a value in it."""

from __future__ import annotations

from quart import Blueprint
from quart.typing import ResponseReturnValue

from cronapp.core.errors import InvalidInput, SecretNotFound
from cronapp.core.models import Json
from cronapp.store.secrets import StoredSecret
from cronapp.web.api.asked import body
from cronapp.web.api.told import at, items
from cronapp.web.site import parts

api = Blueprint("secrets", __name__)


@api.get("/secrets")
async def index() -> Json:
    return items([secret_json(one) for one in await parts().secrets.all()])


@api.get("/secrets/<name>")
async def show(name: str) -> Json:
    return {**secret_json(await found(name)), "used_by": await parts().secrets.users(name)}


@api.put("/secrets/<name>")
async def put(name: str) -> ResponseReturnValue:
    """Stores `{"value": "…"}` under this name; 201 where it had none."""
    data = await body()
    value = data.get("value")
    if not isinstance(value, str) or data.keys() != {"value"}:
        raise InvalidInput.of("value", 'Send the secret as {"value": "…"}, and nothing else.')
    new = await parts().secrets.put(name, value)
    return secret_json(await found(name)), 201 if new else 200


@api.delete("/secrets/<name>")
async def remove(name: str) -> ResponseReturnValue:
    await parts().secrets.remove(name)
    return "", 204


async def found(name: str) -> StoredSecret:
    for one in await parts().secrets.all():
        if one.name == name:
            return one
    raise SecretNotFound


def secret_json(one: StoredSecret) -> Json:
    return {"name": one.name, "at": at(one.at), "by": one.by, "jobs": one.jobs}
