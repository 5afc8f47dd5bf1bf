"""The list of tasks, and one task's page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cronapp.core.changes import label_of, words_of
from cronapp.core.durations import duration_words
from cronapp.core.events import Event, JobChanged, RunChanged, TasksLoaded
from cronapp.core.outline import outline_of
from cronapp.core.registry import Task
from cronapp.core.signature import MASK
from cronapp.core.signature.bounds import bounds_words
from cronapp.web.filters import capital
from cronapp.web.highlight import lines_of
from cronapp.web.prose import blocks_of
from cronapp.web.render import fragment, partial
from cronapp.web.site import Parts
from cronapp.web.views.shown import EMPTY, Shown
from cronapp.web.views.zones import job_zone

PLACES = {"loop": "the event loop", "thread": "a thread", "process": "a process of its own"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRow:
    name: str
    type: str
    default: str  # as it is written; empty: it must be given
    required: bool
    bounds: str
    help: str


class TasksView(Shown):
    def __init__(self, parts: Parts, q: str = "") -> None:
        super().__init__(parts)
        self.q = q

    def heed(self, event: Event) -> Iterable[str]:
        return ("all",) if isinstance(event, TasksLoaded | JobChanged | RunChanged) else ()

    def parts(self) -> Iterable[str]:
        return ("all",)

    async def show(self, part: str) -> Markup:
        return await self.house.hub.once(("jobs", ""), ("tasks", self.q), self._render)

    async def _render(self) -> Markup:
        return partial("#tasks", fragment("_tasks", **await tasks_context(self.house, self.q)))

    def pause(self, part: str) -> float:
        return 1.0


async def tasks_context(house: Parts, q: str = "") -> dict[str, Any]:
    tasks = house.tasks.all()
    shown = [task for task in tasks if fits(task, q)]
    return {
        "q": q,
        "total": len(tasks),
        "tasks": shown,
        "outlines": {task.name: outline_of(task.text) for task in shown},
        "errors": house.tasks.registry.errors,
        "stale": house.tasks.stale,
        "uses": await house.usage.of_all(),
        "places": PLACES,
    }


def fits(task: Task, q: str) -> bool:
    """Whether all words that are looked for stand in its name, its doc, its file or its tags."""
    text = " ".join((task.name, task.summary, task.doc, task.file, *task.options.tags)).lower()
    return all(word in text for word in q.lower().split())


OF_ITS_CODE, OF_ITS_JOBS, OF_ITS_RUNS = "code", "jobs", "runs"


class TaskView(Shown):
    """One task's page."""

    def __init__(self, parts: Parts, name: str) -> None:
        super().__init__(parts)
        self.name = name
        self.near: frozenset[str] = frozenset()  # the jobs whose runs are shown

    def heed(self, event: Event) -> Iterable[str]:
        match event:
            case TasksLoaded():
                return self.parts()
            case JobChanged():
                return (OF_ITS_JOBS,)
            case RunChanged(job=job) if job in self.near:
                return OF_ITS_JOBS, OF_ITS_RUNS
        return ()

    def parts(self) -> Iterable[str]:
        return OF_ITS_CODE, OF_ITS_JOBS, OF_ITS_RUNS

    async def show(self, part: str) -> Markup:
        task = self.house.tasks.find(self.name)
        if part == OF_ITS_CODE:
            return partial("#task-code", fragment("_task_code", **code_context(task, self.name)))
        context = await use_context(self.house, self.name)
        self.near = frozenset(job.id for job in context["jobs"])
        return partial(f"#task-{part}-of", fragment(f"_task_{part}", **context)) if task else EMPTY

    def pause(self, part: str) -> float:
        return 1.0


async def task_context(house: Parts, name: str) -> dict[str, Any]:
    """The whole page; raises `TaskNotFound`."""
    task = house.tasks.get(name)
    return {**code_context(task, name), **await use_context(house, name)}


def code_context(task: Task | None, name: str) -> dict[str, Any]:
    if task is None:
        return {"task": None, "task_name": name}
    return {
        "task": task,
        "task_name": name,
        "outline": outline_of(task.text),
        "blocks": blocks_of(task.doc),
        "rows": list(parameter_rows(task)),
        "options": list(told_options(task)),
        "lines": lines_of(task.text),
        "places": PLACES,
    }


async def use_context(house: Parts, name: str) -> dict[str, Any]:
    use = await house.usage.of(name)
    rows = [await house.jobs.row(job.id) for job in use.jobs[:ROWS]]
    return {
        "task_name": name,
        "jobs": use.jobs,
        "job_rows": rows,
        "more": use.more or len(use.jobs) > ROWS,
        "runs": use.runs,
        "zones": {job.key: job_zone(house, job.spec) for job in use.jobs},
    }


ROWS = 12


def parameter_rows(task: Task) -> Iterator[ParameterRow]:
    """The parameters as they are written, with what their types allow."""
    outline = outline_of(task.text)
    written = {one.name.lstrip("*"): one for one in outline.parameters} if outline else {}
    for one in task.signature.parameters:
        declared = written.get(one.name)
        default = declared.default if declared else (repr(one.default) if one.has_default else "")
        yield ParameterRow(
            name=declared.name if declared else one.name,
            type=(declared.type if declared else "") or "any",
            default=MASK if one.secret and default and default != "None" else default,
            required=not one.has_default,
            bounds=bounds_words(one.schema),
            help=one.help,
        )


def told_options(task: Task) -> Iterator[tuple[str, str]]:
    """What `@task(…)` says, as far as it says anything."""
    given = task.options
    if given.timeout:
        yield capital(label_of("timeout")), duration_words(given.timeout)
    if given.retry:
        yield capital(label_of("retry.max_attempts")), f"up to {given.retry.max_attempts}"
    for label, value in (
        ("Queue", given.queue),
        (capital(label_of("overlap")), given.overlap and words_of("overlap", given.overlap)),
        ("Time zone", given.timezone),
        ("Tags", ", ".join(given.tags)),
        ("Declares the job", given.schedule and (given.job_id or task.name.replace("_", "-"))),
    ):
        if value:
            yield label, str(value)
    for name, rule in given.rules.items():
        yield capital(label_of(name)), json.dumps(rule, ensure_ascii=False).strip('"')
