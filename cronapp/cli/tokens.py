"""`cronapp token`: API tokens, on the server's own database, or by the API of a server."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cronapp.cli.beside import DATABASE, TOKEN, URL, on
from cronapp.cli.remote import connect
from cronapp.core.access import Role
from cronapp.core.clock import system_clock
from cronapp.core.models import Json
from cronapp.core.tokens import LIFE, NEVER
from cronapp.service.tokens import Tokens
from cronapp.store.store import Store
from cronapp.web.api.tokens import made_told, token_told

tokens = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="API tokens: on the database, also while a server works on it; with --url by that server's API.",
)
JSON = Annotated[bool, typer.Option("--json", help="For programs.")]


def add_to(cli: typer.Typer) -> None:
    cli.add_typer(tokens, name="token")


@tokens.command()
def create(
    role: Annotated[Role, typer.Option(help="What it may do; each role may what those before it may.")],
    name: Annotated[str, typer.Option(help="What people call it. Default: its role.")] = "",
    tags: Annotated[str, typer.Option(help="Only jobs with one of these tags, with commas between.")] = "",
    expires: Annotated[str, typer.Option(help=f"After how long, or at which moment; or {NEVER}.")] = LIFE,
    as_json: JSON = False,
    database: DATABASE = None,
    url: URL = "",
    token: TOKEN = "",
) -> None:
    """Make a token and print it, this once, alone on the last line.

    \b
    cronapp token create --role operator --name pipeline --tags finance --expires 30d
    export CRONAPP_TOKEN=$(cronapp token create --role viewer | tail -n 1)
    """
    limits = [tag.strip() for tag in tags.split(",") if tag.strip()] or None
    if url:
        with connect(url, token, fields=False) as server:
            made = server.create_token(role, name=name, tags=limits, expires=expires).told()
    else:
        made = on(database, lambda store: created(store, role, name, limits, expires))
    if as_json:
        print(json.dumps(made, indent=2, ensure_ascii=False))
        return
    until = minute(made["expires_at"]) or "it is revoked"
    print(f"The token {made['name']}, number {made['id']}, is good until {until}. It is not shown again:")
    print(made["token"])


@tokens.command(name="list")
def list_tokens(as_json: JSON = False, database: DATABASE = None, url: URL = "", token: TOKEN = "") -> None:
    """List the tokens, the newest first. A token itself is not shown.

    \b
    cronapp token list
    """
    if url:
        with connect(url, token, fields=False) as server:
            found = [one.told() for one in server.tokens()]
    else:
        found = on(database, everything)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    elif found:
        for one in found:
            print(f"{one['id']:>4}  {'  '.join(about(one))}")
    else:
        print("There is no token yet.")


@tokens.command()
def revoke(
    number: Annotated[int, typer.Argument(metavar="ID", help="Its number, as the list tells it.")],
    database: DATABASE = None,
    url: URL = "",
    token: TOKEN = "",
) -> None:
    """Make a token good for nothing, at once.

    \b
    cronapp token revoke 3
    """
    if url:
        with connect(url, token, fields=False) as server:
            server.revoke_token(number)
    else:
        on(database, lambda store: Tokens(store, system_clock).revoke(number))
    print(f"The token {number} is revoked.")


async def created(store: Store, role: Role, name: str, tags: list[str] | None, expires: str) -> Json:
    made = await Tokens(store, system_clock).create(role, name=name, tags=tags, expires=expires)
    return made_told(made, system_clock()).told()


async def everything(store: Store) -> list[Json]:
    service, found = Tokens(store, system_clock), list[Json]()
    before: int | None = None
    while True:
        page, before = await service.page(before=before, limit=500)
        found += [token_told(token, system_clock()).told() for token in page]
        if before is None:
            return found


def about(one: Json) -> list[str]:
    until = f"until {minute(one['expires_at']) or 'revoked'}" if one["state"] == "good" else one["state"]
    return [
        f"{one['start']}…",
        f"{one['role']:8}",
        "all jobs" if one["tags"] is None else ", ".join(one["tags"]),
        until,
        f"used {minute(one['used_at'])}" if one["used_at"] else "not used",
        one["name"],
    ]


def minute(moment: str | None) -> str:
    """A moment as it is told here; nothing for none."""
    return f"{moment[:16]}Z" if moment else ""
