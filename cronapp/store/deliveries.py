"""The outbox: what is to be told, in the transaction of what it tells of; who sends it, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, delete, func, select, update

from cronapp.core.alerts import ENDED, TEST, Delivery, DeliveryState
from cronapp.core.models import Json
from cronapp.store.dialects import insert_or_ignore
from cronapp.store.store import Tx
from cronapp.store.tables import deliveries

WAITING = deliveries.c.state == DeliveryState.WAITING
HOUR = timedelta(hours=1)
NOT_KNOWN = "The server ended while this was being sent, so it is not known whether it arrived. It is not sent again."


def delivery_of(row: RowMapping) -> Delivery:
    names = (field for field in Delivery.__dataclass_fields__ if field != "state")
    return Delivery(state=DeliveryState(row["state"]), **{name: row[name] for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is to be told to whom. `once` names it: it is told once."""

    once: str
    kind: str
    event: str
    target: str
    shown: str
    facts: Json
    job_key: int | None = None
    job: str | None = None
    run: int | None = None
    channel: str | None = None
    url: str | None = None


def add(tx: Tx, told: Told, now: datetime, due: datetime | None = None) -> int | None:
    """Puts it into the outbox; None: it is there already."""
    values = {name: getattr(told, name) for name in Told.__dataclass_fields__}
    values |= {"at": now, "state": DeliveryState.WAITING, "due": due or now, "attempts": 0}
    added = insert_or_ignore(tx.conn, deliveries).values(**values).returning(deliveries.c.id)
    return tx.conn.execute(added).scalar()


# -- sent -----------------------------------------------------------------------------------------------------------


def targets_due(conn: Connection, now: datetime, limit: int) -> list[str]:
    """Those for whom something waits, who waits longest first."""
    oldest = func.min(deliveries.c.due)
    statement = (
        select(deliveries.c.target)
        .where(WAITING, deliveries.c.due <= now)
        .group_by(deliveries.c.target)
        .order_by(oldest)
        .limit(limit)
    )
    return list(conn.execute(statement).scalars())


def next_due(conn: Connection) -> datetime | None:
    return conn.execute(select(func.min(deliveries.c.due)).where(WAITING)).scalar()


@dataclass(frozen=True, slots=True)
class Line:
    """What waits for one target and is due: how much, since when, and whether some of it was held back."""

    count: int
    oldest: datetime | None
    held: bool


def due_of(target: str, now: datetime) -> ColumnElement[bool]:
    return and_(WAITING, deliveries.c.target == target, deliveries.c.due <= now)


def line(conn: Connection, target: str, now: datetime) -> Line:
    statement = select(func.count(), func.min(deliveries.c.at), func.count(deliveries.c.held))
    count, oldest, held = conn.execute(statement.where(due_of(target, now))).one()
    return Line(count, oldest, held > 0)


def first(conn: Connection, target: str, now: datetime, limit: int) -> list[Delivery]:
    """What is due for one target, the oldest first."""
    statement = select(deliveries).where(due_of(target, now)).order_by(deliveries.c.id).limit(limit)
    return [delivery_of(row) for row in conn.execute(statement).mappings()]


def first_waiting(conn: Connection, target: str) -> datetime | None:
    """When the oldest is due that waits for the target; None: nothing waits."""
    mine = (WAITING, deliveries.c.target == target)
    return conn.execute(select(deliveries.c.due).where(*mine).order_by(deliveries.c.id).limit(1)).scalar()


def hold(tx: Tx, target: str, now: datetime, until: datetime, why: str) -> int:
    """Nothing that is due for the target is sent before that moment."""
    held = update(deliveries).where(due_of(target, now)).values(due=until, held=why)
    return tx.conn.execute(held).rowcount


def window(conn: Connection, target: str, now: datetime) -> datetime | None:
    """When what is gathered for the target already is sent; None: nothing is."""
    mine = (WAITING, deliveries.c.target == target, deliveries.c.due > now, deliveries.c.held.is_not(None))
    return conn.execute(select(func.min(deliveries.c.due)).where(*mine)).scalar()


def messages_since(conn: Connection, target: str, since: datetime) -> list[datetime]:
    """When messages were sent to the target since then, the oldest first."""
    statement = (
        select(func.min(deliveries.c.claimed_at))
        .where(deliveries.c.target == target, deliveries.c.claimed_at > since, deliveries.c.event != TEST)
        .group_by(deliveries.c.message)
        .order_by(func.min(deliveries.c.claimed_at))
    )
    return list(conn.execute(statement).scalars())


def claim(tx: Tx, ids: Sequence[int], message: str, now: datetime) -> list[Delivery]:
    """Takes these to be sent as one message; those that somebody else has not taken meanwhile."""
    taken = (
        update(deliveries)
        .where(deliveries.c.id.in_(ids), WAITING)
        .values(state=DeliveryState.SENDING, message=message, claimed_at=now, attempts=deliveries.c.attempts + 1)
    )
    if not tx.conn.execute(taken).rowcount:
        return []
    mine = select(deliveries).where(deliveries.c.message == message).order_by(deliveries.c.id)
    return [delivery_of(row) for row in tx.conn.execute(mine).mappings()]


def claim_due(tx: Tx, target: str, most: int, message: str, now: datetime) -> list[Delivery]:
    """The same for what is due, up to so many."""
    statement = select(deliveries.c.id).where(due_of(target, now)).order_by(deliveries.c.id).limit(most)
    ids = list(tx.conn.execute(statement).scalars())
    return claim(tx, ids, message, now) if ids else []


def finish(tx: Tx, message: str, state: DeliveryState, now: datetime, error: str | None = None) -> list[Delivery]:
    """What became of a message. Who was taken for dead meanwhile may still say so."""
    mine = and_(deliveries.c.message == message, deliveries.c.state.in_([DeliveryState.SENDING, DeliveryState.UNKNOWN]))
    told = [delivery_of(row) for row in tx.conn.execute(select(deliveries).where(mine)).mappings()]
    tx.conn.execute(update(deliveries).where(mine).values(state=state, ended_at=now, error=error))
    return told


def try_again(tx: Tx, message: str, due: datetime, error: str) -> None:
    mine = and_(deliveries.c.message == message, deliveries.c.state == DeliveryState.SENDING)
    tx.conn.execute(update(deliveries).where(mine).values(state=DeliveryState.WAITING, due=due, error=error))


def lose(tx: Tx, before: datetime, now: datetime) -> list[Delivery]:
    """What has been being sent since before that moment: whoever did it is gone."""
    mine = and_(deliveries.c.state == DeliveryState.SENDING, deliveries.c.claimed_at < before)
    lost = [delivery_of(row) for row in tx.conn.execute(select(deliveries).where(mine)).mappings()]
    if lost:
        values: dict[str, Any] = {"state": DeliveryState.UNKNOWN, "ended_at": now, "error": NOT_KNOWN}
        tx.conn.execute(update(deliveries).where(mine).values(**values))
    return lost


def again(tx: Tx, delivery_id: int, now: datetime) -> bool:
    """Somebody wants it sent once more."""
    mine = (deliveries.c.id == delivery_id, deliveries.c.state.in_([DeliveryState.FAILED, DeliveryState.UNKNOWN]))
    values = {"state": DeliveryState.WAITING, "due": now, "attempts": 0, "ended_at": None, "held": None}
    return tx.conn.execute(update(deliveries).where(*mine).values(**values)).rowcount == 1


def give_up_waiting(tx: Tx, channel: str, now: datetime, error: str) -> int:
    """Nothing more is sent to a channel that is gone."""
    mine = and_(WAITING, deliveries.c.channel == channel)
    values: dict[str, Any] = {"state": DeliveryState.FAILED, "ended_at": now, "error": error}
    return tx.conn.execute(update(deliveries).where(mine).values(**values)).rowcount


# -- shown ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries are listed."""

    job_key: int | None = None
    channel: str = ""
    state: str = ""
    event: str = ""


def filtered(wanted: DeliveryFilter) -> Select[Any]:
    statement = select(deliveries)
    for name in ("job_key", "channel", "state", "event"):
        if (value := getattr(wanted, name)) not in ("", None):
            statement = statement.where(deliveries.c[name] == value)
    return statement


def page(conn: Connection, wanted: DeliveryFilter, *, before: int | None = None, limit: int = 50) -> list[Delivery]:
    """The newest first."""
    statement = filtered(wanted).order_by(deliveries.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(deliveries.c.id < before)
    return [delivery_of(row) for row in conn.execute(statement).mappings()]


def of_job(conn: Connection, job_key: int, limit: int) -> list[Delivery]:
    statement = select(deliveries).where(deliveries.c.job_key == job_key).order_by(deliveries.c.id.desc()).limit(limit)
    return [delivery_of(row) for row in conn.execute(statement).mappings()]


def get(conn: Connection, delivery_id: int) -> Delivery | None:
    row = conn.execute(select(deliveries).where(deliveries.c.id == delivery_id)).mappings().first()
    return delivery_of(row) if row else None


def of_message(conn: Connection, message: str) -> list[Delivery]:
    rows = conn.execute(select(deliveries).where(deliveries.c.message == message).order_by(deliveries.c.id)).mappings()
    return [delivery_of(row) for row in rows]


def newest_of(conn: Connection, job_key: int, target: str, events: Sequence[str]) -> Delivery | None:
    """What was told last of a job to one receiver, of these events."""
    statement = (
        select(deliveries)
        .where(deliveries.c.job_key == job_key, deliveries.c.target == target, deliveries.c.event.in_(events))
        .order_by(deliveries.c.id.desc())
        .limit(1)
    )
    row = conn.execute(statement).mappings().first()
    return delivery_of(row) if row else None


def prune(tx: Tx, before: datetime, batch: int) -> int:
    """Deletes what ended and is older than the settings keep."""
    old = (
        select(deliveries.c.id)
        .where(deliveries.c.at < before, deliveries.c.state.in_(sorted(ENDED)))
        .order_by(deliveries.c.at)
        .limit(batch)
    )
    ids = list(tx.conn.execute(old).scalars())
    return tx.conn.execute(delete(deliveries).where(deliveries.c.id.in_(ids))).rowcount if ids else 0
