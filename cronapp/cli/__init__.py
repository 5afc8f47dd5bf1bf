"""The `cronapp` command: one file per noun; a command is a few lines that call the app or a service."""

from __future__ import annotations

import sys

import typer

from cronapp.cli import (
    book,
    check,
    doctor,
    drain,
    jobs,
    logs,
    migrate,
    runs,
    schedule,
    secret,
    serve,
    tasks,
    tokens,
    users,
)
from cronapp.core.errors import CannotStart

cli = typer.Typer(
    name="cronapp",
    help="Python functions on a schedule, with a live dashboard.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
serve.add_to(cli)
tasks.add_to(cli)
check.add_to(cli)
doctor.add_to(cli)
migrate.add_to(cli)
schedule.add_to(cli)
jobs.add_to(cli)
runs.add_to(cli)
logs.add_to(cli)
book.add_to(cli)
drain.add_to(cli)
secret.add_to(cli)
tokens.add_to(cli)
users.add_to(cli)


def main() -> None:
    """Runs the command line. A start that is refused is told in one clear line, with exit status 1."""
    try:
        cli()
    except CannotStart as error:
        print(f"cronapp: {error}", file=sys.stderr)
        raise SystemExit(1) from None
