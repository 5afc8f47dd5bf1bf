"""`cronapp migrate`: brings a database up to date, before a server starts on it."""

from __future__ import annotations

import asyncio

import typer

from cronapp.cli.beside import DATABASE
from cronapp.config import load_settings
from cronapp.store.looking import revision_at
from cronapp.store.migrating import newest
from cronapp.store.open import open_store


def add_to(cli: typer.Typer) -> None:
    @cli.command()
    def migrate(database: DATABASE = None) -> None:
        """Bring the database's tables to this version. A start does that too; nothing happens if they are.

        \b
        cronapp migrate --database postgresql://cronapp@db/cronapp     in a deployment, before the servers start

        Make a backup first: older versions may not work on a newer database. An SQLite file must not be in use.
        """
        settings = load_settings({"database": database})
        before = revision_at(settings.database)
        if before != newest():
            asyncio.run(brought_up(settings.database))
        after = revision_at(settings.database)
        if before == after:
            print(f"The database is of this version already ({after}).")
        else:
            print(f"The database is brought from {before or 'nothing'} to {after}.")


async def brought_up(url: str) -> None:
    store = await open_store(url, lambda events: None)
    await store.close()
