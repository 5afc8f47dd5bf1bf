"""What is kept of a secret that is random itself."""

from __future__ import annotations

import hashlib


def digest(secret: str) -> str:
    """What is kept of a secret of 120 random bits or more; a slow hash would add nothing."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
