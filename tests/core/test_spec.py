"""A job as JSON becomes a checked spec, or every wrong field is named with what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from recipes import BY_HAND, HOURLY, NOW, a_job, a_spec, at

from cronapp.core.errors import InvalidInput
from cronapp.core.models import (
    After,
    AfterMode,
    AfterWhen,
    Backoff,
    CronSchedule,
    IntervalSchedule,
    JobSpec,
    ManualSchedule,
    Misfire,
    MisfirePolicy,
    OnceSchedule,
    Overlap,
    Retry,
)
from cronapp.core.spec import PARALLEL, parse_spec, parse_timing, spec_from_json, spec_to_json, trigger_for


def cron(expression: str = "0 * * * *", **fields: Any) -> dict[str, Any]:
    return {"kind": "cron", "expression": expression, **fields}


def every(period: float | str, **fields: Any) -> dict[str, Any]:
    return {"kind": "interval", "every": period, **fields}


def once(moment: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "once", "at": moment, **fields}


def errors_of(data: dict[str, Any], *, now: datetime = NOW, timezone: str = "UTC", old: JobSpec | None = None) -> dict:
    with pytest.raises(InvalidInput) as caught:
        parse_spec(data, now=now, timezone=timezone, old=old)
    return caught.value.errors


def only_schedule(spec: JobSpec) -> Any:
    (schedule,) = spec.schedule
    return schedule


# -- what is right --------------------------------------------------------------------------------------------------


def test_three_fields_are_enough_and_the_rest_has_its_defaults() -> None:
    spec = parse_spec({"id": "a", "task": "hello", "schedule": HOURLY}, now=NOW)
    assert spec == JobSpec(
        id="a",
        task="hello",
        schedule=(CronSchedule(expression="0 * * * *", timezone="UTC"),),
        args={},
        starts_at=None,
        ends_at=None,
        max_runs=None,
        overlap=Overlap.SKIP,
        max_running=1,
        misfire=Misfire(policy=MisfirePolicy.LAST, grace=3600),
        timeout=None,
        retry=Retry(max_attempts=1, delay=10, backoff=Backoff.EXPONENTIAL, max_delay=600),
        queue="default",
        priority=0,
        tags=(),
        description="",
    )


def test_durations_may_be_written_as_people_do() -> None:
    spec = a_spec(
        timeout="1h30m",
        misfire={"policy": "all", "grace": "2d"},
        retry={"max_attempts": 3, "delay": "1.5m", "backoff": "fixed", "max_delay": 600},
    )
    assert spec.timeout == 5400
    assert spec.misfire == Misfire(policy=MisfirePolicy.ALL, grace=172_800)
    assert spec.retry == Retry(max_attempts=3, delay=90, backoff=Backoff.FIXED, max_delay=600)


def test_a_schedule_is_one_object_or_a_list() -> None:
    assert a_spec(schedule=cron()).schedule == a_spec(schedule=[cron()]).schedule
    assert a_spec(schedule=[cron(), BY_HAND]).schedule == (CronSchedule(expression="0 * * * *"), ManualSchedule())


def test_a_schedule_without_a_zone_gets_the_default_one() -> None:
    spec = parse_spec(a_job(schedule=[cron(), cron(timezone="Asia/Tokyo")]), now=NOW, timezone="Europe/Berlin")
    assert [schedule.timezone for schedule in spec.schedule if schedule.kind == "cron"] == [
        "Europe/Berlin",
        "Asia/Tokyo",
    ]


def test_a_spec_survives_being_stored() -> None:
    spec = a_spec(
        schedule=[cron("0 3 * * mon-fri", timezone="Europe/Berlin"), every("1d"), once("2026-05-01T09:30"), BY_HAND],
        args={"name": "Kiel", "ratio": 2.0, "deep": [{"x": None}]},
        starts_at="2026-03-03T00:00Z",
        ends_at="2027-03-03T00:00Z",
        max_runs=7,
        overlap="queue",
        misfire={"policy": "all", "grace": "90s"},
        timeout="10m",
        retry={"max_attempts": 4, "delay": 2.5},
        tags=["finance", "north"],
        description="Sends figures.",
    )
    assert spec_from_json(spec_to_json(spec)) == spec
    assert spec_to_json(spec)["timeout"] == 600
    assert repr(spec_to_json(spec)["timeout"]) == "600"  # whole seconds have no decimal point
    assert repr(spec_to_json(spec)["args"]["ratio"]) == "2.0"  # arguments stay as they were given


def test_a_stored_spec_may_be_sent_back() -> None:
    spec = a_spec(schedule=[cron(), every("15m")], starts_at="2026-03-03T00:00Z", timeout=600)
    assert parse_spec(spec_to_json(spec), now=NOW, old=spec) == spec


def test_the_same_tag_counts_once_and_without_its_blanks() -> None:
    assert a_spec(tags=[" finance", "north", "finance "]).tags == ("finance", "north")


def test_runs_may_overlap_up_to_a_bound_when_none_is_named() -> None:
    assert a_spec(overlap="allow").max_running == PARALLEL
    assert a_spec(overlap="allow", max_running=3).max_running == 3
    assert a_spec(overlap="allow", max_running=1).max_running == 1
    assert a_spec(overlap="queue").max_running == 1


def test_the_trigger_of_equal_specs_is_one_object() -> None:
    assert trigger_for(a_spec("a")) is trigger_for(a_spec("a", timeout=5))
    assert trigger_for(a_spec("a")) is not trigger_for(a_spec("a", schedule=cron("5 * * * *")))


# -- what is wrong --------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    # what is sent → for each wrong field, words that its sentence has
    "no id": ({"id": ""}, {"id": "1 to 100 letters"}),
    "odd characters in the id": ({"id": "a b"}, {"id": "1 to 100 letters"}),
    "a slash in the id": ({"id": "a/b"}, {"id": "1 to 100 letters"}),
    "a line break in the id": ({"id": "a\n"}, {"id": "1 to 100 letters"}),
    "an id of other letters": ({"id": "über"}, {"id": "1 to 100 letters"}),
    "a long id": ({"id": "x" * 101}, {"id": "1 to 100 letters"}),
    "a reserved id": ({"id": "new"}, {"id": "reserved"}),
    "an id that is a path": ({"id": ".."}, {"id": "reserved"}),
    "a number as id": ({"id": 5}, {"id": "Text is expected"}),
    "no task": ({"task": ""}, {"task": "At least 1 character"}),
    "null as task": ({"task": None}, {"task": "Text is expected"}),
    "no schedule in the list": ({"schedule": []}, {"schedule": "write the kind manual"}),
    "null as schedule": ({"schedule": None}, {"schedule": "object with named fields"}),
    "text as schedule": ({"schedule": "0 * * * *"}, {"schedule": "object with named fields"}),
    "no kind": ({"schedule": {}}, {"schedule": '"kind" is required'}),
    "an unknown kind": ({"schedule": {"kind": "crn"}}, {"schedule": 'Did you mean "cron"?'}),
    "no expression": ({"schedule": {"kind": "cron"}}, {"schedule.expression": "required"}),
    "a field too few": ({"schedule": cron("0 * * *")}, {"schedule.expression": "4 were given"}),
    "a minute too high": ({"schedule": cron("61 * * * *")}, {"schedule.expression": "61 is out of range"}),
    "a zone that is none": ({"schedule": cron(timezone="Europe/Berln")}, {"schedule.timezone": "Europe/Berlin"}),
    "expression and zone": (
        {"schedule": cron("x", timezone="Nowhere")},
        {"schedule.expression": "", "schedule.timezone": "Nowhere"},
    ),
    "a field that cron has not": ({"schedule": cron(every=5)}, {"schedule.every": "no such field"}),
    "an interval of nothing": ({"schedule": every(0)}, {"schedule.every": "more than zero"}),
    "an interval of half a second": ({"schedule": every(0.5)}, {"schedule.every": "at least one second"}),
    "an unknown unit": ({"schedule": every("10 apples")}, {"schedule.every": "apples"}),
    "no period": ({"schedule": {"kind": "interval"}}, {"schedule.every": "required"}),
    "no moment": ({"schedule": {"kind": "once"}}, {"schedule.at": "required"}),
    "a moment in words": ({"schedule": once("tomorrow")}, {"schedule.at": "2026-01-31T09:30"}),
    "a moment that passed": ({"schedule": once("2026-03-02T12:00Z")}, {"schedule.at": "has passed"}),
    "the second of a list": (
        {"schedule": [BY_HAND, cron("x", timezone="Nowhere"), every("x")]},
        {"schedule.1.expression": "", "schedule.1.timezone": "Nowhere", "schedule.2.every": "x"},
    ),
    "the only one of a list": ({"schedule": [cron("x")]}, {"schedule.0.expression": ""}),
    "too many schedules": ({"schedule": [BY_HAND] * 21}, {"schedule": "At most 20"}),
    "arguments as a list": ({"args": [1]}, {"args": "object"}),
    "a start in words": ({"starts_at": "soon"}, {"starts_at": "2026-01-31T09:30"}),
    "a start that passed": ({"starts_at": "2026-03-02T11:59Z"}, {"starts_at": "has passed"}),
    "an end that passed": ({"ends_at": "2026-03-02T11:59Z"}, {"ends_at": "has passed"}),
    "an end before the start": (
        {"starts_at": "2026-05-01T00:00Z", "ends_at": "2026-04-01T00:00Z"},
        {"ends_at": "before the start"},
    ),
    "no run before the end": ({"ends_at": "2026-03-02T12:59Z"}, {"ends_at": "No run"}),
    "no runs at all": ({"max_runs": 0}, {"max_runs": "at least 1"}),
    "an unknown overlap rule": ({"overlap": "skp"}, {"overlap": 'Did you mean "skip"?'}),
    "none at a time": ({"max_running": 0}, {"max_running": "at least 1"}),
    "thousands at a time": ({"max_running": 1001}, {"max_running": "at most 1000"}),
    "misfire": ({"misfire": {"policy": "lst", "grace": -1}}, {"misfire.policy": '"last"', "misfire.grace": "negative"}),
    "no time at all": ({"timeout": 0}, {"timeout": "more than 0"}),
    "months as a timeout": ({"timeout": "1mo"}, {"timeout": "no fixed length"}),
    "true as a timeout": ({"timeout": True}, {"timeout": "number of seconds"}),
    "a list as a timeout": ({"timeout": [5]}, {"timeout": "A number is expected"}),
    "retry": (
        {"retry": {"max_attempts": 0, "delay": "x", "backoff": "linear", "max_delay": -1, "tries": 3}},
        {
            "retry.max_attempts": "at least 1",
            "retry.delay": "not understood",
            "retry.backoff": "'exponential'",
            "retry.max_delay": "negative",
            "retry.tries": "no such field",
        },
    ),
    "endless attempts": ({"retry": {"max_attempts": 101}}, {"retry.max_attempts": "at most 100"}),
    "a queue with a blank": ({"queue": "a b"}, {"queue": "pattern"}),
    "a label with a blank": ({"labels": ["gpu", "a b"]}, {"labels.1": "pattern"}),
    "priority": ({"priority": 1001}, {"priority": "at most 1000"}),
    "tags as text": ({"tags": "finance"}, {"tags": "list"}),
    "empty and joined tags": ({"tags": ["", "ok", "a,b"]}, {"tags.0": "no comma", "tags.2": "no comma"}),
    "a novel": ({"description": "x" * 2001}, {"description": "At most 2000"}),
    "a name mistyped": ({"tmeout": 5}, {"tmeout": 'Did you mean "timeout"?'}),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_field_is_named_with_what_to_do(case: str) -> None:
    given, expected = WRONG[case]
    errors = errors_of(a_job(**given))
    assert set(errors) == set(expected)
    for field, words in expected.items():
        assert words in errors[field]
        assert errors[field].endswith((".", "?"))


def test_every_wrong_field_is_named_at_once() -> None:
    errors = errors_of(
        {
            "id": "a b",
            "schedule": cron("0 * *"),
            "starts_at": "soon",
            "ends_at": "2020-01-01T00:00Z",
            "timeout": "x",
            "retry": {"delay": "y"},
            "tags": [""],
            "tmeout": 1,
        }
    )
    assert set(errors) == {
        "id",
        "task",
        "schedule.expression",
        "starts_at",
        "ends_at",
        "timeout",
        "retry.delay",
        "tags.0",
        "tmeout",
    }
    assert errors["task"] == "This is required."
    assert "has passed" in errors["ends_at"]


def test_an_empty_job_lacks_three_fields() -> None:
    assert errors_of({}) == dict.fromkeys(("id", "task", "schedule"), "This is required.")


# -- moments --------------------------------------------------------------------------------------------------------


def test_a_moment_without_an_offset_is_wall_time_in_the_zone_of_the_schedule() -> None:
    spec = a_spec(
        schedule=cron(timezone="America/New_York"), starts_at="2026-07-01T09:00", ends_at="2026-07-02T09:00+02:00"
    )
    assert spec.starts_at == datetime(2026, 7, 1, 13, tzinfo=UTC)
    assert spec.ends_at == datetime(2026, 7, 2, 7, tzinfo=UTC)
    assert spec.starts_at.tzinfo is UTC
    assert only_schedule(a_spec(schedule=once("2026-07-01T09:00", timezone="Asia/Tokyo"))) == OnceSchedule(
        at=datetime(2026, 7, 1, 0, tzinfo=UTC), timezone="Asia/Tokyo"
    )


def test_the_default_zone_is_the_one_of_moments_too() -> None:
    spec = parse_spec(a_job(schedule=BY_HAND, starts_at="2026-07-01T09:00"), now=NOW, timezone="Europe/Berlin")
    assert spec.starts_at == datetime(2026, 7, 1, 7, tzinfo=UTC)


def test_a_moment_that_the_clock_skips_is_the_first_one_after() -> None:
    assert only_schedule(a_spec(schedule=once("2026-03-29T02:30", timezone="Europe/Berlin"))).at == at("01:00", 29)


def test_a_moment_that_happens_twice_is_the_first_of_both() -> None:
    schedule = only_schedule(a_spec(schedule=once("2026-10-25T02:30", timezone="Europe/Berlin")))
    assert schedule.at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_day_that_the_zone_leaves_out_is_refused() -> None:
    before = datetime(2011, 12, 1, tzinfo=UTC)
    apia = once("2011-12-30T12:00", timezone="Pacific/Apia")
    assert "does not exist in Pacific/Apia" in errors_of(a_job(schedule=apia), now=before)["schedule.at"]


def test_a_job_that_has_begun_keeps_its_moments() -> None:
    old = a_spec(schedule=once("2026-03-03T00:00Z"), starts_at="2026-03-02T13:00Z", ends_at="2026-03-05T00:00Z")
    later = datetime(2026, 4, 1, tzinfo=UTC)
    kept = parse_spec({**spec_to_json(old), "timeout": 5}, now=later, old=old)
    assert kept == replace(old, timeout=5.0)
    moved = {**spec_to_json(old), "schedule": once("2026-03-04T00:00Z"), "starts_at": "2026-03-02T14:00Z"}
    assert set(errors_of(moved, now=later, old=old)) == {"schedule.at", "starts_at"}


def test_a_preview_may_look_at_the_past() -> None:
    data = {"schedule": once("2020-01-01T00:00Z"), "starts_at": "2019-01-01T00:00Z"}
    assert parse_timing(data, now=NOW, past=True).starts_at == datetime(2019, 1, 1, tzinfo=UTC)
    with pytest.raises(InvalidInput):
        parse_timing(data, now=NOW)


# -- anchors --------------------------------------------------------------------------------------------------------


def test_an_interval_counts_from_the_whole_second_of_its_making() -> None:
    spec = parse_spec(a_job(schedule=every("15m")), now=NOW.replace(second=7, microsecond=250_000))
    assert only_schedule(spec) == IntervalSchedule(every="15m", anchor=NOW.replace(second=7))


def test_an_interval_with_a_start_counts_from_there() -> None:
    assert only_schedule(a_spec(schedule=every("2h"), starts_at="2026-03-04T06:00Z")).anchor == at("06:00", 4)


def test_a_given_anchor_may_lie_in_the_past_and_is_wall_time() -> None:
    spec = a_spec(schedule=every("1d", anchor="2026-01-01T03:00", timezone="Europe/Berlin"))
    assert only_schedule(spec).anchor == datetime(2026, 1, 1, 2, tzinfo=UTC)


def test_an_edit_keeps_the_phase_while_the_period_stays() -> None:
    old = a_spec(schedule=every("15m"))
    later = datetime(2026, 3, 2, 14, 7, tzinfo=UTC)
    kept = parse_spec(a_job(schedule=every("15m"), timeout=5), now=later, old=old)
    assert only_schedule(kept).anchor == NOW
    changed = parse_spec(a_job(schedule=every("20m")), now=later, old=old)
    assert only_schedule(changed).anchor == later


def test_what_asks_for_nothing_is_as_if_it_were_not_there() -> None:
    at_rest = {"after": None, "group": None, "notify": []}
    given = {"id": "a", "task": "hello", "schedule": {"kind": "manual"}}
    assert parse_spec({**given, **at_rest}, now=NOW) == parse_spec(given, now=NOW)


def test_a_job_after_others_names_them() -> None:
    spec = parse_spec(a_job(schedule={"kind": "dependency"}, after={"jobs": ["extract", "extract", "load"]}), now=NOW)
    assert spec.after == After(jobs=("extract", "load"), when=AfterWhen.SUCCESS, mode=AfterMode.ALL)
    assert spec_from_json(spec_to_json(spec)) == spec
    for after in (None, {"jobs": []}):
        with pytest.raises(InvalidInput) as refused:
            parse_spec(a_job(schedule={"kind": "dependency"}, after=after), now=NOW)
        assert all(name.startswith("after") for name in refused.value.errors)


def test_a_retry_names_exceptions_and_ends() -> None:
    retry = {"max_attempts": 3, "on": ["ConnectionError", "shop.errors.Busy", "timed_out"]}
    assert parse_spec(a_job(retry=retry), now=NOW).retry.on == ("ConnectionError", "shop.errors.Busy", "timed_out")
    with pytest.raises(InvalidInput) as refused:
        parse_spec(a_job(retry={"on": ["not a name"]}), now=NOW)
    assert list(refused.value.errors) == ["retry.on.0"]
