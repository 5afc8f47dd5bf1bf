"""A job against the tasks of today: whether it fits, what changed if it does not, and what it could be pointed at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from cronapp.core.conditions import unfit_condition
from cronapp.core.differences.changes import Change, Opened, What, changes, mended, moved, sides_of, wrong_args
from cronapp.core.differences.snapshots import Line, signature_lines, snapshot
from cronapp.core.models import JobSpec, Json
from cronapp.core.registry import Task

MOST = 3  # candidates
ALIKE = 0.6  # of 1: names so similar may stand for the same task
NEAR = 0.35  # the same where also the parameters are


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A task that a job could be pointed at. `mending` says what becomes of the arguments; None: they need a look."""

    task: str
    mending: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Why a job does not fit its task, and how it could."""

    changes: tuple[Change, ...]
    lines: tuple[Line, ...] = ()  # the signature, old against new
    candidates: tuple[Candidate, ...] = ()  # for a task that is gone, the likeliest first
    args: Json | None = None  # that fit, where this takes no guess
    mending: str = ""  # what that does with the present ones
    carried: Json | None = None  # what of the present ones the task takes, under today's names

    @property
    def sentences(self) -> list[str]:
        return [change.sentence for change in self.changes]

    @property
    def reason(self) -> str:
        """Why the job cannot run, in one text."""
        return " ".join(change.sentence for change in self.changes if change.stops)


def as_they_are(args: Json) -> Json:
    return args


def difference(
    spec: JobSpec, fits: Json | None, tasks: Mapping[str, Task], opened: Opened = as_they_are
) -> Difference | None:
    """What keeps this job from running; None: it fits its task and its condition. `fits` is the snapshot of the task
    that its arguments fitted last, if there is one; `opened` lets their secrets be looked at."""
    task = tasks.get(spec.task)
    asked = condition_change(spec, tasks)
    if task is None:
        return gone_task(spec, fits, tasks, asked, opened)
    if not wrong_args(task.signature, spec.args, opened):
        return Difference(changes=asked) if asked else None
    present = snapshot(task)
    sides = sides_of(fits, present, task.signature, spec.args, opened)
    fixed = None if asked else mended(sides, task.signature, opened)
    args, mending = fixed or (None, "")
    return Difference(
        changes=(*changes(sides), *asked),
        lines=signature_lines(fits or present, present),
        args=args,
        mending=mending,
        carried=moved(sides)[0],
    )


def gone_task(
    spec: JobSpec, fits: Json | None, tasks: Mapping[str, Task], asked: tuple[Change, ...], opened: Opened
) -> Difference:
    gone = Change(what=What.TASK, parameter="", stops=True, sentence=f"The task `{spec.task}` is not in the code now.")
    candidates = tuple(candidate(spec, fits, task, opened) for task in alike(spec.task, fits, tasks.values()))
    return Difference(changes=(gone, *asked), lines=signature_lines(fits, None), candidates=candidates)


def condition_change(spec: JobSpec, tasks: Mapping[str, Task]) -> tuple[Change, ...]:
    if spec.condition is None:
        return ()
    task = tasks.get(spec.condition)
    problem = unfit_condition(task) if task else f"The condition `{spec.condition}` is not in the code now."
    return (Change(what=What.CONDITION, parameter="", sentence=problem, stops=True),) if problem else ()


def carried(spec: JobSpec, fits: Json | None, task: Task, opened: Opened = as_they_are) -> tuple[Json, str] | None:
    """The job's arguments as another task takes them, and in words what becomes of them; None: they need a look."""
    sides = sides_of(fits, snapshot(task), task.signature, spec.args, opened)
    return mended(sides, task.signature, opened)


def candidate(spec: JobSpec, fits: Json | None, task: Task, opened: Opened) -> Candidate:
    found = carried(spec, fits, task, opened)
    return Candidate(task=task.name, mending=None if found is None else found[1])


def alike(name: str, fits: Json | None, tasks: Iterable[Task]) -> list[Task]:
    """Tasks that a gone one may have become: of the same source, of the same parameters and a name somewhat like it,
    of a similar name."""
    ranked = []
    for task in tasks:
        likeness = SequenceMatcher(None, name, task.name).ratio()
        if fits and fits["source"] and task.digest == fits["source"]:
            rank = 0
        elif likeness >= NEAR and fits and same_parameters(fits, task):
            rank = 1
        elif likeness >= ALIKE:
            rank = 2
        else:
            continue
        ranked.append((rank, -likeness, task.name, task))
    return [task for *_, task in sorted(ranked, key=lambda one: one[:3])][:MOST]


def same_parameters(fits: Json, task: Task) -> bool:
    now = snapshot(task)["parameters"]
    return bool(now) and [(p["name"], p["type"]) for p in fits["parameters"]] == [(p["name"], p["type"]) for p in now]
