"""/safe-restart and /drain: what a restart would meet, and emptying the server for it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from quart import request

from cronapp import wire
from cronapp.core.errors import InvalidInput
from cronapp.service.restarts import Ending
from cronapp.web.auth import who
from cronapp.web.described.part import Param, Part
from cronapp.web.site import parts

api = Part("restart", __name__, "Server")
MOST_MINUTES = 1440.0
MINUTES = Param("minutes", "How long a gap is wanted.", Annotated[float, Field(gt=0, le=MOST_MINUTES, default=5)])


@api.get("/safe-restart", params=(MINUTES,))
async def safe_restart() -> wire.SafeRestart:
    """What runs, what is due, the next gap, and whether all is quiet."""
    house = parts()
    found = await house.restarts.look(minutes())
    return wire.SafeRestart(
        safe=found.safe,
        words=found.words(),
        minutes=found.minutes,
        running=[running_told(one) for one in found.running],
        waiting=found.waiting,
        due=[wire.DueSlot(job=job.id, slot=job.next_slot) for job in found.due],
        gap=wire.Gap(at=found.gap, minutes=found.minutes) if found.gap else None,
        draining=house.drain.since is not None,
    )


@api.get("/drain")
async def state() -> wire.Drain:
    """Whether this server is emptied for a restart."""
    since = parts().drain.since
    return wire.Drain(draining=since is not None, since=since)


@api.post("/drain")
async def begin() -> wire.Drain:
    """Empty this server: it takes no new slot and starts no run; what runs goes on. Gone with a restart."""
    await parts().drain.begin(who())
    return await state()


@api.delete("/drain")
async def end() -> wire.Drain:
    """Let this server work again."""
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


def running_told(one: Ending) -> wire.Ending:
    run = one.run
    return wire.Ending(run=run.id, job=run.job, started_at=run.started_at, ends_about=one.ends_about)
