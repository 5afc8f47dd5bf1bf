"""What commands that talk to a running server have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Annotated

import typer

from cronapp.client import ApiError, Client, ClientError, NotReached

HERE = "http://127.0.0.1:5000"
URL = Annotated[str, typer.Option(envvar="CRONAPP_URL", help="The server's address.")]
TOKEN = Annotated[str, typer.Option(envvar="CRONAPP_TOKEN", help="An API token.", show_default=False)]
JSON = Annotated[bool, typer.Option("--json", help="For programs: what the API answers.")]
REFUSED, AWAY = 1, 3
"""Exit statuses: the server says no, or it is not there."""

OFFERED = 200  # names that a completion looks through
PATIENCE = 2.0  # seconds that a completion waits for the server
Asking = Callable[[Client], Iterable[str]]


@contextmanager
def connect(url: str, token: str, *, fields: bool = True) -> Iterator[Client]:
    """A server to talk to. What it refuses is told in one line, with exit status 1; that it is away, with 3. Without
    `fields` the names of wrong fields are left out, where the sentences say enough."""
    if not token:
        typer.echo("cronapp: A token is needed: --token, or $CRONAPP_TOKEN.", err=True)
        raise typer.Exit(REFUSED)
    try:
        with Client(url, token) as client:
            yield client
    except ClientError as error:
        sentences = "" if fields or not isinstance(error, ApiError) else " ".join(error.errors.values())
        typer.echo(f"cronapp: {sentences or error}", err=True)
        raise typer.Exit(AWAY if isinstance(error, NotReached) else REFUSED) from None


# -- completion: at the prompt of a shell, with what the server has ---------------------------------------------------


def job_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ids of jobs that begin so."""
    return offered(ctx, incomplete, lambda server: (job.id for job in server.jobs(q=incomplete or None, most=OFFERED)))


def task_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of tasks that begin so."""
    return offered(ctx, incomplete, lambda server: (task.name for task in server.tasks()))


def run_numbers(ctx: typer.Context, incomplete: str) -> list[str]:
    """Numbers of the newest runs that begin so."""
    return offered(ctx, incomplete, lambda server: (str(run.id) for run in server.runs(most=OFFERED)))


def offered(ctx: typer.Context, incomplete: str, ask: Asking) -> list[str]:
    """Nothing where the server is away or says no: a completion has no place for words."""
    url, token = ctx.params.get("url") or None, ctx.params.get("token") or None
    try:
        with Client(url, token, timeout=PATIENCE) as server:
            return [name for name in islice(ask(server), OFFERED) if name.startswith(incomplete)]
    except ClientError:
        return []
