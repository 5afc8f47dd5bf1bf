"""`cronapp tasks`: what the tasks files hold."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from cronapp.cli.serve import TASKS
from cronapp.config import load_settings
from cronapp.core.registry import load
from cronapp.web.api.told import task_told


def add_to(cli: typer.Typer) -> None:
    @cli.command()
    def tasks(
        tasks: Annotated[list[str] | None, typer.Argument(help=TASKS)] = None,
        as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    ) -> None:
        """List the tasks. Exit status 1 if a file cannot be loaded.

        \b
        cronapp tasks
        cronapp tasks shop.tasks --json | jq -r '.[].name'
        """
        settings = load_settings({"tasks": tuple(tasks or ())})
        registry = load([*settings.tasks, *settings.ready_modules])
        if as_json:
            print(
                json.dumps([task_told(task).told() for task in registry.tasks.values()], indent=2, ensure_ascii=False)
            )
        else:
            width = max(map(len, registry.tasks), default=0)
            for task in registry.tasks.values():
                print(f"{task.name:{width}}  {task.summary}".rstrip())
        for error in registry.errors:
            print(f"{error.source}: {error.error}\n{error.traceback}", file=sys.stderr)
        raise typer.Exit(1 if registry.errors else 0)
