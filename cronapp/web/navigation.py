"""Where one can go from every page: the one list that the side bar, the palette and the keys are made from."""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug.routing import Map


@dataclass(frozen=True, slots=True)
class Entry:
    """A page that every page leads to. `key` is what is typed after `g`."""

    name: str
    path: str
    label: str
    icon: str
    key: str


WATCH = (
    Entry("overview", "/", "Overview", "layout-dashboard", "o"),
    Entry("jobs", "/jobs", "Jobs", "calendar-clock", "j"),
    Entry("runs", "/runs", "Runs", "history", "r"),
    Entry("timeline", "/timeline", "Timeline", "chart-no-axes-gantt", "t"),
)
OPERATE = (
    Entry("errors", "/errors", "Errors", "bug", "e"),
    Entry("tasks", "/tasks", "Tasks", "square-function", "k"),
    Entry("system", "/system", "System", "activity", "s"),
    Entry("settings", "/settings", "Settings", "settings", ","),
)


@dataclass(frozen=True, slots=True)
class Navigation:
    """The entries whose pages this site has: the most used ones, and those under "Operate"."""

    watch: tuple[Entry, ...]
    operate: tuple[Entry, ...]

    @property
    def all(self) -> tuple[Entry, ...]:
        return self.watch + self.operate


def navigation_of(routes: Map) -> Navigation:
    paths = {rule.rule for rule in routes.iter_rules() if "GET" in (rule.methods or ())}
    watch, operate = (tuple(entry for entry in group if entry.path in paths) for group in (WATCH, OPERATE))
    return Navigation(watch, operate)
