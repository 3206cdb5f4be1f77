"""Where a webhook may go. Pure: an address in, a refusal or None out.

Against server-side request forgery: a person who may register a contact method must not reach, through us,
what only this machine can reach. The check runs on the resolved address, and the connection goes to that one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Refused whatever the settings say: link-local, "this host", multicast, and where clouds keep credentials.
NEVER: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/128", "fe80::/10", "ff00::/8",
        "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::254/128", "fd20:ce::254/128",
    )
)  # fmt: skip
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks; raises ValueError naming the one that is not a network."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def is_allowed_privately(address: Address, allowed: Iterable[Network]) -> bool:
    """Return True when the settings name a network that holds the address."""
    return any(each in network for each in _readings(address) for network in allowed)


def refusal(address: Address, allowed: Iterable[Network]) -> str | None:
    """Return why nothing may be sent to the address, or None.

    An IPv6 address that carries an IPv4 one (mapped, NAT64 RFC 6052, 6to4 RFC 3056, Teredo RFC 4380) is
    judged as both.
    """
    allowed = tuple(allowed)
    for each in _readings(address):
        if any(each in network for network in NEVER):
            return f"{address} is a link-local, metadata or multicast address"
    if is_allowed_privately(address, allowed):
        return None
    for each in _readings(address):
        if not each.is_global:
            return f"{address} is not a public address"
    return None


def _readings(address: Address) -> tuple[Address, ...]:
    """Return the address, and every IPv4 address inside it."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    found: list[Address] = [address]
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found.extend(address.teredo)
    is_own = address in (ipaddress.IPv6Address("::"), ipaddress.IPv6Address("::1"))
    if address in _NAT64 or (address in _COMPATIBLE and not is_own):
        found.append(low)
    return tuple(found)
