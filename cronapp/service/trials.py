"""Trials: a task run once with what was typed in a form, before there is a job, and without touching one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cronapp.core.changes import arg_words
from cronapp.core.clock import Clock
from cronapp.core.errors import InvalidInput
from cronapp.core.events import RunChanged
from cronapp.core.ids import id_problem, suggested_id
from cronapp.core.models import Run, RunTrigger
from cronapp.core.registry import Task
from cronapp.core.spec import parse_fields
from cronapp.service.run_questions import found_run
from cronapp.service.secrets import refuse_unknown_secrets
from cronapp.service.tasks import Tasks
from cronapp.store import audit, runs
from cronapp.store.store import Store, Tx

RULES = ("timeout", "queue", "labels")  # what of a job's rules a trial follows


class Trials:
    def __init__(self, store: Store, tasks: Tasks, clock: Clock) -> None:
        self.store = store
        self.tasks = tasks
        self.clock = clock

    async def begin(self, data: Mapping[str, Any], *, trigger: RunTrigger = RunTrigger.MANUAL) -> Run:
        """Opens a run of the task of this job as JSON, with its arguments, timeout, queue and labels. The rest of it
        may be missing or wrong.

        The run belongs to no job: it counts in no strip, streak, slot or rate, wakes nobody and is not tried again.
        Raises `InvalidInput` with every wrong field.
        """
        name, args = str(data.get("task") or ""), data.get("args")
        task, errors = self.tasks.find(name), {}
        if task is None:
            errors["task"] = "Choose a task first." if not name else f"There is no task named {name!r}. Choose another."
        elif not isinstance(args, dict | None):
            errors["args"] = "An object is expected: the arguments by their names."
        else:
            errors |= wrong_args(task, self.tasks.opened(args or {}))
        try:
            rules = parse_fields({rule: data[rule] for rule in RULES if data.get(rule) is not None})
        except InvalidInput as error:
            raise InvalidInput(errors | error.errors) from None
        if task is None or errors:
            raise InvalidInput(errors)
        wanted = str(data.get("id") or "")
        job = suggested_id(name) if id_problem(wanted) else wanted
        kept = self.tasks.sealed(name, args or {})

        def change(tx: Tx) -> Run:
            refuse_unknown_secrets(tx, kept)
            now = self.clock()
            run_id = runs.open_trial(
                tx,
                job=job,
                task=name,
                args=kept,
                queue=rules.queue,
                labels=rules.labels,
                timeout=rules.timeout,
                trigger=trigger,
                now=now,
            )
            shown = self.tasks.masked_for_good(name, dict(args or {}))
            told = {f"args.{one}": arg_words(value) for one, value in shown.items()}
            audit.note(tx, now, "trial.begun", job, after={"run": run_id, "task": name, **told})
            tx.emit(RunChanged(run_id, job))
            return found_run(tx.conn, run_id)

        return await self.store.write(change)


def wrong_args(task: Task, args: Mapping[str, Any]) -> dict[str, str]:
    try:
        task.signature.check(args)
    except InvalidInput as error:
        return error.errors
    return {}
