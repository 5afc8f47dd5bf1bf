"""Which addresses may be called from here. What is inside a network trusts those who are inside."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""Ranges whose last four bytes are an address of the old kind."""
HOW_TO_ALLOW = "Set CRONAPP_ALLOW_PRIVATE_HOOKS to allow that, if those who edit jobs may reach what is there."


def is_public(text: str) -> bool:
    """Whether an address belongs to the internet: not to a private network, to this machine, or to what a cloud tells
    its machines. An address within another one counts as that."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in meant(address))


def meant(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address, and the one that it carries."""
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if any(address in network for network in TRANSLATED) or int(address) < 2**32:
        return [IPv4Address(int(address) & 0xFFFFFFFF), *([address] if int(address) < 2**32 else [])]
    carried = [one for one in (address.sixtofour, *(address.teredo or ())) if one]
    return [*carried, address]


def refusal(address: str) -> str:
    return f"{address} is an address of a private network or of this machine, and is not called. {HOW_TO_ALLOW}"
