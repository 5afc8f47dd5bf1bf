"""One job's page, tab by tab: what each shows, and how its parts are kept fresh."""

from __future__ import annotations

from cronapp.web.views.job.configuration import ConfigurationTab
from cronapp.web.views.job.dependencies import DependenciesTab
from cronapp.web.views.job.frame import JobTab
from cronapp.web.views.job.history import HistoryTab
from cronapp.web.views.job.log import LogTab
from cronapp.web.views.job.notes import NotesTab
from cronapp.web.views.job.runs import RunsTab
from cronapp.web.views.job.tabs import FIRST, Tab, tab_at, tab_of
from cronapp.web.views.job.upcoming import UpcomingTab

__all__ = ["FIRST", "VIEWS", "JobTab", "Tab", "tab_at", "tab_of"]

VIEWS: dict[str, type[JobTab]] = {
    FIRST.name: RunsTab,
    "upcoming": UpcomingTab,
    "log": LogTab,
    "configuration": ConfigurationTab,
    "dependencies": DependenciesTab,
    "history": HistoryTab,
    "notes": NotesTab,
}
"""The view of each tab, by its name in `tabs.TABS`."""
