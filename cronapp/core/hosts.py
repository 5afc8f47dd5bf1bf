"""Names under which a site answers, and addresses of those that stand before it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

LAST_PORT = 65_535
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Hosts:
    """What may stand in `Host`. A name that is not known may be somebody else's who lets it point here, so that his
    page could read ours; an address cannot, so where others reach this machine by its addresses, each is good."""

    names: frozenset[str]
    addresses: bool = False

    def __contains__(self, host: str) -> bool:
        """`host` without its port."""
        return host in self.names or (self.addresses and address_of(host) is not None)


def hosts_of(bound: str, names: Iterable[str]) -> Hosts:
    """The names of a site that listens on `bound`; further ones may be written with a port."""
    return Hosts(LOOPBACK | {plain(name) for name in (bound, *names)}, addresses=bound not in LOOPBACK)


def bound_to(text: str) -> tuple[str, int]:
    """The address and the port to listen on, of `5001` (on loopback alone), `10.0.0.5:5001` or `[::]:5001`; raises
    `ValueError` in words."""
    found = re.fullmatch(r"(?:(?P<host>[^:\[\]\s]+|\[[^\[\]\s]+\]):)?(?P<port>\d{1,5})", text.strip())
    if found is None or int(found["port"]) > LAST_PORT:
        raise ValueError(f"{text!r} is nothing to listen on. Write a port, as 5001, or 0.0.0.0:5001 for every address.")
    return (found["host"] or "127.0.0.1").strip("[]"), int(found["port"])


def plain(name: str) -> str:
    """Without a port, and an address of the new kind without its brackets."""
    if name.startswith("["):
        return name[1:].partition("]")[0].lower()
    return name.lower() if address_of(name) else name.partition(":")[0].lower()


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """An address that is written out; one of the old kind within the new is the old one."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def networks_of(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks, as `10.0.0.5` and `10.0.0.0/8`; raises `ValueError` in words."""
    found = []
    for text in texts:
        try:
            found.append(ip_network(text, strict=False))
        except ValueError:
            raise ValueError(f"{text!r} is no address and no network. Write them as 10.0.0.5 or 10.0.0.0/8.") from None
    return tuple(found)


def is_within(text: str, networks: Iterable[Network]) -> bool:
    """Whether an address belongs to one of the networks."""
    address = address_of(text)
    return address is not None and any(address in network for network in networks)
