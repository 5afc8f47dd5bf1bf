"""`cronapp logs`: what a run printed and logged."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cronapp.cli.progress import Bar
from cronapp.cli.remote import HERE, TOKEN, URL, connect, run_numbers
from cronapp.cli.shown import painted, state_of
from cronapp.client import Client
from cronapp.core.plain import json_line, plain
from cronapp.wire import LogLine, Run

RUN = Annotated[
    str, typer.Argument(help="Its number; or the id of a job, for its newest run.", autocompletion=run_numbers)
]
LEVELS = {"error": "red", "critical": "red", "warning": "yellow"}


def add_to(cli: typer.Typer) -> None:
    @cli.command()
    def logs(
        run: RUN,
        follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
        after: Annotated[int, typer.Option(help="Only lines after the one of this number.", min=0)] = 0,
        times: Annotated[bool, typer.Option("--times", "-t", help="Begin each line with its moment.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object a line.")] = False,
        url: URL = HERE,
        token: TOKEN = "",
    ) -> None:
        """Show what a run printed and logged.

        \b
        cronapp logs 812                   what it has so far
        cronapp logs 812 --follow          and what comes, until it ends
        cronapp logs nightly-report -f     of the newest run of this job

        What the task wrote to stdout goes to stdout, all else to stderr; with --json everything to stdout. With
        --follow the last line tells how it ended, and the exit status is 1 if it did not succeed.
        """
        with connect(url, token) as server:
            number = number_of(server, run)
            if not follow:
                for line in server.log(number, after=after):
                    show(line, times=times, as_json=as_json)
                return
            ended = followed(server, number, after=after, times=times, as_json=as_json)
        raise typer.Exit(0 if ended.state == "succeeded" else 1)


def number_of(server: Client, text: str) -> int:
    """A run by its number, or the newest one of a job."""
    number = text.removeprefix("#")
    if number.isascii() and number.isdigit() and int(number) < 2**63:
        return int(number)
    for run in server.runs(job=text, most=1):
        return run.id
    typer.echo(f"cronapp: {server.job(text).id} has had no run yet.", err=True)
    raise typer.Exit(1)


def followed(server: Client, number: int, *, after: int = 0, times: bool = False, as_json: bool = False) -> Run:
    """Shows the lines as they come, below them how far it is, and at the end how it went."""
    with Bar() as bar:
        for line in server.follow(number, after=after, seen=lambda run: tell(bar, run)):
            with bar.above():
                show(line, times=times, as_json=as_json)
    run = server.run(number)
    if not as_json:
        why = run.reason or (f"{run.error.type}: {run.error.message}" if run.error else "")
        typer.echo(f"#{run.id} {run.job} {state_of(run.state)}{f': {plain(why)}' if why else ''}", err=True)
    return run


def tell(bar: Bar, run: Run) -> None:
    if run.progress and not run.state.ended:
        bar.show(run.progress.done, run.progress.total, run.progress.text)


def show(line: LogLine, *, times: bool, as_json: bool) -> None:
    if as_json:
        print(json_line(line.told()), flush=True)
        return
    moment = f"{line.at:%Y-%m-%dT%H:%M:%S}Z " if times else ""
    level = f"{line.level.upper()} " if line.level else ""
    text = f"{moment}{level}{line.text}"
    if line.stream == "stdout":
        print(text, flush=True)
    else:
        print(painted(text, LEVELS.get((line.level or "").lower())), file=sys.stderr, flush=True)
