"""The master switch: pausing and resuming the whole scheduler."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import InvalidInput
from cronapp.core.zones import zone
from cronapp.web.auth import who
from cronapp.web.forms import until_of
from cronapp.web.render import fragment, toast
from cronapp.web.schedules import Texts, local
from cronapp.web.shell import answered, ask, by_htmx, done, go
from cronapp.web.site import parts
from cronapp.web.views.framed import banner

pages = Blueprint("switch", __name__)


@pages.get("/scheduler/pause")
async def ask_pause() -> ResponseReturnValue:
    return await asked(request.args.to_dict() or await as_it_is())


@pages.get("/scheduler/pause/told")
async def told() -> str:
    """What the pause would mean, as it is chosen so far."""
    return str(await consequences(request.args.to_dict()))


@pages.post("/scheduler/pause")
async def pause() -> ResponseReturnValue:
    texts = (await request.form).to_dict()
    try:
        until = until_of(texts, parts().clock(), zone(parts().timezone))
        await parts().switch.pause(texts.get("reason"), by=who(), until=until)
    except InvalidInput as error:
        return await asked(texts, error)
    return done("/system", answered(), await banner(parts()), toast("The scheduler is paused."))


@pages.get("/scheduler/resume")
async def ask_resume() -> ResponseReturnValue:
    switch = await parts().switch.state()
    if switch is None:
        return go("/system")
    context: dict[str, Any] = {"switch": switch, "missed": await parts().switch.missed()}
    return await ask("_ask_resume_all", nav="system", title="Resume the scheduler", **context)


@pages.post("/scheduler/resume")
async def resume() -> ResponseReturnValue:
    """Resumes at once where nothing was missed; else it asks what becomes of that, unless it is said."""
    catch_up = (await request.form).get("catch_up")
    if catch_up is None and await parts().switch.state() and (await parts().switch.missed()).jobs:
        return await ask_resume() if by_htmx() else go("/scheduler/resume")
    await parts().switch.resume(catch_up or "none")
    return done("/system", answered(), await banner(parts()), toast("The scheduler runs again."))


async def as_it_is() -> dict[str, str]:
    """The form of a pause that is there already, to be changed."""
    switch = await parts().switch.state()
    if switch is None:
        return {}
    end = {"until": "at", "until_at": local(switch.until, zone(parts().timezone))} if switch.until else {}
    return {"reason": switch.reason or "", **end}


async def asked(texts: Texts, error: InvalidInput | None = None) -> ResponseReturnValue:
    context: dict[str, Any] = {
        "action": "/scheduler/pause",
        "back": "/system",
        "told": await consequences(texts),
        "values": texts,
        "errors": error.errors if error else {},
        "zone": parts().timezone,
    }
    switch = await parts().switch.state()
    title = "Change the pause of the scheduler" if switch else "Pause the whole scheduler"
    return await ask("_ask_pause", nav="system", title=title, status=error.status if error else 200, **context)


async def consequences(texts: Texts) -> Markup:
    try:
        until = until_of(texts, parts().clock(), zone(parts().timezone))
    except InvalidInput:  # while it is typed; the form says so when it is sent
        return fragment("_pause_told_all", held=None)
    return fragment("_pause_told_all", held=await parts().switch.pausing(until), until=until)
