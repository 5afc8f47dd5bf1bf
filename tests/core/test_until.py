"""Until when somebody pauses, as people write it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cronapp.core.until import parse_until

NOW = datetime(2026, 3, 28, 1, 30, tzinfo=UTC)  # the day before the clocks of Berlin change
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", "2026-03-28T03:30Z"),
        (" 1h30m ", "2026-03-28T03:00Z"),
        ("90", "2026-03-28T01:31:30Z"),
        ("2026-04-01T09:00", "2026-04-01T07:00Z"),
        ("2026-04-01T09:00Z", "2026-04-01T09:00Z"),
        ("2026-04-01 09:00:30+01:00", "2026-04-01T08:00:30Z"),
        ("2026-04-01", "2026-03-31T22:00Z"),
        ("tomorrow", "2026-03-29T01:00Z"),  # 2:30 does not exist on that day
    ],
)
def test_moments_and_lengths_of_time_are_understood(text: str, moment: str) -> None:
    assert parse_until(text, NOW, BERLIN) == datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("soon", "is not understood"),
        ("2026-13-01T09:00", "no such moment"),
        ("2026-03-28T02:30", "has passed"),  # just now, in Berlin
        ("0s", "has passed"),
        ("9999-01-01", "between the years"),
        ("-2h", "is not understood"),
        ("", "is not understood"),
    ],
)
def test_what_is_no_moment_ahead_is_refused_in_a_sentence(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_until(text, NOW, BERLIN)
