"""How long somebody waits after attempts to sign in that failed: a few are free, then each wait is twice the last."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronapp.core.addresses import place_of

LONGEST = timedelta(minutes=15)
FORGOTTEN = timedelta(hours=1)  # after which nothing is held against anybody


@dataclass(frozen=True, slots=True)
class Counter:
    """Something that attempts are counted for, and how many of them are free."""

    key: str
    free: int


def wait_after(count: int, free: int) -> timedelta:
    """From the newest of so many attempts on."""
    over = count - free
    if over < 0:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(over + 1, 20)), LONGEST)


def left_of(count: int, free: int, newest: datetime, now: datetime) -> timedelta:
    """How much of that wait is left; never more than the longest, also when the clock was set back."""
    return min(max(newest + wait_after(count, free) - now, timedelta(0)), LONGEST)


def for_name(folded: str) -> Counter:
    """What was typed as a name may be a password, so it is not kept as it is."""
    return Counter(f"name:{hashlib.sha256(folded.encode(errors='replace')).hexdigest()[:32]}", 5)


def for_code(person: int) -> Counter:
    return Counter(f"code:{person}", 5)


def for_address(address: str) -> Counter:
    """Many may come from one address."""
    return Counter(f"address:{place_of(address)}", 20)
