"""/logs: a text in the logs of all runs."""

from __future__ import annotations

from quart import request

from cronapp import wire
from cronapp.core.errors import InvalidInput
from cronapp.core.logs import LogFilter, LogShow
from cronapp.service.log_search import Match
from cronapp.store.runs import RunFilter
from cronapp.web.api.asked import CURSOR, SINCE, UNTIL, moment, number
from cronapp.web.api.told import cursor, line_told
from cronapp.web.described.part import Param, Part
from cronapp.web.site import parts

api = Part("logs", __name__, "Logs")
WHAT = (
    Param("q", "The text. It may be left out where only some lines are shown."),
    Param("show", "Which lines: all of them if nothing is said.", LogShow),
    Param("job", "Of this job."),
)


@api.get("/logs", params=(*WHAT, SINCE, UNTIL, CURSOR))
async def search() -> wire.LogMatches:
    """A text in the logs of all runs.

    The search stops after 20 runs with a match, or two seconds: `searched` says how far it came, and it goes on with
    `cursor`. Of each run the first four matches are told, with two lines before and after.
    """
    shown = request.args.get("show", "all")
    if shown not in list(LogShow):
        raise InvalidInput.of("show", f"Write {', '.join(LogShow)}.")
    wanted = LogFilter(LogShow(shown), request.args.get("q", ""))
    if wanted.all:
        raise InvalidInput.of("q", "Write a text to look for, or ask for some lines only, as show=errors.")
    filters = RunFilter(job=request.args.get("job", ""), since=moment("since"), until=moment("until"))
    found = await parts().log_search.search(wanted, filters, before=number("cursor"))
    oldest = found.oldest.id if found.oldest else None
    return wire.LogMatches(
        items=[match_told(one) for one in found.matches],
        next=cursor(found.next),
        searched=wire.Searched(runs=found.runs, lines=found.lines, back_to=oldest),
    )


def match_told(one: Match) -> wire.LogMatch:
    return wire.LogMatch(
        run=one.run.id,
        job=one.run.job,
        state=one.run.state,
        count=one.count,
        lines=[wire.FoundLine(**dict(line_told(line)), found=line.seq in one.seqs) for line in one.lines],
    )
