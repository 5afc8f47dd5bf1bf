"""What a job will do, in sentences: the same beside the form that makes it and on its page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from cronapp.core.alert_words import ping_words, rule_words
from cronapp.core.blackouts import blackout_for
from cronapp.core.dependencies import after_words
from cronapp.core.durations import duration_words
from cronapp.core.models import Backoff, JobSpec, MisfirePolicy, Overlap, Retry, Unclocked
from cronapp.core.routing import labels_words
from cronapp.core.spec import trigger_for, zone_of
from cronapp.core.triggers import moment_words, parts_of, trigger_of

GROUPS = ("overlap", "failure", "down", "window", "limits", "told")
LONGEST_ARGUMENT = 40
UNTOLD = {
    "window": "At any time its schedule names.",
    "limits": "It starts on time, in the default queue, with no limit of its own.",
    "told": "Nobody of its own; who is told of all jobs is told of it too.",
}
"""What a group of rules comes to when it has none."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule in a sentence. `usual`: it is what every job does if nothing else is said."""

    group: str
    text: str
    usual: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """A job in sentences: what runs when, and each rule."""

    head: str
    rules: tuple[Rule, ...]

    @property
    def unusual(self) -> list[str]:
        return [rule.text for rule in self.rules if not rule.usual]

    def of(self, group: str) -> str:
        """What the rules of a group come to: those that differ from the usual, else the usual."""
        own = [rule for rule in self.rules if rule.group == group]
        told = [rule.text for rule in own if not rule.usual] or [rule.text for rule in own]
        return " ".join(told) or UNTOLD[group]

    def differs(self, group: str) -> bool:
        return any(rule.group == group and not rule.usual for rule in self.rules)


def summary(
    spec: JobSpec,
    args: Mapping[str, Any] | None = None,
    *,
    subject: str | None = None,
    task: bool = True,
    when: bool = True,
) -> Summary:
    """A job in sentences. `args` are the arguments as they may be shown, if not the job's own.

    `subject` stands for the job in place of its id; without `task` and `when` those parts are left open.
    """
    shown = spec.args if args is None else args
    called = f"{spec.task}({arguments_words(shown)})" if task else "a task that is not chosen yet"
    clock = when_words(spec) if when else "at times that are not settled yet"
    return Summary(f"{subject or spec.id} runs {called} {clock}.", tuple(rules_of(spec)))


def arguments_words(args: Mapping[str, Any]) -> str:
    """`day=2026-01-31, dry_run=false`; what is long is cut."""
    return ", ".join(f"{name}={_cut(value)}" for name, value in args.items())


def _cut(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_ARGUMENT else f"{text[: LONGEST_ARGUMENT - 1]}…"


def when_words(spec: JobSpec) -> str:
    """When a job runs, within a sentence: `at 03:00, Monday to Friday, Berlin time`."""
    after = after_words(spec.after) if spec.after else ""
    if after and all(isinstance(one, Unclocked) for one in spec.schedule):
        return after
    trigger = trigger_of(spec.schedule, seed=spec.id)
    words = trigger.words()
    zones = {part.zone for part in parts_of(trigger) if part.zone and part.keeps_time()}
    if ":" in words and len(zones) == 1:
        words += f", {zone_words(zones.pop())}"
    return words[0].lower() + words[1:] + (f", and {after}" if after else "")


def words_of(spec: JobSpec) -> str:
    """When a job runs, as a line of its own."""
    clock = trigger_for(spec).words()
    if spec.after is None:
        return clock
    after = after_words(spec.after)
    if all(isinstance(one, Unclocked) for one in spec.schedule):
        return after[0].upper() + after[1:]
    return f"{clock}, and {after}"


def zone_words(zone: ZoneInfo) -> str:
    """`Berlin time` of Europe/Berlin; what names no place stays as it is."""
    area, slash, place = zone.key.rpartition("/")
    return f"{place.replace('_', ' ')} time" if slash and not area.startswith("Etc") else zone.key


def rules_of(spec: JobSpec) -> Iterator[Rule]:
    """Every rule of a job, group by group."""
    yield _overlap(spec)
    yield from _failure(spec)
    yield _down(spec)
    yield from _window(spec)
    yield from _limits(spec)
    yield from _told(spec)


def _told(spec: JobSpec) -> Iterator[Rule]:
    for rule in spec.notify:
        if rule.on:
            yield Rule("told", f"{rule_words(rule)[0].upper()}{rule_words(rule)[1:]}.")
        if rule.ping:
            yield Rule("told", f"{ping_words(rule.ping)[0].upper()}{ping_words(rule.ping)[1:]}.")
    if any(rule.instead for rule in spec.notify):
        yield Rule("told", "Who is told of all jobs, or of its tags, is not told of it.")


def _overlap(spec: JobSpec) -> Rule:
    most = spec.max_running
    if spec.overlap is Overlap.ALLOW:
        return Rule("overlap", "Its runs go on side by side" + (f", up to {most} of them." if most > 1 else "."))
    met = "If a run still goes on" if most == 1 else f"If {most} runs still go on"
    told = {
        Overlap.SKIP: "the new slot is skipped",
        Overlap.QUEUE: "one new run waits",
        Overlap.QUEUE_ALL: "all new runs wait in line",
        Overlap.CANCEL_RUNNING: "the running one is cancelled" if most == 1 else "the oldest is cancelled",
    }
    return Rule("overlap", f"{met}, {told[spec.overlap]}.", usual=spec.overlap is Overlap.SKIP and most == 1)


def _failure(spec: JobSpec) -> Iterator[Rule]:
    yield Rule("failure", _retry(spec.retry), usual=spec.retry.max_attempts == 1)
    if spec.timeout:
        yield Rule("failure", f"A run is stopped after {duration_words(spec.timeout)}.")
    else:
        yield Rule("failure", "A run may take as long as it needs.", usual=True)
    if times := spec.pause_after_failures:
        count = "a failure" if times == 1 else f"{times} failures in a row"
        yield Rule("failure", f"After {count} the job pauses by itself.")


def _retry(retry: Retry) -> str:
    if retry.max_attempts == 1:
        return "A run that fails is not tried again."
    wait = f"{duration_words(retry.delay)} after a failure" if retry.delay else "at once"
    if retry.backoff is Backoff.EXPONENTIAL and retry.delay and retry.max_attempts > 2:
        wait += f", then longer each time, at most {duration_words(retry.max_delay)}"
    only = f", only after {_either(retry.on)}" if retry.on else ""
    return f"Up to {retry.max_attempts} attempts: it is tried again {wait}{only}."


def _either(names: tuple[str, ...]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _down(spec: JobSpec) -> Rule:
    age = f"younger than {duration_words(spec.misfire.grace)}"
    told = {
        MisfirePolicy.LAST: f"the newest one runs, if it is {age}",
        MisfirePolicy.ALL: f"all run that are {age}",
        MisfirePolicy.SKIP: "none runs",
    }
    usual = spec.misfire == type(spec.misfire)()
    return Rule("down", f"Of slots that passed while the server was down, {told[spec.misfire.policy]}.", usual)


def _window(spec: JobSpec) -> Iterator[Rule]:
    where = zone_of(spec)
    if spec.starts_at:
        yield Rule("window", f"Not before {moment_words(spec.starts_at, where)}.")
    if spec.ends_at:
        yield Rule("window", f"Not after {moment_words(spec.ends_at, where)}.")
    if spec.max_runs:
        yield Rule("window", "It runs once." if spec.max_runs == 1 else f"It runs {spec.max_runs} times in all.")
    if spec.blackouts:
        yield Rule("window", f"No run on these: {'; '.join(map(blackout_words, spec.blackouts))}.")
    if spec.condition:
        yield Rule("window", f"Before each slot {spec.condition} is asked whether it runs.")


def blackout_words(line: str) -> str:
    """A blackout in words."""
    try:
        return blackout_for(line).words()
    except ValueError:  # stored by a version that took it; that nothing runs meanwhile, each slot says
        return line


def _limits(spec: JobSpec) -> Iterator[Rule]:
    if spec.jitter:
        yield Rule("limits", f"Its starts are spread over {duration_words(spec.jitter)} after the slot.")
    if spec.queue != "default":
        yield Rule("limits", f"Its runs wait in the queue {spec.queue}.")
    if spec.labels:
        yield Rule("limits", f"Only a process with {labels_words(spec.labels)} executes its runs.")
    if spec.group:
        yield Rule("limits", f"It shares the places of the group {spec.group}.")
    if spec.priority:
        yield Rule("limits", f"Its priority is {spec.priority}: it goes {_before(spec.priority)} when many wait.")


def _before(priority: int) -> str:
    return "before others" if priority > 0 else "after others"
