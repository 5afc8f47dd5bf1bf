"""`cronapp runs`: what was executed, and why a slot had no run."""

from __future__ import annotations

from typing import Annotated

import typer

from cronapp.cli.logs import RUN, followed, number_of
from cronapp.cli.remote import HERE, JSON, TOKEN, URL, connect, job_ids
from cronapp.cli.shown import as_json as print_json
from cronapp.cli.shown import as_list, facts, lasted, state_of, table, told
from cronapp.client import Client
from cronapp.core.plain import json_line, plain
from cronapp.wire import Run

runs = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="What was executed, and why a slot had no run.",
)
HEADS = ("run", "job", "state", "trigger", "slot", "started", "took", "reason")
FOLLOW = Annotated[bool, typer.Option("--follow", "-f", help="Show its log until it ends; exit status 1 if it fails.")]


def add_to(cli: typer.Typer) -> None:
    cli.add_typer(runs, name="runs")


@runs.command(name="list")
def list_runs(
    job: Annotated[str | None, typer.Option(help="Of this job.", autocompletion=job_ids)] = None,
    state: Annotated[list[str] | None, typer.Option(help="Of this state; may stand there several times.")] = None,
    task: Annotated[str | None, typer.Option(help="Of this task.")] = None,
    tag: Annotated[str | None, typer.Option(help="Of jobs with this tag.")] = None,
    trigger: Annotated[str | None, typer.Option(help="Started so: schedule, manual, api, retry …")] = None,
    since: Annotated[str | None, typer.Option(help="Not before this moment, as 2026-01-31T09:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Not after this moment.")] = None,
    q: Annotated[str | None, typer.Option("--search", help="With this text in arguments, result or error.")] = None,
    most: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 20,
    as_json: JSON = False,
    url: URL = HERE,
    token: TOKEN = "",
) -> None:
    """List the newest runs.

    \b
    cronapp runs list --job nightly-report
    cronapp runs list --state failed --state timed_out --since 2026-01-31 -n 100
    """
    with connect(url, token) as server:
        found = list(
            server.runs(
                job=job, state=state, task=task, tag=tag, trigger=trigger, since=since, until=until, q=q, most=most
            )
        )
    if as_json:
        as_list(found)
        return
    table(HEADS, [row(run) for run in found], none="There is no such run.")


@runs.command()
def show(run: RUN, as_json: JSON = False, url: URL = HERE, token: TOKEN = "") -> None:
    """Show one run: how it went, with its result or error.

    \b
    cronapp runs show 812
    cronapp runs show nightly-report       the newest run of this job
    """
    with connect(url, token) as server:
        found = server.run(number_of(server, run))
    if as_json:
        print_json(found)
        return
    facts(about(found))
    if found.error:
        print("", *map(plain, found.error.traceback.rstrip().split("\n")), sep="\n")


@runs.command()
def cancel(run: RUN, as_json: JSON = False, url: URL = HERE, token: TOKEN = "") -> None:
    """End a run that waits at once, and ask one that is executed to stop.

    \b
    cronapp runs cancel 812
    """
    with connect(url, token) as server:
        found = server.cancel_run(number_of(server, run))
    if as_json:
        print_json(found)
        return
    print(
        f"#{found.id} {found.job} is cancelled." if found.state.ended else f"#{found.id} {found.job} is asked to stop."
    )


@runs.command()
def retry(run: RUN, follow: FOLLOW = False, as_json: JSON = False, url: URL = HERE, token: TOKEN = "") -> None:
    """Try a run again now.

    \b
    cronapp runs retry 812
    cronapp runs retry 812 --follow        and show its log
    """
    with connect(url, token) as server:
        begun(server, server.retry_run(number_of(server, run)), follow=follow, as_json=as_json)


def begun(server: Client, run: Run, *, follow: bool, as_json: bool) -> None:
    """Tells of a run that was just opened; with `follow` also its log, and how it ended."""
    if follow:
        ended = followed(server, run.id, as_json=as_json)
        raise typer.Exit(0 if ended.state == "succeeded" else 1)
    if as_json:
        print_json(run)
    else:
        print(f"#{run.id} {run.job} is {run.state}. Its log: cronapp logs {run.id} --follow")


def row(run: Run) -> list[str]:
    why = run.reason or (f"{run.error.type}: {run.error.message}" if run.error else "")
    return [
        str(run.id),
        run.job,
        state_of(run.state),
        run.trigger.replace("_", " "),
        told(run.slot),
        told(run.started_at),
        lasted(run.duration),
        why,
    ]


def about(run: Run) -> list[tuple[str, str | None]]:
    progress = run.progress and f"{run.progress.done:g} of {run.progress.total or '?'} {run.progress.text}".rstrip()
    return [
        ("run", f"#{run.id}"),
        ("job", run.job),
        ("task", run.task),
        ("state", state_of(run.state)),
        ("reason", run.reason),
        ("trigger", run.trigger.replace("_", " ")),
        ("attempt", f"{run.attempt}, the first is #{run.first_attempt}" if run.attempt > 1 else None),
        ("slot", told(run.slot)),
        ("queued", told(run.queued_at)),
        ("started", told(run.started_at)),
        ("finished", told(run.finished_at)),
        ("took", lasted(run.duration)),
        ("node", run.node),
        ("progress", progress or None),
        ("arguments", json_line(run.args) if run.args else None),
        ("result", json_line(run.result) if run.result is not None else None),
        ("log", f"{run.last_seq} line{'s' * (run.last_seq != 1)}: cronapp logs {run.id}" if run.last_seq else None),
    ]
