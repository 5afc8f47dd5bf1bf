"""What the address of the jobs list asks for: filters, order, grouping, page; and the addresses one step away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from cronapp.store.jobs import JobFilter
from cronapp.store.listing import SORTS, Sort

PATH = "/jobs"
ORDER = ("q", "state", "task", "tag", "untagged", "queue", "label", "in_group", "origin", "sort", "group")
"""`group=tag` groups the list by tag; `in_group` is the group of jobs that share a limit."""
ONE_EACH = ("q", "state", "task", "queue", "label", "in_group", "origin")
DOWN_FIRST = ("last", "duration")
"""Sorts that one wants with the largest first."""
CHIPS = {"q": "“{}”", "task": "task: {}", "tag": "{}", "untagged": "no tag", "queue": "queue: {}"}
CHIPS |= {"label": "label: {}", "in_group": "group: {}", "origin": "from {}"}

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on: its words, and the address without it."""

    name: str
    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The jobs list as one address shows it."""

    pairs: Pairs = ()
    cursor: str = ""

    @property
    def filters(self) -> JobFilter:
        return filter_of(self.pairs)

    @property
    def sort(self) -> Sort:
        return sort_of(self.value("sort"))

    @property
    def grouped(self) -> bool:
        return self.value("group") == "tag"

    @property
    def filtered(self) -> bool:
        return self.filters != JobFilter()

    @property
    def query(self) -> str:
        """Without the page: what a saved view keeps."""
        return urlencode(self.pairs)

    def value(self, name: str) -> str:
        return next((value for key, value in self.pairs if key == name), "")

    def href(self, **changes: str | None) -> str:
        """The address with some of it changed, at its first page; None and nothing take away."""
        kept = [pair for pair in self.pairs if pair[0] not in changes]
        return address(kept + [(name, value) for name, value in changes.items() if value])

    def page(self, cursor: str) -> str:
        """The address of the page that starts there."""
        return f"{PATH}?{urlencode([*self.pairs, ('cursor', cursor)])}"

    def of_group(self, tag: str | None) -> str:
        """The address of a list of its own with all jobs of a group."""
        kept = [pair for pair in self.pairs if pair[0] != "group"]
        return address([*kept, ("tag", tag) if tag is not None else ("untagged", "1")])

    def without(self, name: str, value: str) -> str:
        return address(pair for pair in self.pairs if pair != (name, value))

    def sorted_by(self, name: str) -> str:
        """The address of a click on a column's head: it sorts by it, or turns its order round."""
        down = not self.sort.down if self.sort.by == name else name in DOWN_FIRST
        return self.href(sort=None if (name, down) == ("id", False) else f"{'-' if down else ''}{name}")

    def direction(self, name: str) -> str:
        """How a column is sorted, as `aria-sort` has it."""
        return "none" if self.sort.by != name else "descending" if self.sort.down else "ascending"

    @property
    def chips(self) -> list[Chip]:
        """The filters that are on, besides the state."""
        return [
            Chip(name, CHIPS[name].format(value), self.without(name, value))
            for name, value in self.pairs
            if name in CHIPS
        ]

    @property
    def cleared(self) -> str:
        """The address without any filter; its order and its grouping stay."""
        return address(pair for pair in self.pairs if pair[0] in ("sort", "group"))


def address(pairs: Iterable[tuple[str, str]]) -> str:
    query = urlencode(tidy(pairs))
    return f"{PATH}?{query}" if query else PATH


def tidy(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """What we know of it, in one order, each once; so that what shows the same has the same address."""
    known: dict[tuple[str, str], None] = {}
    for name, value in pairs:
        if name in ORDER and (text := value.strip()) and (name == "tag" or all(name != other for other, _ in known)):
            known[name, text] = None
    return tuple(sorted(known, key=lambda pair: ORDER.index(pair[0])))


def asked_of(query: str) -> Asked:
    """The query of an address; what makes no sense in it is passed over."""
    given = parse_qsl(query, keep_blank_values=False)
    return Asked(tidy(given), next((value for name, value in given if name == "cursor"), ""))


def filter_of(pairs: Iterable[tuple[str, str]]) -> JobFilter:
    known = tidy(pairs)
    one = {name.removeprefix("in_"): value for name, value in known if name in ONE_EACH}
    tags = tuple(value for name, value in known if name == "tag")
    return JobFilter(**one, tags=tags, untagged=any(name == "untagged" for name, _ in known))


def sort_of(text: str) -> Sort:
    by = text.removeprefix("-")
    return Sort(by, text.startswith("-")) if by in SORTS else Sort()


FEW = ("q", "state", "task", "tag")
"""The filters of lists that have only these, each once."""


def job_filter(query: Mapping[str, str]) -> JobFilter:
    return filter_of((name, query.get(name, "")) for name in FEW)


def job_filters(filters: JobFilter) -> dict[str, str]:
    """The reverse of `job_filter`."""
    return {"q": filters.q, "state": filters.state, "task": filters.task, "tag": "".join(filters.tags[:1])}
