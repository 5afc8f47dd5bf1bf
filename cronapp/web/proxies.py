"""What a proxy tells of a request: from where it came, by which name and how, and who sent it. It is believed only of
proxies that the settings name; from everybody else it is taken away before anything looks at it.

Of the two ways in which proxies tell it, only `X-Forwarded-…` is read: most set that one and pass the other,
`Forwarded`, on as the browser sent it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cronapp.config import Settings
from cronapp.core.hosts import Network, address_of, is_within, networks_of

FOR, HOST, PROTO = b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"
TOLD = frozenset((FOR, HOST, PROTO, b"forwarded", b"remote-addr"))
NUMBER = b"x-request-id"
SCHEMES = ("http", "https")
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Proxies:
    """Those that stand before this server, and the headers in which they name who asks."""

    trusted: tuple[Network, ...] = ()
    naming: frozenset[bytes] = frozenset()

    def read(self, scope: dict[str, Any]) -> dict[str, Any]:
        """The request as it was sent to the proxy; without what nobody is believed."""
        peer = (scope.get("client") or ("",))[0]
        headers: Headers = [(name.lower(), value) for name, value in scope["headers"]]
        if not is_within(peer, self.trusted):
            return {**scope, "headers": [one for one in headers if one[0] not in TOLD | self.naming | {NUMBER}]}
        host, scheme = last(headers, HOST), last(headers, PROTO)
        kept = [one for one in headers if one[0] not in TOLD and not (host and one[0] == b"host")]
        return {
            **scope,
            "headers": [*kept, (b"host", host.encode("latin-1"))] if host else kept,
            "scheme": scheme if scheme in SCHEMES else scope.get("scheme", "http"),
            "client": (self.sender(peer, headers), 0),
        }

    def sender(self, peer: str, headers: Headers) -> str:
        """From the proxy outwards, the first address that is none of ours: what stands before it anybody may have
        written."""
        sender = peer
        for told in reversed(values(headers, FOR)):
            address = address_of(told.strip("[]"))
            if address is None:
                break
            sender = str(address)
            if not is_within(sender, self.trusted):
                break
        return sender


def proxies_of(settings: Settings) -> Proxies:
    naming = (settings.proxy_user_header, settings.proxy_groups_header)
    return Proxies(networks_of(settings.trusted_proxies), frozenset(n.lower().encode() for n in naming if n))


def values(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    """All that stands in headers of this name, in its order."""
    lines = (value.decode("latin-1") for name, value in headers if name == wanted)
    return [part.strip() for line in lines for part in line.split(",") if part.strip()]


def last(headers: Headers, wanted: bytes) -> str:
    """What the nearest proxy wrote."""
    return values(headers, wanted)[-1] if values(headers, wanted) else ""
