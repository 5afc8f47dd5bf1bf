"""The same draw on every server, evenly spread."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronapp.core.draws import draw, jittered

SLOT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_the_same_seed_draws_the_same_number() -> None:
    assert draw("nightly/1") == draw("nightly/1") != draw("nightly/2")


def test_draws_are_spread_evenly_from_0_to_1() -> None:
    draws = sorted(draw(f"job-{n}") for n in range(1000))
    assert 0 <= draws[0] < 0.01
    assert 0.99 < draws[-1] < 1
    assert 0.45 < draws[500] < 0.55


def test_without_jitter_a_run_starts_at_once() -> None:
    assert jittered(SLOT, 0, "nightly") is None


def test_each_slot_of_each_job_gets_a_delay_of_its_own_within_the_jitter() -> None:
    slots = [SLOT + timedelta(days=n) for n in range(100)]
    starts = [jittered(slot, 60, "nightly") for slot in slots]
    delays = [(start - slot).total_seconds() for start, slot in zip(starts, slots, strict=True) if start]
    assert all(0 <= delay < 60 for delay in delays)
    assert len(set(delays)) == 100
    assert jittered(SLOT, 60, "nightly") != jittered(SLOT, 60, "hourly")


def test_the_zone_in_which_a_slot_is_told_does_not_matter() -> None:
    assert jittered(SLOT, 60, "nightly") == jittered(SLOT.astimezone(ZoneInfo("Asia/Tokyo")), 60, "nightly")
