"""/safe-restart and /drain: what a restart would meet, and emptying the server for it."""

from __future__ import annotations

from quart import Blueprint, request

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.service.restarts import Ending
from cronapp.web.api.told import at
from cronapp.web.auth import who
from cronapp.web.site import parts

api = Blueprint("restart", __name__)
MOST_MINUTES = 1440.0


@api.get("/safe-restart")
async def safe_restart() -> Json:
    """What runs, what is due, and the next gap of `minutes` (5)."""
    house = parts()
    found = await house.restarts.look(minutes())
    return {
        "safe": found.safe,
        "words": found.words(),
        "minutes": found.minutes,
        "running": [running_json(one) for one in found.running],
        "waiting": found.waiting,
        "due": [{"job": job.id, "slot": at(job.next_slot)} for job in found.due],
        "gap": {"at": at(found.gap), "minutes": found.minutes} if found.gap else None,
        "draining": house.drain.since is not None,
    }


@api.get("/drain")
async def state() -> Json:
    since = parts().drain.since
    return {"draining": since is not None, "since": at(since)}


@api.post("/drain")
async def begin() -> Json:
    """This server takes no new slot and starts no run; what runs goes on. Gone with a restart."""
    await parts().drain.begin(who())
    return await state()


@api.delete("/drain")
async def end() -> Json:
    await parts().drain.end(who())
    return await state()


def minutes() -> float:
    try:
        value = float(request.args.get("minutes", "5"))
    except ValueError:
        value = 0.0
    if not 0 < value <= MOST_MINUTES:
        raise InvalidInput.of("minutes", f"Write a number of minutes, above 0 and up to {MOST_MINUTES:,.0f}.")
    return value


def running_json(one: Ending) -> Json:
    run = one.run
    return {"run": run.id, "job": run.job, "started_at": at(run.started_at), "ends_about": at(one.ends_about)}
