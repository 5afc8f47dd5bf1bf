"""Fixtures: a store on SQLite and on PostgreSQL, the services on it, the whole app, and a server as a process."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import hypothesis  # noqa: F401 (else its plugin imports it at the end of all, where CPython 3.11 may fail to parse it)
import psycopg
import pytest
from argon2 import PasswordHasher
from databases import Cluster, Migrated, migrated_at, with_tables
from support import TASKS, TOKEN, VAULT, Server, TurnedClock
from visiting import Client
from werkzeug.routing import Rule

from cronapp.app import App
from cronapp.config import Settings
from cronapp.core.events import Audited, Event
from cronapp.engine import capture
from cronapp.service import passwords
from cronapp.service.blackouts import Blackouts
from cronapp.service.calendars import Calendars
from cronapp.service.jobs import Jobs
from cronapp.service.runs import Runs
from cronapp.service.tasks import Tasks
from cronapp.store.open import open_store
from cronapp.store.store import Store
from cronapp.web.site import Site

Site.test_client_class = Client  # type: ignore[assignment]
gc.disable()  # until all tests are there: they stay, and to look for garbage among them takes a tenth of the time
_numbers = itertools.count(1)
passwords.hashing.hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # they are secret to nobody here


_builders: dict[tuple[str, bool], Any] = {}
_compile_builder = Rule._compile_builder


def builder_of(rule: Rule, append_unknown: bool = True) -> Any:
    """Each test's site has the same routes. To compile anew how their addresses are built takes as long as all else."""
    key = rule.rule, append_unknown
    if key not in _builders:
        _builders[key] = _compile_builder(rule, append_unknown)
    return _builders[key]


Rule._compile_builder = builder_of  # type: ignore[method-assign]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many processes `-n auto` is, each with a PostgreSQL and a browser. More than cores, since many tests wait."""
    return max(2, min(6, (os.cpu_count() or 1) * 3 // 2))


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """An app that a fixture started takes back the streams, which pytest sets anew when the test begins."""
    if {"app", "capturing"} & set(getattr(item, "fixturenames", ())):
        capture.install()


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def events() -> list[Event]:
    """What the store told, in order; but not that the audit has another row, as with each change."""
    return []


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A throw-away PostgreSQL server; the address of its first database."""
    server = Cluster()
    with psycopg.connect(server.url, autocommit=True) as conn:
        for name in (
            "fsync",
            "full_page_writes",
        ):  # nobody minds if a power cut takes it, and a database a test is slow
            conn.execute(f"ALTER SYSTEM SET {name} = off".encode())
        conn.execute("SELECT pg_reload_conf()")
    yield server.url
    server.drop()


@pytest.fixture
def empty_postgres_url(postgres: str) -> Iterator[str]:
    """A database of its own without a table."""
    name = f"cronapp_{next(_numbers)}"
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}")
    yield postgres.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def migrated(postgres: str) -> Migrated:
    with psycopg.connect(postgres, autocommit=True) as conn:
        conn.execute("CREATE DATABASE cronapp")
    return migrated_at(postgres.replace("/postgres?", "/cronapp?"))


@pytest.fixture
def postgres_url(migrated: Migrated) -> str:
    """A database with the tables and nothing in them but what the migrations put there."""
    migrated.renew()
    return migrated.url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with the tables and nothing in them. Each test that uses this runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{with_tables(tmp_path / 'cronapp.db')}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def store(database_url: str, events: list[Event]) -> AsyncIterator[Store]:
    opened = await open_store(database_url, lambda told: events.extend(one for one in told if one != Audited()))
    yield opened
    await opened.close()


@pytest.fixture
def tasks(tmp_path: Path) -> Tasks:
    (tmp_path / "tasks.py").write_text(TASKS)
    return Tasks([str(tmp_path / "tasks.py")], vault=VAULT)


@pytest.fixture
def blackouts(tmp_path: Path) -> Blackouts:
    """Calendar files are in the test's folder."""
    return Blackouts(Calendars(tmp_path))


@pytest.fixture
def jobs(store: Store, tasks: Tasks, blackouts: Blackouts, clock: TurnedClock) -> Jobs:
    return Jobs(store, tasks, blackouts, clock, "UTC")


@pytest.fixture
def runs(store: Store, tasks: Tasks, blackouts: Blackouts, clock: TurnedClock) -> Runs:
    return Runs(store, tasks, blackouts, clock)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    """The whole app in this process, on SQLite and the machine's clock; its site is `app.site`."""
    (tmp_path / "tasks.py").write_text(TASKS)
    settings = Settings(
        tasks=(str(tmp_path / "tasks.py"),),
        database=f"sqlite:///{with_tables(tmp_path / 'cronapp.db')}",
        admin_token=TOKEN,
    )
    app = App(settings, address="http://127.0.0.1:5000")
    await app.start()
    yield app
    await app.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """`cronapp serve` on a fresh folder; not started yet."""
    server = Server(tmp_path)
    yield server
    if server.process is not None and server.process.poll() is None:
        server.kill()
