"""People with an account: how they are called, and what they may do."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cronapp.core.access import Sight
from cronapp.core.errors import InvalidInput

LONGEST_NAME = 64
NAME = re.compile(r"\w(?:[\w .@+'-]*[\w.])?")
HOW = "Letters, digits, spaces and . - _ @ + ' are possible; a name begins with a letter or a digit."
TAKEN = "There is somebody of this name already."
OURS = frozenset({"cron-app", "code", "the admin token", "a one-time link", "the command line", "nobody known"})
"""Names under which the books tell of what no account did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An account, without anything that is secret."""

    id: int
    name: str
    sight: Sight
    created_at: datetime
    by: str
    disabled_at: datetime | None = None
    seen_at: datetime | None = None
    changed_at: datetime | None = None  # the password
    has_password: bool = True
    elsewhere: bool = False  # whether they sign in by another service
    second_factor: bool = False


def folded(name: str) -> str:
    """A name as it is compared: nobody is called like another one in capitals, or in another font. What no name has may
    be typed all the same, and no database takes it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", printable(name.strip())).casefold())


def printable(text: str) -> str:
    """A text that somebody typed, in one line of signs that can be seen."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def name_of(value: Any) -> str:
    """A name for a new account; raises `InvalidInput`."""
    name = unicodedata.normalize("NFC", value.strip()) if isinstance(value, str) else ""
    if not name:
        raise InvalidInput.of("name", "Write a name, as ada or ada@example.com.")
    if len(name) > LONGEST_NAME:
        raise InvalidInput.of("name", f"A name has at most {LONGEST_NAME} characters.")
    if not NAME.fullmatch(name):
        raise InvalidInput.of("name", f"{name!r} is no name for an account. {HOW}")
    if folded(name) in OURS:
        raise InvalidInput.of("name", "This name is Cron-App's own. Choose another one.")
    return name
