"""`cronapp jobs`: tasks on a schedule, on a running server."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cronapp.cli.editing import can_open, edited
from cronapp.cli.given import ARG, ARGS, SET, Json, arguments, fields
from cronapp.cli.remote import HERE, JSON, TOKEN, URL, connect, job_ids, task_names
from cronapp.cli.runs import FOLLOW, begun
from cronapp.cli.shown import as_json as print_json
from cronapp.cli.shown import as_list, facts, state_of, table, told
from cronapp.client import Client
from cronapp.core.models import Overlap
from cronapp.core.plain import json_line
from cronapp.wire import Cron, Interval, Job, Once, Schedule

jobs = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Tasks on a schedule, on a running server.",
)
ID = Annotated[str, typer.Argument(metavar="ID", help="The job's id.", autocompletion=job_ids)]
IDS = Annotated[list[str], typer.Argument(metavar="ID…", help="The jobs' ids.", autocompletion=job_ids)]
CRON = Annotated[list[str] | None, typer.Option("--cron", help="As '0 3 * * mon-fri'; may stand there several times.")]
EVERY = Annotated[str | None, typer.Option("--every", help="As 15m, 1d or 2w.")]
AT = Annotated[str | None, typer.Option("--at", help="Once, as 2026-02-02T03:00.")]
AFTER = Annotated[
    list[str] | None,
    typer.Option(
        "--after", help="After this job has succeeded; may stand there several times.", autocompletion=job_ids
    ),
]
ZONE = Annotated[str | None, typer.Option("--tz", help="The schedule's zone, as Europe/Berlin. Default: the server's.")]
TAG = Annotated[list[str] | None, typer.Option("--tag", help="May stand there several times.")]
CATCH_UP = "Of the slots that passed meanwhile run none, the last or all."


def add_to(cli: typer.Typer) -> None:
    cli.add_typer(jobs, name="jobs")


@jobs.command(name="list")
def list_jobs(
    q: Annotated[str | None, typer.Option("--search", help="With this text in id, task, description or tag.")] = None,
    state: Annotated[
        str | None, typer.Option(help="active, paused, finished, needs_attention, running or failing.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Of this task.", autocompletion=task_names)] = None,
    tag: TAG = None,
    as_json: JSON = False,
    url: URL = HERE,
    token: TOKEN = "",
) -> None:
    """List the jobs.

    \b
    cronapp jobs list --state failing
    cronapp jobs list --tag finance --json | jq -r '.[].id'
    """
    with connect(url, token) as server:
        found = list(server.jobs(q=q, state=state, task=task, tag=tag))
    if as_json:
        as_list(found)
        return
    table(("id", "state", "schedule", "next run", "last run", "tags"), [row(job) for job in found], none="No job fits.")


@jobs.command()
def show(job: ID, as_json: JSON = False, url: URL = HERE, token: TOKEN = "") -> None:
    """Show one job, and where it stands.

    \b
    cronapp jobs show nightly
    cronapp jobs show nightly --json | jq .next_run
    """
    with connect(url, token) as server:
        found = server.job(job)
    print_json(found) if as_json else facts(about(found))


@jobs.command()
def add(
    job: Annotated[str, typer.Argument(metavar="ID", help="Letters, digits, dots, hyphens and underscores.")],
    task: Annotated[str, typer.Argument(help="The name of its task.", autocompletion=task_names)],
    cron: CRON = None,
    every: EVERY = None,
    at: AT = None,
    after: AFTER = None,
    tz: ZONE = None,
    arg: ARG = None,
    args: ARGS = None,
    tag: TAG = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    put: SET = None,
    as_json: JSON = False,
    url: URL = HERE,
    token: TOKEN = "",
) -> None:
    """Make a job. Without a schedule it runs only by hand.

    \b
    cronapp jobs add greet sample_task --every 15m --arg arg1=hello --arg arg2=2
    cronapp jobs add nightly report --cron '0 3 * * mon-fri' --tz Europe/Berlin --set timeout=10m
    cronapp jobs add mail send --after nightly --args '{"to": "ada@example.org"}' --tag finance
    """
    with connect(url, token) as server:
        given = arguments(arg or [], args, server.task(task).args_schema) if arg or args else {}
        told_fields = {"tags": tag, "description": description, "args": given or None}
        when = schedule_of(cron, every, at, after, tz) or {"schedule": {"kind": "manual"}}
        said = {name: value for name, value in told_fields.items() if value is not None}
        made = server.create_job({"id": job, "task": task, **when, **said, **fields(put or [])})
    if as_json:
        print_json(made)
        return
    print(f"{made.id} is made{f', next at {told(made.next_run)}' if made.next_run else ''}.")


@jobs.command()
def edit(
    job: ID,
    cron: CRON = None,
    every: EVERY = None,
    at: AT = None,
    after: AFTER = None,
    tz: ZONE = None,
    arg: ARG = None,
    args: ARGS = None,
    tag: TAG = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    put: SET = None,
    as_json: JSON = False,
    url: URL = HERE,
    token: TOKEN = "",
) -> None:
    """Change a job. What is not said stays as it is; where nothing is said, your editor opens with all of it.

    \b
    cronapp jobs edit nightly              as YAML, in $VISUAL or $EDITOR
    cronapp jobs edit nightly --cron '0 4 * * *'
    cronapp jobs edit nightly --set timeout=20m --set tags=finance,daily --arg dry_run=true
    cronapp jobs edit nightly --set after=null --set 'blackouts=["22:00-06:00"]'
    """
    said = {**schedule_of(cron, every, at, after, tz), **fields(put or [])}
    said |= {name: value for name, value in (("tags", tag), ("description", description)) if value is not None}
    with connect(url, token) as server:
        old = server.job(job)
        if said or arg or args:
            changed: Job | None = changed_by(server, old, said, arg or [], args)
        elif can_open():
            changed = edited(server, old)
        else:
            raise typer.BadParameter("Say what is to change, as --cron '0 4 * * *' or --set timeout=20m.")
    if changed is None:
        print("Nothing is changed.")
    elif as_json:
        print_json(changed)
    else:
        print(f"{changed.id} is changed{f', next at {told(changed.next_run)}' if changed.next_run else ''}.")


@jobs.command()
def pause(
    ids: IDS,
    reason: Annotated[str | None, typer.Option(help="Why; shown wherever it is told.")] = None,
    until: Annotated[str | None, typer.Option(help="A moment, or for how long, as 2h.")] = None,
    url: URL = HERE,
    token: TOKEN = "",
) -> None:
    """Let no slot of these jobs run until they are resumed.

    \b
    cronapp jobs pause nightly --reason 'The disk is full' --until 2h
    """
    with connect(url, token) as server:
        for job in ids:
            found = server.pause_job(job, reason=reason, until=until)
            end = told(found.pause.until) if found.pause else ""
            print(f"{found.id} is paused{f' until {end}' if end else ''}.")


@jobs.command()
def resume(
    ids: IDS,
    catch_up: Annotated[str, typer.Option(help=CATCH_UP)] = "none",
    url: URL = HERE,
    token: TOKEN = "",
) -> None:
    """Let the slots of these jobs run again.

    \b
    cronapp jobs resume nightly --catch-up last
    """
    with connect(url, token) as server:
        for job in ids:
            found = server.resume_job(job, catch_up=catch_up)  # type: ignore[arg-type]  # the server refuses others
            print(f"{found.id} is {found.state.replace('_', ' ')}, next at {told(found.next_run, 'no moment')}.")


@jobs.command()
def run(
    job: ID,
    arg: ARG = None,
    args: ARGS = None,
    follow: FOLLOW = False,
    as_json: JSON = False,
    url: URL = HERE,
    token: TOKEN = "",
) -> None:
    """Run a job now, with other arguments if some are given.

    \b
    cronapp jobs run nightly --arg day=2026-01-31 --follow
    """
    with connect(url, token) as server:
        given = arguments(arg or [], args, server.task(server.job(job).task).args_schema) if arg or args else {}
        begun(server, server.run_job(job, given), follow=follow, as_json=as_json)


@jobs.command()
def remove(
    ids: IDS,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: URL = HERE,
    token: TOKEN = "",
) -> None:
    """Remove jobs. Their runs are kept.

    \b
    cronapp jobs remove nightly weekly
    """
    with connect(url, token) as server:
        each = [server.job(job).id for job in ids]
        count = each[0] if len(each) == 1 else f"{len(each)} jobs"
        if not yes:
            typer.confirm(f"Remove {count}? Runs that wait are cancelled.", abort=True, err=True)
        for job in each:
            server.remove_job(job)
            print(f"{job} is removed.")


# -- what was said, and how it is told --------------------------------------------------------------------------------


def changed_by(server: Client, old: Job, said: Json, arg: list[str], args: str | None) -> Job:
    """The job, changed as the options say."""
    sent = dict(said)
    if arg or args:
        given = arguments(arg, args, server.task(sent.get("task", old.task)).args_schema)
        sent["args"] = given if args else {**old.args, **given}
    if isinstance(sent.get("after"), dict) and old.after:
        sent["after"] = {**old.after.told(), **sent["after"]}
    return server.change_job(old.id, sent, version=old.version)


def schedule_of(
    cron: list[str] | None, every: str | None, at: str | None, after: list[str] | None, tz: str | None
) -> Json:
    """`schedule` and `after` as the options say them; nothing where they say nothing."""
    zone = {"timezone": tz} if tz else {}
    each: list[Json] = [{"kind": "cron", "expression": one, **zone} for one in cron or []]
    each += [{"kind": "interval", "every": every, **zone}] if every else []
    each += [{"kind": "once", "at": at, **zone}] if at else []
    found: Json = {"after": {"jobs": after}} if after else {}
    if after and not each:
        each = [{"kind": "dependency"}]
    if tz and not each:
        raise typer.BadParameter("Say a schedule too: --cron, --every or --at.", param_hint="--tz")
    return {**found, "schedule": each[0] if len(each) == 1 else each} if each else found


def row(job: Job) -> list[str]:
    last = f"#{job.last_run.id} {job.last_run.state}" if job.last_run else ""
    return [job.id, state_of(job.state), when(job), told(job.next_run), last, ", ".join(job.tags)]


def when(job: Job) -> str:
    after = f"after {', '.join(job.after.jobs)}" if job.after else ""
    return "; ".join(text for text in (*map(one_of, schedules(job)), after) if text)


def one_of(schedule: Schedule) -> str:
    match schedule:
        case Cron():
            return schedule.expression
        case Interval():
            return f"every {schedule.every:g} s" if isinstance(schedule.every, float) else f"every {schedule.every}"
        case Once():
            return told(schedule.at)
    return "by hand" if schedule.kind == "manual" else ""


def about(job: Job) -> list[tuple[str, str | None]]:
    usual: dict[str, Any] = {"overlap": Overlap.SKIP, "queue": "default", "priority": 0}
    zones = {one.timezone for one in schedules(job) if isinstance(one, Cron | Interval | Once)}
    rows = [
        ("job", job.id),
        ("task", job.task),
        ("state", state_of(job.state)),
        ("reason", job.reason),
        ("description", job.description),
        ("schedule", when(job)),
        ("zone", ", ".join(sorted(zones))),
        ("next run", told(job.next_run)),
        ("last run", f"#{job.last_run.id} {job.last_run.state}" if job.last_run else None),
        ("arguments", json_line(job.args) if job.args else None),
        ("tags", ", ".join(job.tags)),
        ("timeout", f"{job.timeout:g} s" if job.timeout else None),
        ("attempts", str(job.retry.max_attempts) if job.retry.max_attempts > 1 else None),
        *((name, str(getattr(job, name))) for name, value in usual.items() if getattr(job, name) != value),
        ("labels", ", ".join(job.labels)),
        ("group", job.group),
        ("blackouts", "; ".join(job.blackouts)),
        ("condition", job.condition),
        ("origin", job.origin),
        ("version", str(job.version)),
    ]
    return rows + [("", sentence) for sentence in job.difference]


def schedules(job: Job) -> list[Schedule]:
    return job.schedule if isinstance(job.schedule, list) else [job.schedule]
