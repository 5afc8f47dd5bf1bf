"""`jobs.yaml` beside the tasks file declares jobs, as `@task(schedule=…)` does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import VAULT, TurnedClock

from cronapp.core.addressing import opened_url
from cronapp.core.registry import BOOK
from cronapp.engine.watcher import report
from cronapp.service.blackouts import Blackouts
from cronapp.service.declarations import Declarations
from cronapp.service.jobs import Jobs
from cronapp.service.review import review
from cronapp.service.tasks import Tasks
from cronapp.store.store import Store

CODE = """
from cronapp import task

def hello(name: str = "world"):
    pass

@task(schedule="0 4 * * *")
def own():
    pass
"""
NIGHTLY = """
jobs:
- id: nightly
  task: hello
  args: {name: Kiel}
  schedule: {kind: cron, expression: 0 3 * * *, timezone: Europe/Berlin}
  tags: [shops]
"""


@pytest.fixture
def here(tmp_path: Path, store: Store, blackouts: Blackouts, clock: TurnedClock) -> Declarations:
    (tmp_path / "tasks.py").write_text(CODE)
    (tmp_path / BOOK).write_text(NIGHTLY)
    tasks = Tasks([str(tmp_path / "tasks.py")], vault=VAULT)
    return Declarations(Jobs(store, tasks, blackouts, clock, "UTC"))


async def again(here: Declarations, text: str) -> None:
    """The file is another one, and is read again."""
    (Path(here.jobs.tasks.sources[0]).parent / BOOK).write_text(text)
    here.jobs.tasks.reload()
    await here.declare()


async def test_its_jobs_are_made_at_the_start_and_follow_the_file(here: Declarations) -> None:
    await here.declare()
    job = await here.jobs.get("nightly")
    assert (job.origin, job.spec.args, job.spec.tags) == ("code", {"name": "Kiel"}, ("shops",))
    await here.declare()
    assert (await here.jobs.get("nightly")).version == job.version, "nothing was changed"
    await again(here, NIGHTLY.replace("0 3", "0 4"))
    assert (await here.jobs.get("nightly")).next_slot == datetime(2026, 3, 3, 3, tzinfo=UTC)


async def test_what_somebody_changed_stays_until_it_is_taken_back(here: Declarations) -> None:
    await here.declare()
    job = await here.jobs.get("nightly")
    await here.jobs.edit("nightly", {"task": "hello", "schedule": {"kind": "manual"}}, by="ada")
    await again(here, NIGHTLY.replace("0 3", "0 4"))
    kept = await here.jobs.get("nightly")
    assert kept.spec != job.spec
    assert kept.code is not None
    assert kept.code["schedule"]["expression"] == "0 4 * * *"


async def test_a_file_that_is_wrong_is_told_and_hinders_nothing_else(here: Declarations) -> None:
    await again(here, "jobs:\n- id: nightly\n")
    [error] = here.jobs.tasks.registry.errors
    assert error.source.endswith(BOOK)
    assert "Line 2" in error.error
    assert {job.id for job in await here.jobs.all()} == {"own"}
    await again(here, NIGHTLY + "- {id: own, task: hello, schedule: {kind: manual}}\n")
    [error] = here.jobs.tasks.registry.errors
    assert "declared by @task of own already" in error.error
    assert (await here.jobs.get("own")).task == "own"


async def test_who_is_told_may_be_wrong_in_it_and_the_server_starts(here: Declarations) -> None:
    told = NIGHTLY + "  notify: [{ping: 'https://example.org/it'}]\n"
    for _ in range(2):
        await again(here, told)
    job = await here.jobs.get("nightly")
    [rule] = job.spec.notify
    assert (job.version, len(rule.all_urls())) == (1, 3)
    for wrong in ("[{on: [nothing]}]", "[nobody]", "7", "[{ping: 7}]", "[{channels: 7}]"):
        await again(here, f"{NIGHTLY}  notify: {wrong}\n")
        assert (await here.jobs.get("nightly")).spec.notify == (rule,), "it is told in the log, and nothing is changed"


async def test_an_address_of_its_is_in_the_environment_of_the_server(here: Declarations) -> None:
    url, known = "json://me:s3cret-word@example.org", {"TOLD": "s3cret-word"}
    here.jobs.tasks.variable = known.get
    notify = (
        "  notify: [{on: [failure], urls: ['json://me:${TOLD}@example.org'], ping: 'https://example.org/${CALLED}'}]\n"
    )
    await again(here, NIGHTLY + notify)
    [error] = here.jobs.tasks.registry.errors
    assert "Line 3: The job nightly: notify.0.ping: Set $CALLED to this address where the server runs" in error.error
    assert [job.id for job in await here.jobs.all()] == ["own"]
    for known["CALLED"], version in (("one", 1), ("one", 1), ("two", 2)):
        await again(here, NIGHTLY + notify)
        assert (await here.jobs.get("nightly")).version == version
    [rule] = (await here.jobs.get("nightly")).spec.notify
    opened = [opened_url(one, here.jobs.tasks.vault) for one in rule.all_urls()]
    assert opened == [url, *(f"https://example.org/{end}" for end in ("two/start", "two", "two/fail"))]


async def test_a_mistake_made_while_the_server_works_is_told_in_its_log(
    here: Declarations, caplog: pytest.LogCaptureFixture
) -> None:
    tasks = here.jobs.tasks
    (Path(tasks.sources[0]).parent / BOOK).write_text("jobs: [")
    report(tasks.reload(), tasks.sources)
    assert f"{BOOK} cannot be used: Line 1" in caplog.text


async def test_the_check_before_a_deployment_looks_at_it_too(here: Declarations, clock: TurnedClock) -> None:
    await again(here, NIGHTLY.replace("task: hello", "task: no_such_task"))
    found = review([], here.jobs.tasks, here.jobs.blackouts, timezone="UTC", now=clock())
    assert {one.job: bool(one.sentences) for one in found} == {"nightly": True, "own": False}


def test_the_file_is_watched_before_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(CODE)
    assert tmp_path / BOOK in Tasks([str(tmp_path / "tasks.py")]).files()
