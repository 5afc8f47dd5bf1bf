"""Jobs that the code left behind: kept, told, mended by one click; and what `cronapp check` finds of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recipes import EACH_MINUTE, HOURLY, NOW, a_job, at
from support import TurnedClock

from cronapp.core.errors import Conflict, InvalidInput, TaskGone
from cronapp.core.events import Event
from cronapp.core.models import Job, JobState
from cronapp.core.spec import spec_to_json
from cronapp.service.blackouts import Blackouts
from cronapp.service.declarations import Declarations
from cronapp.service.jobs import Jobs
from cronapp.service.repairs import Repairs
from cronapp.service.review import review
from cronapp.service.runs import Runs
from cronapp.service.tasks import Tasks
from cronapp.store.jobs import all_jobs
from cronapp.store.looking import look

Deploy = Callable[[str], Any]
GREET = "def greet(day: str, n: int = 1):\n    print(day, n)\n"
MOVED = "def greet(count: int):\n    print(count)\n"


@pytest.fixture
def repairs(jobs: Jobs) -> Repairs:
    return Repairs(jobs)


@pytest.fixture
def deploy(tasks: Tasks, jobs: Jobs, tmp_path: Path) -> Deploy:
    """Reads another tasks file, as a server does that starts with it or sees it change."""

    async def read(text: str) -> None:
        (tmp_path / "tasks.py").write_text(text)
        tasks.reload()
        await Declarations(jobs).declare()
        await Declarations(jobs).hold_against_code()

    return read


async def greet(jobs: Jobs, deploy: Deploy, **fields: Any) -> Job:
    """A job of the task `greet`, each minute."""
    await deploy(GREET)
    job = a_job("greet", task="greet", schedule=EACH_MINUTE, args={"day": "2026-01-31", "n": 7}, **fields)
    return await jobs.create(job, origin="api")


def spec_but(job: Job, *fields: str) -> dict[str, Any]:
    return {name: value for name, value in spec_to_json(job.spec).items() if name not in fields}


async def test_arguments_that_can_be_fixed_without_a_guess_are_and_nothing_else_changes(
    jobs: Jobs, runs: Runs, repairs: Repairs, deploy: Deploy, clock: TurnedClock
) -> None:
    before = await greet(jobs, deploy, timeout=60, tags=["a"])
    await deploy(MOVED)
    clock.turn(5 * 60 + 30)
    job = await repairs.fit("greet")
    assert (job.state, job.reason, job.spec.args) == (JobState.ACTIVE, None, {"count": 7})
    assert spec_but(job, "args") == spec_but(before, "args")
    await runs.settle_due([job.key])  # what passed meanwhile goes by the misfire rule
    ledger, _ = await runs.of_job(job)
    assert [(run.slot, run.state.value, run.missed) for run in ledger] == [
        (at("12:05"), "queued", 1),
        (at("12:04"), "missed", 4),
    ]


async def test_a_gone_task_is_replaced_by_another_and_the_arguments_go_along(
    jobs: Jobs, repairs: Repairs, deploy: Deploy
) -> None:
    before = await greet(jobs, deploy)
    await deploy(GREET.replace("greet", "hail"))
    found = jobs.difference(await jobs.get("greet"))
    assert found is not None
    assert [one.task for one in found.candidates] == ["hail"]
    job = await repairs.repoint("greet", "hail")
    assert (job.state, job.task, job.spec.args) == (JobState.ACTIVE, "hail", before.spec.args)
    assert spec_but(job, "task") == spec_but(before, "task")


async def test_arguments_that_do_not_fit_the_other_task_stay_until_somebody_says_what_to_give(
    jobs: Jobs, repairs: Repairs, deploy: Deploy
) -> None:
    before = await greet(jobs, deploy)
    await deploy("def hail(day: str, n: int, to: str): ...")
    job = await repairs.repoint("greet", "hail")
    assert (job.state, job.task, job.spec.args) == (JobState.NEEDS_ATTENTION, "hail", before.spec.args)
    assert job.reason == "A parameter `to` (text) was added, and the job gives none."


async def test_a_paused_job_is_mended_and_stays_paused_for_its_reason(
    jobs: Jobs, repairs: Repairs, deploy: Deploy
) -> None:
    await greet(jobs, deploy)
    paused = await jobs.pause("greet", "Holidays.", by="Ada")
    await deploy(MOVED)
    job = await repairs.fit("greet")
    assert (job.state, job.reason, job.pause, job.next_slot) == (JobState.PAUSED, "Holidays.", paused.pause, None)
    assert job.spec.args == {"count": 7}


async def test_what_needs_no_mending_or_a_guess_is_refused(jobs: Jobs, repairs: Repairs, deploy: Deploy) -> None:
    await greet(jobs, deploy)
    for mending in (repairs.fit("greet"), repairs.repoint("greet", "greet"), repairs.reset("greet")):
        with pytest.raises(Conflict):
            await mending
    await deploy("def greet(region: bool): ...")
    with pytest.raises(Conflict, match="without a guess"):
        await repairs.fit("greet")
    with pytest.raises(InvalidInput, match="There is no task"):
        await repairs.repoint("greet", "nobody")
    await deploy("")
    with pytest.raises(TaskGone):
        await repairs.fit("greet")


async def test_a_job_remembers_what_its_task_was_like_when_it_fitted_last(
    jobs: Jobs, deploy: Deploy, events: list[Event]
) -> None:
    made = await greet(jobs, deploy)
    assert [one["name"] for one in (made.fits or {})["parameters"]] == ["day", "n"]
    events.clear()
    await deploy("def greet(day: str, n: float = 2, more: str = ''): ...")  # other, but the arguments fit
    job = await jobs.get("greet")
    assert [one["type"] for one in (job.fits or {})["parameters"]] == ["text", "number", "text"]
    assert (job.state, job.version, events) == (JobState.ACTIVE, made.version, [])
    await deploy("def greet(day: str, n: bool): ...")  # they do not, so the last fitting one is kept
    assert (await jobs.get("greet")).fits == job.fits


async def test_a_job_from_code_is_given_back_to_the_code(jobs: Jobs, repairs: Repairs, deploy: Deploy) -> None:
    text = "from cronapp import task\n@task(schedule='0 3 * * *', timeout='10m')\ndef nightly(): ..."
    await deploy(text)
    code = await jobs.get("nightly")
    assert repairs.overrides(code) == []
    changed = await jobs.edit("nightly", {**spec_to_json(code.spec), "timeout": 60, "schedule": HOURLY})
    assert [(one.field, one.old, one.new) for one in repairs.overrides(changed)][1] == ("timeout", "10 min", "1 min")
    job = await repairs.reset("nightly")
    assert (job.spec, repairs.overrides(job)) == (code.spec, [])
    await deploy(text.replace("10m", "20m"))  # and it follows the code again
    assert (await jobs.get("nightly")).spec.timeout == 1200


async def test_a_file_that_cannot_be_read_again_keeps_its_last_good_tasks(
    jobs: Jobs, tasks: Tasks, deploy: Deploy
) -> None:
    await greet(jobs, deploy)
    await deploy("def greet(:")
    assert (await jobs.get("greet")).state is JobState.ACTIVE
    (stale,) = tasks.stale
    assert "SyntaxError" in stale.error
    await deploy(GREET)
    assert tasks.stale == ()


async def test_a_module_that_the_tasks_file_imports_is_read_again_too(tasks: Tasks, tmp_path: Path) -> None:
    helper = tmp_path / "a_helper_of_repairs.py"
    helper.write_text("WORD = 'one'")
    (tmp_path / "tasks.py").write_text("from a_helper_of_repairs import WORD\ndef word():\n    return WORD\n")
    tasks.reload()
    assert helper in tasks.files()
    helper.write_text("WORD = 'another'")
    tasks.reload()
    assert tasks.get("word").function() == "another"
    helper.write_text("WORD = ")
    assert tasks.reload().stale
    assert tasks.get("word").function() == "another"


async def test_the_check_finds_what_the_next_start_would(
    jobs: Jobs, tasks: Tasks, blackouts: Blackouts, deploy: Deploy, database_url: str, tmp_path: Path
) -> None:
    await greet(jobs, deploy)
    head = "from cronapp import task\n"
    await deploy(GREET + head + "@task(schedule='0 3 * * *', args={'n': 1})\ndef nightly(n: int): ...")
    await jobs.create(a_job("after", task="nightly", args={"n": 1}, after={"jobs": ["greet"]}), origin="api")
    await jobs.remove("greet")
    await jobs.create(a_job("greet", task="greet", args={"day": "x"}), origin="api")
    assert [one.sentences for one in found(database_url, tasks, blackouts)] == [(), (), ()]

    await jobs.remove("greet")
    (tmp_path / "tasks.py").write_text(
        head
        + "@task(schedule='0 3 * * *', args={'day': 2})\ndef nightly(day: int): ...\n"  # follows the code
        + "@task(schedule='0 3 * * *', args={'n': 'x'})\ndef weekly(n: int): ...\n"
    )
    told = {one.job: one.sentences for one in found(database_url, Tasks(tasks.sources), blackouts)}
    assert told["nightly"] == ()
    assert told["after"] == (
        "`n` seems to be called `day` now; the job gives 1 as `n`.",
        "It runs after `greet`, and there is no job of this id.",
    )
    (weekly,) = told["weekly"]
    assert "The job that `weekly` declares cannot be used." in weekly
    assert (await jobs.get("after")).state is JobState.ACTIVE  # it was only looked at


def found(url: str, tasks: Tasks, blackouts: Blackouts) -> list[Any]:
    stored = look(url, all_jobs)
    assert stored is not None
    return review(stored, tasks, blackouts, timezone="UTC", now=NOW)
