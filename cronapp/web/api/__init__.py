"""The REST API, /api/v1: the same services as the pages."""

from __future__ import annotations

from quart import Blueprint

from cronapp.web.api import (
    alerts,
    audit,
    backfills,
    bulk,
    bulk_runs,
    events,
    failures,
    figures,
    history,
    jobs,
    limits,
    load,
    logs,
    notes,
    repairs,
    restart,
    runs,
    schedule,
    scheduler,
    secrets,
    slots,
    stats,
    tasks,
    tokens,
    upcoming,
    users,
    workers,
)

PARTS = (
    tasks,
    jobs,
    bulk,
    bulk_runs,
    failures,
    logs,
    figures,
    repairs,
    runs,
    events,
    schedule,
    scheduler,
    stats,
    workers,
    limits,
    load,
    backfills,
    slots,
    upcoming,
    history,
    audit,
    users,
    notes,
    restart,
    secrets,
    tokens,
    alerts,
)

api = Blueprint("api", __name__, url_prefix="/api/v1")
for part in (module.api for module in PARTS):
    api.register_blueprint(part.blueprint)
