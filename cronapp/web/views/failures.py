"""The groups of errors, and one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup

from cronapp.core.events import Event, JobChanged, RunChanged
from cronapp.core.ranges import RANGES, Range
from cronapp.service.failures import DEFAULT
from cronapp.store.runs import RunFilter
from cronapp.web.asked_runs import range_words, read_moment, told_moment
from cronapp.web.error_charts import failure_bars
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import Shown
from cronapp.web.views.zones import zones_of

PATH = "/errors"
BARS, MANY_BARS = 28, 84
RUNS = 15  # runs of a group on its page
PACE = 2.0  # seconds between two looks


@dataclass(frozen=True, slots=True)
class AskedErrors:
    """What the address asks for."""

    range: Range = DEFAULT
    job: str = ""
    q: str = ""
    cursor: int | None = None

    def pairs(self) -> dict[str, str]:
        within = "" if self.range == DEFAULT else self.range.within
        since, until = (told_moment(at) if at else "" for at in (self.range.since, self.range.until))
        named = {"q": self.q, "job": self.job, "within": within, "since": since, "until": until}
        return {name: value for name, value in named.items() if value}

    def href(self, path: str = PATH, **changes: str | int | None) -> str:
        """The address with some of it changed, at its first page."""
        pairs = {name: value for name, value in {**self.pairs(), **changes}.items() if value}
        query = urlencode(pairs, quote_via=quote, safe=":")
        return f"{path}?{query}" if query else path

    def within(self, name: str, path: str = PATH) -> str:
        return self.href(path, within="" if name == DEFAULT.within else name, since=None, until=None)


def asked_errors_of(query: Mapping[str, str]) -> AskedErrors:
    within = query.get("within", "")
    ends = Range("", read_moment(query.get("since", "")), read_moment(query.get("until", "")))
    stretch = Range(within) if within in RANGES else DEFAULT if ends.any else ends
    cursor = query.get("cursor", "")
    number = int(cursor) if cursor.isascii() and cursor.isdigit() and len(cursor) < 19 else None
    return AskedErrors(stretch, query.get("job", "").strip(), query.get("q", "").strip(), number)


class FailuresView(Shown):
    def __init__(self, parts: Parts, asked: AskedErrors) -> None:
        super().__init__(parts)
        self.asked = asked

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case RunChanged(job=job) if self.asked.job in ("", job):
                return ("list",)
            case JobChanged(gone=True):
                return ("list",)
        return ()

    def parts(self) -> Iterable[str]:
        return ("list",)

    async def show(self, part: str) -> Markup:
        return await self.house.hub.once(("runs", ""), ("errors", self.asked), self._render)

    async def _render(self) -> Markup:
        return partial("#error-list", fragment("_error_list", **await error_list_context(self.house, self.asked)))

    def pause(self, part: str) -> float:
        return PACE


class FailureView(Shown):
    """One group: as its runs fail again, and as its jobs succeed."""

    def __init__(self, parts: Parts, group: str, asked: AskedErrors) -> None:
        super().__init__(parts)
        self.group = group
        self.asked = asked

    def heed(self, event: Event) -> Iterable[str]:
        return ("group",) if isinstance(event, RunChanged | JobChanged) else ()

    def parts(self) -> Iterable[str]:
        return ("group",)

    async def show(self, part: str) -> Markup:
        return await self.house.hub.once(("runs", ""), ("error", self.group, self.asked), self._render)

    async def _render(self) -> Markup:
        context = await error_context(self.house, self.group, self.asked)
        return partial("#error-group", fragment("_error_group", **context))

    def pause(self, part: str) -> float:
        return PACE


async def error_list_context(house: Parts, asked: AskedErrors) -> dict[str, Any]:
    found = await house.failures.groups(
        house.failures.asked(asked.range, job=asked.job, q=asked.q, bars=BARS), before=asked.cursor
    )
    drawn = {one.id: failure_bars(one.bars, found.asked.since, found.asked.width) for one in found.groups}
    return {
        "asked": asked,
        "found": found,
        "drawn": drawn,
        "ranges": RANGES,
        "range_words": range_words(asked.range),
        "first": asked.cursor is None,
    }


async def error_context(house: Parts, group: str, asked: AskedErrors) -> dict[str, Any]:
    found = await house.failures.detail(group, house.failures.asked(asked.range, bars=MANY_BARS))
    runs, following = await house.runs.page(RunFilter(group=group), limit=RUNS)
    return {
        "asked": asked,
        "found": found,
        "group": found.group,
        "run": found.newest,
        "chart": failure_bars(found.group.bars, found.asked.since, found.asked.width),
        "runs": runs,
        "more": following is not None,
        "zones": await zones_of(house, runs),
        "ranges": RANGES,
        "range_words": range_words(asked.range),
    }
