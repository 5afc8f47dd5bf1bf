"""An edit against what it began with, and against what somebody else saved meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from cronapp.core.differences import clashes, fields_of, marks
from cronapp.core.ids import free_id, id_problem, suggested_id
from cronapp.core.spec import parse_spec

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
OLD = parse_spec(
    {"id": "a", "task": "t", "schedule": {"kind": "manual"}, "args": {"x": 1, "gone": 2}, "timeout": 60}, now=NOW
)


def test_what_somebody_else_changed_meanwhile_is_told_and_whether_it_was_changed_here_too() -> None:
    base = marks(fields_of(OLD))
    theirs = replace(OLD, timeout=90, priority=5, queue="mail", args={"x": 2, "gone": 2})
    mine = replace(OLD, timeout=30, queue="mail", description="mine")
    told = {one.field: (one.theirs, one.mine, one.both) for one in clashes(base, fields_of(theirs), fields_of(mine))}
    assert told == {"timeout": (90, 30, True), "priority": (5, 0, False), "args.x": (2, 1, False)}
    assert clashes(base, fields_of(OLD), fields_of(mine)) == (), "nobody else changed anything"


def test_an_id_is_suggested_from_the_task_and_is_free() -> None:
    assert suggested_id("nightly_report") == "nightly-report"
    assert suggested_id("shop.tasks.größe") == "shop.tasks.gr-e"
    assert suggested_id("new") == suggested_id("___") == "job"
    assert free_id("a", {"b"}) == "a"
    assert free_id("a", {"a", "a-2", "a-4"}) == "a-3"
    long = "x" * 100
    assert free_id(long, {long}) == f"{'x' * 98}-2"
    assert all(id_problem(free_id(suggested_id(name), {name})) is None for name in ("a", "new", "x" * 200, "ü b"))


def test_what_is_wrong_with_an_id_names_the_characters() -> None:
    assert id_problem("nightly-report.2_x") is None
    assert str(id_problem("a b/c")).startswith("A space and / cannot be part of an id.")
    assert str(id_problem("x" * 105)).startswith("An id has at most 100 characters; this one has 105.")
    assert id_problem("new") == "This id is reserved. Choose another one."
    assert id_problem("")
