"""GET /audit: who did what."""

from __future__ import annotations

from quart import request

from cronapp import wire
from cronapp.core.audit import AuditRow
from cronapp.store.audit import AuditFilter
from cronapp.web.api.asked import CURSOR, LIMIT, SINCE, UNTIL, limit, moment, number
from cronapp.web.api.told import items
from cronapp.web.audit_files import as_json_lines
from cronapp.web.described.part import Param, Part
from cronapp.web.described.replies import LINES, Lines
from cronapp.web.site import parts

api = Part("audit", __name__, "Audit")
FILTERS = (
    Param("by", "Who."),
    Param("action", "An action, as `job.paused`, a thing, as `note`, or a group, as `sign-ins`."),
    Param("target", "A job, `#12` for a run, or the name of another thing."),
    Param("address", "How an address begins."),
)


@api.get("/audit", params=(*FILTERS, SINCE, UNTIL, CURSOR, LIMIT))
async def index() -> wire.Items[wire.AuditRow] | Lines[wire.AuditRow]:
    """Who did what, the newest first.

    Whoever accepts only JSON lines is given all that fits.
    """
    texts = {one.name: request.args.get(one.name, "") for one in FILTERS}
    wanted = AuditFilter(**texts, since=moment("since"), until=moment("until"))
    if request.accept_mimetypes.best == LINES:
        return Lines(as_json_lines(parts().audit, wanted))
    rows, following = await parts().audit.page(wanted, before=number("cursor"), limit=limit())
    return items(wire.AuditRow, map(row_told, rows), following)


def row_told(row: AuditRow) -> wire.AuditRow:
    return wire.AuditRow(
        id=row.id,
        at=row.at,
        by=row.by,
        address=row.address,
        action=row.action,
        words=row.words,
        target=row.target,
        before=row.before,
        after=row.after,
        reason=row.reason,
    )
