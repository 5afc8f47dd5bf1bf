"""What is told, in a title and a few lines of plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cronapp.core.alert_words import event_label
from cronapp.core.alerts import REMINDER, TEST, Delivery
from cronapp.core.durations import duration_words
from cronapp.core.models import AlertEvent, Json
from cronapp.core.plain import plain
from cronapp.core.presence import STAMP

LISTED = 20  # things that one message names
LONGEST = 300  # letters of an error's line
GOOD = frozenset({AlertEvent.RECOVERY, AlertEvent.SUCCESS})


@dataclass(frozen=True, slots=True)
class Message:
    """`mood` is failure, warning, success or info."""

    title: str
    body: str
    mood: str


def stamp(moment: datetime | None) -> str | None:
    return f"{moment:{STAMP}}" if moment else None


def first_line(text: str) -> str:
    line = plain(next((one for one in text.splitlines() if one.strip()), "")).strip()
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def message_of(told: Sequence[Delivery], address: str | None) -> Message:
    """One thing as a message of its own, several as one. `address` is the site's, for links; None: without."""
    return _one(told[0], address) if len(told) == 1 else _several(told, address)


def title_of(event: str, job: str | None, facts: Json) -> str:
    name, count = job or "Cron-App", facts.get("failures") or 0
    missed = facts.get("missed") or 1
    told: dict[str, str] = {
        AlertEvent.FAILURE: f"{name} failed" + (f" {count} times in a row" if count > 1 else ""),
        AlertEvent.RECOVERY: f"{name} recovered",
        AlertEvent.MISSED: f"{name} missed {'a slot' if missed == 1 else f'{missed} slots'}",
        AlertEvent.LATE: f"{name} is late",
        AlertEvent.SLOW: f"{name} takes long" if facts.get("running") else f"{name} took long",
        AlertEvent.FAST: f"{name} ended too soon",
        AlertEvent.NO_OUTPUT: f"{name} printed and returned nothing",
        AlertEvent.SUCCESS: f"{name} succeeded",
        AlertEvent.PAUSED: f"{name} paused by itself",
        AlertEvent.NEEDS_ATTENTION: f"{name} needs attention",
        REMINDER: f"{name} still {facts.get('still') or 'fails'}",
        TEST: "Cron-App: a test",
    }
    return told.get(event, f"{name}: {event_label(event)}")


def lines_of(event: str, facts: Json) -> list[str]:
    """What there is to say, beside the title."""
    return [line for line in _lines(event, facts) if line]


def _lines(event: str, facts: Json) -> list[str | None]:
    get: Any = facts.get
    error, duration = get("error"), get("duration")
    run = f"Run #{get('run')}" if get("run") else None
    tried = f", attempt {get('attempt')} of {get('attempts')}" if run and (get("attempts") or 1) > 1 else ""
    slot = f", slot {get('slot')}" if run and get("slot") else ""
    since = f"Since {get('since')}." if get("since") else None
    took = f"It took {duration_words(duration)}" if duration is not None and event != AlertEvent.FAILURE else None
    usual = f", usually {duration_words(get('usual'))}" if get("usual") is not None else ""
    return [
        get("text"),
        error,
        get("reason"),
        f"{took}{usual}." if took else None,
        f"{get('failures')} failures in a row."
        if event in (REMINDER, AlertEvent.RECOVERY) and get("failures")
        else None,
        since,
        f"{run}{tried}{slot}." if run else None,
        f"Slot {get('slot')}." if not run and get("slot") else None,
    ]


def _one(told: Delivery, address: str | None) -> Message:
    lines = lines_of(told.event, told.facts)
    if link := link_to(told, address):
        lines.append(link)
    return Message(title_of(told.event, told.job, told.facts), "\n".join(lines) or "Cron-App", mood_of([told]))


def _several(told: Sequence[Delivery], address: str | None) -> Message:
    counts = Counter(one.event for one in told)
    jobs = {one.job for one in told if one.job}
    what = ", ".join(f"{count:,} {event_label(event).lower()}" for event, count in counts.most_common())
    title = f"Cron-App: {len(told):,} alerts of {len(jobs):,} job{'s' if len(jobs) != 1 else ''}"
    lines = [f"{what}.", ""]
    for one in told[:LISTED]:
        more = next(iter(lines_of(one.event, one.facts)), "")
        lines.append(f"- {title_of(one.event, one.job, one.facts)}{': ' if more else ''}{more}")
    if len(told) > LISTED:
        lines.append(f"and {len(told) - LISTED:,} more.")
    if address:
        lines += ["", f"{address}/jobs?state=failing"]
    return Message(title, "\n".join(lines), mood_of(told))


def mood_of(told: Sequence[Delivery]) -> str:
    events = {one.event for one in told}
    if events <= GOOD:
        return "success"
    if events & {AlertEvent.FAILURE, AlertEvent.PAUSED, AlertEvent.NEEDS_ATTENTION, REMINDER}:
        return "failure"
    return "info" if events <= {TEST} else "warning"


def link_to(told: Delivery, address: str | None) -> str | None:
    if not address or not told.job:
        return address if told.event == TEST else None
    return f"{address}/runs/{told.run}" if told.run else f"{address}/jobs/{told.job}"
