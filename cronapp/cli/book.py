"""`cronapp export` and `cronapp import`: all jobs, and who is told of them, as one YAML file, and back."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from cronapp.cli.alerting import alert_steps, carry_out, channels_of, rules_of
from cronapp.cli.plan import Step, exported, limit_steps, limits_of, steps_for
from cronapp.cli.progress import Bar
from cronapp.cli.remote import HERE, REFUSED, TOKEN, URL, connect
from cronapp.cli.shown import as_json as print_json
from cronapp.cli.shown import painted
from cronapp.client import ApiError, Client, Forbidden
from cronapp.core.alert_words import joined
from cronapp.core.book import Book, book_text, read_book
from cronapp.core.clock import system_clock
from cronapp.core.crontab import TASK, jobs_of, read_crontab
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.core.zones import zone

SIGNS = {
    "create": ("+", "green"),
    "change": ("~", "yellow"),
    "pause": ("~", "yellow"),
    "resume": ("~", "yellow"),
    "limit": ("~", "yellow"),
    "remove": ("-", "red"),
}
VERBS = {
    "create": "to make",
    "change": "to change",
    "pause": "to pause",
    "resume": "to resume",
    "limit": "limits to set",
    "remove": "to remove",
    "same": "as they are",
}


def add_to(cli: typer.Typer) -> None:
    @cli.command(name="export")
    def export(
        file: Annotated[str, typer.Argument(help="Where the YAML goes; - is standard output.")] = "-",
        url: URL = HERE,
        token: TOKEN = "",
    ) -> None:
        """Write all jobs, limits, channels and alert rules as a YAML file.

        \b
        cronapp export jobs.yaml           for a repository, or before a change
        cronapp export - | diff jobs.yaml -

        What is at its default is left out. A secret is written as ********, and stays as it is when the file is
        imported again; so do addresses, for which ${CHANNEL_OPS_MAIL}, or ${JOB_NIGHTLY_URL_1}, stands. Channels and
        alert rules are in it if the token may see them, as that of an admin. Runs, notes, accounts and tokens are not:
        a backup of the database has them.
        """
        with connect(url, token) as server:
            text = book_text(exported(server.jobs()), limits_of(server.limits()), *told_to(server))
        if file == "-":
            sys.stdout.write(text)
        else:
            Path(file).write_text(text, "utf-8")

    @cli.command(name="import")
    def bring(
        file: Annotated[str, typer.Argument(help="The YAML file, or the crontab; - is standard input.")],
        dry_run: Annotated[
            bool, typer.Option("--dry-run", "-n", help="Show the difference, and change nothing.")
        ] = False,
        prune: Annotated[bool, typer.Option("--prune", help="Remove what is not in the file.")] = False,
        yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before something is removed.")] = False,
        crontab: Annotated[bool, typer.Option("--crontab", help="The file is a crontab.")] = False,
        system: Annotated[bool, typer.Option("--system", help="As /etc/crontab, with a user in each line.")] = False,
        tz: Annotated[str, typer.Option(help="Of a crontab that names no CRON_TZ. Default: the server's.")] = "",
        as_json: Annotated[bool, typer.Option("--json", help="For programs: what is done with each.")] = False,
        url: URL = HERE,
        token: TOKEN = "",
    ) -> None:
        """Make the server's jobs, limits, channels and alert rules those of a file, and show what that changes.

        \b
        cronapp import jobs.yaml --dry-run
        cronapp import jobs.yaml --prune               jobs that are not in it are removed
        crontab -l | cronapp import --crontab - -n     each line becomes a job of the task `shell`
        cronapp import --crontab --system /etc/crontab

        A job of which the file says nothing stays as it is, unless --prune is given; jobs that the code declares stay
        in any case. --prune removes channels and rules too, where the file has a list of them. For ${NAME} in an
        address the value of that variable is taken; if there is none, the address stays as it is. Exit status 1 if
        something was refused; all else is done.
        """
        text = read(file)
        with connect(url, token) as server:
            crons = crontab or system
            book = from_crontab(server, text, system=system, tz=tz) if crons else from_yaml(text, file)
            steps = planned(server, book, prune=prune)
            if as_json and dry_run:
                print_json([told(one) for one in steps])
            elif not as_json:
                tell(steps)
            if dry_run:
                raise typer.Exit(REFUSED if any(one.wrong for one in steps) else 0)
            if not yes and (gone := counted(one for one in steps if one.kind == "remove")):
                typer.confirm(f"Remove {gone}?", abort=True, err=True)
            with Bar() as bar:
                done = [carried_out(server, one) for one in bar.each(steps)]
        if as_json:
            print_json([told(one) for one in done])
        refused = [one for one, planned_one in zip(done, steps, strict=True) if one.wrong and not planned_one.wrong]
        for one in refused:
            typer.echo(f"cronapp: {one.name}: {one.wrong}", err=True)
        raise typer.Exit(REFUSED if any(one.wrong for one in done) else 0)


def told_to(server: Client) -> tuple[list[Json], list[Json]]:
    """The channels and the alert rules, as far as the token may see them."""
    try:
        return channels_of(server.channels()), rules_of(server.alerts())
    except Forbidden:
        typer.echo("cronapp: Channels and alert rules are left out: only an admin may see them.", err=True)
        return [], []


# -- what is wanted ---------------------------------------------------------------------------------------------------


def read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise refused(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def from_yaml(text: str, name: str) -> Book:
    with in_words():
        return read_book(text, name)


def from_crontab(server: Client, text: str, *, system: bool, tz: str) -> Book:
    with in_words():
        if tz:
            zone(tz)
    lines, problems = read_crontab(text, system=system)
    for one in problems:
        typer.echo(f"cronapp: line {one.number} is left out: {one.text}", err=True)
    present = {job.id: job.args if job.task == TASK else {} for job in server.jobs()}
    return Book(tuple(jobs_of(lines, present, tz)))


@contextmanager
def in_words() -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        raise refused(str(error)) from None


def refused(text: str) -> typer.Exit:
    typer.echo(f"cronapp: {text}", err=True)
    return typer.Exit(REFUSED)


def planned(server: Client, book: Book, *, prune: bool) -> list[Step]:
    """In an order in which each finds what it names."""
    tasks = {task.name for task in server.tasks()}
    would_be = partial(server.replace_job, dry_run=True)
    jobs = steps_for(book.jobs, server.jobs(), tasks=tasks, would_be=would_be, now=system_clock(), prune=prune)
    limits = limit_steps(book.limits, server.limits()) if book.limits else []
    alerts, gone = alert_steps(server, book, prune=prune)
    lines = book.lines or {}
    return [*alerts, *limits, *(one.at(lines.get(one.name, 0)) for one in jobs), *gone]


def counted(steps: Iterable[Step]) -> str:
    """`1 job and 2 channels`; nothing for none."""
    counts = Counter(one.about for one in steps)
    told = [f"{count} {what}{'s' * (count != 1)}" for what, count in counts.items()]
    return joined(told, "and") if told else ""


# -- what is done -----------------------------------------------------------------------------------------------------


def carried_out(server: Client, one: Step) -> Step:
    """Does it; what the server refuses is told with the step, and hinders no other."""
    if one.wrong:
        return one
    try:
        do(server, one)
    except ApiError as error:
        return one.filled(wrong=str(error))
    return one


def do(server: Client, one: Step) -> None:
    if one.about in ("channel", "rule"):
        carry_out(server, one)
        return
    match one.kind:
        case "create":
            server.create_job(one.body, past=True)
        case "change":
            server.replace_job(one.name, one.body, version=one.version)
        case "remove":
            server.remove_job(one.name, version=one.version)
        case "limit":
            limit = {name: one.body.get(name) for name in ("max_running", "rate")}
            server.set_limit(one.body["kind"], one.body["name"], **limit)
    if one.pause and one.pause.get("over"):
        server.resume_job(one.name)
    elif one.pause is not None:
        server.pause_job(one.name, reason=one.pause.get("reason"), until=one.pause.get("until"))


# -- how it is told ---------------------------------------------------------------------------------------------------


def tell(steps: list[Step]) -> None:
    for one in steps:
        if one.kind == "same" and not one.wrong:
            continue
        sign, colour = ("✗", "red") if one.wrong else SIGNS[one.kind]
        print(f"{painted(sign, colour)} {one.name}{f'  {one.words}' if one.words else ''}")
        for change in one.changes:
            print(f"    {change.label}: {change.old} → {change.new}")
        if one.pause is not None:
            print("    resumed" if one.pause.get("over") else "    paused")
        if one.wrong:
            print(f"    {one.wrong}")
    counts = Counter("wrong" if one.wrong else one.kind for one in steps)
    parts = [f"{counts[kind]} {words}" for kind, words in {**VERBS, "wrong": "refused"}.items() if counts[kind]]
    print(f"{', '.join(parts) or 'There is nothing to do'}.")


def told(one: Step) -> dict[str, Any]:
    differs = [{"field": change.field, "old": change.old, "new": change.new} for change in one.changes]
    return {"name": one.name, "action": one.kind, "changes": differs, "error": one.wrong or None}
