"""/jobs/{id}: the history of its changes, and an older version taken back."""

from __future__ import annotations

from cronapp import wire
from cronapp.core.changes import FieldChange, Mask
from cronapp.core.errors import Conflict, InvalidInput
from cronapp.core.history import JobChange
from cronapp.web.api.asked import CURSOR, IF_MATCH, LIMIT, body, expected_version, limit, number
from cronapp.web.api.jobs import told
from cronapp.web.api.told import items
from cronapp.web.auth import who
from cronapp.web.described.part import Part
from cronapp.web.site import parts

api = Part("history", __name__, "Jobs")


@api.get("/jobs/<job_id>/changes", params=(CURSOR, LIMIT))
async def index(job_id: str) -> wire.Items[wire.Change]:
    """Who changed the job, when and how, the newest first.

    Of a removed job too, as long as it is kept.
    """
    history = parts().history
    changes, following = await history.page(job_id, before=number("cursor"), limit=limit())
    mask = await history.mask_of(job_id)
    return items(wire.Change, [change_told(change, mask) for change in changes], following)


@api.post("/jobs/<job_id>/restore", takes=wire.RestoreAsked, params=(IF_MATCH,), refuses=(Conflict,))
async def restore(job_id: str) -> wire.Job:
    """Take an older version of the job back, with the checks of an edit."""
    version = (await body()).get("version")
    if type(version) is not int:
        raise InvalidInput.of("version", "Write the number of a version, as the changes tell it.")
    await parts().history.restore(job_id, version, by=who(), expected=expected_version())
    return await told(job_id)


def change_told(change: JobChange, mask: Mask) -> wire.Change:
    return wire.Change(
        id=change.id,
        job=change.job,
        version=change.version,
        kind=change.kind,
        words=change.words,
        at=change.at,
        by=change.by,
        reason=change.reason,
        fields=[field_told(one) for one in change.fields(mask)],
    )


def field_told(one: FieldChange) -> wire.FieldChange:
    return wire.FieldChange(field=one.field, label=one.label, old=one.old, new=one.new)
