"""POST /schedule/preview: what a schedule is going to do."""

from __future__ import annotations

from typing import Any

from cronapp import wire
from cronapp.core.errors import InvalidInput, JobNotFound
from cronapp.core.models import Job
from cronapp.core.simulation import Changes
from cronapp.core.spec import spec_to_json
from cronapp.web.api.asked import MOST, body, parse_moment, text_of
from cronapp.web.described.part import Part
from cronapp.web.simulations import RULES, simulated
from cronapp.web.site import parts

api = Part("schedule", __name__, "Schedules")
OF_JOB = ("schedule", "starts_at", "ends_at", *RULES)


@api.post("/schedule/preview", takes=wire.PreviewAsked)
async def told() -> wire.Preview:
    """What a schedule is going to do, by the code that fires it; nothing is changed.

    The schedule in words, and its next slots strictly after `from`, fewer than `count` when it ends.

    With `job` it is an edit of that job: what is left out is as the job has it, and `changes` is old against new.
    """
    data = await body()
    count = data.pop("count", 10)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST:
        raise InvalidInput.of("count", f"Write a whole number from 1 to {MOST}.")
    start = parse_moment(data.pop("from"), "from") if data.get("from") is not None else parts().clock()
    text_of(data, "id")
    job = await edited(data.pop("job", None))
    if job:
        data = {name: value for name, value in spec_to_json(job.spec).items() if name in OF_JOB} | data
    found = await simulated(data, now=start, count=count, job=job, past=True)
    told = found.told
    return wire.Preview(
        words=told.words,
        slots=[slot.at for slot in told.slots if not slot.refused],
        blacked_out=[wire.BlackedOut(slot=slot.at, reason=slot.refused) for slot in told.slots if slot.refused],
        per_day=told.per_day,
        zone=found.zone.key if found.zone else None,
        notes=list(told.notes),
        warnings=list(told.warnings),
        changes=changes(told.changes) if told.changes else None,
    )


async def edited(job_id: Any) -> Job | None:
    """The job that is edited, if one is named."""
    if job_id is None:
        return None
    if not isinstance(job_id, str):
        raise InvalidInput.of("job", "Write the id of a job, as a text.")
    try:
        return await parts().jobs.get(job_id)
    except JobNotFound:
        raise InvalidInput.of("job", f"There is no job {job_id[:100]}. Leave it out to ask for a new one.") from None


def changes(found: Changes) -> wire.TimingChanges:
    slots = [wire.MarkedSlot(slot=slot.at, mark=slot.mark) for slot in found.slots]
    return wire.TimingChanges(sentence=found.sentence, new=found.new, gone=found.gone, slots=slots)
