"""/secrets: stored secrets by their names. No answer has a value in it."""

from __future__ import annotations

from cronapp import wire
from cronapp.core.errors import InvalidInput, NoSecretKey, SecretNotFound
from cronapp.store.secrets import StoredSecret
from cronapp.web.api.asked import body
from cronapp.web.api.told import items
from cronapp.web.described.part import Part
from cronapp.web.described.replies import Done, Stored
from cronapp.web.site import parts

api = Part("secrets", __name__, "Secrets")


@api.get("/secrets")
async def index() -> wire.Items[wire.Secret]:
    """The stored secrets, without their values."""
    return items(wire.Secret, [secret_told(one) for one in await parts().secrets.all()])


@api.get("/secrets/<name>", refuses=(SecretNotFound,))
async def show(name: str) -> wire.UsedSecret:
    """One stored secret, and the jobs that name it."""
    one = await found(name)
    used_by = await parts().secrets.users(name)
    return wire.UsedSecret(name=one.name, at=one.at, by=one.by, jobs=one.jobs, used_by=used_by)


@api.put("/secrets/<name>", takes=wire.SecretAsked, refuses=(NoSecretKey,))
async def put(name: str) -> wire.Secret | Stored[wire.Secret]:
    """Store a value under this name; 201 where it had none."""
    data = await body()
    value = data.get("value")
    if not isinstance(value, str) or data.keys() != {"value"}:
        raise InvalidInput.of("value", 'Send the secret as {"value": "…"}, and nothing else.')
    new = await parts().secrets.put(name, value)
    told = secret_told(await found(name))
    return Stored(told) if new else told


@api.delete("/secrets/<name>", refuses=(SecretNotFound,))
async def remove(name: str) -> Done:
    """Remove a stored secret."""
    await parts().secrets.remove(name)
    return Done()


async def found(name: str) -> StoredSecret:
    for one in await parts().secrets.all():
        if one.name == name:
            return one
    raise SecretNotFound


def secret_told(one: StoredSecret) -> wire.Secret:
    return wire.Secret(name=one.name, at=one.at, by=one.by, jobs=one.jobs)
