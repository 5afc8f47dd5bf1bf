"""What an import is going to do: jobs and limits as a file has them, against those that are there. For channels and
alert rules `alerting` says it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from cronapp.cli.addresses import WouldBe, addressed, written_out
from cronapp.client import ApiError
from cronapp.core.book import entry
from cronapp.core.changes import FieldChange, changes
from cronapp.core.crontab import TASK
from cronapp.core.dependencies import in_order
from cronapp.core.errors import InvalidInput
from cronapp.core.hidden import MASK
from cronapp.core.models import JobSpec, Json, SecretUrl
from cronapp.core.references import references, referring
from cronapp.core.spec import parse_spec, spec_from_json, spec_to_json, with_urls, zone_of
from cronapp.core.spec.shapes import JobInput
from cronapp.core.summary import words_of
from cronapp.core.until import parse_until
from cronapp.core.zones import zone
from cronapp.wire import Job, Limit

CODE = "code"
LONG_AGO, LONGEST = datetime(1970, 1, 1, tzinfo=UTC), timedelta(days=3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One job, limit, channel or rule, what is done with it, and what of it differs. `wrong`: why nothing is done."""

    about: str = "job"  # or limit, channel, rule
    name: str
    key: str = ""  # by which the server knows it, if that is not its name
    kind: str  # create, change, pause, resume, remove, limit, same
    words: str = ""
    changes: tuple[FieldChange, ...] = ()
    body: Json = field(default_factory=dict)
    version: int | None = None
    pause: Json | None = None  # after it was made or changed
    wrong: str = ""

    def filled(self, **fields: Any) -> Step:
        return replace(self, **fields)

    def refused(self, errors: Mapping[str, str]) -> Step:
        return replace(self, wrong=" ".join(f"{name}: {text}" if name else text for name, text in errors.items()))

    def at(self, line: int) -> Step:
        """With the line of the file at which something is wrong."""
        return replace(self, wrong=f"line {line}: {self.wrong}") if self.wrong and line else self


def spec_of(job: Job) -> JobSpec:
    """A job as the server has it; nothing of it is checked again. Its addresses are their masks."""
    told = {name: value for name, value in job.told().items() if name in JobInput.model_fields}
    schedule = told["schedule"]
    spec = spec_from_json({**told, "schedule": schedule if isinstance(schedule, list) else [schedule]})
    masked = (with_urls(rule, [SecretUrl(url, "") for url in rule.all_urls()]) for rule in spec.notify)
    return replace(spec, notify=tuple(masked))


def exported(jobs: Iterable[Job]) -> list[Json]:
    """The jobs as a file has them."""
    return referring(entry(spec_of(job), paused_of(job)) for job in jobs)


def paused_of(job: Job) -> Json | None:
    """Why and until when it is paused; None: it is not."""
    if job.state != "paused" or job.pause is None:
        return None
    told = job.told()
    found = {"reason": told["reason"], "until": told["pause"]["until"]}
    return {name: value for name, value in found.items() if value is not None}


def limits_of(limits: Iterable[Limit]) -> list[Json]:
    """Those that somebody set: a group without a limit runs one at a time."""
    told = [
        {"kind": one.kind, "name": one.name, "max_running": one.max_running, "rate": one.rate}
        for one in limits
        if one.rate or one.max_running not in ((None, 1) if one.kind == "group" else (None,))
    ]
    return [{name: value for name, value in one.items() if value is not None} for one in told]


def steps_for(
    wanted: Iterable[Json],
    present: Iterable[Job],
    *,
    tasks: Collection[str],
    would_be: WouldBe,
    now: datetime,
    prune: bool,
) -> list[Step]:
    """What makes the present jobs those of the file, in an order in which each finds those that it comes after."""
    by_id, here = {one["id"]: one for one in wanted}, {job.id: job for job in present}
    names = references(job.told() for job in here.values())
    edges = {job_id: upstreams(one) for job_id, one in by_id.items()}
    found = []
    for job_id in in_order(edges):
        job = here.get(job_id)
        try:
            given = addressed(by_id[job_id], job, names.get(job_id, {}))
            found.append(step(given, job, tasks, would_be, now))
        except InvalidInput as error:
            found.append(Step(name=job_id, kind="change" if job else "create").refused(error.errors))
        except ApiError as error:
            found.append(Step(name=job_id, kind="change").refused(error.errors or {"": str(error)}))
    if prune:
        gone = [job for job in here.values() if job.id not in by_id and job.origin != CODE]
        found += [Step(name=job.id, kind="remove", version=job.version) for job in gone]
    return found


def upstreams(data: Json) -> tuple[str, ...]:
    after = data.get("after")
    jobs = after.get("jobs") if isinstance(after, dict) else None
    return tuple(job for job in jobs if isinstance(job, str)) if isinstance(jobs, list) else ()


def step(given: Json, job: Job | None, tasks: Collection[str], would_be: WouldBe, now: datetime) -> Step:
    """Raises `InvalidInput` and `ApiError`."""
    data = {name: value for name, value in given.items() if name != "paused"}
    job_id = str(data["id"])
    old = spec_of(job) if job else None
    pause = pause_wanted(given.get("paused"), job, now)
    spec = parse_spec(data, now=now, timezone=zone_of(old).key if old else "UTC", old=old, past=True)
    if spec.task not in tasks:
        return Step(name=job_id, kind="change" if job else "create", wrong=no_task(spec.task))
    if job is None or old is None:
        return made(spec, data, pause)
    body = spec_to_json(spec)
    shown = spec_of(would_be(job_id, body)) if written_out(data) else spec
    differences = changes(old, replace(spec, notify=shown.notify), partial(masked, old.args))
    if not differences:
        kind = "same" if pause is None else "resume" if pause.get("over") else "pause"
        return Step(name=job_id, kind=kind, pause=pause)
    return Step(name=job_id, kind="change", changes=tuple(differences), body=body, version=job.version, pause=pause)


def made(spec: JobSpec, data: Json, pause: Json | None) -> Step:
    if hidden := sorted(name for name, value in spec.args.items() if holds_mask(value)):
        what = f"args.{hidden[0]}: This is a secret, and no file has its value. Write it there, or name a stored one: "
        return Step(name=spec.id, kind="create", wrong=f'{what}{{"secret": "NAME"}}.')
    words = f"{spec.task}, {words_of(spec)}"
    return Step(name=spec.id, kind="create", words=words, body=data, pause=pause)


def no_task(name: str) -> str:
    hint = " Switch it on: CRONAPP_READY_TASKS=shell." if name == TASK else " Deploy it first."
    return f"The server has no task {name}.{hint}"


def holds_mask(value: Any) -> bool:
    match value:
        case dict():
            return any(map(holds_mask, value.values()))
        case list():
            return any(map(holds_mask, value))
    return bool(value == MASK)


def masked(present: Json, task: str, args: Json) -> Json:
    """Arguments as they may be shown: where the server masks a value, or has none, the file may have a secret."""
    shown = {name for name, value in present.items() if not holds_mask(value)}
    return {name: value if name in shown else MASK for name, value in args.items()}


def pause_wanted(paused: Any, job: Job | None, now: datetime) -> Json | None:
    """The pause that is to be made, or ended by `over`; None: it is as it shall be, or nothing is said of it."""
    standing = paused_of(job) if job else None
    if paused is None or (paused is False and standing is None):
        return None
    if paused is False:
        return {"over": True}
    told = {} if paused is True else paused
    if not isinstance(told, dict) or told.keys() - {"reason", "until"}:
        raise InvalidInput.of("paused", "Write true, false, or an object with `reason` and `until`.")
    try:
        ends = ending(told.get("until"), now)
    except ValueError as error:
        raise InvalidInput.of("paused.until", str(error)) from None
    if (ends is not None and ends <= now) or (standing is not None and alike(told, standing, ends, now)):
        return None
    return dict(told)


def ending(until: Any, now: datetime) -> datetime | None:
    """The moment that is said, also where it has passed; of a length, as `2h`, the one after now."""
    if until is None:
        return None
    ends = parse_until(str(until), LONG_AGO, zone("UTC"))
    return now + (ends - LONG_AGO) if is_length(until) else ends


def is_length(until: Any) -> bool:
    return parse_until(str(until), LONG_AGO, zone("UTC")) - LONG_AGO < LONGEST


def alike(told: Json, standing: Json, ends: datetime | None, now: datetime) -> bool:
    """Whether the pause that stands is the one that is wanted. One for so long, as `2h`, is not begun anew."""
    if told.get("reason") != standing.get("reason"):
        return False
    return ends == ending(standing.get("until"), now) or (ends is not None and is_length(told["until"]))


def limit_steps(wanted: Iterable[Json], present: Iterable[Limit]) -> list[Step]:
    here = {(one["kind"], one["name"]): one for one in limits_of(present)}
    found = []
    for one in wanted:
        name, standing = f"{one['kind']} {one['name']}", here.get((one["kind"], one["name"]))
        words = ", ".join(f"{field} {one[field]}" for field in ("max_running", "rate") if one.get(field) is not None)
        kind = "same" if one == standing else "limit"
        found.append(Step(about="limit", name=name, kind=kind, words=words, body=one))
    return found
