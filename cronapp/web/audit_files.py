"""The audit as files, made piece by piece: CSV for people, one JSON object a line for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence

from cronapp.core.audit import AuditRow, row_json
from cronapp.core.models import Json
from cronapp.core.plain import cell, json_line
from cronapp.service.audit import Audit
from cronapp.store.audit import AuditFilter

HEADS = ("id", "at", "by", "address", "action", "target", "before", "after", "reason")


async def as_csv(audit: Audit, wanted: AuditFilter) -> AsyncIterator[bytes]:
    yield written([HEADS])
    async for rows in audit.pieces(wanted):
        yield written([cells_of(row) for row in rows])


async def as_json_lines(audit: Audit, wanted: AuditFilter) -> AsyncIterator[bytes]:
    async for rows in audit.pieces(wanted):
        yield "".join(f"{json_line(row_json(row))}\n" for row in rows).encode()


def cells_of(row: AuditRow) -> list[str]:
    told = row_json(row)
    return [cell(text_of(told[head])) for head in HEADS]


def text_of(value: str | int | Json | None) -> str:
    if value is None:
        return ""
    return json_line(value) if isinstance(value, dict) else str(value)


def written(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
