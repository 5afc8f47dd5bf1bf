"""One change to many jobs: what is told before, what is done, and what is refused for each."""

from __future__ import annotations

from typing import Any

import pytest
from recipes import BY_HAND, a_job, at
from support import TurnedClock

from cronapp.core.errors import CronAppError, InvalidInput
from cronapp.core.models import JobState, Pause
from cronapp.service import bulk as module
from cronapp.service.bulk import Bulk, Left, Order
from cronapp.service.declarations import Declarations
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs
from cronapp.service.saved_views import SavedViews
from cronapp.store.jobs import JobFilter
from cronapp.store.store import Store


@pytest.fixture
def bulk(store: Store, jobs: Jobs, runs: Runs, clock: TurnedClock) -> Bulk:
    return Bulk(store, jobs, runs, clock)


async def make(jobs: Jobs, *ids: str, **fields: Any) -> None:
    for job_id in ids:
        await jobs.create(a_job(job_id, **fields), origin="api")


async def states(jobs: Jobs) -> dict[str, str]:
    return {row.job.id: row.job.state for row in (await jobs.page(JobFilter(), limit=500))[0]}


async def test_what_is_planned_is_done_and_nothing_before(bulk: Bulk, jobs: Jobs, clock: TurnedClock) -> None:
    await make(jobs, "a", "b", "paused")
    await jobs.pause("paused", "mine", by="ada")
    order = Order(action="pause", reason=" deploying ")
    plan = await bulk.plan(["b", "a", "paused", "gone", "a"], order)
    assert plan.done == ("a", "b")
    assert plan.unchanged == (Left("paused", "It is paused already."),)
    assert plan.refused == (Left("gone", "There is no job with this id. It may have been removed."),)
    assert (await states(jobs))["a"] == JobState.ACTIVE
    report = await bulk.carry_out(["b", "a", "paused", "gone"], order, by="bob")
    assert (report.done, report.unchanged, report.refused) == (plan.done, plan.unchanged, plan.refused)
    a = await jobs.get("a")
    assert (a.state, a.reason, a.pause) == (JobState.PAUSED, "deploying", Pause(by="bob", at=clock.now, until=None))
    kept = await jobs.get("paused")
    assert (kept.reason, kept.pause and kept.pause.by) == ("mine", "ada")


async def test_all_that_match_are_changed_in_rounds(bulk: Bulk, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)
    ids = [f"job-{n}" for n in range(8)]
    await make(jobs, *ids, tags=["shop"])
    await make(jobs, "other")
    shops = JobFilter(tags=("shop",))
    assert (await bulk.carry_out(shops, Order(action="pause"), by="bob")).done == tuple(ids)
    assert await states(jobs) == {**dict.fromkeys(ids, "paused"), "other": "active"}
    report = await bulk.carry_out(shops, Order(action="resume"), by="bob")
    assert report.done == tuple(ids)
    assert set((await states(jobs)).values()) == {"active"}
    report = await bulk.carry_out(JobFilter(), Order(action="resume"), by="bob")
    assert len(report.unchanged) == report.matched == 9
    assert (await bulk.carry_out(shops, Order(action="remove"), by="bob")).done == tuple(ids)
    assert await states(jobs) == {"other": "active"}


async def test_tags_come_and_go_and_the_rest_of_a_job_stays(bulk: Bulk, jobs: Jobs) -> None:
    await make(jobs, "a", tags=["x"], args={"name": "Kiel"}, timeout=7)
    await make(jobs, "b", tags=["x", "y"])
    report = await bulk.carry_out(["a", "b"], Order(action="tag", tags=(" y", "", "x")), by="bob")
    assert (report.done, report.unchanged) == (("a",), (Left("b", "It has these tags already."),))
    a = await jobs.get("a")
    assert (a.spec.tags, a.spec.args, a.spec.timeout) == (("x", "y"), {"name": "Kiel"}, 7)
    report = await bulk.carry_out(["a", "b"], Order(action="untag", tags=("x",)), by="bob")
    assert report.done == ("a", "b")
    assert (await jobs.get("b")).spec.tags == ("y",)


async def test_what_is_refused_for_one_hinders_no_other(bulk: Bulk, jobs: Jobs, runs: Runs) -> None:
    await make(jobs, "a", "c", schedule=BY_HAND)
    await make(jobs, "d", task="wait", schedule=BY_HAND)
    del jobs.tasks.registry.tasks["hello"]
    report = await bulk.carry_out(["a", "c", "d"], Order(action="run"), by="bob")
    assert [one.id for one in report.refused] == ["a", "c"]
    assert "no longer in the code" in report.refused[0].reason
    assert report.done == ("d",)
    assert (await bulk.plan(["a"], Order(action="resume"))).unchanged == (Left("a", "It is active already."),)


async def test_only_a_state_that_allows_it_is_changed_in_the_words_of_the_single_change(bulk: Bulk, jobs: Jobs) -> None:
    await make(jobs, "gone")
    del jobs.tasks.registry.tasks["hello"]
    await Declarations(jobs).hold_against_code()
    for action in ("pause", "resume"):
        with pytest.raises(CronAppError) as refused:
            await (jobs.pause("gone") if action == "pause" else jobs.resume("gone"))
        plan = await bulk.plan(["gone"], Order(action=action))  # type: ignore[arg-type]
        assert plan.refused == (Left("gone", str(refused.value)),)


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (Order(action="tag", tags=(" ",)), "tags"),
        (Order(action="untag"), "tags"),
        (Order(action="resume", catch_up="some"), "catch_up"),
        (Order(action="pause", until=at("11:00")), "until"),
    ],
)
async def test_an_order_that_makes_no_sense_changes_nothing(bulk: Bulk, jobs: Jobs, order: Order, field: str) -> None:
    await make(jobs, "a")
    with pytest.raises(InvalidInput) as refused:
        await bulk.carry_out(["a"], order, by="bob")
    assert list(refused.value.errors) == [field]


async def test_a_tag_that_cannot_be_is_refused_for_each_job(bulk: Bulk, jobs: Jobs) -> None:
    await make(jobs, "a")
    report = await bulk.carry_out(["a"], Order(action="tag", tags=("x" * 300,)), by="bob")
    assert [one.id for one in report.refused] == ["a"]


async def test_views_are_saved_renamed_by_saving_again_and_removed(store: Store, clock: TurnedClock) -> None:
    views = SavedViews(store, clock)
    await views.save("jobs", " Failing  finance ", "state=failing", by="ada")
    await views.save("jobs", "a", "sort=next", by="ada")
    await views.save("jobs", "Failing finance", "state=failing&tag=finance", by="bob")
    assert [(one.name, one.query, one.by) for one in await views.of_page("jobs")] == [
        ("a", "sort=next", "ada"),
        ("Failing finance", "state=failing&tag=finance", "bob"),
    ]
    assert await views.of_page("runs") == []
    await views.remove("jobs", "a")
    with pytest.raises(CronAppError, match="no saved view"):
        await views.remove("jobs", "a")
    for name in ("", " ", "x" * 41):
        with pytest.raises(InvalidInput):
            await views.save("jobs", name, "sort=next", by="ada")
