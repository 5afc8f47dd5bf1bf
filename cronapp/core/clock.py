"""The one clock. The app owns it and hands it down; tests hand down one that they turn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Answers the present moment as aware UTC."""


def system_clock() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)
