"""Runs: the list, one run with its log, and what one can do with it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from quart import Blueprint, Response, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import NotFound
from cronapp.core.models import Inside, LogLine
from cronapp.web.render import fragment, partial, toast
from cronapp.web.shell import done, go, show
from cronapp.web.site import Parts, parts
from cronapp.web.views import whole
from cronapp.web.views.compared import since_context
from cronapp.web.views.log import CHUNK, chunk, last_written, log_chunks
from cronapp.web.views.runs import run_context, run_filter, run_list_context
from cronapp.web.views.zones import zones_of

pages = Blueprint("runs", __name__)
ALIKE_SHOWN = 25
READ = 2000  # log lines read at once for a download


@pages.get("/runs")
async def index() -> str:
    context = await run_list_context(parts(), run_filter(request.args.to_dict()), whole(request.args.get("cursor")))
    return await show("runs", nav="runs", topic="runs", **context)


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
    chunks = await log_chunks(house, run)
    last = inside.last_line_at if inside else last_written([line for _, lines in chunks for line in lines or ()])
    context |= await since_context(house, run_id)
    context |= {"chunks": chunks, "inside": inside, "last_line_at": last, "looked": looked}
    return await show("run", nav="runs", topic=f"run:{run_id}", after=run.last_seq, **context)


@pages.get("/runs/<int:run_id>/args.json")
async def args_json(run_id: int) -> Response:
    """The arguments without their secrets."""
    run = await parts().runs.get(run_id)
    return whole_json(parts().tasks.masked(run.task, run.args))


@pages.get("/runs/<int:run_id>/result.json")
async def result_json(run_id: int) -> Response:
    return whole_json((await parts().runs.get(run_id)).result)


def whole_json(value: Any) -> Response:
    told = json.dumps(value, ensure_ascii=False, indent=2)
    return Response(told, content_type="application/json; charset=utf-8")


@pages.get("/runs/<int:run_id>/log")
async def log_chunk(run_id: int) -> str:
    """One piece of the log."""
    run = await parts().runs.get(run_id)
    number = request.args.get("chunk", 0, type=int)
    if not 0 <= number <= run.last_seq // CHUNK:
        raise NotFound
    return str(chunk(run, number, await parts().runs.lines(run_id, number * CHUNK, CHUNK)))


@pages.get("/runs/<int:run_id>/log.txt")
async def download(run_id: int) -> Response:
    run = await parts().runs.get(run_id)
    response = Response(log_as_text(parts(), run_id), content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="run-{run.id}.log"'
    response.timeout = None
    return response


async def log_as_text(house: Parts, run_id: int, after: int = 0, **filters: str) -> AsyncIterator[bytes]:
    """A log as plain text, read bit by bit."""
    async for lines in log_in_bits(house, run_id, after, **filters):
        yield b"".join(map(as_written, lines))


async def log_in_bits(house: Parts, run_id: int, after: int, **filters: str) -> AsyncIterator[list[LogLine]]:
    while lines := await house.runs.lines(run_id, after, READ, **filters):
        yield lines
        after = lines[-1].seq


def as_written(line: LogLine) -> bytes:
    """The line with its moment; byte by byte as it was written, also where that is no text."""
    said = line.text.encode() if line.raw is None else line.raw
    return f"{stamp(line)} {line.level or line.stream}: ".encode() + said + b"\n"


def stamp(line: LogLine) -> str:
    return line.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pages.post("/runs/<int:run_id>/cancel")
async def cancel(run_id: int) -> ResponseReturnValue:
    run = await parts().runs.cancel(run_id)
    text = f"Run #{run_id} is cancelled." if run.state.ended else f"Run #{run_id} is asked to stop."
    head = (
        [partial("#run-head", fragment("_run_head", **await run_context(parts(), run_id)))] if on_page(run_id) else []
    )
    return done(f"/runs/{run_id}", *head, toast(text))


@pages.post("/runs/<int:run_id>/retry")
async def retry(run_id: int) -> ResponseReturnValue:
    run = await parts().runs.retry(run_id)
    head = (
        [partial("#run-head", fragment("_run_head", **await run_context(parts(), run_id)))] if on_page(run_id) else []
    )
    told = toast(f"Run #{run.id} tries again.", href=f"/runs/{run.id}", link="Follow its log")
    return done(f"/runs/{run.id}", *head, told)


@pages.get("/runs/<int:run_id>/retry-like")
async def ask_retry_alike(run_id: int) -> str:
    """Which runs failed like this one."""
    run, alike = await parts().runs.get(run_id), await parts().runs.alike(run_id)
    shown = alike[: -ALIKE_SHOWN - 1 : -1]
    return await show(
        "retry_alike",
        nav="runs",
        run=run,
        count=len(alike),
        runs=shown,
        retried=whole(request.args.get("retried")),
        zones=await zones_of(parts(), shown),
    )


@pages.post("/runs/<int:run_id>/retry-like")
async def retry_alike(run_id: int) -> ResponseReturnValue:
    opened = await parts().runs.retry_alike(run_id)
    return go(f"/runs/{opened[0].id}" if len(opened) == 1 else f"/runs/{run_id}/retry-like?retried={len(opened)}")


def on_page(run_id: int) -> bool:
    return request.headers.get("HX-Current-URL", "").split("?")[0].split("#")[0].endswith(f"/runs/{run_id}")
