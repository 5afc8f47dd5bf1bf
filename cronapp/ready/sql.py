"""Carries out a statement on a database."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, SecretStr
from sqlalchemy import create_engine, text
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from cronapp import task


class AddressWrong(Exception):
    """Nothing is to be done with this address of a database."""


@task(run_in="process")
def sql(
    url: SecretStr,
    statement: Annotated[str, Field(min_length=1, json_schema_extra={"format": "multiline"})],
    parameters: dict[str, Any] = {},
    rows: Annotated[int, Field(ge=0, le=10_000)] = 100,
) -> dict[str, Any]:
    """Carry out one statement on a database, in a transaction of its own.

    What it answers is the run's result: its first rows, or how many rows it changed. It is carried out in a process of
    its own, so a statement without an end can be cancelled; the database then undoes what it did.

    Args:
        url: As SQLAlchemy writes it: postgresql+psycopg://user:password@host/shop, sqlite:////data/shop.db. The
            driver must be installed beside Cron-App.
        statement: One statement. :name stands for a parameter of that name.
        parameters: Values for the statement, by their names. They are never put into its text.
        rows: How many rows of the answer are kept.
    """
    try:
        engine = create_engine(url.get_secret_value(), hide_parameters=True)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise AddressWrong(_words(error)) from None
    with engine.begin() as conn:
        told = _told(conn.execute(text(statement), parameters), rows)
    engine.dispose()
    print(_said(told))
    return told


def _told(result: CursorResult[Any], rows: int) -> dict[str, Any]:
    if not result.returns_rows:
        return {"changed": result.rowcount}
    found = [dict(row) for row in result.mappings().fetchmany(rows + 1)]
    return {"rows": found[:rows], "count": len(found[:rows]), "more": len(found) > rows}


def _said(told: dict[str, Any]) -> str:
    if "rows" not in told:
        return f"{told['changed']} changed"
    return f"{told['count']} row{'s' * (told['count'] != 1)}{' or more' * told['more']}"


def _words(error: Exception) -> str:
    """Without the address, of which a part may be secret."""
    if isinstance(error, ModuleNotFoundError):
        return f"The driver {error.name} is not installed."
    if isinstance(error, NoSuchModuleError):
        return "There is no such kind of database, or its driver is not installed. Begin as in postgresql+psycopg://…"
    return "This is no address of a database. Write it as in postgresql+psycopg://user:password@host/name."
