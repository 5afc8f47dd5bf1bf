import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cronapp.core.errors import CalendarUnreadable
from cronapp.service import occurrences
from cronapp.service.calendars import Calendars

BERLIN = ZoneInfo("Europe/Berlin")


def event(*lines: str, summary: str = "Holiday") -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{summary}", f"SUMMARY:{summary}", *lines, "END:VEVENT", ""])


def calendar(*events: str, head: Sequence[str] = ()) -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:tests", *head, "".join(events) + "END:VCALENDAR", ""])


@pytest.fixture
def calendars(tmp_path: Path) -> Calendars:
    return Calendars(tmp_path)


def end(calendars: Calendars, moment: str, zone: str = "Europe/Berlin") -> str | None:
    """The end of the event of `holidays.ics` that covers the moment, as wall time in the zone."""
    asked = datetime.fromisoformat(moment)
    asked = asked if asked.tzinfo else asked.replace(tzinfo=ZoneInfo(zone))
    found = calendars.end_of("holidays.ics", asked, ZoneInfo(zone))
    assert found is None or found[0].tzinfo is UTC
    return found and found[0].astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")


# -- which moments an event covers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "moment", "until"),
    [
        # all-day events are days in the job's zone
        (["DTSTART;VALUE=DATE:20261225"], "2026-12-24T23:59", None),
        (["DTSTART;VALUE=DATE:20261225"], "2026-12-25T00:00", "2026-12-26T00:00+01:00"),
        (["DTSTART;VALUE=DATE:20261225"], "2026-12-26T00:00", None),
        (["DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20261227"], "2026-12-26T12:00", "2026-12-27T00:00+01:00"),
        (["DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20261225"], "2026-12-25T12:00", "2026-12-26T00:00+01:00"),
        (["DTSTART;VALUE=DATE:20260329"], "2026-03-28T23:00+00:00", "2026-03-30T00:00+02:00"),
        # times without a zone are in the job's zone
        (["DTSTART:20261225T180000", "DTEND:20261225T200000"], "2026-12-25T18:00", "2026-12-25T20:00+01:00"),
        (["DTSTART:20261225T180000", "DURATION:PT2H"], "2026-12-25T20:00", None),
        (["DTSTART:20260329T023000", "DURATION:PT1H"], "2026-03-29T03:00", "2026-03-29T03:30+02:00"),
        # zoned ones in theirs
        (["DTSTART:20261225T180000Z", "DURATION:PT2H"], "2026-12-25T18:30", None),
        (["DTSTART:20261225T180000Z", "DURATION:PT2H"], "2026-12-25T19:00", "2026-12-25T21:00+01:00"),
        (
            ["DTSTART;TZID=America/New_York:20261225T060000", "DURATION:PT1H"],
            "2026-12-25T12:30",
            "2026-12-25T13:00+01:00",
        ),
        (
            ["DTSTART;TZID=W. Europe Standard Time:20261225T060000", "DURATION:PT1H"],
            "2026-12-25T06:30",
            "2026-12-25T07:00+01:00",
        ),
        # without a length, or cancelled, it covers nothing; shown as free or not does not matter
        (["DTSTART:20261225T180000"], "2026-12-25T18:00", None),
        (["DTSTART;VALUE=DATE:20261225", "STATUS:CANCELLED"], "2026-12-25T12:00", None),
        (["DTSTART;VALUE=DATE:20261225", "TRANSP:TRANSPARENT"], "2026-12-25T12:00", "2026-12-26T00:00+01:00"),
        # repeated
        (["DTSTART;VALUE=DATE:19701225", "RRULE:FREQ=YEARLY"], "2026-12-25T12:00", "2026-12-26T00:00+01:00"),
        (["DTSTART;VALUE=DATE:19701225", "RRULE:FREQ=YEARLY;UNTIL=20251225"], "2026-12-25T12:00", None),
        (["DTSTART;VALUE=DATE:20261123", "RRULE:FREQ=WEEKLY;COUNT=2"], "2026-11-30T12:00", "2026-12-01T00:00+01:00"),
        (["DTSTART;VALUE=DATE:20261123", "RRULE:FREQ=WEEKLY;COUNT=2"], "2026-12-07T12:00", None),
        (
            ["DTSTART;TZID=Europe/Berlin:20260101T220000", "DURATION:PT8H", "RRULE:FREQ=DAILY"],
            "2026-07-02T05:30",
            "2026-07-02T06:00+02:00",
        ),
        (
            ["DTSTART;VALUE=DATE:20261123", "RRULE:FREQ=WEEKLY", "EXDATE;VALUE=DATE:20261130"],
            "2026-11-30T12:00",
            None,
        ),
        (
            [
                "DTSTART;TZID=Europe/Berlin:20261123T220000",
                "DURATION:PT2H",
                "RRULE:FREQ=DAILY",
                "EXDATE;TZID=Europe/Berlin:20261125T220000",
            ],
            "2026-11-25T22:30",
            None,
        ),
        (["DTSTART;VALUE=DATE:20261123", "RDATE;VALUE=DATE:20261201"], "2026-12-01T12:00", "2026-12-02T00:00+01:00"),
        # one that goes on for years
        (["DTSTART;VALUE=DATE:20200101", "DTEND;VALUE=DATE:20300101"], "2026-12-25T12:00", "2030-01-01T00:00+01:00"),
    ],
)
def test_an_event_covers_from_its_start_up_to_its_end(
    calendars: Calendars, tmp_path: Path, lines: list[str], moment: str, until: str | None
) -> None:
    (tmp_path / "holidays.ics").write_text(calendar(event(*lines)))
    assert end(calendars, moment) == until


def test_one_day_is_another_stretch_of_time_in_another_zone(calendars: Calendars, tmp_path: Path) -> None:
    (tmp_path / "holidays.ics").write_text(calendar(event("DTSTART;VALUE=DATE:20261225")))
    assert end(calendars, "2026-12-25T12:00", "Pacific/Auckland") == "2026-12-26T00:00+13:00"
    assert end(calendars, "2026-12-25T12:00", "America/New_York") == "2026-12-26T00:00-05:00"
    assert end(calendars, "2026-12-24T12:00+00:00", "Pacific/Auckland") == "2026-12-26T00:00+13:00"
    assert end(calendars, "2026-12-24T12:00+00:00", "America/New_York") is None


def test_one_moved_and_one_cancelled_repetition_are_respected(calendars: Calendars, tmp_path: Path) -> None:
    weekly = event("DTSTART;VALUE=DATE:20261123", "RRULE:FREQ=WEEKLY", summary="Monday")
    moved = event("RECURRENCE-ID;VALUE=DATE:20261130", "DTSTART;VALUE=DATE:20261201", summary="Monday")
    cancelled = event(
        "RECURRENCE-ID;VALUE=DATE:20261207", "DTSTART;VALUE=DATE:20261207", "STATUS:CANCELLED", summary="Monday"
    )
    (tmp_path / "holidays.ics").write_text(calendar(weekly, moved, cancelled))
    days = ["2026-11-23", "2026-11-30", "2026-12-01", "2026-12-07", "2026-12-14"]
    covered = [day for day in days if end(calendars, f"{day}T12:00")]
    assert covered == ["2026-11-23", "2026-12-01", "2026-12-14"]


def test_of_several_events_the_one_that_ends_last_is_told(calendars: Calendars, tmp_path: Path) -> None:
    short = event("DTSTART:20261225T100000Z", "DURATION:PT4H", summary="Short")
    long = event("DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20261227", summary="Christmas")
    (tmp_path / "holidays.ics").write_text(calendar(short, long))
    found = calendars.end_of("holidays.ics", datetime(2026, 12, 25, 12, tzinfo=UTC), ZoneInfo("UTC"))
    assert found == (datetime(2026, 12, 27, tzinfo=UTC), "Christmas")


def test_a_zone_named_for_the_whole_calendar_holds_for_times_without_one(calendars: Calendars, tmp_path: Path) -> None:
    one = event("DTSTART:20261225T060000", "DURATION:PT1H")
    (tmp_path / "holidays.ics").write_text(calendar(one, head=["X-WR-TIMEZONE:America/New_York"]))
    assert end(calendars, "2026-12-25T12:30") == "2026-12-25T13:00+01:00"


def test_a_zone_that_the_file_describes_is_used(calendars: Calendars, tmp_path: Path) -> None:
    zone = [
        *("BEGIN:VTIMEZONE", "TZID:Ship", "BEGIN:STANDARD", "DTSTART:19700101T000000", "TZOFFSETFROM:+0300"),
        *("TZOFFSETTO:+0300", "END:STANDARD", "END:VTIMEZONE"),
    ]
    (tmp_path / "holidays.ics").write_text(
        calendar(event("DTSTART;TZID=Ship:20261225T060000", "DURATION:PT1H"), head=zone)
    )
    assert end(calendars, "2026-12-25T04:30") == "2026-12-25T05:00+01:00"


@pytest.mark.parametrize(
    ("summary", "told"),
    [("New   Year's Day", "New Year's Day"), ("", "An event without a name"), ("x" * 200, "x" * 99 + "…")],
)
def test_the_name_of_an_event_is_one_short_line(calendars: Calendars, tmp_path: Path, summary: str, told: str) -> None:
    (tmp_path / "holidays.ics").write_text(calendar(event("DTSTART;VALUE=DATE:20261225", summary=summary)))
    found = calendars.end_of("holidays.ics", datetime(2026, 12, 25, 12, tzinfo=UTC), ZoneInfo("UTC"))
    assert found is not None
    assert found[1] == told


def test_what_says_nothing_of_times_is_passed_over(calendars: Calendars, tmp_path: Path) -> None:
    wordy = ["DESCRIPTION;LANGUAGE=de:RRULE:FREQ=DAILY", " DTSTART:19700101T000000", "\tEND:VEVENT", "Attendee:x"]
    (tmp_path / "holidays.ics").write_text(calendar(event(*wordy, "DTSTART;VALUE=DATE:20261225", *wordy)))
    assert end(calendars, "2026-12-25T12:00")
    assert end(calendars, "2026-12-26T12:00") is None


def test_two_calendars_in_one_file_both_count(calendars: Calendars, tmp_path: Path) -> None:
    one, other = (calendar(event(f"DTSTART;VALUE=DATE:202612{day}")) for day in (24, 28))
    (tmp_path / "holidays.ics").write_text(one + other)
    assert end(calendars, "2026-12-24T12:00")
    assert end(calendars, "2026-12-28T12:00")
    assert end(calendars, "2026-12-26T12:00") is None


# -- which files are read, and when ---------------------------------------------------------------------------------

START = "DTSTART:20260101T000000"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it holds no calendar"),
        ("hello", "it holds what is no iCalendar"),
        (event(START), "it holds no calendar"),
        (calendar(event(START))[:-15], "it is cut off"),
        (calendar(event(START)) + "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "it is cut off"),
        (calendar(event("DTEND:20260101T000000")), "its event 'Holiday' has no start (DTSTART)"),
        (calendar(event("DTSTART:tomorrow")), "its event 'Holiday' has something wrong in DTSTART"),
        (calendar(event(START, "RRULE:FREQ=NEVER")), "its event 'Holiday' has something wrong in RRULE"),
        (calendar(event(START, "RRULE:BYDAY=MO")), "its event 'Holiday' has an RRULE without a known FREQ"),
        (calendar(event(START, "RRULE FREQ=DAILY")), "its event 'Holiday' has something wrong in a line"),
        (calendar(event(START, "RRULE:FREQ=DAILY", "EXDATE:x")), "its event 'Holiday' has something wrong in EXDATE"),
        (calendar(event(START, "RRULE:FREQ=DAILY;BYHOUR=77")), "it holds what is no iCalendar"),
        (calendar(event(START, START)), "it holds what is no iCalendar"),
        (calendar(event("DTSTART;TZID=Mars/Base:20260101T000000")), "is in the time zone Mars/Base, which is unknown"),
        (
            calendar(event(START, "RRULE:FREQ=DAILY", "EXDATE;TZID=Mars/Base:20260102T000000")),
            "is in the time zone Mars/Base, which is unknown",
        ),
        (calendar(event(START), head=["X-WR-TIMEZONE:Mars/Base"]), "it holds what is no iCalendar"),
        (
            calendar(event(START, "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")),
            "its event 'Holiday' repeats on a day that no month has",
        ),
        (calendar(event(START, "RRULE:FREQ=SECONDLY")), "its events repeat too often to be looked up until 2050"),
        (
            calendar(event(START, "RRULE:FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5;BYSECOND=1,2,3,4,5")),
            "its events repeat too often to be looked up until 2050",
        ),
    ],
)
def test_a_file_of_which_something_would_be_left_out_is_refused_whole(
    calendars: Calendars, tmp_path: Path, text: str, why: str
) -> None:
    (tmp_path / "holidays.ics").write_text(text)
    with pytest.raises(CalendarUnreadable) as caught:
        calendars.check("holidays.ics")
    assert why in caught.value.why
    assert str(caught.value).startswith("The calendar holidays.ics cannot be read: ")
    assert str(caught.value).endswith(" Mend the file, or export it again as iCalendar (.ics).")
    with pytest.raises(CalendarUnreadable):
        end(calendars, "2026-12-25T12:00")


def test_a_file_with_too_many_events_is_refused(calendars: Calendars, tmp_path: Path) -> None:
    (tmp_path / "holidays.ics").write_text(calendar(*["BEGIN:VEVENT\r\nEND:VEVENT\r\n"] * 5_001))
    with pytest.raises(CalendarUnreadable, match="it has more than 5,000 events"):
        calendars.check("holidays.ics")


def test_a_file_that_is_too_large_is_not_read(calendars: Calendars, tmp_path: Path) -> None:
    with (tmp_path / "holidays.ics").open("wb") as file:
        file.truncate(5_000_001)
    with pytest.raises(CalendarUnreadable, match=r"it has 5\.0 MB, and 5 MB are the most"):
        calendars.check("holidays.ics")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("missing.ics", "there is no such file"),
        ("inside/holidays.ics/x.ics", "there is no such file"),
        ("holidays.txt", "its name does not end with .ics"),
        ("../outside.ics", "it lies outside of the folder"),
        ("inside/../../outside.ics", "it lies outside of the folder"),
        ("/etc/outside.ics", "it is no path inside the folder"),
        ("a\0b.ics", "it is no path inside the folder"),
        ("link.ics", "it lies outside of the folder"),
        ("folder.ics", "it is no file"),
        ("pipe.ics", "it is no file"),
        ("loop.ics", ""),
    ],
)
def test_only_files_inside_the_folder_are_read(tmp_path: Path, path: str, why: str) -> None:
    folder = tmp_path / "folder"
    (folder / "inside").mkdir(parents=True)
    for file in (folder / "inside" / "holidays.ics", folder / "holidays.txt", tmp_path / "outside.ics"):
        file.write_text(calendar())
    (folder / "link.ics").symlink_to(tmp_path / "outside.ics")
    (folder / "loop.ics").symlink_to(folder / "loop.ics")
    (folder / "folder.ics").mkdir()
    os.mkfifo(folder / "pipe.ics")
    with pytest.raises(CalendarUnreadable) as caught:
        Calendars(folder).check(path)
    assert why in caught.value.why


def test_a_link_that_stays_inside_and_a_folder_of_files_are_fine(tmp_path: Path) -> None:
    (tmp_path / "real" / "de").mkdir(parents=True)
    (tmp_path / "real" / "de" / "2026.ICS").write_text(calendar())
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "now.ics").symlink_to(tmp_path / "real" / "de" / "2026.ICS")
    calendars = Calendars(tmp_path / "link")
    calendars.check("de/2026.ICS")
    calendars.check("now.ics")


def test_a_changed_file_is_read_again_a_bad_one_too(calendars: Calendars, tmp_path: Path) -> None:
    file = tmp_path / "holidays.ics"
    file.write_text(calendar(event("DTSTART;VALUE=DATE:20261225")))
    assert end(calendars, "2026-12-25T12:00")
    file.write_text(calendar(event("DTSTART;VALUE=DATE:20261226")))
    os.utime(file, ns=(1, 1))
    assert end(calendars, "2026-12-25T12:00") is None
    file.write_text("broken")
    with pytest.raises(CalendarUnreadable):
        calendars.check("holidays.ics")
    file.unlink()
    with pytest.raises(CalendarUnreadable, match="there is no such file"):
        calendars.check("holidays.ics")
    file.write_text(calendar(event("DTSTART;VALUE=DATE:20261225")))
    assert end(calendars, "2026-12-25T12:00")


class Counted(occurrences.Events):
    """Events that count how often a file is read, and how often the library is asked."""

    read = 0
    asked = 0

    def __init__(self, data: bytes) -> None:
        Counted.read += 1
        super().__init__(data)
        queries = self._queries

        class Query:
            def between(self, *span: datetime) -> list[object]:
                Counted.asked += 1
                return [found for query in queries for found in query.between(*span)]

        self._queries = [Query()]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counted]:
    monkeypatch.setattr("cronapp.service.calendars.Events", Counted)
    Counted.read = Counted.asked = 0
    return Counted


def test_a_thousand_jobs_that_are_due_at_once_ask_the_library_once(
    calendars: Calendars, tmp_path: Path, counted: type[Counted]
) -> None:
    (tmp_path / "holidays.ics").write_text(calendar(event("DTSTART;VALUE=DATE:20261225")))
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: end(calendars, "2026-12-25T12:00"), range(1_000)))
    assert set(found) == {"2026-12-26T00:00+01:00"}
    assert (counted.read, counted.asked) == (1, 1)
    assert end(calendars, "2026-12-26T12:00") is None  # another moment near by costs nothing either
    assert (counted.read, counted.asked) == (1, 1)
    assert end(calendars, "2026-12-25T12:00", "UTC")
    assert (counted.read, counted.asked) == (1, 2)


def test_a_bad_file_is_not_tried_again_until_it_changes(
    calendars: Calendars, tmp_path: Path, counted: type[Counted]
) -> None:
    (tmp_path / "holidays.ics").write_text("broken")
    for _ in range(3):
        with pytest.raises(CalendarUnreadable):
            end(calendars, "2026-12-25T12:00")
    assert counted.read == 1


def test_an_endless_repetition_is_walked_only_as_far_as_asked_and_not_too_far(
    calendars: Calendars, tmp_path: Path
) -> None:
    hourly = event("DTSTART:20200101T000000Z", "DURATION:PT1M", "RRULE:FREQ=HOURLY;INTERVAL=6")
    (tmp_path / "holidays.ics").write_text(calendar(hourly))
    start = time.process_time()
    assert end(calendars, "2040-06-01T06:00:30+00:00", "UTC") == "2040-06-01T06:01+00:00"
    assert time.process_time() - start < 5
    with pytest.raises(CalendarUnreadable, match="repeat too often to be looked up until 9000"):
        end(calendars, "9000-01-01T00:00", "UTC")


def test_without_repetitions_any_year_can_be_asked(calendars: Calendars, tmp_path: Path) -> None:
    (tmp_path / "holidays.ics").write_text(calendar(event("DTSTART;VALUE=DATE:20261225")))
    assert end(calendars, "9000-01-01T00:00") is None
    assert end(calendars, "1900-01-01T00:00") is None
