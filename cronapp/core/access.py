"""Who asks, and what they may do: roles, their rights, and the tags of the jobs that they are limited to."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Right(StrEnum):
    """What may be allowed."""

    LOOK = "look"
    RUN = "run"
    EDIT = "edit"
    ADMIN = "admin"


class Role(StrEnum):
    """Each role has the rights of those before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    EDITOR = "editor"
    ADMIN = "admin"

    @property
    def rights(self) -> frozenset[Right]:
        return frozenset(list(Right)[: list(Role).index(self) + 1])


MEANINGS = {
    Role.VIEWER: "looks",
    Role.OPERATOR: "runs, pauses, cancels and retries too",
    Role.EDITOR: "makes, changes and removes jobs too",
    Role.ADMIN: "keeps people, tokens and settings too",
}
"""Each role in words."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What decides how a page looks to somebody: the same for all who share a role and its limits."""

    role: Role
    tags: frozenset[str] | None = None
    """They see and touch only jobs that have one of these; None: all jobs."""

    @classmethod
    def of(cls, role: str, tags: Iterable[str] | None) -> Sight:
        """What is kept of one, as it was."""
        return cls(Role(role), None if tags is None else frozenset(tags))

    @property
    def words(self) -> dict[str, Any]:
        """As it is kept and told: `{"role", "tags"}`; no tags, None, is all jobs."""
        return {"role": self.role, "tags": None if self.tags is None else sorted(self.tags)}

    def may(self, right: Right, *, everywhere: bool = False) -> bool:
        """Whether they have the right; `everywhere`: for what concerns all jobs, so nobody with limits has it."""
        return right in self.role.rights and not (everywhere and self.tags is not None)

    def sees(self, tags: Iterable[str]) -> bool:
        """Whether a job with these tags is one of theirs."""
        return self.tags is None or not self.tags.isdisjoint(tags)


ALL = Sight(Role.ADMIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who is known: a person, a token, or the server itself."""

    name: str
    sight: Sight
    address: str = ""
    """From where they ask, as the web server knows it; empty: from within."""


SERVER = Principal(name="Cron-App", sight=ALL)

asking: ContextVar[Principal] = ContextVar("asking", default=SERVER)
"""Who asks for what is done at present."""
