"""`cronapp secret`: stored secrets of a running server."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cronapp.cli.remote import TOKEN, URL, connect
from cronapp.cli.shown import as_json as print_json
from cronapp.cli.shown import table, told

NAME = Annotated[str, typer.Argument(help="As a variable of the environment is called: SHOP_PASSWORD.")]


def add_to(cli: typer.Typer) -> None:
    secret = typer.Typer(help="Stored secrets, of which no value is ever shown.", no_args_is_help=True)
    cli.add_typer(secret, name="secret")

    @secret.command("set")
    def put(
        name: NAME,
        stdin: Annotated[bool, typer.Option("--stdin", help="Read the value from standard input.")] = False,
        url: URL = "http://127.0.0.1:5000",
        token: TOKEN = "",
    ) -> None:
        """Store a secret, or replace its value. Without --stdin you are asked for it; it is never an argument, since
        other users of the machine see those.

        \b
        cronapp secret set SHOP_PASSWORD
        pass show shop | cronapp secret set SHOP_PASSWORD --stdin
        """
        value = sys.stdin.read().removesuffix("\n") if stdin else typer.prompt(f"Value of {name}", hide_input=True)
        with connect(url, token, fields=False) as server:
            server.put_secret(name, value)
        typer.echo(f"{name} is stored.")

    @secret.command("list")
    def show(
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
        url: URL = "http://127.0.0.1:5000",
        token: TOKEN = "",
    ) -> None:
        """The names of the stored secrets, and how many jobs name each in their arguments.

        \b
        cronapp secret list
        """
        with connect(url, token, fields=False) as server:
            found = list(server.secrets())
        if as_json:
            print_json({"items": [one.told() for one in found], "next": None})
            return
        rows = [(one.name, str(one.jobs), told(one.at), one.by) for one in found]
        table(("name", "jobs", "stored", "by"), rows, none="There is no stored secret yet.")

    @secret.command("remove")
    def remove(name: NAME, url: URL = "http://127.0.0.1:5000", token: TOKEN = "") -> None:
        """Remove a stored secret. Runs that need it fail from then on.

        \b
        cronapp secret remove SHOP_PASSWORD
        """
        with connect(url, token, fields=False) as server:
            server.remove_secret(name)
        typer.echo(f"{name} is removed.")
