"""Where jobs stand, and how the lines between them run, when what comes after what is drawn from left to right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cronapp.core.dependencies import Edges, layers

Place = tuple[int, float]
"""A column and a row; a column with fewer jobs than the tallest one stands in the middle of its height."""
Node = str | tuple[str, str, int]
"""A job, or the passage of a line through a column: from which job, to which, and where."""

SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Line:
    earlier: str
    later: str
    places: tuple[Place, ...]  # from the earlier job to the later one, through each column between them


@dataclass(frozen=True, slots=True)
class Drawing:
    places: Mapping[str, Place]
    lines: tuple[Line, ...]
    columns: int
    rows: int


def draw(jobs: Sequence[str], edges: Edges) -> Drawing:
    """These jobs in columns, each to the right of all that it comes after, with few lines that cross."""
    found = layers(jobs, edges)
    depth = {job: column for column, members in enumerate(found) for job in members}
    ways = [way(one, job, depth) for job in sorted(depth) for one in sorted(edges.get(job, ())) if one in depth]
    columns: list[list[Node]] = [list(members) for members in found]
    for passed in ways:
        for node in passed[1:-1]:
            columns[node_column(node, depth)].append(node)
    untangle(columns, ways)
    rows = max(map(len, columns), default=0)
    places = {
        node: (column, row + (rows - len(members)) / 2)
        for column, members in enumerate(columns)
        for row, node in enumerate(members)
    }
    return Drawing(
        places={job: places[job] for job in depth},
        lines=tuple(Line(str(one[0]), str(one[-1]), tuple(places[node] for node in one)) for one in ways),
        columns=len(columns),
        rows=rows,
    )


def way(earlier: str, later: str, depth: Mapping[str, int]) -> list[Node]:
    between = range(depth[earlier] + 1, depth[later])
    return [earlier, *((earlier, later, column) for column in between), later]


def node_column(node: Node, depth: Mapping[str, int]) -> int:
    return depth[node] if isinstance(node, str) else node[2]


def untangle(columns: list[list[Node]], ways: Iterable[Sequence[Node]]) -> None:
    """Orders each column by the middle of what its members are tied to, from the left and from the right in turn."""
    left: dict[Node, list[Node]] = {}
    right: dict[Node, list[Node]] = {}
    for passed in ways:
        for one, other in pairwise(passed):
            left.setdefault(other, []).append(one)
            right.setdefault(one, []).append(other)
    for sweep in range(SWEEPS):
        tied, order = (left, columns) if sweep % 2 == 0 else (right, columns[::-1])
        place = {node: n - len(members) / 2 for members in columns for n, node in enumerate(members)}
        for members in order:
            middle = {
                node: sum(place[one] for one in tied[node]) / len(tied[node]) if node in tied else place[node]
                for node in members
            }
            members.sort(key=middle.__getitem__)
            place |= {node: n - len(members) / 2 for n, node in enumerate(members)}
