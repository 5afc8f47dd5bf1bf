"""Jobs: created, edited, paused, resumed, removed, sent twice, and held against the code they call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from recipes import BY_HAND, EACH_MINUTE, FAILED, HOURLY, NOW, SUCCEEDED, a_job, at, carry, states
from support import TASKS, TurnedClock

from cronapp.core.errors import Conflict, EditConflict, IdempotencyMismatch, InvalidInput, JobNotFound
from cronapp.core.events import CancelRequested, Event, JobChanged, RunChanged
from cronapp.core.models import IntervalSchedule, Job, JobState, RunState
from cronapp.core.spec import spec_to_json
from cronapp.service.declarations import Declarations
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs
from cronapp.service.tasks import Tasks
from cronapp.store.idempotency import KEPT, Once
from cronapp.store.jobs import JobFilter
from cronapp.store.runs import RunFilter
from cronapp.store.store import Store, Tx

Reload = Callable[[str], None]


@pytest.fixture
def reload(tasks: Tasks, tmp_path: Path) -> Reload:
    """Deploys another tasks file."""

    def deploy(text: str) -> None:
        (tmp_path / "tasks.py").write_text(text)
        tasks.reload()

    return deploy


async def errors_of(asked: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        await asked
    return caught.value.errors


async def create(jobs: Jobs, job_id: str = "hourly", **fields: Any) -> Job:
    return await jobs.create(a_job(job_id, **fields), origin="api")


async def minutely(jobs: Jobs, **fields: Any) -> Job:
    return await create(jobs, "minutely", schedule=EACH_MINUTE, overlap="queue_all", **fields)


async def ledger(runs: Runs, job: Job) -> list[tuple[str, str, int]]:
    """The job's slots, oldest first: when, what became of it, how many slots the row stands for."""
    found, _ = await runs.of_job(job)
    return [(f"{run.slot:%H:%M}" if run.slot else "-", run.state.value, run.missed) for run in found[::-1]]


# -- created --------------------------------------------------------------------------------------------------------


async def test_a_new_job_is_active_and_told(jobs: Jobs, events: list[Event]) -> None:
    job = await create(jobs, args={"name": "Kiel"})
    assert (job.state, job.origin, job.version, job.next_slot) == (JobState.ACTIVE, "api", 1, at("13:00"))
    assert await jobs.get("hourly") == job
    assert events == [JobChanged("hourly", created=True)]


async def test_a_job_that_is_started_by_hand_has_no_slot_and_is_active(jobs: Jobs) -> None:
    job = await create(jobs, schedule=BY_HAND)
    assert (job.state, job.next_slot) == (JobState.ACTIVE, None)


@pytest.mark.parametrize("edit", [False, True])
async def test_a_slot_that_passes_while_the_saving_waits_for_the_database_is_served(
    jobs: Jobs, runs: Runs, store: Store, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch, edit: bool
) -> None:
    once = {"kind": "once", "at": (NOW + timedelta(seconds=5)).isoformat()}
    if edit:
        await create(jobs)
    at_once = store.write

    async def waits(change: Callable[[Tx], Any]) -> Any:
        clock.turn(10)
        return await at_once(change)

    monkeypatch.setattr(store, "write", waits)
    job = await jobs.edit("hourly", a_job(schedule=once)) if edit else await create(jobs, schedule=once)
    assert job.next_slot == NOW + timedelta(seconds=5)
    await runs.settle_due([job.key])
    assert await ledger(runs, job) == [("12:00", "queued", 1)]


async def test_a_taken_id_is_refused_and_the_first_job_stays(jobs: Jobs, events: list[Event]) -> None:
    await create(jobs)
    assert "already" in (await errors_of(create(jobs, task="wait")))["id"]
    assert (await jobs.get("hourly")).task == "hello"
    assert len(events) == 1


async def test_everything_wrong_is_named_at_once_and_nothing_is_stored(jobs: Jobs, events: list[Event]) -> None:
    wrong = a_job(
        "a b",
        task="needs",
        schedule={"kind": "cron", "expression": "0 * *"},
        args={"day": "2026-02-30", "cuont": 3},
        timeout="soon",
    )
    errors = await errors_of(jobs.create(wrong, origin="api"))
    assert set(errors) == {"id", "schedule.expression", "timeout", "args.day", "args.count", "args.cuont"}
    assert 'Did you mean "count"?' in errors["args.cuont"]
    assert await jobs.total() == 0
    assert events == []


async def test_a_task_that_is_not_there_is_named_beside_the_rest(jobs: Jobs) -> None:
    errors = await errors_of(create(jobs, "a b", task="helo"))
    assert set(errors) == {"id", "task"}
    assert "helo" in errors["task"]


async def test_a_job_that_is_not_there_is_not_found(jobs: Jobs) -> None:
    with pytest.raises(JobNotFound):
        await jobs.get("none")
    with pytest.raises(JobNotFound):
        await jobs.remove("none")


async def test_the_default_zone_is_the_one_of_the_settings(jobs: Jobs) -> None:
    berlin = Jobs(jobs.store, jobs.tasks, jobs.blackouts, jobs.clock, "Europe/Berlin")
    job = await create(berlin, schedule={"kind": "cron", "expression": "0 3 * * *"})
    assert job.next_slot == at("02:00", 3)


# -- the same request twice -----------------------------------------------------------------------------------------


async def test_the_same_request_sent_twice_makes_one_job(jobs: Jobs, events: list[Event]) -> None:
    once = Once("key-1", "fingerprint")
    first, *others = await asyncio.gather(*(jobs.create(a_job(), origin="api", once=once) for _ in range(4)))
    assert [*others, await jobs.create(a_job(), origin="api", once=once)] == [first] * 4
    assert events == [JobChanged("hourly", created=True)]


async def test_a_key_that_came_with_another_request_is_refused(jobs: Jobs) -> None:
    await jobs.create(a_job(), origin="api", once=Once("key-1", "fingerprint"))
    with pytest.raises(IdempotencyMismatch):
        await jobs.create(a_job("other"), origin="api", once=Once("key-1", "another"))
    assert await jobs.total() == 1


async def test_a_key_is_forgotten_after_a_day(jobs: Jobs, clock: TurnedClock) -> None:
    await jobs.create(a_job(), origin="api", once=Once("key-1", "fingerprint"))
    clock.turn(KEPT.total_seconds() + 1)
    await jobs.create(a_job("other"), origin="api", once=Once("key-2", "x"))
    assert "id" in await errors_of(jobs.create(a_job(), origin="api", once=Once("key-1", "fingerprint")))


async def test_a_refused_request_may_be_mended_under_the_same_key(jobs: Jobs) -> None:
    await errors_of(jobs.create(a_job("a b"), origin="api", once=Once("key-1", "wrong")))
    assert (await jobs.create(a_job("ab"), origin="api", once=Once("key-1", "right"))).id == "ab"


# -- edited ---------------------------------------------------------------------------------------------------------


async def test_an_edit_replaces_the_job_and_counts_its_version(
    jobs: Jobs, clock: TurnedClock, events: list[Event]
) -> None:
    job = await create(jobs, tags=["a"], timeout=5)
    clock.turn(60)
    edited = await jobs.edit("hourly", a_job(tags=["b"]), version=job.version)
    assert (edited.spec.tags, edited.spec.timeout, edited.version) == (("b",), None, 2)
    assert (edited.key, edited.origin, edited.created_at, edited.updated_at) == (job.key, "api", NOW, at("12:01"))
    assert events[1:] == [JobChanged("hourly")]


async def test_an_edit_of_an_old_version_is_refused(jobs: Jobs) -> None:
    await create(jobs)
    await jobs.edit("hourly", a_job(timeout=5), version=1)
    with pytest.raises(EditConflict):
        await jobs.edit("hourly", a_job(timeout=6), version=1)
    assert (await jobs.get("hourly")).spec.timeout == 5


async def test_a_wrong_edit_changes_nothing(jobs: Jobs, events: list[Event]) -> None:
    job = await create(jobs)
    assert set(await errors_of(jobs.edit("hourly", a_job(timeout="x", task="none")))) == {"timeout", "task"}
    assert set(await errors_of(jobs.edit("hourly", a_job("other")))) == {"id"}
    assert await jobs.get("hourly") == job
    assert len(events) == 1


async def test_an_edit_keeps_the_phase_of_an_interval(jobs: Jobs, clock: TurnedClock) -> None:
    job = await create(jobs, schedule={"kind": "interval", "every": "15m"})
    clock.turn(7 * 60)
    kept = await jobs.edit("hourly", a_job(schedule={"kind": "interval", "every": "15m"}, timeout=5))
    assert kept.spec.schedule == job.spec.schedule == (IntervalSchedule(every="15m", anchor=NOW),)
    assert kept.next_slot == at("12:15")
    moved = await jobs.edit("hourly", a_job(schedule={"kind": "interval", "every": "20m"}))
    assert moved.next_slot == at("12:27")


async def test_an_edit_keeps_a_slot_that_is_due_but_not_served_yet(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await create(jobs)
    clock.turn(3600)
    edited = await jobs.edit("hourly", a_job(timeout=5))
    assert edited.next_slot == at("13:00")
    await runs.settle_due([job.key])
    assert await ledger(runs, job) == [("13:00", "queued", 1)]


async def test_a_new_timing_counts_from_now(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await create(jobs)
    clock.turn(3 * 3600)
    edited = await jobs.edit("hourly", a_job(schedule={"kind": "cron", "expression": "30 * * * *"}))
    assert edited.next_slot == at("15:30")
    await runs.settle_due([job.key])
    assert await ledger(runs, job) == []


async def test_a_finished_job_that_gets_slots_again_is_active_again(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await create(jobs, schedule={"kind": "once", "at": "2026-03-02T12:01Z"})
    clock.turn(60)
    (job,), _ = await runs.settle_due([job.key])
    assert job.state is JobState.FINISHED
    again = await jobs.edit("hourly", a_job(schedule={"kind": "once", "at": "2026-03-02T12:05Z"}))
    assert (again.state, again.next_slot) == (JobState.ACTIVE, at("12:05"))


async def test_an_edit_that_leaves_no_slot_finishes_the_job(jobs: Jobs) -> None:
    await create(jobs)
    edited = await jobs.edit("hourly", a_job(ends_at="2026-03-02T12:30Z"))
    assert (edited.state, edited.next_slot) == (JobState.FINISHED, None)


async def test_an_edit_of_a_paused_job_leaves_it_paused(jobs: Jobs) -> None:
    await create(jobs)
    await jobs.pause("hourly", "Holidays.")
    edited = await jobs.edit("hourly", a_job(schedule=EACH_MINUTE))
    assert (edited.state, edited.reason, edited.next_slot) == (JobState.PAUSED, "Holidays.", None)
    assert (await jobs.resume("hourly")).next_slot == at("12:01")


# -- paused and resumed ---------------------------------------------------------------------------------------------


async def test_a_paused_job_has_no_slots_and_says_why(
    jobs: Jobs, runs: Runs, clock: TurnedClock, events: list[Event]
) -> None:
    job = await minutely(jobs)
    paused = await jobs.pause("minutely", "Holidays.")
    assert (paused.state, paused.reason, paused.next_slot) == (JobState.PAUSED, "Holidays.", None)
    clock.turn(600)
    await runs.settle_due([job.key])
    assert await ledger(runs, job) == []
    assert events[1:] == [JobChanged("minutely")]


async def test_pausing_twice_and_resuming_twice_change_nothing_more(jobs: Jobs, events: list[Event]) -> None:
    await minutely(jobs)
    assert await jobs.pause("minutely", "First.") == await jobs.pause("minutely", "First.")
    assert await jobs.resume("minutely") == await jobs.resume("minutely")
    assert len(events) == 3


@pytest.mark.parametrize(
    ("catch_up", "slots"),
    [
        ("none", [("12:05", "skipped", 5)]),
        ("last", [("12:04", "skipped", 4), ("12:05", "queued", 1)]),
        ("all", [(f"12:0{n}", "queued", 1) for n in range(1, 6)]),
    ],
)
async def test_what_passed_while_a_job_was_paused(
    jobs: Jobs, runs: Runs, clock: TurnedClock, catch_up: str, slots: list[tuple[str, str, int]]
) -> None:
    job = await minutely(jobs)
    await jobs.pause("minutely")
    clock.turn(5 * 60 + 30)
    resumed = await jobs.resume("minutely", catch_up)
    assert (resumed.state, resumed.reason, resumed.next_slot) == (JobState.ACTIVE, None, at("12:06"))
    assert await ledger(runs, job) == slots
    clock.turn(30)
    await runs.settle_due([job.key])
    assert await ledger(runs, job) == [*slots, ("12:06", "queued", 1)]


async def test_a_slot_that_passed_a_moment_ago_has_passed_too(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    job = await minutely(jobs)
    await jobs.pause("minutely")
    clock.turn(61)
    await jobs.resume("minutely", "none")
    assert await ledger(runs, job) == [("12:01", "skipped", 1)]


async def test_a_job_whose_end_came_while_it_was_paused_is_finished_when_resumed(
    jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    job = await minutely(jobs, ends_at="2026-03-02T12:03:00Z")
    await jobs.pause("minutely")
    clock.turn(3600)
    resumed = await jobs.resume("minutely", "last")
    assert (resumed.state, resumed.next_slot) == (JobState.FINISHED, None)
    assert await ledger(runs, job) == [("12:02", "skipped", 2), ("12:03", "queued", 1)]


async def test_a_paused_job_that_was_left_without_slots_is_finished_when_resumed(jobs: Jobs) -> None:
    await minutely(jobs)
    await jobs.pause("minutely")
    await jobs.edit("minutely", a_job("minutely", ends_at="2026-03-02T12:30Z"))
    resumed = await jobs.resume("minutely")
    assert (resumed.state, resumed.next_slot) == (JobState.FINISHED, None)


async def test_a_paused_job_whose_runs_were_used_up_is_finished_when_resumed(
    jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    job = await minutely(jobs, max_runs=5)
    clock.turn(60)
    await runs.settle_due([job.key])
    await jobs.pause("minutely")
    await jobs.edit("minutely", a_job("minutely", schedule=EACH_MINUTE, overlap="queue_all", max_runs=1))
    assert (await jobs.resume("minutely")).state is JobState.FINISHED


async def test_a_job_started_by_hand_is_active_when_resumed(jobs: Jobs) -> None:
    await create(jobs, schedule=BY_HAND)
    await jobs.pause("hourly")
    assert (await jobs.resume("hourly")).state is JobState.ACTIVE


async def test_only_what_goes_on_can_be_paused_and_only_what_pauses_resumed(
    jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    job = await create(jobs, schedule={"kind": "once", "at": "2026-03-02T12:01Z"})
    clock.turn(60)
    await runs.settle_due([job.key])
    with pytest.raises(Conflict, match="finished"):
        await jobs.pause("hourly")
    with pytest.raises(Conflict, match="finished"):
        await jobs.resume("hourly")


async def test_an_unknown_way_to_catch_up_is_refused(jobs: Jobs) -> None:
    await minutely(jobs)
    await jobs.pause("minutely")
    assert set(await errors_of(jobs.resume("minutely", "some"))) == {"catch_up"}


# -- removed --------------------------------------------------------------------------------------------------------


async def test_removing_a_job_cancels_what_waits_asks_what_runs_to_stop_and_keeps_the_history(
    jobs: Jobs, runs: Runs, events: list[Event]
) -> None:
    await create(jobs, schedule=BY_HAND)
    done = (await runs.run_now("hourly")).id
    await carry(runs)
    running, waiting = (await runs.run_now("hourly")).id, (await runs.run_now("hourly")).id
    await runs.claim("node-1", 1)
    events.clear()
    await jobs.remove("hourly")
    with pytest.raises(JobNotFound):
        await jobs.get("hourly")
    found, _ = await runs.page(RunFilter(job="hourly"))
    assert [(run.id, run.state) for run in found] == [
        (waiting, RunState.CANCELLED),
        (running, RunState.RUNNING),
        (done, RunState.SUCCEEDED),
    ]
    assert found[0].reason == "The job was removed."
    assert events == [
        CancelRequested(running, "The job was removed."),
        RunChanged(waiting, "hourly"),
        JobChanged("hourly", gone=True),
    ]


async def test_a_run_of_a_removed_job_ends_and_is_not_tried_again(jobs: Jobs, runs: Runs) -> None:
    await create(jobs, schedule=BY_HAND, retry={"max_attempts": 3})
    await runs.run_now("hourly")
    (claimed,) = await runs.claim("node-1", 1)
    await jobs.remove("hourly")
    assert await runs.finish(claimed.run, FAILED, 1.0)
    found, _ = await runs.page(RunFilter())
    assert states(found) == ["failed"]


async def test_removing_an_old_version_is_refused(jobs: Jobs) -> None:
    await create(jobs)
    await jobs.edit("hourly", a_job(timeout=5))
    with pytest.raises(EditConflict):
        await jobs.remove("hourly", version=1)
    await jobs.remove("hourly", version=2)
    assert await jobs.total() == 0


async def test_a_new_job_of_the_same_id_starts_a_history_of_its_own(jobs: Jobs, runs: Runs, clock: TurnedClock) -> None:
    old = await minutely(jobs)
    clock.turn(60)
    await runs.settle_due([old.key])
    await carry(runs, FAILED)
    await jobs.remove("minutely")
    new = await minutely(jobs)
    assert new.key != old.key
    assert (await jobs.row("minutely")).recent == ()
    assert await ledger(runs, new) == []
    assert await ledger(runs, old) == [("12:01", "failed", 1)]
    clock.turn(60)
    await runs.settle_due([new.key])
    assert await ledger(runs, new) == [("12:02", "queued", 1)]


# -- declared in code -----------------------------------------------------------------------------------------------

DECLARED = """
from cronapp import task

@task(schedule="0 3 * * *", timezone="Europe/Berlin", timeout="10m", retries=2, tags=["finance"], args={"day": "today"})
def nightly_report(day: str):
    "Send yesterday's figures."
"""


async def test_a_job_that_the_code_declares_is_made_once(jobs: Jobs, reload: Reload, events: list[Event]) -> None:
    reload(DECLARED)
    await Declarations(jobs).declare()
    job = await jobs.get("nightly-report")
    assert (job.origin, job.state, job.next_slot) == ("code", JobState.ACTIVE, at("02:00", 3))
    assert (job.spec.timeout, job.spec.retry.max_attempts, job.spec.tags) == (600, 3, ("finance",))
    assert job.spec.args == {"day": "today"}
    await Declarations(jobs).declare()
    assert await jobs.get("nightly-report") == job
    assert events == [JobChanged("nightly-report", created=True)]


async def test_a_declared_job_follows_the_code(jobs: Jobs, reload: Reload) -> None:
    reload(DECLARED)
    await Declarations(jobs).declare()
    reload(DECLARED.replace("0 3 * * *", "0 4 * * *").replace('timeout="10m", ', ""))
    await Declarations(jobs).declare()
    job = await jobs.get("nightly-report")
    assert (job.origin, job.version, job.next_slot, job.spec.timeout) == ("code", 2, at("03:00", 3), None)


async def test_a_declared_interval_keeps_its_phase_over_restarts(
    jobs: Jobs, reload: Reload, clock: TurnedClock
) -> None:
    text = DECLARED.replace('"0 3 * * *"', '"every 15m"')
    reload(text)
    await Declarations(jobs).declare()
    first = await jobs.get("nightly-report")
    clock.turn(7 * 60)
    reload(text)
    await Declarations(jobs).declare()
    assert await jobs.get("nightly-report") == first
    reload(text.replace('"10m"', '"20m"'))
    await Declarations(jobs).declare()
    changed = await jobs.get("nightly-report")
    assert (changed.spec.timeout, changed.spec.schedule) == (1200, first.spec.schedule)
    assert changed.next_slot == at("12:15")


async def test_what_a_person_changed_stays_when_the_code_changes(jobs: Jobs, reload: Reload) -> None:
    reload(DECLARED)
    await Declarations(jobs).declare()
    declared = await jobs.get("nightly-report")
    await jobs.edit("nightly-report", {**spec_to_json(declared.spec), "timeout": 60})
    for _ in range(2):
        reload(DECLARED.replace("0 3 * * *", "0 4 * * *"))
        await Declarations(jobs).declare()
        job = await jobs.get("nightly-report")
        assert (job.origin, job.spec.timeout) == ("code", 60)
        assert job.spec.schedule == declared.spec.schedule
        assert job.code is not None
        assert job.code["schedule"][0]["expression"] == "0 4 * * *"  # what one may go back to


async def test_a_paused_declared_job_stays_paused_when_the_code_changes(jobs: Jobs, reload: Reload) -> None:
    reload(DECLARED)
    await Declarations(jobs).declare()
    await jobs.pause("nightly-report", "Holidays.")
    reload(DECLARED.replace("0 3 * * *", "0 4 * * *"))
    await Declarations(jobs).declare()
    job = await jobs.get("nightly-report")
    assert (job.state, job.reason, job.next_slot) == (JobState.PAUSED, "Holidays.", None)
    assert (await jobs.resume("nightly-report")).next_slot == at("03:00", 3)


async def test_a_persons_job_is_not_taken_over_by_code_that_declares_its_id(jobs: Jobs, reload: Reload) -> None:
    job = await create(jobs, "nightly-report")
    reload(TASKS + DECLARED)
    await Declarations(jobs).declare()
    assert await jobs.get("nightly-report") == job


async def test_a_declaration_that_cannot_be_used_is_told_and_hurts_no_other(
    jobs: Jobs, reload: Reload, caplog: pytest.LogCaptureFixture
) -> None:
    reload(DECLARED + DECLARED.replace("nightly_report", "daily_report").replace('"day": "today"', '"dya": 1'))
    with caplog.at_level(logging.WARNING):
        await Declarations(jobs).declare()
    assert [row.job.id for row in (await jobs.page(JobFilter()))[0]] == ["nightly-report"]
    assert "daily_report" in caplog.text
    assert "dya" in caplog.text


# -- held against the code ------------------------------------------------------------------------------------------


async def test_a_job_whose_task_is_gone_is_kept_and_not_run(
    jobs: Jobs, runs: Runs, clock: TurnedClock, reload: Reload, events: list[Event]
) -> None:
    job = await minutely(jobs)
    await create(jobs, "fine", task="wait")
    reload("async def wait(seconds: float = 1.0): ...")
    events.clear()
    assert [held.id for held in await Declarations(jobs).hold_against_code()] == ["minutely"]
    held = await jobs.get("minutely")
    assert (held.state, held.next_slot) == (JobState.NEEDS_ATTENTION, None)
    assert held.reason == "The task `hello` is not in the code now."
    assert (await jobs.get("fine")).state is JobState.ACTIVE
    assert events == [JobChanged("minutely")]
    clock.turn(600)
    await runs.settle_due([job.key])
    assert await ledger(runs, job) == []


async def test_a_job_whose_arguments_no_longer_fit_says_which(jobs: Jobs, reload: Reload) -> None:
    await minutely(jobs, args={"name": "Kiel", "times": 2})
    reload("def hello(name: int, day: str): ...")
    await Declarations(jobs).hold_against_code()
    held = await jobs.get("minutely")
    assert held.state is JobState.NEEDS_ATTENTION
    assert held.reason == (
        "The parameter `times` is gone; the job gives it 2. "
        "A parameter `day` (text) was added, and the job gives none. "
        '`name` was text and is now a whole number; the job\'s "Kiel" does not fit.'
    )


async def test_a_job_that_fits_again_runs_again_and_its_missed_slots_are_settled(
    jobs: Jobs, runs: Runs, clock: TurnedClock, reload: Reload
) -> None:
    job = await minutely(jobs)
    reload("")
    await Declarations(jobs).hold_against_code()
    clock.turn(5 * 60 + 30)
    reload(TASKS)
    assert await Declarations(jobs).hold_against_code() == []
    again = await jobs.get("minutely")
    assert (again.state, again.reason) == (JobState.ACTIVE, None)
    await runs.settle_due([job.key])
    assert await ledger(runs, job) == [("12:04", "missed", 4), ("12:05", "queued", 1)]
    assert (await jobs.get("minutely")).next_slot == at("12:06")


async def test_looking_twice_at_the_same_code_tells_nothing_new(
    jobs: Jobs, reload: Reload, events: list[Event]
) -> None:
    await minutely(jobs)
    reload("")
    await Declarations(jobs).hold_against_code()
    told = len(events)
    version = (await jobs.get("minutely")).version
    assert [held.id for held in await Declarations(jobs).hold_against_code()] == ["minutely"]
    assert len(events) == told
    assert (await jobs.get("minutely")).version == version


async def test_a_paused_job_without_its_task_stays_paused(jobs: Jobs, reload: Reload) -> None:
    await minutely(jobs)
    await jobs.pause("minutely", "Holidays.")
    reload("")
    assert await Declarations(jobs).hold_against_code() == []
    held = await jobs.get("minutely")
    assert (held.state, held.reason) == (JobState.PAUSED, "Holidays.")


async def test_a_job_started_by_hand_that_fits_again_is_active(jobs: Jobs, reload: Reload) -> None:
    await create(jobs, schedule=BY_HAND)
    reload("")
    await Declarations(jobs).hold_against_code()
    reload(TASKS)
    await Declarations(jobs).hold_against_code()
    assert (await jobs.get("hourly")).state is JobState.ACTIVE


# -- lists ----------------------------------------------------------------------------------------------------------


async def test_pages_of_jobs_follow_on_each_other(jobs: Jobs) -> None:
    for n in range(5):
        await create(jobs, f"job-{n}")
    first, after = await jobs.page(JobFilter(), limit=2)
    assert ([row.job.id for row in first], after) == (["job-0", "job-1"], "job-1")
    second, after = await jobs.page(JobFilter(), after=str(after), limit=2)
    assert ([row.job.id for row in second], after) == (["job-2", "job-3"], "job-3")
    third, after = await jobs.page(JobFilter(), after=str(after), limit=2)
    assert ([row.job.id for row in third], after) == (["job-4"], None)
    exactly, after = await jobs.page(JobFilter(), limit=5)
    assert (len(exactly), after) == (5, None)


async def test_a_row_shows_the_schedule_in_words_and_the_newest_runs(jobs: Jobs, runs: Runs) -> None:
    await create(jobs)
    for outcome in (SUCCEEDED, FAILED):
        await runs.run_now("hourly")
        await carry(runs, outcome)
    waiting = await runs.run_now("hourly")
    row = await jobs.row("hourly")
    assert row.words == "Every hour"
    assert [brief.state.value for brief in row.recent] == ["succeeded", "failed", "queued"]
    assert row.last_run is not None
    assert row.last_run.id == waiting.id
    assert row.running == ()
    await runs.claim("node-1", 1)
    assert [brief.id for brief in (await jobs.row("hourly")).running] == [waiting.id]


async def test_a_strip_has_at_most_thirty_runs(jobs: Jobs, runs: Runs) -> None:
    await create(jobs, schedule=HOURLY)
    opened = [(await runs.run_now("hourly")).id for _ in range(32)]
    assert [brief.id for brief in (await jobs.row("hourly")).recent] == opened[2:]


async def test_what_is_due_next_comes_first(jobs: Jobs, clock: TurnedClock) -> None:
    await create(jobs)
    await minutely(jobs)
    await create(jobs, "by-hand", schedule=BY_HAND)
    assert [row.job.id for row in await jobs.upcoming()] == ["minutely", "hourly"]
    assert clock.now + timedelta(minutes=1) == (await jobs.upcoming())[0].job.next_slot


async def test_a_job_whose_task_went_while_it_was_paused_needs_attention_when_resumed(
    jobs: Jobs, tasks: Tasks, tmp_path: Path
) -> None:
    await jobs.create(a_job(), origin="api")
    await jobs.pause("hourly")
    (tmp_path / "tasks.py").write_text("")
    tasks.reload()
    resumed = await jobs.resume("hourly")
    assert (resumed.state, resumed.next_slot) == (JobState.NEEDS_ATTENTION, None)
    assert "hello" in (resumed.reason or "")
