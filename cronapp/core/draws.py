"""Draws that look random and are the same on every server."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta


def draw(seed: str) -> float:
    """A number from 0 up to, but without, 1."""
    return int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=4).digest(), "big") / 2**32


def jittered(slot: datetime, jitter: float, job_id: str) -> datetime | None:
    """When the run of a slot may start, up to `jitter` seconds after it; None: at once."""
    if not jitter:
        return None
    return slot + timedelta(seconds=jitter * draw(f"{job_id}/{slot.astimezone(UTC).isoformat()}"))
