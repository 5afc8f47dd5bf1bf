"""/jobs/{id}/backfill: the slots of a past window, run after all."""

from __future__ import annotations

from cronapp import wire
from cronapp.core.backfills import BackfillRow
from cronapp.core.errors import Conflict, InvalidInput, TaskGone
from cronapp.core.models import Json
from cronapp.service.backfills import Opened, Window
from cronapp.web.api.asked import body, fields_of, parse_moment
from cronapp.web.api.told import items
from cronapp.web.auth import who
from cronapp.web.described.part import Part
from cronapp.web.described.replies import Accepted
from cronapp.web.site import parts

FIELDS = fields_of(wire.BackfillAsked)
api = Part("backfills", __name__, "Backfills")
MOST_TOLD = 500


@api.post("/jobs/<job_id>/backfill", takes=wire.BackfillAsked, refuses=(Conflict, TaskGone))
async def open_backfill(job_id: str) -> Accepted[wire.BackfillOpened] | wire.BackfillPlan:
    """Run the slots of a past window.

    With `dry_run` it only tells which slots these would be.
    """
    data = await body()
    window = window_of(data)
    if data.get("dry_run"):
        covered = await parts().backfills.preview(job_id, window)
        times = list(covered.slots[:MOST_TOLD])
        return wire.BackfillPlan(slots=len(covered.slots), left_out=covered.left_out, times=times)
    opened = await parts().backfills.open(job_id, window, by=who())
    return Accepted(opened_told(opened, job_id))


@api.get("/jobs/<job_id>/backfills")
async def index(job_id: str) -> wire.Items[wire.Backfill]:
    """The backfills of a job, and how far each is."""
    return items(wire.Backfill, [row_told(row, job_id) for row in await parts().backfills.of_job(job_id)])


@api.delete("/jobs/<job_id>/backfills/<int:backfill_id>")
async def cancel(job_id: str, backfill_id: int) -> wire.Cancelled:
    """Cancel the runs of a backfill that still wait."""
    return wire.Cancelled(cancelled=await parts().backfills.cancel(job_id, backfill_id))


def window_of(data: Json) -> Window:
    errors = {name: "There is no such field." for name in data if name not in FIELDS}
    errors |= {name: "This is required." for name in ("from", "to") if data.get(name) is None}
    moments = {}
    for name in ("from", "to"):
        if name not in errors:
            try:
                moments[name] = parse_moment(data[name], name)
            except InvalidInput as error:
                errors |= error.errors
    at_once, args = data.get("max_running", 1), data.get("args")
    if type(at_once) is not int:
        errors["max_running"] = "A whole number is expected."
    if args is not None and not isinstance(args, dict):
        errors["args"] = "The arguments must be a JSON object, by their names."
    for name in ("rerun", "dry_run"):
        if not isinstance(data.get(name, False), bool):
            errors[name] = "Write true or false."
    if errors:
        raise InvalidInput(errors)
    return Window(
        since=moments["from"], until=moments["to"], max_running=at_once, rerun=data.get("rerun", False), args=args
    )


def opened_told(opened: Opened, job_id: str) -> wire.BackfillOpened:
    backfill, covered = opened.backfill, opened.coverage
    return wire.BackfillOpened(
        id=backfill.id,
        job=job_id,
        since=backfill.since,
        to=backfill.until,
        max_running=backfill.max_running,
        created_at=backfill.created_at,
        by=backfill.by,
        slots=len(covered.slots),
        left_out=covered.left_out,
        runs=opened.runs,
    )


def row_told(row: BackfillRow, job_id: str) -> wire.Backfill:
    backfill = row.backfill
    return wire.Backfill(
        id=backfill.id,
        job=job_id,
        since=backfill.since,
        to=backfill.until,
        max_running=backfill.max_running,
        created_at=backfill.created_at,
        by=backfill.by,
        slots=row.total,
        done=row.done,
        failed=row.failed,
        cancelled=row.cancelled,
        running=row.running,
        waiting=row.waiting,
    )
