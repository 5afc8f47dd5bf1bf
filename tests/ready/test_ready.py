"""The ready-made tasks: none by default, those that are named, and what a tasks file has goes before them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextvars import Context
from pathlib import Path

import pytest
from errands import Carry, ended
from support import ROOT, TASKS
from visiting import page_of, settings_in, signed_in

from cronapp.app import App
from cronapp.config import load_settings
from cronapp.core.errors import CannotStart
from cronapp.core.ready import MODULES
from cronapp.ready.prune import prune
from cronapp.service.tasks import Tasks


def test_none_is_there_unless_it_is_named(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert not MODULES.keys() & Tasks(settings.tasks, ready=settings.ready_modules).registry.tasks.keys()
    named = load_settings({}, {"CRONAPP_READY_TASKS": "shell, sql"}, tmp_path)
    assert MODULES.keys() & Tasks((), ready=named.ready_modules).registry.tasks.keys() == {"shell", "sql"}
    with pytest.raises(CannotStart, match="no ready-made task 'shel'"):
        load_settings({}, {"CRONAPP_READY_TASKS": "shel"}, tmp_path)


def test_a_task_of_the_same_name_in_the_tasks_file_counts_and_the_other_is_told(tmp_path: Path) -> None:
    path = tmp_path / "tasks.py"
    path.write_text("def shell(): ...\n")
    tasks = Tasks([str(path)], ready=[MODULES["shell"], MODULES["http"]])
    assert tasks.get("shell").file == str(path)
    assert tasks.get("http").ready
    (error,) = tasks.registry.errors
    assert 'The task "shell" is defined twice' in error.error
    assert tasks.reload().tasks == 2


@pytest.mark.parametrize("name", MODULES)
def test_each_tells_what_it_does_and_what_each_argument_is(name: str) -> None:
    task = Tasks((), ready=[MODULES[name]]).get(name)
    assert task.summary
    assert task.problem is None
    assert [field.name for field in task.signature.fields() if not field.help] == []
    assert [one.name for one in task.signature.parameters if one.secret] == {
        "shell": ["secrets"],
        "http": ["secrets"],
        "sql": ["url"],
        "prune": [],
    }[name]


async def test_they_are_shown_as_ready_made(app: App) -> None:
    client = await signed_in(app)
    page = await page_of(client, "/tasks")
    assert page.text.count("ready-made") == 4
    assert "Carry out a command" in page.text
    shown = await page_of(client, "/tasks/shell")
    assert "It comes with Cron-App, and is switched on by" in shown.text
    form = await page_of(client, "/jobs/new?task=shell")
    assert form.all("input", name="args.command") or form.all("", name="args.command.0")


async def test_pruning_deletes_what_is_older_or_more_than_is_kept(app: App, carry: Carry) -> None:
    await app.jobs.create({"id": "busy", "task": "hello", "schedule": {"kind": "manual"}}, origin="api")
    for _ in range(3):
        await ended(app, await app.runs.run_now("busy"))
    run, lines = await carry("prune", keep_runs=1)
    assert (run.state, run.result, lines) == ("succeeded", {"deleted": 2}, ["2 runs deleted"])
    run, _ = await carry("prune", keep_days=1e-9)
    assert run.result == {"deleted": 2}, "the third, and the first one that pruned"


async def test_pruning_needs_a_server() -> None:
    with pytest.raises(RuntimeError, match="asks the server that runs it"):
        await asyncio.create_task(prune(), context=Context())


def test_the_commands_know_them_too(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    done = subprocess.run(
        [sys.executable, "-m", "cronapp", "tasks", "--json"],
        cwd=tmp_path,
        env={"CRONAPP_READY_TASKS": "shell", "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "shell" in {task["name"] for task in json.loads(done.stdout)}
