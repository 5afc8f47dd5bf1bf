"""Puts what is to be told into the outbox, in the transaction of what it tells of: both are there, or neither is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from cronapp.core.alert_texts import first_line, stamp
from cronapp.core.alerts import (
    REMINDER,
    START,
    Ended,
    GeneralRule,
    Wanted,
    asks_for,
    events_of,
    ping_url,
    pings_of,
    wanted,
)
from cronapp.core.events import DeliveriesChanged
from cronapp.core.misfire import MissedRange
from cronapp.core.models import AlertEvent, Job, JobSpec, Json, Run, RunState, RunTrigger, SecretUrl
from cronapp.core.usual import Usual
from cronapp.store import alerts, channels, deliveries, overview, runs
from cronapp.store.deliveries import Told
from cronapp.store.store import Conn, Tx

Receiver = tuple[str, str | None, str | None]
"""The target, and the channel or the encrypted address that it stands for."""


def tell_end(
    tx: Tx, job: Job, run: Run, state: RunState, failures: int, now: datetime, general: Sequence[GeneralRule]
) -> None:
    """A run ended for good; `general` are the rules for many jobs. A backfill tells nothing of how the job does now."""
    if run.backfill is not None or run.trigger is RunTrigger.BACKFILL:
        return
    ping_end(tx, job.spec, run, state, now)
    rules = wanted(job.spec, general)
    if not rules or state is RunState.CANCELLED or (ended := runs.get(tx.conn, run.id)) is None:
        return
    asks_usual = asks_for(rules, AlertEvent.SLOW) and any(one.rule.slower_than is None for one in rules)
    usual = runs.usual_before(tx.conn, ended) if asks_usual else None
    end = Ended(
        state=state,
        duration=ended.duration,
        failures=failures,
        before=job.failures,
        silent=ended.last_seq == 0 and ended.result is None,
        usual=usual,
    )
    told = [(event, one) for one in rules for event in events_of(one.rule, end)]
    if told:
        facts = end_facts(tx.conn, job, ended, end)
        for event, one in told:
            tell(tx, job, event, one, facts, f"{event}:{run.id}", now, run=run.id)


def end_facts(conn: Conn, job: Job, run: Run, end: Ended) -> Json:
    well = end.state is RunState.SUCCEEDED
    failures = end.before if well else end.failures
    since = overview.first_failure(conn, job.key) if not well and failures > 1 else None
    return {
        **run_facts(job, run),
        **known(failures=failures or None, since=stamp(since), usual=median(end.usual)),
    }


def run_facts(job: Job, run: Run) -> Json:
    error = f"{run.error.type}: {run.error.message}" if run.error else None
    return known(
        run=run.id,
        attempt=run.attempt,
        attempts=job.spec.retry.max_attempts,
        slot=stamp(run.slot),
        error=first_line(error) if error else None,
        reason=first_line(run.reason) if run.reason else None,
        duration=run.duration,
    )


def known(**facts: Any) -> Json:
    return {name: value for name, value in facts.items() if value is not None}


def median(usual: Usual | None) -> float | None:
    return usual.median if usual else None


def tell_missed(tx: Tx, job: Job, run: int, missed: MissedRange, reason: str, now: datetime) -> None:
    """Slots passed while nobody was there. A gap that grows is told once."""
    facts = known(run=run, missed=missed.count, slot=stamp(missed.last), reason=first_line(reason))
    tell_all(tx, job, AlertEvent.MISSED, facts, f"missed:{run}", now, run=run)


def tell_standing(tx: Tx, job: Job, event: AlertEvent, reason: str | None, now: datetime) -> None:
    """A job paused by itself, or needs attention."""
    facts = known(reason=first_line(reason) if reason else None)
    tell_all(tx, job, event, facts, f"{event}:{job.key}:{int(now.timestamp() * 1e6)}", now)


def tell_all(
    tx: Tx, job: Job, event: AlertEvent, facts: Json, once: str, now: datetime, *, run: int | None = None
) -> None:
    """Everybody whose rule has this event."""
    for one in wanted(job.spec, alerts.listed(tx.conn)):
        if event in one.rule.on:
            tell(tx, job, event, one, facts, once, now, run=run)


def tell(
    tx: Tx,
    job: Job,
    event: str,
    to: Wanted,
    facts: Json,
    once: str,
    now: datetime,
    *,
    run: int | None = None,
) -> None:
    """Everybody whom one rule names. Who is named by several is told once."""
    hooks = {name: one.kind for name, one in channels.named(tx.conn, to.channels).items()} if to.channels else {}
    for target, channel, url in receivers(to.channels, to.urls):
        told = Told(
            once=f"{once}:{target}",
            kind=hooks.get(channel or "", "apprise"),
            event=str(event),
            target=target,
            shown=channel or str(url),
            facts=facts,
            job_key=job.key,
            job=job.id,
            run=run,
            channel=channel,
            url=url.token if isinstance(url, SecretUrl) else None,
        )
        if deliveries.add(tx, told, now) is not None:
            tx.emit(DeliveriesChanged(job.id))


def receivers(names: Sequence[str], urls: Sequence[str]) -> Iterator[Receiver]:
    yield from ((f"channel:{name}", name, None) for name in names)
    yield from ((f"url:{url}", None, url) for url in urls)


def remind(tx: Tx, job: Job, to: Wanted, target: str, last: int, facts: Json, now: datetime) -> None:
    """Once more, since what was told last still lasts."""
    here = [one for one in receivers(to.channels, to.urls) if one[0] == target]
    only = Wanted(to.rule, tuple(c for _, c, _ in here if c), tuple(u for _, _, u in here if u))
    tell(tx, job, REMINDER, only, facts, f"reminder:{job.key}:{last}", now, run=facts.get("run"))


# -- pings ----------------------------------------------------------------------------------------------------------


def ping_begin(tx: Tx, spec: JobSpec, run: Run, now: datetime) -> None:
    """A run begins; its later attempts are the same run."""
    if spec.notify and run.attempt == 1 and run.backfill is None:
        _ping(tx, spec, run, None, now)


def ping_end(tx: Tx, spec: JobSpec, run: Run, state: RunState, now: datetime) -> None:
    if spec.notify:
        _ping(tx, spec, run, state, now)


def _ping(tx: Tx, spec: JobSpec, run: Run, state: RunState | None, now: datetime) -> None:
    event = START if state is None else "success" if state is RunState.SUCCEEDED else "failure"
    for n, ping in enumerate(pings_of(spec)):
        url = ping_url(ping, state)
        if not isinstance(url, SecretUrl):
            continue
        told = Told(
            once=f"ping:{event}:{run.id}:{n}",
            kind="ping",
            event=event,
            target=f"ping:{run.job_key}:{n}",
            shown=str(url),
            facts={"run": run.id},
            job_key=run.job_key,
            job=run.job,
            run=run.id,
            url=url.token,
        )
        if deliveries.add(tx, told, now) is not None:
            tx.emit(DeliveriesChanged(run.job))
