"""What somebody asks the event stream for, and the place at which they go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cronapp.core.errors import InvalidInput
from cronapp.core.feed import MARGIN, MOST, Place, Topics, place_of, topics_of

NOW = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "topics"),
    [
        (["jobs"], Topics(jobs=True)),
        (["runs, jobs", "jobs"], Topics(jobs=True, runs=True)),
        (["job:a.b-c_1,job:jobs", "run:7"], Topics(of_jobs=("a.b-c_1", "jobs"), lines={7: 0})),
        (["run:7@41,run:8@0,"], Topics(lines={7: 41, 8: 0})),
        ([",".join(f"run:{n}" for n in range(MOST))], Topics(lines=dict.fromkeys(range(MOST), 0))),
    ],
)
def test_topics_stand_there_with_commas_or_one_by_one(asked: list[str], topics: Topics) -> None:
    assert topics_of(asked) == topics


@pytest.mark.parametrize(
    "asked",
    [
        [],
        ["", " , "],
        ["job"],
        ["job:"],
        ["job:a b"],
        ["jobs:a"],
        ["run:"],
        ["run:x"],
        ["run:-1"],
        ["run:٣"],
        ["run:1@"],
        ["run:" + "9" * 19],
        ["run:1@" + "9" * 10],
        ["JOBS"],
        ["overview"],
        [",".join(f"run:{n}" for n in range(MOST + 1))],
    ],
    ids=str,
)
def test_what_is_no_topic_is_refused_in_words(asked: list[str]) -> None:
    with pytest.raises(InvalidInput) as wrong:
        topics_of(asked)
    assert list(wrong.value.errors) == ["topics"]
    assert wrong.value.errors["topics"].endswith(".")


@pytest.mark.parametrize("place", [Place(NOW), Place(NOW, {812: 41}), Place(NOW, {812: 0, 7: 999_999_999})])
def test_a_place_is_read_as_it_was_written(place: Place) -> None:
    assert place_of(str(place), "after") == place
    assert str(place).isascii()
    assert " " not in str(place)


@pytest.mark.parametrize("text", ["x", "-1", "1.", "1.2", "1.2-", "1.2-3x", "1 ", "9" * 18, "1" + ".1-1" * 1000, "٣"])
def test_what_is_no_place_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidInput, match="no place in the stream"):
        place_of(text, "after")


@pytest.mark.parametrize(
    ("moment", "kept"),
    [
        (NOW, True),
        (NOW - timedelta(days=89), True),
        (NOW - timedelta(days=90), False),
        (datetime(1970, 1, 1, tzinfo=UTC), False),
        (NOW + MARGIN, True),
        (NOW + timedelta(hours=1), False),
    ],
)
def test_a_place_is_good_as_long_as_it_is_known_what_changed_since(moment: datetime, kept: bool) -> None:
    assert Place(moment).is_kept(NOW, days=90) is kept
    assert place_of("1", "after").since == datetime(1970, 1, 1, tzinfo=UTC)
