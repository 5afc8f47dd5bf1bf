"""Runs on their way to nodes, where several processes share a database.

The database's own rows decide everything: which run goes where, whether it may begin, whose it is. What carries the
tickets only brings a number to a node in time.
"""

from __future__ import annotations

from collections.abc import Sequence

from cronapp.core.clock import Clock
from cronapp.core.events import RunChanged
from cronapp.core.models import Ticket
from cronapp.service.runs import Claimed, Runs
from cronapp.service.tasks import Tasks
from cronapp.store import nodes, pauses, runs
from cronapp.store.store import Store, Tx

UNTAKEN = 4.0  # seconds after which a run is taken back that its node has not begun
BATCH = 200  # runs handed out in one transaction


class Tickets:
    def __init__(self, store: Store, runs: Runs, tasks: Tasks, clock: Clock) -> None:
        self.store = store
        self.runs = runs
        self.tasks = tasks
        self.clock = clock

    async def hand_out(self) -> int:
        """Hands what waits to the nodes that have room, and their tickets to the carrier, in one transaction; answers
        how many. While the whole scheduler is paused only what people started."""

        def change(tx: Tx) -> int:
            return len(runs.hand_out(tx, now=self.clock(), limit=BATCH, only_by_hand=pauses.is_off(tx)))

        return await self.store.write(change)

    async def begin(self, node: str, tickets: Sequence[Ticket], *, unsure: bool = False) -> list[Claimed]:
        """The runs whose tickets came to a node begin there, if they still wait and are still its own. One that the
        master switch holds back waits on; so does one whose task is not here, if another node may have it.

        With `unsure` it was tried before, and no answer came: what did begin then is among them."""

        def change(tx: Tx) -> list[Claimed]:
            off = pauses.is_off(tx)
            lacking = self._lacking(tx, node, [one for one in tickets if self.tasks.find(one.task) is None])
            able = [one.run for one in tickets if one.run not in lacking]
            before = runs.begun(tx.conn, able, node) if unsure else []
            begun = [*before, *runs.begin(tx, able, node, self.clock(), only_by_hand=off)]
            back = {one.run for one in tickets} - {run.id for run in begun}
            for one in runs.take_back(tx, node=node, run_ids=sorted(back)) if back else ():
                tx.emit(RunChanged(one.run, one.job))
            return self.runs.begun(tx, begun)

        return self.runs.kept(await self.store.write(change))

    def _lacking(self, tx: Tx, node: str, missing: Sequence[Ticket]) -> set[int]:
        """Those of these runs, whose tasks are not here, that another node may have. It is noted, so they go there."""
        here = nodes.get(tx.conn, node) if missing else None
        if here is None:
            return set()
        nodes.set_lacks(tx, node, sorted({*here.lacks, *(one.task for one in missing)}))
        others = [one for one in nodes.all_nodes(tx.conn) if one.name != node]
        lines = runs.lines_of(tx.conn, [one.run for one in missing])
        return {
            one.run
            for one in missing
            if (line := lines.get(one.run)) and any(other.takes(line.queue, one.task, line.asks) for other in others)
        }

    async def take_back(self, node: str | None = None) -> int:
        """Takes back what a node was given and left alone: all of one that leaves, else what was sent some seconds
        ago. Answers how many."""

        def change(tx: Tx) -> int:
            taken = runs.take_back(tx, node=node, seconds=None if node else UNTAKEN)
            for one in taken:
                tx.emit(RunChanged(one.run, one.job))
            if taken and node is None:
                nodes.set_late(tx, sorted({one.node for one in taken}))
            return len(taken)

        return await self.store.write(change)
