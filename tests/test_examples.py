"""Each example runs for real."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from answering import Answering

from cronapp.core.current import CURRENT, CurrentRun
from cronapp.core.models import IntervalSchedule, Progress
from cronapp.core.registry import Registry, Task, code_job_id, load

SOURCE = Path(__file__).parent.parent / "examples" / "tasks.py"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load([str(SOURCE)])


def run(task: Task, **args: Any) -> Any:
    """Call a task as the engine does: JSON arguments, checked."""
    result = task.signature.call(task.function, task.signature.check(args))
    return asyncio.run(result) if inspect.iscoroutine(result) else result


@contextmanager
def reported() -> Iterator[list[Progress]]:
    told: list[Progress] = []
    token = CURRENT.set(CurrentRun(id=1, job="j", task="t", attempt=1, slot=None, report=told.append))
    try:
        yield told
    finally:
        CURRENT.reset(token)


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<h1>All is well</h1>"
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def site() -> Iterator[str]:
    server = Answering(Page)
    yield server.url
    server.end()


def test_every_example_loads_and_explains_itself(registry: Registry) -> None:
    assert registry.errors == []
    for task in registry.tasks.values():
        assert task.summary, task.name
        assert task.problem is None
        assert task.signature.json_schema()["type"] == "object"
        if task.name != "sample_task":
            assert all(field.help for field in task.signature.fields()), task.name


def test_the_forms_defaults_are_what_the_functions_have(registry: Registry) -> None:
    for task in registry.tasks.values():
        given = {field.name: field.default for field in task.signature.fields() if field.has_default}
        given = {name: value for name, value in given.items() if value is not inspect.Parameter.empty}
        given |= {field.name: "x" for field in task.signature.fields() if not field.has_default}
        kwargs = task.signature.check(task.signature.from_form(task.signature.to_form(given)))
        for parameter in task.signature.parameters:
            if parameter.has_default:
                assert kwargs.get(parameter.name, parameter.default) == parameter.default


def test_sample_task_prints_its_arguments(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    run(registry.get("sample_task"), arg1="a", arg2=2)
    assert capsys.readouterr().out == "Task executed with arguments: a, 2\n"


def test_disk_space_reports_and_warns(registry: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    task = registry.get("disk_space")
    assert task.options.schedule == (IntervalSchedule(every="15m"),)
    assert code_job_id(task) == "disk-space"
    assert run(task, path=str(tmp_path), warn_below_percent=0)["free"] >= 0
    assert caplog.records == []
    run(task, path=str(tmp_path), warn_below_percent=100)
    assert caplog.records[0].levelno == logging.WARNING


def test_web_check_accepts_a_page_as_it_should_be(registry: Registry, site: str) -> None:
    assert run(registry.get("web_check"), url=f"{site}/", contains="All is well")["status"] == 200
    assert run(registry.get("web_check"), url=f"{site}/missing", expect_status=404)["status"] == 404


def test_web_check_says_what_is_wrong(registry: Registry, site: str) -> None:
    check = registry.get("web_check")
    with pytest.raises(RuntimeError, match="answered 404 Not Found, but 200 was expected"):
        run(check, url=f"{site}/missing")
    with pytest.raises(RuntimeError, match="does not contain 'Sold out'"):
        run(check, url=f"{site}/", contains="Sold out")
    with pytest.raises(ValueError, match="Only http and https"):
        run(check, url="file:///etc/hosts")
    with pytest.raises(ConnectionError, match="cannot be reached"):
        run(check, url="http://127.0.0.1:1/")


def test_backup_copies_checks_and_rotates(registry: Registry, tmp_path: Path) -> None:
    database, folder = tmp_path / "shop.db", tmp_path / "copies"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE sales (amount)")
        connection.executemany("INSERT INTO sales VALUES (?)", [(n,) for n in range(1000)])
        connection.commit()
    (tmp_path / "copies").mkdir()
    (folder / "shop-notes.db").write_text("not one of ours")
    with reported() as told:
        copies = [run(registry.get("backup_sqlite"), database=str(database), folder=str(folder), keep=2) for _ in "123"]
    assert told[-1].done == told[-1].total
    assert copies[2]["removed"] == [Path(copies[0]["file"]).name]
    kept = {Path(copies[1]["file"]).name, Path(copies[2]["file"]).name, "shop-notes.db"}
    assert {path.name for path in folder.iterdir()} == kept
    with closing(sqlite3.connect(copies[2]["file"])) as connection:
        assert connection.execute("SELECT count(*) FROM sales").fetchone() == (1000,)


def test_backup_refuses_what_is_no_database(registry: Registry, tmp_path: Path) -> None:
    backup = registry.get("backup_sqlite")
    with pytest.raises(FileNotFoundError, match="There is no database"):
        run(backup, database=str(tmp_path / "none.db"), folder=str(tmp_path))
    (tmp_path / "text.db").write_text("no database at all, " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        run(backup, database=str(tmp_path / "text.db"), folder=str(tmp_path / "copies"))
    assert list((tmp_path / "copies").iterdir()) == []


@pytest.mark.parametrize(("by", "first"), [("region", "Hamburg"), ("product", "Espresso beans 1 kg"), ("month", None)])
def test_aggregate_sales_adds_up_the_shipped_figures(
    registry: Registry, capsys: pytest.CaptureFixture[str], by: str, first: str | None
) -> None:
    totals = run(registry.get("aggregate_sales"), by=by, top=3)
    assert len(totals) == 3
    assert list(totals.values()) == sorted(totals.values(), reverse=True)
    assert first is None or next(iter(totals)) == first
    assert f"Sales by {by}" in capsys.readouterr().out


def test_every_grouping_has_the_same_sum(registry: Registry) -> None:
    sums = {round(sum(run(registry.get("aggregate_sales"), by=by, top=100).values()), 2) for by in ("region", "month")}
    assert len(sums) == 1


def test_slow_count_moves_its_bar(registry: Registry) -> None:
    with reported() as told:
        assert run(registry.get("slow_count"), seconds=1, label="One") == 1
    assert told == [Progress(done=1, total=1, text="One")]


def test_flaky_fails_always_never_and_is_retried(registry: Registry) -> None:
    flaky = registry.get("flaky")
    assert flaky.options.retry is not None
    assert flaky.options.retry.max_attempts == 3
    assert run(flaky, fail_percent=0) == "answered at attempt 1"
    with pytest.raises((ConnectionError, TimeoutError, ValueError), match="The service"):
        run(flaky, fail_percent=100)


def test_find_primes_counts_them(registry: Registry) -> None:
    assert registry.get("find_primes").run_in == "process"
    with reported() as told:
        assert run(registry.get("find_primes"), limit=1000) == {"count": 168, "largest": 997}
    assert told[-1] == Progress(done=1000, total=1000, text="168 primes")
    assert run(registry.get("find_primes"), limit=2) == {"count": 1, "largest": 2}


def test_tidy_folder_removes_only_old_plain_files(registry: Registry, tmp_path: Path) -> None:
    long_ago = time.time() - timedelta(days=40).total_seconds()
    for name in ("old.txt", ".hidden", "new.txt"):
        (tmp_path / name).write_text("x" * 10)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "old.txt")
    for name in ("old.txt", ".hidden", "folder"):
        os.utime(tmp_path / name, (long_ago, long_ago))
    tidy = registry.get("tidy_folder")
    assert run(tidy, folder=str(tmp_path)) == {"files": 1, "bytes": 10, "removed": False}
    assert (tmp_path / "old.txt").exists()
    assert run(tidy, folder=str(tmp_path), older_than="30d", dry_run=False)["removed"] is True
    assert {path.name for path in tmp_path.iterdir()} == {".hidden", "new.txt", "folder", "link"}
    with pytest.raises(NotADirectoryError):
        run(tidy, folder=str(tmp_path / "none"))


def test_chatter_speaks_in_every_way(
    registry: Registry, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert run(registry.get("chatter"), lines=9, delay_ms=0) == 9
    captured = capsys.readouterr()
    assert "\033[32m" in captured.out
    assert "on stderr" in captured.err
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO", "WARNING", "ERROR"]
    assert len(warned) == 1


def test_summarise_log_counts_within_its_hours(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "app.log"
    log.write_text("2026-01-31 03:00 ERROR a\n2026-01-31T09:00 ERROR b\n2026-01-31 10:00 INFO c\n  WARNING d\n")
    summarise = registry.get("summarise_log")
    assert run(summarise, file=str(log)) == {"ERROR": 2, "INFO": 1, "WARNING": 1}
    found = run(summarise, file=str(log), window={"first_hour": 9, "last_hour": 9}, style="markdown")
    assert found == {"ERROR": 1, "WARNING": 1}
    assert "| ERROR | 1 |" in capsys.readouterr().out
