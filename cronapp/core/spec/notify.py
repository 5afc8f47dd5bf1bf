"""The rules of who is told what, as they come in and go out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from pydantic import ValidationError

from cronapp.core.errors import InvalidInput
from cronapp.core.models import AlertEvent, Json, Notify, Ping, SecretUrl
from cronapp.core.spec.shapes import NotifyInput, PingInput
from cronapp.core.validation import explain

MASKED = re.compile(r"[\w+.-]+://\*{8}-[0-9a-f]{8}")
"""An address as it is shown: what comes back so is the one that was there."""
GONE = "This address is masked, and the job has none like it. Write it out in full."
USUAL = Notify()
DURATIONS = ("slower_than", "faster_than", "late_after", "remind")


def notify_of(given: Sequence[NotifyInput], known: Iterable[str] = ()) -> tuple[Notify, ...]:
    """The rules that were given, each checked as a whole. `known` are the addresses that the job had, which may come
    back masked. Raises `InvalidInput`."""
    masked = {str(one): one for one in known if isinstance(one, SecretUrl)}
    errors: dict[str, str] = {}
    rules = tuple(rule_of(one, f"notify.{n}", masked, errors) for n, one in enumerate(given))
    if errors:
        raise InvalidInput(errors)
    return rules


def parse_rule(data: Mapping[str, Any], *, quiet: bool = False) -> Notify:
    """One rule as JSON; raises `InvalidInput` with each wrong field. A `quiet` one need not say who is told."""
    try:
        given = NotifyInput.model_validate(data)
    except ValidationError as error:
        raise InvalidInput(explain(error, value=data, fields=NotifyInput.model_fields)) from None
    errors: dict[str, str] = {}
    rule = rule_of(given, "rule", {}, errors)
    told = {field.removeprefix("rule."): text for field, text in errors.items()}
    if quiet:
        told.pop("channels", None)
        told.pop("on", None)
    if told:
        raise InvalidInput(told)
    return rule


def rule_of(given: NotifyInput, field: str, masked: Mapping[str, str], errors: dict[str, str]) -> Notify:
    rule = Notify(
        **{name: value for name, value in given if name not in ("on", "urls", "ping")},
        on=tuple(dict.fromkeys(given.on if given.on is not None else (() if given.ping else USUAL.on))),
        urls=tuple(unmasked(one, f"{field}.urls.{n}", masked, errors) for n, one in enumerate(given.urls)),
        ping=ping_of(given.ping, f"{field}.ping", masked, errors) if given.ping else None,
    )
    return checked(rule, field, errors)


def checked(rule: Notify, field: str, errors: dict[str, str]) -> Notify:
    """The rule, and what is wrong with it as a whole among the errors."""
    if AlertEvent.FAST in rule.on and rule.faster_than is None:
        errors[f"{field}.faster_than"] = "Say how long a run must take at least, such as 5s, or leave fast out."
    if rule.on and not (rule.channels or rule.urls):
        errors[f"{field}.channels"] = (
            'Say who is told: the name of a channel, or an Apprise address under "urls".'
            if not rule.ping
            else "A ping tells nobody else. Name a channel too, or leave `on` out."
        )
    if not rule.on and not rule.ping and not rule.instead:
        errors[f"{field}.on"] = "Say what is told, such as failure. To have nothing told of this job add instead: true."
    return rule


def ping_of(given: str | PingInput, field: str, masked: Mapping[str, str], errors: dict[str, str]) -> Ping:
    if isinstance(given, str):
        if MASKED.fullmatch(given):
            errors[field] = "This address is masked. Write it out in full, or send start, success and failure back."
            return Ping()
        return for_all(given)
    told = {name: unmasked(one, f"{field}.{name}", masked, errors) for name, one in given if one is not None}
    if not told:
        errors[field] = "Give at least one of start, success and failure."
    return Ping(**told)


def for_all(url: str) -> Ping:
    """One address stands for all three, as Healthchecks has them: `…/start`, the address itself, `…/fail`."""
    start, _, query = url.partition("?")
    rest = f"?{query}" if query else ""
    base = start.rstrip("/")
    return Ping(start=f"{base}/start{rest}", success=url, failure=f"{base}/fail{rest}")


def unmasked(url: str, field: str, masked: Mapping[str, str], errors: dict[str, str]) -> str:
    if isinstance(url, SecretUrl) or not MASKED.fullmatch(url):
        return url
    if url not in masked:
        errors[field] = GONE
    return masked.get(url, url)


# -- out, and back --------------------------------------------------------------------------------------------------


def rule_to_json(rule: Notify) -> Json:
    """A rule as the API tells it: what is at its default is left out, but for `on`. Addresses stay as they are."""
    data: Json = {"on": [str(one) for one in rule.on]}
    for one in fields(rule):
        value = getattr(rule, one.name)
        if one.name == "on" or value == getattr(USUAL, one.name):
            continue
        if isinstance(value, Ping):
            data["ping"] = {part.name: url for part in fields(value) if (url := getattr(value, part.name)) is not None}
        else:
            whole = isinstance(value, float) and value.is_integer()
            data[one.name] = list(value) if isinstance(value, tuple) else int(value) if whole else value
    return data


def rule_from_json(data: Json) -> Notify:
    """The reverse, for what was checked when it was stored, or as the code declares it."""
    told: Json = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    told["on"] = tuple(AlertEvent(one) for one in data.get("on", USUAL.on))
    if data.get("ping"):
        told["ping"] = for_all(data["ping"]) if isinstance(data["ping"], str) else Ping(**data["ping"])
    return Notify(**told)


def with_urls(rule: Notify, urls: Iterable[str]) -> Notify:
    """The same rule with other addresses in the places of its own."""
    mine = iter(urls)
    own = tuple(next(mine) for _ in rule.urls)
    if rule.ping is None:
        return replace(rule, urls=own)
    ping = {one.name: next(mine) for one in fields(Ping) if getattr(rule.ping, one.name) is not None}
    return replace(rule, urls=own, ping=Ping(**ping))
