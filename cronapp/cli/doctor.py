"""`cronapp doctor`: whether all that a server needs is there, and what to do where it is not."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import httpx
import typer

from cronapp.cli.beside import DATABASE
from cronapp.cli.serve import TASKS, has_account, refuse_open_doors
from cronapp.cli.shown import as_json as print_json
from cronapp.cli.shown import painted
from cronapp.cli.sites import shown
from cronapp.config import Settings, load_settings, named_value
from cronapp.core.clock import system_clock
from cronapp.core.errors import CannotStart, CronAppError, DatabaseOlder
from cronapp.core.models import MOST_OFF, NOTED_OFF
from cronapp.core.vault import Vault
from cronapp.service.blackouts import Blackouts
from cronapp.service.calendars import Calendars
from cronapp.service.review import review
from cronapp.service.tasks import Tasks
from cronapp.store.ends import name_of
from cronapp.store.jobs import all_jobs
from cronapp.store.keyfile import key_path, keys_for
from cronapp.store.looking import look, moment_of, revision_at
from cronapp.store.migrating import newest
from cronapp.store.open import named_database

Verdict = Literal["good", "care", "wrong"]
MARKS = {"good": ("✓", "green"), "care": ("!", "yellow"), "wrong": ("✗", "red")}
LEAST, LITTLE = 100_000_000, 1_000_000_000  # bytes that are free on the disk
FUTURE = 60.0  # seconds that a file may seem to come from the future
SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do about it."""

    about: str
    verdict: Verdict
    text: str


def add_to(cli: typer.Typer) -> None:
    @cli.command()
    def doctor(
        tasks: Annotated[list[str] | None, typer.Argument(help=TASKS)] = None,
        host: Annotated[str | None, typer.Option(help="As of `cronapp serve`. Default: 127.0.0.1.")] = None,
        port: Annotated[int | None, typer.Option(help="As of `cronapp serve`. Default: 5000.")] = None,
        database: DATABASE = None,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Look at all that a server needs: settings, tasks, database, key, disk, clock, port.

        \b
        cronapp doctor                          before the first start, or when something is odd
        cronapp doctor shop.tasks --port 8000   with what `cronapp serve` is given

        Nothing is changed, and a server may run meanwhile. ✓ is good, ! wants your attention, ✗ is wrong; the exit
        status is 1 if something is wrong.
        """
        found = list(examined({"tasks": tuple(tasks or ()), "host": host, "port": port, "database": database}))
        if as_json:
            print_json([asdict(one) for one in found])
        else:
            wide = max(len(one.about) for one in found)
            for one in found:
                mark, colour = MARKS[one.verdict]
                print(f"{painted(mark, colour)} {one.about:{wide}}  {one.text}")
        raise typer.Exit(1 if any(one.verdict == "wrong" for one in found) else 0)


def examined(given: dict[str, object]) -> Iterator[Finding]:
    try:
        settings = load_settings(given)
    except CronAppError as error:
        yield Finding("settings", "wrong", str(error))
        return
    each: tuple[tuple[str, Callable[[Settings], Iterator[Finding]]], ...] = (
        ("settings", of_settings),
        ("tasks", of_tasks),
        ("database", of_database),
        ("jobs", of_jobs),
        ("key", of_key),
        ("disk", of_disk),
        ("clock", of_clock),
        ("port", of_port),
    )
    for name, examine in each:
        try:
            yield from examine(settings)
        except CronAppError as error:
            yield Finding(name, "wrong", str(error))


def of_settings(settings: Settings) -> Iterator[Finding]:
    said = [name for name in Settings.model_fields if settings.origin(name)]
    refuse_open_doors(settings)
    yield Finding("settings", "good", f"Read; {len(said)} of them are set." if said else "All at their defaults.")
    if not (has_account(settings) or settings.admin_token or settings.signs_in_elsewhere):
        yield Finding("sign-in", "care", "There is no account yet. Make one: cronapp user add NAME --role admin")


def of_tasks(settings: Settings) -> Iterator[Finding]:
    registry = Tasks(settings.tasks, ready=settings.ready_modules, variable=named_value).registry
    for error in registry.errors:
        place = f" Mend {error.file}, line {error.line}." if error.line else ""
        yield Finding("tasks", "wrong", f"{error.source} cannot be loaded: {error.error}.{place}".replace("..", "."))
    if registry.tasks:
        yield Finding("tasks", "good", f"{len(registry.tasks)} read from {', '.join(settings.tasks)}.")
    elif not registry.errors:
        yield Finding(
            "tasks", "care", f"There is no task in {', '.join(settings.tasks)}. Write a public function there."
        )


def of_database(settings: Settings) -> Iterator[Finding]:
    parsed = named_database(settings.database)
    path = Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None
    if path and not path.exists():
        folder = path.parent
        if not folder.is_dir():
            yield Finding("database", "wrong", f"The folder {folder} does not exist. Create it, or name another file.")
        elif not os.access(folder, os.W_OK):
            yield Finding("database", "wrong", f"The folder {folder} cannot be written. Check its owner.")
        else:
            yield Finding("database", "good", f"{path} is made at the first start.")
        return
    try:
        jobs = look(settings.database, all_jobs)
    except DatabaseOlder:
        text = "It was made by an older version. Bring it up to date: cronapp migrate (the next start does that too)."
        yield Finding("database", "care", text)
        return
    name = str(path) if path else name_of(settings.database)
    if path and not os.access(path, os.W_OK):
        yield Finding("database", "wrong", f"{path} cannot be written. Check its owner.")
    elif jobs is None:
        yield Finding("database", "good", f"{name} is empty; its tables are made at the first start.")
    else:
        newer = revision_at(settings.database) != newest()
        version = "a newer version, beside which this one works" if newer else "this version"
        yield Finding("database", "good", f"{name} is of {version}, with {len(jobs)} job{'s' * (len(jobs) != 1)}.")


def of_jobs(settings: Settings) -> Iterator[Finding]:
    try:
        stored = look(settings.database, all_jobs) or []
    except CannotStart:  # told of the database
        return
    vault = Vault(keys_for(settings.database, settings.secret_keys, make=False))
    code = Tasks(settings.tasks, vault=vault, ready=settings.ready_modules, variable=named_value)
    calendars = Blackouts(Calendars(Path.cwd()))
    found = review(stored, code, calendars, timezone=settings.timezone, now=system_clock())
    unfit = [one for one in found if one.sentences]
    if unfit:
        few = ", ".join(one.job for one in unfit[:5]) + (" …" if len(unfit) > 5 else "")
        yield Finding("jobs", "wrong", f"{len(unfit)} no longer fit their tasks: {few}. See why: cronapp check")
    elif found:
        yield Finding("jobs", "good", f"{len(found)} fit{'s' if len(found) == 1 else ''} the code.")


def of_key(settings: Settings) -> Iterator[Finding]:
    path = key_path(settings.database)
    if settings.secret_keys:
        yield Finding("key", "good", "CRONAPP_SECRET_KEY encrypts secrets.")
    elif path is None:
        text = "Without one no secret can be kept: set CRONAPP_SECRET_KEY, the same on each machine."
        yield Finding("key", "care", text)
    elif not path.exists():
        yield Finding("key", "good", f"{path} is made at the first start. Keep a copy, but not beside the database's.")
    elif stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield Finding("key", "wrong", f"Others can read {path}. Change that: chmod 600 {path}")
    else:
        keys_for(settings.database, (), make=False)
        yield Finding("key", "good", f"{path} encrypts secrets. Keep a copy, but not beside the database's.")


def of_disk(settings: Settings) -> Iterator[Finding]:
    parsed = named_database(settings.database)
    sqlite = parsed.get_backend_name() == "sqlite"
    folder = Path(str(parsed.database)).resolve().parent if sqlite else Path.cwd()
    if not folder.is_dir():
        return
    free = shutil.disk_usage(folder).free
    told = f"{free / 1e9:,.1f} GB are free in {folder}."
    if free < LEAST:
        yield Finding("disk", "wrong", f"Only {free / 1e6:,.0f} MB are free in {folder}. Make room, or prune sooner.")
    else:
        yield Finding("disk", "care" if free < LITTLE else "good", told + (" Make room soon." if free < LITTLE else ""))


def of_clock(settings: Settings) -> Iterator[Finding]:
    now = system_clock()
    parsed = named_database(settings.database)
    if parsed.get_backend_name() == "sqlite":
        ahead = last_written(Path(str(parsed.database))) - time.time()
        if ahead > FUTURE:
            text = f"The database was written {ahead:,.0f} s in the future: the clock was set back. Set it right."
            yield Finding("clock", "wrong", text)
            return
    else:
        there = look(settings.database, moment_of)
        apart = abs((there - now).total_seconds()) if there else 0.0
        if apart > MOST_OFF:
            text = f"It is {apart:,.0f} s apart from the database's: no slot is taken here. Have both set by NTP."
            yield Finding("clock", "wrong", text)
            return
        if apart > NOTED_OFF:
            yield Finding("clock", "care", f"It is {apart:.1f} s apart from the database's. Have both set by NTP.")
            return
    zone = f"{now:%Y-%m-%d %H:%M:%S} in UTC; new jobs are in {settings.timezone}"
    if SYNCHRONIZED.parent.is_dir() and not SYNCHRONIZED.exists():
        yield Finding("clock", "care", f"{zone}. It is not set by NTP: timedatectl set-ntp true")
    else:
        yield Finding("clock", "good", f"{zone}.")


def last_written(path: Path) -> float:
    files = (path, path.with_name(path.name + "-wal"))
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


def of_port(settings: Settings) -> Iterator[Finding]:
    name = f"{settings.host}, port {settings.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[
            0
        ]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except socket.gaierror:
        yield Finding("port", "wrong", f"There is no address {settings.host!r} on this machine. Correct HOST.")
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            yield Finding("port", "wrong", f"{name}, cannot be listened on: {error.strerror}. Choose another one.")
        elif alive(settings):
            yield Finding("port", "good", f"A Cron-App server answers on {name}.")
        else:
            text = f"{name}, is in use by another program. Stop that one, or choose another with --port."
            yield Finding("port", "wrong", text)
    else:
        yield Finding("port", "good", f"{name}, is free.")


def alive(settings: Settings) -> bool:
    """Whether a server of ours answers there."""
    try:
        reply = httpx.get(f"http://{shown(settings.host)}:{settings.port}/healthz", timeout=3)
        return reply.status_code == 200 and "status" in reply.json()
    except (httpx.HTTPError, ValueError):
        return False
