"""Nodes: the processes that share one database, and what is carried between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

NOTED_OFF = 1.0  # seconds between a clock and the database's that are told
MOST_OFF = 5.0  # beyond which a node takes no slots


class NodeKind(StrEnum):
    SERVER = "server"  # schedules and serves, and executes runs unless told not to
    WORKER = "worker"  # executes runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One process, `cronapp serve` or `cronapp worker`, while it lives."""

    name: str
    kind: NodeKind
    host: str
    pid: int
    version: str
    queues: tuple[str, ...] | None  # None: every queue
    concurrency: int  # runs side by side; 0: it executes none
    started_at: datetime
    heartbeat: datetime  # by the database's clock
    clock_off: float = 0.0  # seconds that its clock is ahead of the database's
    draining: datetime | None = None  # since then it is given no more runs
    lacks: tuple[str, ...] = ()  # tasks that it was given and does not have
    machine: str = ""  # where its process number counts; empty: not known
    labels: tuple[str, ...] = ()  # what it has that jobs may ask for
    drained_by: str | None = None  # who asked that it is given none; None: it does so itself, as it comes or leaves

    @property
    def misses_slots(self) -> bool:
        """Whether it leaves all slots to others, since its clock is off."""
        return self.kind is NodeKind.SERVER and abs(self.clock_off) > MOST_OFF

    def serves(self, queue: str, labels: Iterable[str] = ()) -> bool:
        """Whether it executes runs of this queue that ask for these labels."""
        queued = self.concurrency > 0 and (self.queues is None or queue in self.queues)
        return queued and set(self.labels).issuperset(labels)

    def takes(self, queue: str, task: str, labels: Iterable[str] = ()) -> bool:
        """Whether it may be given a run now."""
        return self.serves(queue, labels) and self.draining is None and task not in self.lacks


@dataclass(frozen=True, slots=True)
class Ticket:
    """An attempt of a run on its way to a node. Who carries it knows no more: its row decides."""

    run: int
    node: str
    task: str


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """A node, and how many runs it executes or is about to."""

    node: Node
    busy: int
    doubted: bool = False  # lately it left alone a run that it was given

    @property
    def free(self) -> int:
        return max(self.node.concurrency - self.busy, 0)
