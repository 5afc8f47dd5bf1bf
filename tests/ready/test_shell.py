"""The ready-made task that carries out a command: its exit status, its output, its surroundings, and its end."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest
from errands import Begin, Carry, ended, texts
from support import until

from cronapp.app import App
from cronapp.core.errors import InvalidInput
from cronapp.core.models import RunState

STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
below = subprocess.Popen(["sleep", "600"])
print("pids", os.getpid(), below.pid, flush=True)
time.sleep(600)
"""


async def test_a_command_succeeds_with_its_output_and_no_shell_reads_its_arguments(carry: Carry) -> None:
    run, lines = await carry("shell", command=["printf", "%s\\n", "$HOME", "a b; rm -rf /"])
    assert (run.state, run.result) == ("succeeded", {"exit_status": 0})
    assert lines == ["$HOME", "a b; rm -rf /"]


async def test_an_exit_status_decides_and_may_be_called_good(carry: Carry) -> None:
    command = ["/bin/sh", "-c", "echo out; echo err >&2; exit 3"]
    run, lines = await carry("shell", command=command)
    assert run.state == "failed"
    assert run.error is not None
    assert (run.error.type, run.error.message) == (
        "CommandFailed",
        "/bin/sh ended with the exit status 3.",
    )
    assert sorted(lines) == ["err", "out"]
    run, _ = await carry("shell", command=command, good=[0, 3])
    assert (run.state, run.result) == ("succeeded", {"exit_status": 3})
    run, _ = await carry("shell", command=["/bin/sh", "-c", "kill -KILL $$"])
    assert run.error is not None
    assert run.error.message == "/bin/sh was ended by SIGKILL."


async def test_it_has_its_folder_its_variables_and_its_input_but_none_of_our_settings(
    app: App, carry: Carry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRONAPP_SECRET_KEY", "of-the-server")
    monkeypatch.setenv("ORDINARY", "of-the-machine")
    await app.services.secrets.put("STORED", "hunter3-hunter3")
    command = ["/bin/sh", "-c", "pwd; env; cat"]
    secrets = {"TOKEN": "hunter2-hunter2", "OTHER": {"secret": "STORED"}}
    given = {"environment": {"SHOP": "Kiel"}, "secrets": secrets}
    run, lines = await carry("shell", command=command, folder=str(tmp_path), input="first\nsecond\n", **given)
    assert run.state == "succeeded", run.error
    assert lines[0] == str(tmp_path)
    assert {"SHOP=Kiel", "TOKEN=********", "OTHER=********", "ORDINARY=of-the-machine"} <= set(lines)
    assert lines[-2:] == ["first", "second"]
    assert not [line for line in lines if "CRONAPP" in line or "hunter" in line]


@pytest.mark.parametrize(
    ("command", "folder", "told"),
    [
        (["no-such-program"], "", "The program 'no-such-program' cannot be used: No such file or directory."),
        (["true"], "/no/such/folder", "The folder '/no/such/folder' cannot be used: No such file or directory."),
        (["/etc/passwd"], "", "The program '/etc/passwd' cannot be used: Permission denied."),
    ],
)
async def test_what_cannot_be_started_is_told(carry: Carry, command: list[str], folder: str, told: str) -> None:
    run, _ = await carry("shell", command=command, folder=folder)
    assert (run.state, run.error and run.error.message) == ("failed", told)


async def test_a_command_without_a_program_is_refused_in_the_form(begin: Begin) -> None:
    with pytest.raises(InvalidInput) as caught:
        await begin("shell", command=[])
    assert set(caught.value.errors) == {"args.command"}


async def test_its_output_is_there_while_it_goes_on_and_cancelling_asks_it_to_stop(app: App, begin: Begin) -> None:
    script = "trap 'echo asked; exit 0' TERM; echo begun; while :; do sleep 0.05; done"
    run = await begin("shell", command=["/bin/sh", "-c", script])
    await until(lambda: has(app, run, "begun"))
    await app.runs.cancel(run.id)
    assert (await ended(app, run)).state == "cancelled"
    lines = await texts(app, run)
    assert (lines[0], lines[-1]) == ("begun", "asked")


async def has(app: App, run: object, text: str) -> bool:
    return text in await texts(app, run)  # type: ignore[arg-type]


async def test_one_that_does_not_heed_the_time_limit_is_killed_with_all_it_started(
    app: App, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.runner, "_grace", 0.5)
    run = await begin("shell", command=[sys.executable, "-c", STUBBORN])
    found = await until(lambda: pids(app, run))
    app.runner._live[run.id].stop.request(RunState.TIMED_OUT, "Its time is up.")  # as the timer of a limit does
    assert (await ended(app, run)).state == "timed_out"
    await until(lambda: not any(psutil.pid_exists(pid) for pid in found))


async def test_what_it_leaves_in_the_background_ends_with_it(carry: Carry) -> None:
    run, lines = await carry("shell", command=["/bin/sh", "-c", "sleep 600 & echo pids $!"])
    assert run.state == "succeeded"
    await until(lambda: not psutil.pid_exists(int(lines[0].split()[1])))


async def pids(app: App, run: object) -> list[int]:
    lines = [line for line in await texts(app, run) if line.startswith("pids")]  # type: ignore[arg-type]
    return [int(word) for word in lines[0].split()[1:]] if lines else []
