"""Which hosts may be asked: a list of the user's, and addresses that are not of this machine or its network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from fnmatch import fnmatchcase

from llmos_nb.errors import ToolError

_WITHIN = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "2002::/16", "::ffff:0:0/96", "::/96")))
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def listed(host: str, port: int, hosts: Sequence[str]) -> bool:
    """Tell whether a host, or a host with its port, is among names and globs; one with a port needs the port."""
    low = host.casefold().rstrip(".")
    standard = port in (80, 443)
    names = [f"{low}:{port}", *([low] if standard else [])]
    return any(fnmatchcase(n, h.casefold()) for n in names for h in hosts)


def named(host: str, port: int, hosts: Sequence[str]) -> bool:
    """Tell whether it is listed word for word, which opens also an address of this machine or its network."""
    return f"{host}:{port}".casefold() in [h.casefold() for h in hosts] or host in hosts


async def resolved(host: str, port: int, inside: bool) -> str:
    """Give the address to connect to.

    Parameters
    ----------
    host, port : str, int
        As the address of a page has them.
    inside : bool
        It may be of this machine or its network.

    Raises
    ------
    ToolError
        There is none, or one of them leads inside.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ToolError(f"{host}: no such host ({error})") from None
    addresses = list(dict.fromkeys(str(f[4][0]).partition("%")[0] for f in found))
    private = [a for a in addresses if not is_public(ipaddress.ip_address(a))]
    if private and not inside:
        raise ToolError(
            f"{host} leads to {private[0]}, inside this machine or its network; name it under hosts to open it"
        )
    return addresses[0]


def is_public(address: Address) -> bool:
    """Tell an address of the public internet; one that wraps an older address is judged by that, too."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Give the IPv4 address within an IPv6 one: mapped, translated or tunnelled."""
    if not any(address in net for net in _WITHIN):
        return None
    raw = address.packed
    return ipaddress.IPv4Address(raw[2:6] if raw[:2] == b"\x20\x02" else raw[12:])
