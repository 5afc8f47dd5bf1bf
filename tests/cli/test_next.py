"""`cronapp next EXPR [--tz ZONE] [--from MOMENT] [-n 5]`: words, slots, clock changes and warnings; or why not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import Result
from typer.testing import CliRunner

from cronapp.cli import command_line

BERLIN = ("--tz", "Europe/Berlin")


def told(*args: str) -> Result:
    return CliRunner().invoke(command_line("next"), ["next", *args])


def lines(*args: str) -> list[str]:
    result = told(*args)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.splitlines()


def test_it_tells_the_words_and_five_slots_in_the_zone() -> None:
    assert lines("0 9 * * mon-fri", *BERLIN, "--from", "2026-01-02") == [
        "At 09:00, Monday to Friday",
        "2026-01-02T09:00:00+01:00",
        "2026-01-05T09:00:00+01:00",
        "2026-01-06T09:00:00+01:00",
        "2026-01-07T09:00:00+01:00",
        "2026-01-08T09:00:00+01:00",
    ]


def test_without_a_zone_and_a_moment_it_is_utc_and_now() -> None:
    before = datetime.now(UTC)
    words, *slots = lines("* * * * *")
    assert words == "Every minute"
    assert len(slots) == 5
    assert before < datetime.fromisoformat(slots[0]) <= datetime.now(UTC) + timedelta(minutes=1)
    assert all(slot.endswith("+00:00") for slot in slots)


def test_slots_are_strictly_after_the_moment_and_as_many_as_asked_for() -> None:
    assert lines("0 9 * * *", "--from", "2026-01-02T09:00Z", "-n", "1")[1:] == ["2026-01-03T09:00:00+00:00"]
    assert len(lines("0 9 * * *", "--from", "2026-01-02", "-n", "30")) == 31


def test_a_moment_with_an_offset_is_that_instant_and_one_without_is_in_the_zone() -> None:
    assert lines("0 * * * *", *BERLIN, "-n", "1", "--from", "2026-01-02T09:30") == lines(
        "0 * * * *", *BERLIN, "-n", "1", "--from", "2026-01-02T08:30:00Z"
    )


@pytest.mark.parametrize(
    ("text", "words", "slots"),
    [
        ("every 15m", "Every 15 minutes", ["2026-03-28T09:15:00+01:00", "2026-03-28T09:30:00+01:00"]),
        ("Every 2 hours", "Every 2 hours", ["2026-03-28T11:00:00+01:00", "2026-03-28T13:00:00+01:00"]),
        ("every day", "Every day at 09:00", ["2026-03-29T09:00:00+02:00", "2026-03-30T09:00:00+02:00"]),
        ("every 24h", "Every 24 hours", ["2026-03-29T10:00:00+02:00", "2026-03-30T10:00:00+02:00"]),
    ],
)
def test_an_interval_is_counted_from_the_moment(text: str, words: str, slots: list[str]) -> None:
    assert lines(text, *BERLIN, "--from", "2026-03-28T09:00", "-n", "2")[:3] == [words, *slots]


def test_a_clock_change_and_what_may_surprise_are_said_after_the_slots() -> None:
    assert lines("30 2 * * *", *BERLIN, "--from", "2026-03-28", "-n", "2")[1:] == [
        "2026-03-28T02:30:00+01:00",
        "2026-03-29T03:00:00+02:00",
        "29 March 2026: 02:30 does not exist in Europe/Berlin, runs at 03:00",
        "25 October 2026: 02:30 happens twice in Europe/Berlin, runs the first time only",
        "28 March 2027: 02:30 does not exist in Europe/Berlin, runs at 03:00",
    ]
    assert "either fits" in lines("0 0 1 * mon")[-1]


def test_a_schedule_that_ends_has_fewer_slots_and_says_so_when_there_is_none() -> None:
    assert lines("0 0 0 1 1 * 2027", "--from", "2026-01-01")[1:] == ["2027-01-01T00:00:00+00:00"]
    assert (
        lines("0 0 0 1 1 * 2027,2028", "--from", "2026-01-01")[-1] == "The last slot is 1 January 2028 at 00:00 (UTC)."
    )
    assert "no further slot" in lines("0 0 0 1 1 * 2027", "--from", "2028-01-01")[-1]


def test_a_job_at_reboot_has_words_and_no_slot() -> None:
    assert lines("@reboot") == ["When the server starts"]


def test_programs_get_it_as_json() -> None:
    result = told("30 2 * * sun", *BERLIN, "--from", "2026-03-29", "-n", "1", "--json")
    assert json.loads(result.stdout) == {
        "words": "At 02:30 on Sunday",
        "slots": ["2026-03-29T03:00:00+02:00"],
        "per_day": "1 run a week",
        "zone": "Europe/Berlin",
        "notes": [
            "29 March 2026: 02:30 does not exist in Europe/Berlin, runs at 03:00",
            "25 October 2026: 02:30 happens twice in Europe/Berlin, runs the first time only",
            "28 March 2027: 02:30 does not exist in Europe/Berlin, runs at 03:00",
        ],
        "warnings": [],
    }


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("61 * * * *",), "Minute"),
        (("* * * *",), "Five fields are expected"),
        (("0 0 30 2 *",), "never run"),
        (("every 0s",), "more than zero"),
        (("every 5 parsecs",), "parsecs"),
        (("every ",), "is not understood"),
        (("* * * * *", "--tz", "Europe/Berln"), "Did you mean Europe/Berlin?"),
        (("* * * * *", "--from", "tomorrow"), "2026-01-31T09:00"),
        (("* * * * *", "--tz", "Pacific/Apia", "--from", "2011-12-30T12:00"), "does not exist"),
        (("* * * * *", "--tz", "Pacific/Apia", "--from", "0001-01-01"), "between the years"),
        (("every 1mo", "--from", "9999-12-31T23:59"), "between the years"),
        (("* * * * *", "-n", "0"), "-n"),
    ],
)
def test_what_is_wrong_is_told_on_stderr_with_exit_status_2(args: tuple[str, ...], says: str) -> None:
    result = told(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr
