"""/errors: failures by their groups."""

from __future__ import annotations

from quart import Blueprint, request

from cronapp.core.error_groups import ErrorGroup
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.core.ranges import RANGES, Range
from cronapp.store.failures import Asked
from cronapp.web.api.asked import limit, moment, number
from cronapp.web.api.told import at, error_json, items
from cronapp.web.site import parts

api = Blueprint("failures", __name__)


@api.get("/errors")
async def index() -> Json:
    """The groups of what failed within a time, the last 7 days if none is asked for."""
    found = await parts().failures.groups(asked(), before=number("cursor"), limit=limit())
    told = items([group_json(group) for group in found.groups], found.next)
    return {**told, "count": found.count, "failures": found.failures}


@api.get("/errors/<group>")
async def show(group: str) -> Json:
    found = await parts().failures.detail(group, asked())
    error = found.newest.error
    return {
        **group_json(found.group),
        "versions": found.versions,
        "environments": found.environments,
        "error": error_json(error) if error else None,
    }


def asked() -> Asked:
    return parts().failures.asked(stretch(), job=request.args.get("job", ""), q=request.args.get("q", ""))


def stretch() -> Range:
    within = request.args.get("within", "")
    if within and within not in RANGES:
        raise InvalidInput.of("within", f"Write {', '.join(RANGES)}.")
    ends = Range("", moment("since"), moment("until"))
    return Range(within or "7d") if ends.any else ends


def group_json(group: ErrorGroup) -> Json:
    return {
        "id": group.id,
        "type": group.title,
        "message": group.message,
        "frame": group.newest.error_frame,
        "state": group.standing,
        "count": group.count,
        "first_seen": at(group.first_seen),
        "last_seen": at(group.last_seen),
        "last_run": group.newest.id,
        "job_count": group.jobs,
        "jobs": [
            {"id": hit.job, "count": hit.count, "last_run": hit.last, "failing": hit.failing} for hit in group.hits
        ],
        "bars": list(group.bars),
    }
