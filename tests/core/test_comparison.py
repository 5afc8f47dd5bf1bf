"""What is different about a run that went wrong; and how long runs usually take."""

from __future__ import annotations

import pytest

from cronapp.core.code import Environment, code_of
from cronapp.core.comparison import Change, alike, args_changes, changes, environment_changes, source_diff
from cronapp.core.usual import usual_of

BEFORE = "def fetch(shop):\n    a = 1\n    b = 2\n    c = 3\n    d = 4\n    return load(shop)\n"


def test_two_sources_differ_line_by_line() -> None:
    now = BEFORE.replace("return load(shop)", "shop = shop.lower()\n    return load(shop)")
    assert [(line.mark, line.number, line.text) for line in source_diff(BEFORE, now)] == [
        ("@", None, ""),
        (" ", 3, "    b = 2"),
        (" ", 4, "    c = 3"),
        (" ", 5, "    d = 4"),
        ("+", 6, "    shop = shop.lower()"),
        (" ", 7, "    return load(shop)"),
    ]
    assert source_diff(BEFORE, BEFORE) == ()


def test_lines_that_are_gone_keep_their_old_numbers() -> None:
    told = source_diff(BEFORE, BEFORE.replace("    a = 1\n", "").replace("c = 3", "c = 33"))
    assert [(line.mark, line.number) for line in told if line.mark in "+-"] == [("-", 2), ("-", 4), ("+", 3)]


def test_a_huge_function_gives_a_bounded_difference() -> None:
    old, new = ("\n".join(f"{word} {n}" for n in range(100_000)) for word in ("old", "new"))
    assert len(source_diff(old, new)) <= 400


def test_packages_that_came_went_and_changed_are_told_by_name() -> None:
    before = Environment(python="3.11", packages={"httpx": "0.27", "gone": "1"}, files={"tasks.py": "a"})
    now = Environment(python="3.12", packages={"httpx": "0.28", "new": "2"}, files={"tasks.py": "b"})
    told = environment_changes(before, now)
    assert told["environment"] == "changed"
    assert told["packages"] == (Change("gone", "1", None), Change("httpx", "0.27", "0.28"), Change("new", None, "2"))
    assert told["python"] == Change("Python", "3.11", "3.12")
    assert told["files"] == (Change("tasks.py", "a", "b"),)
    assert environment_changes(before, now, without="/srv/shop/tasks.py")["files"] == ()
    assert environment_changes(before, before)["environment"] == "same"
    assert environment_changes(None, now) == {"environment": "unknown"}


def test_a_secret_that_changed_is_told_without_its_value() -> None:
    told = args_changes({"token": "a", "day": 1}, {"token": "b", "day": 1}, {"token": "***"}, {"token": "***"})
    assert told == (Change("token", "***", "***"),)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("done", "done", True),
        ("12 rows", "0 rows", False),
        ("status 200", "status 500", False),
        ("stored in 1.25 s", "stored in 900ms", True),
        ("2026-03-02T12:00:00.123Z start", "2026-03-03 04:10:09 start", True),
        ("at 12:00:01 start", "at 13:10:00 start", True),
        ("<Shop at 0x7f00aa>", "<Shop at 0x7f1112>", True),
        ("job 0b1c2d3e-1111-2222-3333-444455556666", "job ffffffff-1111-2222-3333-444455556666", True),
    ],
)
def test_log_lines_are_alike_when_only_times_and_addresses_differ(one: str, other: str, same: bool) -> None:
    assert alike(one, other) is same


def test_the_same_code_has_the_same_hashes_and_no_source_has_none() -> None:
    environment = Environment(python="3.11", packages={"a": "1", "b": "2"})
    again = Environment(python="3.11", packages={"b": "2", "a": "1"})
    assert code_of(BEFORE, environment).keys == code_of(BEFORE, again).keys
    assert code_of(BEFORE + "#", environment).source != code_of(BEFORE, environment).source
    assert code_of("", environment).source is None


def test_changes_of_nothing_are_none() -> None:
    assert changes({"a": 1}, {"a": 1}) == ()


def test_what_is_usual_is_the_median_of_the_newest_and_few_runs_make_none_slow() -> None:
    assert usual_of([]) is None
    few = usual_of([1.0, 2.0])
    assert few is not None
    assert (few.median, few.p95, few.limit, few.source) == (1.5, 2, None, "of the last 2")
    usual = usual_of([10.0] * 18 + [12.0, 60.0] + [1000.0] * 30)
    assert usual is not None
    assert (usual.median, usual.p95, usual.source) == (10, 12, "of the last 20")
    assert usual.limit == 12.5
    quick = usual_of([0.01, 0.02, 0.03])
    assert quick is not None
    assert quick.limit == 1.02, "a run of milliseconds is not slow for taking some more"
