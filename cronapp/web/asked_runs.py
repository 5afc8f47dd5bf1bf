"""What the address of the list of runs asks for: states, time, filters, page; and the addresses one step away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlencode

from markupsafe import Markup

from cronapp.core.models import RunState, RunTrigger
from cronapp.core.ranges import RANGES, Range
from cronapp.store.runs import RunFilter
from cronapp.web.filters import moment, state_word

PATH = "/runs"
ORDER = (
    *("q", "state", "within", "since", "until", "job", "task", "tag", "trigger", "node"),
    *("args", "result", "error", "group", "backfill"),
)
CHIPS = {
    "q": "“{}”",
    "job": "job: {}",
    "task": "task: {}",
    "tag": "{}",
    "trigger": "started by: {}",
    "node": "node: {}",
}
CHIPS |= {"args": "argument: {}", "result": "result: {}", "error": "error: {}", "group": "same error as {}"}
CHIPS |= {"backfill": "backfill {}"}

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on: its words, and the address without it."""

    name: str
    text: str | Markup
    href: str


@dataclass(frozen=True, slots=True)
class AskedRuns:
    """The list of runs as one address shows it."""

    pairs: Pairs = ()
    cursor: int | None = None

    def filters(self, now: datetime) -> RunFilter:
        since, until = self.range.at(now)
        backfill = self.value("backfill")
        return RunFilter(
            **{name: self.value(name) for name in (*PLAIN, "state")},
            since=since,
            until=until,
            args=tuple(value for name, value in self.pairs if name == "args"),
            backfill=int(backfill) if backfill else None,
        )

    @property
    def range(self) -> Range:
        return Range(self.value("within"), read_moment(self.value("since")), read_moment(self.value("until")))

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(state for state in self.value("state").split(",") if state)

    @property
    def query(self) -> str:
        return query_of(self.pairs)

    def value(self, name: str) -> str:
        return next((value for key, value in self.pairs if key == name), "")

    def href(self, **changes: str | None) -> str:
        """The address with some of it changed, at its first page; None and nothing take away."""
        kept = [pair for pair in self.pairs if pair[0] not in changes]
        return address(kept + [(name, value) for name, value in changes.items() if value])

    def toggled(self, state: str) -> str:
        """The address of a click on a state: it is shown too, or no longer."""
        states = [one for one in self.states if one != state]
        return self.href(state=",".join(states if state in self.states else [*states, state]))

    def within(self, name: str) -> str:
        return self.href(within=name, since=None, until=None)

    def page(self, cursor: int) -> str:
        """The address of the page that starts there."""
        return f"{PATH}?{query_of((*self.pairs, ('cursor', str(cursor))))}"

    def without(self, name: str, value: str) -> str:
        return address(pair for pair in self.pairs if pair != (name, value))

    @property
    def chips(self) -> list[Chip]:
        """The filters that are on, besides the states."""
        found = [
            Chip(name, worded(name, value), self.without(name, value)) for name, value in self.pairs if name in CHIPS
        ]
        return found if self.range.any else [Chip("range", range_words(self.range), self.within("")), *found]

    @property
    def filtered(self) -> bool:
        return bool(self.pairs)

    @property
    def searches(self) -> bool:
        """Whether a look at it costs more than a moment: what it asks for has no index."""
        return any(name in SEARCHED for name, _ in self.pairs)


SEARCHED = ("q", "task", "tag", "trigger", "node", "args", "result", "error")
PLAIN = ("q", "job", "task", "tag", "trigger", "node", "group", "result", "error")


def worded(name: str, value: str) -> str:
    return CHIPS[name].format(state_word(value).lower() if name == "trigger" else value)


def range_words(asked: Range) -> Markup | str:
    if asked.words or asked.any:
        return asked.words or "Any time"
    ends = [(word, end) for word, end in (("from", asked.since), ("until", asked.until)) if end]
    return Markup(" ").join(Markup("{} {}").format(word, moment(end, "short")) for word, end in ends)


def address(pairs: Iterable[tuple[str, str]]) -> str:
    query = query_of(tidy(pairs))
    return f"{PATH}?{query}" if query else PATH


def query_of(pairs: Iterable[tuple[str, str]]) -> str:
    return urlencode(tuple(pairs), quote_via=quote, safe=",:")


def tidy(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """What we know of it, in one order, each once; so that what shows the same has the same address."""
    known: dict[tuple[str, str], None] = {}
    for name, value in pairs:
        text = known_value(name, value.strip())
        if text and (name == "args" or all(name != other for other, _ in known)):
            known[name, text] = None
    if any(name == "within" for name, _ in known):  # it says it all
        known = {pair: None for pair in known if pair[0] not in ("since", "until")}
    return tuple(sorted(known, key=lambda pair: ORDER.index(pair[0])))


def known_value(name: str, text: str) -> str:
    """The value as it is kept in an address; empty where it makes no sense."""
    if name == "state":
        states = text.split(",")
        return ",".join(state for state in RunState if state in states)
    if name in ("since", "until"):
        at = read_moment(text)
        return told_moment(at) if at else ""
    if name == "within":
        return text if text in RANGES else ""
    if name == "trigger":
        return text if text in list(RunTrigger) else ""
    if name == "backfill":
        return text if text.isascii() and text.isdigit() and len(text) < 19 else ""
    return text if name in ORDER else ""


def asked_runs_of(query: str) -> AskedRuns:
    """The query of an address; what makes no sense in it is passed over."""
    given = parse_qsl(query, keep_blank_values=False)
    states = ",".join(value for name, value in given if name == "state")
    cursor = next((value for name, value in given if name == "cursor"), "")
    number = int(cursor) if cursor.isascii() and cursor.isdigit() and 0 < len(cursor) < 19 else None
    return AskedRuns(tidy([*(pair for pair in given if pair[0] != "state"), ("state", states)]), number)


def read_moment(text: str) -> datetime | None:
    """A moment of an address, in UTC where it says no offset; None where it is none, or too far away."""
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return at if 1990 <= at.year <= 2190 else None


def told_moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
