"""GET /load: how many runs are going to meet, and which would wait."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from quart import request

from cronapp import wire
from cronapp.core.errors import InvalidInput
from cronapp.core.load import Bucket, coarser
from cronapp.service.load import Load
from cronapp.web.addresses import whole
from cronapp.web.described.part import Param, Part
from cronapp.web.site import parts

api = Part("load", __name__, "Limits")
MOST_HOURS, STEP = 168, 15  # minutes of a stretch
LISTED = 100  # jobs of a crowd
HOURS = Param("hours", "How far ahead.", Annotated[int, Field(ge=1, le=MOST_HOURS, default=24)])


@api.get("/load", params=(HOURS,))
async def show() -> wire.Load:
    """How many runs are going to meet, by quarters of an hour, and the worst moments of the whole forecast."""
    hours = whole(request.args.get("hours", "24"))
    if hours is None or hours > MOST_HOURS:
        raise InvalidInput.of("hours", f"Write a whole number from 1 to {MOST_HOURS}.")
    load = await parts().loads.look()
    return wire.Load(
        limit=load.limit,
        since=load.start,
        until=load.until,
        assumed=load.assumed,
        skipped=load.course.skipped,
        stretches=[told(load, one) for one in coarser(load.minutes[: hours * 60], STEP)],
        crowds=[wire.Crowd(**dict(told(load, one)), jobs=jobs_of(load, one)) for one in load.crowds()],
    )


def told(load: Load, one: Bucket) -> wire.Stretch:
    return wire.Stretch(
        at=load.moment(one),
        due=one.due,
        peak=one.peak,
        waiting=one.waiting,
        held=one.held,
        longest_wait=round(one.longest, 3),
    )


def jobs_of(load: Load, one: Bucket) -> list[str]:
    return [job.id for job in load.members(one)][:LISTED]
