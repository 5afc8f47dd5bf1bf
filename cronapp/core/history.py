"""The history of a job: who changed it when, and how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cronapp.core.changes import FieldChange, Mask, changes
from cronapp.core.models import JobSpec

CODE = "code"
"""Who changes a job when a deployment declares it differently."""
ITSELF = "Cron-App"


class ChangeKind(StrEnum):
    BASELINE = "baseline"  # as the job was before its history began
    CREATED = "created"
    EDITED = "edited"
    OVERRIDDEN = "overridden"  # a job from code, edited so that it differs from the code
    RESET = "reset"  # to what the code declares
    CODE_CHANGED = "code_changed"  # the code declares it differently, and the job keeps its own version
    RESTORED = "restored"  # to an older version
    PAUSED = "paused"
    PAUSED_ITSELF = "paused_itself"
    RESUMED = "resumed"
    NEEDS_ATTENTION = "needs_attention"
    FITS_AGAIN = "fits_again"
    REPOINTED = "repointed"
    FITTED = "fitted"  # its arguments were fixed
    TAGGED = "tagged"
    SLOT_SKIPPED = "slot_skipped"
    SKIP_UNDONE = "skip_undone"
    SLOT_ADDED = "slot_added"
    SLOT_REMOVED = "slot_removed"
    REMOVED = "removed"


WORDS = {
    ChangeKind.BASELINE: "Its history begins",
    ChangeKind.CREATED: "Created",
    ChangeKind.EDITED: "Edited",
    ChangeKind.OVERRIDDEN: "Edited, and different from the code",
    ChangeKind.RESET: "Reset to the code’s version",
    ChangeKind.CODE_CHANGED: "Declared differently by the code, and left as it is",
    ChangeKind.RESTORED: "Restored",
    ChangeKind.PAUSED: "Paused",
    ChangeKind.PAUSED_ITSELF: "Paused by itself",
    ChangeKind.RESUMED: "Resumed",
    ChangeKind.NEEDS_ATTENTION: "Needs attention",
    ChangeKind.FITS_AGAIN: "Fits its task again",
    ChangeKind.REPOINTED: "Pointed at another task",
    ChangeKind.FITTED: "Arguments fixed",
    ChangeKind.TAGGED: "Tags changed",
    ChangeKind.SLOT_SKIPPED: "A slot skipped",
    ChangeKind.SKIP_UNDONE: "A skipped slot runs after all",
    ChangeKind.SLOT_ADDED: "A slot added",
    ChangeKind.SLOT_REMOVED: "An added slot removed",
    ChangeKind.REMOVED: "Removed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChange:
    """One change. `spec` is the job after it where that changed, `before` the one before, as far as they are kept."""

    id: int
    job_key: int
    job: str
    version: int  # of the job, after the change
    kind: ChangeKind
    at: datetime
    by: str
    reason: str | None = None
    spec: JobSpec | None = None
    before: JobSpec | None = None

    @property
    def words(self) -> str:
        return WORDS[self.kind]

    def fields(self, mask: Mask) -> list[FieldChange]:
        """What it changed, field by field; nothing for the first version that is kept."""
        return changes(self.before, self.spec, mask) if self.before and self.spec else []
