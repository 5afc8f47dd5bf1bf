"""Passwords: checked by the rules, kept as slow hashes, compared in a few threads."""

from __future__ import annotations

import asyncio
import gzip
import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from cronapp.core.errors import Busy, InvalidInput
from cronapp.core.passwords import MOST, fault, normalized

T = TypeVar("T")
THREADS = 2  # each hash takes 64 MiB and some tens of milliseconds
WAITING = 20  # that may wait for a thread; whoever comes then is asked to try again
COMMON = resources.files("cronapp") / "data" / "common_passwords.txt.gz"


class Hashing:
    """Argon2id by the second profile that RFC 9106 recommends, beside the event loop and never too often at once."""

    def __init__(self, hasher: PasswordHasher, *, threads: int = THREADS, waiting: int = WAITING) -> None:
        self.hasher = hasher
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="cronapp-hash")
        self._room = threads + waiting

    async def run(self, work: Callable[..., T], *args: object) -> T:
        """Does it in a thread; raises `Busy` where too many wait for one already."""
        if self._room <= 0:
            raise Busy
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._room += 1


hashing = Hashing(PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY))
"""Of the whole process, since its memory and its processors are."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a password is the right one, and its new hash if the old one was made too fast by today's rules."""

    good: bool
    renewed: str | None = None


async def hashed(password: object, name: str, *, field: str = "password") -> str:
    """What is kept of a new password for the account of that name. Raises `InvalidInput` of that field."""
    if not isinstance(password, str) or not password:
        raise InvalidInput.of(field, "Write a password.")
    kept = normalized(password)
    wrong = fault(kept, name, lambda texts: False) or await hashing.run(fault, kept, name, is_common)
    if wrong:
        raise InvalidInput.of(field, wrong)
    return await hashing.run(hashing.hasher.hash, encoded(kept))


async def compared(password: str, kept: str | None) -> Outcome:
    """Compares a password with what is kept. Without that, as of an account that is not there, it takes as long."""
    return await hashing.run(compare, normalized(password), kept)


def compare(password: str, kept: str | None) -> Outcome:
    hasher = hashing.hasher
    stands_in = dummy(hasher)
    try:
        hasher.verify(kept or stands_in, encoded(password) if len(password) <= MOST else b"")
    except (VerificationError, InvalidHashError):
        return Outcome(False)
    if kept is None:
        return Outcome(False)
    return Outcome(True, hasher.hash(encoded(password)) if hasher.check_needs_rehash(kept) else None)


def encoded(password: str) -> bytes:
    """Also of what is no text, as half a pair of surrogates."""
    return password.encode(errors="surrogatepass")


@lru_cache(maxsize=4)
def dummy(hasher: PasswordHasher) -> str:
    """The hash of a password that nobody knows."""
    return hasher.hash(secrets.token_urlsafe(32))


def is_common(texts: Iterable[str]) -> bool:
    """Whether one of them is on the list. It is read each time: passwords are seldom set, and it would take memory."""
    with COMMON.open("rb") as file:
        return not set(texts).isdisjoint(gzip.decompress(file.read()).decode().split("\n"))
