"""/jobs/{id}/slots: the ledger."""

from __future__ import annotations

from collections.abc import Collection

from quart import Blueprint, request

from cronapp.core.errors import InvalidInput
from cronapp.core.ledger import CHOICES, SlotEntry, Verdict
from cronapp.core.models import Json
from cronapp.service.ledger import ANY
from cronapp.service.promises import Kept
from cronapp.web.api.asked import limit, moment
from cronapp.web.api.told import at, items
from cronapp.web.site import parts

api = Blueprint("slots", __name__)


@api.get("/jobs/<job_id>/slots")
async def index(job_id: str) -> Json:
    """What became of each slot, the newest first, and how this week's promises were kept."""
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
    return {**items([entry_json(entry) for entry in entries], at(following)), "kept": kept_json(kept)}


def verdicts() -> Collection[Verdict]:
    """What `verdict` narrows the list to, if it is there."""
    word = request.args.get("verdict")
    if not word:
        return ANY
    if word not in CHOICES:
        raise InvalidInput.of("verdict", f"Write one of {', '.join(CHOICES)}.")
    return CHOICES[word]


def entry_json(entry: SlotEntry) -> Json:
    return {
        "slot": at(entry.slot),
        "verdict": entry.verdict,
        "words": entry.words,
        "run": entry.run,
        "state": entry.state,
        "late": entry.late,
        "cause": entry.cause,
        "slots": entry.slots,
        "since": at(entry.since),
    }


def kept_json(kept: Kept) -> Json:
    return {
        "share": kept.share,
        "promised": kept.promised,
        "worst_late": kept.worst_late,
        "counts": {verdict: count for verdict, count in kept.counts.items() if count},
    }
