"""/runs/bulk: many runs retried or cancelled."""

from __future__ import annotations

from typing import Any

from cronapp import wire
from cronapp.core.errors import Conflict, InvalidInput
from cronapp.core.models import Json, RunTrigger
from cronapp.service.bulk_runs import ACTIONS, MOST, Action, Left
from cronapp.store.runs import RunFilter
from cronapp.web.api.asked import body, flag_of, parse_moment
from cronapp.web.api.runs import TEXTS, states_of
from cronapp.web.described.part import Part
from cronapp.web.site import parts

api = Part("bulk_runs", __name__, "Runs")
ENDS = ("since", "until")


@api.post("/runs/bulk", takes=wire.BulkRunsAsked, refuses=(Conflict,))
async def carry_out() -> wire.BulkRunsDone:
    """Try many runs again, or cancel them.

    With `dry_run` it only tells what would become of each.
    """
    sent = await body()
    action, ids, dry_run = action_of(sent), await ids_of(sent), flag_of(sent, "dry_run")
    if dry_run:
        report = await parts().bulk_runs.plan(ids, action)
    else:
        report = await parts().bulk_runs.carry_out(ids, action, trigger=RunTrigger.API)
    return wire.BulkRunsDone(
        action=action,
        dry_run=dry_run,
        matched=report.matched,
        done=[wire.BulkRunDone(id=one.id, job=one.job, opened=one.opened) for one in report.done],
        unchanged=[left(one) for one in report.unchanged],
        refused=[left(one) for one in report.refused],
    )


def left(one: Left) -> wire.BulkRunLeft:
    return wire.BulkRunLeft(id=one.id, job=one.job, reason=one.reason)


def action_of(sent: Json) -> Action:
    for action in ACTIONS:
        if action == sent.get("action"):
            return action
    raise InvalidInput.of("action", f"Write {' or '.join(ACTIONS)}.")


async def ids_of(sent: Json) -> list[int]:
    ids, wanted = sent.get("ids"), sent.get("filter")
    if (ids is None) == (wanted is None):
        raise InvalidInput.of("ids", "Send either the numbers of the runs, or a filter.")
    if wanted is not None:
        return await parts().bulk_runs.matching(filter_of(wanted))
    if not isinstance(ids, list) or not all(type(one) is int and 0 < one < 2**63 for one in ids):
        raise InvalidInput.of("ids", "The ids must be a list of numbers of runs.")
    if not ids or len(ids) > MOST:
        raise InvalidInput.of("ids", f"Send from 1 to {MOST:,} ids.")
    return ids


def filter_of(wanted: Any) -> RunFilter:
    if not isinstance(wanted, dict):
        raise InvalidInput.of("filter", 'The filter must be an object, as {"state": "failed"}; {} is all runs.')
    if unknown := [name for name in wanted if name not in wire.RunsWanted.model_fields]:
        raise InvalidInput.of(f"filter.{unknown[0]}", f"Filter by {', '.join(TEXTS)}, state, args, since or until.")
    lists = {name: texts_of(wanted[name], name) for name in ("state", "args") if name in wanted}
    texts = {name: texts_of(wanted[name], name)[0] for name in TEXTS if wanted.get(name) is not None}
    since, until = (
        parse_moment(wanted[name], f"filter.{name}") if wanted.get(name) is not None else None for name in ENDS
    )
    rest: dict[str, Any] = {**texts, "since": since, "until": until}
    return RunFilter(**rest, state=states_of(lists.get("state", [])), args=tuple(lists.get("args", ())))


def texts_of(value: Any, name: str) -> list[str]:
    """One text, or a list of them."""
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
        raise InvalidInput.of(f"filter.{name}", "Write a text.")
    return texts
