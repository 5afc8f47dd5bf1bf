"""The audit of a PostgreSQL that several servers and workers shared, after they have ended.

Three witnesses are held against each other: the slots by the arithmetic of their schedules, the rows with every change
of theirs that triggers in the database wrote down, and the marks that the tasks left in a file.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from auditing import COLUMNS, Row, micros, too_many_at_once, wrong_attempts, wrong_slots, wrong_with

WATCHING = b"""
CREATE TABLE seen_moves (
    n BIGSERIAL, run BIGINT, before TEXT, after TEXT, node TEXT, at TIMESTAMPTZ DEFAULT clock_timestamp(),
    tx XID8 DEFAULT pg_current_xact_id());
CREATE TABLE seen_lines (
    run BIGINT, seq BIGINT, at TIMESTAMPTZ DEFAULT clock_timestamp(), tx XID8 DEFAULT pg_current_xact_id());
CREATE FUNCTION see_move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO seen_moves (run, before, after, node) VALUES (NEW.id, OLD.state, NEW.state, NEW.node); RETURN NULL;
END $$;
CREATE FUNCTION see_line() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO seen_lines (run, seq) VALUES (NEW.run, NEW.seq); RETURN NULL;
END $$;
CREATE TRIGGER see_move AFTER UPDATE ON runs FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION see_move();
CREATE TRIGGER see_line AFTER INSERT ON log_lines FOR EACH ROW EXECUTE FUNCTION see_line();
"""
ENDED = {"succeeded", "failed", "timed_out", "cancelled", "lost", "skipped", "missed"}
WOKEN_BY_ANY = {"succeeded", "failed", "timed_out", "lost", "cancelled"}


@dataclass(frozen=True, slots=True)
class Promise:
    """A job's slots by their arithmetic, and the two rules that its rows must keep."""

    job: str
    since: datetime
    upto: datetime
    anchor: datetime
    every: int
    attempts: int
    at_once: int

    def slots(self) -> Iterator[int]:
        passed = (self.since - self.anchor) // timedelta(seconds=self.every)
        slot = self.anchor + (passed + 1) * timedelta(seconds=self.every)
        while slot <= self.upto:
            yield micros(slot)
            slot += timedelta(seconds=self.every)


@dataclass
class FleetAudit:
    """What was found: `wrong` has a sentence for each broken promise."""

    wrong: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def table(self) -> str:
        width = max(map(len, self.figures))
        return "\n".join(f"  {name:<{width}}  {figure}" for name, figure in self.figures.items())


@dataclass
class Marks:
    """What the tasks wrote into their file: by run, the texts with which it began, returned and raised."""

    began: dict[int, list[str]]
    returned: dict[int, list[str]]
    raised: dict[int, list[str]]


def watch_rows(url: str) -> None:
    """From now on the database writes down how runs move and when lines come."""
    with psycopg.connect(url) as conn:
        conn.execute(WATCHING)


def keep_rows(url: str, folder: Path) -> None:
    """What somebody needs who looks for the reason of a breach."""
    with psycopg.connect(url) as conn:
        for table in ("runs", "seen_moves", "seen_lines", "nodes", "procrastinate_jobs"):
            with conn.cursor().copy(f"COPY {table} TO STDOUT (FORMAT csv, HEADER)".encode()) as rows:
                (folder / f"{table}.csv").write_bytes(b"".join(bytes(row) for row in rows))


def audit_fleet(url: str, promises: list[Promise], marks: Path, deeds: Counter[str]) -> FleetAudit:
    found, told = FleetAudit(), read_marks(marks)
    with psycopg.connect(url) as conn:
        rows = [Row(*row) for row in conn.execute(f"SELECT {COLUMNS} FROM runs ORDER BY id".encode())]
        found.wrong += wrong_slots_and_attempts(rows, promises)
        found.wrong += wrong_dependents(conn, rows)
        found.wrong += wrong_moves(conn, rows)
        found.wrong += wrong_lines(conn)
        found.wrong += wrong_results(conn, rows, told)
        found.wrong += left_behind(conn)
        found.figures = figures(conn, rows, promises, told, deeds)
    return found


def read_marks(file: Path) -> Marks:
    told: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for line in file.read_text().splitlines():
        word, run, _, text = line.split(" ")
        told[word][int(run)].append(text)
    return Marks(told["began"], told["returned"], told["raised"])


def wrong_slots_and_attempts(rows: list[Row], promises: list[Promise]) -> Iterator[str]:
    by_job = defaultdict(list)
    for row in rows:
        by_job[row.job].append(row)
    for promise in promises:
        of_job = by_job[promise.job]
        yield from wrong_slots(promise.job, list(promise.slots()), of_job)
        yield from wrong_attempts(promise.job, promise.attempts, of_job)
        yield from too_many_at_once(promise.job, promise.at_once, of_job)
    yield from (f"run #{row.id} of {row.job} is missed, though all was to be caught up" for row in missed(rows))


def missed(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.state == "missed" or row.missed_since is not None]


def wrong_dependents(conn: psycopg.Connection, rows: list[Row]) -> Iterator[str]:
    """Each end that is for good woke each job that waited for it, once."""
    question = b"SELECT job, woken_by FROM runs WHERE job LIKE 'after-%' AND attempt = 1"
    woken = Counter(tuple(row) for row in conn.execute(question))
    last = {row.first_attempt or row.id: row for row in rows}  # in the order of the attempts
    for dependent in sorted({row.job for row in rows if row.job.startswith("after-")}):
        for row in last.values():
            if row.job == dependent.removeprefix("after-") and row.state in WOKEN_BY_ANY:
                count = woken.pop((dependent, row.id), 0)
                if count != 1:
                    yield f"run #{row.id} of {row.job}, which is {row.state}, woke {dependent} {count} times"
    yield from (f"{dependent} was woken by run #{run}, which did not end for good" for dependent, run in woken)


def wrong_moves(conn: psycopg.Connection, rows: list[Row]) -> Iterator[str]:
    """An attempt begins once and ends once, and nothing comes after its end."""
    moves: dict[int, list[str]] = defaultdict(list)
    for run, after in conn.execute(b"SELECT run, after FROM seen_moves ORDER BY n"):
        moves[run].append(after)
    for row in rows:
        path = moves.get(row.id, [])
        ends = [state for state in path if state in ENDED]
        born_ended = not path and row.state in ENDED
        if path.count("running") > 1 or (len(ends) != 1 and not born_ended) or (ends and path[-1] != ends[0]):
            yield f"run #{row.id} of {row.job} went through {', '.join(path) or 'nothing'}, and is {row.state}"


def wrong_lines(conn: psycopg.Connection) -> Iterator[str]:
    """No line comes after an end, but for the last ones, which the end itself brings; and they have no gaps."""
    late = conn.execute(
        b"SELECT DISTINCT l.run, m.after FROM seen_lines l JOIN seen_moves m USING (run)"
        b" WHERE m.after NOT IN ('queued', 'running') AND l.at > m.at AND l.tx <> m.tx ORDER BY l.run"
    )
    yield from (f"run #{run} got lines after it was {state}" for run, state in late)
    gaps = conn.execute(
        b"SELECT run, count(*), max(seq) FROM log_lines GROUP BY run HAVING count(*) <> max(seq) OR min(seq) <> 1"
    )
    yield from (f"run #{run} has {count} lines up to number {last}" for run, count, last in gaps)


def wrong_results(conn: psycopg.Connection, rows: list[Row], told: Marks) -> Iterator[str]:
    """What a row says is what its one execution said; of an attempt that was given up nothing was taken."""
    results = {run: (result, message) for run, result, message in conn.execute(
        b"SELECT id, result, error_message FROM runs"
    )}  # fmt: skip
    for row in rows:
        began, returned, raised = told.began.get(row.id, []), told.returned.get(row.id, []), told.raised.get(row.id, [])
        result, message = results[row.id]
        name = f"run #{row.id} of {row.job}"
        if len(began) > 1:
            yield f"{name} was executed {len(began)} times"
        if row.state == "succeeded" and returned != [result]:
            yield f"{name} has the result {result!r}, and its code returned {returned}"
        if row.state == "failed" and raised != [message]:
            yield f"{name} failed with {message!r}, and its code raised {raised}"
        if row.state not in ("succeeded", "failed") and result is not None:
            yield f"{name} is {row.state}, and has the result {result!r}"
        yield from wrong_with(row, len(began))


def left_behind(conn: psycopg.Connection) -> Iterator[str]:
    for what, question in (
        ("nodes", b"SELECT count(*) FROM nodes"),
        ("tickets of procrastinate", b"SELECT count(*) FROM procrastinate_jobs"),
        ("waiting runs with a node", b"SELECT count(*) FROM runs WHERE state = 'queued' AND node IS NOT NULL"),
        ("active jobs with a schedule", b"SELECT count(*) FROM jobs WHERE state = 'active' AND id NOT LIKE 'after-%'"),
    ):
        if count := conn.execute(question).fetchone()[0]:  # type: ignore[index]
            yield f"{count} {what} are left"


def figures(
    conn: psycopg.Connection, rows: list[Row], promises: list[Promise], told: Marks, deeds: Counter[str]
) -> dict[str, Any]:
    states, by_id = Counter(row.state for row in rows), {row.id: row for row in rows}
    late = sorted(late for row in rows if (late := row.late) is not None) or [0.0]
    refused = [run for run in told.returned if by_id[run].state != "succeeded"]
    lines = conn.execute(b"SELECT count(*) FROM log_lines").fetchone()
    return {
        "deeds": ", ".join(f"{count} {deed}" for deed, count in sorted(deeds.items())),
        "slots promised": sum(1 for promise in promises for _ in promise.slots()),
        "slots with one run": len({(row.job, row.slot) for row in rows if row.slot is not None}),
        "runs, attempts and all": len(rows),
        **{f"  {state}": count for state, count in sorted(states.items())},
        "second and later attempts": sum(row.attempt > 1 for row in rows),
        "woken by others": sum(row.trigger == "dependency" for row in rows),
        "executions that began": sum(map(len, told.began.values())),
        "results returned": sum(map(len, told.returned.values())),
        "  of them refused": len(refused),
        "lines kept": lines[0] if lines else 0,
        "late in seconds: median, p99, most": f"{statistics.median(late):.2f}, {late[int(len(late) * 0.99)]:.2f}, "
        f"{late[-1]:.2f}",
    }
