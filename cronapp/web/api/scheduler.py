"""/scheduler: whether it runs; paused, resumed."""

from __future__ import annotations

from quart import Blueprint

from cronapp.core.models import Json, SchedulerPause
from cronapp.web.api.asked import body, reason_of, until_of
from cronapp.web.api.told import pause_json
from cronapp.web.auth import who
from cronapp.web.site import parts

api = Blueprint("scheduler", __name__)


@api.get("/scheduler")
async def show() -> Json:
    return told(await parts().switch.state())


@api.post("/scheduler/pause")
async def pause() -> Json:
    """No slot of any job runs until it is resumed."""
    sent = await body(needed=False)
    await parts().switch.pause(reason_of(sent), by=who(), until=until_of(sent, parts().clock()))
    return await show()


@api.post("/scheduler/resume")
async def resume() -> Json:
    await parts().switch.resume(str((await body(needed=False)).get("catch_up", "none")))
    return await show()


def told(switch: SchedulerPause | None) -> Json:
    state = "running" if switch is None else "paused"
    return {"state": state, "reason": switch and switch.reason, "pause": pause_json(switch)}
