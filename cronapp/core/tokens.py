"""API tokens: what programs come in with. A token is told once; afterwards only its first letters are known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from cronapp.core.access import Sight
from cronapp.core.errors import InvalidInput
from cronapp.core.until import HOW, parse_until

PREFIX = "cronapp_"
"""Each token begins so: whoever looks for secrets that got lost finds it."""
SECRET = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)
START = len(PREFIX) + 4
"""Letters by which people know a token; the others keep more than 230 random bits."""
LIFE = "90d"
"""How long a token is good for where nothing is said."""
NEVER = "never"
LISTED = timedelta(days=30)
"""How long a token is listed that is good for nothing any more."""
LONGEST_NAME = 60


class TokenEnd(StrEnum):
    """Why a token is good for nothing any more."""

    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is kept of a token, without its hash."""

    id: int
    name: str
    start: str
    sight: Sight
    created_at: datetime
    by: str
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def end(self, now: datetime) -> TokenEnd | None:
        """Why it is good for nothing any more; None: it is good."""
        if self.revoked_at is not None:
            return TokenEnd.REVOKED
        return TokenEnd.EXPIRED if self.expires_at is not None and self.expires_at <= now else None


def name_of(value: Any, usual: str) -> str:
    """What people call a token, `usual` where nothing was said; raises `InvalidInput`. Names need not differ."""
    if not isinstance(value, str | None):
        raise InvalidInput.of("name", "The name must be a text.")
    name = " ".join((value or "").split()) or usual
    if len(name) > LONGEST_NAME:
        raise InvalidInput.of("name", f"A name has at most {LONGEST_NAME} characters.")
    if not name.isprintable():
        raise InvalidInput.of("name", "A name has only characters that can be seen.")
    return name


def expiry_of(value: Any, now: datetime) -> datetime | None:
    """Until when a token is good: a moment, for how long (`30d`, or seconds), or None for `never`; raises
    `InvalidInput`."""
    if value is None or value == NEVER:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidInput.of("expires", f"The end must be a text. {HOW}")
    try:
        return parse_until(str(value), now, ZoneInfo("UTC"))
    except ValueError as error:
        raise InvalidInput.of("expires", str(error)) from None
