"""`cronapp check [TASKS…]`: whether the stored jobs fit the code; exit status 1 if one does not. It only looks."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from support import Server
from typer.testing import CliRunner

from cronapp.cli import command_line

TASKS = "def greet(day: str, n: int = 1): ...\n"


@pytest.fixture(autouse=True)
def _in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(*args: str) -> Result:
    return CliRunner().invoke(command_line("check"), ["check", *args])


def test_without_a_database_only_the_code_is_checked(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    told = check()
    assert (told.exit_code, told.stdout) == (0, "There is no job yet; 1 task was read.\n")
    assert not (tmp_path / "cronapp.db").exists()


def test_a_file_that_cannot_be_imported_fails_the_check(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("def greet(:")
    told = check()
    assert told.exit_code == 1
    assert "SyntaxError" in told.stderr


def test_a_database_of_an_older_version_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    with closing(sqlite3.connect(tmp_path / "cronapp.db")) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        database.execute("INSERT INTO alembic_version VALUES ('0001')")
        database.commit()
    told = check()
    assert told.exit_code == 1
    assert "Start `cronapp serve` once" in str(told.exception)


async def test_it_tells_what_does_not_fit_while_a_server_runs(server: Server) -> None:
    server.write_tasks(TASKS)
    server.start("--no-watch")
    for job, args in (("one", {"day": "x", "n": 2}), ("two", {"day": "x"})):
        body = {"id": job, "task": "greet", "args": args, "schedule": {"kind": "manual"}}
        assert server.api("POST", "/jobs", json=body).status_code == 201
    told = check()
    assert (told.exit_code, told.stdout) == (0, "2 jobs fit.\n")

    server.write_tasks("def greet(day: str): ...\n")
    told = check()
    assert told.exit_code == 1
    assert told.stdout == "one\n  The parameter `n` is gone; the job gives it 2.\n1 job fits, 1 does not.\n"
    assert json.loads(check("--json").stdout) == {
        "fit": 1,
        "unfit": [{"id": "one", "difference": ["The parameter `n` is gone; the job gives it 2."]}],
        "errors": [],
    }
    assert server.api("GET", "/jobs/one").json()["state"] == "active"  # the server has not read it yet
    assert server.stop() == 0
    told = check("tasks.py", "--database", f"sqlite:///{server.folder}/cronapp.db")
    assert told.exit_code == 1
