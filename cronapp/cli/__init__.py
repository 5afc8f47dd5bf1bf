"""The `cronapp` command: one file per noun; a command is a few lines that call the app or a service."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from itertools import chain

import typer

from cronapp.core.errors import CannotStart, StoreUnavailable

HOME = {name: [name] for name in ("serve", "worker", "tasks", "check", "doctor", "migrate", "copy")}
HOME |= {"next": ["schedule"], "jobs": ["jobs", "backfill"], "runs": ["runs"], "logs": ["logs"]}
HOME |= {"export": ["book"], "import": ["book"], "drain": ["drain"], "secret": ["secret"]}
HOME |= {"token": ["tokens"], "user": ["users"]}
"""Which modules have each command, in the order of the help. Only those of the command that is asked for are loaded:
what asks a running server needs none of what a server is made of, and answers in a third of the time."""


def command_line(*asked: str) -> typer.Typer:
    """The commands: that which is asked for, or all where it is none of them."""
    cli = typer.Typer(
        name="cronapp",
        help="Python functions on a schedule, with a live dashboard.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    cli.callback()(lambda: None)  # else one command alone would take no name
    wanted = [HOME[name] for name in asked if name in HOME] or HOME.values()
    for module in dict.fromkeys(chain.from_iterable(wanted)):
        import_module(f"cronapp.cli.{module}").add_to(cli)
    return cli


def main() -> None:
    """Runs the command line. A start that is refused is told in one clear line, with exit status 1."""
    gc.disable()  # all that is loaded stays: to look for garbage among it took a third of a start
    try:
        cli = command_line(*sys.argv[1:2])
        gc.freeze()
        gc.enable()
        cli()
    except (CannotStart, StoreUnavailable) as error:
        print(f"cronapp: {error}", file=sys.stderr)
        raise SystemExit(1) from None
