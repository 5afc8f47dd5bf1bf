"""Internet addresses, as far as it matters who comes from where."""

from __future__ import annotations

import ipaddress


def place_of(address: str) -> str:
    """From where somebody comes, for counting: of IPv6 everybody has a whole network."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:60]
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)
