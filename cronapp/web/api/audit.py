"""GET /audit: who changed what."""

from __future__ import annotations

from quart import Blueprint, request

from cronapp.core.history import JobChange
from cronapp.core.models import Json
from cronapp.store.audit import AuditFilter
from cronapp.web.api.asked import limit, moment, number
from cronapp.web.api.told import at, items
from cronapp.web.site import parts

api = Blueprint("audit", __name__)


@api.get("/audit")
async def index() -> Json:
    wanted = AuditFilter(
        job=request.args.get("job", ""),
        by=request.args.get("by", ""),
        since=moment("since"),
        until=moment("until"),
    )
    changes, following = await parts().audit.page(wanted, before=number("cursor"), limit=limit())
    return items([brief_json(change) for change in changes], following)


def brief_json(change: JobChange) -> Json:
    return {
        "id": change.id,
        "job": change.job,
        "version": change.version,
        "kind": change.kind,
        "words": change.words,
        "at": at(change.at),
        "by": change.by,
        "reason": change.reason,
    }
