"""A run's log: its pieces, what is looked for in it, and the whole of it to take along."""

from __future__ import annotations

from collections.abc import AsyncIterator

from quart import Blueprint, Response, request

from cronapp.core.errors import NotFound
from cronapp.core.models import Json, Run
from cronapp.web.render import fragment
from cronapp.web.site import parts
from cronapp.web.views.log import CHUNK, ERRORS, log_filter
from cronapp.web.written import log_as_json, log_as_text

pages = Blueprint("log", __name__)


@pages.get("/runs/<int:run_id>/log")
async def piece(run_id: int) -> str:
    """One piece of the log: the lines that fit, from the one after `after` on."""
    run, wanted = await parts().runs.get(run_id), log_filter(request.args)
    after = request.args.get("after", 0, type=int)
    if not 0 <= after <= run.last_seq:
        raise NotFound
    lines = await parts().runs.lines(run_id, after, CHUNK, show=wanted.show, q=wanted.q)
    return str(fragment("_log_lines", run=run, lines=lines))


@pages.get("/runs/<int:run_id>/log/search")
async def search(run_id: int) -> Json:
    """How many lines fit, from the one after `after` on, and how far was looked. With `from` the next of all that fit
    is named as well, or with `back` the one before: by its number, and by its place among them."""
    run, asked = await parts().runs.get(run_id), request.args
    wanted = ERRORS if "errors" in asked else log_filter(asked)
    if "from" not in asked:
        count = await parts().runs.line_count(run, wanted, place("after", run))
        return {"count": count, "upto": run.last_seq}
    found = await parts().runs.line_step(run, wanted, place("from", run), back="back" in asked)
    return {"count": found.count, "upto": run.last_seq, "seq": found.seq, "at": found.at}


def place(name: str, run: Run) -> int:
    """The number of a line of this run, as the address has it."""
    return min(max(0, request.args.get(name, 0, type=int)), run.last_seq)


@pages.get("/runs/<int:run_id>/log/<int:seq>")
async def whole_line(run_id: int, seq: int) -> str:
    """One line that the page shows the beginning of only."""
    run = await parts().runs.get(run_id)
    lines = await parts().runs.lines(run_id, seq - 1, 1)
    if not lines or lines[0].seq != seq:
        raise NotFound
    return str(fragment("_log_lines", run=run, lines=lines, whole=True))


@pages.get("/runs/<int:run_id>/log.txt")
async def as_text(run_id: int) -> Response:
    await parts().runs.get(run_id)
    return download(log_as_text(parts(), run_id), "text/plain; charset=utf-8", f"run-{run_id}.log")


@pages.get("/runs/<int:run_id>/log.json")
async def as_json(run_id: int) -> Response:
    """One JSON object a line, as the API gives it."""
    await parts().runs.get(run_id)
    return download(log_as_json(parts(), run_id), "application/x-ndjson", f"run-{run_id}.ndjson")


def download(content: AsyncIterator[bytes], kind: str, name: str) -> Response:
    response = Response(content, content_type=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.timeout = None
    return response
