"""Carries out a command."""

from __future__ import annotations

import os
import signal
import subprocess  # nosec B404 # that is what this task is for
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, SecretStr

from cronapp import RunCancelled, task

OURS = "CRONAPP_"


class CommandFailed(Exception):
    """The command could not be started, or ended with an exit status that is none of the good ones."""


@task(run_in="process")
def shell(
    command: Annotated[list[str], Field(min_length=1)],
    folder: str = "",
    environment: dict[str, str] = {},
    secrets: dict[str, SecretStr] = {},
    input: Annotated[str, Field(json_schema_extra={"format": "multiline"})] = "",
    good: list[int] = [0],
) -> dict[str, int]:
    """Carry out a command, and fail if its exit status says so.

    The command is a program and its arguments, one by one. No shell reads them, so nothing in them has a meaning of its
    own; for pipes and the like call one: `/bin/sh`, `-c`, and the line.

    It is carried out in a process of its own, and whatever it prints is shown at once. When the run is cancelled or
    takes too long, the command and all it started get SIGTERM, and ten seconds later SIGKILL. What it leaves behind in
    the background is ended with it, and so is all of it when the server dies.

    Args:
        command: The program, and each argument in a row of its own.
        folder: Where it is carried out; if not given, where the server is.
        environment: Variables, besides those of the server. The server's own settings (CRONAPP_…) are not among them.
        secrets: Further variables, of which the values are kept encrypted and masked in what the command prints.
        input: What it reads from its standard input; if not given, there is nothing to read.
        good: Exit statuses that are a success.
    """
    hidden = {name: value.get_secret_value() for name, value in secrets.items()}
    status = _carry_out(command, folder, {**environment, **hidden}, input)
    if status not in good:
        raise CommandFailed(_words(command[0], status))
    return {"exit_status": status}


def _carry_out(command: list[str], folder: str, environment: Mapping[str, str], text: str) -> int:
    """Its output goes where this process's own goes, so nobody has to pass it on."""
    around = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    try:
        process = subprocess.Popen(  # nosec B603 # a list of arguments, which no shell reads
            command,
            cwd=folder or None,
            env={**around, **environment},
            stdin=subprocess.PIPE if text else subprocess.DEVNULL,
        )
    except OSError as error:
        what = f"The folder {folder!r}" if folder and error.filename == folder else f"The program {command[0]!r}"
        raise CommandFailed(f"{what} cannot be used: {error.strerror}.") from None
    try:
        process.communicate(text.encode() if text else None)
    except RunCancelled:
        process.wait()  # it was asked to stop too; if it does not, it is killed with this process
        raise
    return process.returncode


def _words(program: str, status: int) -> str:
    if status >= 0:
        return f"{program} ended with the exit status {status}."
    return f"{program} was ended by {signal.Signals(-status).name}."
