"""Jobs that run after others: which ends wake them, in words, and the shape of what depends on what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from cronapp.core.models import RETRIED_STATES, After, AfterMode, AfterWhen, RunState

Edges = Mapping[str, Collection[str]]
"""To each job that comes after others those others, by their ids."""

ENDS: dict[AfterWhen, frozenset[RunState]] = {
    AfterWhen.SUCCESS: frozenset({RunState.SUCCEEDED}),
    AfterWhen.FAILURE: RETRIED_STATES,
    AfterWhen.ANY: RETRIED_STATES | {RunState.SUCCEEDED, RunState.CANCELLED},
}
"""The ends that wake. A slot that was skipped or missed has no run that could end."""

VERBS = {
    AfterWhen.SUCCESS: ("succeeds", "succeed"),
    AfterWhen.FAILURE: ("fails", "fail"),
    AfterWhen.ANY: ("ends", "end"),
}


def after_words(after: After) -> str:
    """`after extract succeeds`, `after extract and load succeed`, `after extract or load ends`."""
    *first, last = after.jobs
    joined = f"{', '.join(first)} {'and' if after.mode is AfterMode.ALL else 'or'} {last}" if first else last
    several = bool(first) and after.mode is AfterMode.ALL
    return f"after {joined} {VERBS[after.when][several]}"


def circle(job: str, upstreams: Iterable[str], edges: Edges) -> list[str] | None:
    """The circle that would come up if the job came after `upstreams`, from the job to itself in the order in which
    they would wake each other; None: there is none."""
    ways = [[upstream, job] for upstream in upstreams]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)  # the shortest one first: it is the easiest to see
        if way[0] == job:
            return way
        if way[0] not in seen:
            seen.add(way[0])
            ways += [[upstream, *way] for upstream in edges.get(way[0], ())]
    return None


def in_order(edges: Edges) -> list[str]:
    """The jobs, each behind those it comes after, as far as there is no circle; else in the order given."""
    ordered: dict[str, None] = {}

    def visit(job: str, above: tuple[str, ...]) -> None:
        for upstream in edges[job]:
            if upstream in edges and upstream not in (*above, job):
                visit(upstream, (*above, job))
        ordered.setdefault(job)

    for job in edges:
        visit(job, ())
    return list(ordered)


def connected(job: str, edges: Edges, most: int) -> tuple[list[str], int]:
    """The jobs that hang together with this one, the nearest first, at most so many; and how many more there are."""
    downstream: dict[str, list[str]] = {}
    for later, earlier in edges.items():
        for one in earlier:
            downstream.setdefault(one, []).append(later)
    found = {job: None}
    waiting = [job]
    while waiting:
        one = waiting.pop(0)
        for neighbour in (*edges.get(one, ()), *downstream.get(one, ())):
            if neighbour not in found:
                found[neighbour] = None
                waiting.append(neighbour)
    return list(found)[:most], max(0, len(found) - most)


def layers(jobs: Sequence[str], edges: Edges) -> list[list[str]]:
    """These jobs in columns: each to the right of all that it comes after."""
    within = set(jobs)
    depth: dict[str, int] = {}
    for job in in_order({job: [one for one in edges.get(job, ()) if one in within] for job in sorted(jobs)}):
        depth[job] = max((depth[one] + 1 for one in edges.get(job, ()) if one in depth), default=0)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for job in sorted(depth):
        columns[depth[job]].append(job)
    return columns
