"""Which waiting runs go to which nodes, and what becomes of them on their way.

A run that is handed to a node still waits, and has its places already: so no limit is passed, however many nodes there
are. It is the node's own once that says so (`begin`); until then it can be taken back, and nothing is lost by that.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from cronapp.core.models import BY_HAND, Node, NodeLoad, Run, RunState, Ticket
from cronapp.core.routing import Line
from cronapp.store import dialects, nodes
from cronapp.store.runs.claims import CLAIMS, in_turn, lines, started
from cronapp.store.runs.room import SENT, room_now
from cronapp.store.runs.rows import run_of
from cronapp.store.store import Tx
from cronapp.store.tables import runs


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A run that its node left alone."""

    run: int
    job: str
    node: str


class Places:
    """Where runs can go, and how many."""

    def __init__(self, loads: Sequence[NodeLoad]) -> None:
        open_nodes = [load for load in loads if load.free and load.node.draining is None]
        self._free = Counter({load.node.name: load.free for load in open_nodes})
        self._doubted = {load.node.name for load in open_nodes if load.doubted}
        self._nodes = [load.node for load in open_nodes]

    @property
    def left(self) -> int:
        return self._free.total()

    def lacking(self, line: Line) -> Collection[str] | None:
        """The tasks that nobody has who serves this line and has room; None: nobody serves it."""
        able = [node for node in self._nodes if self._free[node.name] and node.serves(line.queue, line.asks)]
        return set.intersection(*(set(node.lacks) for node in able)) if able else None

    def best(self, line: Line, task: str) -> str | None:
        """The node with the most room; but rather one that took what it was given lately, one that is there for this
        queue, and one with few labels, so that those which serve all or have more have room for the others."""
        able = [node for node in self._nodes if self._free[node.name] and node.takes(line.queue, task, line.asks)]
        best = max(able, key=self._fitness, default=None)
        return None if best is None else best.name

    def _fitness(self, node: Node) -> tuple[bool, bool, int, int]:
        return node.name not in self._doubted, node.queues is not None, -len(node.labels), self._free[node.name]

    def take(self, name: str) -> None:
        self._free[name] -= 1


def hand_out(tx: Tx, *, now: datetime, limit: int, only_by_hand: bool = False) -> list[Ticket]:
    """Hands up to `limit` waiting runs to nodes, in turn, none beyond a limit or to a node without room; with
    `only_by_hand` none that a rule started."""
    if not (found := lines(tx.conn, now)):
        return []
    dialects.lock(tx.conn, CLAIMS)
    places = Places(nodes.loads(tx.conn))
    limit = min(limit, places.left)
    room = room_now(tx.conn, now)
    chosen: dict[str, list[int]] = defaultdict(list)
    count = 0
    for row in in_turn(tx.conn, found, now, room, places.lacking, limit, only_by_hand):
        node = places.best(Line(row["queue"], row["labels"]), row["task"])
        if node is not None and room.take(row):
            places.take(node)
            chosen[node].append(row["id"])
            count += 1
            if count == limit:
                break
    for node, run_ids in chosen.items():
        send(tx, run_ids, node)
    return tx.tickets


def send(tx: Tx, run_ids: Sequence[int], node: str) -> None:
    statement = (
        update(runs)
        .where(runs.c.id.in_(run_ids), runs.c.state == RunState.QUEUED, runs.c.node.is_(None))
        .values(node=node, sent_at=nodes.database_now())
        .returning(runs.c.id, runs.c.task)
    )
    sent = {row.id: row.task for row in tx.conn.execute(statement)}
    tx.tickets.extend(Ticket(run_id, node, sent[run_id]) for run_id in run_ids if run_id in sent)


def begin(tx: Tx, run_ids: Sequence[int], node: str, now: datetime, *, only_by_hand: bool = False) -> list[Run]:
    """Those of the runs run from now on that still wait and are handed to this node."""
    statement = update(runs).where(runs.c.id.in_(run_ids), SENT, runs.c.node == node)
    if only_by_hand:
        statement = statement.where(runs.c.trigger.in_(BY_HAND))
    return started(tx, statement, run_ids, now)


def begun(conn: Connection, run_ids: Sequence[int], node: str) -> list[Run]:
    """Those of the runs that run on this node."""
    statement = select(runs).where(runs.c.id.in_(run_ids), runs.c.state == RunState.RUNNING, runs.c.node == node)
    return [run_of(row) for row in conn.execute(statement.order_by(runs.c.id)).mappings()]


def take_back(
    tx: Tx, *, node: str | None = None, seconds: float | None = None, run_ids: Sequence[int] | None = None
) -> list[TakenBack]:
    """Takes runs back that have not begun: those of one node, those of certain numbers, those that were sent so long
    ago. Whoever still brings them there is refused."""
    statement = select(runs.c.id, runs.c.job, runs.c.node).where(SENT).order_by(runs.c.id)
    # Of a node that is gone, also what begins there just now is waited for: it is lost, and else nobody would notice.
    statement = statement.with_for_update(skip_locked=seconds is not None)
    if node is not None:
        statement = statement.where(runs.c.node == node)
    if run_ids is not None:
        statement = statement.where(runs.c.id.in_(run_ids))
    if seconds is not None:
        statement = statement.where(runs.c.sent_at < nodes.ago(seconds))
    taken = [TakenBack(row.id, row.job, row.node) for row in tx.conn.execute(statement)]
    if taken:
        back = update(runs).where(runs.c.id.in_([one.run for one in taken]))
        tx.conn.execute(back.values(node=None, sent_at=None))
    return taken
