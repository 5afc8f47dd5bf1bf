"""Which processes may execute a run: those that serve its queue, and have its task and all labels that it asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cronapp.core.alert_words import listed
from cronapp.core.models import JobSpec, Node, NodeLoad


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
    task: str = ""
    """The task that whoever could take them lacks."""

    @property
    def command(self) -> str:
        """What starts a process that takes them, if that has their task."""
        labels = "".join(f" --label {label}" for label in self.line.asks)
        return f"cronapp worker --queue {self.line.queue}{labels}"


def line_of(spec: JobSpec) -> Line:
    """Where the runs of a job wait."""
    return Line(spec.queue, label_text(spec.labels))


def label_text(labels: Iterable[str]) -> str:
    """The labels as runs keep them: the same ones always are the same text."""
    return " ".join(sorted(labels))


def labels_words(labels: Sequence[str]) -> str:
    """`the label gpu`, `the labels gpu and zone=eu`."""
    return f"the label{'s' if len(labels) > 1 else ''} {listed(labels)}"


def able(nodes: Sequence[Node], line: Line, task: str) -> list[Node]:
    """Those that execute such a run as soon as they have room and are not being emptied."""
    return [node for node in nodes if node.serves(line.queue, line.asks) and task not in node.lacks]


def nobody(nodes: Sequence[Node], line: Line, task: str = "") -> str | None:
    """Why no process would ever take these runs, in words; None: one does, or nothing is known of any. Without `task`
    it may be any."""
    serving = [node for node in nodes if node.serves(line.queue)]
    if not nodes or able(serving, line, task):
        return None
    if not serving:
        return f"nobody serves the queue {line.queue}"
    if any(node.serves(line.queue, line.asks) for node in serving):
        if all(task in node.lacks for node in nodes if node.concurrency):
            return f"nobody has the task {task}"
        labels = f" with {labels_words(line.asks)}" if line.asks else ""
        return f"no worker of the queue {line.queue}{labels} has the task {task}"
    missing = [label for label in line.asks if not any(label in node.labels for node in serving)]
    who = "no worker" if all(node.queues is None for node in serving) else f"no worker of the queue {line.queue}"
    return f"{who} has {labels_words(missing or line.asks)}" + ("" if missing else " together")


def unserved(nodes: Sequence[Node], waiting: Mapping[tuple[Line, str], int]) -> list[Unserved]:
    """What waits for a process that is not there. `waiting` are so many runs of each line and, where somebody lacks it,
    task; without a name for all the others."""
    found: dict[tuple[Line, str], Unserved] = {}
    for (line, task), count in sorted(waiting.items()):
        whole = nobody(nodes, line)
        if why := whole or nobody(nodes, line, task):
            key = (line, "" if whole else task)
            before = found[key].count if key in found else 0
            found[key] = Unserved(line, before + count, why, key[1])
    return list(found.values())


def held_up(loads: Sequence[NodeLoad], line: Line, task: str) -> str | None:
    """Why no process takes these runs now, in words."""
    nodes = [load.node for load in loads]
    if why := nobody(nodes, line, task):
        return why
    takers = able(nodes, line, task)
    open_ones = [load for load in loads if load.node in takers and load.node.draining is None]
    if takers and not open_ones:
        return "whoever could take it is being emptied"
    if takers and not any(load.free for load in open_ones):
        places = sum(load.node.concurrency for load in open_ones)
        return f"all {places:,} places are taken" if places > 1 else "the one place is taken"
    return None
