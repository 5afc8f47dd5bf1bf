"""The processes that share one database: who lives, who fell silent, and what becomes of what they left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cronapp.core.clock import Clock
from cronapp.core.errors import Conflict, NameTaken, NodeNotFound
from cronapp.core.events import NodesChanged, RunChanged
from cronapp.core.models import Node, NodeLoad, Run
from cronapp.core.routing import Line, Unserved, nobody, unserved
from cronapp.service.blackouts import Blackouts
from cronapp.service.runs import lost_on
from cronapp.store import audit, limits, nodes, runs
from cronapp.store.beat import measured
from cronapp.store.store import Conn, Store, Tx

SILENT = "Nothing was heard of {} for {}, which executed this run."
ENDED = "The process {} that executed this run ended without a word."


@dataclass(frozen=True, slots=True)
class FleetNow:
    """The nodes, and how busy each is."""

    loads: tuple[NodeLoad, ...]
    unserved: tuple[Unserved, ...]  # what waits for a node that is not there
    now: datetime  # by the database's clock
    stall: float = 10

    def silent(self, node: Node) -> bool:
        """Whether it will soon be given up."""
        return (self.now - node.heartbeat).total_seconds() > self.stall / 2


class Fleet:
    def __init__(self, store: Store, blackouts: Blackouts, clock: Clock, stall: float) -> None:
        """`stall`: seconds of silence after which a node counts as dead."""
        self.store = store
        self.blackouts = blackouts
        self.clock = clock
        self.stall = stall

    @property
    def shared(self) -> bool:
        """Whether other processes may work on the same database."""
        return self.store.kind == "postgresql"

    async def join(self, node: Node) -> Node:
        """Writes down that this process lives; answers it with the name that it has from now on."""

        def change(tx: Tx) -> Node:
            if not self.shared:
                nodes.bury_all(tx)  # the file is locked: whoever stands there is gone
            tx.emit(NodesChanged())
            return replace(node, name=nodes.join(tx, node))

        return await self.store.write(change)

    async def rejoin(self, node: Node) -> bool:
        """A process that was given up is there again, under the name that it had; False: it is there already. Raises
        `NameTaken` where another process has that name meanwhile, as a container that was started in its place."""

        def change(tx: Tx) -> bool:
            tx.emit(NodesChanged())
            if nodes.join_as(tx, node):
                return True
            other = nodes.get(tx.conn, node.name)
            if other and other.started_at != node.started_at:
                raise NameTaken
            return False

        return await self.store.write(change)

    async def leave(self, node: Node) -> None:
        """It ended as it should: nothing of it runs any more. Who has its name by now is left alone."""

        def change(tx: Tx) -> None:
            if not nodes.leave(tx, node):
                return
            for one in runs.take_back(tx, node=node.name):
                tx.emit(RunChanged(one.run, one.job))
            tx.emit(NodesChanged())

        await self.store.write(change)

    async def has_again(self, name: str) -> None:
        """Its tasks were read again: it is asked anew for those that it lacked."""

        def change(tx: Tx) -> None:
            nodes.set_lacks(tx, name, ())
            tx.emit(NodesChanged())

        await self.store.write(change)

    async def hold(self, node: Node) -> bool:
        """A node says that it is given no more runs, or again; False: it was given up."""

        def change(tx: Tx) -> bool:
            tx.emit(NodesChanged())
            return nodes.set_draining(tx, node)

        return await self.store.write(change)

    async def drain(self, name: str) -> NodeLoad:
        """Somebody empties a node, be it this one or another: it is given no more runs and takes no new slot, and what
        it runs goes on. That holds until somebody resumes it, or its process ends."""

        def change(tx: Tx) -> NodeLoad:
            if nodes.drain(tx, name, self.clock(), tx.by.name):
                audit.note(tx, self.clock(), "node.drained", name)
                tx.emit(NodesChanged())
            return found_node(tx.conn, name)

        return await self.store.write(change)

    async def resume(self, name: str) -> NodeLoad:
        """It is given runs again. Raises `Conflict` where nobody emptied it, as it comes or leaves by itself."""

        def change(tx: Tx) -> NodeLoad:
            if nodes.resume(tx, name):
                audit.note(tx, self.clock(), "node.resumed", name)
                tx.emit(NodesChanged())
            found = found_node(tx.conn, name)
            if found.node.draining is not None:
                raise Conflict(f"{name} is starting or stopping by itself. Only what somebody emptied can be resumed.")
            return found

        return await self.store.write(change)

    async def get(self, name: str) -> NodeLoad:
        """One node; raises `NodeNotFound`."""
        return await self.store.read(found_node, name)

    async def clock_off(self) -> float | None:
        """Seconds that this machine's clock is ahead of the database's, where that is another's; None: not known."""
        return await self.store.read(measured) if self.shared else None

    async def places(self, own: int) -> int:
        """How many runs may go on side by side, on all nodes together; `own`: on this one."""
        if not self.shared:
            return own
        return sum(node.concurrency for node in await self.store.read(nodes.all_nodes))

    async def look(self) -> FleetNow:
        def ask(conn: Conn) -> FleetNow:
            loads, now = nodes.loads(conn), nodes.now(conn)
            if not self.shared:  # whoever asks here is the process itself
                loads = [replace(load, node=replace(load.node, heartbeat=now)) for load in loads]
            fleet = [load.node for load in loads]
            return FleetNow(tuple(loads), tuple(waiting_for_nobody(conn, fleet)), now, self.stall)

        return await self.store.read(ask)

    async def nobody_for(self, line: Line, task: str) -> str | None:
        """Why no process would ever take such a run, in words; None: one does."""
        return await self.store.read(lambda conn: nobody(nodes.all_nodes(conn), line, task))

    async def silent(self) -> list[str]:
        """The nodes of which nothing was heard for the stall time."""
        return await self.store.read(nodes.silent, self.stall)

    async def bury(self, name: str, *, dead: bool = False) -> list[Run] | None:
        """Gives up a silent node: its runs are lost, and what was on its way to it waits for another. None: it was
        heard of again, or another server was first. With `dead` it is known to have ended, however lately it spoke."""
        reason = ENDED.format(name) if dead else SILENT.format(name, f"{self.stall:g} s")

        def change(tx: Tx) -> list[Run] | None:
            if not nodes.bury(tx, name, None if dead else self.stall):
                return None
            for one in runs.take_back(tx, node=name):
                tx.emit(RunChanged(one.run, one.job))
            tx.emit(NodesChanged())
            return lost_on(tx, name, reason, self.clock(), self.blackouts)

        return await self.store.write(change)

    async def lose_unknown(self) -> list[Run]:
        """Gives up what runs in the books on nodes that are not there, as after a database was restored."""

        def change(tx: Tx) -> list[Run]:
            unknown = nodes.unknown(tx.conn)
            return [
                run for name in unknown for run in lost_on(tx, name, ENDED.format(name), self.clock(), self.blackouts)
            ]

        return await self.store.write(change)


def waiting_for_nobody(conn: Conn, fleet: Sequence[Node]) -> list[Unserved]:
    """What none of these processes would ever take."""
    lacked = {task for node in fleet for task in node.lacks}
    return unserved(fleet, limits.waiting_by_line(conn, lacked))


def found_node(conn: Conn, name: str) -> NodeLoad:
    found = nodes.load(conn, name)
    if found is None:
        raise NodeNotFound
    return found
