"""What each open page shows and how its parts are kept fresh. Pages render the same fragments by the same functions."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from quart import g, request

from cronapp.core.errors import NotFound
from cronapp.web.addresses import moment_of, whole
from cronapp.web.asked import asked_of
from cronapp.web.asked_runs import asked_runs_of
from cronapp.web.hub import View
from cronapp.web.permissions import may
from cronapp.web.site import Parts
from cronapp.web.views.alerts import DeliveriesView
from cronapp.web.views.failures import FailuresView, FailureView, asked_errors_of
from cronapp.web.views.form import FormView
from cronapp.web.views.framed import Framed
from cronapp.web.views.job import FIRST, VIEWS
from cronapp.web.views.joblist import JobsView
from cronapp.web.views.ledger import LedgerView, ledger_filter
from cronapp.web.views.load import LoadView
from cronapp.web.views.log import log_filter
from cronapp.web.views.overview import OverviewView
from cronapp.web.views.people import AccountView, PeopleView, PersonView
from cronapp.web.views.runs import RunsView, RunView
from cronapp.web.views.settings import SettingsView
from cronapp.web.views.shown import Shown
from cronapp.web.views.system import SystemView
from cronapp.web.views.tasks import TasksView, TaskView
from cronapp.web.views.timeline import TimelineView, at_of, look_of
from cronapp.web.views.tokens import TokensView
from cronapp.web.views.zones import reader_zone

PAGES = {"form": "job_form.edit", "person": "people.person", "account": "account.index"}
"""The page of each topic that not everybody may look at."""
PARTS = {
    "people": "people.index",
    "tokens": "tokens.index",
    "secrets": "secrets.index",
    "alerts": "alerts.index",
}
"""The pages of parts of the settings."""


async def view_of(house: Parts, topic: str, address: str, last: str) -> View:
    """The view of a topic (`jobs`, `job:ID`, `job:ID:TAB`, `run:N`, …) for the page at `address`, whose query holds its
    filters. `last` is the place where a reader who reconnects was, as the view told it."""
    return Framed(house, await own_view_of(house, topic, address, last))


async def own_view_of(house: Parts, topic: str, address: str, last: str) -> View:
    query = {name: values[-1] for name, values in parse_qs(urlsplit(address).query).items()}
    kind, _, name = topic.partition(":")
    if not may.open(page_of(kind, name)):
        raise NotFound
    match kind:
        case "overview":
            return OverviewView(house)
        case "jobs":
            return JobsView(house, asked_of(urlsplit(address).query))
        case "job":
            job_id, _, tab = name.partition(":")
            if tab_view := VIEWS.get(tab or FIRST.name):
                return tab_view(house, job_id, query, last)
        case "runs":
            return RunsView(house, asked_runs_of(urlsplit(address).query), reader_zone(house))
        case "run" if whole(name):
            return RunView(house, await house.runs.get(int(name)), log_filter(query), whole(last) or 0)
        case "errors":
            return FailuresView(house, asked_errors_of(query))
        case "error":
            return FailureView(house, name, asked_errors_of(query))
        case "slots":
            return LedgerView(house, name, ledger_filter(query), moment_of(query.get("cursor")))
        case "system":
            return SystemView(house)
        case "tasks":
            return TasksView(house, query.get("q", ""))
        case "settings" if name == "tokens":
            return TokensView(house, query, request.host_url)
        case "settings" if name == "people":
            return PeopleView(house, query, g.session)
        case "person" if whole(name):
            return PersonView(house, int(name), g.session)
        case "account":
            return AccountView(house, g.session)
        case "settings":
            return SettingsView(house, name, query)
        case "task":
            return TaskView(house, name)
        case "timeline":
            return TimelineView(house, look_of(query, reader_zone(house)))
        case "load":
            return LoadView(house, at_of(query.get("at", "")), reader_zone(house))
        case "form":
            job_id, version, run_id = (*name.split(":"), "", "")[:3]
            return await FormView.of(house, job_id, whole(version), whole(run_id), whole(last) or 0)
        case "deliveries":
            return DeliveriesView(house, query)
        case "page":
            return Shown(house)
    raise NotFound


def page_of(kind: str, name: str) -> str:
    """Who may not see the page of a topic may not follow it either."""
    return PARTS.get(name, f"settings.{name}") if kind == "settings" else PAGES.get(kind, "stream.stream")
