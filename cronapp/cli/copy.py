"""`cronapp copy`: everything of one database into another, as from SQLite to PostgreSQL."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cronapp.cli.progress import Bar
from cronapp.config import load_settings
from cronapp.core.durations import duration_words
from cronapp.service.copying import copy as copy_all
from cronapp.store.copying import LEFT_OUT, Copied
from cronapp.store.ends import name_of

WHERE = "sqlite:///FILE or postgresql://…"


def add_to(cli: typer.Typer) -> None:
    @cli.command()
    def copy(
        source: Annotated[str, typer.Argument(help=f"The database to read: {WHERE}")],
        target: Annotated[str | None, typer.Argument(help="The empty one to fill. Default: $CRONAPP_DATABASE.")] = None,
    ) -> None:
        """Copy everything into an empty database: jobs, history, logs, people, secrets.

        \b
        cronapp copy sqlite:///cronapp.db postgresql://cronapp@db/cronapp     when one machine is no longer enough
        cronapp copy postgresql://cronapp@db/cronapp sqlite:///cronapp.db     and back

        No server may work on either. The source is only read. The target is filled in one transaction, and each table
        held against the source before that is committed: it has everything, or nothing.
        """
        settings = load_settings({"database": target})
        began = time.monotonic()
        with Bar() as bar:
            copied = copy_all(source, settings.database, settings.secret_keys, bar.show)
        show(copied, source, settings.database, time.monotonic() - began)


def show(copied: list[Copied], source: str, target: str, seconds: float) -> None:
    filled = [one for one in copied if one.sum.rows]
    for one in filled:
        print(f"{one.table:16} {one.sum.rows:>12,}  {one.sum}")
    total = sum(one.sum.rows for one in filled)
    print(f"{total:,} rows were copied from {name_of(source)} to {name_of(target)} in {duration_words(seconds)}.")
    print("Each table has as many rows with the same sum in both.")
    if mended := sum(one.mended for one in copied):
        print(f"In {mended:,} rows a NUL, which PostgreSQL does not take, is now the sign �.")
    print("Left out: " + "; ".join(f"{table}, {what}" for table, what in LEFT_OUT.items()) + ".")
    print("Start servers on the new database, and none on the old one any more: its jobs would run twice.")
