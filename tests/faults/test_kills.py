"""The short form of `make soak`: a busy server dies at random moments, and every slot that it owed is asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from auditing import audit
from hurting import EACH_SECOND, MARKING, make, marks, runs_of, until_done
from soaking import soak
from support import Server, until


@pytest.mark.timeout(300)
async def test_killed_at_random_moments_a_busy_server_loses_no_slot_and_runs_none_twice(server: Server) -> None:
    found = await soak(server, seed=20260302, kills=4, longest=6)
    assert found.wrong == []
    assert found.slots > 50
    assert {"succeeded", "failed", "skipped"} <= set(found.states)  # whether one is missed too, the moments decide


# -- the audit itself -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def sound(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server that did its work and was stopped; nothing is wrong with it."""
    server = Server(tmp_path_factory.mktemp("sound"), MARKING)
    server.start()
    make(server, "second", "short", EACH_SECOND, overlap="queue_all", misfire={"policy": "all", "grace": 3600})
    await until(lambda: len(runs_of(server, "second")) >= 6)
    server.api("POST", "/jobs/second/pause")
    await until_done(server, "second")
    assert server.stop() == 0
    return server


@pytest.fixture
def copy(sound: Server, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with (
        closing(sqlite3.connect(sound.folder / "cronapp.db")) as whole,
        closing(sqlite3.connect(tmp_path / "db")) as conn,
    ):
        whole.backup(conn)
        yield conn


async def test_the_audit_finds_nothing_wrong_where_nothing_is(sound: Server) -> None:
    found = await audit(sound.folder / "cronapp.db", marks(sound))
    assert found.wrong == []
    assert found.slots == found.attempts == found.states["succeeded"] == len(marks(sound))


@pytest.mark.parametrize(
    ("breach", "told"),
    [
        ("DELETE FROM runs WHERE id = 3", "has no rows"),
        ("UPDATE runs SET job_key = 99 WHERE id = 3; INSERT INTO runs SELECT * FROM copied", "has 2 rows"),
        ("UPDATE runs SET slot = slot + 500000 WHERE id = 3", "where none is due"),
        ("UPDATE runs SET state = 'running', finished_at = NULL WHERE id = 3", "is still running"),
        ("UPDATE runs SET state = 'skipped', cause = NULL WHERE id = 3", "nothing says why"),
        ("UPDATE runs SET state = 'missed', cause = 'down', reason = 'x' WHERE id = 3", "is missed, and was executed"),
        ("UPDATE runs SET missed_since = slot, missed = 2 WHERE id = 3", "stands for 2 slots, and 1 are there"),
        ("UPDATE runs SET attempt = 2 WHERE id = 3", "the attempts of run #3 of second are [2]"),
        ("UPDATE runs SET attempt = 2, first_attempt = 2, slot = (SELECT slot FROM runs WHERE id = 2) WHERE id = 3",
         "is tried again"),
        ("UPDATE runs SET started_at = (SELECT min(started_at) FROM runs) WHERE id = 3", "ran at once"),
    ],
)  # fmt: skip
async def test_the_audit_tells_each_breach(
    sound: Server, copy: sqlite3.Connection, tmp_path: Path, breach: str, told: str
) -> None:
    copy.execute("CREATE TABLE copied AS SELECT * FROM runs WHERE id = 3")
    copy.execute("UPDATE copied SET id = 1000")
    copy.executescript(breach)
    copy.execute("DROP TABLE copied")
    copy.commit()
    found = await audit(tmp_path / "db", marks(sound))
    assert any(told in sentence for sentence in found.wrong), found.wrong


async def test_the_audit_tells_a_run_that_was_executed_twice_and_one_that_was_not(sound: Server) -> None:
    left = marks(sound)
    found = await audit(sound.folder / "cronapp.db", [*left[1:], left[-1]])
    assert len([sentence for sentence in found.wrong if "was executed" in sentence]) == 3, found.wrong
