"""Where a run failed, in one line, and which failures are one and the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cronapp.core.failures import group_of, place_of
from cronapp.core.models import RunError, RunState
from cronapp.core.traces import Frame, Problem, problems_json, problems_of

OWN = Frame(file="shop/tasks.py", path="/srv/shop/tasks.py", line=42, function="fetch", own=True)
CALLER = replace(OWN, line=7, function="nightly")
LIBRARY = Frame(file="httpx/_client.py", path="/venv/httpx/_client.py", line=9, function="send", own=False)


def error(*problems: Problem, kind: str = "ValueError") -> RunError:
    return RunError(kind, "no figures", "Traceback …", problems=problems)


def problem(*frames: Frame, kind: str = "ValueError", **fields) -> Problem:
    return Problem(type=kind, message="no figures", frames=frames, **fields)


def group(*problems: Problem, state: RunState = RunState.FAILED, task: str = "fetch") -> str | None:
    return group_of(state, error(*problems), task)


@pytest.mark.parametrize(
    ("problems", "place"),
    [
        ((problem(CALLER, OWN, LIBRARY),), "shop/tasks.py:42 in fetch"),
        ((problem(LIBRARY),), "httpx/_client.py:9 in send"),
        ((problem(LIBRARY), problem(CALLER, link="cause")), "shop/tasks.py:7 in nightly"),
        ((problem(CALLER), problem(OWN, link="member", depth=1), problem(link="cause")), "shop/tasks.py:42 in fetch"),
        ((problem(replace(OWN, function="")),), "shop/tasks.py:42"),
        ((), None),
    ],
)  # fmt: skip
def test_a_failure_is_placed_in_the_innermost_frame_of_the_users_own_code(problems, place) -> None:
    assert place_of(error(*problems)) == place


def test_an_edit_further_up_in_the_file_makes_no_new_group() -> None:
    assert group(problem(OWN)) == group(problem(replace(OWN, line=99)))
    assert group(problem(OWN)) == group(problem(CALLER, OWN, LIBRARY))


@pytest.mark.parametrize(
    "other",
    [
        problem(OWN, kind="KeyError"),
        problem(replace(OWN, function="store")),
        problem(replace(OWN, file="shop/more.py")),
        problem(),
    ],
)
def test_another_exception_or_another_function_is_another_group(other: Problem) -> None:
    assert group(other) != group(problem(OWN))


def test_a_group_of_exceptions_counts_as_its_first_member() -> None:
    members = problem(CALLER, kind="ExceptionGroup"), problem(OWN, link="member", depth=1)
    assert group(*members) == group(problem(OWN))


def test_without_frames_each_task_has_a_group_of_its_own() -> None:
    assert group(task="a") != group(task="b")
    assert group(task="a") == group(task="a")


@pytest.mark.parametrize("state", RunState)
def test_only_what_went_wrong_has_a_group(state: RunState) -> None:
    told = {RunState.FAILED: "failed", RunState.TIMED_OUT: "timed_out", RunState.LOST: "lost"}
    assert group_of(state, None, "fetch") == told.get(state)


def test_frames_are_stored_and_read_back_alike() -> None:
    told = (problem(CALLER, replace(OWN, source=("a", "b"), first=41), left_out=3, after=1), problem(link="context"))
    assert problems_of(problems_json(told)) == told
    assert problems_of(None) == ()


def test_frames_are_shown_from_the_innermost_on_and_those_of_libraries_together() -> None:
    shown = problem(LIBRARY, CALLER, OWN, LIBRARY, replace(LIBRARY, file="ssl.py"), left_out=9, after=1).groups
    assert [(one.own, [frame.line for frame in one.frames], one.left_out) for one in shown] == [
        (False, [9, 9], 0),
        (True, [42, 7], 0),
        (False, [], 9),
        (False, [9], 0),
    ]
    assert shown[0].libraries == ["ssl", "httpx"]
