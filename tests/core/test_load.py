"""The load forecast: what meets, what waits, and spreading it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recipes import a_spec

from cronapp.core.cron import later, parse
from cronapp.core.load import Bucket, Due, Places, Rules, buckets_of, coarser, course_of, crowds
from cronapp.core.models import CronSchedule, IntervalSchedule, OnceSchedule, Overlap
from cronapp.core.routing import Line
from cronapp.core.spread import LONGEST, Crowded, Proposal, spread
from cronapp.core.triggers import slots_between, trigger_of

MIDNIGHT = datetime(2026, 3, 3, tzinfo=UTC)
DAY = timedelta(days=1)


def at_once(count: int, takes: float = 60.0, at: float = 0.0) -> list[Due]:
    return [Due(at, takes, n) for n in range(count)]


def test_more_runs_than_places_wait_for_one_another_first_come_first_served() -> None:
    course = course_of(at_once(5), [Rules()] * 5, Places(2))
    assert list(course.start) == [0, 0, 60, 60, 120]
    (first, *_) = buckets_of(course, 600)
    assert first == Bucket(0, due=5, peak=5, waiting=3, held=3, longest=120)


def test_nobody_waits_where_there_is_room() -> None:
    course = course_of(at_once(5), [Rules()] * 5, Places(5))
    assert course.start == course.at
    assert [one.peak for one in buckets_of(course, 180)] == [5, 0, 0]


def test_a_run_that_goes_on_is_counted_in_each_minute_of_it() -> None:
    course = course_of([Due(30, 150, 0), Due(90, 30, 1)], [Rules()] * 2, Places(9))
    assert [one.peak for one in buckets_of(course, 300)] == [1, 2, 1, 0, 0]


def test_a_queue_and_a_group_have_places_of_their_own() -> None:
    slow = Line("slow")
    rules = [Rules(slow), Rules(slow), Rules(group="db"), Rules(group="db"), Rules()]
    course = course_of(at_once(5), rules, Places(9, queues={"slow": 1}, groups={"db": 1}))
    assert list(course.start) == [0, 60, 0, 60, 0]


def test_those_who_ask_for_labels_have_the_places_of_who_has_them() -> None:
    gpu = Line("default", "gpu")
    course = course_of(at_once(5), [Rules(gpu), Rules(gpu), Rules(), Rules(gpu), Rules()], Places(4, lines={gpu: 1}))
    assert list(course.start) == [0, 60, 0, 120, 0], "who asks for none is not behind them"


def test_what_runs_already_takes_a_place() -> None:
    course = course_of([Due(10, 60, 1)], [Rules(), Rules()], Places(1), [Due(0, 40, 0)])
    assert list(course.start) == [40]


@pytest.mark.parametrize(
    ("overlap", "starts", "skipped"),
    [
        (Overlap.SKIP, [0, 120], 2),
        (Overlap.QUEUE, [0, 90, 180], 1),
        (Overlap.QUEUE_ALL, [0, 90, 180, 270], 0),
        (Overlap.ALLOW, [0, 30, 120], 1),
    ],
)
def test_runs_of_one_job_meet_as_its_rule_says(overlap: Overlap, starts: list[float], skipped: int) -> None:
    rule = Rules(overlap=overlap, max_running=2 if overlap is Overlap.ALLOW else 1)
    course = course_of([Due(at, 90, 0) for at in (0, 30, 60, 120)], [rule], Places(9))
    assert (list(course.start), course.skipped) == (starts, skipped)


dues = st.lists(st.tuples(st.integers(0, 600), st.integers(1, 300), st.integers(0, 4)), max_size=40)


@given(dues, st.integers(1, 4))
def test_never_more_run_than_there_are_places_and_nobody_waits_for_nothing(
    given: list[tuple[int, int, int]], places: int
) -> None:
    ordered = [Due(float(at), float(takes), n) for n, (at, takes, _) in enumerate(sorted(given))]
    course = course_of(ordered, [Rules()] * len(ordered), Places(places))
    assert len(course.at) == len(ordered)
    edges = sorted([(at, 1) for at in course.start] + [(at, -1) for at in course.end], key=lambda one: (one[0], one[1]))
    running = 0
    for _, change in edges:
        running += change
        assert running <= places
    for at, start in zip(course.at, course.start, strict=True):
        if start > at:  # at the moment before its start all places were taken
            assert sum(begun < start <= end for begun, end in zip(course.start, course.end, strict=True)) == places


@given(dues)
def test_stretches_put_together_tell_the_same(given: list[tuple[int, int, int]]) -> None:
    ordered = [Due(float(at), float(takes), n) for n, (at, takes, _) in enumerate(sorted(given))]
    course = course_of(ordered, [Rules()] * len(ordered), Places(2))
    fine, coarse = buckets_of(course, 900), buckets_of(course, 900, 300)
    assert coarser(fine, 5) == coarse


def test_the_worst_moments_are_those_where_most_wait_and_lie_apart() -> None:
    minutes = [Bucket(n * 60.0) for n in range(60)]
    minutes[10] = Bucket(600, due=9, peak=9, waiting=5, held=5, longest=90)
    minutes[12] = Bucket(720, due=8, peak=9, waiting=5, held=4, longest=90)
    minutes[40] = Bucket(2400, due=20, peak=20)
    assert [one.at for one in crowds(minutes)] == [600, 2400]


# -- later -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "minutes", "moved"),
    [
        ("0 0 * * *", 7, "7 0 * * *"),
        ("@daily", 7, "7 0 * * *"),
        ("30 0 0 * * *", 7, "30 7 0 * * *"),
        ("0,30 * * * *", 4, "4,34 * * * *"),
        ("*/15 * * * *", 2, "2-59/15 * * * *"),
        ("55 3 * * mon-fri", 10, "5 4 * * mon-fri"),
        ("55 23 * * *", 10, None),  # another day
        ("55 * * * *", 10, None),  # hours that a number does not name
        ("0,55 3 * * *", 10, None),
        ("*/7 * * * *", 2, None),
        ("* * * * *", 1, None),
        ("H 0 * * *", 1, None),
        ("5-9 0 * * *", 1, None),
        ("@reboot", 1, None),
    ],
)
def test_an_expression_is_written_some_minutes_later_where_it_can_be(
    expression: str, minutes: int, moved: str | None
) -> None:
    assert later(expression, minutes) == moved


@given(
    st.sampled_from(["0 0 * * *", "*/20 * * * *", "10,40 */3 * * *", "50 5 * * 1", "59 22 1 * *"]), st.integers(1, 60)
)
def test_each_slot_of_a_moved_expression_is_so_much_later_on_the_same_day(expression: str, minutes: int) -> None:
    moved = later(expression, minutes)
    if moved is None:
        return
    old, new = (trigger_of([CronSchedule(expression=text)]) for text in (expression, moved))
    slots = slots_between(old, MIDNIGHT - DAY, MIDNIGHT + 40 * DAY, 50)
    shifted = [slot + timedelta(minutes=minutes) for slot in slots]
    assert slots_between(new, shifted[0] - timedelta(seconds=1), shifted[-1], 60) == shifted
    assert parse(moved)
    assert all(slot.date() == moved.date() for slot, moved in zip(slots, shifted, strict=True))


# -- spreading -------------------------------------------------------------------------------------------------------


def crowded(job: str, expression: str = "0 0 * * *", takes: float = 30.0, gap: timedelta = DAY) -> Crowded:
    spec = replace(a_spec(job), schedule=(CronSchedule(expression=expression),))
    return Crowded(spec=spec, slot=MIDNIGHT, following=MIDNIGHT + gap, takes=takes)


def test_forty_jobs_of_midnight_are_spread_evenly() -> None:
    found = spread([crowded(f"job-{n}") for n in range(40)], [], 9)
    per_minute = [sum(one.offset == minute for one in found) for minute in range(10)]
    assert per_minute == [4] * 10
    assert all(one.schedule == (CronSchedule(expression=f"{one.offset} 0 * * *"),) for one in found if one.offset)


crowd_of = st.lists(
    st.tuples(st.integers(1, 4000), st.sampled_from(["0 0 * * *", "0 * * * *", "0 */2 * * *", "0 0-5 * * *"])),
    min_size=1,
    max_size=30,
)


@given(crowd_of, st.lists(st.integers(0, 5), max_size=200), st.sampled_from([5, 10, 30, 60]))
def test_offsets_are_stable_within_the_room_and_never_make_more_meet(
    jobs: list[tuple[int, str]], others: list[int], within: int
) -> None:
    gaps = {"0 * * * *": timedelta(hours=1), "0 */2 * * *": timedelta(hours=2), "0 0-5 * * *": timedelta(hours=1)}
    crowd = [crowded(f"job-{n}", text, takes, gaps.get(text, DAY)) for n, (takes, text) in enumerate(jobs)]
    others = others[: within + LONGEST] + [0] * max(0, within + LONGEST - len(others))
    found = spread(crowd, others, within)
    assert found == spread(crowd[::-1], others, within)
    by_job = {one.job: one for one in found}
    before, after = [*others, *[0] * (within + LONGEST)], [*others, *[0] * (within + LONGEST)]
    for one in crowd:
        proposal = by_job[one.spec.id]
        assert 0 <= proposal.offset <= min(within, int((one.following - one.slot).total_seconds() * 0.15 // 60))  # type: ignore[operator]
        assert proposal.changes is (proposal.why is None)
        for minute in range(one.lasts):
            before[minute] += 1
            after[proposal.offset + minute] += 1
        if proposal.offset:
            trigger = trigger_of(proposal.applied(one.spec).schedule)
            assert trigger.next_after(MIDNIGHT) == MIDNIGHT + timedelta(minutes=proposal.offset)
    assert max(after) <= max(before)


def only(one: Crowded, within: int = 10) -> Proposal:
    return next(p for p in spread([one, crowded("another")], [], within) if p.job == one.spec.id)


def test_an_interval_gets_a_later_anchor() -> None:
    schedule = IntervalSchedule(every="6h", anchor=MIDNIGHT - DAY)
    jobs = [replace(crowded(f"i-{n}"), spec=replace(a_spec(f"i-{n}"), schedule=(schedule,))) for n in range(4)]
    moved = [one for one in spread(jobs, [], 10) if one.schedule]
    assert len(moved) == 3
    for one in moved:
        assert one.schedule == (replace(schedule, anchor=MIDNIGHT - DAY + timedelta(minutes=one.offset)),)


def test_what_cannot_be_moved_gets_jitter_or_a_reason() -> None:
    odd = only(crowded("odd", "0-10/5 0 * * *"))
    assert (odd.offset, odd.jitter) == (0, 600)
    assert "runs again after 5 min" in (only(crowded("often", "*/5 * * * *", gap=timedelta(minutes=5))).why or "")
    assert "id decides" in (only(crowded("hashed", "H 0 * * *")).why or "")
    once = replace(crowded("once"), spec=replace(a_spec("once"), schedule=(OnceSchedule(at=MIDNIGHT),)), following=None)
    assert "runs once" in (only(once).why or "")
    shaken = crowded("shaken", "0-10/5 0 * * *")
    assert "jitter" in (only(replace(shaken, spec=replace(shaken.spec, jitter=60))).why or "")


def test_a_job_does_not_move_to_another_day() -> None:
    late = replace(crowded("late", "58 23 * * *"), slot=MIDNIGHT - timedelta(minutes=2))
    assert {one.offset for one in spread([late, replace(late, spec=replace(late.spec, id="other"))], [], 60)} <= {0, 1}
