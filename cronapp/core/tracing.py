"""What the span of a request tells; who makes spans knows nothing of the web, and the web nothing of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class RequestSpan:
    """To be told before it ends."""

    route: str = ""  # the template of the address; empty: there is none
    status: int = 0
    who: str = "nobody"  # or person, token, proxy
    number: str = ""  # of the request, as the log has it
