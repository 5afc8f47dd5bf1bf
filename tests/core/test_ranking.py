"""How well names fit what somebody typed."""

from __future__ import annotations

import pytest

from cronapp.core.ranking import EXACT, INSIDE, PREFIX, SCATTERED, WORD, best, rank


@pytest.mark.parametrize(
    ("typed", "name", "ranked"),
    [
        ("backup", "backup", EXACT),
        ("BackUp", "bACKup", EXACT),
        ("back", "backup-all", PREFIX),
        ("back", "nightly-backup", WORD),
        ("back", "nightly_backup", WORD),
        ("back", "ops.backup", WORD),
        ("ack", "nightly-backup", INSIDE),
        ("nb", "nightly-backup", SCATTERED),
        ("bn", "nightly-backup", None),
        ("backups", "backup", None),
    ],
)
def test_a_name_fits_exactly_at_its_start_at_a_word_inside_or_scattered(
    typed: str, name: str, ranked: int | None
) -> None:
    assert rank(typed, name) == ranked


def test_the_best_come_first_and_of_equals_the_shorter_and_then_the_earlier() -> None:
    names = ["the-run", "running", "r-u-n", "rerun", "runs", "turn", "run", "xrunx", "runt", "urn"]
    assert best("run", names, lambda name: (name,), 8) == [
        *("run", "runs", "runt", "running", "the-run", "rerun", "xrunx", "r-u-n")
    ]


def test_what_has_several_names_counts_by_the_one_that_fits_best() -> None:
    assert best("job", [("x", "a job"), ("new job",), ("job",)], lambda names: names, 2) == [("job",), ("x", "a job")]
