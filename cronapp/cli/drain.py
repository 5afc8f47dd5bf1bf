"""`cronapp drain`: empties a running server before a restart."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from cronapp.cli.remote import TOKEN, URL, connect
from cronapp.cli.shown import told
from cronapp.client import Client
from cronapp.core.durations import duration_words, parse_duration
from cronapp.wire import SafeRestart, Worker

LOOK_EVERY = 0.5  # seconds


def add_to(cli: typer.Typer) -> None:
    @cli.command()
    def drain(
        wait: Annotated[bool, typer.Option("--wait", help="Wait until nothing runs any more.")] = False,
        timeout: Annotated[str, typer.Option(help="How long to wait, as 90s or 10m.")] = "10m",
        undo: Annotated[bool, typer.Option("--undo", help="Let the server go to work again.")] = False,
        minutes: Annotated[float, typer.Option(help="The length of the gap to look for.")] = 5,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
        node: Annotated[str, typer.Option("--node", help="A worker or another server, by its name.")] = "",
        url: URL = "http://127.0.0.1:5000",
        token: TOKEN = "",
    ) -> None:
        """Take no new slot and start no run, so that the server can be restarted; what runs goes on.

        \b
        cronapp drain --wait --timeout 5m && systemctl restart cronapp
        cronapp drain --undo
        cronapp drain --node gpu-1:4711 --wait     one of several processes that share a database

        Slots that pass meanwhile go by their jobs' misfire rules at the next start. Exit status 1 if something still
        runs when --wait has waited long enough.
        """
        try:
            limit = parse_duration(timeout)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--timeout") from None
        with connect(url, token) as server:
            if node:
                raise typer.Exit(drain_node(server, node, limit, undo=undo, wait=wait, as_json=as_json))
            if undo:
                server.undrain()
                typer.echo("The server takes slots and starts runs again.")
                return
            server.drain()
            ends = time.monotonic() + limit
            found = server.safe_restart(minutes)
            if not as_json:
                tell(found)
            while wait and found.running and time.monotonic() < ends:
                time.sleep(LOOK_EVERY)
                found = server.safe_restart(minutes)
        if as_json:
            typer.echo(json.dumps(found.told(), indent=2))
        elif wait:
            typer.echo("Nothing runs any more: restart it." if not found.running else left(found, limit))
        raise typer.Exit(1 if wait and found.running else 0)


def drain_node(server: Client, name: str, limit: float, *, undo: bool, wait: bool, as_json: bool) -> int:
    """Answers the exit status."""
    worker: Worker | None = server.resume_worker(name) if undo else server.drain_worker(name)
    ends = time.monotonic() + limit
    while wait and not undo and worker and worker.running and time.monotonic() < ends:
        time.sleep(LOOK_EVERY)
        worker = next((one for one in server.workers() if one.id == name), None)  # none: it has ended
    runs = worker.running if worker else 0
    if as_json:
        typer.echo(json.dumps(worker.told() if worker else None, indent=2))
    elif undo:
        typer.echo(f"{name} takes runs again.")
    else:
        typer.echo(f"{name} is given no more runs. It runs {runs}." if runs else f"{name} is empty: restart it.")
    return 1 if wait and runs else 0


def tell(found: SafeRestart) -> None:
    typer.echo("The server is draining: it takes no new slot and starts no run.")
    for run in found.running:
        about = f", over at about {told(run.ends_about)}" if run.ends_about else ""
        typer.echo(f"  running  #{run.run} {run.job} since {told(run.started_at)}{about}")
    if found.waiting:
        typer.echo(f"  waiting  {found.waiting} runs; they start after the restart")
    for due in found.due:
        typer.echo(f"  due      {due.job} at {told(due.slot)}")
    gap = found.gap
    typer.echo(f"  gap      {gap.minutes:g} minutes from {told(gap.at)}" if gap else "  gap      none within a day")


def left(found: SafeRestart, limit: float) -> str:
    runs = ", ".join(f"#{run.run} {run.job}" for run in found.running)
    return f"After {duration_words(limit)} still running: {runs}."
