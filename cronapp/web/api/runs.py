"""/runs: listed, cancelled, tried again; and their logs."""

from __future__ import annotations

from quart import Blueprint, Response, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import RunNotHere
from cronapp.core.models import Json, RunTrigger
from cronapp.store.runs import RunFilter
from cronapp.web.api.asked import body, limit, moment, number
from cronapp.web.api.told import comparison_json, inside_json, items, run_json
from cronapp.web.site import parts
from cronapp.web.written import log_as_json, log_as_text

api = Blueprint("runs", __name__)


@api.get("/runs")
async def index() -> Json:
    filters = RunFilter(
        job=request.args.get("job", ""),
        state=request.args.get("state", ""),
        since=moment("since"),
        until=moment("until"),
        backfill=number("backfill"),
    )
    listed, following = await parts().runs.page(filters, before=number("cursor"), limit=limit())
    return items([run_json(run, parts().tasks) for run in listed], following)


@api.get("/runs/<int:run_id>")
async def show(run_id: int) -> Json:
    return run_json(await parts().runs.get(run_id), parts().tasks)


@api.post("/runs/<int:run_id>/cancel")
async def cancel(run_id: int) -> ResponseReturnValue:
    run = await parts().runs.cancel(run_id)
    return run_json(run, parts().tasks), 202


@api.post("/runs/<int:run_id>/retry")
async def retry(run_id: int) -> ResponseReturnValue:
    run = await parts().runs.retry(run_id, trigger=RunTrigger.API)
    return run_json(run, parts().tasks), 202, {"Location": f"/api/v1/runs/{run.id}"}


@api.post("/runs/<int:run_id>/retry-like")
async def retry_alike(run_id: int) -> ResponseReturnValue:
    """Tries all runs again that failed like this one; with `dry_run` it only tells which."""
    asked = (await body(needed=False)).get("dry_run", request.args.get("dry_run", "") in ("1", "true"))
    if asked:
        return {"retried": 0, "alike": [run.id for run in await parts().runs.alike(run_id)]}, 200
    opened = await parts().runs.retry_alike(run_id, trigger=RunTrigger.API)
    return {"retried": len(opened), "runs": [run.id for run in opened]}, 202


@api.get("/runs/<int:run_id>/comparison")
async def comparison(run_id: int) -> Json:
    """What changed since the job last worked, told of a run that went wrong."""
    return comparison_json(await parts().comparisons.of(run_id))


@api.get("/runs/<int:run_id>/stack")
async def stack(run_id: int) -> Json:
    """Where the code of a running run is."""
    await parts().runs.get(run_id)
    inside = await parts().look(run_id)
    if inside is None:
        raise RunNotHere
    return inside_json(inside)


@api.get("/runs/<int:run_id>/log")
async def log(run_id: int) -> Response:
    """The lines there are, as newline-delimited JSON, or as text if that is preferred."""
    await parts().runs.get(run_id)
    after = number("after") or 0
    filters = {name: request.args.get(name, "") for name in ("level", "q")}
    best = request.accept_mimetypes.best_match(["application/x-ndjson", "application/json", "text/plain"])
    if best == "text/plain":
        response = Response(log_as_text(parts(), run_id, after, **filters), content_type="text/plain; charset=utf-8")
    else:
        response = Response(log_as_json(parts(), run_id, after, **filters), content_type="application/x-ndjson")
    response.timeout = None
    return response
