"""From the sources to the tasks that there are, and to what could not be loaded."""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from cronapp.core.errors import TaskNotFound
from cronapp.core.registry.modules import module_names, module_of, restore
from cronapp.core.registry.sources import homes_of, own_modules
from cronapp.core.registry.tasks import Task, tasks_of
from cronapp.core.validation import suggestion

FOREIGN = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_OUR_FILES = str(Path(__file__).parent) + os.sep


@dataclass(frozen=True, slots=True)
class LoadError:
    """Why a source, or one task of it, is not there."""

    source: str
    error: str
    traceback: str
    file: str = ""  # where it is to be mended: the last line of the user's own that was reached
    line: int = 0
    text: str = ""  # that line


@dataclass(frozen=True, slots=True)
class Registry:
    """The tasks there are, by name, and what could not be loaded."""

    tasks: dict[str, Task] = field(default_factory=dict)
    errors: list[LoadError] = field(default_factory=list)
    failed: frozenset[str] = frozenset()  # sources that could not be imported

    def get(self, name: str) -> Task:
        """The task of this name. Raises `TaskNotFound`, with a close name if there is one."""
        if name not in self.tasks:
            raise TaskNotFound(f'There is no task "{name}".{suggestion(name, self.tasks)}')
        return self.tasks[name]


def load(sources: Sequence[str], *, anew: bool = False) -> Registry:
    """Import each source, a path (`tasks.py`) or a dotted module (`shop.tasks`), and collect its tasks.

    Every public function defined there is a task, so is one with `@task` and one that `__all__` lists. A second call
    runs the files afresh; with `anew` also the modules that they imported of their own folders. Nothing a source does
    is raised, except KeyboardInterrupt.
    """
    importlib.invalidate_caches()
    found: dict[str, Task] = {}
    errors: list[LoadError] = []
    failed: set[str] = set()
    names = module_names(sources)
    # All at once before the first import: sources may import each other, and none may run twice or see an old one.
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    helpers = {name: module for name, _, module in own_modules(homes_of(sources))} if anew else {}
    for name in helpers:
        del sys.modules[name]
    for name, source in names.items():
        try:
            tasks = tasks_of(module_of(source, name), source)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit: an import must not end the server
            errors.append(LoadError(source, _one_line(error), _traceback(error), *_place(error)))
            failed.add(source)
            restore(name, before.get(name))
            continue
        for each in tasks:
            if first := found.get(each.name):
                errors.append(LoadError(source, _twice(first, each), ""))
            else:
                found[each.name] = each
    if failed:  # what its last good state may still import, while it runs
        sys.modules.update({name: module for name, module in helpers.items() if name not in sys.modules})
    return Registry(dict(sorted(found.items())), errors, frozenset(failed))


def merged(fresh: Registry, before: Registry, kept: Sequence[str]) -> Registry:
    """What was read now, with the tasks that the sources in `kept` had before."""
    old = {name: task for name, task in before.tasks.items() if task.source in kept}
    return replace(fresh, tasks=dict(sorted({**old, **fresh.tasks}.items())))


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
    while last and last.tb_next and not last.tb_next.tb_frame.f_code.co_filename.startswith(_OUR_FILES):
        last = last.tb_next
    if last:
        last.tb_next = None
    return "".join(traceback.format_exception(type(error), error, frames))


def _place(error: BaseException) -> tuple[str, int, str]:
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 0, (error.text or "").strip()
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not _is_ours(one.filename)]
    own = [one for one in frames if not one.filename.startswith((*FOREIGN, "<"))] or frames
    last = own[-1] if own else None
    return (last.filename, last.lineno or 0, (last.line or "").strip()) if last else ("", 0, "")


def _is_ours(filename: str) -> bool:
    return filename.startswith((_OUR_FILES, "<frozen importlib"))
