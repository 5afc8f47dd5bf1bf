"""The settings: each part has an address of its own."""

from __future__ import annotations

from typing import Any

from quart import Blueprint, Response, request
from quart.typing import ResponseReturnValue

from cronapp.store.signin import Session
from cronapp.web import cookies
from cronapp.web.audit_files import as_csv, as_json_lines
from cronapp.web.log import download
from cronapp.web.render import toast
from cronapp.web.shell import answered, ask, done, show
from cronapp.web.site import parts
from cronapp.web.views.settings import audit_context, audit_filter, general_context, people_context, views_context

pages = Blueprint("settings", __name__)


@pages.get("/settings")
async def general() -> str:
    return await part("general", general_context(parts()))


@pages.get("/settings/people")
async def people() -> str:
    return await part("people", await people_context(parts(), await own_session()))


@pages.get("/settings/people/end")
async def ask_end_others() -> ResponseReturnValue:
    own = await own_session()
    others = [one for one in await parts().signin.sessions() if own is None or one.hash != own.hash]
    title = f"Sign out {len(others)} other browser{'s' if len(others) != 1 else ''}?"
    return await ask("_ask_sign_out", nav="settings", title=title)


@pages.post("/settings/people/end")
async def end_others() -> ResponseReturnValue:
    gone = await parts().signin.end_others(own_secret())
    told = toast(f"{gone} other browser{'s were' if gone != 1 else ' was'} signed out.")
    return done("/settings/people", answered(), told)


@pages.post("/settings/people/<session>/end")
async def end(session: str) -> ResponseReturnValue:
    await parts().signin.end(session)
    return done("/settings/people", toast("The browser was signed out."))


@pages.get("/settings/audit")
async def audit() -> str:
    return await part("audit", await audit_context(parts(), request.args.to_dict()))


@pages.get("/settings/audit.csv")
async def audit_csv() -> Response:
    """All that fits the filters of the page."""
    content = as_csv(parts().audit, audit_filter(request.args.to_dict()))
    return download(content, "text/csv; charset=utf-8", "audit.csv")


@pages.get("/settings/audit.jsonl")
async def audit_lines() -> Response:
    """The same, one JSON object a line."""
    content = as_json_lines(parts().audit, audit_filter(request.args.to_dict()))
    return download(content, "application/x-ndjson", "audit.jsonl")


@pages.get("/settings/views")
async def views() -> str:
    return await part("views", await views_context(parts()))


@pages.get("/settings/browser")
async def browser() -> str:
    return await part("browser", {})


async def part(name: str, context: dict[str, Any]) -> str:
    return await show("settings", nav="settings", topic=f"settings:{name}", part=name, **context)


def own_secret() -> str:
    return cookies.read()


async def own_session() -> Session | None:
    """The session of the browser that asks; None for a program with a token."""
    return await parts().signin.session(own_secret()) if own_secret() else None
