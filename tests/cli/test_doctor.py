"""`cronapp doctor` and `cronapp migrate`."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
from pathlib import Path

import pytest
from click.testing import Result
from databases import with_tables
from support import TASKS, Server
from typer.testing import CliRunner

from cronapp.cli import command_line
from cronapp.store.migrating import newest


@pytest.fixture(autouse=True)
def _in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks.py").write_text(TASKS)


def doctor(*args: str) -> Result:
    return CliRunner().invoke(command_line("doctor"), ["doctor", "--port", "0", *args])


def found(*args: str) -> dict[str, tuple[str, str]]:
    return {one["about"]: (one["verdict"], one["text"]) for one in json.loads(doctor("--json", *args).stdout)}


def test_before_the_first_start_all_is_good_but_that_nobody_can_sign_in() -> None:
    told = doctor()
    assert told.exit_code == 0
    assert {name: verdict for name, (verdict, _) in found().items() if verdict != "good"} == {"sign-in": "care"}
    assert "✓ tasks" in told.stdout
    assert not Path("cronapp.db").exists(), "nothing is made"


def test_what_is_wrong_is_told_with_what_to_do(tmp_path: Path) -> None:
    with_tables(tmp_path / "cronapp.db")
    key = tmp_path / "cronapp.db.key"
    key.write_text("k" * 40)
    key.chmod(0o644)
    (tmp_path / "tasks.py").write_text("def broken(:\n")
    ahead = time.time() + 3600
    os.utime(tmp_path / "cronapp.db", (ahead, ahead))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wrong = found("--port", str(taken.getsockname()[1]))
        assert doctor("--port", str(taken.getsockname()[1])).exit_code == 1
    bad = {name: text for name, (verdict, text) in wrong.items() if verdict == "wrong"}
    assert bad.keys() == {"tasks", "key", "clock", "port"}
    assert f"chmod 600 {key.name}" in bad["key"]
    assert "the clock was set back" in bad["clock"]
    assert "Stop that one, or choose another" in bad["port"]
    assert "line 1" in bad["tasks"]


def test_an_unknown_setting_and_a_host_without_an_account_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Make an account first" in found("--host", "0.0.0.0")["settings"][1]
    monkeypatch.setenv("CRONAPP_PROT", "80")
    assert found()["settings"] == (
        "wrong",
        "CRONAPP_PROT is no setting; did you mean CRONAPP_PORT. Remove it or correct its name.",
    )


def test_a_job_that_no_longer_fits_and_a_server_that_runs_are_told(server: Server) -> None:
    server.start("--no-watch")
    job = {"id": "greet", "task": "hello", "schedule": {"kind": "manual"}}
    assert server.api("POST", "/jobs", json=job).status_code == 201
    port = server.url.rpartition(":")[2]
    well = found("--port", port)
    assert well["port"] == ("good", f"A Cron-App server answers on 127.0.0.1, port {port}.")
    assert well["jobs"] == ("good", "1 fits the code.")
    (server.folder / "tasks.py").write_text("def other():\n    pass\n")
    assert found("--port", port)["jobs"] == ("wrong", "1 no longer fit their tasks: greet. See why: cronapp check")
    assert server.stop() == 0


def test_a_database_is_brought_up_to_date_by_hand(tmp_path: Path) -> None:
    migrate = ["migrate", "--database", f"sqlite:///{tmp_path / 'x.db'}"]
    assert (
        CliRunner().invoke(command_line("migrate"), migrate).stdout
        == f"The database is brought from nothing to {newest()}.\n"
    )
    assert "already" in CliRunner().invoke(command_line("migrate"), migrate).stdout
    with sqlite3.connect(tmp_path / "y.db") as conn:
        conn.execute("CREATE TABLE alembic_version (version_num TEXT)")
        conn.execute("INSERT INTO alembic_version VALUES ('0003')")
    conn.close()
    assert "older version" in found("--database", f"sqlite:///{tmp_path / 'y.db'}")["database"][1]


def test_a_newer_database_beside_which_this_version_works_is_told_as_that(tmp_path: Path) -> None:
    with sqlite3.connect(with_tables(tmp_path / "cronapp.db")) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    conn.close()
    text = "cronapp.db is of a newer version, beside which this one works, with 0 jobs."
    assert found()["database"] == ("good", text)
