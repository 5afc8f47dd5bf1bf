"""The REST API, /api/v1: the same services as the pages."""

from __future__ import annotations

from quart import Blueprint

from cronapp.web.api import backfills, jobs, limits, restart, runs, schedule, slots, tasks

api = Blueprint("api", __name__, url_prefix="/api/v1")
for part in (tasks.api, jobs.api, runs.api, schedule.api, limits.api, backfills.api, slots.api, restart.api):
    api.register_blueprint(part)
