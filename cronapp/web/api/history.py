"""/jobs/{id}: the history of its changes, and an older version taken back."""

from __future__ import annotations

from quart import Blueprint
from quart.typing import ResponseReturnValue

from cronapp.core.changes import FieldChange, Mask
from cronapp.core.errors import InvalidInput
from cronapp.core.history import JobChange
from cronapp.core.models import Json
from cronapp.web.api.asked import body, expected_version, limit, number
from cronapp.web.api.jobs import told
from cronapp.web.api.told import at, items
from cronapp.web.auth import who
from cronapp.web.site import parts

api = Blueprint("history", __name__)


@api.get("/jobs/<job_id>/changes")
async def index(job_id: str) -> Json:
    """Who changed the job, when and how, the newest first; of a removed job too, as long as it is kept."""
    history = parts().history
    changes, following = await history.page(job_id, before=number("cursor"), limit=limit())
    mask = await history.mask_of(job_id)
    return items([change_json(change, mask) for change in changes], following)


@api.post("/jobs/<job_id>/restore")
async def restore(job_id: str) -> ResponseReturnValue:
    """Takes an older version of the job back."""
    version = (await body()).get("version")
    if type(version) is not int:
        raise InvalidInput.of("version", "Write the number of a version, as the changes tell it.")
    await parts().history.restore(job_id, version, by=who(), expected=expected_version())
    return await told(job_id)


def change_json(change: JobChange, mask: Mask) -> Json:
    return {
        "id": change.id,
        "job": change.job,
        "version": change.version,
        "kind": change.kind,
        "words": change.words,
        "at": at(change.at),
        "by": change.by,
        "reason": change.reason,
        "fields": [field_json(one) for one in change.fields(mask)],
    }


def field_json(one: FieldChange) -> Json:
    return {"field": one.field, "label": one.label, "old": one.old, "new": one.new}
