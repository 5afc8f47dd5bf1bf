"""What every request and every reply must hold to."""

from __future__ import annotations

from urllib.parse import urlsplit

from quart import Response, request

from cronapp.core.errors import Forbidden, WrongHost
from cronapp.web.site import parts

SAFE = {"GET", "HEAD", "OPTIONS"}
POLICY = (
    "default-src 'self'; worker-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


async def refuse_strangers() -> None:
    """Before each request: the host must be ours (a foreign name may point here), and so must be who sends changes."""
    hosts = parts().hosts
    name = urlsplit(f"//{request.host}").hostname or ""
    if hosts and name not in hosts:
        raise WrongHost
    if request.method in SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None and site not in ("same-origin", "none"):
        raise Forbidden
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise Forbidden


async def protect(response: Response) -> Response:
    """After each request."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response
