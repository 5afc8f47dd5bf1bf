"""The system page."""

from __future__ import annotations

from collections.abc import Mapping

from quart import Blueprint, request

from cronapp.service.limits import LimitRow
from cronapp.web.shell import show
from cronapp.web.site import parts
from cronapp.web.views.system import nodes_context, restart_context, system_context

pages = Blueprint("system", __name__)


@pages.get("/system")
async def system() -> str:
    return await system_page()


async def system_page(values: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None) -> str:
    """The page, with what was typed into the form of limits and what is wrong with it."""
    limits = await parts().limits.all()
    context = {
        **await system_context(parts()),
        **await restart_context(parts()),
        **await nodes_context(parts()),
        "limits": limits,
    }
    typed = values or chosen_limit(limits, request.args.get("limit", ""))
    return await show("system", nav="system", topic="system", values=typed, errors=errors or {}, **context)


def chosen_limit(limits: list[LimitRow], name: str) -> dict[str, str]:
    """A limit that is to be changed, as the form has it."""
    for row in limits:
        one = row.limit
        if name == f"{one.kind}:{one.name}":
            at_once = str(row.at_once or "")
            return {"kind": one.kind, "name": one.name, "max_running": at_once, "rate": str(one.rate or "")}
    return {}
