"""What is typed in the job form, read as far as it goes: in sentences, as slots to come, and against what was there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cronapp.core.changes import NOT_GIVEN, FieldChange, as_json, changes, label_of, words_of
from cronapp.core.cron import FieldTold, parse, told_fields
from cronapp.core.dependencies import after_words
from cronapp.core.differences import Clash, clashes, fields_of, marks
from cronapp.core.errors import InvalidInput
from cronapp.core.models import After, Job, JobSpec, Json
from cronapp.core.registry import Task
from cronapp.core.spec import Draft, parse_draft, parse_fields
from cronapp.core.summary import Summary, summary
from cronapp.core.triggers import trigger_of
from cronapp.web.arguments import args_of
from cronapp.web.forms import form_of, job_from_form
from cronapp.web.schedules import SIMPLE, Texts, row_name, rows_of, said_in, schedule_of_row, wrong_rows
from cronapp.web.simulations import simulated
from cronapp.web.site import parts

EMPTY = {NOT_GIVEN, "null"}  # an argument that is empty, which a form does not tell apart from none
PREVIEWED = 10  # slots told beside the form
WHOLE = ("schedule", "after", "retry", "misfire", "notify")  # fields of a job that are several fields of the form


@dataclass(frozen=True, slots=True)
class Typed:
    """The form's texts, and what can be read of them. `job` is the one that is edited."""

    texts: Texts
    task: Task | None
    job: Job | None
    data: Json
    draft: Draft

    def masked(self, spec: JobSpec) -> Json:
        """A job field by field, without its secrets."""
        return fields_of(spec, parts().tasks.masked(spec.task, spec.args))


@dataclass(frozen=True, slots=True)
class Contest:
    """One field that somebody else changed meanwhile, in words."""

    field: str
    label: str
    theirs: str
    mine: str


@dataclass(frozen=True, slots=True)
class RowTold:
    """One row of schedules: in words, or what is wrong with it; of a cron expression also its fields."""

    row: int
    words: str = ""
    problem: str = ""
    fields: tuple[FieldTold, ...] = ()


def read(texts: Texts, job: Job | None = None) -> Typed:
    """The form as far as it can be read. Arguments that are wrong stand as they were before the edit."""
    task = parts().tasks.find(texts.get("task", ""))
    stored = parts().tasks.opened(job.spec.args) if job else None
    try:
        args = task.signature.from_form(args_of(texts), stored) if task else {}
    except InvalidInput as error:
        typed = args_of(texts)
        right = {n: t for n, t in typed.items() if t and n.isidentifier() and f"args.{n}" not in error.errors}
        args = right if stored is None else stored
    data = job_from_form(texts, args, parts().timezone, job)
    old = job.spec if job else None
    draft = parse_draft(data, now=parts().clock(), timezone=parts().timezone, old=old)
    if old:
        draft = replace(draft, spec=parts().tasks.aligned_spec(draft.spec, old))
    return Typed(texts, task, job, data, draft)


def summary_of(typed: Typed) -> Summary:
    """What is typed, in sentences."""
    draft = typed.draft
    settled = draft.has("schedule") and draft.has("after") and not wrong_rows(typed.texts)
    return summary(
        draft.spec,
        parts().tasks.masked(draft.spec.task, draft.spec.args),
        subject=None if draft.has("id") else "This job",
        task=typed.task is not None,
        when=settled,
    )


def changes_of(typed: Typed) -> list[FieldChange]:
    """What an edit changes, in words."""
    if typed.job is None:
        return []
    found = changes(typed.job.spec, typed.draft.spec, parts().history.mask(typed.job.fits))
    return [one for one in found if {one.old, one.new} != EMPTY]


# -- when -----------------------------------------------------------------------------------------------------------


async def preview_of(typed: Typed) -> dict[str, Any] | None:
    """The form as the simulation of a job; None while nothing is typed that says when."""
    kind, job, data = typed.texts.get("schedule.kind") or "cron", typed.job, typed.data
    rows = rows_of(typed.texts)
    said = any(said_in(typed.texts, row) for row in rows)
    if not said and kind != "manual" and not (kind == "dependency" and data["after"]):
        return None
    try:
        if wrong := wrong_rows(typed.texts):
            raise InvalidInput(wrong)
        found = await simulated(data, now=parts().clock(), count=PREVIEWED, job=job)
        after = after_in(data)
        if after and (wrong := await parts().jobs.wrong_upstreams(str(data["id"]), after, job)):
            raise InvalidInput(wrong)
    except InvalidInput as error:
        return {"errors": error.errors}
    alone = kind == "dependency" and len(rows) == 1
    told = {"told": found.told, "zone": found.zone, "after": after and after_words(after), "alone": alone}
    return {"errors": None, **told}


def after_in(data: Json) -> After | None:
    """The jobs before the typed one; raises `InvalidInput`."""
    given = parse_fields({"after": data["after"]}).after
    return After(**dict(given)) if given else None


def rows_told(typed: Typed) -> list[RowTold]:
    return [row_told(typed, row) for row in rows_of(typed.texts)]


def row_told(typed: Typed, row: int) -> RowTold:
    """One row in words, as far as it is typed; by hand and after others there is nothing to tell."""
    name = row_name(row)
    kind = typed.texts.get(f"{name}.kind") or "cron"
    expression = typed.texts.get(f"{name}.expression", "") if kind == "cron" else ""
    fields = told_fields(expression, str(typed.data["id"])) if kind == "cron" else ()
    if kind not in (SIMPLE, "cron", "interval", "once") or not said_in(typed.texts, row):
        return RowTold(row, fields=fields)
    try:
        if expression:
            parse(expression, seed=str(typed.data["id"]))
        data = {**typed.data, "schedule": schedule_of_row(typed.texts, row)}
        draft = parse_draft({**data, "after": None}, now=parts().clock(), timezone=parts().timezone, old=old_of(typed))
    except InvalidInput as error:
        told = next(iter(error.errors.values()))
        return RowTold(row, problem="" if any(one.problem for one in fields) else told, fields=fields)
    if wrong := [text for field, text in draft.wrong.items() if field.startswith("schedule")]:
        return RowTold(row, problem=wrong[0], fields=fields)
    return RowTold(row, trigger_of(draft.spec.schedule, seed=draft.spec.id).words(), fields=fields)


def old_of(typed: Typed) -> JobSpec | None:
    return typed.job.spec if typed.job else None


# -- against what somebody else saved -------------------------------------------------------------------------------


def base_text(job: Job) -> str:
    """What a form carries along to tell later which fields somebody else changed."""
    return json.dumps(marks(fields_of(job.spec, parts().tasks.masked_of(job))), separators=(",", ":"))


def base_of(texts: Texts) -> Mapping[str, str]:
    try:
        base = json.loads(texts.get("base", ""))
    except (ValueError, RecursionError):
        return {}
    return base if isinstance(base, dict) else {}


def clashes_of(typed: Typed) -> tuple[Clash, ...]:
    """What somebody else changed of the job since the form was opened, where it says something else."""
    assert typed.job is not None
    theirs = fields_of(typed.job.spec, parts().tasks.masked_of(typed.job))
    return clashes(base_of(typed.texts), theirs, typed.masked(typed.draft.spec))


def contest(typed: Typed, clash: Clash) -> Contest:
    assert typed.job is not None
    theirs, mine = (
        in_words(typed.job.spec, clash.field, clash.theirs),
        in_words(typed.draft.spec, clash.field, clash.mine),
    )
    return Contest(clash.field, label_of(clash.field), theirs, mine)


def in_words(spec: JobSpec, field: str, shown: Any) -> str:
    """A field of a job in words; an argument as it may be shown."""
    return as_json(shown) if field.startswith("args.") else words_of(field, getattr(spec, field), spec.id)


def with_theirs(texts: Texts, job: Job, fields: set[str]) -> dict[str, str]:
    """The form's texts, in these fields of the job as somebody else saved it."""
    saved = form_of(job.spec, parts().tasks.find(job.task), parts().timezone)

    def theirs(name: str) -> bool:
        whole = [field for field in fields if field in WHOLE or field.startswith("args.")]
        return name in fields or any(name.startswith((f"{one}.", f"{one}?", f"{one}@")) for one in whole)

    kept = {name: text for name, text in texts.items() if not theirs(name)}
    return kept | {name: text for name, text in saved.items() if theirs(name)}
