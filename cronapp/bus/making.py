"""The bus that goes with a database."""

from __future__ import annotations

from importlib import import_module

from cronapp.bus.local import LocalBus
from cronapp.core.postgres import conninfo, is_postgres


def bus_for(database: str) -> LocalBus:
    """Between all processes on a PostgreSQL database; within this one on an SQLite file, which has no other. What
    PostgreSQL needs is loaded only for it; where that is not installed, opening the store says so."""
    if not is_postgres(database):
        return LocalBus()
    try:
        made: LocalBus = import_module("cronapp.bus.postgres").PostgresBus(conninfo(database))
    except ModuleNotFoundError:
        return LocalBus()
    return made
