"""What the audit tells, in words."""

from __future__ import annotations

from typing import Any

from recipes import NOW

from cronapp.core.audit import GROUPS, WORDS, AuditField, AuditRow, things_of
from cronapp.core.history import ChangeKind


def row(action: str = "job.edited", **fields: Any) -> AuditRow:
    told = {"at": NOW, "by": "ada", "address": None, "target": "nightly", "before": None, "after": None, "reason": None}
    return AuditRow(action=action, **{**told, **fields})


def test_each_action_has_words_and_belongs_to_one_group() -> None:
    assert {f"job.{kind}" for kind in ChangeKind if kind is not ChangeKind.BASELINE} <= WORDS.keys()
    things = [thing for group in GROUPS.values() for thing in group]
    assert len(set(things)) == len(things)
    assert {action.partition(".")[0] for action in WORDS} == set(things)


def test_an_action_that_nobody_put_into_words_is_readable_all_the_same() -> None:
    assert row("user.hat_lent").words == "User hat lent"


def test_differences_are_told_as_far_as_they_are_known() -> None:
    told = row(before={"timeout": "none", "run": 3}, after={"timeout": "1 min", "retry.on": "x" * 400})
    assert told.fields == [
        AuditField(name="timeout", label="time limit", old="none", new="1 min"),
        AuditField(name="run", label="run", old="3", new=None),
        AuditField(name="retry.on", label="retries only after", old=None, new="x" * 299 + "…"),
    ]
    assert told.run == 3


def test_values_are_told_as_people_say_them() -> None:
    after = {
        "tags": None,
        "until": None,
        "names": ["a", "b"],
        "on": True,
        "expires_at": "2027-02-24T10:50:39.508870+00:00",
    }
    told = {field.name: field.new for field in row(after=after).fields}
    assert told == {
        "tags": "all jobs",
        "until": "none",
        "names": "a, b",
        "on": "true",
        "expires_at": "2027-02-24 10:50:39 UTC",
    }
    assert [field.new for field in row(after={"tags": ["x", "y"], "names": []}).fields] == ["x, y", "none"]


def test_a_filter_names_a_group_a_thing_or_one_action() -> None:
    assert things_of("jobs") == ("job", "note")
    assert things_of("note") == ("note",)
    assert things_of("job.edited") == ()
