"""Each request has a number of its own, by which its lines are found in the server's log."""

from __future__ import annotations

import re
import secrets

from quart import Response, g, request

from cronapp.core.about import concerns

HEADER = "X-Request-ID"
GOOD = re.compile(r"[A-Za-z0-9._-]{1,64}")


async def number() -> None:
    """Before each request, first of all: takes the number that a trusted proxy gave it, else a new one."""
    given = request.headers.get(HEADER, "")
    g.number = given if GOOD.fullmatch(given) else secrets.token_hex(6)
    concerns(request=g.number)


async def told(response: Response) -> Response:
    """After each request."""
    response.headers[HEADER] = g.number
    return response
