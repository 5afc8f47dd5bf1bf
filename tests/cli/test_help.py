"""The command line teaches: each command has its line in the docs and its words, and an example."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cronapp.cli import HOME, command_line

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text("utf-8")
LISTS = ("jobs", "runs", "secret", "user", "token")


def commands(of: Any, *before: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in of.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *before, name)
        else:
            yield (*before, name), command


CLI = command_line()
EVERY = dict(commands(get_command(CLI)))


@pytest.mark.parametrize("names", EVERY, ids=" ".join)
def test_a_command_says_what_it_does_here_and_in_the_docs(names: tuple[str, ...]) -> None:
    told = CliRunner().invoke(CLI, [*names, "--help"])
    assert told.exit_code == 0
    assert re.search(rf"^  .*cronapp {' '.join(names)}\b", told.stdout, re.MULTILINE), "an example"
    first = rf"`cronapp {names[0]}( {names[-1]})?\b"
    rows = [row for row in DOCS.splitlines() if row.startswith("| `cronapp") and re.search(first, row)]
    assert any(len(names) == 1 or f"`{names[-1]}`" in row or f" {names[-1]}`" in row for row in rows), names


@pytest.mark.parametrize("group", LISTS)
def test_what_lists_tells_it_to_programs_too(group: str) -> None:
    assert "--json" in CliRunner().invoke(CLI, [group, "list", "--help"]).stdout


@pytest.mark.parametrize("name", HOME)
def test_a_command_is_in_the_module_that_is_loaded_for_it(name: str) -> None:
    alone: Any = get_command(command_line(name))
    assert name in alone.commands
    assert {each for each, home in HOME.items() if home == HOME[name]} == set(alone.commands)


def test_each_command_has_a_module() -> None:
    assert {names[0] for names in EVERY} == set(HOME)


def test_what_asks_a_running_server_loads_no_server() -> None:
    code = "import sys; from cronapp.cli import command_line; command_line('jobs'); print('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
