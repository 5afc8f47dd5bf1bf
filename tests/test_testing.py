"""`cronapp.testing`, as the tests of somebody else's project use it."""

from __future__ import annotations

import asyncio
import re
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from cronapp import current_run, secret, task
from cronapp.core.errors import InvalidInput, SecretNotFound
from cronapp.core.models import CronSchedule, IntervalSchedule, ManualSchedule
from cronapp.testing import TurnedClock, assert_slots, play, slots

BERLIN = ZoneInfo("Europe/Berlin")
WEEKEND = ("2026-03-28", "2026-03-31")  # with Berlin's clock change on Sunday, 29 March


@task(schedule="30 2 * * *", timezone="Europe/Berlin")
def nightly(day: date | None = None) -> tuple[Any, Any]:
    return current_run().slot, day


@task(schedule="0 9 * * *")
def morning() -> datetime | None:
    return current_run().slot


@task(schedule="every 6h")
async def often() -> int:
    await asyncio.sleep(0)
    return current_run().id


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def message(*args: Any, **options: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        assert_slots(*args, **options)
    return str(caught.value)


# -- slots ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("0 9 * * mon-fri", ["2026-03-30 09:00"]),
        ("30 2 * * *", ["2026-03-28 02:30", "2026-03-29 03:00", "2026-03-30 02:30"]),
        ("every 1d", ["2026-03-28", "2026-03-29", "2026-03-30"]),
        ("every 24h", ["2026-03-28 00:00", "2026-03-29 00:00", "2026-03-30 01:00"]),
        (timedelta(days=1, hours=12), ["2026-03-28 00:00", "2026-03-29 13:00"]),
        (datetime.fromisoformat("2026-03-29T12:00"), ["2026-03-29 12:00"]),
        (CronSchedule(expression="0 12 * * sun", timezone="Asia/Tokyo"), ["2026-03-29 12:00+09:00"]),
        (
            IntervalSchedule(every="1d", anchor=at("2026-01-01T12:00")),
            ["2026-03-28T12:00Z", at("2026-03-29T12:00"), "2026-03-30T12:00Z"],
        ),
        (["0 9 * * sat", "0 9 * * sat,sun"], ["2026-03-28 09:00", datetime(2026, 3, 29, 9, tzinfo=BERLIN)]),
        (nightly, ["2026-03-28 02:30", "2026-03-29 03:00", "2026-03-30 02:30"]),
        (ManualSchedule(), []),
    ],
)
def test_every_way_to_write_a_schedule_has_its_slots(schedule: Any, expected: list[Any]) -> None:
    assert_slots(schedule, tz="Europe/Berlin", between=WEEKEND, expected=expected)


def test_the_span_has_its_beginning_and_not_its_end() -> None:
    assert slots("0 0 * * *", between=(date(2026, 1, 1), date(2026, 1, 3))) == [at("2026-01-01"), at("2026-01-02")]
    assert slots("* * * * *", between=("2026-01-01", "2027-01-01"), limit=3)[-1] == at("2026-01-01T00:02")


def test_without_a_zone_moments_are_in_the_schedules_own() -> None:
    assert_slots(nightly, between=WEEKEND, expected=["2026-03-28 02:30", "2026-03-29 03:00", "2026-03-30 02:30"])
    assert slots("0 12 * * *", between=("2026-06-01", "2026-06-02")) == [at("2026-06-01T12:00")]


def test_the_zone_of_a_task_that_names_none_is_told_by_the_test() -> None:
    assert_slots(morning, tz="Europe/Berlin", between=("2026-06-01", "2026-06-02"), expected=["2026-06-01 07:00Z"])


def test_a_repeated_hour_has_two_of_each_and_both_can_be_expected() -> None:
    second = datetime.fromisoformat("2026-10-25 02:30").replace(fold=1)
    assert_slots("30 2 * * *", tz="Europe/Berlin", between=("2026-10-25", "2026-10-26"), expected=["2026-10-25 02:30"])
    for again in ("2026-10-25 02:30+01:00", second):
        assert_slots(
            "*/30 2 * * *",
            tz="Europe/Berlin",
            between=("2026-10-25 02:15", "2026-10-25 02:45+01:00"),
            expected=["2026-10-25 02:30", "2026-10-25 02:00+01:00", again],
        )


def test_a_failure_tells_what_is_missing_what_is_unexpected_and_why() -> None:
    told = message(
        "30 2 * * *",
        tz="Europe/Berlin",
        between=WEEKEND,
        expected=["2026-03-28 02:30", "2026-03-29 03:30", "2026-03-30 02:30"],
    )
    assert told.splitlines() == [
        "At 02:30 every day, in Europe/Berlin: 1 missing (-) and 1 unexpected (+) "
        "from Sat 2026-03-28 00:00+01:00 to Tue 2026-03-31 00:00+02:00",
        "    Sat 2026-03-28 02:30+01:00",
        "  + Sun 2026-03-29 03:00+02:00",
        "  - Sun 2026-03-29 03:30+02:00",
        "    Mon 2026-03-30 02:30+02:00",
        "Note: 29 March 2026: 02:30 does not exist in Europe/Berlin, runs at 03:00",
    ]


def test_a_failure_of_a_dense_schedule_stays_short() -> None:
    told = message("* * * * * *", between=("2026-01-01", "2027-01-01"), expected=["2026-01-01 00:00"])
    assert len(told.splitlines()) < 50


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"schedule": "30 2 * * *", "expected": ["2026-03-29 02:30"]}, "does not exist in Europe/Berlin"),
        ({"schedule": "30 2 * * *", "expected": ["2026-03-28 02:30", "2026-03-28T02:30"]}, "twice"),
        ({"schedule": "30 2 * * *", "expected": ["yesterday"]}, "is no moment"),
        ({"schedule": "30 2 * * *", "expected": [], "between": ("2026-03-28", "2026-03-28")}, "is not after"),
        ({"schedule": "61 2 * * *", "expected": []}, "Minute"),
        ({"schedule": at, "expected": []}, "has no @task"),
    ],
)
def test_a_test_that_makes_no_sense_is_told_so(options: dict[str, Any], says: str) -> None:
    with pytest.raises((ValueError, TypeError), match=says):
        assert_slots(**{"tz": "Europe/Berlin", "between": WEEKEND, **options})


# -- the clock ------------------------------------------------------------------------------------------------------


def test_a_clock_stands_still_until_it_is_turned() -> None:
    clock = TurnedClock("2026-03-29", tz="Europe/Berlin")
    assert clock() == clock() == at("2026-03-28T23:00")
    assert clock.turn(90) == at("2026-03-28T23:01:30")
    assert clock.turn(-timedelta(minutes=1)) == at("2026-03-28T23:00:30")
    assert clock.to("2026-03-29 12:00") == clock() == at("2026-03-29T10:00")


# -- play -----------------------------------------------------------------------------------------------------------


def test_a_year_of_a_daily_job_has_each_slot_once_and_each_has_its_run() -> None:
    played = play(nightly, since="2026-01-01", until="2027-01-01", args={"day": "2026-01-31"})
    assert [one.slot for one in played] == slots(nightly, between=("2026-01-01", "2027-01-01"))
    assert len(played) == 365
    assert {one.state for one in played} == {"succeeded"}
    assert all(one.result == (one.slot, date(2026, 1, 31)) and one.started == one.slot for one in played)
    assert current_run().id == 0


def test_a_coroutine_is_played_too() -> None:
    played = play(often, since="2026-03-28", until="2026-03-30", tz="Europe/Berlin")
    assert [one.result for one in played] == list(range(1, 9))


async def test_within_a_loop_a_coroutine_is_played_in_a_thread() -> None:
    with pytest.raises(RuntimeError, match="to_thread"):
        play(often, since="2026-03-28", until="2026-03-30")
    assert len(await asyncio.to_thread(play, often, since="2026-03-28", until="2026-03-30")) == 8
    assert len(play(morning, since="2026-03-28", until="2026-03-30")) == 2


def test_what_it_raises_is_kept_and_tried_again_by_the_rule() -> None:
    problem = ValueError("no figures")

    @task(schedule="0 9 * * *", retries=2)
    def fails() -> str:
        if current_run().attempt < 3:
            raise problem
        return "at last"

    played = play(fails, since="2026-01-01", until="2026-01-02")
    assert [(one.attempt, one.state, one.error, one.result) for one in played] == [
        (1, "failed", problem, None),
        (2, "failed", problem, None),
        (3, "succeeded", None, "at last"),
    ]
    starts = [one.started for one in played if one.started]
    assert starts == sorted(starts)
    assert starts[0] < starts[1] < starts[2]


def test_a_job_that_fails_too_often_in_a_row_pauses_by_itself() -> None:
    results = iter([0, 1, 0, 0, 1])

    def divides() -> float:
        return 1 / next(results)

    played = play(divides, since="2026-03-02", until="2026-03-03", schedule="0 * * * *", pause_after_failures=2)
    assert [one.state for one in played] == ["failed", "succeeded", "failed", "failed"]


def test_a_task_that_exits_has_failed_and_the_test_goes_on() -> None:
    @task(schedule="0 9 * * *")
    def leaves() -> None:
        raise SystemExit(3)

    (played,) = play(leaves, since="2026-01-01", until="2026-01-02")
    assert (played.state, type(played.error)) == ("failed", SystemExit)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"policy": "skip"}, [("missed", 3, None)]),
        ({"policy": "last"}, [("missed", 3, None)]),
        ({"policy": "last", "grace": "1d"}, [("missed", 2, None), ("succeeded", 1, "catch_up")]),
        ({"policy": "all", "grace": "1w"}, [("succeeded", 1, "catch_up")] * 3),
    ],
)
def test_slots_while_nobody_was_there_follow_the_misfire_rule(rule: dict[str, Any], expected: list[Any]) -> None:
    first, *caught_up, last = play(
        morning,
        since="2026-01-02",
        until="2026-01-07",
        away=[("2026-01-02 18:00", "2026-01-05 18:00")],
        misfire=rule,
    )
    assert (first.slot, last.slot) == (at("2026-01-02T09:00"), at("2026-01-06T09:00"))
    assert [(one.state, one.missed, one.started and one.trigger.value) for one in caught_up] == expected
    assert all(one.started in (None, at("2026-01-05T18:00")) for one in caught_up)


def test_the_rest_of_a_jobs_rules_holds_too() -> None:
    assert len(play(morning, since="2026-01-01", until="2027-01-01", max_runs=3)) == 3
    ended = play(morning, since="2026-01-01", until="2027-01-01", ends_at="2026-01-04T09:00")
    assert ended[-1].slot == at("2026-01-04T09:00")


def first_of_the_month(slot: datetime) -> bool:
    return slot.day == 1


async def never() -> bool:
    return False


def test_a_condition_decides_over_each_slot_and_a_blackout_takes_some_away() -> None:
    year = {"since": "2026-01-01", "until": "2027-01-01"}
    played = play(morning, condition=first_of_the_month, blackouts=["2026-03-01..2026-04-30"], max_runs=5, **year)
    ran = [one.slot for one in played if one.state == "succeeded"]
    assert ran == [at(f"2026-{month:02}-01T09:00") for month in (1, 2, 5, 6, 7)]
    (dark,) = [one for one in played if one.reason and one.reason.startswith("Blacked out")]
    assert (dark.state, dark.slot, dark.missed) == ("skipped", at("2026-04-30T09:00"), 61)
    assert {one.state for one in play(morning, condition="never", **year)} == {"skipped"}
    with pytest.raises(InvalidInput, match="no task named 'nobody'"):
        play(morning, condition="nobody", **year)


def test_with_jitter_a_run_starts_within_it_and_its_slot_stays() -> None:
    played = play(morning, jitter="10m", since="2026-01-01", until="2026-01-11")
    assert [one.slot for one in played] == [at(f"2026-01-{day:02}T09:00") for day in range(1, 11)]
    delays = [one.started - one.slot for one in played if one.started and one.slot]
    assert len(set(delays)) == 10
    assert max(delays) < timedelta(minutes=10)


def test_a_schedule_can_be_given_for_a_plain_function_and_its_clock_is_turned() -> None:
    clock = TurnedClock("2026-01-01")

    def plain(name: str) -> tuple[str, datetime]:
        return name, clock()

    played = play(plain, schedule="every 12h", args={"name": "x"}, since="2026-01-01", until="2026-01-02", clock=clock)
    assert [one.result for one in played] == [("x", at("2026-01-01T00:00")), ("x", at("2026-01-01T12:00"))]


def test_secrets_are_variables_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    @task(schedule="0 9 * * *", args={"key": {"secret": "SHOP_KEY"}})
    def upload(key: SecretStr) -> tuple[str, str]:
        return key.get_secret_value(), secret("SHOP_PASSWORD")

    monkeypatch.setenv("SHOP_KEY", "a-key")
    monkeypatch.setenv("SHOP_PASSWORD", "a-password")
    [played] = play(upload, since="2026-03-02", until="2026-03-03")
    assert played.result == ("a-key", "a-password")
    assert secret("SHOP_KEY") == "a-key", "a plain function can be called without a server"
    monkeypatch.delenv("SHOP_PASSWORD")
    [played] = play(upload, since="2026-03-02", until="2026-03-03")
    assert isinstance(played.error, SecretNotFound)


def test_a_job_that_a_server_would_refuse_is_refused() -> None:
    span = {"since": "2026-01-01", "until": "2026-02-01"}
    with pytest.raises(InvalidInput, match="no such argument"):
        play(morning, args={"nme": "x"}, **span)
    with pytest.raises(InvalidInput, match="overlap"):
        play(morning, overlap="sometimes", **span)
    with pytest.raises(TypeError, match="has no @task"):
        play(at, **span)
    with pytest.raises(ValueError, match="is not after"):
        play(morning, since="2026-02-01", until="2026-01-01")


# -- the page about it ----------------------------------------------------------------------------------------------


@task(schedule="0 3 * * mon-fri", timezone="Europe/Berlin")
async def nightly_report(day: date) -> dict[str, int]:
    return {"sent": day.day}


async def test_what_the_page_shows_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[1] / "docs" / "testing.md").read_text()
    tasks = ModuleType("tasks")
    tasks.__dict__["nightly_report"] = nightly_report
    monkeypatch.setitem(sys.modules, "tasks", tasks)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 4
    for test in tests:
        await asyncio.to_thread(test)
