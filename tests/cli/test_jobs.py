"""`cronapp jobs`, `runs` and `logs` against a real server."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from support import TASKS, TOKEN, Server
from typer.testing import CliRunner

from cronapp.cli import command_line, given, shown
from cronapp.cli.remote import job_ids, run_numbers, task_names
from cronapp.client import Client

MORE = '''

def asks(text: str, count: int = 1, maybe: str | None = None, any_kind=None):
    """Tell what came."""
    print(repr((text, count, maybe, any_kind)))
'''


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("house"), TASKS + MORE, {"CRONAPP_API_RATE": "0"})
    yield server.start("--no-watch")
    assert server.stop() == 0


@pytest.fixture
def ask(house: Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls the command; answers what it says, or fails where the exit status is another one."""
    monkeypatch.setenv("CRONAPP_URL", house.url)
    monkeypatch.setenv("CRONAPP_TOKEN", TOKEN)

    def asked(*args: str, status: int = 0, typed: str | None = None) -> Result:
        result = CliRunner().invoke(command_line(args[0]), list(args), input=typed)
        assert result.exit_code == status, (result.stdout, result.stderr, result.exception)
        return result

    return asked


def test_a_job_is_made_shown_changed_run_paused_and_removed(ask: Any) -> None:
    when = ("--cron", "0 3 * * mon-fri", "--tz", "Europe/Berlin")
    said = ("--arg", "name=Kiel", "--tag", "shops", "--set", "timeout=10m", "--set", "retry.max_attempts=4")
    assert "nightly is made, next at " in ask("jobs", "add", "nightly", "hello", *when, *said).stdout
    job = json.loads(ask("jobs", "show", "nightly", "--json").stdout)
    assert job["schedule"] == {"kind": "cron", "expression": "0 3 * * mon-fri", "timezone": "Europe/Berlin"}
    assert (job["args"], job["tags"], job["timeout"], job["retry"]["max_attempts"]) == (
        {"name": "Kiel"},
        ["shops"],
        600,
        4,
    )
    told = ask("jobs", "show", "nightly").stdout
    assert "0 3 * * mon-fri" in told
    assert "Europe/Berlin" in told
    ask("jobs", "edit", "nightly", "--set", "misfire.grace=2h", "--set", "tags=shops,daily", "--arg", "times=2")
    job = json.loads(ask("jobs", "show", "nightly", "--json").stdout)
    assert (job["misfire"]["grace"], job["tags"]) == (7200, ["shops", "daily"])
    assert job["args"] == {"name": "Kiel", "times": 2}
    followed = ask("jobs", "run", "nightly", "--arg", "times=1", "--follow")
    assert followed.stdout == "hello Kiel\n"
    assert "nightly succeeded" in followed.stderr
    [listed] = ask("jobs", "list", "--tag", "daily").stdout.splitlines()
    assert listed.split()[:2] == ["nightly", "active"]
    assert ask("jobs", "pause", "nightly", "--reason", "a test", "--until", "2h").stdout.startswith(
        "nightly is paused until"
    )
    assert "nightly is active" in ask("jobs", "resume", "nightly").stdout
    assert "Remove nightly?" in ask("jobs", "remove", "nightly", typed="n\n", status=1).stderr
    assert ask("jobs", "remove", "nightly", "--yes").stdout == "nightly is removed.\n"
    assert "no job" in ask("jobs", "show", "nightly", status=1).stderr.lower()


EDITOR = """
import pathlib, sys
steps = pathlib.Path(sys.argv[1])
number = len(list(steps.glob("seen-*")))
file = pathlib.Path(sys.argv[2])
text = file.read_text()
(steps / f"seen-{number}").write_text(text)
exec((steps / f"do-{number}").read_text())
file.write_text(text)
"""
"""An editor that notes what it is shown, and does what the next file says."""


def test_a_job_is_changed_in_an_editor_until_it_can_be_saved(
    ask: Any, house: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "editor.py").write_text(EDITOR)
    monkeypatch.setenv("VISUAL", f"{sys.executable} {tmp_path / 'editor.py'} {tmp_path}")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ask("jobs", "add", "edited", "hello", "--arg", "name=Kiel", "--set", "timeout=10m", "--tag", "a")

    def does(*steps: str) -> None:
        for old in tmp_path.glob("seen-*"):
            old.unlink()
        for number, step in enumerate(steps):
            (tmp_path / f"do-{number}").write_text(step)

    does("pass")
    assert ask("jobs", "edit", "edited").stdout == "Nothing is changed.\n"
    assert "# The job edited, version 1." in (tmp_path / "seen-0").read_text()
    does(
        "text = text.replace('timeout: 600', 'timeout: soon')",
        "text = text.replace('timeout: soon', 'timeout: [')",
        "text = text.replace('timeout: [', 'timeout: 20m')",
    )
    assert ask("jobs", "edit", "edited").stdout == "edited is changed.\n"
    assert (tmp_path / "seen-1").read_text().startswith("# timeout: ")
    assert "# Line " in (tmp_path / "seen-2").read_text()
    job = json.loads(ask("jobs", "show", "edited", "--json").stdout)
    assert (job["timeout"], job["args"], job["version"]) == (1200, {"name": "Kiel"}, 2)

    meanwhile = f"""
from cronapp.client import Client
with Client({house.url!r}, {TOKEN!r}) as api:
    api.change_job("edited", {{"tags": ["b"], "priority": 3}})
text = text.replace("- a", "- mine")
"""
    does(meanwhile, "pass")
    assert ask("jobs", "edit", "edited").stdout == "edited is changed.\n"
    shown = (tmp_path / "seen-1").read_text()
    assert "# Somebody else saved the job meanwhile, as version 3." in shown
    assert "# priority: 0 → 3; taken over" in shown
    assert "# tags: a → b; you changed it too, and yours stands below" in shown
    job = json.loads(ask("jobs", "show", "edited", "--json").stdout)
    assert (job["tags"], job["priority"]) == (["mine"], 3)

    does("sys.exit(3)")
    assert ask("jobs", "edit", "edited", status=1).stderr.endswith("status 3, and nothing is changed.\n")
    does("text = text.replace('id: edited', 'id: other')", "pass")
    left = ask("jobs", "edit", "edited", status=1).stderr
    assert "nothing is changed" in left
    assert "id: other" in Path(left.split()[-1].rstrip(".")).read_text()


def test_a_past_window_is_run_and_waited_for(ask: Any) -> None:
    ask("jobs", "add", "daily", "hello", "--cron", "0 3 * * *", "--tz", "UTC")
    window = ("jobs", "backfill", "daily", "--from", "2026-01-01", "--to", "2026-01-04")
    planned = ask(*window, "--dry-run")
    assert planned.stdout.splitlines() == [f"2026-01-0{day}T03:00Z" for day in (1, 2, 3)]
    assert planned.stderr == "3 slots. 0 have succeeded, or run now.\n"
    followed = ask(*window, "--max-running", "2", "--arg", "name=Kiel", "--follow")
    assert (followed.stdout, followed.stderr) == ("3 succeeded, 0 failed, 0 were cancelled.\n", ""), "a pipe has no bar"
    assert "3 slots of daily" in ask(*window, "--rerun").stdout
    assert "from" in ask("jobs", "backfill", "daily", "--from", "x", "--to", "2026-01-04", status=1).stderr


def test_a_terminal_tells_how_far_a_run_is(house: Server) -> None:
    """In its last line, which is gone at the end."""
    with Client(house.url, TOKEN) as api:
        api.create_job({"id": "far", "task": "steps", "args": {"delay": 0.2}, "schedule": {"kind": "manual"}})
    main, other = pty.openpty()
    command = [sys.executable, "-m", "cronapp", "jobs", "run", "far", "--follow", "--url", house.url, "--token", TOKEN]
    with subprocess.Popen(command, stdout=other, stderr=other, env=os.environ | {"COLUMNS": "80"}) as process:
        os.close(other)
        seen = b""
        with suppress(OSError):  # the end of a terminal
            while more := os.read(main, 4096):
                seen += more
        os.close(main)
    assert process.returncode == 0
    told = seen.decode()
    assert re.search(r"\[#+-*\]  \d+ of 10  step \d", told)
    stays = [line.rpartition("\x1b[K")[2] for line in told.split("\r\n")]
    assert [line for line in stays if line.startswith("step")] == [f"step {n}" for n in range(10)]
    assert not any("[#" in line for line in stays)


def test_runs_are_listed_shown_tried_again_and_cancelled(ask: Any) -> None:
    ask("jobs", "add", "fails", "fail")
    assert "fails failed: ValueError: no figures" in ask("jobs", "run", "fails", "-f", status=1).stderr
    [number] = [row.split()[0] for row in ask("runs", "list", "--job", "fails").stdout.splitlines()]
    told = ask("runs", "show", number).stdout
    assert "ValueError: no figures" in told
    again = json.loads(ask("runs", "retry", number, "--json").stdout)
    assert (again["first_attempt"], again["trigger"]) == (int(number), "api")
    assert "failed" in ask("logs", "fails", "--follow", status=1).stderr
    assert len(json.loads(ask("runs", "list", "--state", "failed", "--job", "fails", "--json").stdout)) == 2
    ask("jobs", "add", "holds", "hold", "--arg", "seconds=60")
    held = json.loads(ask("jobs", "run", "holds", "--json").stdout)["id"]
    assert "holds is" in ask("runs", "cancel", str(held)).stdout
    assert "cancelled" in ask("logs", f"#{held}", "-f", status=1).stderr
    assert "has ended" in ask("runs", "cancel", str(held), status=1).stderr
    ask("jobs", "add", "idle", "hello")
    assert "has had no run yet" in ask("logs", "idle", status=1).stderr


def test_a_log_is_shown_by_its_streams_and_as_json(ask: Any) -> None:
    ask("jobs", "add", "stepping", "steps", "--arg", "count=3")
    ask("jobs", "run", "stepping", "--follow")
    assert ask("logs", "stepping").stdout.splitlines() == ["step 0", "step 1", "step 2"]
    lines = [json.loads(line) for line in ask("logs", "stepping", "--json", "--after", "1").stdout.splitlines()]
    assert [(line["seq"], line["text"]) for line in lines] == [(2, "step 1"), (3, "step 2")]
    timed = ask("logs", "stepping", "--times").stdout.splitlines()[0]
    assert timed.endswith("Z step 0")


def test_arguments_are_read_as_the_task_takes_them(ask: Any) -> None:
    each = ("--arg", "text=5", "--arg", "count=5", "--arg", "maybe=null", "--arg", "any_kind=[1, 2]")
    ask("jobs", "add", "asks", "asks", *each)
    assert json.loads(ask("jobs", "show", "asks", "--json").stdout)["args"] == {
        "text": "5",
        "count": 5,
        "maybe": None,
        "any_kind": [1, 2],
    }
    assert ask("jobs", "run", "asks", "--args", '{"text": "x"}', "-f").stdout == "('x', 5, None, [1, 2])\n"
    assert "count" in ask("jobs", "run", "asks", "--arg", "count=many", status=1).stderr


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (("jobs", "add", "x", "hello", "--arg", "name"), 2, "NAME=VALUE"),
        (("jobs", "add", "x", "hello", "--args", "[1]"), 2, "A JSON object is expected"),
        (("jobs", "add", "x", "hello", "--set", "tmeout=5"), 2, "There is no field tmeout"),
        (("jobs", "add", "x", "hello", "--cron", "61 * * * *"), 1, "schedule.expression"),
        (("jobs", "add", "x", "no_such_task"), 1, "no_such_task"),
        (("jobs", "edit", "x"), 1, "no job"),
        (("logs", "no-such-job"), 1, "no job"),
        (("runs", "show", "99999"), 1, "no run"),
        (("jobs", "list", "--url", "http://127.0.0.1:9"), 3, "cannot be reached"),
        (("jobs", "list", "--token", "wrong"), 1, "no such token"),
    ],
)
def test_what_cannot_be_is_told_in_one_line_with_its_exit_status(
    ask: Any, args: tuple[str, ...], status: int, words: str
) -> None:
    refused = ask(*args, status=status)
    assert words.lower() in " ".join(refused.stderr.replace("│", "").split()).lower()
    assert refused.stdout == ""


def test_a_shell_completes_ids_tasks_and_numbers(ask: Any, house: Server) -> None:
    typed: Any = SimpleNamespace(params={"url": house.url, "token": TOKEN})
    ask("jobs", "add", "complete-me", "hello")
    assert job_ids(typed, "compl") == ["complete-me"]
    assert "hello" in task_names(typed, "he")
    assert all(number.startswith("1") for number in run_numbers(typed, "1"))
    typed.params["url"] = "http://127.0.0.1:9"
    assert job_ids(typed, "") == []


def test_colours_and_heads_are_for_who_looks_at_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [["a", shown.state_of("failed"), "x" * 300], ["b\nc", "y", "\x1b]0;evil\x07"]]
    shown.table(("id", "state", "more"), rows, none="nothing")
    plain = capsys.readouterr().out
    assert plain.splitlines()[0] == f"a    failed  {'x' * 300}"
    assert "\x1b" not in plain
    assert "b c" in plain
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert shown.state_of("failed").startswith("\x1b[31m")
    shown.table(("id", "state", "more"), rows, none="nothing")
    heads, first, _ = capsys.readouterr().out.splitlines()
    assert "state" in heads
    assert first.endswith("…")
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown.state_of("failed") == "failed"


def test_texts_of_fields_are_read_as_what_they_are() -> None:
    assert given.fields(["timeout=10m", "max_running=3", "tags=a, b", "group=null", 'after={"jobs": ["x"]}']) == {
        "timeout": "10m",
        "max_running": 3,
        "tags": ["a", "b"],
        "group": None,
        "after": {"jobs": ["x"]},
    }
    assert given.fields(["retry.on=ValueError,lost", "description=5"]) == {
        "retry": {"on": ["ValueError", "lost"]},
        "description": "5",
    }
