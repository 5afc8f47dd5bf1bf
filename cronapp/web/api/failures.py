"""/errors: failures by their groups."""

from __future__ import annotations

from typing import Literal

from quart import request

from cronapp import wire
from cronapp.core.error_groups import ErrorGroup
from cronapp.core.errors import ErrorGroupNotFound, InvalidInput
from cronapp.core.ranges import RANGES, Range
from cronapp.store.failures import Asked
from cronapp.web.api.asked import CURSOR, LIMIT, SINCE, UNTIL, limit, moment, number
from cronapp.web.api.told import cursor, error_told
from cronapp.web.described.part import Param, Part
from cronapp.web.site import parts

api = Part("failures", __name__, "Errors")
WHICH = (
    Param("within", "The time up to now: 7 days if none is asked for.", Literal["", *RANGES]),
    *(SINCE, UNTIL),
    Param("job", "Of this job."),
    Param("q", "A text in the type, the message or the place."),
)


@api.get("/errors", params=(*WHICH, CURSOR, LIMIT))
async def index() -> wire.ErrorGroupItems:
    """Failures by their groups, the one that failed last first."""
    found = await parts().failures.groups(asked(), before=number("cursor"), limit=limit())
    return wire.ErrorGroupItems(
        items=[group_told(group) for group in found.groups],
        next=cursor(found.next),
        count=found.count,
        failures=found.failures,
    )


@api.get("/errors/<group>", params=WHICH, refuses=(ErrorGroupNotFound,))
async def show(group: str) -> wire.ErrorDetail:
    """One group, with the frames of its newest run."""
    found = await parts().failures.detail(group, asked())
    error = found.newest.error
    return wire.ErrorDetail(
        **dict(group_told(found.group)),
        versions=found.versions,
        environments=found.environments,
        error=error_told(error) if error else None,
    )


def asked() -> Asked:
    return parts().failures.asked(stretch(), job=request.args.get("job", ""), q=request.args.get("q", ""))


def stretch() -> Range:
    within = request.args.get("within", "")
    if within and within not in RANGES:
        raise InvalidInput.of("within", f"Write {', '.join(RANGES)}.")
    ends = Range("", moment("since"), moment("until"))
    return Range(within or "7d") if ends.any else ends


def group_told(group: ErrorGroup) -> wire.ErrorGroup:
    return wire.ErrorGroup(
        id=group.id,
        type=group.title,
        message=group.message,
        frame=group.newest.error_frame,
        state=group.standing,
        count=group.count,
        first_seen=group.first_seen,
        last_seen=group.last_seen,
        last_run=group.newest.id,
        job_count=group.jobs,
        jobs=[wire.Hit(id=hit.job, count=hit.count, last_run=hit.last, failing=hit.failing) for hit in group.hits],
        bars=list(group.bars),
    )
