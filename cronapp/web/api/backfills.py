"""/jobs/{id}/backfill: the slots of a past window, run after all."""

from __future__ import annotations

from quart import Blueprint
from quart.typing import ResponseReturnValue

from cronapp.core.backfills import Backfill, BackfillRow, Coverage
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.service.backfills import Window
from cronapp.web.api.asked import body, parse_moment
from cronapp.web.api.told import at, items
from cronapp.web.auth import who
from cronapp.web.site import parts

api = Blueprint("backfills", __name__)
FIELDS = ("from", "to", "max_running", "rerun", "args", "dry_run")
MOST_TOLD = 500


@api.post("/jobs/<job_id>/backfill")
async def open_backfill(job_id: str) -> ResponseReturnValue:
    """Opens the runs; with `dry_run` it only tells which slots they would be for."""
    data = await body()
    window = window_of(data)
    if data.get("dry_run"):
        coverage = await parts().backfills.preview(job_id, window)
        return {**coverage_json(coverage), "times": [at(slot) for slot in coverage.slots[:MOST_TOLD]]}, 200
    opened = await parts().backfills.open(job_id, window, by=who())
    told = {**backfill_json(opened.backfill, job_id), **coverage_json(opened.coverage), "runs": opened.runs}
    return told, 202


@api.get("/jobs/<job_id>/backfills")
async def index(job_id: str) -> Json:
    return items([row_json(row, job_id) for row in await parts().backfills.of_job(job_id)])


@api.delete("/jobs/<job_id>/backfills/<int:backfill_id>")
async def cancel(job_id: str, backfill_id: int) -> Json:
    """Cancels what still waits."""
    return {"cancelled": await parts().backfills.cancel(job_id, backfill_id)}


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


def coverage_json(coverage: Coverage) -> Json:
    return {"slots": len(coverage.slots), "left_out": coverage.left_out}


def backfill_json(backfill: Backfill, job_id: str) -> Json:
    return {
        "id": backfill.id,
        "job": job_id,
        "from": at(backfill.since),
        "to": at(backfill.until),
        "max_running": backfill.max_running,
        "created_at": at(backfill.created_at),
        "by": backfill.by,
    }


def row_json(row: BackfillRow, job_id: str) -> Json:
    counts = {
        "slots": row.total,
        "done": row.done,
        "failed": row.failed,
        "cancelled": row.cancelled,
        "running": row.running,
        "waiting": row.waiting,
    }
    return {**backfill_json(row.backfill, job_id), **counts}
