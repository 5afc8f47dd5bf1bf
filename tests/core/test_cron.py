import json
import re
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from cronapp.core.cron import Cron, parse
from cronapp.core.errors import InvalidInput

CASES = [json.loads(line) for line in (Path(__file__).parents[1] / "data" / "cron.jsonl").read_text().splitlines()]
BERLIN = ZoneInfo("Europe/Berlin")
FIELD_NAMES = r"^(Second|Minute|Hour|Day of month|Month|Day of week|Year)\b"


def cases(kind: str) -> pytest.MarkDecorator:
    chosen = [case for case in CASES if case["kind"] == kind]
    return pytest.mark.parametrize("case", chosen, ids=[case["id"] for case in chosen])


def slots(cron: Cron, start: datetime, zone: ZoneInfo, count: int) -> list[datetime]:
    found: list[datetime] = []
    while len(found) < count:
        following = cron.next_after(found[-1] if found else start, zone)
        if following is None:
            break
        found.append(following)
    return found


def stamps(moments: list[Any]) -> list[float]:
    """Instants as numbers: two moments of the same zone compare by wall clock, which hides a repeated hour."""
    return [moment.timestamp() for moment in moments]


def refused(expression: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse(expression)
    assert set(caught.value.errors) == {"expression"}
    return caught.value.errors["expression"]


# -- the cases ------------------------------------------------------------------------------------------------------


@cases("next")
def test_the_next_slots_are_the_expected_ones(case: dict[str, Any]) -> None:
    if case["expected"] is None:
        try:
            cron = parse(case["expr"])
        except InvalidInput:
            return
        assert cron.next_after(datetime.fromisoformat(case["start"]), ZoneInfo(case["tz"])) is None
        return
    expected = [datetime.fromisoformat(text) for text in case["expected"]]
    start = datetime.fromisoformat(case["start"])
    assert stamps(slots(parse(case["expr"]), start, ZoneInfo(case["tz"]), len(expected))) == stamps(expected)


@cases("next")
def test_the_way_back_meets_the_same_slots(case: dict[str, Any]) -> None:
    if not case["expected"]:
        return
    expected = [datetime.fromisoformat(text) for text in case["expected"]]
    cron, moment, back = parse(case["expr"]), expected[-1] + timedelta(milliseconds=1), []
    for _ in expected:
        found = cron.previous_before(moment, ZoneInfo(case["tz"]))
        assert found is not None
        moment = found
        back.append(found)
    assert stamps(back[::-1]) == stamps(expected)


@cases("invalid")
def test_an_invalid_expression_is_refused_with_what_is_allowed(case: dict[str, Any]) -> None:
    sentence = refused(case["expr"])
    assert re.search(FIELD_NAMES, sentence) or "Five fields are expected" in sentence or "is no nickname" in sentence
    assert "llowed" in sentence or "expected" in sentence


@cases("describe")
def test_the_words_say_what_the_expression_means(case: dict[str, Any]) -> None:
    words = parse(case["expr"]).words()
    for must in case["expected"]["must"]:
        assert re.search(must, words, re.IGNORECASE)
    for must_not in case["expected"]["must_not"]:
        assert not re.search(must_not, words, re.IGNORECASE)


# -- grammar --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "field", "says"),
    [
        ("61 * * * *", "Minute", "0 to 59"),
        ("* 24 * * *", "Hour", "0 to 23"),
        ("* * 0 * *", "Day of month", "1 to 31"),
        ("* * * FOO *", "Month", "JAN to DEC"),
        ("* * * * 8", "Day of week", "SUN to SAT"),
        ("60 * * * * *", "Second", "0 to 59"),
        ("0 0 0 1 1 * 1969", "Year", "1970 to 2199"),
        ("5/15 * * * *", "Minute", "5-59/15"),
        ("0 0 30 2 *", "Day of month", "never run"),
        ("0 0 ? ? *", "Month", "?"),
        ("0 0 1,15W * *", "Day of month", "W stands for one single day"),
        ("0 0 l * *", "Day of month", "L (last day)"),
        ("0 0 * * 5l", "Day of week", "5L"),
        ("0 0 * * 1-5L", "Day of week", "5L"),
        ("0 0 +1 * *", "Day of month", "1 to 31"),
        ("0 0 * * 1,+2", "Day of week", "+"),
        ("0 0 * * FRI-0", "Day of week", "backwards"),
        ("1,,2 * * * *", "Minute", "empty item"),
        ("٣ * * * *", "Minute", "0 to 59"),
        ("0000000000000000005 * * * *", "Minute", "out of range"),
        ("*/999999999999999999999 * * * *", "Minute", "step"),
    ],
)
def test_a_refusal_names_the_field_and_what_is_allowed(expression: str, field: str, says: str) -> None:
    sentence = refused(expression)
    assert sentence.startswith(field)
    assert says in sentence


@pytest.mark.parametrize("expression", ["", "   ", "* * * *", "* * * * * * * *", "@", "@Daily", "@daily x", "x" * 2000])
def test_what_is_no_expression_at_all_is_refused_with_a_hint(expression: str) -> None:
    assert re.search("Five fields|nickname|longer than", refused(expression))


def test_blanks_and_tabs_around_and_between_do_not_matter() -> None:
    assert parse("  0\t 9  * * 1-5 ").words() == parse("0 9 * * 1-5").words()


def test_sunday_may_end_a_range_of_weekdays() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    by_name = slots(parse("0 0 * * SAT-SUN"), start, ZoneInfo("UTC"), 8)
    assert by_name == slots(parse("0 0 * * 6-7"), start, ZoneInfo("UTC"), 8)


def test_a_job_at_reboot_has_no_slots() -> None:
    cron = parse("@reboot")
    assert cron.is_reboot
    assert cron.next_after(datetime(2025, 1, 1, tzinfo=UTC), BERLIN) is None
    assert cron.previous_before(datetime(2025, 1, 1, tzinfo=UTC), BERLIN) is None
    assert cron.words() == "When the server starts"


# -- spread ---------------------------------------------------------------------------------------------------------


def test_a_spread_value_is_the_same_for_the_same_job_and_differs_between_jobs() -> None:
    assert parse("H H * * *", seed="a").words() == parse("H H * * *", seed="a").words()
    assert len({parse("H H * * *", seed=f"job-{n}").words() for n in range(50)}) > 40


@given(st.text(max_size=8))
def test_a_spread_value_stays_in_its_range(seed: str) -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    for expression in ("H(10-19) * * * *", "10~19 * * * *"):
        found = parse(expression, seed=seed).next_after(start, BERLIN)
        assert found is not None
        assert 10 <= found.minute <= 19


def test_a_spread_step_keeps_its_distance_and_fills_the_hour() -> None:
    found = slots(parse("H/15 * * * *", seed="report"), datetime(2025, 1, 1, tzinfo=UTC), BERLIN, 8)
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=15)}


def test_a_spread_day_of_month_is_in_every_month() -> None:
    assert all(int(parse("0 0 H * *", seed=str(n)).words().split()[4].rstrip("stndrh")) <= 28 for n in range(99))


# -- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("*/5 * * * *", "Every 5 minutes"),
        ("0 9 * * 1-5", "At 09:00, Monday to Friday"),
        ("30 2 L * *", "At 02:30 on the last day of the month"),
        ("0 12 1 * MON", "At 12:00 on the 1st of the month or on Monday"),
        ("0 12 1 * +MON", "At 12:00 on the 1st of the month, only if it is a Monday"),
        ("0 9 15W * *", "At 09:00 on the weekday nearest the 15th of the month"),
        ("0 0 LW * *", "At 00:00 on the last weekday of the month"),
        ("0 0 1 */3 *", "At 00:00 on the 1st of January, April, July and October"),
        ("0 9-17/2 * * *", "Every 2 hours from 09:00 to 17:00"),
        ("30 */2 * * *", "At minute 30 of every 2nd hour"),
        ("* 9 * * *", "Every minute from 09:00 to 09:59"),
        ("0 0 * 3-5 *", "At 00:00 every day, March to May"),
        ("* 30 */2 * * *", "Every second of minute 30 of every 2nd hour"),
        ("* * * 1 5L", "Every minute on the last Friday of January"),
        ("0 0 0 1 1 * 2025-2030", "At 00:00 on the 1st of January, in 2025 to 2030"),
        ("0 0 * * MON,2#3", "At 00:00 on Monday and the third Tuesday of the month"),
    ],
)
def test_words(expression: str, words: str) -> None:
    assert parse(expression).words() == words


@pytest.mark.parametrize(
    ("expression", "warning"),
    [
        ("0 0 1 * MON", "either fits"),
        ("0 0 */2 * MON", "both of them"),
        ("*/7 * * * *", "takes 4 minutes only"),
        ("*/60 * * * *", "as long as the hour"),
        ("0 0 31 * *", "Months without a 31st"),
    ],
)
def test_what_may_surprise_is_said(expression: str, warning: str) -> None:
    assert any(warning in text for text in parse(expression).warnings())


@pytest.mark.parametrize("expression", ["*/5 * * * *", "0 9 * * 1-5", "0 0 1 * *", "0 0 1,L * *", "*/15 */2 * * *"])
def test_what_is_usual_has_no_warning(expression: str) -> None:
    assert parse(expression).warnings() == ()


# -- bounds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "zone", "start"),
    [
        ("31 */3 * * *", "America/St_Johns", "2010-11-06T21:51:00-02:30"),
        ("0 0 29 2 +FRI#5", "UTC", "2072-03-01T00:00:00+00:00"),
        ("59 59 23 31 12 * 2199", "Pacific/Apia", "1970-01-01T00:00:00+00:00"),
        ("0-59 0-59 0-23 * * *", "Pacific/Apia", "2011-12-29T23:59:59-10:00"),
        ("* * * * * *", "Pacific/Apia", "2011-12-29T23:59:59-10:00"),
        ("0 0 29 2 *", "Europe/Berlin", "9996-12-31T00:00:00+00:00"),
        ("0 0 * * *", "Europe/Berlin", "0001-01-01T00:00:00+00:00"),
        ("0 0 * * *", "Europe/Berlin", "9999-12-31T23:59:59+00:00"),
    ],
)
def test_every_search_ends_at_once(expression: str, zone: str, start: str) -> None:
    cron, moment = parse(expression), datetime.fromisoformat(start)
    begun = time.process_time()
    found = cron.next_after(moment, ZoneInfo(zone))
    back = cron.previous_before(moment, ZoneInfo(zone))
    assert time.process_time() - begun < 0.5
    assert found is None or found > moment
    assert back is None or back < moment


# -- against plain oracles ------------------------------------------------------------------------------------------

CHANGES = {
    "Europe/Berlin": ["2025-03-30T01:00", "2025-10-26T01:00"],
    "America/St_Johns": ["2010-03-14T03:31", "2010-11-07T02:31"],
    "Australia/Lord_Howe": ["2024-10-05T15:30", "2024-04-06T15:00"],
    "America/Sao_Paulo": ["2018-11-04T03:00", "2018-02-18T02:00"],
    "Pacific/Apia": ["2011-12-30T10:00"],
    "Antarctica/Troll": ["2025-03-30T01:00", "2025-10-26T01:00"],
    "UTC": ["2024-02-29T00:00"],
}
AROUND = [(zone, moment) for zone, moments in CHANGES.items() for moment in moments]


@st.composite
def time_fields(draw: st.DrawFn, high: int) -> tuple[str, frozenset[int]]:
    first = draw(st.integers(0, high - 1))
    last = draw(st.integers(first + 1, high))
    step = draw(st.integers(1, high))
    return draw(
        st.sampled_from(
            [
                ("*", frozenset(range(high + 1))),
                (f"*/{step}", frozenset(range(0, high + 1, step))),
                (f"{first}", frozenset([first])),
                (f"{first},{last}", frozenset([first, last])),
                (f"{first}-{last}/{step}", frozenset(range(first, last + 1, step))),
            ]
        )
    )


def oracle(
    fixed: bool, minutes: frozenset[int], hours: frozenset[int], zone: ZoneInfo, start: datetime, end: datetime
) -> list[datetime]:
    """A clock that is looked at every minute, as Debian's cron does it."""

    def named(wall: datetime) -> bool:
        return wall.minute in minutes and wall.hour in hours

    found, highest = [], None
    moment = start - timedelta(days=1)
    while moment <= end:
        wall = moment.astimezone(zone).replace(tzinfo=None, fold=0)
        due = named(wall)
        if fixed and highest is not None:
            jump = wall - highest
            if jump <= timedelta(0):
                due = False
            elif timedelta(minutes=1) < jump < timedelta(hours=3):
                due = due or any(named(highest + timedelta(minutes=n)) for n in range(1, jump // timedelta(minutes=1)))
        highest = wall if highest is None else max(highest, wall)
        if due and moment > start:
            found.append(moment)
        moment += timedelta(minutes=1)
    return found


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(AROUND), time_fields(59), time_fields(23), st.integers(0, 600))
def test_no_slot_around_a_clock_change_is_skipped_or_doubled(
    around: tuple[str, str],
    minute: tuple[str, frozenset[int]],
    hour: tuple[str, frozenset[int]],
    before: int,
) -> None:
    zone = ZoneInfo(around[0])
    start = datetime.fromisoformat(around[1]).replace(tzinfo=UTC) - timedelta(minutes=before)
    end = start + timedelta(hours=26)
    fixed = not minute[0].startswith("*") and not hour[0].startswith("*")
    expected = oracle(fixed, minute[1], hour[1], zone, start, end)
    cron = parse(f"{minute[0]} {hour[0]} * * *")
    assert slots(cron, start, zone, len(expected)) == expected
    beyond = cron.next_after(expected[-1] if expected else start, zone)
    assert beyond is None or beyond > end
    back: list[datetime] = []
    moment = end + timedelta(microseconds=1)
    while (found := cron.previous_before(moment, zone)) is not None and found > start:
        back.append(found)
        moment = found
    assert back[::-1] == expected


@st.composite
def day_fields(draw: st.DrawFn, low: int, high: int) -> str:
    first = draw(st.integers(low, high - 1))
    last = draw(st.integers(first + 1, high))
    step = draw(st.integers(1, 9))
    return draw(st.sampled_from(["*", f"*/{step}", f"{first}", f"{first},{last}", f"{first}-{last}/{step}"]))


@settings(max_examples=100, deadline=None)
@given(
    time_fields(59),
    time_fields(23),
    day_fields(1, 28),
    day_fields(1, 12),
    day_fields(0, 6),
    st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2090-01-01")),
)
def test_cronsim_gives_the_same_slots_where_no_clock_changes(
    minute: tuple[str, object], hour: tuple[str, object], day: str, month: str, weekday: str, start: datetime
) -> None:
    expression = f"{minute[0]} {hour[0]} {day} {month} {weekday}"
    moment = start.replace(tzinfo=UTC)
    other = CronSim(expression, moment)
    assert slots(parse(expression), moment, ZoneInfo("UTC"), 4) == [next(other) for _ in range(4)]
