"""A job in sentences, and a cron expression field by field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cronapp.core.cron import told_fields
from cronapp.core.spec import parse_draft, parse_spec
from cronapp.core.summary import GROUPS, summary

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
BASE: dict[str, Any] = {
    "id": "nightly-report",
    "task": "nightly_report",
    "args": {"day": "today", "dry_run": False},
    "schedule": {"kind": "cron", "expression": "0 3 * * mon-fri", "timezone": "Europe/Berlin"},
}


def told(**fields: Any) -> list[str]:
    found = summary(parse_spec({**BASE, **fields}, now=NOW))
    return [found.head, *found.unusual]


def test_a_job_with_the_usual_rules_is_one_sentence() -> None:
    assert told() == [
        "nightly-report runs nightly_report(day=today, dry_run=false) at 03:00, Monday to Friday, Berlin time."
    ]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"schedule": {"kind": "interval", "every": "15m"}}, "runs nightly_report() every 15 minutes."),
        ({"schedule": {"kind": "manual"}}, "runs nightly_report() only when started by hand."),
        (
            {"schedule": {"kind": "dependency"}, "after": {"jobs": ["extract", "load"]}},
            "runs nightly_report() after extract and load succeed.",
        ),
        ({"after": {"jobs": ["load"], "when": "any"}}, "Berlin time, and after load ends."),
        (
            {"schedule": [{"kind": "cron", "expression": "0 9 * * *"}, {"kind": "interval", "every": "6h"}]},
            "runs nightly_report() at 09:00 every day; every 6 hours, UTC.",
        ),
        ({"args": {"text": "x" * 99}}, f"nightly_report(text={'x' * 39}…)"),
    ],
)
def test_when_it_runs_reads_as_part_of_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    assert sentence in told(**{"args": {}, **fields})[0]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"overlap": "queue"}, "If a run still goes on, one new run waits."),
        ({"overlap": "allow", "max_running": 5}, "Its runs go on side by side, up to 5 of them."),
        ({"max_running": 2}, "If 2 runs still go on, the new slot is skipped."),
        (
            {"retry": {"max_attempts": 3}},
            "Up to 3 attempts: it is tried again 10 s after a failure, then longer each time, at most 10 min.",
        ),
        (
            {"retry": {"max_attempts": 2, "backoff": "fixed", "delay": 0, "on": ["OSError", "timed_out"]}},
            "Up to 2 attempts: it is tried again at once, only after OSError or timed_out.",
        ),
        ({"timeout": "10m"}, "A run is stopped after 10 min."),
        ({"pause_after_failures": 3}, "After 3 failures in a row the job pauses by itself."),
        ({"misfire": {"policy": "skip"}}, "Of slots that passed while the server was down, none runs."),
        ({"ends_at": "2031-05-01T10:00:00Z"}, "Not after 1 May 2031 at 12:00."),
        ({"max_runs": 3}, "It runs 3 times in all."),
        ({"blackouts": ["sat,sun", "2026-12-25"]}, "No run on these: Saturday and Sunday; 25 December 2026."),
        ({"condition": "weekday"}, "Before each slot weekday is asked whether it runs."),
        ({"jitter": 300}, "Its starts are spread over 5 min after the slot."),
        ({"queue": "mail"}, "Its runs wait in the queue mail."),
        ({"group": "db"}, "It shares the places of the group db."),
        ({"labels": ["gpu", "zone=eu"]}, "Only a process with the labels gpu and zone=eu executes its runs."),
        ({"priority": -3}, "Its priority is -3: it goes after others when many wait."),
    ],
)
def test_each_rule_that_is_not_usual_is_one_sentence(fields: dict[str, Any], sentence: str) -> None:
    assert told(**fields)[1:] == [sentence]


def test_every_group_of_rules_says_something_also_when_all_is_usual() -> None:
    usual = summary(parse_spec(BASE, now=NOW))
    assert all(usual.of(group).endswith(".") and not usual.differs(group) for group in GROUPS)
    other = summary(parse_spec({**BASE, "timeout": 60}, now=NOW))
    assert [group for group in GROUPS if other.differs(group)] == ["failure"]
    assert other.of("failure") == "A run is stopped after 1 min."


def test_of_a_job_that_is_half_typed_the_right_half_is_told() -> None:
    typed = {**BASE, "id": "a b", "timeout": "soon", "priority": "3", "schedule": {"kind": "cron", "expression": "x"}}
    draft = parse_draft(typed, now=NOW)
    assert set(draft.wrong) == {"id", "timeout", "schedule.expression"}
    assert not draft.has("schedule")
    assert draft.has("priority")
    assert draft.spec.priority == 3
    assert (draft.spec.timeout, draft.spec.schedule[0].kind) == (None, "manual")
    waiting = parse_draft({**BASE, "schedule": {"kind": "dependency"}, "priority": 3}, now=NOW)
    assert set(waiting.wrong) == {"after"}
    assert waiting.spec.priority == 3
    old = parse_spec({**BASE, "timeout": 60}, now=NOW)
    assert parse_draft({**BASE, "timeout": "soon"}, now=NOW, old=old).spec.timeout == 60


# -- cron, field by field -------------------------------------------------------------------------------------------


def test_each_field_says_what_it_means() -> None:
    told = told_fields("*/15 9-17 L * mon-fri")
    assert [(one.name, one.meaning) for one in told] == [
        ("Minute", "0, 15, 30 and 45"),
        ("Hour", "9 to 17"),
        ("Day of month", "the last day"),
        ("Month", "every month"),
        ("Day of week", "Monday to Friday"),
    ]
    assert [one.meaning for one in told_fields("0 0 3 1,15 mar mon#2 2030")] == [
        "0",
        "0",
        "3",
        "the 1st and the 15th",
        "March",
        "the second Monday",
        "2030",
    ]
    assert told_fields("*/3 * * * *")[0].meaning == "0, 3, 6, 9, 12 … 57"


def test_what_is_wrong_is_told_of_its_own_field_and_what_is_not_typed_yet_is_empty() -> None:
    told = told_fields("61 3 *")
    assert told[0].problem.startswith("61 is out of range. Allowed are 0 to 59")
    assert (told[1].problem, told[1].meaning) == ("", "3")
    assert [one.text for one in told[3:]] == ["", ""]
    assert told_fields("@daily") == ()
    assert told_fields("0 0 3 * * *")[0].name == "Second"
