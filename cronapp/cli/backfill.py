"""`cronapp jobs backfill`: the slots of a past window, run after all."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cronapp.cli.given import ARG, ARGS, arguments
from cronapp.cli.jobs import ID, jobs
from cronapp.cli.progress import Bar
from cronapp.cli.remote import HERE, JSON, REFUSED, TOKEN, URL, connect
from cronapp.cli.shown import as_json as print_json
from cronapp.cli.shown import told
from cronapp.client import Client
from cronapp.wire import Backfill

LOOK_EVERY = 1.0  # seconds


def add_to(_: typer.Typer) -> None:
    """It is one of the commands of `cronapp jobs`."""
    jobs.command()(backfill)


def backfill(
    job: ID,
    since: Annotated[str, typer.Option("--from", help="Its beginning, as 2026-01-31 or 2026-01-31T09:00Z.")],
    to: Annotated[str, typer.Option("--to", help="Its end; both are part of it.")],
    most: Annotated[int, typer.Option("--max-running", min=1, help="How many of its runs go on side by side.")] = 1,
    rerun: Annotated[bool, typer.Option("--rerun", help="Slots too that have succeeded.")] = False,
    arg: ARG = None,
    args: ARGS = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Tell which slots, and run none.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for its end; exit status 1 if a run failed.")] = (
        False
    ),
    as_json: JSON = False,
    url: URL = HERE,
    token: TOKEN = "",
) -> None:
    """Run the slots of a past window.

    \b
    cronapp jobs backfill nightly --from 2026-01-01 --to 2026-01-31 --dry-run
    cronapp jobs backfill nightly --from 2026-01-01 --to 2026-01-31 --max-running 4 --follow
    """
    with connect(url, token) as server:
        if dry_run:
            plan = server.plan_backfill(job, since, to, rerun=rerun)
            if as_json:
                print_json(plan)
                return
            for slot in plan.times:
                print(told(slot))
            more = f", of which the first {len(plan.times)} are told" if plan.slots > len(plan.times) else ""
            typer.echo(f"{counted(plan.slots)}{more}. {plan.left_out} have succeeded, or run now.", err=True)
            return
        given = arguments(arg or [], args, server.task(server.job(job).task).args_schema) if arg or args else None
        opened = server.backfill(job, since, to, max_running=most, rerun=rerun, args=given)
        if not follow:
            print_json(opened) if as_json else print(
                f"{counted(opened.slots)} of {opened.job}, as backfill {opened.id}."
            )
            return
        ended = followed(server, opened.job, opened.id)
    if as_json:
        print_json(ended)
    else:
        print(f"{ended.done} succeeded, {ended.failed} failed, {ended.cancelled} were cancelled.")
    raise typer.Exit(REFUSED if ended.failed or ended.cancelled else 0)


def counted(slots: int) -> str:
    return f"{slots:,} slot{'s' * (slots != 1)}"


def followed(server: Client, job: str, number: int) -> Backfill:
    """Waits for its end, and tells how far it is."""
    with Bar() as bar:
        while True:
            now = next(one for one in server.backfills(job) if one.id == number)
            bar.show(now.slots - now.waiting - now.running, now.slots, f"{now.failed} failed" if now.failed else "")
            if not now.waiting and not now.running:
                return now
            time.sleep(LOOK_EVERY)
