"""Every change of a job is written down with who did it, and an older version can be taken back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from recipes import EACH_MINUTE, FAILED, HOURLY, NOW, a_job, at, carry, put_job
from support import TASKS, TurnedClock

from cronapp.core.errors import Conflict, EditConflict, InvalidInput, JobNotFound
from cronapp.core.history import ChangeKind
from cronapp.core.models import JobState
from cronapp.service import history as history_module
from cronapp.service.declarations import Declarations
from cronapp.service.history import History
from cronapp.service.jobs import Jobs
from cronapp.service.repairs import Repairs
from cronapp.service.runs import Runs
from cronapp.store import job_changes
from cronapp.store.store import Store

CODE = "from cronapp import task\n@task(schedule='0 3 * * *')\ndef nightly(n: int = 1): ...\n"


@pytest.fixture
def history(jobs: Jobs) -> History:
    return History(jobs)


def deploy(jobs: Jobs, text: str) -> None:
    Path(jobs.tasks.sources[0]).write_text(text)
    jobs.tasks.reload()


async def told(history: History, job_id: str = "hourly") -> list[tuple[str, str, int]]:
    """What happened, by whom, and the version after it; oldest first."""
    changes, _ = await history.page(job_id, limit=500)
    return [(change.kind.value, change.by, change.version) for change in changes[::-1]]


async def test_each_change_of_a_job_is_told_with_who_and_when(jobs: Jobs, history: History, clock: TurnedClock) -> None:
    await jobs.create(a_job(), origin="browser", by="ada")
    clock.turn(10)
    await jobs.edit("hourly", a_job(tags=["x"]), by="bob")
    await jobs.pause("hourly", "deploying", by="cleo", until=at("13:00"))
    await jobs.resume("hourly", "last", by="dan")
    await jobs.remove("hourly", by="eve")
    changes, following = await history.page("hourly")
    assert [(one.kind.value, one.by, one.version) for one in changes[::-1]] == [
        ("created", "ada", 1),
        ("edited", "bob", 2),
        ("paused", "cleo", 3),
        ("resumed", "dan", 4),
        ("removed", "eve", 4),
    ]
    assert following is None
    assert changes[-1].at == NOW
    assert changes[0].at == NOW + timedelta(seconds=10)
    assert changes[2].reason == "Until 2026-03-02 13:00:00 UTC: deploying"


async def test_an_edit_is_told_field_by_field_across_what_came_between(jobs: Jobs, history: History) -> None:
    await jobs.create(a_job(args={"name": "Ada"}), origin="api")
    await jobs.pause("hourly")
    await jobs.edit("hourly", a_job(args={"name": "Bob"}, timeout=60))
    await jobs.edit("hourly", a_job(args={"name": "Bob"}, timeout=60))
    (same, edited, paused, created), _ = await history.page("hourly")
    fields = {one.field: (one.old, one.new) for one in edited.fields(history.mask())}
    assert fields == {"args.name": ('"Ada"', '"Bob"'), "timeout": ("none", "1 min")}
    assert [one.fields(history.mask()) for one in (same, paused, created)] == [[], [], []]


async def test_pages_go_on_by_key_and_know_what_was_before_them(jobs: Jobs, history: History) -> None:
    await jobs.create(a_job(priority=0), origin="api")
    for n in range(1, 5):
        await jobs.edit("hourly", a_job(priority=n))
    seen, before = [], None
    while True:
        changes, before = await history.page("hourly", before=before, limit=2)
        seen += [(one.old, one.new) for change in changes for one in change.fields(history.mask())]
        if before is None:
            break
    assert seen == [("3", "4"), ("2", "3"), ("1", "2"), ("0", "1")]


async def test_a_job_from_before_there_were_histories_begins_with_what_it_was(
    store: Store, jobs: Jobs, history: History
) -> None:
    await put_job(store, tags=["old"])
    await jobs.pause("hourly", by="ada")
    assert await told(history) == [("paused", "ada", 2)]
    await jobs.edit("hourly", a_job(tags=["new"]), by="bob")
    assert await told(history) == [("paused", "ada", 2), ("baseline", "Cron-App", 2), ("edited", "bob", 3)]
    (edited, *_), _ = await history.page("hourly")
    assert [(one.old, one.new) for one in edited.fields(history.mask())] == [("old", "new")]


async def test_what_is_refused_or_rolled_back_leaves_no_trace(jobs: Jobs, history: History) -> None:
    await jobs.create(a_job(), origin="api", by="ada")
    with pytest.raises(EditConflict):
        await jobs.edit("hourly", a_job(tags=["x"]), version=7)
    with pytest.raises(InvalidInput):
        await jobs.edit("hourly", a_job(task="nowhere"))
    assert await told(history) == [("created", "ada", 1)]


async def test_what_the_code_and_cron_app_do_themselves_is_told_too(
    jobs: Jobs, runs: Runs, history: History, clock: TurnedClock
) -> None:
    deploy(jobs, CODE)
    await Declarations(jobs).declare()
    deploy(jobs, CODE.replace("0 3", "0 4"))
    await Declarations(jobs).declare()
    await jobs.edit("nightly", {"task": "nightly", "schedule": HOURLY}, by="ada")
    deploy(jobs, CODE.replace("0 3", "0 5"))
    await Declarations(jobs).declare()
    await Repairs(jobs).reset("nightly", by="ada")
    deploy(jobs, TASKS)
    await Declarations(jobs).hold_against_code()
    await Repairs(jobs).repoint("nightly", "hello", by="bob")
    assert await told(history, "nightly") == [
        ("created", "code", 1),
        ("edited", "code", 2),
        ("overridden", "ada", 3),
        ("code_changed", "code", 4),
        ("reset", "ada", 5),
        ("needs_attention", "Cron-App", 6),
        ("repointed", "bob", 7),
    ]
    (repointed, *_), _ = await history.page("nightly")
    assert [(one.label, one.old, one.new) for one in repointed.fields(history.mask())] == [("task", "nightly", "hello")]


async def test_a_job_that_pauses_by_itself_says_after_what(
    jobs: Jobs, runs: Runs, history: History, clock: TurnedClock
) -> None:
    job = await jobs.create(a_job(schedule=EACH_MINUTE, pause_after_failures=1), origin="api", by="ada")
    clock.turn(60)
    await runs.settle_due([job.key])
    run = await carry(runs, FAILED)
    (paused, _), _ = await history.page("hourly")
    assert (paused.kind, paused.by, paused.version) == (ChangeKind.PAUSED_ITSELF, "Cron-App", 2)
    assert paused.reason == f"1 failure, the last one run #{run.id}."


async def test_an_older_version_is_restored_and_that_is_a_change_as_well(jobs: Jobs, history: History) -> None:
    await jobs.create(a_job(tags=["first"], timeout=60), origin="api")
    await jobs.edit("hourly", a_job(tags=["second"]))
    await jobs.pause("hourly")
    found = await history.restoring("hourly", 1)
    assert [(one.field, one.old, one.new) for one in found.fields] == [
        ("timeout", "none", "1 min"),
        ("tags", "second", "first"),
    ]
    job = await history.restore("hourly", 1, by="ada", expected=3)
    assert (job.spec.tags, job.spec.timeout, job.version) == (("first",), 60, 4)
    assert job.state is JobState.PAUSED
    (restored, *_), _ = await history.page("hourly")
    assert (restored.kind, restored.by, restored.reason) == (ChangeKind.RESTORED, "ada", "Version 1.")
    with pytest.raises(Conflict, match="as it was in version 1"):
        await history.restore("hourly", 1)


async def test_a_version_is_restored_only_where_it_still_fits_and_nobody_was_quicker(
    jobs: Jobs, history: History
) -> None:
    await jobs.create(a_job(args={"name": "Ada"}), origin="api")
    await jobs.edit("hourly", a_job(task="fail"))
    with pytest.raises(EditConflict):
        await history.restore("hourly", 1, expected=1)
    for version in (0, 3, 99):
        with pytest.raises(InvalidInput, match="is not kept"):
            await history.restore("hourly", version)
    deploy(jobs, TASKS.replace("def hello(name", "def hello(day"))
    with pytest.raises(InvalidInput) as refused:
        await history.restore("hourly", 1)
    assert "args.name" in refused.value.errors
    assert (await jobs.get("hourly")).task == "fail"


async def test_secrets_stay_hidden_when_the_task_that_took_them_is_gone(jobs: Jobs, history: History) -> None:
    deploy(jobs, "from pydantic import SecretStr\ndef send(key: SecretStr, n: int = 1): ...\n" + TASKS)
    await jobs.create(a_job(task="send", args={"key": "hunter2"}), origin="api")
    await jobs.edit("hourly", a_job(task="send", args={"key": "hunter3"}))
    await jobs.edit("hourly", a_job())

    async def words() -> str:
        changes, _ = await history.page("hourly")
        fits = (await jobs.get("hourly")).fits
        return repr([change.fields(history.mask(fits)) for change in changes])

    assert "another secret" in await words()
    assert "hunter" not in await words()
    deploy(jobs, TASKS)
    assert "hunter" not in await words()


async def test_a_removed_job_keeps_its_history_until_it_is_pruned(
    jobs: Jobs, history: History, clock: TurnedClock
) -> None:
    await jobs.create(a_job(), origin="api", by="ada")
    await jobs.remove("hourly", by="bob")
    assert await told(history) == [("created", "ada", 1), ("removed", "bob", 1)]
    await jobs.create(a_job(), origin="api", by="cleo")
    assert await told(history) == [("created", "cleo", 1)]  # another job, though of the same id
    await jobs.remove("hourly", by="dan")
    clock.turn(86_400 * 8)
    assert await history.prune(keep_days=7) == 4
    with pytest.raises(JobNotFound):
        await history.page("hourly")


async def test_the_newest_changes_of_a_job_are_kept(
    store: Store, jobs: Jobs, history: History, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "KEPT", 2)
    job = await jobs.create(a_job(), origin="api")
    await jobs.create(a_job("other"), origin="api")
    for n in range(1, 6):
        await jobs.edit("hourly", a_job(priority=n))
    clock.turn(86_400 * 400)
    assert await history.prune(keep_days=7, batch=3) == 4
    assert await told(history) == [("edited", "somebody", 5), ("edited", "somebody", 6)]
    (newest, oldest), _ = await history.page("hourly")
    assert newest.before is not None
    assert oldest.before is None
    assert len(await told(history, "other")) == 1
    assert await store.read(job_changes.longer_than, 2) == []
    assert (await history.restore("hourly", 5)).key == job.key
