"""Values out of the addresses of pages."""

from __future__ import annotations

from datetime import UTC, datetime

OF_PROGRAMS = ("/openapi.json", "/healthz", "/readyz", "/metrics")


def of_api(path: str) -> bool:
    """Whether programs ask there, to which errors are told as problem details."""
    return path.startswith("/api/") or path in OF_PROGRAMS


def whole(text: str | None) -> int | None:
    """A whole number above zero, or None."""
    return int(text) if text and text.isascii() and text.isdigit() and 0 < int(text) < 2**63 else None


def moment_of(text: str | None) -> datetime | None:
    """A moment of an address, as the links of our own pages have it, or None."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None
