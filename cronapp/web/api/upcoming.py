"""/jobs/{id}/slots: those that lie ahead; one skipped, one added."""

from __future__ import annotations

from datetime import datetime

from quart import Blueprint, request
from quart.typing import ResponseReturnValue

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json, SlotChange
from cronapp.service.upcoming import SlotToCome
from cronapp.web.api.asked import body, limit, parse_moment
from cronapp.web.api.told import at, items
from cronapp.web.auth import who
from cronapp.web.site import parts

api = Blueprint("upcoming", __name__)


@api.get("/jobs/<job_id>/slots/upcoming")
async def index(job_id: str) -> Json:
    """The next slots, skipped and blacked out ones among them."""
    job = await parts().jobs.get(job_id)
    slots, _more = await parts().upcoming.slots(job, limit())
    return items([slot_json(slot) for slot in slots])


@api.post("/jobs/<job_id>/slots/skip")
async def skip(job_id: str) -> Json:
    slot = await slot_asked()
    await parts().upcoming.skip(job_id, slot, by=who())
    return await told(job_id, slot)


@api.delete("/jobs/<job_id>/slots/skip")
async def undo_skip(job_id: str) -> Json:
    slot = await slot_asked()
    await parts().upcoming.undo_skip(job_id, slot, by=who())
    return await told(job_id, slot)


@api.post("/jobs/<job_id>/slots/add")
async def add(job_id: str) -> ResponseReturnValue:
    slot = await slot_asked()
    await parts().upcoming.add(job_id, slot, by=who())
    return await told(job_id, slot), 201


@api.delete("/jobs/<job_id>/slots/add")
async def remove_added(job_id: str) -> ResponseReturnValue:
    await parts().upcoming.remove_added(job_id, await slot_asked(), by=who())
    return "", 204


async def slot_asked() -> datetime:
    """The moment in the body, or in the query where a client sends none with a DELETE."""
    given = request.args.get("slot") or (await body(needed=False)).get("slot")
    if not isinstance(given, str):
        raise InvalidInput.of("slot", "Write a moment, as 2026-02-02T02:00:00Z.")
    return parse_moment(given, "slot")


async def told(job_id: str, slot: datetime) -> Json:
    return slot_json(parts().upcoming.told(await parts().jobs.get(job_id), slot))


def slot_json(slot: SlotToCome) -> Json:
    return {
        "slot": at(slot.at),
        "runs": slot.runs,
        "starts_at": at(slot.starts_at or slot.at),
        "skipped": change_json(slot.skipped),
        "added": change_json(slot.added),
        "blacked_out": slot.refused,
    }


def change_json(change: SlotChange | None) -> Json | None:
    return {"by": change.by, "at": at(change.at)} if change else None
