"""The ready-made task that carries out a statement: parameters, rows, a transaction, and nothing of its address."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from errands import Begin, Carry, ended
from support import until

from cronapp.app import App

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as conn:
        conn.execute("CREATE TABLE sales (city TEXT, cents INTEGER, day TEXT)")
        conn.executemany("INSERT INTO sales VALUES (?, ?, '2026-03-02')", [("Kiel", 100), ("Bonn", 250), ("Kiel", 300)])
        conn.commit()
    return path


async def test_its_rows_are_the_result_as_many_as_are_wanted(carry: Carry, shop: Path) -> None:
    args = {"url": f"sqlite:///{shop}", "statement": "SELECT city, cents FROM sales WHERE city = :city ORDER BY cents"}
    run, lines = await carry("sql", **args, parameters={"city": "Kiel"})
    assert run.state == "succeeded", run.error
    found = [{"city": "Kiel", "cents": 100}, {"city": "Kiel", "cents": 300}]
    assert run.result == {"rows": found, "count": 2, "more": False}
    run, lines = await carry("sql", **args, parameters={"city": "Kiel"}, rows=1)
    assert run.result == {"rows": found[:1], "count": 1, "more": True}
    assert lines == ["1 row or more"]


async def test_a_change_is_kept_and_what_is_no_parameter_is_no_statement(carry: Carry, shop: Path) -> None:
    statement = "UPDATE sales SET city = :city WHERE city = 'Kiel'"
    run, _ = await carry(
        "sql", url=f"sqlite:///{shop}", statement=statement, parameters={"city": "x'; DROP TABLE sales"}
    )
    assert (run.state, run.result) == ("succeeded", {"changed": 2})
    with closing(sqlite3.connect(shop)) as conn:
        assert conn.execute("SELECT count(*) FROM sales WHERE city LIKE 'x%'").fetchone() == (2,)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("hunter2-is-no-address", "This is no address of a database."),
        ("pigeon://ada:hunter2@host/shop", "There is no such kind of database"),
        ("mysql+pymysql://ada:hunter2@host/shop", "The driver pymysql is not installed."),
    ],
)
async def test_an_address_that_leads_nowhere_is_told_without_it(carry: Carry, app: App, url: str, told: str) -> None:
    run, lines = await carry("sql", url=url, statement="SELECT 1")
    assert run.error is not None
    assert run.error.message.startswith(told)
    assert "hunter2" not in f"{run.error} {lines} {app.tasks.masked('sql', run.args)}"


async def test_a_wrong_statement_fails_without_its_parameters(carry: Carry, shop: Path) -> None:
    wrong = "SELECT :secret FROM nowhere"
    run, _ = await carry("sql", url=f"sqlite:///{shop}", statement=wrong, parameters={"secret": "hunter2"})
    assert run.error is not None
    assert "no such table: nowhere" in run.error.message
    assert "hunter2" not in f"{run.error}"


async def test_a_statement_without_an_end_is_killed(
    app: App, begin: Begin, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.runner, "_grace", 0.5)
    run = await begin("sql", url=f"sqlite:///{shop}", statement=ENDLESS)
    await until(lambda: app.runner.live)
    await app.runs.cancel(run.id)
    assert (await ended(app, run)).state == "cancelled"
