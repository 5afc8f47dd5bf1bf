"""GET /audit: who did what."""

from __future__ import annotations

from quart import Blueprint, Response, request
from quart.typing import ResponseReturnValue

from cronapp.core.audit import row_json
from cronapp.store.audit import AuditFilter
from cronapp.web.api.asked import limit, moment, number
from cronapp.web.api.told import items
from cronapp.web.audit_files import as_json_lines
from cronapp.web.site import parts

api = Blueprint("audit", __name__)
LINES = "application/x-ndjson"


@api.get("/audit")
async def index() -> ResponseReturnValue:
    """A page of it; whoever accepts only JSON lines is given all that fits."""
    texts = {name: request.args.get(name, "") for name in ("by", "action", "target", "address")}
    wanted = AuditFilter(**texts, since=moment("since"), until=moment("until"))
    if request.accept_mimetypes.best == LINES:
        lines = Response(as_json_lines(parts().audit, wanted), content_type=LINES)
        lines.timeout = None
        return lines
    rows, following = await parts().audit.page(wanted, before=number("cursor"), limit=limit())
    return items([row_json(row) for row in rows], following)
