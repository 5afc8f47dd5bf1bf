"""The frames of what a task raised, in each of the three ways to run one: whose they are, and how much is kept."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from support import until

from cronapp.core.code import source_hash
from cronapp.core.failures import place_of
from cronapp.core.models import Run, RunError, RunState
from cronapp.core.signature import MASK
from cronapp.core.traces import Problem, problems_json
from cronapp.engine.frames import MOST_BYTES, MOST_PROBLEMS
from cronapp.engine.outcomes import run_error
from cronapp.engine.runner import Runner
from cronapp.store import code

TASKS = """
import asyncio, json
from pydantic import SecretStr
from cronapp import task
from helper import read


def chained(token: SecretStr = None):
    try:
        read("{bad")
    except ValueError as error:
        raise RuntimeError(f"no figures for {token.get_secret_value() if token else ''}") from error


async def chained_on_loop(token: SecretStr = None):
    await asyncio.sleep(0)
    chained(token)


@task(run_in="process")
def chained_in_process(token: SecretStr = None):
    chained(token)


async def grouped():
    async with asyncio.TaskGroup() as group:
        for n in range(40):
            group.create_task(one(n))


async def one(n):
    raise ConnectionError(f"shop {n}")


def deep(n=0):
    return deep(n + 1)


def unread():
    compile("def (:", "/nowhere/shop.py", "exec")


class Odd(Exception):
    def __init__(self):
        self.lock = __import__("threading").Lock()

    def __str__(self):
        return "a lock cannot be pickled"


@task(run_in="process")
def odd():
    raise Odd
"""
HELPER = 'import json\n\n\ndef read(text):\n    """Of no use."""\n    return json.loads(text)\n'


@pytest.fixture
async def run(house: Any, tmp_path: Path, capturing: None) -> AsyncIterator[Callable[..., Any]]:
    """`await run("task")` carries out a task once and answers the run as it is stored."""
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "helper.py").write_text(HELPER)
    sys.modules.pop("helper", None)  # another test's
    house.tasks.reload()
    runner = Runner(house.runs, house.tasks, house.clock, node="here:1", log_limit=10**6)
    runner.begin()

    async def once(task: str, **args: Any) -> Any:
        job = f"job-{len(house.made)}"
        house.made.append(job)
        await house.make(job, task, args=args)
        started = await house.runs.run_now(job)
        for claimed in await house.runs.claim(runner.node, 10):
            runner.start(claimed)
        return await until(lambda: house.ended(started))

    yield once
    await runner.drained()
    await runner.end()
    sys.modules.pop("helper", None)


def error_of(run: Run) -> RunError:
    assert run.state is RunState.FAILED
    assert run.error is not None
    return run.error


def functions(problem: Problem, *, own: bool = True) -> list[str]:
    return [frame.function for frame in problem.frames if frame.own is own]


@pytest.mark.parametrize("task", ["chained", "chained_on_loop", "chained_in_process"])
async def test_each_way_to_run_keeps_the_frames_of_the_error_and_of_its_cause(run, task: str) -> None:
    ended = await run(task)
    raised, cause = error_of(ended).problems
    assert (raised.type, raised.link) == ("RuntimeError", "")
    assert functions(raised) == ["chained"] if task == "chained" else [task, "chained"]
    assert (cause.type, cause.link) == ("json.decoder.JSONDecodeError", "cause")
    assert functions(cause)[-2:] == ["chained", "read"]
    assert functions(cause, own=False)[:1] == ["loads"]
    frame = raised.frames[-1]
    assert frame.file == "tasks.py"
    assert frame.source[frame.line - frame.first].strip().startswith("raise RuntimeError(")
    assert len(frame.source) > 1
    assert ended.error_frame == f"tasks.py:{frame.line} in chained"
    library = next(each for each in cause.frames if not each.own)
    assert library.file == "json/__init__.py"
    assert library.library == "json"


async def test_the_ways_to_run_agree_on_the_group_of_a_failure(run) -> None:
    groups = {(await run(task)).error_group for task in ("chained", "chained_on_loop", "chained_in_process")}
    assert len(groups) == 1


async def test_the_source_is_kept_as_it_was_when_the_run_failed(run, house: Any, tmp_path: Path) -> None:
    ended = await run("chained")
    (tmp_path / "helper.py").write_text("# nothing left\n")
    cause = error_of(await house.runs.get(ended.id)).problems[1]
    frame = next(each for each in reversed(cause.frames) if each.own)
    assert frame.source[frame.line - frame.first].strip() == "return json.loads(text)"


async def test_a_group_is_told_by_some_of_its_members(run) -> None:
    group, *members = error_of(await run("grouped")).problems
    assert group.type == "ExceptionGroup"
    assert {(one.link, one.depth, one.type) for one in members} == {("member", 1, "ConnectionError")}
    assert len(members) == MOST_PROBLEMS - 1
    assert group.more == 40 - len(members)
    assert members[0].message == "shop 0"


async def test_of_a_deep_recursion_the_ends_are_kept(run) -> None:
    ended = await run("deep")
    (problem,) = error_of(ended).problems
    assert len(problem.frames) == 50
    assert problem.left_out > 500
    assert ended.error_frame.endswith("in deep")


async def test_a_syntax_error_is_placed_where_it_is(run) -> None:
    ended = await run("unread")
    problem = error_of(ended).problems[0]
    assert (problem.frames[-1].path, problem.frames[-1].line) == ("/nowhere/shop.py", 1)
    assert problem.frames[-1].source == ("def (:",)


async def test_an_exception_that_cannot_be_pickled_comes_out_of_a_child_process(run) -> None:
    ended = await run("odd")
    assert error_of(ended).problems[0].message == "a lock cannot be pickled"
    assert functions(ended.error.problems[0]) == ["odd"]


@pytest.mark.parametrize("task", ["chained", "chained_on_loop", "chained_in_process"])
async def test_a_secret_argument_is_masked_in_the_error(run, task: str) -> None:
    error = error_of(await run(task, token="hunter22"))
    assert error.message == f"no figures for {MASK}"
    assert "hunter22" not in json.dumps([error.traceback, problems_json(error.problems)])
    assert MASK in error.traceback


async def test_a_child_that_reads_a_newer_file_notes_the_source_that_it_ran(run, house: Any, tmp_path: Path) -> None:
    first = await run("odd")
    assert first.source == source_hash(house.tasks.get("odd").text)
    (tmp_path / "tasks.py").write_text(TASKS.replace("    raise Odd", "    print('once more')\n    raise Odd"))
    second = await run("odd")
    assert second.source not in (None, first.source)
    text = await house.store.read(code.source, second.source)
    assert "once more" in (text or "")


def test_whatever_is_raised_its_frames_fit_into_their_bound() -> None:
    wide = "x" * 5000

    def fail(n: int) -> None:
        if n:
            return fail(n - 1)
        raise ValueError(wide)

    problem: BaseException = ValueError("first")
    for _ in range(40):
        try:
            try:
                fail(200)
            except ValueError as error:
                raise RuntimeError(wide) from ExceptionGroup(wide, [error, problem])
        except RuntimeError as error:
            problem = error
    told = run_error(problem)
    assert 1 < len(told.problems) <= MOST_PROBLEMS
    assert len(json.dumps(problems_json(told.problems), ensure_ascii=False).encode()) <= MOST_BYTES
    assert place_of(told) is not None


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__context__ = other, one
    assert [each.message for each in run_error(one).problems] == ["one", "other"]


def test_what_was_suppressed_is_not_told() -> None:
    async def fail() -> None:
        try:
            raise KeyError("k")
        except KeyError:
            raise ValueError("told") from None

    with pytest.raises(ValueError, match="told") as caught:
        asyncio.run(fail())
    assert [each.type for each in run_error(caught.value).problems] == ["ValueError"]
