"""The tables of procrastinate follow its package, also while processes with another package are at work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from procrastinate.schema import SchemaManager

from cronapp.core.errors import CannotStart
from cronapp.engine.dispatch.carrier_tables import FIRST, bring_up, changes_in
from cronapp.store.open import open_store

OTHER = """INSERT INTO nodes (name, kind, host, pid, machine, version, concurrency, started_at, heartbeat, clock_off)
VALUES ('there:1', 'worker', 'there', 1, '', '1', 1, 0, extract(epoch FROM clock_timestamp()) * 1000000, 0)"""

Package = Callable[..., Path]


@pytest.fixture
def package(tmp_path: Path) -> Package:
    """The changes that the package of this version brings; those that are given each make a table of their name."""

    def made(*names: str) -> Path:
        folder = tmp_path / "-".join(["changes", *names])
        folder.mkdir(exist_ok=True)
        (folder / f"{FIRST}.sql").touch()
        for name in names:
            (folder / f"{name}.sql").write_text(f"CREATE TABLE made_{name[9:]} (percent text DEFAULT '100 %')")
        return folder

    return made


async def brought(url: str, folder: Path) -> list[str]:
    """The tables of changes that are there afterwards."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await bring_up(conn, SchemaManager.get_schema(), changes_in(folder), "here:1")
        found = await conn.execute("SELECT relname FROM pg_class WHERE relname LIKE 'made%' ORDER BY 1")
        return [name for (name,) in await found.fetchall()]


async def noted(url: str) -> str:
    async with await psycopg.AsyncConnection.connect(url) as conn:
        row = await (await conn.execute("SELECT value FROM revisions WHERE what = 'procrastinate'")).fetchone()
        assert row is not None
        return str(row[0])


async def test_the_tables_are_made_once_and_follow_the_package_while_others_have_the_one_before(
    empty_postgres_url: str, package: Package
) -> None:
    url = empty_postgres_url
    await (await open_store(url, lambda _: None)).close()
    await asyncio.gather(*(brought(url, package()) for _ in range(3)))
    assert await noted(url) == FIRST
    newer = package("90.00.00_01_pre_x", "90.00.00_50_post_x")
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(OTHER)
        assert await brought(url, newer) == ["made_01_pre_x"]
        assert await brought(url, package()) == ["made_01_pre_x"], "the package before goes on"
        assert await brought(url, newer) == ["made_01_pre_x"]
        other.execute("DELETE FROM nodes")
    assert await brought(url, newer) == ["made_01_pre_x", "made_50_post_x"]
    assert await brought(url, newer) == ["made_01_pre_x", "made_50_post_x"]
    with pytest.raises(CannotStart, match="pip install --upgrade procrastinate"):
        await brought(url, package())


async def test_a_change_that_fails_is_not_taken_for_done(empty_postgres_url: str, package: Package) -> None:
    url = empty_postgres_url
    await (await open_store(url, lambda _: None)).close()
    await brought(url, package())
    newer = package("90.00.00_01_pre_x")
    (newer / "90.00.00_02_pre_y.sql").write_text("CREATE TABLE made_y (); SELECT 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await brought(url, newer)
    assert await noted(url) == "90.00.00_01_pre_x"
    (newer / "90.00.00_02_pre_y.sql").write_text("CREATE TABLE made_y ()")
    assert await brought(url, newer) == ["made_01_pre_x", "made_y"]


def test_the_tables_of_which_nothing_is_written_down_are_of_a_package_that_is_known() -> None:
    assert Path(SchemaManager.get_migrations_path(), f"{FIRST}.sql").is_file()
