"""The figures of the overview, and what needs somebody."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from recipes import BY_HAND, FAILED, HOURLY, SUCCEEDED, a_job, a_node, at, carry
from support import TurnedClock

from cronapp.core.concerns import Trouble
from cronapp.core.ledger import Verdict
from cronapp.core.models import Job, RunState
from cronapp.service.blackouts import Blackouts
from cronapp.service.concerns import Worries
from cronapp.service.declarations import Declarations
from cronapp.service.jobs import Jobs
from cronapp.service.pulse import Hours, Pulse
from cronapp.service.runs import Runs
from cronapp.service.switch import Switch
from cronapp.store import nodes
from cronapp.store.store import Conn, Store

HOUR = timedelta(hours=1)


@pytest.fixture
def pulse(store: Store, clock: TurnedClock) -> Pulse:
    return Pulse(store, clock)


@pytest.fixture
def worries(store: Store, clock: TurnedClock) -> Worries:
    return Worries(store, clock)


@pytest.fixture
async def job(jobs: Jobs) -> Job:
    return await jobs.create(a_job("job", schedule=BY_HAND), origin="api")


async def test_the_last_day_is_told_hour_by_hour_and_against_the_day_before(
    pulse: Pulse, runs: Runs, job: Job, clock: TurnedClock
) -> None:
    for outcome in (SUCCEEDED, FAILED):
        await runs.run_now("job")
        await carry(runs, outcome)
    clock.turn(2 * 3600)
    await runs.run_now("job")
    await runs.run_now("job")
    await runs.claim("node-1", 1)
    figures = await pulse.figures()
    assert (figures.jobs, figures.running, figures.queued) == (1, 1, 1)
    assert (figures.today.succeeded, figures.today.failed, figures.today.share) == (1, 1, 0.5)
    assert (len(figures.hours), figures.hours[-1].at) == (24, at("14:00"))
    assert [(hour.succeeded, hour.failed) for hour in figures.hours[-3:]] == [(1, 1), (0, 0), (0, 0)]
    assert figures.before.runs == 0
    clock.turn(22 * 3600 - 1)
    figures = await pulse.figures()
    assert (figures.today.runs, figures.before.runs) == (2, 0)
    clock.turn(1)
    figures = await pulse.figures()
    assert (figures.today.runs, figures.before.runs) == (0, 2), "the day before ends where today does"


async def test_delays_are_told_by_what_nineteen_of_twenty_kept(
    pulse: Pulse, jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    job = await jobs.create(a_job("hourly", schedule=HOURLY), origin="api")
    assert (await pulse.figures()).p95 is None
    for n, late in enumerate((0, 3, 1)):
        clock.now = at("13:00") + n * HOUR
        await runs.settle_due([job.key])
        clock.turn(late)
        await carry(runs)
    figures = await pulse.figures()
    assert (figures.p95, figures.delays) == (3.0, 3)


async def test_hours_that_are_over_are_asked_once(store: Store) -> None:
    asked = []

    def ask(conn: Conn, since, until):  # type: ignore[no-untyped-def]
        asked.append((since, until))
        return {since: f"{since:%H}"} if until - since >= HOUR else {}

    hours = Hours(ask)
    told = await store.read(hours.look, at("08:20"), at("10:30"))
    assert (list(told.values()), len(asked)) == (["08"], 2)
    assert asked[0] == (at("08:00"), at("10:00"))
    await store.read(hours.look, at("08:20"), at("10:40"))
    assert len(asked) == 3, "only the present hour is asked again"
    await store.read(hours.look, at("08:20"), at("11:00:30"))
    assert asked[3][0] == at("10:00"), "within its first minute an hour is not trusted to be over"
    told = await store.read(hours.look, at("09:20"), at("11:30"))
    assert asked[4] == (at("10:00"), at("11:00"))
    assert list(told.values()) == ["10"], "what is older than asked for is forgotten"
    await store.read(hours.look, at("06:00"), at("11:40"))
    assert asked[6] == (at("06:00"), at("11:00")), "who looks further back asks for all of it"
    await store.read(hours.look, at("06:00"), at("09:30"))
    assert asked[8] == (at("06:00"), at("09:00")), "so does a clock that was set back"


async def test_this_weeks_promises_of_all_jobs_are_told_together(
    pulse: Pulse, jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    one = await jobs.create(a_job("one", schedule=HOURLY, misfire={"policy": "skip", "grace": 0}), origin="api")
    two = await jobs.create(a_job("two", schedule=HOURLY), origin="api")
    clock.now = at("13:00")
    await runs.settle_due([one.key, two.key])
    await carry(runs)
    clock.turn(30)
    await carry(runs, FAILED)
    kept = await pulse.kept()
    assert kept.counts == Counter({Verdict.RAN: 1, Verdict.LATE: 1})
    assert (kept.share, kept.promised, kept.worst_late) == (0.5, 2, 30.0)
    clock.now = at("16:30")
    await runs.settle_due([one.key])
    assert (await pulse.kept()).counts[Verdict.MISSED] == 3
    clock.turn(7 * 86400)
    kept = await pulse.kept()
    assert (kept.counts, kept.share) == (Counter(), None)


async def test_nothing_needs_anybody_where_all_is_well(worries: Worries, runs: Runs, job: Job) -> None:
    assert (await worries.look()).total == 0
    await runs.run_now("job")
    await carry(runs)
    assert (await worries.look()).total == 0


async def test_failures_in_a_row_are_told_with_their_first_and_their_last(
    worries: Worries, runs: Runs, job: Job, clock: TurnedClock
) -> None:
    first = clock.now
    for _ in range(2):
        await runs.run_now("job")
        last = await carry(runs, FAILED)
        clock.turn(60)
    (one,) = (await worries.look()).listed
    assert (one.trouble, one.job, one.failures, one.run) == (Trouble.FAILING, "job", 2, last.id)
    assert one.words == "ValueError: no figures"
    assert one.since == first
    assert one.trying is None
    again = await runs.retry(last.id)
    (one,) = (await worries.look()).listed
    assert (one.run, one.trying) == (last.id, again.id)
    await carry(runs)
    assert (await worries.look()).total == 0, "a success ends it"


async def test_what_does_not_run_comes_before_what_fails(
    worries: Worries, jobs: Jobs, runs: Runs, job: Job, clock: TurnedClock
) -> None:
    await jobs.create(a_job("stops", schedule=HOURLY, pause_after_failures=1), origin="api")
    for name in ("job", "stops"):
        await runs.run_now(name)
        await carry(runs, FAILED)
    await jobs.create(a_job("gone", task="wait", schedule=HOURLY), origin="api")
    jobs.tasks.registry.tasks.pop("wait")
    await Declarations(jobs).hold_against_code()
    found = (await worries.look()).listed
    assert [(one.trouble, one.job) for one in found] == [
        (Trouble.MISFIT, "gone"),
        (Trouble.PAUSED, "stops"),
        (Trouble.FAILING, "job"),
    ]
    assert found[1].words == "1 failure, the last one run #2."


async def test_a_slot_without_a_run_and_a_run_that_waits_are_told_with_why(
    worries: Worries, store: Store, jobs: Jobs, runs: Runs, blackouts: Blackouts, clock: TurnedClock
) -> None:
    one = await jobs.create(a_job("one", schedule=HOURLY, group="db"), origin="api")
    clock.now = at("13:00:05")
    assert (await worries.look()).total == 0, "it is being settled"
    clock.now = at("13:00:20")
    (due,) = (await worries.look()).listed
    assert (due.trouble, due.words, due.since) == (
        Trouble.LATE,
        "Its slot has come, and no run was made of it yet.",
        at("13:00"),
    )
    await runs.settle_due([one.key])
    await runs.run_now("one")
    assert len(await runs.claim("node-1", 5)) == 1
    clock.turn(30)
    assert (await worries.look()).total == 0, "half a minute is no long wait"
    clock.turn(60)
    (waits,) = (await worries.look()).listed
    assert waits.words == "Waits: its job runs 1 of 1 and the group db runs 1 of 1."
    assert (await worries.look(late=False)).total == 0
    await Switch(store, blackouts, clock).pause("lunch", by="admin")
    assert (await worries.look()).total == 0, "the banner tells of that"


async def test_a_run_may_wait_for_a_free_place(
    worries: Worries, jobs: Jobs, runs: Runs, store: Store, clock: TurnedClock
) -> None:
    for name in ("a", "b", "c"):
        await jobs.create(a_job(name, schedule=BY_HAND), origin="api")
        await runs.run_now(name)
    await store.write(nodes.join, a_node("node-1", concurrency=2))
    await runs.claim("node-1", 2)
    clock.turn(120)
    (waits,) = (await worries.look()).listed
    assert waits.words == "Waits: all 2 places are taken."
    await store.write(nodes.set_draining, a_node("node-1", draining=clock()))
    (waits,) = (await worries.look()).listed
    assert waits.words == "Waits: whoever could take it is being emptied."


async def test_each_kind_is_bounded_and_what_is_more_is_counted(
    worries: Worries, jobs: Jobs, runs: Runs, clock: TurnedClock
) -> None:
    for n in range(9):
        await jobs.create(a_job(f"job-{n}", schedule=BY_HAND), origin="api")
        await runs.run_now(f"job-{n}")
        await carry(runs, FAILED)
    found = await worries.look()
    assert (len(found.listed), found.more, found.total) == (6, {Trouble.FAILING: 3}, 9)


async def test_what_goes_on_is_told_with_what_is_usual(pulse: Pulse, runs: Runs, job: Job) -> None:
    for seconds in (10, 12, 14):
        await runs.run_now("job")
        await carry(runs, seconds=seconds)
    await runs.run_now("job")
    await runs.claim("node-1", 1)
    (one,) = await pulse.going(5)
    assert one.run.state is RunState.RUNNING
    assert one.usual
    assert one.usual.median == 12
