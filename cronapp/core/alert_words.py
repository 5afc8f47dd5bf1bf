"""Who is told what, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from cronapp.core.alerts import GeneralRule
from cronapp.core.durations import duration_words
from cronapp.core.models import AlertEvent, Notify, Ping

EVENT_WORDS = {
    AlertEvent.FAILURE: "a run fails for good",
    AlertEvent.RECOVERY: "it recovers",
    AlertEvent.MISSED: "slots are missed",
    AlertEvent.LATE: "a run is late",
    AlertEvent.SLOW: "a run takes long",
    AlertEvent.FAST: "a run ends too soon",
    AlertEvent.NO_OUTPUT: "a run prints and returns nothing",
    AlertEvent.SUCCESS: "a run succeeds",
    AlertEvent.PAUSED: "it pauses by itself",
    AlertEvent.NEEDS_ATTENTION: "it needs attention",
}
EVENT_LABELS = {
    AlertEvent.FAILURE: "Failure",
    AlertEvent.RECOVERY: "Recovery",
    AlertEvent.MISSED: "Missed slots",
    AlertEvent.LATE: "Late",
    AlertEvent.SLOW: "Slow",
    AlertEvent.FAST: "Too fast",
    AlertEvent.NO_OUTPUT: "No output",
    AlertEvent.SUCCESS: "Success",
    AlertEvent.PAUSED: "Paused by itself",
    AlertEvent.NEEDS_ATTENTION: "Needs attention",
}
OTHER_LABELS = {"reminder": "Reminder", "test": "Test", "start": "Ping"}


def event_label(event: str) -> str:
    if event in OTHER_LABELS:
        return OTHER_LABELS[event]
    return EVENT_LABELS[AlertEvent(event)] if event in list(AlertEvent) else event.replace("_", " ").capitalize()


def general_words(one: GeneralRule) -> str:
    """What a rule for all jobs, or for those with a tag, does."""
    return rule_words(replace(one.rule, channels=one.channels)) if one.channels else "nobody is told"


def rule_words(rule: Notify) -> str:
    """`tells ops when a run fails for good or it recovers`"""
    parts = []
    if rule.on:
        parts.append(f"tells {listed((*rule.channels, *map(str, rule.urls)))} when {either(event_words(rule))}")
        if rule.remind:
            parts.append(f"again every {duration_words(rule.remind)} while it lasts")
    if rule.ping:
        parts.append(ping_words(rule.ping))
    if rule.instead:
        parts.append("nobody else is told" if rule.on or rule.ping else "nobody is told")
    return ", ".join(parts) or "nothing"


def event_words(rule: Notify) -> list[str]:
    """What it tells, one by one."""
    return [_event_words(rule, event) for event in rule.on]


def _event_words(rule: Notify, event: AlertEvent) -> str:
    match event:
        case AlertEvent.FAILURE if rule.failures > 1:
            return f"{rule.failures} runs in a row fail"
        case AlertEvent.RECOVERY if rule.failures > 1:
            return f"it recovers from {rule.failures} failures or more"
        case AlertEvent.LATE:
            return f"a run is {duration_words(rule.late_after)} late"
        case AlertEvent.SLOW if rule.slower_than:
            return f"a run takes longer than {duration_words(rule.slower_than)}"
        case AlertEvent.SLOW:
            return f"a run takes {rule.slower_by:g} times as long as usual"
        case AlertEvent.FAST if rule.faster_than:
            return f"a run ends within {duration_words(rule.faster_than)}"
    return EVENT_WORDS[event]


def ping_words(ping: Ping) -> str:
    return f"an address is called when a run {either([word for word, _ in called(ping)])}"


def called(ping: Ping) -> Iterator[tuple[str, str]]:
    """What a run does, and the address that is called then."""
    named = {"begins": ping.start, "succeeds": ping.success, "fails": ping.failure}
    yield from ((word, url) for word, url in named.items() if url)


def calls_words(rules: Iterable[Notify]) -> list[str]:
    """The masks of what they call, one by one; the rules in words do not tell them."""
    pings = (rule.ping for rule in rules if rule.ping)
    return [f"{url} is called when a run {word}" for ping in pings for word, url in called(ping)]


def listed(names: Sequence[str]) -> str:
    return joined(names, "and")


def either(names: Sequence[str]) -> str:
    return joined(names, "or")


def joined(names: Sequence[str], word: str) -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last
