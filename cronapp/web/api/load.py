"""GET /load: how many runs are going to meet, and which would wait."""

from __future__ import annotations

from quart import Blueprint, request

from cronapp.core.errors import InvalidInput
from cronapp.core.load import Bucket, coarser
from cronapp.core.models import Json
from cronapp.service.load import Load
from cronapp.web.addresses import whole
from cronapp.web.api.told import at
from cronapp.web.site import parts

api = Blueprint("load", __name__)
MOST_HOURS, STEP = 168, 15  # minutes of a stretch
LISTED = 100  # jobs of a crowd


@api.get("/load")
async def show() -> Json:
    """The next `hours` (24) by quarters of an hour, and the worst moments of the whole forecast."""
    hours = whole(request.args.get("hours", "24"))
    if hours is None or hours > MOST_HOURS:
        raise InvalidInput.of("hours", f"Write a whole number from 1 to {MOST_HOURS}.")
    load = await parts().loads.look()
    return {
        "limit": load.limit,
        "from": at(load.start),
        "until": at(load.until),
        "assumed": load.assumed,
        "skipped": load.course.skipped,
        "stretches": [told(load, one) for one in coarser(load.minutes[: hours * 60], STEP)],
        "crowds": [{**told(load, one), "jobs": jobs_of(load, one)} for one in load.crowds()],
    }


def told(load: Load, one: Bucket) -> Json:
    return {
        "at": at(load.moment(one)),
        "due": one.due,
        "peak": one.peak,
        "waiting": one.waiting,
        "held": one.held,
        "longest_wait": round(one.longest, 3),
    }


def jobs_of(load: Load, one: Bucket) -> list[str]:
    return [job.id for job in load.members(one)][:LISTED]
