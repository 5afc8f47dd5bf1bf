"""The tasks of a module: its public functions, those with `@task`, and those that `__all__` lists."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from cronapp.core.errors import InvalidInput
from cronapp.core.registry.options import ATTRIBUTE, RunIn, TaskOptions, place_of
from cronapp.core.signature import Signature

DEF = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+\w+", re.MULTILINE)


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
    digest: str = ""  # of the function's source without its name, so that a renamed one is known again
    text: str = ""  # the function's source, as it was loaded; empty where there is none to be had

    @property
    def ready(self) -> bool:
        """Whether it comes with Cron-App."""
        return self.source.startswith(READY)


READY = "cronapp.ready."


def code_job_id(task: Task) -> str:
    """The id of the job that the code declares for this task."""
    return task.options.job_id or task.name.replace("_", "-")


def tasks_of(module: ModuleType, source: str) -> list[Task]:
    listed = set(getattr(module, "__all__", ()))
    tasks: dict[int, Task] = {}
    for name, value in list(vars(module).items()):
        # By identity: a second name for a function is no second task.
        if isinstance(value, FunctionType) and id(value) not in tasks and _is_task(name, value, module, listed):
            tasks[id(value)] = task_of(name, value, module, source)
    return list(tasks.values())


def _is_task(name: str, function: FunctionType, module: ModuleType, listed: set[str]) -> bool:
    options = function.__dict__.get(ATTRIBUTE)
    if options is not None and module.__name__ in (options.module, function.__module__):
        return True
    return name in listed or (function.__module__ == module.__name__ and not name.startswith("_"))


def task_of(name: str, function: FunctionType, module: ModuleType, source: str) -> Task:
    options = function.__dict__.get(ATTRIBUTE) or TaskOptions()
    code = inspect.unwrap(function).__code__
    summary, _, doc = (inspect.getdoc(function) or "").strip().partition("\n")
    signature = Signature.of(function)
    text = _text(function)
    return Task(
        name=options.name or name,
        function=function,
        source=source,
        module=module.__name__,
        file=code.co_filename,
        line=code.co_firstlineno,
        summary=summary.strip(),
        doc=doc.strip(),
        run_in=place_of(function, options.run_in),
        options=options,
        signature=signature,
        problem=_problem(function, signature, options),
        digest=_digest(text),
        text=text,
    )


def _text(function: FunctionType) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError, SyntaxError):
        return ""


def _digest(source: str) -> str:
    """A short hash of the source from `def` on, without the name; empty where there is no source to be had."""
    if not source:
        return ""
    begin = DEF.search(source)
    text = source[begin.end() :] if begin else source
    return hashlib.sha256(text.strip().encode()).hexdigest()[:16]


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
