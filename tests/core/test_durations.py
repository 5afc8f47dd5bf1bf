import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronapp.core.durations import Period, duration_words, parse_duration, parse_every


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (600, 600),
        (0, 0),
        (0.25, 0.25),
        ("600", 600),
        ("10m", 600),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("1.5h", 5400),
        ("1d", 86400),
        ("2w", 1209600),
        ("90s", 90),
        ("250ms", 0.25),
        (" 10 Minutes ", 600),
        ("1 hour and 5 minutes", 3900),
        ("1 day, 2 hours", 93600),
    ],
)
def test_a_duration_is_read_as_people_write_it(value: float | str, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        -1,
        "-5",
        "-5m",
        "",
        "  ",
        "abc",
        "10x",
        "m",
        "5m3",
        "1h-3m",
        "nan",
        "inf",
        float("nan"),
        float("inf"),
        "1mo",
        "1y",
    ],
)
def test_a_wrong_duration_is_refused_with_a_sentence(value: float | str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        parse_duration(value)


@pytest.mark.parametrize("value", [True, None, [], {}, "9" * 5000, 10**30, "1" + "0" * 40 + "d"])
def test_what_is_no_duration_at_all_is_refused_too(value: object) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        parse_duration(value)  # type: ignore[arg-type]


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert seconds >= 0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5400, "1 h 30 min"),
        (45, "45 s"),
        (0.74, "0.74 s"),
        (600, "10 min"),
        (0, "0 s"),
        (0.0012, "1.2 ms"),
        (12.34, "12.3 s"),
        (59.99, "1 min"),
        (90, "1 min 30 s"),
        (86400, "1 d"),
        (90061, "1 d 1 h"),
        (3601, "1 h"),
        (-60, "-1 min"),
    ],
)
def test_a_duration_in_words_has_its_two_largest_units(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


@pytest.mark.parametrize(
    ("value", "period", "words"),
    [
        (900, Period(seconds=900), "15 minutes"),
        ("15m", Period(seconds=900), "15 minutes"),
        ("15 minutes", Period(seconds=900), "15 minutes"),
        ("every 15 minutes", Period(seconds=900), "15 minutes"),
        ("90s", Period(seconds=90), "1 minute 30 seconds"),
        ("24h", Period(seconds=86400), "24 hours"),
        ("1h30m", Period(seconds=5400), "90 minutes"),
        ("1.5", Period(seconds=1.5), "1.5 seconds"),
        ("1d", Period(days=1), "1 day"),
        ("day", Period(days=1), "1 day"),
        ("days", Period(days=1), "1 day"),
        ("2w", Period(days=14), "2 weeks"),
        ("10d", Period(days=10), "10 days"),
        ("1mo", Period(months=1), "1 month"),
        ("month", Period(months=1), "1 month"),
        ("1y", Period(months=12), "1 year"),
        ("1y6mo", Period(months=18), "18 months"),
    ],
)
def test_an_interval_is_elapsed_or_calendar_time(value: float | str, period: Period, words: str) -> None:
    assert parse_every(value) == period
    assert parse_every(value).words() == words


@pytest.mark.parametrize(
    "value", [0, -5, 0.5, "0s", "-1h", "250ms", "1mo3h", "1d12h", "1.5d", "0.5mo", "101y", "", "often", "9" * 59, True]
)
def test_an_interval_without_a_single_meaning_is_refused(value: float | str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        parse_every(value)
