"""Two teams, each with jobs of a tag of its own, and accounts of any role."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from quart.testing import QuartClient
from sqlalchemy import insert
from visiting import put_lines, put_run

from cronapp.app import App
from cronapp.core.access import Role
from cronapp.core.models import Job, RunState
from cronapp.service.digests import digest
from cronapp.store.store import Tx
from cronapp.store.tables import sessions, users

OURS, THEIRS = "herons", "magpies"
"""Tags of two teams; whatever belongs to the other one has this word in it."""


async def furnish(app: App, job: Job, team: str) -> None:
    await app.services.notes.add(job.id, f"{team}-note", by=f"{team}-person")
    for state in (RunState.SUCCEEDED, RunState.FAILED, RunState.QUEUED):
        run = await put_run(app, job, state, reason=f"{team}-reason")
        await put_lines(app, run, [f"{team}-line"])


async def visitor(app: App, role: Role | None, *, tags: list[str] | None = None, **fields: Any) -> QuartClient:
    """A client with the session of an account of this role; without a role it has none."""
    client = app.site.test_client()
    if role is not None:
        client.set_cookie("localhost", app.site.parts.cookie, await session_of(app, role, tags=tags, **fields))
    return client


async def session_of(app: App, role: Role, *, name: str = "", tags: list[str] | None = None, **fields: Any) -> str:
    """The secret of a session of a new account."""
    secret, now = secrets.token_urlsafe(32), app.clock()

    def change(tx: Tx) -> None:
        account = {"name": name or secrets.token_hex(8), "role": role, "tags": tags, "created_at": now, "by": "test"}
        account["folded"] = account["name"]
        key = tx.conn.execute(insert(users).values(account)).inserted_primary_key
        assert key is not None
        values = {"hash": digest(secret), "created_at": now, "seen_at": now, "expires_at": now + timedelta(hours=1)}
        own = {"user": account["name"], "role": role, "user_id": key[0]}
        tx.conn.execute(insert(sessions).values({**values, **own, **fields}))

    await app.store.write(change)
    return secret
