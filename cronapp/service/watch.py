"""What happens without a moment of its own: a run is late, takes long, or a job fails on and on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronapp.core.alert_texts import stamp
from cronapp.core.alerts import REMINDER, GeneralRule, Wanted, slow_after, wanted
from cronapp.core.clock import Clock
from cronapp.core.history import ITSELF
from cronapp.core.models import AlertEvent, Job, JobState, Json, Run
from cronapp.service.telling import known, median, receivers, remind, tell
from cronapp.store import alerts, deliveries, jobs, overview, pauses, runs
from cronapp.store.store import Conn, Store, Tx

LOOKED_AT = 500  # jobs, or runs, of each kind in one go
LEAST_LATE = timedelta(seconds=10)
LASTING = {
    AlertEvent.FAILURE: "fails",
    AlertEvent.PAUSED: "is paused",
    AlertEvent.NEEDS_ATTENTION: "needs attention",
}
"""What may last, so that somebody wants to be reminded."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be told of a job. `last` is the delivery of which a reminder reminds."""

    job: Job
    event: str
    to: Wanted
    facts: Json
    once: str
    run: int | None = None
    target: str = ""
    last: int | None = None


class Watch:
    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def look(self) -> int:
        """Puts into the outbox what is to be told now; answers how much was found, told before or not."""
        found = await self.store.read(self._find, self.clock())
        if found:
            await self.store.write(self._tell, found)
        return len(found)

    def _find(self, conn: Conn, now: datetime) -> list[Found]:
        general = alerts.listed(conn)
        late = [] if pauses.scheduler_pause(conn) else late_ones(conn, general, now)
        return [*late, *slow_ones(conn, general, now), *lasting_ones(conn, general, now)]

    def _tell(self, tx: Tx, found: Sequence[Found]) -> None:
        now = self.clock()
        for one in found:
            if one.last is None:
                tell(tx, one.job, one.event, one.to, one.facts, one.once, now, run=one.run)
            else:
                remind(tx, one.job, one.to, one.target, one.last, one.facts, now)


def rules_with(job: Job, general: Sequence[GeneralRule], event: AlertEvent) -> Iterator[Wanted]:
    return (one for one in wanted(job.spec, general) if event in one.rule.on)


# -- late -----------------------------------------------------------------------------------------------------------


def late_ones(conn: Conn, general: Sequence[GeneralRule], now: datetime) -> list[Found]:
    """Slots without a run, and runs that wait for their turn."""
    found: list[Found] = []
    due, _ = overview.overdue(conn, now - LEAST_LATE, LOOKED_AT)
    for job in due:
        if job.next_slot:
            found += late(job, general, job.next_slot, None, now)
    waiting, _ = overview.waiting(conn, now - LEAST_LATE, LOOKED_AT)
    known_jobs = by_key(conn, {run.job_key for run in waiting})
    for run in waiting:
        if run.job_key in known_jobs and run.backfill is None:
            since = max(run.slot or run.queued_at, run.not_before or run.queued_at)
            found += late(known_jobs[run.job_key], general, since, run, now)
    return found


def by_key(conn: Conn, keys: Iterable[int]) -> dict[int, Job]:
    return {job.key: job for job in jobs.by_keys(conn, list(keys))}


def late(job: Job, general: Sequence[GeneralRule], since: datetime, run: Run | None, now: datetime) -> Iterator[Found]:
    reason = "It waits for its turn." if run else "Its slot has come, and no run was made of it yet."
    facts = known(
        run=run.id if run else None, slot=stamp(run.slot if run else since), since=stamp(since), reason=reason
    )
    for one in rules_with(job, general, AlertEvent.LATE):
        if now - since >= timedelta(seconds=one.rule.late_after):
            once = f"late:{job.key}:{stamp(since)}"
            yield Found(job, AlertEvent.LATE, one, facts, once, run.id if run else None)


# -- slow -----------------------------------------------------------------------------------------------------------


def slow_ones(conn: Conn, general: Sequence[GeneralRule], now: datetime) -> list[Found]:
    """Runs that go on for longer than their rules like. At their end nobody is told again."""
    going = [run for run in runs.running(conn, LOOKED_AT) if not run.trial and run.backfill is None]
    known_jobs = by_key(conn, {run.job_key for run in going})
    asked = [job.key for job in known_jobs.values() if any(rules_with(job, general, AlertEvent.SLOW))]
    usual = runs.usual(conn, asked) if asked else {}
    found: list[Found] = []
    for run in going:
        if run.job_key not in asked or run.started_at is None:
            continue
        job, so_far = known_jobs[run.job_key], (now - run.started_at).total_seconds()
        for one in rules_with(job, general, AlertEvent.SLOW):
            limit = slow_after(one.rule, usual.get(job.key))
            if limit is not None and so_far > limit:
                facts = known(
                    run=run.id,
                    slot=stamp(run.slot),
                    running=True,
                    duration=round(so_far),
                    usual=median(usual.get(job.key)),
                )
                found.append(Found(job, AlertEvent.SLOW, one, facts, f"slow:{run.id}", run.id))
    return found


# -- what lasts -----------------------------------------------------------------------------------------------------


def lasting_ones(conn: Conn, general: Sequence[GeneralRule], now: datetime) -> list[Found]:
    """Jobs that were told of, and of which somebody wants to be reminded by now."""
    failing, _ = overview.failing(conn, LOOKED_AT)
    misfits, _ = overview.misfits(conn, LOOKED_AT)
    paused, _ = overview.paused_by(conn, ITSELF, LOOKED_AT)
    kinds = ((AlertEvent.FAILURE, failing), (AlertEvent.NEEDS_ATTENTION, misfits), (AlertEvent.PAUSED, paused))
    return [
        found for event, concerned in kinds for job in concerned for found in lasting(conn, job, event, general, now)
    ]


def lasting(conn: Conn, job: Job, event: AlertEvent, general: Sequence[GeneralRule], now: datetime) -> Iterator[Found]:
    for one in rules_with(job, general, event):
        if one.rule.remind is None or (event is AlertEvent.FAILURE and job.failures < one.rule.failures):
            continue
        for target, _, _ in receivers(one.channels, one.urls):
            last = deliveries.newest_of(conn, job.key, target, (event, REMINDER))
            if last is None or now - last.at < timedelta(seconds=one.rule.remind):
                continue
            facts = {name: value for name, value in last.facts.items() if name in ("run", "error", "reason")}
            since = overview.first_failure(conn, job.key) if event is AlertEvent.FAILURE else last_since(job)
            told = {**facts, **known(still=LASTING[event], failures=job.failures or None, since=stamp(since))}
            yield Found(job, REMINDER, one, told, "", facts.get("run"), target, last.id)


def last_since(job: Job) -> datetime | None:
    return job.pause.at if job.state is JobState.PAUSED and job.pause else None
