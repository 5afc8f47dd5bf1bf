"""How this server speaks HTTP: as of version 1.1, since it has no TLS of its own."""

from __future__ import annotations

from typing import Any

import hypercorn.protocol
from hypercorn.protocol.h11 import H11Protocol


class PlainHttp(H11Protocol):
    """Without the way to HTTP/2 that begins in plain text. No browser takes it, and a connection that did would be kept
    open for good, whether it ever asks for something or not. A proxy speaks HTTP/2 to browsers, and this to us."""

    async def _check_protocol(self, event: Any) -> None:
        """Whatever else is wanted, it is answered as a request."""


def speak_plainly() -> None:
    """Has each connection that comes from now on speak so."""
    protocol: Any = hypercorn.protocol
    protocol.H11Protocol = PlainHttp
