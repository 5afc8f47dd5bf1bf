"""The @task decorator and the loading of tasks files."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cronapp import Retry, RunCancelled, current_run, progress, task
from cronapp.core.current import CURRENT, CurrentRun
from cronapp.core.errors import TaskNotFound
from cronapp.core.models import CronSchedule, IntervalSchedule, ManualSchedule, OnceSchedule, Overlap, Progress
from cronapp.core.registry import ATTRIBUTE, Registry, TaskOptions, code_job_id, load

Write = Callable[[str, str], str]


@pytest.fixture(autouse=True)
def _clean_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in [one for one in sys.modules if one.startswith("cronapp_tasks_")]:
        monkeypatch.delitem(sys.modules, name)  # another test's
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("cronapp_tasks_", "shop", "beside")):
            del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(name: str, text: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return str(path)

    return write_file


def options_of(function: Any) -> TaskOptions:
    options: TaskOptions = function.__dict__[ATTRIBUTE]
    return options


def plain(x: int = 1) -> int:
    return x + 1


async def waiting() -> None: ...


# -- the decorator ----------------------------------------------------------------------------------------------------


def test_the_function_stays_a_plain_function() -> None:
    def adds(x: int) -> int:
        return x + 1

    assert task(adds) is adds
    assert task(schedule="0 3 * * *")(adds) is adds
    assert adds(1) == 2
    assert inspect.signature(adds).parameters.keys() == {"x"}


def test_all_options_are_kept() -> None:
    @task(
        schedule="0 3 * * mon-fri", timezone="Europe/Berlin", timeout="10m", retries=3, run_in="process",
        name="nightly", args={"day": datetime(2026, 1, 31, tzinfo=UTC)}, tags=["finance"],
        queue="big", job_id="nightly-report",
        overlap="queue", description="Figures",
        jitter="5m", blackouts=["sat,sun", "holidays.ics"], condition=plain, misfire="all", max_runs=3,
        starts_at=datetime(2026, 1, 31, tzinfo=UTC),
    )  # fmt: skip
    def report(day: datetime) -> None: ...

    options = options_of(report)
    assert options.schedule == (CronSchedule(expression="0 3 * * mon-fri", timezone="Europe/Berlin"),)
    assert options.timeout == 600
    assert options.retry == Retry(max_attempts=4)
    assert options.run_in == "process"
    assert options.args == {"day": "2026-01-31T00:00:00Z"}
    assert options.tags == ("finance",)
    assert options.overlap is Overlap.QUEUE
    assert (options.name, options.queue, options.job_id) == ("nightly", "big", "nightly-report")
    assert options.description == "Figures"
    assert options.rules == {
        "starts_at": "2026-01-31T00:00:00+00:00", "max_runs": 3, "jitter": "5m",
        "blackouts": ["sat,sun", "holidays.ics"], "condition": "plain", "misfire": {"policy": "all"},
    }  # fmt: skip


def test_a_condition_is_named_by_its_function_or_by_its_name() -> None:
    renamed = task(name="open")(lambda: True)
    assert options_of(task(condition=renamed)(lambda: None)).rules == {"condition": "open"}
    assert options_of(task(condition="closed")(lambda: None)).rules == {"condition": "closed"}


@pytest.mark.parametrize(
    ("given", "schedule"),
    [
        ("*/5 * * * *", CronSchedule(expression="*/5 * * * *")),
        ("@daily", CronSchedule(expression="@daily")),
        ("every 15m", IntervalSchedule(every="15m")),
        ("Every 2 hours", IntervalSchedule(every="2 hours")),
        (timedelta(minutes=1), IntervalSchedule(every=60.0)),
        (datetime(2026, 1, 31, 9, tzinfo=UTC), OnceSchedule(at=datetime(2026, 1, 31, 9, tzinfo=UTC))),
        (datetime(2026, 1, 31, 9), OnceSchedule(at=datetime(2026, 1, 31, 9, tzinfo=UTC))),  # noqa: DTZ001
        (ManualSchedule(), ManualSchedule()),
        (CronSchedule(expression="@hourly"), CronSchedule(expression="@hourly")),
    ],
)
def test_a_schedule_may_be_written_in_many_ways(given: Any, schedule: Any) -> None:
    assert options_of(task(schedule=given)(lambda: None)).schedule == (schedule,)


def test_a_list_of_schedules_is_kept_in_order() -> None:
    options = options_of(task(schedule=["0 3 * * *", "every 1h"])(lambda: None))
    assert options.schedule == (CronSchedule(expression="0 3 * * *"), IntervalSchedule(every="1h"))


def test_the_default_zone_goes_to_schedules_whose_zone_the_code_did_not_name() -> None:
    tokyo = CronSchedule(expression="@daily", timezone="Asia/Tokyo")
    options = options_of(task(schedule=["0 3 * * *", tokyo, ManualSchedule()])(lambda: None))
    assert options.schedules("Europe/Berlin") == (
        CronSchedule(expression="0 3 * * *", timezone="Europe/Berlin"), tokyo, ManualSchedule(),
    )  # fmt: skip
    named = options_of(task(schedule="0 3 * * *", timezone="Asia/Tokyo")(lambda: None))
    assert named.schedules("Europe/Berlin")[0] == CronSchedule(expression="0 3 * * *", timezone="Asia/Tokyo")


def test_a_naive_moment_is_in_the_named_zone() -> None:
    moment = datetime(2026, 7, 1, 9)  # noqa: DTZ001
    (once,) = options_of(task(schedule=moment, timezone="Europe/Berlin")(lambda: None)).schedule
    assert isinstance(once, OnceSchedule)
    assert once.at == datetime(2026, 7, 1, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"schedule": "61 * * * *"}, "schedule '61 \\* \\* \\* \\*': "),
        ({"schedule": "every now and then"}, "schedule 'now and then': "),
        ({"schedule": timedelta(0)}, "schedule"),
        ({"schedule": 5}, "a cron expression, text such as 'every 15m'"),
        ({"schedule": "@daily", "timezone": "Europe/Berln"}, "Europe/Berlin"),
        ({"timeout": "soon"}, "timeout 'soon': "),
        ({"timeout": 0}, "more than 0"),
        ({"retries": -1}, "0 or more"),
        ({"retries": "3"}, "a whole number or a Retry"),
        ({"retries": True}, "a whole number or a Retry"),
        ({"run_in": "proces"}, 'Did you mean "process"'),
        ({"overlap": "skp"}, 'Did you mean "skip"'),
        ({"name": "with space"}, "name: 1 to 100 letters"),
        ({"job_id": "a/b"}, "job_id: 1 to 100 letters"),
        ({"queue": ""}, "queue: 1 to 100 letters"),
        ({"tags": "finance"}, "tags: a list"),
        ({"args": [1]}, "args: an object"),
        ({"args": {"x": object()}}, "args: JSON cannot hold"),
        ({"jitter": "soon"}, "jitter: "),
        ({"jitter": timedelta(days=30)}, "jitter: It must be at most"),
        ({"blackouts": "25:00-06:00"}, "blackouts.0: "),
        ({"misfire": "lst"}, 'misfire.policy: .*Did you mean "last"'),
        ({"max_runs": 0}, "max_runs: It must be at least 1"),
        ({"ends_at": "soon"}, "ends_at: A date and time such as"),
        ({"condition": "a b"}, "condition: 1 to 100 letters"),
        ({"run_in": "loop"}, "needs an async def"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_option_is_refused_at_once(options: dict[str, Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        task(**options)(plain)


def test_an_async_def_does_not_go_into_a_thread() -> None:
    with pytest.raises(ValueError, match="not in a thread"):
        task(run_in="thread")(waiting)


def test_the_decorator_goes_on_functions_only() -> None:
    with pytest.raises(TypeError, match=r"Write @task\(schedule='0 3 \* \* \*'\)"):
        task("0 3 * * *")  # type: ignore[type-var]
    with pytest.raises(TypeError, match="not on a type"):
        task(Path)


# -- the current run --------------------------------------------------------------------------------------------------


def test_outside_a_run_a_task_can_be_called_like_any_function() -> None:
    progress(1, 2, "half")
    run = current_run()
    run.check()
    assert (run.id, run.cancelled) == (0, False)


def test_inside_a_run_progress_is_reported_and_a_stop_is_heeded() -> None:
    told: list[Progress] = []
    run = CurrentRun(id=7, job="j", task="t", attempt=2, slot=None, report=told.append)
    token = CURRENT.set(run)
    try:
        progress(1, 4, "Kiel")
        progress(float("nan"), float("inf"))
        assert told == [Progress(done=1, total=4, text="Kiel"), Progress(done=0, total=None)]
        assert current_run() is run
        run.stop.set()
        assert run.cancelled
        with pytest.raises(RunCancelled, match="Run 7 was asked to stop"):
            progress(2, 4)
        assert len(told) == 2
    finally:
        CURRENT.reset(token)


# -- loading ----------------------------------------------------------------------------------------------------------


def test_public_functions_of_a_file_are_tasks(write: Write) -> None:
    source = write(
        "tasks.py",
        '''
        from os.path import join
        from dataclasses import dataclass
        from cronapp import task

        def zebra(x: int) -> int:
            """Count zebras.

            All of them.
            """
            return x

        async def ape(): ...

        again = zebra
        _hidden = lambda: 1

        def _private(): ...

        @task(run_in="process")
        def _decorated(): ...

        @dataclass
        class Thing:
            x: int
        ''',
    )
    registry = load([source])
    assert registry.errors == []
    assert list(registry.tasks) == ["_decorated", "ape", "zebra"]
    zebra = registry.get("zebra")
    assert (zebra.summary, zebra.doc) == ("Count zebras.", "All of them.")
    assert (zebra.source, zebra.file, zebra.line, zebra.module) == (source, source, 6, "cronapp_tasks_tasks")
    assert [registry.tasks[name].run_in for name in registry.tasks] == ["process", "loop", "thread"]
    assert zebra.problem is None
    assert zebra.function(3) == 3


def test_all_adds_imported_functions(write: Write) -> None:
    write("beside.py", "def imported(): ...\ndef other(): ...")
    source = write("tasks.py", "from beside import imported, other\n__all__ = ['imported']\ndef own(): ...")
    assert list(load([source]).tasks) == ["imported", "own"]


def test_a_task_under_a_foreign_decorator_is_found(write: Write) -> None:
    write(
        "beside.py",
        """
        import functools
        def wrapped(f):
            @functools.wraps(f)
            def inner(*args, **kwargs):
                return f(*args, **kwargs)
            return inner
        def bare(f):
            def inner(x: int):
                return f(x)
            return inner
        """,
    )
    source = write(
        "tasks.py",
        """
        from cronapp import task
        from beside import wrapped, bare
        @wrapped
        def one(x: int): ...
        @task(name="second")
        @bare
        def two(x): ...
        """,
    )
    registry = load([source])
    assert list(registry.tasks) == ["one", "second"]
    assert registry.get("one").signature.check({"x": "1"}) == {"x": 1}
    assert registry.get("one").file == source


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("def broken(:", "SyntaxError: invalid syntax (tasks.py, line 1)"),
        ("x = 1 / 0", "ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit('no')", "SystemExit: no"),
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("class E(BaseException): ...\nraise E('odd')", "cronapp_tasks_tasks.E: odd"),
        ("def f():\n    return f()\nf()", "RecursionError: maximum recursion depth exceeded"),
        ("from cronapp import task\n@task(schedule='61 * * * *')\ndef f(): ...", "ValueError: schedule '61 * * * *'"),
        ("x = '\0'", "SyntaxError: source code string cannot contain null bytes"),
    ],
)
def test_a_broken_file_is_an_error_and_no_exception(write: Write, text: str, error: str) -> None:
    good = write("good.py", "def fine(): ...")
    source = write("tasks.py", text)
    registry = load([source, good])
    assert list(registry.tasks) == ["fine"]
    (found,) = registry.errors
    assert found.source == source
    assert found.error.startswith(error.partition(" (")[0])
    assert "core/registry" not in found.traceback
    assert "cronapp_tasks_tasks" not in sys.modules


def test_the_traceback_starts_in_the_users_file(write: Write) -> None:
    source = write("tasks.py", "def inner():\n    raise ValueError('bad')\ninner()")
    (error,) = load([source]).errors
    assert error.traceback.splitlines()[1].strip() == f'File "{source}", line 3, in <module>'
    assert error.traceback.rstrip().endswith("ValueError: bad")


@pytest.mark.parametrize("source", ["nowhere.py", "no/where.py", "no.such.module", "not-a-module", "", "..", "."])
def test_a_source_that_is_not_there_is_an_error(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    registry = load([source])
    assert registry.tasks == {}
    assert len(registry.errors) == 1
    assert registry.errors[0].source == source


def test_a_file_may_import_what_lies_beside_it_and_its_classes_pickle(write: Write) -> None:
    write("beside.py", "NUMBER = 5")
    source = write(
        "tasks.py",
        """
        from __future__ import annotations
        from dataclasses import dataclass
        from beside import NUMBER
        @dataclass
        class Thing:
            x: int = NUMBER
        def make(thing: Thing = Thing()):
            return thing
        """,
    )
    made = load([source]).get("make")
    assert made.problem is None
    assert pickle.loads(pickle.dumps(made.function())).x == 5
    assert made.signature.check({"thing": {"x": "7"}})["thing"].x == 7


def test_a_reload_sees_an_edit_of_the_same_second_and_the_same_length(write: Write) -> None:
    source = write("tasks.py", "def first(): return 1\ndef gone(): ...")
    before = load([source])
    write("tasks.py", "def first(): return 2\ndef came(): ...")
    after = load([source])
    assert list(after.tasks) == ["came", "first"]
    assert after.get("first").function() == 2
    assert before.get("first").function() == 1


def test_a_failed_reload_keeps_the_last_good_module(write: Write) -> None:
    source = write("tasks.py", "def first(): return 1")
    load([source])
    good = sys.modules["cronapp_tasks_tasks"]
    write("tasks.py", "nonsense")
    assert len(load([source]).errors) == 1
    assert sys.modules["cronapp_tasks_tasks"] is good


def test_dotted_modules_are_found_from_the_current_directory(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("shop/__init__.py", "")
    write("shop/tasks.py", "from .prices import price\ndef sell(): return price()")
    write("shop/prices.py", "def price(): return 5")
    write("shop/more.py", "from shop.tasks import sell\ndef buy(): return sell()")
    monkeypatch.chdir(tmp_path)
    registry = load(["shop.more", "shop.tasks"])
    assert registry.errors == []
    assert list(registry.tasks) == ["buy", "sell"]
    assert registry.get("sell").function is registry.get("buy").function.__globals__["sell"]
    write("shop/tasks.py", "def sell(): return 6")
    assert load(["shop.tasks"]).get("sell").function() == 6


def test_a_package_is_a_module_and_a_plain_folder_is_not(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("shop/__init__.py", "def sell(): ...")
    write("shopless/tasks.py", "def sell(): ...")
    monkeypatch.chdir(tmp_path)
    registry = load(["shop", "shopless", "shopless/"])
    assert list(registry.tasks) == ["sell"]
    assert [error.source for error in registry.errors] == ["shopless", "shopless/"]
    assert all("is a folder; name the tasks file in it." in error.error for error in registry.errors)


def test_two_files_of_one_name_do_not_get_in_each_others_way(write: Write) -> None:
    one, two = write("a/tasks.py", "def one(): return 'a'"), write("b/tasks.py", "def two(): return 'b'")
    registry = load([one, two])
    assert registry.errors == []
    assert [each.function() for each in registry.tasks.values()] == ["a", "b"]
    assert len({each.module for each in registry.tasks.values()}) == 2


def test_one_name_in_two_sources_is_an_error_that_names_both(write: Write) -> None:
    one, two = write("one.py", "def same(): return 1"), write("two.py", "def same(): return 2\ndef other(): ...")
    registry = load([one, two])
    assert registry.get("same").function() == 1
    assert list(registry.tasks) == ["other", "same"]
    (error,) = registry.errors
    assert error.source == two
    assert f"{one}:1" in error.error
    assert f"{two}:1" in error.error


def test_the_same_file_given_twice_is_loaded_once(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write("tasks.py", "def one(): ...")
    monkeypatch.chdir(tmp_path)
    registry = load([source, "tasks.py", "./tasks.py"])
    assert registry.errors == []
    assert list(registry.tasks) == ["one"]


def test_problems_are_told_with_the_task(write: Write) -> None:
    source = write(
        "tasks.py",
        """
        from cronapp import task
        def yields():
            yield 1
        def odd(x: "Nowhere"): ...
        @task(schedule="@daily")
        def lacks(day: str): ...
        @task(schedule="@daily", args={"day": "x"})
        def has(day: str): ...
        """,
    )
    tasks = load([source]).tasks
    assert "yield" in (tasks["yields"].problem or "")
    assert "Nowhere" in (tasks["odd"].problem or "")
    assert "args.day" in (tasks["lacks"].problem or "")
    assert tasks["has"].problem is None


def test_an_unknown_task_is_answered_with_a_close_name(write: Write) -> None:
    registry = load([write("tasks.py", "def nightly_report(): ...")])
    with pytest.raises(TaskNotFound, match='Did you mean "nightly_report"'):
        registry.get("nightly_reprt")
    with pytest.raises(TaskNotFound):
        Registry().get("anything")


def test_the_job_from_code_has_the_tasks_name_with_hyphens(write: Write) -> None:
    source = write(
        "tasks.py", "from cronapp import task\ndef a_b(): ...\n@task(job_id='own')\nasync def c_d(): return 4"
    )
    registry = load([source])
    assert [code_job_id(each) for each in registry.tasks.values()] == ["a-b", "own"]
    assert asyncio.iscoroutinefunction(registry.get("c_d").function)
