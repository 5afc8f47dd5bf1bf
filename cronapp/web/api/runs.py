"""/runs: listed, cancelled, tried again; and their logs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from quart import request

from cronapp import wire
from cronapp.core.errors import Conflict, InvalidInput, NothingToCompare, RunEnded, RunNotEnded, RunNotHere, TaskGone
from cronapp.core.models import RunState, RunTrigger
from cronapp.store.runs import RunFilter
from cronapp.web.api.asked import CURSOR, LIMIT, SINCE, UNTIL, body, flag_of, limit, moment, number
from cronapp.web.api.compared import comparison_told
from cronapp.web.api.told import cursor, inside_told, run_told
from cronapp.web.described.part import Param, Part
from cronapp.web.described.replies import LINES, TEXT, Accepted, Lines, Opened, Text
from cronapp.web.site import parts
from cronapp.web.written import log_as_json, log_as_text

api = Part("runs", __name__, "Runs")
TEXTS = ("job", "task", "tag", "trigger", "node", "group", "result", "error", "q")
NUMBER = Annotated[int, Field(ge=0, lt=2**63)]
FILTERS = (
    Param("state", "Of one state or several, with commas or one by one.", many=True),
    Param("job", "Of this job."),
    Param("task", "Of this task."),
    Param("tag", "Of jobs with this tag."),
    Param("trigger", "What started it."),
    Param("node", "Where it was executed."),
    Param("group", "Of this group of errors."),
    Param("args", "A text in the arguments, or a pair as `shop=Kiel`.", many=True),
    Param("result", "A text in the result."),
    Param("error", "A text in the error."),
    Param("q", "A text in any of these."),
    Param("backfill", "Of this backfill.", NUMBER),
)
DRY_RUN = Param("dry_run", "`1` or `true`: as `dry_run` in the body.")
LOG = (
    Param("after", "Only lines after this one.", NUMBER),
    Param("level", "Only lines of this level."),
    Param("q", "Only lines with this text."),
)


@api.get("/runs", params=(*FILTERS, SINCE, UNTIL, CURSOR, LIMIT))
async def index() -> wire.RunItems:
    """The runs that fit, the newest first.

    A text is looked for in 50,000 runs at a time: where the answer has `looked_to`, the search stopped at that run, and
    goes on with `cursor`.
    """
    found = await parts().runs.listed(filter_of_query(), before=number("cursor"), limit=limit())
    listed = wire.RunItems(items=[run_told(run, parts().tasks) for run in found.runs], next=cursor(found.next))
    return listed.model_copy(update={"looked_to": found.looked_to.id}) if found.looked_to else listed


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
async def show(run_id: int) -> wire.Run:
    """One run, with the frames of its error."""
    return run_told(await parts().runs.get(run_id), parts().tasks)


@api.post("/runs/<int:run_id>/cancel", refuses=(RunEnded,))
async def cancel(run_id: int) -> Opened[wire.Run]:
    """End a run that waits at once, and ask one that is executed to stop."""
    run = await parts().runs.cancel(run_id)
    return Opened(run_told(run, parts().tasks), f"/api/v1/runs/{run.id}")


@api.post("/runs/<int:run_id>/retry", refuses=(RunNotEnded, Conflict, TaskGone))
async def retry(run_id: int) -> Opened[wire.Run]:
    """Try a run again now. An attempt that waits for its time starts at once."""
    run = await parts().runs.retry(run_id, trigger=RunTrigger.API)
    return Opened(run_told(run, parts().tasks), f"/api/v1/runs/{run.id}")


@api.post(
    "/runs/<int:run_id>/retry-like",
    takes=wire.RetryAlikeAsked,
    needed=False,
    params=(DRY_RUN,),
    refuses=(Conflict,),
)
async def retry_alike(run_id: int) -> Accepted[wire.RetriedAlike] | wire.Alike:
    """Try all runs again that failed like this one, that is: of its group of errors.

    With `dry_run` it only tells which.
    """
    by_address = request.args.get("dry_run", "") in ("1", "true")
    dry_run = flag_of(await body(needed=False), "dry_run") or by_address
    run = await parts().runs.get(run_id)
    alike = await parts().bulk_runs.matching(RunFilter(group=run.error_group)) if run.error_group else []
    if dry_run:
        plan = await parts().bulk_runs.plan(alike, "retry")
        return wire.Alike(retried=0, alike=[one.id for one in reversed(plan.done)])
    report = await parts().bulk_runs.carry_out(alike, "retry", trigger=RunTrigger.API)
    return Accepted(wire.RetriedAlike(retried=len(report.done), runs=[one.opened for one in report.done]))


@api.get("/runs/<int:run_id>/comparison", refuses=(NothingToCompare,))
async def comparison(run_id: int) -> wire.Comparison:
    """What changed since the job last worked, told of a run that went wrong."""
    return comparison_told(await parts().comparisons.of(run_id))


@api.get("/runs/<int:run_id>/stack", refuses=(RunNotHere,))
async def stack(run_id: int) -> wire.Inside:
    """Where the code of a running run is."""
    await parts().runs.get(run_id)
    inside = await parts().look(run_id)
    if inside is None:
        raise RunNotHere
    return inside_told(inside)


@api.get("/runs/<int:run_id>/log", params=LOG)
async def log(run_id: int) -> Lines[wire.LogLine] | Text:
    """The lines that a run has so far, one JSON object a line, or as text where that is preferred.

    As text each line has the bytes that were written, also where they are no UTF-8.
    """
    await parts().runs.get(run_id)
    after = number("after") or 0
    filters = {name: request.args.get(name, "") for name in ("level", "q")}
    best = request.accept_mimetypes.best_match([LINES, "application/json", TEXT])
    if best == TEXT:
        return Text(log_as_text(parts(), run_id, after, **filters))
    return Lines(log_as_json(parts(), run_id, after, **filters))
