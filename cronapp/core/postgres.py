"""How a PostgreSQL database is reached by whoever opens a connection of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

HOLDING = 5.0  # seconds
LINE: Mapping[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""So that a connection to a machine that is gone without a word ends within some ten seconds."""


def is_postgres(url: str) -> bool:
    return re.match(r"postgres(ql)?(\+\w+)?://", url) is not None


def line(url: str) -> dict[str, Any]:
    """What each connection is opened with. A process that is stopped in the middle of a transaction loses it after
    `HOLDING` seconds: else nobody could touch the rows that it holds, not even to find its runs lost."""
    own = parse_qs(urlsplit(url).query).get("options", [])
    return {**LINE, "options": " ".join([*own, f"-c idle_in_transaction_session_timeout={HOLDING:g}s"])}


def conninfo(url: str) -> str:
    """The address as the driver reads it: `postgresql://…`, without the name of a driver."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)
