"""The limits of groups and queues, on the system page."""

from __future__ import annotations

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.web.render import fragment, toast
from cronapp.web.shell import by_htmx, done
from cronapp.web.site import parts
from cronapp.web.system import system_page
from cronapp.web.views.system import limits_partial

pages = Blueprint("limits", __name__)


@pages.post("/limits")
async def put() -> ResponseReturnValue:
    """Sets the limit of a queue or a group, in place of the one it had."""
    texts = (await request.form).to_dict()
    kind, name = texts.get("kind", "queue"), texts.get("name", "").strip()
    given = given_of(texts)
    try:
        await parts().limits.set(kind, name, given)
    except InvalidInput as error:
        if by_htmx():
            return str(fragment("_limit_form", values=texts, errors=error.errors)), error.status
        return await system_page(texts, error.errors), error.status
    emptied = fragment("_limit_form", values={}, errors={})
    told = toast(f"The limit of the {kind} {name} is set.")
    return done("/system", emptied, await limits_partial(parts()), told)


@pages.post("/limits/<kind>/<name>/clear")
async def clear(kind: str, name: str) -> ResponseReturnValue:
    await parts().limits.clear(kind, name)
    return done("/system", await limits_partial(parts()), toast(f"The limit of the {kind} {name} is gone."))


def given_of(texts: dict[str, str]) -> Json:
    at_once, rate = texts.get("max_running", "").strip(), texts.get("rate", "").strip()
    given: Json = {}
    if at_once:
        given["max_running"] = int(at_once) if at_once.isdigit() else at_once
    if rate:
        given["rate"] = rate
    return given
