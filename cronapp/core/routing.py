"""Which processes may execute a run: those that serve its queue and have all labels that it asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cronapp.core.alert_words import listed
from cronapp.core.models import Node, NodeLoad


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """The runs that wait for the same: the queue, and the labels as runs keep them."""

    queue: str
    labels: str = ""

    @property
    def asks(self) -> tuple[str, ...]:
        return tuple(self.labels.split())


@dataclass(frozen=True, slots=True)
class Unserved:
    """Runs that wait for a process which is not there."""

    line: Line
    count: int
    why: str

    @property
    def command(self) -> str:
        """What starts a process that takes them."""
        labels = "".join(f" --label {label}" for label in self.line.asks)
        return f"cronapp worker --queue {self.line.queue}{labels}"


def label_text(labels: Iterable[str]) -> str:
    """The labels as runs keep them: the same ones always are the same text."""
    return " ".join(sorted(labels))


def labels_words(labels: Sequence[str]) -> str:
    """`the label gpu`, `the labels gpu and zone=eu`."""
    return f"the label{'s' if len(labels) > 1 else ''} {listed(labels)}"


def nobody(nodes: Sequence[Node], line: Line) -> str | None:
    """Why no process would ever take these runs, in words; None: one does, or nothing is known of any."""
    serving = [node for node in nodes if node.serves(line.queue)]
    if not nodes or any(node.serves(line.queue, line.asks) for node in serving):
        return None
    if not serving:
        return f"nobody serves the queue {line.queue}"
    missing = [label for label in line.asks if not any(label in node.labels for node in serving)]
    who = "no worker" if all(node.queues is None for node in serving) else f"no worker of the queue {line.queue}"
    return f"{who} has {labels_words(missing or line.asks)}" + ("" if missing else " together")


def held_up(loads: Sequence[NodeLoad], line: Line) -> str | None:
    """Why no process takes these runs now, in words."""
    if why := nobody([load.node for load in loads], line):
        return why
    serving = [load for load in loads if load.node.serves(line.queue, line.asks)]
    open_ones = [load for load in serving if load.node.draining is None]
    if serving and not open_ones:
        return "whoever could take it is being emptied"
    if serving and not any(load.free for load in open_ones):
        places = sum(load.node.concurrency for load in open_ones)
        return f"all {places:,} places are taken" if places > 1 else "the one place is taken"
    return None
