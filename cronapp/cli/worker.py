"""`cronapp worker`: executes the runs of some queues, which servers on the same database schedule and show."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from typing import Annotated

import typer

from cronapp import __version__
from cronapp.app import App
from cronapp.cli.leaving import leave
from cronapp.cli.serve import LABEL, TASKS, take_files, wants_watch
from cronapp.cli.server_log import set_up_log, teller
from cronapp.cli.sites import Sites, address_of, listen
from cronapp.config import Settings, known_secrets, load_settings
from cronapp.core.errors import CannotStart
from cronapp.core.hosts import bound_to
from cronapp.core.models import NodeKind
from cronapp.core.postgres import is_postgres
from cronapp.core.routing import labels_words
from cronapp.engine.executors import leaked_threads
from cronapp.engine.shared import SIGNALS
from cronapp.web.watching import make_watched_site

log = logging.getLogger(__name__)
LOOK_EVERY = 1.0  # seconds
LISTEN = "Where it answers /healthz, /readyz and /metrics: a port of this machine, or ADDRESS:PORT. Default: nowhere."


def add_to(cli: typer.Typer) -> None:
    @cli.command()
    def worker(
        tasks: Annotated[list[str] | None, typer.Argument(help=TASKS)] = None,
        queue: Annotated[
            list[str] | None,
            typer.Option(help="A queue whose runs are executed here; may be repeated. Default: every one."),
        ] = None,
        label: Annotated[list[str] | None, typer.Option(help=LABEL)] = None,
        concurrency: Annotated[int | None, typer.Option(help="Runs side by side. Default: 100.")] = None,
        listen_at: Annotated[str | None, typer.Option("--listen", metavar="[ADDRESS:]PORT", help=LISTEN)] = None,
        database: Annotated[str | None, typer.Option(help="postgresql://…, as the servers have it.")] = None,
        watch: Annotated[
            bool | None, typer.Option("--watch/--no-watch", help="Read the tasks files again when they change.")
        ] = None,
    ) -> None:
        """Execute runs that servers on the same database schedule and show.

        \b
        cronapp worker                               runs of every queue, with tasks.py in this folder
        cronapp worker shop.tasks --queue training --label gpu --concurrency 2
        """
        given = {
            "tasks": tuple(tasks or ()),
            "queues": tuple(queue or ()),
            "labels": tuple(label or ()),
            "concurrency": concurrency,
            "worker_listen": listen_at,
            "database": database,
            "watch": watch,
        }
        settings = load_settings(given)
        if not is_postgres(settings.database):
            raise CannotStart(
                "A worker needs a database that it shares with servers: set CRONAPP_DATABASE=postgresql://… for both. "
                "On an SQLite file, cronapp serve executes the runs itself."
            )
        set_up_log(settings.log_format, known_secrets(settings), settings.log_level)
        asyncio.run(run_worker(settings, watch=wants_watch(settings)))


async def run_worker(settings: Settings, *, watch: bool) -> None:
    """Works until a signal comes; a second one hastens the end."""
    take_files()
    say = teller(settings.log_format)
    watched = None if settings.worker_listen is None else listen_for(settings.worker_listen)
    app = App(settings, kind=NodeKind.WORKER)
    stop, hasten = asyncio.Event(), asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, lambda: (hasten if stop.is_set() else stop).set())
    await app.start(watch=watch)
    sites = Sites()
    if watched is not None:
        host, listener = watched
        sites.serve(make_watched_site(app.parts, host), listener)
    registry = app.tasks.registry
    queues = f"the queues {', '.join(settings.queues)}" if settings.queues else "every queue"
    if settings.labels:
        queues += f" and has {labels_words(settings.labels)}"
    say(f"Cron-App {__version__} executes runs of {queues} as {app.node}, {settings.concurrency} side by side")
    say(f"Tasks       {len(registry.tasks)} from {', '.join(app.tasks.sources)}")
    say(f"Database    {app.store.name}")
    if watched is not None:
        say(f"Watched     {address_of(listener, host)}/healthz, /readyz, /metrics")
    for error in registry.errors:
        log.error("%s cannot be loaded: %s\n%s", error.source, error.error, error.traceback)
    worn_out = asyncio.create_task(too_many_left(settings.left_threads))
    ends = {worn_out, asyncio.ensure_future(stop.wait()), *sites.serving}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if worn_out.done():
        log.warning("%d threads of runs that ended in the books still work: starting anew.", leaked_threads())
    say("Stopping.")
    await app.drain(hasten, say)
    await sites.close()
    await app.close()
    sites.raise_error()
    if worn_out.done() and not stop.is_set():
        os.execv(sys.executable, sys.orig_argv)  # nosec B606 # this very program
    leave()


def listen_for(text: str) -> tuple[str, socket.socket]:
    """The address, and who listens there."""
    host, port = bound_to(text)
    return host, listen(host, port, "--listen", "--listen")


async def too_many_left(limit: int) -> None:
    """Returns when so many threads are left behind that nobody can end; 0: never."""
    while True:
        await asyncio.sleep(LOOK_EVERY)
        if 0 < limit <= leaked_threads():
            return
