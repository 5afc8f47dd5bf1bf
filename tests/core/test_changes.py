"""Two versions of a job, told apart field by field."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from recipes import a_spec

from cronapp.core.changes import FieldChange, changes, words_of
from cronapp.core.models import Backoff, JobSpec, Json, Misfire, Overlap, Retry


def told(old: JobSpec, new: JobSpec) -> dict[str, tuple[str, str]]:
    return {one.field: (one.old, one.new) for one in changes(old, new)}


def test_nothing_differs_between_a_version_and_itself() -> None:
    assert changes(a_spec(), a_spec()) == []


def test_rules_with_several_parts_are_told_part_by_part() -> None:
    old, new = a_spec(retry={"max_attempts": 2}), a_spec(retry={"max_attempts": 2, "delay": "1m", "backoff": "fixed"})
    assert told(old, new) == {
        "retry.delay": ("10 s", "1 min"),
        "retry.backoff": ("longer each time", "always the same"),
    }
    assert told(a_spec(), a_spec(misfire={"policy": "all"})) == {
        "misfire.policy": ("run the newest one", "run all of them")
    }


def test_a_schedule_is_told_in_words_with_its_expression() -> None:
    old = a_spec(schedule={"kind": "cron", "expression": "0 3 * * *", "timezone": "Europe/Berlin"})
    new = replace(a_spec(schedule={"kind": "interval", "every": "10m", "anchor": "2026-03-02T12:00:00Z"}))
    ((was, now),) = told(old, new).values()
    assert was.endswith("(0 3 * * *, Europe/Berlin)")
    assert now == "Every 10 minutes, counted from 2026-03-02 12:00:00 UTC"


def test_each_argument_is_a_field_of_its_own() -> None:
    old, new = a_spec(args={"name": "Ada", "times": 1}), a_spec(args={"name": "Bob", "loud": True})
    assert told(old, new) == {
        "args.name": ('"Ada"', '"Bob"'),
        "args.times": ("1", "not given"),
        "args.loud": ("not given", "true"),
    }


def test_a_changed_secret_is_told_without_either_value() -> None:
    def mask(task: str, args: Json) -> Json:
        return dict.fromkeys(args, "********")

    old, new = a_spec(args={"key": "hunter2"}), a_spec(args={"key": "hunter3"})
    assert changes(old, new, mask) == [FieldChange(field="args.key", label="key", old="a secret", new="another secret")]


def test_empty_values_read_as_none_and_long_ones_are_cut() -> None:
    assert words_of("tags", ()) == "none"
    assert words_of("jitter", 0) == "none"
    assert words_of("priority", 0) == "0"
    assert words_of("starts_at", datetime(2026, 3, 2, 12, tzinfo=UTC)) == "2026-03-02 12:00:00 UTC"
    assert len(words_of("description", "x" * 2000)) == 300


def test_every_field_of_a_job_can_be_told() -> None:
    here = a_spec()
    other = replace(
        here,
        overlap=Overlap.ALLOW,
        misfire=Misfire(grace=60),
        retry=Retry(max_attempts=9, backoff=Backoff.FIXED, on=("OSError",)),
        max_runs=3,
        blackouts=("sat",),
        tags=("a", "b"),
    )
    assert told(here, other) == {
        "max_runs": ("none", "3"),
        "blackouts": ("none", "sat"),
        "overlap": ("skip the new slot", "run side by side"),
        "misfire.grace": ("1 h", "1 min"),
        "retry.max_attempts": ("1", "9"),
        "retry.backoff": ("longer each time", "always the same"),
        "retry.on": ("none", "OSError"),
        "tags": ("none", "a, b"),
    }


def test_an_address_that_is_called_is_told_where_it_is_another_one() -> None:
    one, two = ({"ping": {"success": f"https://example.org/{end}"}} for end in ("one", "two"))
    called = (
        "https://example.org/one is called when a run succeeds",
        "https://example.org/two is called when a run succeeds",
    )
    assert told(a_spec(notify=[one]), a_spec(notify=[two])) == {"notify": called}
    old, new = told(a_spec(notify=[one]), a_spec(notify=[two, {"channels": ["ops"]}]))["notify"]
    assert (old, new.endswith(called[1])) == (f"an address is called when a run succeeds; {called[0]}", True)
    assert "example.org" not in told(a_spec(), a_spec(notify=[one]))["notify"][1], "where it is new the words tell it"
