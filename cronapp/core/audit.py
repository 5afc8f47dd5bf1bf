"""The audit: who did what, when, from where, and what became different by it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from cronapp.core.changes import as_json, cut, label_of
from cronapp.core.models import Json
from cronapp.core.plain import json_line, plain

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")
GROUPS: dict[str, tuple[str, ...]] = {
    "jobs": ("job", "note"),
    "runs": ("run", "trial", "backfill"),
    "scheduler": ("scheduler", "drain", "node", "limit"),
    "saved views": ("view",),
    "people": ("user",),
    "sign-ins": ("session",),
    "tokens": ("token",),
    "secrets": ("secret",),
    "alerts": ("channel", "alert", "delivery"),
}
"""What an action may be about, as the list is filtered by it; the thing comes first in an action's name."""

WORDS = {
    "job.created": "Job created",
    "job.edited": "Job edited",
    "job.overridden": "Job edited, and different from the code",
    "job.reset": "Job reset to the code’s version",
    "job.code_changed": "Declared differently by the code, and left as it is",
    "job.restored": "Older version of a job restored",
    "job.paused": "Job paused",
    "job.paused_itself": "Job paused by itself",
    "job.resumed": "Job resumed",
    "job.needs_attention": "Job needs attention",
    "job.fits_again": "Job fits its task again",
    "job.repointed": "Job pointed at another task",
    "job.fitted": "Arguments of a job fixed",
    "job.tagged": "Tags of a job changed",
    "job.slot_skipped": "Slot skipped",
    "job.skip_undone": "Skipped slot runs after all",
    "job.slot_added": "Slot added",
    "job.slot_removed": "Added slot removed",
    "job.removed": "Job removed",
    "job.tested": "Test sent to who is told of a job",
    "run.started": "Run started by hand",
    "run.cancelled": "Run cancelled",
    "run.retried": "Run tried again",
    "trial.begun": "Task tried out",
    "backfill.opened": "Backfill opened",
    "backfill.cancelled": "Backfill cancelled",
    "note.added": "Note added",
    "note.edited": "Note edited",
    "note.removed": "Note removed",
    "limit.set": "Limit set",
    "limit.cleared": "Limit taken away",
    "view.saved": "View saved",
    "view.removed": "View removed",
    "scheduler.paused": "Scheduler paused",
    "scheduler.resumed": "Scheduler resumed",
    "drain.begun": "Server emptied for a restart",
    "drain.ended": "Server back at work",
    "node.drained": "Process emptied",
    "node.resumed": "Process back at work",
    "user.created": "Account made",
    "user.changed": "Account changed",
    "user.disabled": "Account disabled",
    "user.enabled": "Account enabled",
    "user.removed": "Account removed",
    "user.password_changed": "Password changed",
    "user.totp_on": "Second factor turned on",
    "user.totp_off": "Second factor turned off",
    "user.recovery_codes_made": "Recovery codes made",
    "session.began": "Signed in",
    "session.ended": "Signed out",
    "session.refused": "Not let in",
    "token.created": "Token made",
    "token.changed": "Token changed",
    "token.revoked": "Token revoked",
    "token.refused": "Token refused",
    "secret.set": "Secret set",
    "secret.removed": "Secret removed",
    "channel.created": "Channel made",
    "channel.changed": "Channel changed",
    "channel.secret_made": "New secret for a channel",
    "channel.removed": "Channel removed",
    "channel.tested": "Channel tested",
    "alert.created": "Rule of who is told made",
    "alert.changed": "Rule of who is told changed",
    "alert.removed": "Rule of who is told removed",
    "alert.tested": "Rule of who is told tested",
    "delivery.retried": "Sent once more",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditField:
    """One thing that is different, before and after, as far as each was told."""

    name: str
    label: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One deed. What belongs to a job, as its runs and notes, has the job as its target."""

    id: int = 0
    at: datetime
    by: str
    address: str | None  # from where; None: from within the server
    action: str  # a thing and a verb, as `job.paused`
    target: str | None  # which one
    before: Json | None
    after: Json | None
    reason: str | None

    @property
    def thing(self) -> str:
        return self.action.partition(".")[0]

    @property
    def of_job(self) -> bool:
        """Whether its target is a job."""
        return self.thing in (*GROUPS["jobs"], *GROUPS["runs"])

    @property
    def words(self) -> str:
        return WORDS.get(self.action) or self.action.replace(".", " ").replace("_", " ").capitalize()

    @property
    def run(self) -> int | None:
        """The run that it made, or was about."""
        found = (self.after or {}).get("run") or (self.before or {}).get("run")
        return found if isinstance(found, int) else None

    @property
    def fields(self) -> list[AuditField]:
        old, new = self.before or {}, self.after or {}
        return [
            AuditField(name=name, label=label_of(name), old=told(old, name), new=told(new, name))
            for name in dict.fromkeys((*old, *new))
        ]


def told(values: Json, name: str) -> str | None:
    """A value in words; a moment as sentences have it."""
    if name not in values:
        return None
    value = values[name]
    if value is None:
        return "all jobs" if name == "tags" else "none"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return cut(", ".join(value) or "none")
    if not isinstance(value, str):
        return as_json(value)
    return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M:%S} UTC" if MOMENT.fullmatch(value) else cut(value)


def things_of(action: str) -> tuple[str, ...]:
    """What the actions are about that a filter names by their group or their thing; empty: it names one action."""
    return GROUPS.get(action, () if "." in action else (action,))


def row_json(row: AuditRow) -> Json:
    """As the API and the files tell it."""
    return {
        "id": row.id,
        "at": row.at.isoformat().replace("+00:00", "Z"),
        "by": row.by,
        "address": row.address,
        "action": row.action,
        "words": row.words,
        "target": row.target,
        "before": row.before,
        "after": row.after,
        "reason": row.reason,
    }


def line_of(row: AuditRow) -> str:
    """One line for a log: `ada from 10.0.0.7: job.paused nightly {"state": "active"} -> {"state": "paused"}`."""
    who = f"{row.by} from {row.address}" if row.address else row.by
    parts = [f"{who}: {row.action}", row.target or ""]
    if row.before or row.after:
        parts.append(" -> ".join(json_line(one) for one in (row.before, row.after) if one is not None))
    parts.append(f"({row.reason})" if row.reason else "")
    return plain(" ".join(part for part in parts if part))
