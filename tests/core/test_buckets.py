"""How often somebody may do something."""

from __future__ import annotations

import pytest

from cronapp.core.addresses import place_of
from cronapp.core.buckets import Buckets


def test_a_bucket_is_emptied_at_once_and_fills_up_with_time() -> None:
    buckets = Buckets(rate=2, size=3)
    assert [buckets.take("ada", 0.0) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("ada", 0.0) == buckets.wait("ada", 0.0) == 0.5
    assert buckets.take("bob", 0.0) == 0, "each has a bucket of their own"
    assert buckets.take("ada", 0.5) == 0
    assert buckets.take("ada", 0.5) == 0.5
    assert [buckets.take("ada", 60.0) for _ in range(4)] == [0, 0, 0, 0.5], "it never holds more than it did at first"


def test_a_clock_that_is_set_back_neither_fills_nor_empties_a_bucket() -> None:
    buckets = Buckets(rate=1, size=1)
    assert buckets.take("ada", 100.0) == 0
    assert buckets.take("ada", 50.0) == 1


def test_without_a_rate_there_is_no_limit() -> None:
    buckets = Buckets(rate=0, size=1)
    assert {buckets.take("ada", 0.0) for _ in range(100)} == {0.0}


def test_only_so_many_buckets_are_kept() -> None:
    buckets = Buckets(rate=1, size=1, most=2)
    for name in ("ada", "bob", "cyd"):
        assert buckets.take(name, 0.0) == 0
    assert buckets.wait("cyd", 0.0) == buckets.wait("bob", 0.0) == 1
    assert buckets.wait("ada", 0.0) == 0, "whoever did nothing for the longest time is forgotten"


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("<local>", "<local>"),
        ("", ""),
    ],
)
def test_whoever_has_a_network_is_one_place(address: str, place: str) -> None:
    assert place_of(address) == place
