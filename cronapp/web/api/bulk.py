"""/jobs/bulk: one change to many jobs."""

from __future__ import annotations

from typing import Any, cast

from cronapp import wire
from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json, RunTrigger
from cronapp.service.bulk import ACTIONS, Action, Left, Order
from cronapp.store.jobs import JobFilter
from cronapp.web.api.asked import body, flag_of, reason_of, until_of
from cronapp.web.asked import ONE_EACH, filter_of
from cronapp.web.auth import who
from cronapp.web.described.part import Part
from cronapp.web.site import parts

api = Part("bulk", __name__, "Jobs")
MOST = 10_000  # ids in one request


@api.post("/jobs/bulk", takes=wire.BulkAsked)
async def carry_out() -> wire.BulkDone:
    """Change many jobs at once.

    Each is changed as when it is changed alone: what is refused for one hinders no other. With `dry_run` it only tells
    what would become of each.
    """
    sent = await body()
    which, order, dry_run = which_of(sent), order_of(sent), flag_of(sent, "dry_run")
    if dry_run:
        report = await parts().bulk.plan(which, order)
    else:
        report = await parts().bulk.carry_out(which, order, by=who(), trigger=RunTrigger.API)
    return wire.BulkDone(
        action=report.order.action,
        dry_run=dry_run,
        matched=report.matched,
        done=list(report.done),
        unchanged=[left(one) for one in report.unchanged],
        refused=[left(one) for one in report.refused],
    )


def left(one: Left) -> wire.BulkLeft:
    return wire.BulkLeft(id=one.id, reason=one.reason)


def which_of(sent: Json) -> list[str] | JobFilter:
    ids, wanted = sent.get("ids"), sent.get("filter")
    if (ids is None) == (wanted is None):
        raise InvalidInput.of("ids", "Send either the ids of the jobs, or a filter.")
    if ids is not None:
        return ids_of(ids)
    if not isinstance(wanted, dict):
        raise InvalidInput.of("filter", 'The filter must be an object, as {"state": "paused"}; {} is all jobs.')
    if unknown := [name for name in wanted if name not in FIELDS]:
        raise InvalidInput({f"filter.{name}": f"Filter by {', '.join(FIELDS)}." for name in unknown})
    return filter_of(pairs_of(wanted))


FIELDS = tuple(wire.JobsWanted.model_fields)
"""What a filter can have; `tags` is a list."""


def pairs_of(wanted: Json) -> list[tuple[str, str]]:
    """The filter as the pairs of an address."""
    names = {name.removeprefix("in_"): name for name in ONE_EACH}
    pairs = [(names[name], text_of(value, name)) for name, value in wanted.items() if name in names]
    tags = wanted.get("tags", [])
    if not isinstance(tags, list):
        raise InvalidInput.of("filter.tags", "The tags must be a list.")
    pairs += [("tag", text_of(tag, "tags")) for tag in tags]
    return pairs + ([("untagged", "1")] if flag_of(wanted, "untagged") else [])


def text_of(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput.of(f"filter.{name}", "Write a text.")
    return value


def ids_of(ids: Any) -> list[str]:
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise InvalidInput.of("ids", "The ids must be a list of texts.")
    if not ids or len(ids) > MOST:
        raise InvalidInput.of("ids", f"Send from 1 to {MOST:,} ids.")
    return ids


def order_of(sent: Json) -> Order:
    action = sent.get("action")
    if action not in ACTIONS:
        raise InvalidInput.of("action", f"Write {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}.")
    tags = sent.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidInput.of("tags", "The tags must be a list of texts.")
    return Order(
        action=cast(Action, action),
        reason=reason_of(sent),
        until=until_of(sent, parts().clock()),
        catch_up=str(sent.get("catch_up", "none")),
        tags=tuple(tags),
    )
