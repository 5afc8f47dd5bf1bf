"""`cronapp user`: the accounts, on the server's own database, or by the API of a server."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, TypeVar

import typer

from cronapp.cli import beside
from cronapp.cli.beside import DATABASE, TOKEN, URL
from cronapp.cli.remote import connect
from cronapp.config import load_settings
from cronapp.core.access import Role
from cronapp.core.clock import system_clock
from cronapp.core.models import Json
from cronapp.service.people import People
from cronapp.store.store import Store
from cronapp.web.api.users import user_told

T = TypeVar("T")
NAME = Annotated[str, typer.Argument(help="The name that they sign in with.")]
STDIN = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]

users = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="The accounts: on the database, also while a server works on it; with --url by that server's API.",
)


def add_to(cli: typer.Typer) -> None:
    cli.add_typer(users, name="user")


@users.command()
def add(
    name: NAME,
    role: Annotated[Role, typer.Option(help="What they may do; each role may what those before it may.")],
    tags: Annotated[str, typer.Option(help="Only jobs with one of these tags, with commas between.")] = "",
    password_stdin: STDIN = False,
    database: DATABASE = None,
    url: URL = "",
    token: TOKEN = "",
) -> None:
    """Make an account. The password is asked for twice.

    \b
    cronapp user add ada --role admin
    cronapp user add grace --role operator --tags shops
    """
    password = new_password(password_stdin)
    limits = [tag.strip() for tag in tags.split(",") if tag.strip()] or None
    if url:
        with connect(url, token, fields=False) as server:
            made = server.add_user(name, password, role, limits)
        told, among = made.name, made.role
    else:
        person = on(database, lambda people: people.add(name, password, role, limits))
        told, among = person.name, person.sight.role
    print(f"{told} can sign in now, as {among}.")


@users.command(name="list")
def list_users(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    database: DATABASE = None,
    url: URL = "",
    token: TOKEN = "",
) -> None:
    """List the accounts.

    \b
    cronapp user list
    """
    if url:
        with connect(url, token, fields=False) as server:
            found = [one.told() for one in server.users()]
    else:
        found = on(database, everybody)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    elif found:
        width = max(len(one["name"]) for one in found)
        for one in found:
            print(f"{one['name']:{width}}  {'  '.join(about(one))}")
    else:
        print("There is no account yet.")


@users.command()
def passwd(
    name: NAME, password_stdin: STDIN = False, database: DATABASE = None, url: URL = "", token: TOKEN = ""
) -> None:
    """Set a new password, and sign them out everywhere. The password is asked for twice.

    \b
    cronapp user passwd ada
    pwgen 20 1 | tee new | cronapp user passwd ada --password-stdin
    """
    password = new_password(password_stdin)
    if url:
        with connect(url, token, fields=False) as server:
            server.set_password(name, password)
    else:
        on(database, lambda people: setting(people, name, password))
    print(f"The password of {name} is set, and they are signed out everywhere.")


@users.command()
def remove(name: NAME, database: DATABASE = None, url: URL = "", token: TOKEN = "") -> None:
    """Remove an account, and sign them out. What they did stays in the books.

    \b
    cronapp user remove grace
    """
    if url:
        with connect(url, token, fields=False) as server:
            server.remove_user(name)
    else:
        on(database, lambda people: removing(people, name))
    print(f"The account of {name} is removed.")


@users.command()
def disable(name: NAME, database: DATABASE = None, url: URL = "", token: TOKEN = "") -> None:
    """Sign them out, and let them in no more, until the account is enabled again.

    \b
    cronapp user disable grace
    """
    switch(name, True, database, url, token)
    print(f"{name} is signed out and cannot sign in.")


@users.command()
def enable(name: NAME, database: DATABASE = None, url: URL = "", token: TOKEN = "") -> None:
    """Let them sign in again.

    \b
    cronapp user enable grace
    """
    switch(name, False, database, url, token)
    print(f"{name} can sign in again.")


# -- what is asked ----------------------------------------------------------------------------------------------------


async def everybody(people: People) -> list[Json]:
    found: list[Json] = []
    after: str | None = None
    while True:
        page, after = await people.page(after=after, limit=500)
        browsers = await people.browsers(page)
        found += [user_told(person, browsers.get(person.id, 0)).told() for person in page]
        if after is None:
            return found


async def setting(people: People, name: str, password: str) -> None:
    await people.set_password((await people.find(name)).id, password)


async def removing(people: People, name: str) -> None:
    await people.remove((await people.find(name)).id)


async def switching(people: People, name: str, disabled: bool) -> None:
    person = await people.find(name)
    await (people.disable if disabled else people.enable)(person.id)


def switch(name: str, disabled: bool, database: str | None, url: str, token: str) -> None:
    if url:
        with connect(url, token, fields=False) as server:
            server.change_user(name, disabled=disabled)
    else:
        on(database, lambda people: switching(people, name, disabled))


def about(one: Json) -> list[str]:
    limits = "all jobs" if one["tags"] is None else ", ".join(one["tags"])
    return [
        f"{one['role']:8}",
        limits,
        *(["second factor"] if one["second_factor"] else []),
        *(["disabled"] if one["disabled"] else []),
    ]


def on(database: str | None, work: Callable[[People], Awaitable[T]]) -> T:
    """Does it with the accounts of the database."""
    idle = timedelta(seconds=load_settings({"database": database}).session_idle)

    async def done(store: Store) -> T:
        return await work(People(store, system_clock, idle))

    return beside.on(database, done)


def new_password(from_stdin: bool) -> str:
    """From standard input, or asked for at the terminal, twice and unseen."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        typer.echo("cronapp: There is no terminal to ask for the password. Use --password-stdin.", err=True)
        raise typer.Exit(2)
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt="The same once more"))
