import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronapp.core.errors import InvalidInput
from cronapp.core.models import CronSchedule, IntervalSchedule, ManualSchedule, OnceSchedule, Schedule
from cronapp.core.triggers import (
    clock_notes,
    count_between,
    last_at_or_before,
    slots_between,
    trigger_of,
)
from cronapp.core.zones import resolve, zone, zone_names

CASES = json.loads((Path(__file__).parents[1] / "data" / "intervals.json").read_text())
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YEAR = datetime(2025, 1, 1, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def moment_in(text: str, its_zone: ZoneInfo) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=its_zone)


def every(period: float | str, anchor: datetime = NEW_YEAR, timezone: str = "UTC") -> IntervalSchedule:
    return IntervalSchedule(every=period, anchor=anchor, timezone=timezone)


def cron(expression: str, timezone: str = "Europe/Berlin") -> CronSchedule:
    return CronSchedule(expression=expression, timezone=timezone)


def naive(text: str) -> datetime:
    return datetime.fromisoformat(text)


def optional(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_intervals_and_one_shots_keep_their_promises(case: dict[str, Any]) -> None:
    given_trigger = case["trigger"]
    schedule: Schedule
    if "at" in given_trigger:
        schedule = OnceSchedule(at=datetime.fromisoformat(given_trigger["at"]), timezone=given_trigger["tz"])
    else:
        anchor = datetime.fromisoformat(given_trigger["anchor"])
        schedule = every(given_trigger["every"], anchor, given_trigger["tz"])
    starts_at, ends_at = optional(given_trigger.get("start")), optional(given_trigger.get("end"))
    after = moment_in(case["after"], ZoneInfo(given_trigger["tz"]))
    found = slots_between(trigger_of([schedule], starts_at=starts_at, ends_at=ends_at), after, FAR, case["n"])
    expected = [moment_in(text, ZoneInfo(given_trigger["tz"])) for text in case["expected"]]
    assert [slot.timestamp() for slot in found] == [slot.timestamp() for slot in expected]


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["1s", "90s", "7m", "24h", "1d", "2w", "1mo", "1y"]),
    st.datetimes(naive("2010-01-01"), naive("2030-01-01")),
    st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe"]),
    st.datetimes(naive("2010-01-01"), naive("2030-01-01")),
)
def test_forward_backward_and_counting_agree(period: str, anchor: datetime, name: str, start: datetime) -> None:
    trigger = trigger_of([every(period, anchor.replace(tzinfo=UTC), name)])
    after = start.replace(tzinfo=UTC)
    found = slots_between(trigger, after, FAR, 20)
    assert found == sorted(set(found))
    assert all(slot > after for slot in found)
    assert count_between(trigger, after, found[-1]) == 20
    back = [found[-1]]
    while len(back) < 20:
        slot = trigger.previous_before(back[-1])
        assert slot is not None
        back.append(slot)
    assert back[::-1] == found
    assert last_at_or_before(trigger, found[-1], after) == found[-1]
    assert last_at_or_before(trigger, found[0] - timedelta(microseconds=1), after) is None


def test_years_of_a_short_interval_are_counted_without_walking_them() -> None:
    trigger = trigger_of([every(1)])
    begun = time.process_time()
    assert count_between(trigger, NEW_YEAR, NEW_YEAR + timedelta(days=3650)) == 3650 * 86400
    assert time.process_time() - begun < 0.1


def test_ten_days_of_seconds_are_counted_day_by_day() -> None:
    begun = time.process_time()
    assert count_between(trigger_of([cron("* * * * * *")]), NEW_YEAR, NEW_YEAR + timedelta(days=10)) == 864_000
    assert time.process_time() - begun < 0.1


def test_counting_one_by_one_stops_at_its_bound() -> None:
    trigger = trigger_of([cron("* * * * *"), every("1m")])
    assert count_between(trigger, NEW_YEAR, FAR, at_most=500) == 500


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["*/20 * * * *", "30 2 * * *", "0,30 1-3 * * *", "*/30 5 2 * * *", "0 9 * * 1-5", "7 */2 L * *"]),
    st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe"]),
    st.datetimes(naive("2011-01-01"), naive("2012-01-01")),
    st.integers(0, 40 * 86400),
)
def test_a_cron_is_counted_as_it_runs(expression: str, name: str, start: datetime, seconds: int) -> None:
    trigger, after = trigger_of([cron(expression, name)]), start.replace(tzinfo=UTC)
    until = after + timedelta(seconds=seconds)
    assert count_between(trigger, after, until) == len(slots_between(trigger, after, until, 100_000))


def test_several_schedules_share_a_slot_that_both_promise() -> None:
    trigger = trigger_of([cron("0 * * * *", "UTC"), every("90m")])
    found = slots_between(trigger, NEW_YEAR, FAR, 5)
    assert [f"{slot:%H:%M}" for slot in found] == ["01:00", "01:30", "02:00", "03:00", "04:00"]
    assert trigger.words() == "Every hour; every 90 minutes"
    assert trigger.previous_before(found[3]) == found[2]
    assert count_between(trigger, NEW_YEAR, found[4]) == 5


def test_a_window_hides_slots_on_both_sides() -> None:
    trigger = trigger_of(
        [cron("0 9 * * *")], starts_at=naive("2025-03-01T09:00"), ends_at=datetime(2025, 3, 3, 8, 59, tzinfo=BERLIN)
    )
    found = slots_between(trigger, NEW_YEAR, FAR, 9)
    assert [slot.day for slot in found] == [1, 2]
    assert trigger.previous_before(FAR) == found[-1]
    assert trigger.previous_before(found[0]) is None
    assert count_between(trigger, NEW_YEAR, FAR) == 2
    assert trigger.words() == "At 09:00 every day, from 1 March 2025 at 09:00, until 3 March 2025 at 08:59"


@pytest.mark.parametrize(
    ("schedules", "window", "fields"),
    [
        ([cron("61 * * * *")], {}, {"schedule.expression"}),
        ([cron("61 * * * *", "Mars/City")], {}, {"schedule.expression", "schedule.timezone"}),
        ([cron("* * * * *", "Mars/City"), every("0s")], {}, {"schedule.0.timezone", "schedule.1.every"}),
        ([every("1mo3h")], {}, {"schedule.every"}),
        ([OnceSchedule(at=naive("2011-12-30T12:00"), timezone="Pacific/Apia")], {}, {"schedule.at"}),
        ([cron("* * * * *")], {"starts_at": FAR, "ends_at": NEW_YEAR}, {"ends_at"}),
        ([], {}, {"schedule"}),
    ],
)
def test_each_wrong_field_has_its_sentence(schedules: list[Schedule], window: Any, fields: set[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        trigger_of(schedules, **window)
    assert set(caught.value.errors) == fields


def test_an_interval_without_an_anchor_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="anchor"):
        trigger_of([IntervalSchedule(every="5m")])


@pytest.mark.parametrize(
    ("period", "words"),
    [
        ("15m", "Every 15 minutes"),
        ("1h", "Every hour"),
        ("1d", "Every day at 02:30"),
        ("1w", "Every week on Friday at 02:30"),
        ("1mo", "Every month on day 31 at 02:30"),
        ("1y", "Every year on 31 January at 02:30"),
    ],
)
def test_an_interval_in_words(period: str, words: str) -> None:
    anchor = datetime(2025, 1, 31, 2, 30, tzinfo=BERLIN)
    assert trigger_of([every(period, anchor, "Europe/Berlin")]).words() == words


@pytest.mark.parametrize(
    ("schedule", "start", "note"),
    [
        (cron("30 2 * * *"), "2026-03-28", "29 March 2026: 02:30 does not exist in Europe/Berlin, runs at 03:00"),
        (
            cron("*/30 2 * * *"),
            "2026-03-28",
            "29 March 2026: 02:00 to 03:00 does not exist in Europe/Berlin, nothing runs in it",
        ),
        (
            cron("30 2 * * *"),
            "2026-10-24",
            "25 October 2026: 02:30 happens twice in Europe/Berlin, runs the first time only",
        ),
        (
            cron("*/30 * * * *"),
            "2026-10-25",
            "25 October 2026: 02:00 to 03:00 happens twice in Europe/Berlin, runs both times",
        ),
        (
            every("1d", datetime(2026, 1, 1, 2, 30, tzinfo=BERLIN), "Europe/Berlin"),
            "2026-03-28",
            "29 March 2026: 02:30 does not exist in Europe/Berlin, runs at 03:00",
        ),
        (
            OnceSchedule(at=naive("2026-03-29T02:30"), timezone="Europe/Berlin"),
            "2026-03-28",
            "29 March 2026: 02:30 does not exist in Europe/Berlin, runs at 03:00",
        ),
        (
            cron("@daily", "Pacific/Apia"),
            "2011-12-28",
            "30 December 2011 is left out in Pacific/Apia, nothing runs on it",
        ),
    ],
)
def test_the_clock_changes_that_a_schedule_meets_are_told(schedule: Schedule, start: str, note: str) -> None:
    after = moment_in(start, BERLIN)
    assert clock_notes(trigger_of([schedule]), after, after + timedelta(days=8)) == (note,)


def test_a_clock_change_is_told_only_while_it_lies_ahead_and_in_the_window_of_the_job() -> None:
    change = datetime(2026, 3, 29, 1, tzinfo=UTC)
    trigger = trigger_of([cron("30 2 * * *")], starts_at=datetime(2026, 3, 1, tzinfo=UTC))
    second = timedelta(seconds=1)
    assert len(clock_notes(trigger, change - second, change)) == 1
    assert clock_notes(trigger, change, change + timedelta(days=8)) == ()
    assert clock_notes(trigger, change - timedelta(days=8), change - second) == ()
    later, earlier = change + second, change - second
    for narrow in (
        trigger_of([cron("30 2 * * *")], starts_at=later),
        trigger_of([cron("30 2 * * *")], ends_at=earlier),
    ):
        assert clock_notes(narrow, change - timedelta(days=8), change + timedelta(days=8)) == ()


def test_in_the_repeated_hour_what_is_left_of_it_is_told() -> None:
    back = datetime(2026, 10, 25, 1, tzinfo=UTC)
    until = back + timedelta(days=1)
    both = "25 October 2026: 02:00 to 03:00 happens twice in Europe/Berlin, runs both times"
    for minutes, expected in ((-20, (both,)), (20, (both,)), (40, ())):
        after = back + timedelta(minutes=minutes)
        assert clock_notes(trigger_of([cron("*/30 * * * *")]), after, until) == expected, minutes


def test_several_times_in_one_gap_are_one_run_and_so_they_are_told() -> None:
    trigger, after = trigger_of([cron("0,30 2 * * *")]), datetime(2026, 3, 1, tzinfo=UTC)
    assert clock_notes(trigger, after, after + timedelta(days=365)) == (
        "29 March 2026: 02:00 to 03:00 does not exist in Europe/Berlin, runs once at 03:00",
        "25 October 2026: 02:00 to 03:00 happens twice in Europe/Berlin, runs the first time only",
    )


def test_slots_beyond_the_stretch_are_told_of_as_well() -> None:
    trigger = trigger_of([cron("30 2 25-31 3 +sun")])
    found = slots_between(trigger, NEW_YEAR, FAR, 3)
    notes = clock_notes(trigger, NEW_YEAR, NEW_YEAR + timedelta(days=366), found)
    assert [note.split(":")[0] for note in notes] == ["30 March 2025", "29 March 2026", "28 March 2027"]


@pytest.mark.parametrize(
    ("naive", "expected"),
    [
        ("2025-03-30T02:30", "2025-03-30T01:00+00:00"),
        ("2025-10-26T02:30", "2025-10-26T00:30+00:00"),
        ("2025-06-01T12:00:00.5", "2025-06-01T10:00:00.500000+00:00"),
    ],
)
def test_a_wall_time_is_resolved_to_one_instant(naive: str, expected: str) -> None:
    found = resolve(datetime.fromisoformat(naive), BERLIN)
    assert found == datetime.fromisoformat(expected)


def test_a_wall_time_of_a_day_left_out_is_none() -> None:
    assert resolve(naive("2011-12-30T12:00"), ZoneInfo("Pacific/Apia")) is None


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("Europe/Berln", "Europe/Berlin"), ("berlin", "Europe/Berlin"), ("New York", "America/New_York"), ("utc", "UTC")],
)
def test_an_unknown_zone_is_refused_with_the_nearest_name(name: str, nearest: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        zone(name)
    assert f"Did you mean {nearest}?" in caught.value.errors["timezone"]


@pytest.mark.parametrize("name", ["", "../etc/passwd", "/etc/localtime", "x" * 5000, "a\0b"])
def test_what_is_no_zone_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        zone(name)


def test_zone_names_are_sorted_and_have_no_aliases() -> None:
    names = zone_names()
    assert list(names) == sorted(names)
    assert {"UTC", "Europe/Berlin"} <= set(names)
    assert not {"EST5EDT", "posixrules", "US/Eastern"} & set(names)


# -- where the calendar ends ----------------------------------------------------------------------------------------

ENDS = [
    datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(name))
    for text in ("0001-01-01", "0001-01-02", "9998-12-31T23:59:59", "9999-01-01", "9999-12-31T23:59:59.999999")
    for name in ("UTC", "Etc/GMT+12", "Etc/GMT-14")
]
KINDS: list[Schedule] = [
    *(
        cron(text)
        for text in ("* * * * *", "* * * * * *", "30 2 * * SUN", "0 0 29 2 *", "0 0 12 1 1 * 2090", "@reboot")
    ),
    *(cron("0 0 1 1 *", name) for name in ("UTC", "Etc/GMT+12", "Etc/GMT-14")),
    *(every(text) for text in ("1s", "15m", "36h")),
    *(every(text, timezone=name) for text in ("1d", "2w", "1mo", "1y") for name in ("UTC", "Etc/GMT-14")),
    OnceSchedule(at=NEW_YEAR, timezone="Europe/Berlin"),
    ManualSchedule(),
]


@pytest.mark.parametrize("schedule", KINDS, ids=str)
def test_a_trigger_can_be_asked_at_the_ends_of_the_calendar(schedule: Schedule) -> None:
    trigger = trigger_of([schedule])
    for end in ENDS:
        following, previous = trigger.next_after(end), trigger.previous_before(end)
        trigger.wall_after(end)
        assert following is None or following > end
        assert previous is None or previous < end
        assert trigger.count(end, end, 10) == 0


@pytest.mark.parametrize(("period", "last"), [("1d", "9998-12-31"), ("1y", "9998-01-01"), ("1mo", "9998-12-01")])
def test_the_last_slot_of_a_calendar_interval_is_found_from_beyond_it(period: str, last: str) -> None:
    trigger = trigger_of([every(period)])
    for moment in (datetime(9999, 6, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        assert trigger.previous_before(moment) == datetime.fromisoformat(last).replace(tzinfo=UTC)


@pytest.mark.parametrize("period", ["15m", "1d"])
def test_the_slot_before_a_slot_is_the_one_before_and_not_itself(period: str) -> None:
    trigger = trigger_of([every(period)])
    slots = slots_between(trigger, NEW_YEAR - timedelta(days=1), FAR, 5)
    assert slots[0] == NEW_YEAR
    assert [trigger.previous_before(slot) for slot in slots] == [None, *slots[:-1]]
    assert [trigger.previous_before(slot + timedelta(microseconds=1)) for slot in slots] == slots


@pytest.mark.parametrize(
    ("at", "name"), [("0001-01-01T00:00:00", "Etc/GMT-14"), ("9999-12-31T23:59:00", "America/New_York")]
)
def test_a_wall_time_beyond_the_calendar_is_refused_in_words(at: str, name: str) -> None:
    assert resolve(naive(at), ZoneInfo(name)) is None
    with pytest.raises(InvalidInput, match="never happened"):
        trigger_of([OnceSchedule(at=naive(at), timezone=name)])


def test_several_schedules_name_their_zones_where_they_differ() -> None:
    nine = CronSchedule(expression="0 9 * * *", timezone="Europe/Berlin")
    ten = CronSchedule(expression="0 10 * * *", timezone="Asia/Tokyo")
    boot = CronSchedule(expression="@reboot", timezone="Asia/Tokyo")
    told = "At 09:00 every day (Europe/Berlin); at 10:00 every day (Asia/Tokyo); when the server starts"
    assert trigger_of([nine, ten, boot]).words() == told
    assert trigger_of([nine, boot]).words() == "At 09:00 every day; when the server starts"
