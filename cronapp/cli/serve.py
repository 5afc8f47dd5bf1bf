"""`cronapp serve`: the dashboard, the scheduler and the runner in one process."""

from __future__ import annotations

import asyncio
import logging
import resource
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from cronapp import __version__
from cronapp.app import App
from cronapp.cli.leaving import leave
from cronapp.cli.server_log import set_up_log, teller
from cronapp.cli.sites import Sites, address_of, listen
from cronapp.config import Settings, known_secrets, load_settings
from cronapp.core.errors import CannotStart, DatabaseOlder
from cronapp.core.hosts import LOOPBACK
from cronapp.engine.shared import SIGNALS
from cronapp.store.looking import look
from cronapp.store.people import any_open_account
from cronapp.web.metrics import make_metrics_site

log = logging.getLogger(__name__)
FILES = 65_536
TASKS = "Tasks files (tasks.py) or modules (shop.tasks). Default: $CRONAPP_TASKS, else tasks.py."
LABEL = "What this process has that jobs may ask for, as gpu or zone=eu; may be repeated."

METRICS_PORT = "CRONAPP_METRICS_PORT"
WATCH = "Default: if the terminal is interactive."


def add_to(cli: typer.Typer) -> None:
    @cli.command()
    def serve(
        tasks: Annotated[list[str] | None, typer.Argument(help=TASKS)] = None,
        host: Annotated[str | None, typer.Option(help="The address to listen on. Default: 127.0.0.1.")] = None,
        port: Annotated[int | None, typer.Option(help="The port; 0 takes a free one. Default: 5000.")] = None,
        database: Annotated[str | None, typer.Option(help="Default: sqlite:///cronapp.db in this folder.")] = None,
        watch: Annotated[
            bool | None,
            typer.Option("--watch/--no-watch", help="Read the tasks files again when they change. " + WATCH),
        ] = None,
        label: Annotated[list[str] | None, typer.Option(help=LABEL)] = None,
        no_worker: Annotated[bool, typer.Option("--no-worker", help="Schedule and show, but execute nothing.")] = False,
    ) -> None:
        """Serve the dashboard, keep the schedules, execute the runs.

        \b
        cronapp serve                          tasks.py and cronapp.db in this folder
        cronapp serve shop.tasks --port 8000   a module, at another port
        """
        given = {"tasks": tuple(tasks or ()), "host": host, "port": port, "database": database, "watch": watch}
        given["labels"] = tuple(label or ())
        settings = load_settings(given)
        set_up_log(settings.log_format, known_secrets(settings), settings.log_level)
        asyncio.run(run_server(settings, worker=not no_worker, watch=wants_watch(settings)))


def wants_watch(settings: Settings) -> bool:
    """Whether the tasks files are watched: as it was said, else where somebody sits at the terminal and writes them."""
    return sys.stdin is not None and sys.stdin.isatty() if settings.watch is None else settings.watch


async def run_server(settings: Settings, *, worker: bool, watch: bool) -> None:
    """Serves until a signal comes; a second one hastens the end."""
    refuse_open_doors(settings)
    take_files()
    say = teller(settings.log_format)
    listener = listen(settings.host, settings.port)
    for_metrics = None if settings.metrics_port is None else listen(settings.host, settings.metrics_port, METRICS_PORT)
    app = App(settings, address=address_of(listener, settings.host))
    stop, hasten = asyncio.Event(), asyncio.Event()
    for number in SIGNALS:  # before the start, which may carry out runs already
        asyncio.get_running_loop().add_signal_handler(number, lambda: (hasten if stop.is_set() else stop).set())
    await app.start(worker=worker, watch=watch)
    sites = Sites()
    sites.serve(app.site, listener)
    if for_metrics is not None:
        sites.serve(make_metrics_site(app.parts), for_metrics)
    await greet(app, say, watch=watch)
    if for_metrics is not None:
        say(f"Metrics     {address_of(for_metrics, settings.host)}/metrics, for everybody who reaches this port")
    await asyncio.wait({*sites.serving, asyncio.ensure_future(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    say("Stopping.")
    await app.drain(hasten, say)
    app.hub.close()
    await sites.close()
    await app.close()
    sites.raise_error()
    leave()


def refuse_open_doors(settings: Settings) -> None:
    """Who can schedule functions can run code here, so nobody is served beyond this machine without an account or a
    token."""
    if settings.host in LOOPBACK or settings.admin_token is not None or settings.signs_in_elsewhere:
        return
    if has_account(settings):
        return
    raise CannotStart(
        f"Nobody could sign in safely on {settings.host} yet. Make an account first: "
        "cronapp user add NAME --role admin. Or set CRONAPP_ADMIN_TOKEN (or CRONAPP_ADMIN_TOKEN_FILE) to a long secret."
    )


def has_account(settings: Settings) -> bool:
    """Whether somebody can sign in with an account. An older database has none; it is brought up to date later."""
    try:
        return bool(look(settings.database, any_open_account))
    except DatabaseOlder:
        return False


def take_files() -> None:
    """Takes as many open files as the system allows, up to a limit: with the usual 1,024 a thousand connections that
    somebody leaves half open would keep everybody else out."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def greet(app: App, say: Callable[[str], None], *, watch: bool) -> None:
    registry = app.tasks.registry
    watched = ", read again when they change" if watch else ""
    say(f"Cron-App {__version__} serves {app.address}")
    say(f"Tasks       {len(registry.tasks)} from {', '.join(app.tasks.sources)}{watched}")
    say(f"Database    {app.store.name}")
    if app.site.parts.hosts.addresses and not app.settings.trusted_hosts:
        say("Names       This server is reached by its addresses alone. For a name, set CRONAPP_TRUSTED_HOSTS.")
    for error in registry.errors:
        log.error("%s cannot be loaded: %s\n%s", error.source, error.error, error.traceback)
    if await app.services.people.any():
        say("Sign in     with your name and password. Ctrl-C stops the server.")
        return
    await app.announce_link()
    say("            The link works once, within a quarter of an hour. Ctrl-C stops the server.")
