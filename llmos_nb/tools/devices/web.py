"""The web: pages are fetched and read as text; nothing is sent but the address, and only to hosts that may be asked.

Off unless ``-t web`` names it. With ``hosts`` in ``[tools.web]`` those are asked without a question, and no other;
with none, each page is asked for. What comes back is untrusted.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from fnmatch import fnmatchcase
from typing import Any

from llmos_nb.errors import ToolError
from llmos_nb.messages import ToolResult
from llmos_nb.tools.call import Call
from llmos_nb.tools.devices.context import Site, device_tool, risky, this_call
from llmos_nb.tools.protocol import Tool
from llmos_nb.tools.text import safe_text

_WITHIN = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "2002::/16", "::ffff:0:0/96", "::/96")))
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def listed(host: str, port: int, hosts: Sequence[str]) -> bool:
    """Return whether a host, or a host with its port, is among names and globs; one with a port needs the port."""
    low = host.casefold().rstrip(".")
    names = [f"{low}:{port}", low] if port in (80, 443) else [f"{low}:{port}"]
    return any(fnmatchcase(n, h.casefold()) for n in names for h in hosts)


def named(host: str, port: int, hosts: Sequence[str]) -> bool:
    """Return whether it is listed word for word, which opens also an address of this machine or its network."""
    return f"{host}:{port}".casefold() in [h.casefold() for h in hosts] or host in hosts


async def resolved(host: str, port: int, inside: bool) -> str:
    """Return the address to connect to.

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
    # all of them: a name may lead to a public and to an inner address, and the connection takes either
    private = [a for a in addresses if not is_public(ipaddress.ip_address(a))]
    if private and not inside:
        inner = f"{private[0]}, inside this machine or its network"
        raise ToolError(f"{host} leads to {inner}; name it under hosts to open it")
    return addresses[0]


def is_public(address: Address) -> bool:
    """Tell an address of the public internet; one that wraps an older address is judged by that, too."""
    raw = address.packed
    if any(address in net for net in _WITHIN):  # an IPv4 address within: mapped, translated or tunnelled
        return is_public(ipaddress.IPv4Address(raw[2:6] if raw[:2] == b"\x20\x02" else raw[12:]))
    return address.is_global and not address.is_multicast


HOPS, ROOM, MOST_BYTES, SECONDS = 5, 296, 2 << 20, 30
_TEXTS = ("text/", "application/json", "application/xml", "application/xhtml", "application/javascript")


class WebDevice:
    """Fetches pages for a process.

    Parameters
    ----------
    site : Site
        Its surroundings; the section is ``[tools.web]``.
    """

    def __init__(self, site: Site) -> None:
        self._shown = site.shown - ROOM
        found = site.section("web", ("hosts", "most_bytes"))
        self._hosts = site.texts(found, "web", "hosts", "names such as docs.python.org or *.eu")
        self._most = site.whole(found, "web", "most_bytes", MOST_BYTES, 64 << 20)

    @property
    def tool(self) -> Tool:
        """The tool ``web``."""
        said = {"sinks": ("url",), "source": "untrusted"}
        return device_tool(
            self.web, "external", "idempotent", manifest=said, inspect=self._look, as_code=_code,
            code=lambda arguments: f"# fetched: {arguments['url']}",
        )  # fmt: skip

    def _look(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        url = str(arguments.get("url", ""))
        title, sources = "fetch a page", [["network", "web", url]]
        if self._hosts:  # one that is not listed is refused when it runs
            return {"title": title, "sources": sources, "level": "namespace"}
        return risky(title, "network", f"`web` sends the address `{url[:300]}` to its host", sources=sources)

    async def web(self, url: str, offset: int = 0) -> ToolResult:
        """Fetch a page by GET and read it as text.

        Parameters
        ----------
        url : str
            With http:// or https://.
        offset : int
            Character to go on from, of a long page.
        """
        import httpx2

        try:
            async with asyncio.timeout(min(this_call().deadline_s, SECONDS)):
                return _told(*await self._fetched(httpx2, url), max(offset, 0), self._shown)
        except TimeoutError:
            return ToolResult(False, "the host did not answer in time", "ToolTimeout")
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            kind = type(error).__name__
            return ToolResult(False, f"{kind}: {safe_text(str(error))[:300]}", kind)

    async def _fetched(self, httpx: Any, url: str) -> tuple[str, int, str]:
        """Follow an address and its redirects, each hop checked like the first; give address, status and text."""
        address, first = httpx.URL(url), ""
        # no proxy or credentials of the environment, and no redirect that was not looked at
        async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=SECONDS) as client:
            for _ in range(HOPS):
                self._check(address, first)
                first = first or address.host
                response = await self._asked(client, address)
                async with aclosing(response):
                    if not response.has_redirect_location:
                        return await self._page(response, address)
                    after = address.join(response.headers["location"])
                if address.scheme == "https" and after.scheme != "https":
                    raise ToolError(f"{address.host} redirects to {str(after)[:200]}, which is not encrypted")
                address = after
        raise ToolError(f"more than {HOPS} redirects")

    def _check(self, address: Any, first: str) -> None:
        """Refuse an address that may not be asked."""
        if address.scheme not in ("http", "https") or not address.host:
            raise ToolError(f"{str(address)[:200]!r}: an address begins with http:// or https://")
        if address.userinfo:
            raise ToolError("an address with a name or password in it is not fetched")
        port = _port(address)
        if self._hosts and not listed(address.host, port, self._hosts):
            among = f"among the hosts that may be asked ({', '.join(self._hosts)})"
            raise ToolError(f"{address.host}:{port} is not {among}")
        if not self._hosts and first and address.host != first:
            raise ToolError(f"{first} redirects to another host, {address.host}; fetch that by its own address")

    async def _asked(self, client: Any, address: Any) -> Any:
        """Ask the very address that was checked, so that a name cannot lead elsewhere a moment later."""
        port = _port(address)
        target = await resolved(address.host, port, named(address.host, port, self._hosts))
        host = address.netloc.decode("ascii")
        headers = {"host": host, "accept-encoding": "identity", "user-agent": "llmos_nb"}
        there = address.copy_with(host=target)
        asked = client.build_request("GET", there, headers=headers, extensions={"sni_hostname": address.host})
        return await client.send(asked, stream=True)

    async def _page(self, response: Any, address: Any) -> tuple[str, int, str]:
        kind = response.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
        if not kind.startswith(_TEXTS) and not kind.endswith(("+json", "+xml")):
            raise ToolError(f"{str(address)[:200]} is {safe_text(kind)[:80]}; only text is read")
        raw = bytearray()
        async for chunk in response.aiter_bytes():
            raw += chunk
            if len(raw) > self._most:
                more = f"more than {self._most:,} bytes; only smaller pages are read"
                raise ToolError(f"{str(address)[:200]} has {more}")
        text = raw.decode(response.charset_encoding or "utf-8", "replace")
        return str(address), response.status_code, _plain(text) if "html" in kind else text


def _port(address: Any) -> int:
    return int(address.port or (443 if address.scheme == "https" else 80))


def _plain(html: str) -> str:
    """Return the words of a page, with its title; what is not shown is left out."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, "html.parser")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    for part in soup(["script", "style", "noscript", "template", "head"]):
        part.decompose()
    return "\n".join(line for line in (title, *soup.get_text("\n", strip=True).splitlines()) if line)


def _told(url: str, status: int, text: str, offset: int, most: int) -> ToolResult:
    text = safe_text(text)
    part = text[offset : offset + most]
    after = offset + len(part)
    facts = {"url": url, "status": status, "size": len(part.encode())}
    if status >= 400:
        return ToolResult(False, f"status {status}\n{part[:500]}", "Status", facts=facts)
    if after < len(text):
        part += f"\n[characters {offset} to {after} of {len(text)}; go on with offset={after}]"
    return ToolResult(True, part, facts=facts)


def _code(call: Call) -> str:
    """Return a page as it was then: the exported notebook does not go to the network."""
    name = f"page_{call.id.replace('.', '_')}"
    return f"# fetched on {call.ended}: {call.facts.get('url', '')}\n{name} = {call.result!r}"


def web_tools(site: Site) -> list[Tool]:
    """Return what ``-t web`` offers."""
    return [WebDevice(site).tool]
