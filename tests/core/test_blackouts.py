from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cronapp.core.blackouts import Blackout, CalendarFile, blackout_for, instant_of, parse_blackout

BERLIN = ZoneInfo("Europe/Berlin")
TICK = timedelta(microseconds=1)


def blackout(text: str) -> Blackout:
    parsed = parse_blackout(text)
    assert not isinstance(parsed, CalendarFile)
    return parsed


def end(text: str, moment: str, zone: str = "Europe/Berlin") -> str | None:
    """The end as wall time in the zone, with its offset; the moment is wall time there unless it has an offset."""
    asked = datetime.fromisoformat(moment)
    asked = asked if asked.tzinfo else asked.replace(tzinfo=ZoneInfo(zone))
    found = blackout(text).end_of(asked, ZoneInfo(zone))
    assert found is None or found.tzinfo is UTC
    return found and found.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")


def refusal(text: str) -> str | None:
    try:
        parse_blackout(text)
    except ValueError as error:
        return str(error)
    return None


# -- what is covered, and until when --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment", "until"),
    [
        # a day
        ("2026-12-25", "2026-12-24T23:59:59", None),
        ("2026-12-25", "2026-12-25T00:00", "2026-12-26T00:00+01:00"),
        ("2026-12-25", "2026-12-25T23:59:59.999999", "2026-12-26T00:00+01:00"),
        ("2026-12-25", "2026-12-26T00:00", None),
        # days
        ("2026-12-24..2027-01-02", "2026-12-24T00:00", "2027-01-03T00:00+01:00"),
        ("2026-12-24..2027-01-02", "2027-01-02T23:00", "2027-01-03T00:00+01:00"),
        ("2026-12-24..2027-01-02", "2027-12-28T12:00", None),
        # every year
        ("12-25", "2031-12-25T08:00", "2031-12-26T00:00+01:00"),
        ("12-25", "2031-12-26T00:00", None),
        ("12-24..01-02", "2030-12-31T23:00", "2031-01-03T00:00+01:00"),
        ("12-24..01-02", "2031-01-01T00:00", "2031-01-03T00:00+01:00"),
        ("12-24..01-02", "2031-01-03T00:00", None),
        ("03-01..10-31", "2026-03-01T00:00", "2026-11-01T00:00+01:00"),
        ("02-29", "2028-02-29T12:00", "2028-03-01T00:00+01:00"),
        ("02-29", "2027-03-01T00:00", None),
        ("02-27..02-29", "2027-02-28T12:00", "2027-03-01T00:00+01:00"),
        ("02-29..03-02", "2027-02-28T12:00", None),
        ("02-29..03-02", "2027-03-01T12:00", "2027-03-03T00:00+01:00"),
        # a span
        ("2026-12-24T18:00/2026-12-27T06:00", "2026-12-24T17:59", None),
        ("2026-12-24T18:00/2026-12-27T06:00", "2026-12-24T18:00", "2026-12-27T06:00+01:00"),
        ("2026-12-24T18:00/2026-12-27T06:00", "2026-12-27T06:00", None),
        ("2026-12-24 18:00 / 2026-12-26 24:00", "2026-12-25T06:00", "2026-12-27T00:00+01:00"),
        ("2026-12-24T18:00Z/2026-12-27T06:00+02:00", "2026-12-24T18:30", None),
        ("2026-12-24T18:00Z/2026-12-27T06:00+02:00", "2026-12-24T19:00", "2026-12-27T05:00+01:00"),
        # times of the day; 23 November 2026 is a Monday
        ("22:00-06:00", "2026-11-23T21:59:59", None),
        ("22:00-06:00", "2026-11-23T22:00", "2026-11-24T06:00+01:00"),
        ("22:00-06:00", "2026-11-24T05:59", "2026-11-24T06:00+01:00"),
        ("22:00-06:00", "2026-11-24T06:00", None),
        ("12:00-13:00", "2026-11-24T12:30", "2026-11-24T13:00+01:00"),
        ("18:00-24:00", "2026-11-24T18:30", "2026-11-25T00:00+01:00"),
        ("18:00-00:00", "2026-11-24T18:30", "2026-11-25T00:00+01:00"),
        # a night belongs to the day on which it begins
        ("22:00-06:00 mon-fri", "2026-11-28T05:00", "2026-11-28T06:00+01:00"),
        ("22:00-06:00 mon-fri", "2026-11-28T22:30", None),
        ("22:00-06:00 mon-fri", "2026-11-23T05:00", None),
        ("22:00-06:00 sat,sun", "2026-11-23T05:00", "2026-11-23T06:00+01:00"),
        # weekdays, and those in a row are one blackout
        ("sat,sun", "2026-11-27T23:59", None),
        ("sat,sun", "2026-11-28T00:00", "2026-11-30T00:00+01:00"),
        ("fri-mon", "2026-11-27T00:00", "2026-12-01T00:00+01:00"),
        ("mon,wed", "2026-11-25T12:00", "2026-11-26T00:00+01:00"),
    ],
)
def test_a_blackout_covers_from_its_start_up_to_its_end(text: str, moment: str, until: str | None) -> None:
    assert end(text, moment) == until


@pytest.mark.parametrize(
    ("text", "moment", "until", "zone"),
    [
        # 02:00 to 03:00 does not exist on 29 March 2026
        ("02:30-03:30", "2026-03-29T01:59", None, "Europe/Berlin"),
        ("02:30-03:30", "2026-03-29T03:00", "2026-03-29T03:30+02:00", "Europe/Berlin"),
        ("02:30-03:30", "2026-03-29T03:30", None, "Europe/Berlin"),
        ("02:15-02:45", "2026-03-29T03:00", None, "Europe/Berlin"),
        ("02:15-02:45", "2026-03-29T01:59:59", None, "Europe/Berlin"),
        ("01:30-02:30", "2026-03-29T01:45", "2026-03-29T03:00+02:00", "Europe/Berlin"),
        # it comes twice on 25 October 2026: both ends are the first of their kind
        ("01:00-02:30", "2026-10-25T02:15+02:00", "2026-10-25T02:30+02:00", "Europe/Berlin"),
        ("01:00-02:30", "2026-10-25T02:15+01:00", None, "Europe/Berlin"),
        ("02:30-03:30", "2026-10-25T02:15+01:00", "2026-10-25T03:30+01:00", "Europe/Berlin"),
        ("02:50-02:10", "2026-10-25T02:05+01:00", "2026-10-26T02:10+01:00", "Europe/Berlin"),
        # the whole day has 23 and 25 hours
        ("2026-03-29", "2026-03-28T23:00+00:00", "2026-03-30T00:00+02:00", "Europe/Berlin"),
        ("2026-10-25", "2026-10-24T22:00+00:00", "2026-10-26T00:00+01:00", "Europe/Berlin"),
        # the day begins at 01:00
        ("2018-11-04", "2018-11-04T03:00+00:00", "2018-11-05T00:00-02:00", "America/Sao_Paulo"),
        # the clock goes back over midnight, and it is Saturday again: what begins or ends at midnight did so before
        ("2010-11-07", "2010-11-06T23:30-03:30", "2010-11-08T00:00-03:30", "America/St_Johns"),
        ("sat", "2010-11-06T23:30-02:30", "2010-11-07T00:00-02:30", "America/St_Johns"),
        ("sat", "2010-11-06T23:30-03:30", None, "America/St_Johns"),
        # 30 December 2011 was left out
        ("2011-12-30", "2011-12-29T23:59", None, "Pacific/Apia"),
        ("2011-12-30", "2011-12-31T00:00", None, "Pacific/Apia"),
        ("2011-12-29..2011-12-30", "2011-12-29T12:00", "2011-12-31T00:00+14:00", "Pacific/Apia"),
        ("22:00-06:00", "2011-12-29T23:00", "2011-12-31T00:00+14:00", "Pacific/Apia"),
    ],
)
def test_wall_times_are_resolved_where_the_clock_changes(text: str, moment: str, until: str | None, zone: str) -> None:
    assert end(text, moment, zone) == until


ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"]
BLACKOUTS = [
    *("2026-10-25", "2011-12-29..2011-12-31", "12-24..01-02", "02-29", "2026-03-29T02:30/2026-10-25T02:30"),
    *("2026-03-29T02:10Z/2026-03-29T02:20Z", "22:00-06:00", "02:30-03:30", "02:10-02:05 sun,mon", "00:00-24:00 sun"),
    *("23:59:59-00:00:01", "sat,sun", "fri-mon", "mon,wed,sun"),
]
CHANGES = [
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in ("2026-03-29T01:00", "2026-10-25T01:00", "2010-11-07T02:31", "2011-12-30T10:00", "2026-04-04T15:00")
]
moments = st.one_of(
    st.integers(0, 40 * 366 * 86_400).map(
        lambda seconds: datetime(1995, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
    st.builds(lambda at, off: at + timedelta(seconds=off), st.sampled_from(CHANGES), st.integers(-90_000, 90_000)),
    st.builds(lambda at, hours: at + timedelta(hours=hours), st.sampled_from(CHANGES), st.integers(-72, 72)),
)


@given(st.sampled_from(BLACKOUTS), st.sampled_from(ZONES), moments)
def test_an_end_lies_ahead_and_all_up_to_it_is_covered(text: str, zone: str, moment: datetime) -> None:
    where = ZoneInfo(zone)
    until = blackout(text).end_of(moment, where)
    if until is None:
        return
    assert moment < until
    for before in (until - TICK, max(moment, until - timedelta(hours=1)), moment + (until - moment) / 2):
        assert blackout(text).end_of(before, where) == until


@given(st.sampled_from(ZONES), moments)
def test_a_nightly_span_covers_what_the_clock_on_the_wall_says(zone: str, moment: datetime) -> None:
    where = ZoneInfo(zone)
    offsets = {(moment + timedelta(days=shift)).astimezone(where).utcoffset() for shift in (-2, 0, 2)}
    assume(len(offsets) == 1)  # where the clock changes, other tests say what is right
    hour = moment.astimezone(where).hour
    assert (blackout("22:00-06:00").end_of(moment, where) is not None) == (hour >= 22 or hour < 6)


@pytest.mark.parametrize("text", BLACKOUTS)
@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_the_ends_of_time_are_not_covered_and_no_error(text: str, moment: datetime) -> None:
    assert blackout(text).end_of(moment, BERLIN) is None


def test_a_wall_time_in_a_gap_of_a_day_is_the_first_instant_after_it() -> None:
    left_out = datetime.fromisoformat("2011-12-30T12:00")
    assert instant_of(left_out, ZoneInfo("Pacific/Apia")) == datetime(2011, 12, 30, 10, tzinfo=UTC)


# -- what people write ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-12-25", "25 December 2026"),
        ("2026-12-24..2026-12-24", "24 December 2026"),
        ("2026-12-24..2026-12-26", "24 to 26 December 2026"),
        ("2026-11-30..2026-12-26", "30 November to 26 December 2026"),
        ("2026-12-24..2027-01-02", "24 December 2026 to 2 January 2027"),
        ("12-25", "25 December every year"),
        ("12-24..01-02", "24 December to 2 January every year"),
        ("2026-12-24T18:00/2026-12-27T06:00", "24 December 2026 at 18:00 to 27 December 2026 at 06:00"),
        (
            "2026-12-24T18:00Z/2026-12-27T06:00:30+02:00",
            "24 December 2026 at 18:00 UTC to 27 December 2026 at 06:00:30 UTC+02:00",
        ),
        ("22:00-06:00", "22:00 to 06:00 every day"),
        ("22:00-06:00 mon-sun", "22:00 to 06:00 every day"),
        ("22:00-06:00 mon-fri", "22:00 to 06:00, Monday to Friday"),
        ("18:00-24:00 sat", "18:00 to 24:00, Saturday"),
        ("1:05:30-02:00", "01:05:30 to 02:00 every day"),
        ("sat,sun", "Saturday and Sunday"),
        ("fri-mon", "Friday to Monday"),
        ("mon-tue,fri-sat", "Monday, Tuesday, Friday and Saturday"),
        ("mon,wed,fri", "Monday, Wednesday and Friday"),
        ("Holidays/de.ICS", "the events of Holidays/de.ICS"),
    ],
)
def test_a_blackout_is_told_in_english(text: str, words: str) -> None:
    assert parse_blackout(text).words() == words


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("  2026-12-24 .. 2027-01-02 ", "2026-12-24..2027-01-02"),
        ("2026-1-5", "2026-01-05"),
        ("22:00 – 06:00   Mon-Fri", "22:00-06:00 mon-fri"),
        ("22:00-06:00, mon - fri", "22:00-06:00 mon-fri"),
        ("Monday", "mon"),
        ("SAT and Sunday", "sat,sun"),
        ("tues thurs", "tue,thu"),
        ("2026-12-24t18:00z/2026-12-27 06:00 +0000", "2026-12-24T18:00Z/2026-12-27T06:00Z"),
        ("\t12-25\n", "12-25"),
    ],
)
def test_case_and_spaces_do_not_matter(text: str, meant: str) -> None:
    assert parse_blackout(text) == parse_blackout(meant)


def test_the_name_of_a_calendar_file_keeps_its_letters() -> None:
    assert parse_blackout(" Feiertage/DE.ics ") == CalendarFile("Feiertage/DE.ics")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "This blackout is empty."),
        ("x" * 201, "A blackout has at most 200 characters; this one has 201."),
        ("25.12.2026", '"25.12.2026" is no blackout. Write a day (2026-12-25)'),
        ("holidays.ical", '"holidays.ical" is no blackout.'),
        ("2026-13-01", "There is no month 13."),
        ("2026-02-29", "February 2026 has no day 29; use 1 to 28."),
        ("02-30", "February has no day 30; use 1 to 29."),
        ("0999-01-01", "The year 999 is too far away. Use the years 1900 to 2999."),
        ("25-12", "There is no month 25. The month comes first: did you mean 12-25?"),
        ("40-40", "There is no month 40."),
        ("2027-01-02..2026-12-24", "2026-12-24 is before 2027-01-02."),
        ("12-24..2027-01-02", "Write both with the year"),
        ("01-01..12-31", "These days are the whole year, so nothing would ever run."),
        ("03-01..02-29", "These days are the whole year"),
        ("2026-12-24T18:00", "Write its start and its end, as 2026-12-24T18:00/2026-12-27T06:00"),
        ("2026-12-24/2026-12-27", '"2026-12-24" is no moment.'),
        ("2026-12-24T18:00/2026-12-24T18:00", "This span ends before it has begun."),
        ("2026-12-24T24:00/2026-12-27T06:00", "24:00 is no time of the day"),
        ("2026-12-24T18:00Z/2026-12-27T06:00", "Only one end of this span has an offset."),
        ("2026-12-24T18:00+99:00/2026-12-27T06:00+02:00", "+99:00 is no offset from UTC"),
        ("25:00-06:00", "25:00 is no time of the day; use 00:00 to 23:59 (24:00 as an end)."),
        ("22:60-06:00", "22:60 is no time of the day"),
        ("24:00-06:00", "24:00 is no time of the day"),
        ("22:00", '"22:00" is no daily span.'),
        ("mon-fri 22:00-06:00", "as 22:00-06:00 mon-fri."),
        ("22:00-22:00", "This daily span starts and ends at the same time."),
        ("00:00-24:00", "This is the whole of every day, so nothing would ever run."),
        ("22:00-06:00 mon-", "mon- is no range of weekdays."),
        ("22:00-06:00 munday", '"munday" is no weekday. Did you mean mon?'),
        ("mo,tu", '"mo" is no weekday. Use mon, tue, wed, thu, fri, sat and sun, as in mon-fri or sat,sun.'),
        ("never", '"never" is no weekday.'),
        ("mon-mon", "mon-mon begins and ends on the same day. Write mon for that one day."),
        ("mon-sun", "These are all days of the week, so nothing would ever run."),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_to_write(text: str, told: str) -> None:
    refused = refusal(text)
    assert refused is not None
    assert told in refused
    assert refused.endswith((".", "?"))


@given(st.text(alphabet="0123456789-:./ TZmonsatfri,+", max_size=30))
def test_any_text_is_either_a_blackout_or_refused_in_a_sentence(text: str) -> None:
    refused = refusal(text)
    assert refused.endswith((".", "?")) if refused else parse_blackout(text).words()


def test_a_text_is_parsed_once() -> None:
    assert blackout_for("sat,sun") is blackout_for("sat,sun")
