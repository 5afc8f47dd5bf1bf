"""What every request and every reply must hold to."""

from __future__ import annotations

from urllib.parse import urlsplit

from quart import Response, request

from cronapp.core.errors import BadRequest, Forbidden, WrongHost
from cronapp.web.site import parts

SAFE = {"GET", "HEAD", "OPTIONS"}
PORTS = {"http": 80, "https": 443}
POLICY = (
    "default-src 'self'; worker-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'{also}; frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
        "magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), serial=(), usb=()"
    ),
    "X-Frame-Options": "DENY",
}
TLS_ONLY = "max-age=31536000"
"""For a year this name is reached by TLS alone. What else runs under the domain is not ours to decide."""


async def refuse_strangers() -> None:
    """Before each request: the host must be ours (a foreign name may point here), and so must be who sends changes."""
    if host_of(f"//{request.host}") not in parts().hosts:
        raise WrongHost
    asked = str((request.scope or {}).get("path", "/"))
    if not asked.startswith("/") and place_of(asked) != place_of(f"{request.scheme}://{request.host}"):
        raise BadRequest("The address and the Host header name two different servers.")
    if request.method in SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None and site not in ("same-origin", "none"):
        raise Forbidden
    if origin is not None and not is_own(origin):
        raise Forbidden


def is_own(origin: str) -> bool:
    """Whether that is the origin of our pages. Behind a proxy that is not trusted nobody knows whether they came by
    TLS; where they did, what came without does not count."""
    scheme = urlsplit(origin).scheme
    if scheme not in PORTS or (request.is_secure and scheme != "https"):
        return False
    return place_of(origin) == place_of(f"{scheme}://{request.host}")


def place_of(address: str) -> tuple[str, int | None]:
    """Host and port of an address, also where the usual port is left out."""
    try:
        parts = urlsplit(address)
        return parts.hostname or "", parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return "", None


def host_of(address: str) -> str:
    return place_of(address)[0]


async def protect(response: Response) -> Response:
    """After each request."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", policy())
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", TLS_ONLY)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def policy() -> str:
    """Only our own files, no script or style within a page. Signing out may lead on to the issuer."""
    issuer = urlsplit(parts().sign_on.issuer)
    return POLICY.format(also=f" {issuer.scheme}://{issuer.netloc}" if issuer.netloc else "")
