"""The settings: what is set and by what, who is signed in, who changed what, saved views."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from markupsafe import Markup
from pydantic import SecretStr

from cronapp.config import MEANINGS, variable_of
from cronapp.core.audit import GROUPS, WORDS
from cronapp.core.changes import label_of, words_of
from cronapp.core.durations import duration_words
from cronapp.core.events import AlertsChanged, Audited, DeliveriesChanged, Event, SecretsChanged, ViewsChanged
from cronapp.core.spec import parse_spec
from cronapp.store.audit import AuditFilter
from cronapp.store.secrets import StoredSecret
from cronapp.web.filters import size
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.alerts import alerts_context
from cronapp.web.views.shown import EMPTY, Shown

BYTES = ("task_memory", "log_limit")
SECONDS = ("stop_timeout", "session_idle", "session_life")
DAY = timedelta(days=1)
TOLD_DEFAULTS = ("overlap", "max_running", "misfire.policy", "misfire.grace", "retry.max_attempts", "timeout", "queue")
FILTERS = ("by", "action", "target", "address", "since", "until")
LIVE: dict[str, type[Event] | tuple[type[Event], ...]] = {
    "secrets": SecretsChanged,
    "audit": Audited,
    "views": ViewsChanged,
    "alerts": (AlertsChanged, DeliveriesChanged),
}
"""The parts that change by themselves, and what changes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    name: str
    variable: str
    meaning: str
    value: str
    origin: str  # empty: the default holds


@dataclass(frozen=True, slots=True)
class SecretRow:
    secret: StoredSecret
    tasks: list[str]  # whose functions ask for it by its name


class SettingsView(Shown):
    def __init__(self, parts: Parts, part: str, query: dict[str, str]) -> None:
        super().__init__(parts)
        self.part = part
        self.query = query

    def heed(self, event: Event) -> Iterable[str]:
        return self.parts() if isinstance(event, LIVE.get(self.part, ())) else ()

    def parts(self) -> Iterable[str]:
        return (self.part,) if self.part in LIVE and not self.query.get("cursor") else ()

    async def show(self, part: str) -> Markup:
        match part:
            case "secrets":
                context = await secrets_context(self.house)
            case "audit":
                context = await audit_context(self.house, self.query)
            case "views":
                context = await views_context(self.house)
            case "alerts":
                context = await alerts_context(self.house)
            case _:
                return EMPTY
        return partial(f"#settings-{part}", fragment(f"_settings_{part}", **context))

    def pause(self, part: str) -> float:
        return 1.0


def general_context(house: Parts) -> dict[str, Any]:
    spec = parse_spec({"id": "job", "task": "task", "schedule": {"kind": "manual"}}, now=house.clock())
    defaults = []
    for name in TOLD_DEFAULTS:
        value: Any = spec
        for step in name.split("."):
            value = getattr(value, step)
        defaults.append((label_of(name), words_of(name, value)))
    return {"settings": list(setting_rows(house)), "defaults": defaults}


def setting_rows(house: Parts) -> Iterator[SettingRow]:
    for name, meaning in MEANINGS.items():
        yield SettingRow(
            name=name,
            variable=variable_of(name),
            meaning=meaning,
            value=value_words(name, getattr(house.settings, name)),
            origin=house.settings.origin(name),
        )


def value_words(name: str, value: Any) -> str:
    """A value as it may be shown."""
    match value:
        case SecretStr():
            return "set"
        case None:
            return "where somebody sits at the terminal" if name == "watch" else "not set"
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(value) or "none"
        case int() | float() if name in BYTES:
            return str(size(int(value)))
        case int() | float() if name in SECONDS:
            return duration_words(value)
        case float():
            return f"{value:g}"
        case int():
            return str(value) if name == "port" else f"{value:,}"
    return without_password(str(value)) if name == "database" else str(value)


def without_password(address: str) -> str:
    try:
        parts = urlsplit(address)
        if not parts.password:
            return address
    except ValueError:
        return "set"
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{place}"))


async def secrets_context(house: Parts) -> dict[str, Any]:
    rows = [SecretRow(one, tasks_with(house, one.name)) for one in await house.secrets.all()]
    return {"secrets": rows, "key": house.secrets.vault.key is not None}


def tasks_with(house: Parts, name: str) -> list[str]:
    """The tasks whose functions say `secret("NAME")`."""
    asks = re.compile(rf"\bsecret\(\s*[rR]?[\"']{re.escape(name)}[\"']")
    return [task.name for task in house.tasks.all() if asks.search(task.text)]


async def audit_context(house: Parts, query: dict[str, str]) -> dict[str, Any]:
    cursor = query.get("cursor", "")
    before = int(cursor) if cursor.isascii() and cursor.isdigit() and int(cursor) < 2**63 else None
    rows, following = await house.audit.page(audit_filter(query), before=before)
    return {
        "rows": rows,
        "there": await house.jobs.known({row.target for row in rows if row.of_job and row.target}),
        "choices": list(action_choices()),
        "next": following,
        "first": before is None,
        "asked": {name: query[name] for name in FILTERS if query.get(name)},
        "typed": {name: query.get(name, "") for name in FILTERS},
    }


def action_choices() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """What the audit can be filtered by: for each group all of it, and each of its actions."""
    for group, things in GROUPS.items():
        actions = [(action, words) for action, words in WORDS.items() if action.partition(".")[0] in things]
        name = group.capitalize()
        yield name, [(group, f"{name}: anything"), *actions]


def audit_filter(query: dict[str, str]) -> AuditFilter:
    """Days are those of UTC; one that is none is passed over."""
    until = day_of(query.get("until", ""))
    by, action, target, address = (query.get(name, "").strip() for name in FILTERS[:4])
    return AuditFilter(
        by=by,
        action=action,
        target=target,
        address=address,
        since=day_of(query.get("since", "")),
        until=until + DAY if until else None,
    )


def day_of(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        return None


async def views_context(house: Parts) -> dict[str, Any]:
    return {"saved": await house.views.of_page("jobs")}
