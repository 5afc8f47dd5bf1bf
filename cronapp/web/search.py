"""GET /search: what somebody looks for and what can be done, for the palette over a page or as a page of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from quart import Blueprint, request

from cronapp.core.access import Right
from cronapp.core.models import Job, JobState, Run, RunState
from cronapp.core.ranking import INSIDE, best
from cronapp.core.registry import Task
from cronapp.service.search import Found
from cronapp.web.filters import state_word
from cronapp.web.permissions import may
from cronapp.web.render import fragment
from cronapp.web.shell import by_htmx, show
from cronapp.web.site import navigation, parts

pages = Blueprint("search", __name__)
VERBS = ("run", "pause", "resume", "edit", "backfill", "remove")
ACTED_ON = 3  # jobs that a verb offers itself for
ACTIONS, PLACES = 6, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line: it leads to `href`, asks there (`asks`), posts to `posts`, or is done in the browser (`does`)."""

    label: str
    icon: str
    note: str = ""
    words: tuple[str, ...] = ()  # by which it is found too
    href: str = ""
    asks: bool = False
    posts: str = ""
    does: str = ""
    tone: str = ""
    right: Right = Right.LOOK  # without it the line is not there
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    items: tuple[Item, ...]


@pages.get("/search")
async def search() -> str:
    typed = request.args.get("q", "").strip()
    if typed:
        groups = await found(typed)
    else:
        groups = await offered(request.args.get("recent", "").split())
    context: dict[str, Any] = {"groups": [group for group in groups if group.items], "typed": typed}
    if by_htmx():
        return str(fragment("_found", listed=True, **context))
    return await show("search", nav="", listed=False, **context)


async def offered(recent: list[str]) -> list[Group]:
    """Before anything is typed: the jobs used last, the pages, and what can be done."""
    used = await parts().search.recent(recent)
    return [
        Group("Jobs used last", tuple(map(job_item, used))),
        Group("Pages", places()),
        Group("Actions", tuple(await general_actions())),
    ]


async def found(typed: str) -> list[Group]:
    """What fits. With a verb first, as in `run nightly`, what it would do comes before all else."""
    verb, _, rest = typed.partition(" ")
    verbs = [one for one in VERBS if len(verb) > 1 and one.startswith(verb.lower())] if rest.strip() else []
    results = await parts().search.find(typed)
    general = best(typed, await general_actions(), lambda item: (item.label, *item.words), ACTIONS, worst=INSIDE)
    if verbs and not results.jobs:
        meant = await parts().search.find(rest)
        acted = tuple(item for job in meant.jobs[:ACTED_ON] for item in job_actions(job, verbs))
        return [Group("Actions", (*acted, *general)), *listed(typed, meant, ())]
    first = job_actions(results.jobs[0]) if results.jobs else []
    return listed(typed, results, (*first, *general))


def listed(typed: str, results: Found, actions: tuple[Item, ...]) -> list[Group]:
    run = (run_item(results.run),) if results.run else ()
    return [
        Group("Run", run),
        Group("Jobs", tuple(map(job_item, results.jobs))),
        Group("Pages", tuple(best(typed, places(), lambda item: (item.label,), PLACES, worst=INSIDE))),
        Group("Actions", actions),
        Group(f"Runs of {results.jobs[0].id}" if results.jobs else "", tuple(map(run_item, results.runs))),
        Group("Tasks", tuple(map(task_item, results.tasks))),
    ]


# -- lines ----------------------------------------------------------------------------------------------------------


def places() -> tuple[Item, ...]:
    return tuple(Item(label=one.label, icon=one.icon, href=one.path) for one in navigation().all)


def job_item(job: Job) -> Item:
    state = "" if job.state is JobState.ACTIVE else state_word(job.state)
    note = " · ".join(word for word in (job.task, state, *job.spec.tags) if word)
    tone = "bad" if job.state is JobState.NEEDS_ATTENTION else ""
    return Item(label=job.id, icon="calendar-clock", note=note, href=f"/jobs/{job.id}", tone=tone)


def run_item(run: Run) -> Item:
    label, note = f"#{run.id} {run.job}", state_word(run.state)
    tone = "bad" if run.state in (RunState.FAILED, RunState.TIMED_OUT, RunState.LOST) else ""
    return Item(label=label, icon="history", note=note, href=f"/runs/{run.id}", tone=tone)


def task_item(task: Task) -> Item:
    return Item(label=task.name, icon="square-function", note=task.summary or "", href=f"/tasks#task-{task.name}")


def job_actions(job: Job, verbs: list[str] | None = None) -> list[Item]:
    """What can be done with a job as it stands; all of it is asked or done as by the buttons of its page."""
    at = f"/jobs/{job.id}"
    actions = {
        "run": Item(label=f"Run {job.id} now", icon="play", posts=f"{at}/run", right=Right.RUN),
        "pause": Item(label=f"Pause {job.id}…", icon="pause", href=f"{at}/pause", asks=True, right=Right.RUN),
        "resume": Item(label=f"Resume {job.id}", icon="step-forward", posts=f"{at}/resume", right=Right.RUN),
        "edit": Item(label=f"Edit {job.id}", icon="pencil", href=f"{at}/edit", right=Right.EDIT),
        "backfill": Item(label=f"Backfill {job.id}…", icon="history", href=f"{at}/backfill", right=Right.RUN),
        "remove": Item(label=f"Remove {job.id}…", icon="trash-2", href=f"{at}/remove", right=Right.EDIT),
    }
    if job.state is not JobState.PAUSED:
        del actions["resume"]
    if job.state is not JobState.ACTIVE:
        del actions["pause"]
    asked = verbs or ["run", "pause", "resume", "edit"]
    return theirs(item for verb, item in actions.items() if verb in asked)


async def general_actions() -> list[Item]:
    """What can be done from anywhere."""
    held = await parts().switch.state()
    if held:
        scheduler = Item(label="Resume the scheduler", icon="step-forward", posts="/scheduler/resume", words=("go on",))
    else:
        scheduler = Item(
            label="Pause the whole scheduler…",
            icon="pause",
            href="/scheduler/pause",
            asks=True,
            words=("pause scheduler", "hold all"),
        )
    new = Item(label="New job", icon="plus", href="/jobs/new", words=("create job", "add job", "schedule a task"))
    return theirs(
        (
            replace(new, right=Right.EDIT),
            replace(scheduler, right=Right.RUN, everywhere=True),
            Item(label="Light theme", icon="sun", does="light", words=("theme", "switch theme")),
            Item(label="Dark theme", icon="moon", does="dark", words=("theme", "switch theme")),
            Item(label="Theme as the system", icon="monitor", does="auto", words=("switch theme", "automatic theme")),
            Item(label="Read about the REST API", icon="braces", href="/docs", words=("openapi", "docs", "curl")),
            Item(label="Show the keys", icon="keyboard", does="keys", words=("keyboard shortcuts", "hotkeys", "help")),
        )
    )


def theirs(items: Iterable[Item]) -> list[Item]:
    """What who looks may do."""
    return [item for item in items if may.have(item.right, everywhere=item.everywhere)]
