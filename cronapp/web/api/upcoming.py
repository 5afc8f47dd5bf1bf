"""/jobs/{id}/slots: those that lie ahead; one skipped, one added."""

from __future__ import annotations

from datetime import datetime

from quart import request

from cronapp import wire
from cronapp.core.errors import Conflict, InvalidInput
from cronapp.core.models import SlotChange
from cronapp.service.upcoming import SlotToCome
from cronapp.web.api.asked import LIMIT, OR_NONE, body, limit, parse_moment
from cronapp.web.api.told import items
from cronapp.web.auth import who
from cronapp.web.described.part import Param, Part
from cronapp.web.described.replies import Done, Stored
from cronapp.web.site import parts

api = Part("upcoming", __name__, "Slots")
SLOT = Param("slot", "As `slot` in the body, for clients that send none.", OR_NONE)


@api.get("/jobs/<job_id>/slots/upcoming", params=(LIMIT,))
async def index(job_id: str) -> wire.Items[wire.SlotAhead]:
    """The slots ahead, skipped and blacked out ones among them."""
    job = await parts().jobs.get(job_id)
    slots, _more = await parts().upcoming.slots(job, limit())
    return items(wire.SlotAhead, map(slot_told, slots))


@api.post("/jobs/<job_id>/slots/skip", takes=wire.SlotAsked, needed=False, params=(SLOT,))
async def skip(job_id: str) -> wire.SlotAhead:
    """Skip one slot."""
    slot = await slot_asked()
    await parts().upcoming.skip(job_id, slot, by=who())
    return await told(job_id, slot)


@api.delete("/jobs/<job_id>/slots/skip", takes=wire.SlotAsked, needed=False, params=(SLOT,), refuses=(Conflict,))
async def undo_skip(job_id: str) -> wire.SlotAhead:
    """Let a skipped slot run after all."""
    slot = await slot_asked()
    await parts().upcoming.undo_skip(job_id, slot, by=who())
    return await told(job_id, slot)


@api.post("/jobs/<job_id>/slots/add", takes=wire.SlotAsked, needed=False, params=(SLOT,), refuses=(Conflict,))
async def add(job_id: str) -> Stored[wire.SlotAhead]:
    """Add one slot."""
    slot = await slot_asked()
    await parts().upcoming.add(job_id, slot, by=who())
    return Stored(await told(job_id, slot))


@api.delete("/jobs/<job_id>/slots/add", takes=wire.SlotAsked, needed=False, params=(SLOT,), refuses=(Conflict,))
async def remove_added(job_id: str) -> Done:
    """Take an added slot back, as long as it lies ahead."""
    await parts().upcoming.remove_added(job_id, await slot_asked(), by=who())
    return Done()


async def slot_asked() -> datetime:
    """The moment in the body, or in the query where a client sends none with a DELETE."""
    given = request.args.get("slot") or (await body(needed=False)).get("slot")
    if not isinstance(given, str):
        raise InvalidInput.of("slot", "Write a moment, as 2026-02-02T02:00:00Z.")
    return parse_moment(given, "slot")


async def told(job_id: str, slot: datetime) -> wire.SlotAhead:
    return slot_told(parts().upcoming.told(await parts().jobs.get(job_id), slot))


def slot_told(slot: SlotToCome) -> wire.SlotAhead:
    return wire.SlotAhead(
        slot=slot.at,
        runs=slot.runs,
        starts_at=slot.starts_at or slot.at,
        skipped=change_told(slot.skipped),
        added=change_told(slot.added),
        blacked_out=slot.refused,
    )


def change_told(change: SlotChange | None) -> wire.SlotChange | None:
    return wire.SlotChange(by=change.by, at=change.at) if change else None
