"""/logs: a text in the logs of all runs."""

from __future__ import annotations

from quart import Blueprint, request

from cronapp.core.errors import InvalidInput
from cronapp.core.logs import LogFilter, LogShow
from cronapp.core.models import Json
from cronapp.service.log_search import Match
from cronapp.store.runs import RunFilter
from cronapp.web.api.asked import moment, number
from cronapp.web.site import parts
from cronapp.web.written import line_json

api = Blueprint("logs", __name__)


@api.get("/logs")
async def search() -> Json:
    """The runs with lines that fit, the newest first, and how far was looked; it goes on with `cursor`."""
    shown = request.args.get("show", "all")
    if shown not in list(LogShow):
        raise InvalidInput.of("show", f"Write {', '.join(LogShow)}.")
    wanted = LogFilter(LogShow(shown), request.args.get("q", ""))
    if wanted.all:
        raise InvalidInput.of("q", "Write a text to look for, or ask for some lines only, as show=errors.")
    filters = RunFilter(job=request.args.get("job", ""), since=moment("since"), until=moment("until"))
    found = await parts().log_search.search(wanted, filters, before=number("cursor"))
    return {
        "items": [match_json(one) for one in found.matches],
        "next": None if found.next is None else str(found.next),
        "searched": {"runs": found.runs, "lines": found.lines, "back_to": found.oldest.id if found.oldest else None},
    }


def match_json(one: Match) -> Json:
    return {
        "run": one.run.id,
        "job": one.run.job,
        "state": one.run.state,
        "count": one.count,
        "lines": [{**line_json(line), "found": line.seq in one.seqs} for line in one.lines],
    }
