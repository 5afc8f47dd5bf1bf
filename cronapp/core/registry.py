"""The @task decorator, and the tasks found in files and modules.

Loading runs the user's files, so it is the one place of `core` that does I/O. A file that cannot be loaded raises
nothing: it becomes a `LoadError`, and the tasks of the other files stay.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import linecache
import os
import re
import sys
import traceback
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType, TracebackType
from typing import Any, Literal, TypeVar, get_args, overload

from pydantic_core import PydanticSerializationError, to_jsonable_python

from cronapp.core.cron import parse
from cronapp.core.durations import parse_duration, parse_every
from cronapp.core.errors import InvalidInput, TaskNotFound
from cronapp.core.models import (
    CronSchedule,
    IntervalSchedule,
    Json,
    ManualSchedule,
    OnceSchedule,
    Overlap,
    Retry,
    Schedule,
)
from cronapp.core.signature import Signature
from cronapp.core.validation import suggestion
from cronapp.core.zones import resolve, zone

F = TypeVar("F", bound=Callable[..., Any])
RunIn = Literal["loop", "thread", "process"]
ScheduleLike = str | timedelta | datetime | Schedule
ATTRIBUTE = "__cronapp__"
NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """What `@task(…)` said. None: nothing, so the default of jobs applies."""

    name: str | None = None
    schedule: tuple[Schedule, ...] = ()  # none: the code declares no job
    timezone: str | None = None
    args: Json = field(default_factory=dict)
    timeout: float | None = None
    retry: Retry | None = None
    run_in: RunIn | None = None
    queue: str | None = None
    overlap: Overlap | None = None
    tags: tuple[str, ...] = ()
    job_id: str | None = None
    description: str | None = None
    zoned: tuple[bool, ...] = ()  # for each schedule: whether the code named its zone
    module: str = ""  # where the decorator was written

    def schedules(self, timezone: str) -> tuple[Schedule, ...]:
        """The declared schedules; `timezone` is for those to which the code gave none."""
        return tuple(
            schedule if named or isinstance(schedule, ManualSchedule) else replace(schedule, timezone=timezone)
            for schedule, named in zip(self.schedule, self.zoned, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A function that jobs can run. `problem` is for the author to see; the task is usable all the same."""

    name: str
    function: Callable[..., Any]
    source: str  # the entry of TASKS it came from
    module: str
    file: str
    line: int
    summary: str
    doc: str
    run_in: RunIn
    options: TaskOptions
    signature: Signature
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class LoadError:
    """Why a source, or one task of it, is not there."""

    source: str
    error: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Registry:
    """The tasks there are, by name, and what could not be loaded."""

    tasks: dict[str, Task] = field(default_factory=dict)
    errors: list[LoadError] = field(default_factory=list)

    def get(self, name: str) -> Task:
        """The task of this name. Raises `TaskNotFound`, with a close name if there is one."""
        if name not in self.tasks:
            raise TaskNotFound(f'There is no task "{name}".{suggestion(name, self.tasks)}')
        return self.tasks[name]


@overload
def task(function: F, /) -> F: ...
@overload
def task(
    *,
    schedule: ScheduleLike | Sequence[ScheduleLike] | None = None,
    timezone: str | None = None,
    args: Mapping[str, Any] | None = None,
    timeout: float | str | timedelta | None = None,
    retries: int | Retry | None = None,
    run_in: RunIn | None = None,
    name: str | None = None,
    queue: str | None = None,
    overlap: Overlap | str | None = None,
    tags: Sequence[str] = (),
    job_id: str | None = None,
    description: str | None = None,
) -> Callable[[F], F]: ...
def task(
    function: Any = None,
    /,
    *,
    schedule: ScheduleLike | Sequence[ScheduleLike] | None = None,
    timezone: str | None = None,
    args: Mapping[str, Any] | None = None,
    timeout: float | str | timedelta | None = None,
    retries: int | Retry | None = None,
    run_in: RunIn | None = None,
    name: str | None = None,
    queue: str | None = None,
    overlap: Overlap | str | None = None,
    tags: Sequence[str] = (),
    job_id: str | None = None,
    description: str | None = None,
) -> Any:
    """Mark a function as a task and say how it runs. The function itself stays as it is.

    Args:
        schedule: Declares a job: a cron expression, `every 15m`, a timedelta, a datetime (once), one of the schedule
            classes, or a list of these.
        timezone: The schedule's zone, such as `Europe/Berlin`. The server's default zone if not given.
        args: The declared job's arguments.
        timeout: Seconds, or text such as `10m`.
        retries: How many times a failed run is tried again, or a `Retry` with the delays too.
        run_in: `loop` (async def), `thread` (def) or `process` (either; can be killed).
        name: The task's name, if not the function's.
        job_id: The declared job's id, if not the task's name with `-` for `_`.

    Raises TypeError or ValueError at once for an option that cannot be used.
    """
    schedules, zoned = _schedules(schedule, timezone)
    options = TaskOptions(
        name=_named("name", name),
        schedule=schedules,
        zoned=zoned,
        timezone=timezone,
        args=_json_args(args or {}),
        timeout=_timeout(timeout),
        retry=_retry(retries),
        run_in=_one_of("run_in", run_in, get_args(RunIn)),
        queue=_named("queue", queue),
        overlap=None if overlap is None else Overlap(_one_of("overlap", overlap, tuple(Overlap))),
        tags=_tags(tags),
        job_id=_named("job_id", job_id),
        description=description,
        module=sys._getframe(1).f_globals.get("__name__", ""),
    )
    if function is None:
        return lambda decorated: _attach(decorated, options)
    return _attach(function, options)


def code_job_id(task: Task) -> str:
    """The id of the job that the code declares for this task."""
    return task.options.job_id or task.name.replace("_", "-")


def load(sources: Sequence[str]) -> Registry:
    """Import each source, a path (`tasks.py`) or a dotted module (`shop.tasks`), and collect its tasks.

    Every public function defined there is a task, so is one with `@task` and one that `__all__` lists. A second call
    runs the files afresh. Nothing a source does is raised, except KeyboardInterrupt.
    """
    importlib.invalidate_caches()
    found: dict[str, Task] = {}
    errors: list[LoadError] = []
    names = _names(sources)
    # All at once before the first import: sources may import each other, and none may run twice or see an old one.
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    for name, source in names.items():
        try:
            tasks = _tasks_of(_module(source, name), source)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit: an import must not end the server
            errors.append(LoadError(source, _one_line(error), _traceback(error)))
            _restore(name, before.get(name))
            continue
        for each in tasks:
            if first := found.get(each.name):
                errors.append(LoadError(source, _twice(first, each), ""))
            else:
                found[each.name] = each
    return Registry(dict(sorted(found.items())), errors)


# -- the decorator's options ------------------------------------------------------------------------------------------


def _attach(function: Any, options: TaskOptions) -> Any:
    if not isinstance(function, FunctionType):
        hint = f" Write @task(schedule={function!r})." if isinstance(function, str) else ""
        raise TypeError(f"@task goes on a function, not on a {type(function).__name__}.{hint}")
    _place(function, options.run_in)
    function.__dict__[ATTRIBUTE] = options
    return function


def _place(function: Callable[..., Any], run_in: RunIn | None) -> RunIn:
    """Where the function runs: as asked, if it can run there."""
    runs_on_loop = inspect.iscoroutinefunction(function)
    if run_in == "loop" and not runs_on_loop:
        raise ValueError('run_in="loop" needs an async def: a plain def would block the event loop.')
    if run_in == "thread" and runs_on_loop:
        raise ValueError('An async def runs on the loop or, with run_in="process", in a process; not in a thread.')
    return run_in or ("loop" if runs_on_loop else "thread")


def _schedules(given: Any, timezone: str | None) -> tuple[tuple[Schedule, ...], tuple[bool, ...]]:
    """The schedules, and for each whether its zone was named."""
    if timezone is not None:
        _in_words("timezone", zone, timezone)
    each = [] if given is None else list(given) if isinstance(given, list | tuple) else [given]
    schedules = tuple(_schedule(one, timezone or "UTC") for one in each)
    return schedules, tuple(timezone is not None or isinstance(one, Schedule) for one in each)


def _schedule(given: Any, timezone: str) -> Schedule:
    schedule = _as_schedule(given, timezone)
    match schedule:
        case CronSchedule():
            _in_words("schedule", parse, schedule.expression)
        case IntervalSchedule():
            _in_words("schedule", parse_every, schedule.every)
        case ManualSchedule():
            return schedule
    _in_words("schedule", zone, schedule.timezone)
    return replace(schedule, at=_moment(schedule)) if isinstance(schedule, OnceSchedule) else schedule


def _as_schedule(given: Any, timezone: str) -> Schedule:
    match given:
        case str() if given.strip().lower().startswith("every "):
            return IntervalSchedule(every=given.strip()[6:].strip(), timezone=timezone)
        case str():
            return CronSchedule(expression=given.strip(), timezone=timezone)
        case timedelta():
            return IntervalSchedule(every=given.total_seconds(), timezone=timezone)
        case datetime():
            return OnceSchedule(at=given, timezone=timezone)
        case CronSchedule() | IntervalSchedule() | OnceSchedule() | ManualSchedule():
            return given
    kinds = "a cron expression, text such as 'every 15m', a timedelta, a datetime or a schedule"
    raise TypeError(f"schedule: {kinds} is expected, not a {type(given).__name__}.")


def _moment(once: OnceSchedule) -> datetime:
    moment = once.at if once.at.tzinfo else resolve(once.at, zone(once.timezone))
    if moment is None:
        raise ValueError(f"schedule: {once.at:%Y-%m-%d %H:%M} does not exist in {once.timezone}.")
    return moment.astimezone(UTC)


def _in_words(option: str, reader: Callable[[Any], object], value: Any) -> None:
    """Let the reader look at the value; what it refuses is a ValueError that names the option."""
    try:
        reader(value)
    except InvalidInput as error:
        raise ValueError(f"{option} {value!r}: {' '.join(error.errors.values())}") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{option} {value!r}: {error}") from None


def _timeout(given: float | str | timedelta | None) -> float | None:
    if given is None:
        return None
    value = given.total_seconds() if isinstance(given, timedelta) else given
    _in_words("timeout", parse_duration, value)
    seconds = parse_duration(value)
    if seconds <= 0:
        raise ValueError("timeout: it must be more than 0 seconds.")
    return seconds


def _retry(given: int | Retry | None) -> Retry | None:
    if given is None or isinstance(given, Retry):
        return given
    if not isinstance(given, int) or isinstance(given, bool):
        raise TypeError(f"retries: a whole number or a Retry is expected, not {given!r}.")
    if given < 0:
        raise ValueError(f"retries: it must be 0 or more, not {given}.")
    return Retry(max_attempts=given + 1)


def _one_of(option: str, given: Any, allowed: Sequence[str]) -> Any:
    if given is not None and given not in allowed:
        listed = ", ".join(f'"{value}"' for value in allowed)
        raise ValueError(f"{option}: one of {listed} is expected, not {given!r}.{suggestion(str(given), allowed)}")
    return given


def _named(option: str, given: str | None) -> str | None:
    if given is not None and not (isinstance(given, str) and NAME.fullmatch(given)):
        raise ValueError(f"{option}: 1 to 100 letters, digits, '-', '_' and '.' are expected, not {given!r}.")
    return given


def _tags(given: Sequence[str]) -> tuple[str, ...]:
    if isinstance(given, str) or not all(isinstance(tag, str) for tag in given):
        raise TypeError(f'tags: a list of texts is expected, such as ("finance", "daily"), not {given!r}.')
    return tuple(given)


def _json_args(given: Mapping[str, Any]) -> Json:
    if not isinstance(given, Mapping):
        raise TypeError(f'args: an object is expected, such as {{"day": "2026-01-31"}}, not {given!r}.')
    try:
        plain: Json = to_jsonable_python(dict(given))
    except PydanticSerializationError as error:
        raise TypeError(f"args: JSON cannot hold them: {error}") from None
    return plain


# -- importing --------------------------------------------------------------------------------------------------------


def _is_file(source: str) -> bool:
    return source.endswith(".py") or os.sep in source or Path(source).is_file()


def _names(sources: Sequence[str]) -> dict[str, str]:
    """Module name → source. A file's name is the same on every load, and for every way to write its path."""
    found: dict[str, str] = {}
    for source in sources:
        name = source
        if _is_file(source):
            path = Path(source).resolve()
            name = "cronapp_tasks_" + re.sub(r"\W", "_", path.stem)
            if name in found and Path(found[name]).resolve() != path:
                name += f"_{zlib.crc32(str(path).encode()):08x}"
        found.setdefault(name, source)
    return found


def _module(source: str, name: str) -> ModuleType:
    if name in sys.modules:  # another source imported it a moment ago
        return sys.modules[name]
    return _run(_file_spec(source, name) if _is_file(source) else _module_spec(name))


def _file_spec(source: str, name: str) -> ModuleSpec:
    path = Path(source).resolve()
    if not path.is_file():
        raise FileNotFoundError(
            f"{source} is a folder; name the tasks file in it." if path.is_dir() else f"There is no file {source}."
        )
    _on_path(path.parent)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise ImportError(f"{source} is no Python file; its name must end with .py.")
    return spec


def _module_spec(name: str) -> ModuleSpec:
    _on_path(Path.cwd())
    spec = importlib.util.find_spec(name) if all(part.isidentifier() for part in name.split(".")) else None
    if spec is None:
        raise ModuleNotFoundError(f"There is neither a file nor a module {name!r}.")
    if spec.origin is None:  # a namespace package
        raise ImportError(f"{name} is a folder; name the tasks file in it.")
    return spec


def _on_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _run(spec: ModuleSpec) -> ModuleType:
    """Execute a module from its source text: cached bytecode goes by the second, so a quick edit would be missed."""
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    if spec.origin and spec.origin.endswith(".py"):
        linecache.checkcache(spec.origin)
        exec(compile(Path(spec.origin).read_bytes(), spec.origin, "exec", dont_inherit=True), module.__dict__)
    elif spec.loader:
        spec.loader.exec_module(module)
    parent, _, last = spec.name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, module)
    return module


def _restore(name: str, before: ModuleType | None) -> None:
    """After a failed load: what still runs from the module's last good state can find it again."""
    with suppress(KeyError):
        del sys.modules[name]
    if before:
        sys.modules[name] = before


# -- from a module to its tasks ---------------------------------------------------------------------------------------


def _tasks_of(module: ModuleType, source: str) -> list[Task]:
    listed = set(getattr(module, "__all__", ()))
    tasks: dict[int, Task] = {}
    for name, value in list(vars(module).items()):
        # By identity: a second name for a function is no second task.
        if isinstance(value, FunctionType) and id(value) not in tasks and _is_task(name, value, module, listed):
            tasks[id(value)] = _task(name, value, module, source)
    return list(tasks.values())


def _is_task(name: str, function: FunctionType, module: ModuleType, listed: set[str]) -> bool:
    options = function.__dict__.get(ATTRIBUTE)
    if options is not None and module.__name__ in (options.module, function.__module__):
        return True
    return name in listed or (function.__module__ == module.__name__ and not name.startswith("_"))


def _task(name: str, function: FunctionType, module: ModuleType, source: str) -> Task:
    options = function.__dict__.get(ATTRIBUTE) or TaskOptions()
    code = inspect.unwrap(function).__code__
    summary, _, doc = (inspect.getdoc(function) or "").strip().partition("\n")
    signature = Signature.of(function)
    return Task(
        name=options.name or name,
        function=function,
        source=source,
        module=module.__name__,
        file=code.co_filename,
        line=code.co_firstlineno,
        summary=summary.strip(),
        doc=doc.strip(),
        run_in=_place(function, options.run_in),
        options=options,
        signature=signature,
        problem=_problem(function, signature, options),
    )


def _problem(function: FunctionType, signature: Signature, options: TaskOptions) -> str | None:
    problems = [signature.problem] if signature.problem else []
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        problems.append("It contains yield, so a call only makes a generator and runs nothing; use a plain function.")
    if options.schedule:
        try:
            signature.check(options.args)
        except InvalidInput as error:
            problems.append(f"The job declared in code lacks fitting arguments. {error}")
    return " ".join(problems) or None


def _twice(first: Task, second: Task) -> str:
    return (
        f'The task "{second.name}" is defined twice, in {first.file}:{first.line} and in '
        f"{second.file}:{second.line}; the first one is used. Rename one, or give it @task(name=…)."
    )


def _one_line(error: BaseException) -> str:
    last = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, SyntaxError):
        where = f" ({Path(error.filename).name}, line {error.lineno})" if error.filename else ""
        return f"{type(error).__name__}: {error.msg}{where}"
    return last.partition("\n")[0]


def _traceback(error: BaseException) -> str:
    """The traceback without our frames: those that led to the user's file, and those inside the decorator."""
    frames: TracebackType | None = error.__traceback__
    while frames and _is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    last = frames
    while last and last.tb_next and last.tb_next.tb_frame.f_code.co_filename != __file__:
        last = last.tb_next
    if last:
        last.tb_next = None
    return "".join(traceback.format_exception(type(error), error, frames))


def _is_ours(filename: str) -> bool:
    return filename == __file__ or filename.startswith("<frozen importlib")
