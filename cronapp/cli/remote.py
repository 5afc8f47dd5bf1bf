"""What commands that talk to a running server have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from cronapp.client import Client
from cronapp.core.errors import CronAppError

URL = Annotated[str, typer.Option(envvar="CRONAPP_URL", help="The server's address.")]
TOKEN = Annotated[str, typer.Option(envvar="CRONAPP_TOKEN", help="An API token.", show_default=False)]


@contextmanager
def connect(url: str, token: str) -> Iterator[Client]:
    """A server to talk to. What it refuses, and that it cannot be reached, is told in one line, with exit status 1."""
    if not token:
        typer.echo("cronapp: A token is needed: --token, or $CRONAPP_TOKEN.", err=True)
        raise typer.Exit(1)
    try:
        with Client(url, token) as client:
            yield client
    except CronAppError as error:
        typer.echo(f"cronapp: {error}", err=True)
        raise typer.Exit(1) from None
