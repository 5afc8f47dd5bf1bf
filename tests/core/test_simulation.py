"""The simulation says what the trigger will do: slot by slot, how often, old against new, and what may surprise."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronapp.core.models import (
    CronSchedule,
    IntervalSchedule,
    ManualSchedule,
    OnceSchedule,
    Overlap,
    Schedule,
)
from cronapp.core.simulation import Changes, Mark, simulate
from cronapp.core.triggers import Trigger, clock_notes, slots_between, trigger_of

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
FAR = datetime(2300, 1, 1, tzinfo=UTC)


def cron(expression: str, timezone: str = "Europe/Berlin") -> CronSchedule:
    return CronSchedule(expression=expression, timezone=timezone)


def every(period: str, timezone: str = "Europe/Berlin") -> IntervalSchedule:
    return IntervalSchedule(every=period, anchor=datetime(2026, 1, 31, 1, 30, tzinfo=UTC), timezone=timezone)


def once(at: datetime) -> OnceSchedule:
    return OnceSchedule(at=at, timezone="Europe/Berlin")


def trigger(*schedules: Schedule, **window: datetime) -> Trigger:
    return trigger_of(schedules, **window)


# -- slots and words ------------------------------------------------------------------------------------------------


def test_it_tells_the_words_and_the_next_slots_strictly_after_the_moment() -> None:
    told = simulate(trigger(cron("0 13 * * *")), now=NOW, count=3)
    assert told.words == "At 13:00 every day"
    assert [slot.at for slot in told.slots] == [NOW + timedelta(days=n) for n in (1, 2, 3)]
    assert (told.changes, told.notes, told.warnings) == (None, (), ())


def test_a_slot_that_a_blackout_covers_says_why() -> None:
    def covered(moment: datetime) -> str | None:
        return "Christmas" if moment.day == 27 else None

    told = simulate(trigger(cron("0 9 * * *")), now=NOW, count=2, covered=covered)
    assert [slot.refused for slot in told.slots] == ["Christmas", None]
    assert told.warnings == ()


def test_when_all_slots_shown_are_blacked_out_it_warns() -> None:
    told = simulate(trigger(cron("0 9 * * *")), now=NOW, count=4, covered=lambda _: "Holidays")
    assert told.warnings == ("All 4 slots shown are within a blackout, so none runs.",)


@pytest.mark.parametrize("schedule", [ManualSchedule(), cron("@reboot")])
def test_what_promises_no_moment_has_no_slots_and_no_warning(schedule: Schedule) -> None:
    told = simulate(trigger(schedule), now=NOW)
    assert (told.slots, told.per_day, told.notes, told.warnings) == ((), "", (), ())


def test_a_schedule_that_is_over_says_so() -> None:
    told = simulate(trigger(cron("0 0 0 1 1 * 2025")), now=NOW)
    assert (told.slots, told.per_day) == ((), "")
    assert told.warnings == ("There is no further slot, so this would never run.",)


def test_a_schedule_that_ends_within_what_is_shown_names_its_last_slot() -> None:
    ending = trigger(cron("0 9 * * *"), ends_at=datetime(2026, 11, 29, tzinfo=UTC))
    for count in (2, 5):
        told = simulate(ending, now=NOW, count=count, zone=BERLIN)
        assert told.warnings == ("The last slot is 28 November 2026 at 09:00 (Europe/Berlin).",)
    assert simulate(ending, now=NOW, count=1).warnings == ()
    assert simulate(trigger(once(NOW + timedelta(days=1))), now=NOW).warnings == ()


# -- how often ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedules", "words"),
    [
        ((cron("*/5 * * * *"),), "288 runs a day"),
        ((cron("* * * * * *"),), "86,400 runs a day"),
        ((cron("0 3 * * *"),), "1 run a day"),
        ((cron("0 9 * * mon-fri"),), "5 runs a week"),
        ((cron("*/15 9-16 * * mon-fri"),), "160 runs a week"),
        ((cron("0 0 1 * *"),), "1 run a month"),
        ((cron("0 9 1-28 * *"),), "28 runs a month"),
        ((cron("0 9 * * mon#1,mon#2,mon#3"),), "3 runs a month"),
        ((cron("0 0 31 * *"),), "7 runs a year"),
        ((cron("0 0 24 12 *"),), "1 run a year"),
        ((cron("0 0 29 2 *"),), "less than 1 run a year"),
        ((cron("0 12 * 12 *"),), "31 runs a year"),
        ((cron("0 0 0 1 1 * 2030"),), "1 run in all"),
        ((cron("0 0 0 * * * 2198"),), "365 runs in all"),
        ((every("1s"),), "86,400 runs a day"),
        ((every("7m"),), "about 206 runs a day"),
        ((every("1d"),), "1 run a day"),
        ((every("1w"),), "1 run a week"),
        ((every("2w"),), "about 26 runs a year"),
        ((every("1mo"),), "1 run a month"),
        ((every("1y"),), "1 run a year"),
        ((once(NOW + timedelta(days=3)),), "1 run in all"),
        ((cron("0 9 * * *"), cron("0 9 * * mon")), "1 run a day"),
        ((cron("0 9 * * *"), cron("0 10 * * mon")), "8 runs a week"),
        ((cron("* * * * * *"), every("1s")), "up to 172,800 runs a day"),
    ],
)
def test_it_says_how_often_it_runs(schedules: tuple[Schedule, ...], words: str) -> None:
    for months in range(0, 14, 3):  # whether a clock change is near or not
        now = NOW + timedelta(days=30 * months)
        assert simulate(trigger(*schedules), now=now, zone=BERLIN).per_day == words or words.endswith("in all"), now
    assert simulate(trigger(*schedules), now=NOW, zone=BERLIN).per_day == words


def test_a_schedule_with_an_end_is_counted_by_it_only_when_that_is_near() -> None:
    for days, words in ((2, "576 runs in all"), (400, "288 runs a day")):
        ending = trigger(cron("*/5 * * * *"), ends_at=NOW + timedelta(days=days))
        assert simulate(ending, now=NOW, zone=BERLIN).per_day == words


# -- old against new ------------------------------------------------------------------------------------------------


def edit(new: Trigger, old: Trigger, **more: Any) -> Changes:
    changes = simulate(new, now=NOW, zone=BERLIN, old=old, **more).changes
    assert changes is not None
    return changes


def marks(changes: Changes) -> list[tuple[str, str | None]]:
    return [(f"{slot.at.astimezone(BERLIN):%d %H:%M}", slot.mark) for slot in changes.slots]


def test_an_edit_shows_what_comes_new_what_falls_away_and_what_stays_in_one_list() -> None:
    changes = edit(trigger(cron("0 3,9 * * *")), trigger(cron("0 3,4 * * *")), count=3)
    assert marks(changes) == [
        ("27 03:00", Mark.KEPT),
        ("27 04:00", Mark.GONE),
        ("27 09:00", Mark.NEW),
        ("28 03:00", Mark.KEPT),
    ]
    assert (changes.new, changes.gone) == (1, 1)
    assert changes.sentence == (
        "The next run stays 27 November 2026 at 03:00 (Europe/Berlin); "
        "of the next 3 slots 1 is new, and an old one falls away."
    )


def test_an_edit_that_moves_no_slot_says_so() -> None:
    changes = edit(trigger(cron("0 3 * * *")), trigger(every("1d"), cron("0 3 * * *"), ends_at=NOW), count=10)
    assert changes.sentence.startswith("No run was ahead; now the next one is 27 November 2026 at 03:00")
    same = edit(trigger(cron("0 3 * * *")), trigger(cron("00 03 * * 0-7")))
    assert same.sentence == "No slot of the next 10 changes."
    assert {slot.mark for slot in same.slots} == {Mark.KEPT}


@pytest.mark.parametrize(
    ("new", "old", "sentence"),
    [
        (
            trigger(once(NOW + timedelta(days=2))),
            trigger(once(NOW + timedelta(days=1))),
            "The next run moves from 27 November 2026 at 13:00 to 28 November 2026 at 13:00 (Europe/Berlin).",
        ),
        (
            trigger(cron("0 9 * * *")),
            trigger(cron("0 3 * * *")),
            "The next run moves from 27 November 2026 at 03:00 to 27 November 2026 at 09:00 (Europe/Berlin); "
            "of the next 10 slots all are new, and 10 old ones fall away.",
        ),
        (
            trigger(ManualSchedule()),
            trigger(cron("0 3 * * *")),
            "The next run, 27 November 2026 at 03:00 (Europe/Berlin), falls away like all others.",
        ),
        (
            trigger(cron("0 3 * * *")),
            trigger(ManualSchedule()),
            "No run was ahead; now the next one is 27 November 2026 at 03:00 (Europe/Berlin).",
        ),
        (trigger(ManualSchedule()), trigger(cron("@reboot")), "No run was ahead, and none is."),
        (trigger(once(FAR)), trigger(once(FAR)), "The only slot ahead stays."),
    ],
)
def test_what_becomes_of_the_next_run_is_one_sentence(new: Trigger, old: Trigger, sentence: str) -> None:
    assert edit(new, old).sentence == sentence


def test_of_many_slots_that_fall_away_the_first_are_shown_and_a_thousand_are_counted() -> None:
    changes = edit(trigger(cron("0 0 1 1 *")), trigger(cron("* * * * * *")), count=3)
    assert [slot.mark for slot in changes.slots] == [Mark.GONE] * 3 + [Mark.KEPT] * 3
    assert changes.gone == 1000
    assert changes.sentence.endswith("(Europe/Berlin); 1,000 or more old ones fall away.")


SPARSE = ["0 3 * * *", "30 2 * * sun", "0 9,21 * * *", "0 0 1 * *", "15 2 * * mon-fri", "0 4 13 * fri"]
ZONES = ["UTC", "Europe/Berlin", "Africa/Casablanca", "Australia/Lord_Howe", "Pacific/Apia", "Antarctica/Troll"]


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(SPARSE),
    st.sampled_from(SPARSE),
    st.sampled_from(ZONES),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
    st.integers(1, 15),
)
def test_old_against_new_agrees_with_a_walk_through_both(
    new: str, old: str, zone: str, other: str, start: datetime, count: int
) -> None:
    now, after, before = start.replace(tzinfo=UTC), trigger(cron(new, zone)), trigger(cron(old, other))
    told = simulate(after, now=now, count=count, zone=BERLIN, old=before)
    assert told.changes is not None
    ahead = slots_between(after, now, FAR, count)
    behind = slots_between(before, now, ahead[-1], 100_000)
    assert [slot.at for slot in told.slots] == ahead
    assert [slot.at for slot in told.changes.slots if slot.mark is not Mark.GONE] == ahead
    assert {slot.at for slot in told.changes.slots if slot.mark is Mark.NEW} == set(ahead) - set(behind)
    gone = [slot for slot in behind if slot not in ahead]
    assert [slot.at for slot in told.changes.slots if slot.mark is Mark.GONE] == gone[:count]
    assert [slot.at for slot in told.changes.slots] == sorted(slot.at for slot in told.changes.slots)
    assert told.changes.gone == len(gone)


# -- clock changes --------------------------------------------------------------------------------------------------


def walked_days(found: Trigger, name: str, now: datetime) -> set[date]:
    """The days of a year on which the wall clock of the zone, or the slots, are not as on other days."""
    where, days, moment = ZoneInfo(name), set(), now
    while moment < now + timedelta(days=366):
        wall = found.wall_after(moment)
        slot = found.next_after(moment)
        assert wall is not None
        assert slot is not None
        first, second = (wall[0].replace(tzinfo=where, fold=fold).utcoffset() for fold in (0, 1))
        if first != second and slot <= now + timedelta(days=366):
            days.add(wall[0].date())
        moment = slot
    return days


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["30 2 * * *", "15 2 * * *", "45 1 * * sun", "0,30 1-3 * * *", "0 0 * * *", "59 23 * * sat"]),
    st.sampled_from([*ZONES, "America/New_York", "Asia/Gaza"]),
    st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
)
def test_the_clock_changes_of_a_year_agree_with_a_walk_through_its_slots(
    expression: str, name: str, start: datetime
) -> None:
    now = start.replace(tzinfo=UTC)
    found = trigger(cron(expression, name))
    told = simulate(found, now=now, count=1).notes
    days = {datetime.strptime(" ".join(note.split()[:3]).rstrip(":"), "%d %B %Y").date() for note in told}  # noqa: DTZ007
    # Within the repeated hour of the first moment, and at the very end, the walk sees less.
    near = {now.astimezone(ZoneInfo(name)).date(), (now + timedelta(days=366)).astimezone(ZoneInfo(name)).date()}
    assert days - near == walked_days(found, name, now) - near


@pytest.mark.parametrize(
    ("schedule", "start", "notes"),
    [
        (
            cron("* * * * * *", "Africa/Casablanca"),
            datetime(2026, 11, 26, tzinfo=UTC),
            (
                "7 February 2027: 02:00 to 03:00 happens twice in Africa/Casablanca, runs both times",
                "14 March 2027: 02:00 to 03:00 does not exist in Africa/Casablanca, nothing runs in it",
            ),
        ),
        (
            cron("15 2 * * *", "Australia/Lord_Howe"),
            datetime(2026, 11, 26, tzinfo=UTC),
            ("3 October 2027: 02:15 does not exist in Australia/Lord_Howe, runs at 02:30",),
        ),
        (
            cron("0 12 * * *", "Pacific/Apia"),
            datetime(2011, 6, 1, tzinfo=UTC),
            ("30 December 2011 is left out in Pacific/Apia, nothing runs on it",),
        ),
        (
            cron("30 1,2 * * *", "Antarctica/Troll"),
            datetime(2026, 11, 26, tzinfo=UTC),
            (
                "28 March 2027: 01:00 to 03:00 does not exist in Antarctica/Troll, runs once at 03:00",
                "31 October 2027: 01:00 to 03:00 happens twice in Antarctica/Troll, runs the first time only",
            ),
        ),
        (every("24h"), datetime(2026, 11, 26, tzinfo=UTC), ()),
    ],
)
def test_odd_zones_are_told_rightly(schedule: Schedule, start: datetime, notes: tuple[str, ...]) -> None:
    assert simulate(trigger(schedule), now=start, count=3).notes == notes


def test_of_several_schedules_each_is_told_in_the_order_of_the_changes() -> None:
    found = trigger(cron("30 2 * * *"), cron("30 2 * * *", "America/New_York"))
    days = [note.split(":")[0] for note in simulate(found, now=NOW).notes]
    assert days == ["14 March 2027", "28 March 2027", "31 October 2027"]


# -- runs that meet -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overlap", "ending"),
    [
        (Overlap.SKIP, "runs will overlap, and the rule says skip."),
        (Overlap.QUEUE, "runs will overlap, and the rule lets one wait and skips the others."),
        (Overlap.QUEUE_ALL, "runs will overlap, and the rule lets all of them wait, so the line may grow."),
        (Overlap.CANCEL_RUNNING, "runs will overlap, and the rule cancels the one that is running."),
    ],
)
def test_runs_that_take_longer_than_the_shortest_gap_are_foretold(overlap: Overlap, ending: str) -> None:
    found = trigger(cron("0,30,40 9 * * *"))
    told = simulate(found, now=NOW, count=2, usual=840, overlap=overlap)
    assert told.warnings == (f"A run usually takes 14 min and the shortest gap is 10 min: {ending}",)
    for usual in (None, 600):
        assert simulate(found, now=NOW, usual=usual, overlap=overlap).warnings == ()


def test_runs_side_by_side_are_foretold_only_when_there_are_more_than_may_be() -> None:
    found = trigger(cron("*/10 * * * *"))
    many = {"now": NOW, "usual": 840.0, "overlap": Overlap.ALLOW}
    assert simulate(found, max_running=2, **many).warnings == ()
    assert simulate(found, max_running=1, **many).warnings == (
        "A run usually takes 14 min and the shortest gap is 10 min: "
        "runs will overlap, and the rule skips those beyond.",
    )
    assert simulate(found, max_running=3, **(many | {"usual": 1860.0})).warnings == (
        "A run usually takes 31 min and 4 slots come within 30 min: "
        "more than 3 runs will meet, and the rule skips those beyond.",
    )


def test_a_jitter_as_long_as_the_shortest_gap_is_warned_of() -> None:
    found = trigger(cron("*/10 * * * *"))
    assert simulate(found, now=NOW, jitter=599).warnings == ()
    assert simulate(found, now=NOW, jitter=600).warnings == (
        "The jitter is up to 10 min and the shortest gap 10 min: a run may start after that of the next slot.",
    )


# -- bounds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ZONES, "Asia/Gaza", "Pacific/Kwajalein"])
@pytest.mark.parametrize(
    "schedules",
    [
        ("* * * * * *",),
        ("0 0 29 2 *",),
        ("0 0 0 * * * 2199",),
        ("* * * * * *", "*/7 * * * * *", "0 0 29 2 mon#1"),
    ],
)
def test_the_work_is_bounded_however_dense_or_rare_the_slots_are(schedules: tuple[str, ...], name: str) -> None:
    new, old = trigger(*(cron(text, name) for text in schedules)), trigger(cron("* * * * * *"), every("1s"))
    begun = time.process_time()
    told = simulate(new, now=datetime(2011, 11, 1, tzinfo=UTC), zone=ZoneInfo(name), old=old, usual=3.0)
    assert time.process_time() - begun < 0.5
    assert told.changes is not None
    assert len(told.changes.slots) <= 20


def test_a_long_stretch_of_clock_changes_ends_after_ten_years() -> None:
    notes = clock_notes(trigger(cron("30 2 * * *")), NOW, FAR)
    assert 19 <= len(notes) <= 21
