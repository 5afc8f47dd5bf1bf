"""Our cookies. Over TLS the browser takes them only from this very host, and sends them nowhere else."""

from __future__ import annotations

from datetime import timedelta

from quart import request
from quart.typing import ResponseTypes

from cronapp.web.site import parts


def name_of(kind: str = "") -> str:
    """The cookie's name. `__Host-` is a promise that browsers keep: no other host and no plain connection sets it."""
    name = parts().cookie + (f"_{kind}" if kind else "")
    return f"__Host-{name}" if request.is_secure else name


def read(kind: str = "") -> str:
    """What the browser sent; empty: nothing."""
    return request.cookies.get(name_of(kind), "")


def put(response: ResponseTypes, value: str, life: timedelta | None, kind: str = "") -> None:
    """Has the browser keep it; without a `life` until it is closed."""
    response.set_cookie(
        name_of(kind),
        value,
        max_age=None if life is None else int(life.total_seconds()),
        path="/",
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )


def drop(response: ResponseTypes, kind: str = "") -> None:
    """Has the browser forget it."""
    response.delete_cookie(name_of(kind), path="/", secure=request.is_secure, httponly=True, samesite="Lax")
