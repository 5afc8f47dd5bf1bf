"""The processes that live, and when each was heard of last, by the database's own clock: theirs may differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    delete,
    false,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from cronapp.core.errors import Conflict
from cronapp.core.models import Node, NodeKind, NodeLoad, RunState
from cronapp.store.dialects import insert_or_ignore
from cronapp.store.store import Tx
from cronapp.store.tables import Moment, in_state, nodes, runs

SAME_NAME = 1000  # processes of one name
ALIVE = 30.0  # seconds since a sign of life, of which there are five within the stall time
DOUBTED = 15.0  # seconds for which others are asked before one that left a run alone


class database_now(GenericFunction[datetime]):  # noqa: N801, called as a function of SQL
    """The database's clock at this very moment, also within a long transaction."""

    type = Moment()
    inherit_cache = True


@compiles(database_now)
def _in_postgresql(element: database_now, compiler: SQLCompiler, **kw: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"


@compiles(database_now, "sqlite")
def _in_sqlite(element: database_now, compiler: SQLCompiler, **kw: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


def ago(seconds: float) -> ColumnElement[Any]:
    """So many seconds before now."""
    return database_now() - literal(int(seconds * 1_000_000), BigInteger)


def now(conn: Connection) -> datetime:
    found: datetime = conn.execute(select(database_now())).scalar_one()
    return found


def join(tx: Tx, node: Node) -> str:
    """Writes down a process that lives; answers the name that it has from now on: its own, or, where somebody else has
    that already, as in containers with the same host name, one like it."""
    for number in range(1, SAME_NAME):
        name = node.name if number == 1 else f"{node.name}-{number}"
        if join_as(tx, replace(node, name=name)):
            return name
    raise Conflict(f"{SAME_NAME} processes are named {node.name}. Give each container a host name of its own.")


def join_as(tx: Tx, node: Node) -> bool:
    """False: somebody is there under this name."""
    written = insert_or_ignore(tx.conn, nodes).values(
        name=node.name,
        kind=node.kind,
        host=node.host,
        pid=node.pid,
        machine=node.machine,
        version=node.version,
        queues=None if node.queues is None else list(node.queues),
        concurrency=node.concurrency,
        started_at=node.started_at,
        heartbeat=database_now(),
        clock_off=node.clock_off,
        draining=node.draining,
        drained_by=node.drained_by,
        labels=list(node.labels) or None,
    )
    return tx.conn.execute(written.returning(nodes.c.name)).scalar() is not None


def beat(conn: Connection, node: Node, clock_off: float) -> bool:
    """A sign of life; False: the others have given this process up."""
    statement = update(nodes).where(is_(node)).values(heartbeat=database_now(), clock_off=clock_off)
    return conn.execute(statement).rowcount == 1


def is_(node: Node) -> ColumnElement[bool]:
    """The very process: another may have its name once it was given up."""
    return and_(nodes.c.name == node.name, nodes.c.started_at == node.started_at)


def get(conn: Connection, name: str) -> Node | None:
    row = conn.execute(select(nodes).where(nodes.c.name == name)).mappings().first()
    return node_of(row) if row else None


def all_nodes(conn: Connection) -> list[Node]:
    return [node_of(row) for row in conn.execute(select(nodes).order_by(nodes.c.kind, nodes.c.name)).mappings()]


def loads(conn: Connection) -> list[NodeLoad]:
    """All processes, and how many runs each executes or is about to."""
    working = or_(in_state(RunState.RUNNING), and_(in_state(RunState.QUEUED), runs.c.node.is_not(None)))
    counted = select(runs.c.node, func.count().label("busy")).where(working).group_by(runs.c.node).subquery()
    statement = (
        select(
            nodes,
            func.coalesce(counted.c.busy, 0).label("busy"),
            func.coalesce(nodes.c.late_at > ago(DOUBTED), false()).label("doubted"),
        )
        .outerjoin(counted, counted.c.node == nodes.c.name)
        .order_by(nodes.c.kind, nodes.c.name)
    )
    return [NodeLoad(node_of(row), row["busy"], row["doubted"]) for row in conn.execute(statement).mappings()]


def silent(conn: Connection, seconds: float) -> list[str]:
    """The processes of which nothing was heard for so long."""
    return list(conn.scalars(select(nodes.c.name).where(nodes.c.heartbeat < ago(seconds)).order_by(nodes.c.name)))


def alive(conn: Connection) -> list[str]:
    """The processes that are at work on the database, as far as can be told without watching them."""
    return list(conn.scalars(select(nodes.c.name).where(nodes.c.heartbeat >= ago(ALIVE)).order_by(nodes.c.name)))


def bury(tx: Tx, name: str, seconds: float | None = None) -> bool:
    """Forgets a process, if nothing was heard of it for so long; False: it lives, or another was first."""
    quiet = [] if seconds is None else [nodes.c.heartbeat < ago(seconds)]
    return tx.conn.execute(delete(nodes).where(nodes.c.name == name, *quiet)).rowcount == 1


def bury_all(tx: Tx) -> None:
    """Of an SQLite file, which has one process at a time."""
    tx.conn.execute(delete(nodes))


def leave(tx: Tx, node: Node) -> bool:
    """It ended as it should; False: it was given up before."""
    return tx.conn.execute(delete(nodes).where(is_(node))).rowcount == 1


def set_draining(tx: Tx, node: Node) -> bool:
    """It says of itself since when it is given no more runs, and who asked that."""
    said = update(nodes).where(is_(node)).values(draining=node.draining, drained_by=node.drained_by)
    return tx.conn.execute(said).rowcount == 1


def drain(tx: Tx, name: str, since: datetime, by: str) -> bool:
    """Somebody empties a process; False: there is none, or it is given no runs already."""
    asked = update(nodes).where(nodes.c.name == name, nodes.c.draining.is_(None))
    return tx.conn.execute(asked.values(draining=since, drained_by=by)).rowcount == 1


def resume(tx: Tx, name: str) -> bool:
    """It is given runs again; False: there is none, or nobody emptied it."""
    asked = update(nodes).where(nodes.c.name == name, nodes.c.drained_by.is_not(None))
    return tx.conn.execute(asked.values(draining=None, drained_by=None)).rowcount == 1


def load(conn: Connection, name: str) -> NodeLoad | None:
    return next((one for one in loads(conn) if one.node.name == name), None)


def set_lacks(tx: Tx, name: str, tasks: Sequence[str]) -> None:
    tx.conn.execute(update(nodes).where(nodes.c.name == name).values(lacks=list(tasks) or None))


def set_late(tx: Tx, names: Sequence[str]) -> None:
    """They left alone what they were given: others are given it first for a while."""
    tx.conn.execute(update(nodes).where(nodes.c.name.in_(names)).values(late_at=database_now()))


def node_of(row: RowMapping) -> Node:
    return Node(
        name=row["name"],
        kind=NodeKind(row["kind"]),
        host=row["host"],
        pid=row["pid"],
        machine=row["machine"],
        version=row["version"],
        queues=None if row["queues"] is None else tuple(row["queues"]),
        concurrency=row["concurrency"],
        started_at=row["started_at"],
        heartbeat=row["heartbeat"],
        clock_off=row["clock_off"],
        draining=row["draining"],
        lacks=tuple(row["lacks"] or ()),
        labels=tuple(row["labels"] or ()),
        drained_by=row["drained_by"],
    )


def unknown(conn: Connection) -> list[str]:
    """Whose runs are said to run, although no such process is known."""
    known = select(nodes.c.name)
    running = select(runs.c.node).where(runs.c.state == RunState.RUNNING, runs.c.node.not_in(known)).distinct()
    return [name for name in conn.scalars(running) if name]
