"""POST /schedule/preview: what a schedule is going to do."""

from __future__ import annotations

from quart import Blueprint

from cronapp.core.errors import InvalidInput
from cronapp.core.models import Json
from cronapp.core.spec import parse_timing
from cronapp.core.triggers import preview, trigger_of
from cronapp.web.api.asked import MOST, body, parse_moment
from cronapp.web.api.told import at
from cronapp.web.site import parts

api = Blueprint("schedule", __name__)


@api.post("/schedule/preview")
async def told() -> Json:
    """The schedule in words, and its next slots strictly after `from`, fewer than `count` when it ends."""
    data = await body()
    count = data.pop("count", 10)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST:
        raise InvalidInput.of("count", f"Write a whole number from 1 to {MOST}.")
    start = parse_moment(data.pop("from"), "from") if data.get("from") is not None else parts().clock()
    timing = parse_timing(data, now=start, timezone=parts().timezone, past=True)
    seed = str(data.get("id") or "")
    trigger = trigger_of(timing.schedule, seed=seed, starts_at=timing.starts_at, ends_at=timing.ends_at)
    told = preview(trigger, start, count)
    return {
        "words": told.words,
        "slots": [at(slot) for slot in told.slots],
        "notes": list(told.notes),
        "warnings": list(told.warnings),
    }
