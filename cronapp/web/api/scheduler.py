"""/scheduler: whether it runs; paused, resumed."""

from __future__ import annotations

from cronapp import wire
from cronapp.core.models import SchedulerPause
from cronapp.web.api.asked import body, reason_of, until_of
from cronapp.web.api.told import pause_told
from cronapp.web.auth import who
from cronapp.web.described.part import Part
from cronapp.web.site import parts

api = Part("scheduler", __name__, "Server")


@api.get("/scheduler")
async def show() -> wire.Scheduler:
    """Whether slots run at all, or who paused the whole scheduler."""
    return told(await parts().switch.state())


@api.post("/scheduler/pause", takes=wire.PauseAsked, needed=False)
async def pause() -> wire.Scheduler:
    """No slot of any job runs until it is resumed."""
    sent = await body(needed=False)
    await parts().switch.pause(reason_of(sent), by=who(), until=until_of(sent, parts().clock()))
    return await show()


@api.post("/scheduler/resume", takes=wire.ResumeAsked, needed=False)
async def resume() -> wire.Scheduler:
    """Slots run again."""
    await parts().switch.resume(str((await body(needed=False)).get("catch_up", "none")))
    return await show()


def told(switch: SchedulerPause | None) -> wire.Scheduler:
    if switch is None:
        return wire.Scheduler(state="running", reason=None, pause=None)
    return wire.Scheduler(state="paused", reason=switch.reason, pause=pause_told(switch))
