"""Who gets in, with what, what they may do, and what they did."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from cronapp.core.access import Role
from cronapp.wire.base import Json, Wire


class Limited(Wire):
    role: Role
    tags: list[str] | None = Field(description="Only jobs with one of these; null: all jobs.")


class Me(Limited):
    """Who asks, and what they may do."""

    name: str
    token: int | None = Field(description="The number of the token that asks.")
    expires_at: datetime | None


class Token(Limited):
    """What is kept of a token."""

    id: int
    name: str
    start: str = Field(description="Its first letters, by which people know it.")
    state: Literal["good", "expired", "revoked"]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    used_at: datetime | None = Field(description="Written down at most every minute.")
    revoked_at: datetime | None


class MadeToken(Token):
    """A new token."""

    token: str = Field(description="The token itself, in this answer and in no other one.")


class User(Limited):
    """An account."""

    name: str
    created_at: datetime
    created_by: str
    seen_at: datetime | None
    password_changed_at: datetime | None = Field(description="null: there is no password here.")
    second_factor: bool
    disabled: bool
    disabled_at: datetime | None
    sessions: int = Field(description="In how many browsers they are signed in.")


class SignedOut(Wire):
    """How many browsers were signed out."""

    ended: int


class Secret(Wire):
    """A stored secret, without its value."""

    name: str
    at: datetime
    by: str
    jobs: int = Field(description="How many name it in their arguments.")


class UsedSecret(Secret):
    """A stored secret, and the jobs that name it."""

    used_by: list[str] = Field(description="The first twenty.")


class AuditRow(Wire):
    """Who did what."""

    id: int
    at: datetime
    by: str
    address: str | None = Field(description="From where; null: from within the server.")
    action: str = Field(description="A thing and a verb, as `job.paused`.")
    words: str
    target: str | None
    before: Json | None
    after: Json | None
    reason: str | None
