"""Every job against the code, without a server: what `cronapp check` tells before a deployment."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from cronapp.core.declared import all_declared, as_declared
from cronapp.core.differences import difference
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Job, JobSpec, Json
from cronapp.core.spec import parse_spec
from cronapp.service.blackouts import Blackouts, lines_of
from cronapp.service.tasks import Tasks


@dataclass(frozen=True, slots=True)
class Finding:
    """A job, and why it would not run with this code; no sentence: it fits."""

    job: str
    sentences: tuple[str, ...] = ()


def review(stored: Sequence[Job], tasks: Tasks, blackouts: Blackouts, *, timezone: str, now: datetime) -> list[Finding]:
    """What the next start of the server would find, for each job that is stored or declared in code, by their ids."""
    here = {job.id: job for job in stored}
    code = {one["id"]: one for one in all_declared(tasks.all(), tasks.declared, timezone)}
    ids = here.keys() | code.keys()
    findings = []
    for job_id in sorted(ids):
        job, data = here.get(job_id), code.get(job_id)
        sentences: list[str] = []
        spec = job.spec if job else None
        if data and (job is None or (job.origin == "code" and declared_of(job, tasks) != tasks.opened_json(data))):
            wanted, sentences = declaration(data, spec, tasks, blackouts, timezone=timezone, now=now)
            if wanted and (job is None or follows(job, tasks, timezone, now)):
                spec, job = wanted, None
        if spec:
            sentences += unfit(spec, job.fits if job else None, tasks, ids)
        findings.append(Finding(job_id, tuple(dict.fromkeys(sentences))))
    return findings


def declaration(
    data: Json, old: JobSpec | None, tasks: Tasks, blackouts: Blackouts, *, timezone: str, now: datetime
) -> tuple[JobSpec | None, list[str]]:
    """The job that the code declares, or why it cannot be used."""
    wrong = blackouts.check(lines_of(data))
    try:
        spec = parse_spec(data, now=now, timezone=timezone, old=old)
    except InvalidInput as error:
        wrong |= error.errors
    if wrong:
        told = " ".join(f"{field}: {text}" for field, text in wrong.items())
        return None, [f"The job that `{data['task']}` declares cannot be used. {told}"]
    misfit = difference(spec, None, tasks.registry.tasks, tasks.opened)
    if misfit:
        return None, [f"The job that `{data['task']}` declares cannot be used. {misfit.reason}"]
    return spec, []


def declared_of(job: Job, tasks: Tasks) -> Json | None:
    """What the code said when the job was made of it."""
    return job.code and tasks.opened_json(job.code)


def follows(job: Job, tasks: Tasks, timezone: str, now: datetime) -> bool:
    """Whether nobody changed the job since the code declared it, so that it goes with the code."""
    code = as_declared(job.code, job.spec, timezone, now) if job.code else None
    return code is not None and job.spec == tasks.aligned_spec(code, job.spec)


def unfit(spec: JobSpec, fits: Json | None, tasks: Tasks, ids: Collection[str]) -> list[str]:
    misfit = difference(spec, fits, tasks.registry.tasks, tasks.opened)
    nowhere = [one for one in (spec.after.jobs if spec.after else ()) if one not in ids]
    return [
        *(misfit.sentences if misfit else ()),
        *(f"It runs after `{one}`, and there is no job of this id." for one in nowhere),
    ]
