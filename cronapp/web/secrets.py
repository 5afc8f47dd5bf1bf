"""Stored secrets: listed, added, replaced, removed. No page shows a value."""

from __future__ import annotations

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import InvalidInput, NoSecretKey, SecretNotFound
from cronapp.web.render import toast
from cronapp.web.settings import part
from cronapp.web.shell import answered, ask, done
from cronapp.web.site import parts
from cronapp.web.views.settings import secrets_context, tasks_with

pages = Blueprint("secrets", __name__)
LIST = "/settings/secrets"


@pages.get(LIST)
async def index() -> str:
    return await part("secrets", await secrets_context(parts()))


@pages.get(f"{LIST}/put")
async def ask_put() -> ResponseReturnValue:
    return await asked(request.args.get("name", ""), {})


@pages.post(f"{LIST}/put")
async def put() -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    name, value = texts.get("name", "").strip(), texts.get("value", "").replace("\r\n", "\n")
    try:
        new = await parts().secrets.put(name, value)
    except InvalidInput as error:
        return await asked(name, error.errors, error.status)
    except NoSecretKey as error:
        return await asked(name, {"value": str(error)}, error.status)
    words = "is stored" if new else "has its new value, which the next runs get"
    return done(LIST, answered(), toast(f"The secret {name} {words}."))


@pages.get(f"{LIST}/<name>/remove")
async def ask_remove(name: str) -> ResponseReturnValue:
    found = next((one for one in await parts().secrets.all() if one.name == name), None)
    if found is None:
        raise SecretNotFound
    return await ask(
        "_ask_unsecret",
        nav="settings",
        title=f"Remove the secret {name}?",
        secret=name,
        count=found.jobs,
        jobs=await parts().secrets.users(name),
        tasks=tasks_with(parts(), name),
    )


@pages.post(f"{LIST}/<name>/remove")
async def remove(name: str) -> ResponseReturnValue:
    await parts().secrets.remove(name)
    return done(LIST, answered(), toast(f"The secret {name} is removed."))


async def asked(name: str, errors: dict[str, str], status: int = 200) -> ResponseReturnValue:
    """The value is never given back."""
    known = name in await parts().secrets.names()
    title = f"Replace the secret {name}" if known else "Store a secret"
    return await ask(
        "_ask_secret", nav="settings", title=title, status=status, values={"name": name}, errors=errors, known=known
    )
