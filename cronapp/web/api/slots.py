"""/jobs/{id}/slots: the ledger."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Literal

from quart import request

from cronapp import wire
from cronapp.core.errors import InvalidInput
from cronapp.core.ledger import CHOICES, SlotEntry, Verdict
from cronapp.service.ledger import ANY
from cronapp.web.api.asked import LIMIT, OR_NONE, SINCE, UNTIL, limit, moment
from cronapp.web.api.told import kept_told
from cronapp.web.described.part import Param, Part
from cronapp.web.site import parts

api = Part("slots", __name__, "Slots")
VERDICT = Param("verdict", "What became of them, or `not_kept`, or `excused`.", Literal["", *CHOICES])
BEFORE = Param("cursor", "`next` of the page before this one.", OR_NONE)


@api.get("/jobs/<job_id>/slots", params=(SINCE, UNTIL, VERDICT, BEFORE, LIMIT))
async def index(job_id: str) -> wire.SlotItems:
    """What became of each slot, the newest first, from a week ago if nothing is said.

    And how the promises of the last seven days were kept.
    """
    house = parts()
    entries, following = await house.ledger.page(
        job_id,
        since=moment("since"),
        until=moment("until"),
        before=moment("cursor"),
        verdicts=verdicts(),
        limit=limit(),
    )
    kept = await house.ledger.kept(await house.jobs.get(job_id))
    listed = [slot_told(entry) for entry in entries]
    return wire.SlotItems(items=listed, next=moment_told(following) if following else None, kept=kept_told(kept))


def verdicts() -> Collection[Verdict]:
    """What `verdict` narrows the list to, if it is there."""
    word = request.args.get("verdict")
    if not word:
        return ANY
    if word not in CHOICES:
        raise InvalidInput.of("verdict", f"Write one of {', '.join(CHOICES)}.")
    return CHOICES[word]


def slot_told(entry: SlotEntry) -> wire.Slot:
    return wire.Slot(
        slot=entry.slot,
        verdict=entry.verdict,
        words=entry.words,
        run=entry.run,
        state=entry.state,
        late=entry.late,
        cause=entry.cause,
        slots=entry.slots,
        since=entry.since,
    )


def moment_told(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
