"""/runs: listed, cancelled, tried again; and their logs."""

from __future__ import annotations

from quart import Blueprint, Response, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import InvalidInput, RunNotHere
from cronapp.core.models import Json, RunState, RunTrigger
from cronapp.store.runs import RunFilter
from cronapp.web.api.asked import body, limit, moment, number
from cronapp.web.api.told import comparison_json, inside_json, items, run_json
from cronapp.web.site import parts
from cronapp.web.written import log_as_json, log_as_text

api = Blueprint("runs", __name__)
TEXTS = ("job", "task", "tag", "trigger", "node", "group", "result", "error", "q")


@api.get("/runs")
async def index() -> Json:
    found = await parts().runs.listed(filter_of_query(), before=number("cursor"), limit=limit())
    listed = items([run_json(run, parts().tasks) for run in found.runs], found.next)
    return {**listed, "looked_to": found.looked_to.id} if found.looked_to else listed


def filter_of_query() -> RunFilter:
    texts = {name: request.args.get(name, "") for name in TEXTS}
    return RunFilter(
        **texts,
        state=states_of(request.args.getlist("state")),
        args=tuple(text for text in request.args.getlist("args") if text),
        since=moment("since"),
        until=moment("until"),
        backfill=number("backfill"),
    )


def states_of(texts: list[str]) -> str:
    """One state or several, with commas or one by one."""
    states = [state for text in texts for state in text.split(",") if state]
    if wrong := [state for state in states if state not in list(RunState)]:
        raise InvalidInput.of("state", f"{wrong[0]} is no state of a run. Write {', '.join(RunState)}.")
    return ",".join(states)


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
    """Tries all runs again that failed like this one, that is: of its group of errors. With `dry_run` it only tells
    which."""
    asked = (await body(needed=False)).get("dry_run", request.args.get("dry_run", "") in ("1", "true"))
    run = await parts().runs.get(run_id)
    alike = await parts().bulk_runs.matching(RunFilter(group=run.error_group)) if run.error_group else []
    if asked:
        plan = await parts().bulk_runs.plan(alike, "retry")
        return {"retried": 0, "alike": [one.id for one in reversed(plan.done)]}, 200
    report = await parts().bulk_runs.carry_out(alike, "retry", trigger=RunTrigger.API)
    return {"retried": len(report.done), "runs": [one.opened for one in report.done]}, 202


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
