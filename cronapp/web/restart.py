"""Emptying the server for a restart, from the system page."""

from __future__ import annotations

from quart import Blueprint
from quart.typing import ResponseReturnValue

from cronapp.web.auth import who
from cronapp.web.render import toast
from cronapp.web.shell import done
from cronapp.web.site import parts
from cronapp.web.views.framed import banner
from cronapp.web.views.system import restart_partial

pages = Blueprint("restart_pages", __name__)


@pages.post("/system/drain")
async def begin() -> ResponseReturnValue:
    await parts().drain.begin(who())
    return await shown("Nothing new starts until the restart.")


@pages.post("/system/drain/end")
async def end() -> ResponseReturnValue:
    await parts().drain.end(who())
    return await shown("The server takes slots and starts runs again.")


async def shown(text: str) -> ResponseReturnValue:
    return done("/system", await banner(parts()), await restart_partial(parts()), toast(text))
