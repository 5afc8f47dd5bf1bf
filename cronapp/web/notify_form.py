"""Who is told of a job, as the texts of its form: one rule of its own, and one address for pings. What else a job has
stays as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cronapp.core.durations import duration_text
from cronapp.core.models import AlertEvent, JobSpec, Json, Notify, Ping
from cronapp.core.spec import rule_to_json
from cronapp.web.schedules import Texts

USUAL = Notify()
SPANS = ("slower_than", "faster_than", "late_after", "remind")
PLAIN = ("failures", "slower_by", *SPANS)
NAMES = ("channels", "urls", "ping", *PLAIN)
"""The fields but for those that are ticked, behind `notify.`."""
TICKS = ("instead", *(f"on.{event}" for event in AlertEvent))


def usual_notify() -> dict[str, str]:
    return {name: text for name, text in texts_of(USUAL, None).items() if name.removeprefix("notify.") in NAMES}


def notify_texts(spec: JobSpec) -> dict[str, str]:
    """What the form shows of a job's rules."""
    rule, ping, _ = parted(spec.notify)
    return texts_of(rule or USUAL, ping)


def texts_of(rule: Notify, ping: Ping | None) -> dict[str, str]:
    texts = {
        "channels": ", ".join(rule.channels),
        "urls": "\n".join(map(str, rule.urls)),
        "ping": shown(ping),
        "failures": str(rule.failures),
        "slower_by": f"{rule.slower_by:g}",
        **{name: duration_text(value) if (value := getattr(rule, name)) else "" for name in SPANS},
        **{f"on.{event}": "on" for event in rule.on},
        **({"instead": "on"} if rule.instead else {}),
    }
    return {f"notify.{name}": text for name, text in texts.items()}


def parted(rules: Sequence[Notify]) -> tuple[Notify | None, Ping | None, list[Notify]]:
    """The rule and the ping that the form shows, and the others."""
    own = next((rule for rule in rules if rule.on or rule.instead), None)
    pinging = next((rule for rule in rules if rule.ping), None)
    ping = pinging.ping if pinging else None
    others = [rule for rule in rules if rule is not own and rule is not pinging]
    for one in dict.fromkeys(rule for rule in (own, pinging) if rule):
        left = replace(one, ping=None) if one is pinging else one
        left = replace(left, on=(), channels=(), urls=(), instead=False) if one is own else left
        if left.on or left.ping or left.instead:
            others.insert(0, left)
    return (replace(own, ping=None) if own else None), ping, others


def shown(ping: Ping | None) -> str:
    return str(ping.success or next(ping.urls())) if ping else ""


def notify_from_form(texts: Texts, old: JobSpec | None = None) -> list[Any]:
    """The rules as they were typed. What stands there as it was shown stays as it is."""
    before = notify_texts(old) if old else {}
    typed = {name: text.replace("\r\n", "\n").strip() for name, text in texts.items() if name.startswith("notify.")}
    if old and same(typed, before):
        return [rule_to_json(rule) for rule in old.notify]
    _, ping, others = parted(old.notify if old else ())
    rule = rule_of(typed)
    return [
        *([rule] if rule else []),
        *ping_rule(typed.get("notify.ping", ""), ping),
        *(rule_to_json(one) for one in others),
    ]


def same(typed: Mapping[str, str], before: Mapping[str, str]) -> bool:
    names = [f"notify.{name}" for name in (*NAMES, *TICKS)]
    return all(typed.get(name, "") == before.get(name, "") for name in names)


def rule_of(typed: Mapping[str, str]) -> Json | None:
    """None: nobody is told."""
    rule, alone = said(typed), bool(typed.get("notify.instead"))
    urls = [line.strip() for line in typed.get("notify.urls", "").splitlines() if line.strip()]
    if not rule["channels"] and not urls:
        return {"on": [], "instead": True} if alone else None
    return {**rule, "urls": urls, **({"instead": True} if alone else {})}


def said(typed: Mapping[str, str]) -> Json:
    """What a rule for all jobs can say too."""
    get = {name.removeprefix("notify."): text.strip() for name, text in typed.items() if text.strip()}
    told: Json = {name: get[name] for name in PLAIN if name in get}
    for name in ("slower_by", "failures"):
        if name in told:
            told[name] = number(told[name])
    return {
        "on": [event.value for event in AlertEvent if f"on.{event}" in get],
        "channels": [name.strip() for name in get.get("channels", "").split(",") if name.strip()],
        **told,
    }


def number(text: str) -> Any:
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError:
        return text


def ping_rule(text: str, old: Ping | None) -> list[Json]:
    if not text:
        return []
    if old and text == shown(old):
        return [rule_to_json(Notify(on=(), ping=old))]
    return [{"on": [], "ping": text}]


def field_of(name: str) -> str:
    """`notify.0.channels.1` is told at `notify.channels`, and whatever is wrong with a ping at the ping."""
    parts = name.split(".")
    if len(parts) < 3:
        return "notify.channels"
    return "notify.on" if parts[2] == "on" else f"notify.{parts[2]}"
