"""The audit of a stopped server's database: every slot that its jobs promised is there once, and each did what its
row says.

The rows are read with plain SQL, and held against the jobs' schedules and against the marks that the tasks left, which
outlive any crash. `tests/hurting.py` has tasks that leave them.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cronapp.core.models import RETRIED_STATES, Job
from cronapp.core.spec import trigger_for
from cronapp.store import jobs
from cronapp.store.open import open_store

COLUMNS = (
    "id, job, slot, state, trigger, attempt, first_attempt, started_at, finished_at, missed, missed_since, cause, "
    "reason, not_before"
)
WENT_WRONG = {state.value for state in RETRIED_STATES}
CARRIED_OUT = {"succeeded", "failed", "timed_out", "lost", "cancelled"}


@dataclass(frozen=True, slots=True)
class Row:
    """A run as the database has it; moments in microseconds."""

    id: int
    job: str
    slot: int | None
    state: str
    trigger: str
    attempt: int
    first_attempt: int | None
    started_at: int | None
    finished_at: int | None
    missed: int
    missed_since: int | None
    cause: str | None
    reason: str | None
    not_before: int | None

    @property
    def late(self) -> float | None:
        """Seconds from the moment at which it was due to its start; None: it was not due or did not start."""
        if not self.started_at or not self.slot or self.attempt > 1:
            return None
        return (self.started_at - max(self.slot, self.not_before or 0)) / 1e6


@dataclass
class Audit:
    """What was found: `wrong` has a sentence for each broken promise."""

    wrong: list[str] = field(default_factory=list)
    slots: int = 0
    states: Counter[str] = field(default_factory=Counter)
    attempts: int = 0  # that were carried out
    retries: int = 0
    rows: list[Row] = field(default_factory=list)

    def late(self, jobs: str = "", since: int = 0) -> list[float]:
        """How late the runs of slots began, in seconds: of jobs whose ids begin so, and slots from that moment on."""
        of = [row for row in self.rows if row.job.startswith(jobs) and (row.slot or 0) >= since]
        return [late for row in of if (late := row.late) is not None]

    def words(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        return f"{self.slots} slots: {states}; {self.attempts} attempts carried out, {self.retries} of them retries"


async def audit(database: Path, marks: Sequence[Sequence[str]]) -> Audit:
    """Holds the rows of each job against its schedule, its rules and the marks (job, attempt, run, slot, text)."""
    store = await open_store(f"sqlite:///{database}", lambda _: None)
    try:
        known = await store.read(jobs.all_jobs)
    finally:
        await store.close()
    with closing(sqlite3.connect(database)) as conn:
        found = Audit()
        (sound,) = conn.execute("PRAGMA integrity_check").fetchone()
        if sound != "ok":
            found.wrong.append(f"the database is damaged: {sound}")
        rows = found.rows = [Row(*row) for row in conn.execute(f"SELECT {COLUMNS} FROM runs ORDER BY id")]
    found.states.update(row.state for row in rows)
    executed = Counter(int(mark[2]) for mark in marks)
    found.wrong += [f"run #{run} was executed {times} times" for run, times in executed.items() if times > 1]
    for row in rows:
        found.wrong += wrong_with(row, executed[row.id])
    found.attempts = sum(row.state in CARRIED_OUT and row.started_at is not None for row in rows)
    found.retries = sum(row.attempt > 1 for row in rows)
    for job in known:
        of_job = [row for row in rows if row.job == job.id]
        promised = list(expected(job))
        found.slots += len(promised)
        found.wrong += wrong_slots(job.id, promised, of_job)
        found.wrong += wrong_attempts(job.id, job.spec.retry.max_attempts, of_job)
        found.wrong += too_many_at_once(job.id, job.spec.max_running, of_job)
    return found


def wrong_with(row: Row, executed: int) -> Iterator[str]:
    """What no row may be, whatever its job."""
    name = f"run #{row.id} of {row.job}"
    if row.finished_at is None:
        yield f"{name} is still {row.state}"
    if row.state in ("succeeded", "failed") and executed != 1:
        yield f"{name} is {row.state}, and was executed {executed} times"
    if row.state in ("skipped", "missed"):
        if executed:
            yield f"{name} is {row.state}, and was executed"
        if not row.cause or not row.reason:
            yield f"{name} is {row.state}, and nothing says why"
    if row.state in ("lost", "cancelled") and not row.reason:
        yield f"{name} is {row.state}, and nothing says why"


def expected(job: Job) -> Iterator[int]:
    """The slots that the job's schedule promised from the moment it was made up to its last settled one."""
    trigger, slot = trigger_for(job.spec), job.created_at
    while job.last_slot and (slot := trigger.next_after(slot) or job.last_slot + timedelta(1)) <= job.last_slot:
        yield micros(slot)


def wrong_slots(job: str, promised: Sequence[int], rows: Sequence[Row]) -> Iterator[str]:
    """Each promised slot has one first attempt or stands in one gap; and nothing else has."""
    with_slot = [(row, row.slot) for row in rows if row.slot is not None]
    firsts = Counter(slot for row, slot in with_slot if row.attempt == 1 and row.missed_since is None)
    gaps = [(row.missed_since, slot, row.missed, row.id) for row, slot in with_slot if row.missed_since is not None]
    for slot in promised:
        served = firsts.pop(slot, 0) + sum(since <= slot <= last for since, last, _, _ in gaps)
        if served != 1:
            yield f"the slot {when(slot)} of {job} has {served or 'no'} rows"
    yield from (f"{job} has a run at {when(slot)}, where none is due" for slot in firsts)
    for since, last, count, run in gaps:
        inside = sum(since <= slot <= last for slot in promised)
        if inside != count:
            yield f"run #{run} of {job} stands for {count} slots, and {inside} are there"


def wrong_attempts(job: str, most: int, rows: Sequence[Row]) -> Iterator[str]:
    """Attempts follow on each other as the retry rule says: one at a time, after what went wrong, up to the most."""
    chains: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        chains[row.first_attempt or row.id].append(row)
    for first, chain in chains.items():
        numbers = [row.attempt for row in chain]
        if numbers != list(range(1, len(chain) + 1)):
            yield f"the attempts of run #{first} of {job} are {numbers}"
        if len({row.slot for row in chain}) != 1:
            yield f"the attempts of run #{first} of {job} are at several slots"
        for row in chain:
            again = row is not chain[-1]
            if again != (row.state in WENT_WRONG and row.attempt < most):
                more = "is tried again" if again else "is not tried again"
                yield f"run #{row.id} of {job}, attempt {row.attempt} of {most}, is {row.state} and {more}"


def too_many_at_once(job: str, most: int, rows: Sequence[Row]) -> Iterator[str]:
    """No more runs of the job ran at the same time than may."""
    moves = sorted(
        move for row in rows if row.started_at and row.finished_at for move in span(row.started_at, row.finished_at)
    )
    running = 0
    for at, change in moves:
        running += change
        if running > most:
            yield f"{running} runs of {job} ran at once at {when(at)}"
            return


def span(start: int, end: int) -> list[tuple[int, int]]:
    return [(start, 1), (end, -1)]


def micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def when(slot: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=slot)).isoformat()
