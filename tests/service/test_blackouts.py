import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cronapp.core.models import CronSchedule, IntervalSchedule, OnceSchedule
from cronapp.core.triggers import Trigger, trigger_of
from cronapp.service.blackouts import Blackouts, Covered
from cronapp.service.calendars import Calendars

BERLIN = ZoneInfo("Europe/Berlin")
TICK = timedelta(microseconds=1)
HOLIDAYS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:tests
BEGIN:VEVENT
UID:1
SUMMARY:New Year's Day
DTSTART;VALUE=DATE:20200101
RRULE:FREQ=YEARLY
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def blackouts(tmp_path: Path) -> Blackouts:
    return Blackouts(Calendars(tmp_path))


@pytest.fixture
def holidays(tmp_path: Path) -> Path:
    file = tmp_path / "holidays.ics"
    file.write_text(HOLIDAYS)
    return file


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def each_second() -> Trigger:
    return trigger_of([IntervalSchedule(every="1s", anchor=datetime(2026, 1, 1, tzinfo=UTC))])


def daily(hour: int) -> Trigger:
    return trigger_of([CronSchedule(expression=f"0 {hour} * * *", timezone="Europe/Berlin")])


# -- covering -------------------------------------------------------------------------------------------------------


def test_a_covered_moment_has_an_end_and_a_reason(blackouts: Blackouts) -> None:
    covered = blackouts.covering(["22:00-06:00 mon-fri"], berlin("2026-11-24T23:00"), BERLIN)
    assert covered == Covered(berlin("2026-11-25T06:00"), "Blacked out: 22:00 to 06:00, Monday to Friday.")


def test_the_reason_names_the_event_and_its_file(blackouts: Blackouts, holidays: Path) -> None:
    covered = blackouts.covering(["holidays.ics"], berlin("2027-01-01T09:00"), BERLIN)
    assert covered == Covered(berlin("2027-01-02T00:00"), "Blacked out: New Year's Day (holidays.ics).")


def test_a_moment_outside_of_all_blackouts_is_not_covered(blackouts: Blackouts, holidays: Path) -> None:
    assert blackouts.covering([], berlin("2026-11-24T12:00"), BERLIN) is None
    texts = ["22:00-06:00", "sat,sun", "holidays.ics"]
    assert blackouts.covering(texts, berlin("2026-11-24T12:00"), BERLIN) is None


def test_of_several_the_one_that_ends_last_is_told(blackouts: Blackouts, holidays: Path) -> None:
    texts = ["22:00-06:00", "12-24..01-02", "holidays.ics", "2027-01-01"]
    covered = blackouts.covering(texts, berlin("2027-01-01T02:00"), BERLIN)
    assert covered == Covered(berlin("2027-01-03T00:00"), "Blacked out: 24 December to 2 January every year.")


def test_a_calendar_that_cannot_be_read_skips_each_slot_and_says_so(blackouts: Blackouts, holidays: Path) -> None:
    moment = berlin("2026-11-24T12:00")
    holidays.unlink()
    assert blackouts.covering(["holidays.ics"], moment, BERLIN) == Covered(
        moment + TICK,
        "The calendar holidays.ics cannot be read: there is no such file. Slots are skipped until it can.",
    )
    holidays.write_text("broken")
    covered = blackouts.covering(["holidays.ics"], moment, BERLIN)
    assert covered is not None
    assert covered.reason.endswith(". Slots are skipped until it can.")
    holidays.write_text(HOLIDAYS)
    assert blackouts.covering(["holidays.ics"], moment, BERLIN) is None


def test_a_blackout_for_sure_is_told_before_a_calendar_that_cannot_be_read(blackouts: Blackouts) -> None:
    covered = blackouts.covering(["missing.ics", "tue"], berlin("2026-11-24T12:00"), BERLIN)
    assert covered == Covered(berlin("2026-11-25T00:00"), "Blacked out: Tuesday.")


def test_a_text_that_a_later_version_wrote_skips_the_slot(blackouts: Blackouts) -> None:
    covered = blackouts.covering(["full moon"], berlin("2026-11-24T12:00"), BERLIN)
    assert covered is not None
    assert covered.reason.startswith("The blackout 'full moon' cannot be used: ")


# -- checking -------------------------------------------------------------------------------------------------------


def test_each_wrong_blackout_is_told_at_its_place(blackouts: Blackouts, holidays: Path) -> None:
    errors = blackouts.check(["sat,sun", "25:00-06:00", "holidays.ics", "missing.ics"])
    assert errors["blackouts.1"] == "25:00 is no time of the day; use 00:00 to 23:59 (24:00 as an end)."
    assert errors["blackouts.3"].startswith(
        "The calendar missing.ics cannot be read: there is no such file. Put it into"
    )
    assert errors.keys() == {"blackouts.1", "blackouts.3"}
    assert blackouts.check(["holidays.ics", "12-24..12-26"]) == {}


# -- the next free slot ---------------------------------------------------------------------------------------------


def test_the_next_free_slot_is_the_first_that_no_blackout_covers(blackouts: Blackouts, holidays: Path) -> None:
    texts = ["12-24..12-31", "holidays.ics", "sat,sun"]
    free = blackouts.free_after(daily(9), texts, berlin("2026-12-23T10:00"), BERLIN)
    assert free == berlin("2027-01-04T09:00")


def test_a_slot_exactly_at_the_end_of_a_blackout_is_free(blackouts: Blackouts) -> None:
    free = blackouts.free_after(daily(6), ["22:00-06:00"], berlin("2026-11-24T05:00"), BERLIN)
    assert free == berlin("2026-11-24T06:00")


def test_without_blackouts_it_is_the_next_slot(blackouts: Blackouts) -> None:
    assert blackouts.free_after(daily(9), [], berlin("2026-11-24T09:00"), BERLIN) == berlin("2026-11-25T09:00")


def test_a_month_is_jumped_over_at_once_even_each_second(blackouts: Blackouts) -> None:
    start = time.process_time()
    free = blackouts.free_after(each_second(), ["2026-02-01..2026-02-28"], berlin("2026-02-01T00:00"), BERLIN)
    assert free == berlin("2026-03-01T00:00")
    assert time.process_time() - start < 1


def test_there_is_none_when_every_slot_is_covered(blackouts: Blackouts) -> None:
    start = time.process_time()
    assert blackouts.free_after(daily(9), ["mon-fri", "sat,sun"], berlin("2026-11-24T12:00"), BERLIN) is None
    assert time.process_time() - start < 20


def test_there_is_none_when_the_schedule_ends_in_the_blackout(blackouts: Blackouts) -> None:
    once = trigger_of([OnceSchedule(at=berlin("2026-12-25T09:00").astimezone(UTC))])
    assert blackouts.free_after(once, ["2026-12-25"], berlin("2026-11-24T12:00"), BERLIN) is None


def test_a_calendar_that_cannot_be_read_leaves_the_slots_to_be_tried(blackouts: Blackouts) -> None:
    free = blackouts.free_after(daily(9), ["missing.ics", "wed"], berlin("2026-11-24T12:00"), BERLIN)
    assert free == berlin("2026-11-26T09:00")
