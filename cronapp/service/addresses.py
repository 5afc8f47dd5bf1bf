"""Whether an address is one that Apprise can send to. The library is loaded when the first address is looked at: most
of its hundred services are never needed, and it takes a while."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cronapp.core.addressing import secrets_in, without
from cronapp.core.models import SecretUrl

FILES = frozenset({"template", "attach", "pgpkey", "keyfile"})
"""What Apprise would read from the disk of the server."""
UNKNOWN = "Apprise does not know such an address. Its services and how they are written: github.com/caronc/apprise."
WEB = "For a web hook make a channel in Settings, of the kind web hook, and name it here."
CAUSE = "Socket Exception: "
"""What Apprise's services log below their warnings: what the server said, or why there was no connection."""


@dataclass(frozen=True, slots=True)
class About:
    """What Apprise is about, and why it could not send."""

    url: str
    causes: list[str] = field(default_factory=list)


_about: ContextVar[About | None] = ContextVar("about", default=None)


class Masking(logging.Filter):
    """Takes what is secret out of what Apprise logs while it is about an address of ours. What a task of the user does
    with the library stays as it is."""

    def filter(self, record: logging.LogRecord) -> bool:
        if (present := _about.get()) is None:
            return record.levelno >= logging.root.getEffectiveLevel()
        text = without(record.getMessage(), secrets_in(present.url))
        record.msg, record.args = text, ()
        if text.startswith(CAUSE):
            present.causes.append(text.removeprefix(CAUSE))
        return record.levelno >= logging.WARNING  # what went well is quiet


@contextmanager
def about(url: str) -> Iterator[list[str]]:
    """What is logged within has nothing of this address in it that is secret. Yields why it could not be sent."""
    present = About(url)
    before = _about.set(present)
    try:
        yield present.causes
    finally:
        _about.reset(before)


@lru_cache(maxsize=1)
def library() -> Any:
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.DEBUG)  # the filter keeps it as quiet as it was
    logger.addFilter(Masking())
    return importlib.import_module("apprise")


def service_for(url: str) -> Any:
    """The service that sends to this address; None: there is none. It reads and keeps no file."""
    apprise = library()
    asset = apprise.AppriseAsset(app_id="Cron-App", app_desc="Cron-App", app_url="", plugin_paths=[], storage_path=None)
    sender = apprise.Apprise(asset=asset)
    with about(url):
        return sender if sender.add(url) and len(sender) == 1 else None


def problem_with(url: str) -> str | None:
    """What is wrong with an address; None: it can be sent to. It is not called."""
    try:
        parts = urlsplit(url)
        asked = {name.lower() for name, _ in parse_qsl(parts.query)}
    except ValueError:
        return UNKNOWN
    if named := sorted(asked & FILES):
        return f"Leave {' and '.join(named)} out: no file of the server is sent anywhere."
    if service_for(url) is None:
        return WEB if parts.scheme.lower() in ("http", "https") else UNKNOWN
    return None


known_problem = lru_cache(maxsize=512)(problem_with)


def new_urls(data: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """The addresses that a job as JSON gives anew, and the fields that they stand in."""
    rules = data.get("notify")
    for n, rule in enumerate(rules if isinstance(rules, list | tuple) else ()):
        urls = rule.get("urls") if isinstance(rule, dict) else None
        for m, url in enumerate(urls if isinstance(urls, list | tuple) else ()):
            if isinstance(url, str) and not isinstance(url, SecretUrl):
                yield f"notify.{n}.urls.{m}", url


def wrong_urls(data: Mapping[str, Any], masked: Iterable[str] = ()) -> dict[str, str]:
    """What is wrong with them, by their fields. `masked` are those that may come back as they were shown."""
    known = set(masked)
    found = {field: known_problem(url) for field, url in new_urls(data) if url not in known and "://" in url}
    return {field: problem for field, problem in found.items() if problem}
