"""What commands have in common that change something in the server's own database, also while it works there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from cronapp.config import load_settings
from cronapp.core.access import ALL, Principal, asking
from cronapp.core.errors import CannotStart, CronAppError, InvalidInput
from cronapp.store.open import open_beside
from cronapp.store.store import Store

T = TypeVar("T")
DATABASE = Annotated[str | None, typer.Option(help="As of `cronapp serve`. Default: sqlite:///cronapp.db here.")]
URL = Annotated[str, typer.Option(envvar="CRONAPP_URL", help="Ask the server at this address, not the database.")]
TOKEN = Annotated[str, typer.Option(envvar="CRONAPP_TOKEN", help="An API token, for --url.", show_default=False)]


def on(database: str | None, work: Callable[[Store], Awaitable[T]]) -> T:
    """Does it on the database. What is refused is told in one line, with exit status 1."""
    settings = load_settings({"database": database})

    async def done() -> T:
        asking.set(Principal(name="the command line", sight=ALL))
        store = await open_beside(settings.database)
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(done())
    except CannotStart:
        raise
    except CronAppError as error:
        words = " ".join(error.errors.values()) if isinstance(error, InvalidInput) else str(error)
        typer.echo(f"cronapp: {words}", err=True)
        raise typer.Exit(1) from None
