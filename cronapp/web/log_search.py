"""Search over the logs of all runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape
from quart import Blueprint, request

from cronapp.core.logs import LogFilter, LogShow
from cronapp.core.ranges import RANGES, Range
from cronapp.service.log_search import Searched
from cronapp.store.runs import RunFilter
from cronapp.web.addresses import whole
from cronapp.web.ansi import plain
from cronapp.web.asked_runs import range_words, read_moment, told_moment
from cronapp.web.shell import show
from cronapp.web.site import parts
from cronapp.web.views.zones import zones_of

pages = Blueprint("log_search", __name__)
PATH = "/logs"
WIDE, LEAD = 400, 60  # letters of a line that are shown, and of them before what was found
OFFERED = 500
ANY_TIME = Range()


@dataclass(frozen=True, slots=True)
class AskedLogs:
    """What the address asks for."""

    q: str = ""
    show: LogShow = LogShow.ALL
    job: str = ""
    range: Range = ANY_TIME
    cursor: int | None = None

    @property
    def wanted(self) -> LogFilter:
        return LogFilter(self.show, self.q)

    def filters(self, now: datetime) -> RunFilter:
        since, until = self.range.at(now)
        return RunFilter(job=self.job, since=since, until=until)

    def href(self, **changes: str | None) -> str:
        since, until = (told_moment(at) if at else "" for at in (self.range.since, self.range.until))
        named = {"q": self.q, "show": "" if self.show is LogShow.ALL else self.show.value, "job": self.job}
        named |= {"within": self.range.within, "since": since, "until": until}
        query = {name: value for name, value in {**named, **changes}.items() if value}
        return f"{PATH}?{urlencode(query, quote_via=quote, safe=':')}" if query else PATH


def asked_logs_of(query: Mapping[str, str]) -> AskedLogs:
    within, shown = query.get("within", ""), query.get("show", "")
    ends = Range("", read_moment(query.get("since", "")), read_moment(query.get("until", "")))
    return AskedLogs(
        q=query.get("q", ""),
        show=LogShow(shown) if shown in list(LogShow) else LogShow.ALL,
        job=query.get("job", "").strip(),
        range=Range(within) if within in RANGES else ends,
        cursor=whole(query.get("cursor")),
    )


@pages.get("/logs")
async def index() -> str:
    house, asked = parts(), asked_logs_of(request.args.to_dict())
    found: Searched | None = None
    if not asked.wanted.all:
        found = await house.log_search.search(asked.wanted, asked.filters(house.clock()), before=asked.cursor)
    return await show(
        "logs",
        nav="runs",
        asked=asked,
        found=found,
        marked=lambda text: marked(text, asked.q),
        ranges=RANGES,
        range_words=range_words(asked.range),
        jobs=await house.jobs.ids(OFFERED),
        zones=await zones_of(house, [one.run for one in found.matches] if found else []),
    )


def marked(text: str, q: str) -> Markup:
    """A line without its colours, around what was looked for, which is marked."""
    text = plain(text)
    lower, low = text.lower(), q.lower()
    if len(lower) != len(text):  # a letter that is two when small: its places would not be those of the text
        lower, low = text, q
    first = lower.find(low) if q else -1
    start = max(first - LEAD, 0) if len(text) > WIDE and first > LEAD else 0
    end = start + WIDE
    told, here = [Markup("…") if start else Markup("")], start
    while q and (found := lower.find(low, here, end)) >= 0:
        told += [escape(text[here:found]), Markup("<mark>{}</mark>").format(text[found : found + len(q)])]
        here = found + len(q)
    return Markup("").join([*told, escape(text[here:end]), Markup("…") if end < len(text) else Markup("")])
