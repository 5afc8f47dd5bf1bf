"""Runs: the list, one run with its log, and what one can do with it."""

from __future__ import annotations

import json
from typing import Any

from quart import Blueprint, Response, request
from quart.typing import ResponseReturnValue

from cronapp.core.models import Inside
from cronapp.web.asked_runs import asked_runs_of, told_moment
from cronapp.web.render import fragment, partial, toast
from cronapp.web.shell import answered, ask, done, go, show
from cronapp.web.site import Parts, parts
from cronapp.web.views.compared import since_context
from cronapp.web.views.log import log_context
from cronapp.web.views.runs import run_context, run_list_context
from cronapp.web.views.zones import reader_zone

pages = Blueprint("runs", __name__)
OFFERED = 500  # jobs that the list which helps to type them has


@pages.get("/runs")
async def index() -> ResponseReturnValue:
    asked, reader = asked_runs_of(request.query_string.decode()), reader_zone(parts())
    if "by_clock" in request.args:  # since and until are typed by the reader's own
        ends = {name: reader.moment(request.args.get(name, "")) for name in ("since", "until")}
        return go(asked.href(**{name: told_moment(at) if at else None for name, at in ends.items()}))
    context = await run_list_context(parts(), asked, reader)
    return await show("runs", nav="runs", topic="runs", **context)


@pages.get("/runs/filter")
async def filters() -> ResponseReturnValue:
    """What the list can be filtered by."""
    asked, offers = asked_runs_of(request.query_string.decode()), await parts().jobs.offers()
    tasks = sorted({task.name for task in parts().tasks.all()} | {asked.value("task")} - {""})
    tags = sorted({tag for tag, _ in offers["tag"]} | {asked.value("tag")} - {""})
    jobs = await parts().jobs.ids(OFFERED)
    return await ask(
        "_run_filter",
        nav="runs",
        title="Filter the runs",
        asked=asked,
        tasks=[(task, task) for task in tasks],
        tags=[(tag, tag) for tag in tags],
        jobs=jobs,
    )


@pages.get("/runs/<int:run_id>")
async def detail(run_id: int) -> str:
    return await run_page(parts(), run_id)


@pages.get("/runs/<int:run_id>/stack")
async def stack(run_id: int) -> str:
    """Where the code of a running run is, on its page."""
    house = parts()
    run = await house.runs.get(run_id)
    inside = await house.look(run_id)
    if "HX-Request" not in request.headers:
        return await run_page(house, run_id, inside, looked=True)
    last = inside.last_line_at if inside else None
    return str(fragment("_run_inside", run=run, inside=inside, last_line_at=last, looked=True))


async def run_page(house: Parts, run_id: int, inside: Inside | None = None, *, looked: bool = False) -> str:
    context = await run_context(house, run_id)
    run = context["run"]
    context |= await log_context(house, run, request.args)
    context |= await since_context(house, run_id)
    context |= {"inside": inside, "looked": looked}
    if inside:
        context["last_line_at"] = inside.last_line_at
    return await show("run", nav="runs", topic=f"run:{run_id}", after=run.last_seq, **context)


@pages.get("/runs/<int:run_id>/args.json")
async def args_json(run_id: int) -> Response:
    """The arguments without their secrets."""
    run = await parts().runs.get(run_id)
    return whole_json(parts().tasks.masked_for_good(run.task, run.args))


@pages.get("/runs/<int:run_id>/result.json")
async def result_json(run_id: int) -> Response:
    return whole_json((await parts().runs.get(run_id)).result)


def whole_json(value: Any) -> Response:
    told = json.dumps(value, ensure_ascii=False, indent=2)
    return Response(told, content_type="application/json; charset=utf-8")


@pages.get("/runs/<int:run_id>/cancel")
async def ask_cancel(run_id: int) -> ResponseReturnValue:
    run = await parts().runs.get(run_id)
    return await ask("_ask_cancel", nav="runs", title=f"Cancel run #{run_id} of {run.job}?", run=run)


@pages.post("/runs/<int:run_id>/cancel")
async def cancel(run_id: int) -> ResponseReturnValue:
    run = await parts().runs.cancel(run_id)
    text = f"Run #{run_id} is cancelled." if run.state.ended else f"Run #{run_id} is asked to stop."
    head = (
        [partial("#run-head", fragment("_run_head", **await run_context(parts(), run_id)))] if on_page(run_id) else []
    )
    return done(f"/runs/{run_id}", answered(), *head, toast(text, href=f"/runs/{run_id}", link="Show the run"))


@pages.post("/runs/<int:run_id>/retry")
async def retry(run_id: int) -> ResponseReturnValue:
    run = await parts().runs.retry(run_id)
    head = (
        [partial("#run-head", fragment("_run_head", **await run_context(parts(), run_id)))] if on_page(run_id) else []
    )
    told = toast(f"Run #{run.id} tries again.", href=f"/runs/{run.id}", link="Follow its log")
    return done(f"/runs/{run.id}", *head, told)


def on_page(run_id: int) -> bool:
    return request.headers.get("HX-Current-URL", "").split("?")[0].split("#")[0].endswith(f"/runs/{run_id}")
