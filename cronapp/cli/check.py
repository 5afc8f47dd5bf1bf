"""`cronapp check`: whether the stored jobs still fit the code."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from cronapp.cli.serve import TASKS
from cronapp.config import load_settings, named_value
from cronapp.core.clock import system_clock
from cronapp.core.vault import Vault
from cronapp.service.blackouts import Blackouts
from cronapp.service.calendars import Calendars
from cronapp.service.review import Finding, review
from cronapp.service.tasks import Tasks
from cronapp.store.jobs import all_jobs
from cronapp.store.keyfile import keys_for
from cronapp.store.looking import look


def add_to(cli: typer.Typer) -> None:
    @cli.command()
    def check(
        tasks: Annotated[list[str] | None, typer.Argument(help=TASKS)] = None,
        database: Annotated[str | None, typer.Option(help="Default: sqlite:///cronapp.db in this folder.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """Compare every stored job with its task, before a deployment. Exit status 1 if one no longer fits.

        \b
        cronapp check shop.tasks && deploy

        The database is only read, also while a server works on it. Where there is none yet, only the code is checked.
        """
        settings = load_settings({"tasks": tuple(tasks or ()), "database": database})
        vault = Vault(keys_for(settings.database, settings.secret_keys, make=False))
        code = Tasks(settings.tasks, vault=vault, ready=settings.ready_modules, variable=named_value)
        stored = look(settings.database, all_jobs) or []
        calendars = Blackouts(Calendars(Path.cwd()))
        found = review(stored, code, calendars, timezone=settings.timezone, now=system_clock())
        unfit = [finding for finding in found if finding.sentences]
        errors = code.registry.errors
        if as_json:
            print(json.dumps(told(found, unfit, code), indent=2, ensure_ascii=False))
        else:
            for finding in unfit:
                print("\n  ".join((finding.job, *finding.sentences)))
            print(summary(len(found) - len(unfit), len(unfit), len(code.registry.tasks)))
        for error in errors:
            print(f"{error.source}: {error.error}\n{error.traceback}", file=sys.stderr)
        raise typer.Exit(1 if unfit or errors else 0)


def summary(fit: int, unfit: int, tasks: int) -> str:
    if not fit and not unfit:
        return f"There is no job yet; {tasks} task{'s were' if tasks != 1 else ' was'} read."
    fits = f"{fit} job{'s fit' if fit != 1 else ' fits'}"
    return f"{fits}, {unfit} {'does' if unfit == 1 else 'do'} not." if unfit else f"{fits}."


def told(found: list[Finding], unfit: list[Finding], code: Tasks) -> dict[str, object]:
    return {
        "fit": len(found) - len(unfit),
        "unfit": [{"id": finding.job, "difference": finding.sentences} for finding in unfit],
        "errors": [{"source": error.source, "error": error.error} for error in code.registry.errors],
    }
