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
    "target_session_attrs": "read-write",
}
"""So that a connection to a machine that is gone without a word ends within some ten seconds, and none is made to one
that only reads, as the former primary after a failover."""
THEIRS = {"tcp_keepalives_idle": "60", "tcp_keepalives_interval": "20", "tcp_keepalives_count": "3"}
"""The same on the other end, in less of a hurry."""


POOLED = (
    "{} If a pooler such as PgBouncer stands between this process and PostgreSQL, go round it: let CRONAPP_DATABASE "
    "name PostgreSQL itself. What one connection listens to or asks for does not last there."
)


def is_postgres(url: str) -> bool:
    return re.match(r"postgres(ql)?(\+\w+)?://", url) is not None


def line(url: str, holding: float = HOLDING) -> dict[str, Any]:
    """What each connection is opened with. A process that is stopped in the middle of a transaction loses it after
    `holding` seconds (0: never): else nobody could touch the rows that it holds, not even to find its runs lost. What a
    machine that is gone without a word had open, the server closes after some two minutes, not after two hours."""
    own = parse_qs(urlsplit(url).query).get("options", [])
    ours = {"idle_in_transaction_session_timeout": f"{holding:g}s", **THEIRS}
    return {**LINE, "options": " ".join([*own, *(f"-c {name}={value}" for name, value in ours.items())])}


def conninfo(url: str) -> str:
    """The address as the driver reads it: `postgresql://…`, without the name of a driver."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)
