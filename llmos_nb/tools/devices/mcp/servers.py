"""How an MCP server is started or reached: read from settings, with its secrets put in at the last moment."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol
from urllib.parse import urlsplit

from llmos_nb.errors import ConfigError, JournalUnwritable, ToolError, UsageError, nearest
from llmos_nb.journal import Home, mac
from llmos_nb.messages import canonical
from llmos_nb.models import is_loopback, shown_url
from llmos_nb.policy.secrets import handle, secret_name, secret_text, vault
from llmos_nb.tools.declare import said_of
from llmos_nb.tools.devices.mcp.client import Server, said
from llmos_nb.tools.devices.mcp.tools import as_declared, as_tools
from llmos_nb.tools.devices.registry import OFFERED
from llmos_nb.tools.protocol import Tool

SERVER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,23}")
_SECRET = re.compile(r"\{secret:([\w.-]+)\}")
_KEYS = ("command", "env", "url", "headers")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,60}):\s*(.*)", re.DOTALL)


class Configured(Protocol):
    """What servers need of the settings: tables of `llmos.toml`, by name."""

    @property
    def mcp(self) -> Mapping[str, Any]:
        """Servers."""

    @property
    def tools(self) -> Mapping[str, Any]:
        """What is declared of tools."""


@dataclass(frozen=True)
class Spec:
    """How a server is started or reached.

    Parameters
    ----------
    command : tuple of str
        Program and arguments.
    told : dict
        Variables of its environment, or headers of its requests; ``{secret:NAME}`` in a value stands for a secret, put
        in when the server is started or reached.
    where : str
        Who says so: ``llmos.toml`` or ``%agent mcp add``.
    url : str
        Where it listens, instead of a program.
    """

    command: tuple[str, ...]
    told: dict[str, str] = field(default_factory=dict)
    where: str = "llmos.toml"
    url: str = ""

    def __str__(self) -> str:
        return shown_url(self.url) if self.url else " ".join(self.command)


def parse(name: str, raw: Any, where: str) -> Spec:
    """Read a server of `llmos.toml` or of the home.

    Raises
    ------
    ConfigError
        Names the key and what it may hold.
    """
    at = f"{where}: mcp.{name}"
    if not SERVER.fullmatch(name):
        raise ConfigError(f"{at}: a name has up to 24 letters, digits and -, and begins with a letter")
    if name in OFFERED:
        raise ConfigError(f"{at}: `{name}` is a device here; give the server another name, such as {name}-mcp")
    unknown = next((k for k in raw if k not in _KEYS), None) if isinstance(raw, dict) else ""
    if unknown is not None:
        hint = "it has command and env, or url and headers"
        raise ConfigError(f"{at}: unknown key {unknown!r}{nearest(unknown, _KEYS)}; {hint}")
    if ("url" in raw) == ("command" in raw):
        raise ConfigError(f"{at}: it has either a command, which starts it, or a url, where it listens")
    kind = "headers" if "url" in raw else "env"
    wrong = "env" if "url" in raw else "headers"
    told = raw.get(kind) or {}
    if raw.get(wrong):
        raise ConfigError(f"{at}: {wrong} goes with {'command' if wrong == 'env' else 'url'}; write {kind}")
    if not isinstance(told, dict) or not all(isinstance(v, str) for v in told.values()):
        raise ConfigError(f"{at}: {kind} must be a table of texts")
    if "url" in raw:
        return Spec((), dict(told), where, _url(at, raw["url"], told))
    command = raw["command"]
    if not isinstance(command, list) or not command or not all(isinstance(w, str) and w for w in command):
        raise ConfigError(f'{at}: command must be a list of texts, as in command = ["uvx", "mcp-server-time"]')
    return Spec(tuple(command), dict(told), where)


def _url(at: str, url: Any, headers: Mapping[str, str]) -> str:
    """Return where a server listens, or say what is wrong with it or with what is sent there."""
    with suppress(ValueError, AttributeError, TypeError):
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            odd = next((k for k, v in headers.items() if not _HEADER.fullmatch(f"{k}: {v}") or not v.isprintable()), "")
            if odd:
                raise ConfigError(f"{at}: {odd!r} is no header, or its value holds a line break")
            if parts.username or parts.password:
                hint = 'headers = { Authorization = "Bearer {secret:NAME}" }'
                raise ConfigError(f"{at}: name and password do not stand in a url; write {hint}")
            if parts.scheme == "http" and headers and not is_loopback(url):
                raise ConfigError(f"{at}: headers would go to {parts.hostname} for all to read; write https://")
            return str(url)
    raise ConfigError(f'{at}: url must be one of http or https, as in url = "https://HOST/mcp"')


def told_plainly(spec: Spec) -> list[str]:
    """Name the headers of a server whose secret stands in its settings as it is."""
    plain = {name: value for name, value in spec.told.items() if not _SECRET.search(value)}
    return [name for name, value in plain.items() if secret_name(name) or secret_text(value)]


def resolved(name: str, told: Mapping[str, str], kind: str = "env") -> dict[str, str]:
    """Put secrets in the place of their handles, for the server's environment or requests alone."""

    def value(found: re.Match[str]) -> str:
        secret = found[1]
        known = vault.resolve(handle(secret))
        there = str(known) if known != handle(secret) else os.environ.get(secret)
        if not there:
            hint = f"%agent secret {secret} makes it known"
            raise ConfigError(f"mcp.{name}.{kind}: no secret {secret!r} is known; {hint}")
        return there

    return {k: _SECRET.sub(value, v) for k, v in told.items()}


_GLOB = re.compile(r"[*?\[]")


class Servers:
    """The servers that processes of a session may use; each is started with the first call that needs it.

    Parameters
    ----------
    home : callable
        Gives the home.
    configured : callable
        Gives the settings as they are now.
    """

    def __init__(self, home: Callable[[], Home], configured: Callable[[], Configured]) -> None:
        self._home, self._configured = home, configured
        self._running: dict[str, tuple[Spec, Server]] = {}

    # which there are

    def specs(self) -> dict[str, Spec]:
        """Return all servers by name; `llmos.toml` goes before what was added."""
        added = {n: parse(n, raw, "%agent mcp add") for n, raw in self._own().items()}
        return {**added, **{n: parse(n, raw, "llmos.toml") for n, raw in self._configured().mcp.items()}}

    def add(self, name: str, words: Sequence[str]) -> Spec:
        """Keep a server in the home: a program with its arguments, or a URL with headers as ``Name: value``.

        Raises
        ------
        UsageError
            The name is no name, or taken.
        """
        raw = _of_words(name, words)
        spec = parse(name, raw, "%agent mcp add")
        if name in self._configured().mcp:
            raise UsageError(f"mcp add {name!r}: llmos.toml has a server of this name")
        kept = self._kept()
        if name in kept["servers"]:
            hint = f"%agent mcp remove {name} forgets it"
            raise UsageError(f"mcp add {name!r}: there is one of this name; {hint}")
        kept["servers"][name], kept["macs"][name] = raw, _mac(name, raw)
        self._keep(kept)
        return spec

    def strangers(self) -> dict[str, Any]:
        """Return the servers of the home that this user has not added; they are not started."""
        own = self._own()
        return {n: raw for n, raw in self._kept()["servers"].items() if n not in own}

    def take_over(self) -> None:
        """Take the servers that somebody else added as if this user had."""
        kept, theirs = self._kept(), self.strangers()
        if theirs:
            self._keep({**kept, "macs": {**kept["macs"], **{n: _mac(n, raw) for n, raw in theirs.items()}}})

    def _own(self) -> dict[str, Any]:
        kept = self._kept()
        return {n: raw for n, raw in kept["servers"].items() if kept["macs"].get(n) == _mac(n, raw)}

    async def remove(self, name: str) -> None:
        """Forget a server that was added, with what was seen of it, and end its process."""
        kept = self._kept()
        kept["macs"].pop(name, None)
        if name not in kept["servers"]:
            listed = name in self._configured().mcp
            hint = "it is in llmos.toml: take it out there" if listed else "no such server"
            raise UsageError(f"mcp remove {name!r}: {hint}{nearest(name, kept['servers'])}")
        del kept["servers"][name]
        kept["seen"] = {n: d for n, d in kept["seen"].items() if not n.startswith(f"{name}_")}
        self._keep(kept)
        if name in self._running:
            await self._running.pop(name)[1].close()

    def named(self, word: str) -> bool:
        """Return whether a word of ``--tools`` speaks of a server or of one of its tools."""
        return not _GLOB.search(word) and re.split(r"[_.]", word, maxsplit=1)[0] in self.specs()

    def running(self, name: str) -> int | None:
        """Return the process number of a server that runs on this machine."""
        return self._running[name][1].pid if name in self._running else None

    def state(self, name: str) -> str:
        """Return in a word whether a server runs: its process number, or that it is connected or not yet needed."""
        server = self._running[name][1] if name in self._running else None
        return "not yet" if server is None or not server.runs else str(server.pid or "connected")

    async def look(self, deadline_s: float) -> None:
        """Find out which servers are still there, for `state`."""
        await asyncio.gather(*(server.look(deadline_s) for _, server in self._running.values()))

    def news(self) -> list[tuple[str, int]]:
        """Return how often each server that runs has said that its tools are others now."""
        return [(name, server.news) for name, (_, server) in self._running.items()]

    # their tools

    async def tools(self, patterns: str, deadline_s: float, only: str = "") -> list[Tool]:
        """Return the tools that patterns let through, asking each server that they may speak of.

        Parameters
        ----------
        patterns : str
            Servers, tools (``time_get`` or ``time.get``) and globs; with ``-`` in front to leave out.
        deadline_s : float
            Seconds that each server may take.
        only : str
            Ask this one alone.

        Raises
        ------
        LlmosError
            A server is not known or does not start, or a tool is not there.
        """
        words = patterns.split()
        specs = {n: s for n, s in self.specs().items() if _concerned(n, words) and only in ("", n)}
        found = [t for name, spec in specs.items() for t in await self._of(name, spec, deadline_s)]
        chosen = [t for t in found if _chosen(t, words)]
        plain = [w for w in words if not w.startswith("-") and not _GLOB.search(w)]
        for word in () if only else plain:
            if word not in specs and not any(_speaks(word, t) for t in found):
                have = [*self.specs(), *OFFERED, *(t.name for t in found)]
                there = nearest(word, have) or f" (there are: {', '.join(have[:12]) or 'none'})"
                raise UsageError(f"tools {word!r}: no such device, MCP server or tool{there}")
        first = {t.name: _said(t) for t in chosen}
        self._see({**first, **self._kept()["seen"]})
        return chosen

    async def _of(self, name: str, spec: Spec, deadline_s: float) -> list[Tool]:
        last, server = self._running.get(name, (None, None))
        if server is None or last != spec:
            if server is not None:
                await server.close()
            kind = "headers" if spec.url else "env"
            server = Server(name, spec.command, lambda: resolved(name, spec.told, kind), spec.url)
            self._running[name] = (spec, server)
        try:
            listing = await server.listing(deadline_s)
        except ConfigError:
            raise
        except Exception as error:  # whatever the SDK makes of what a server answers
            raise ToolError(f"MCP server {name} ({str(spec)[:80]}): {said(error)}") from error
        settings = self._configured()
        return [as_declared(t, said_of(t.name, settings.tools)) for t in as_tools(server, listing)]

    # what was seen of them

    def differs(self, tool: Tool) -> bool:
        """Return whether a server says something else of a tool than when it was first seen or last approved."""
        said_now = _said(tool)
        return str(self._kept()["seen"].get(tool.name, said_now)) != said_now

    def accept(self, tool: Tool) -> None:
        """Keep what a server says of a tool now as what was approved."""
        self._see({tool.name: _said(tool)})

    def _see(self, said: Mapping[str, str]) -> None:
        kept = self._kept()
        if not kept["seen"].items() >= said.items():
            kept["seen"] |= said
            self._keep(kept)

    def _kept(self) -> dict[str, dict[str, Any]]:
        path = self._home().root / "mcp.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            return {k: dict(found.get(k) or {}) for k in ("servers", "seen", "macs")}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ConfigError(f"{path}: {error}; mend it or delete it, and add the servers again") from error

    def _keep(self, kept: Mapping[str, Any]) -> None:
        path = self._home().root / "mcp.json"
        beside = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._home().prepare()
            beside.touch(mode=0o600)  # a header may be a secret
            beside.write_text(json.dumps(kept, indent=1, sort_keys=True), encoding="utf-8")
            beside.replace(path)
        except OSError as error:
            raise JournalUnwritable(f"cannot write {path}: {error.strerror or error}") from error


def _of_words(name: str, words: Sequence[str]) -> dict[str, Any]:
    """Return a server as `%agent mcp add` says it."""
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", words[0]):
        return {"command": list(words)}
    headers = [_HEADER.fullmatch(word) for word in words[1:]]
    wrong = next((w for w, found in zip(words[1:], headers, strict=True) if not found), "")
    if wrong:
        hint = "'Authorization: Bearer {secret:NAME}'"
        raise UsageError(f"mcp add {name!r}: {wrong!r} is no header; write it as {hint}")
    told = {found[1]: found[2] for found in headers if found}
    return {"url": words[0], **({"headers": told} if told else {})}


def _concerned(server: str, words: Iterable[str]) -> bool:
    """Return whether patterns may let a tool of a server through."""
    wanted = [w for w in words if not w.startswith("-")]
    stems = [_GLOB.split(w.replace(".", "_", 1), maxsplit=1)[0] for w in wanted]
    start = f"{server}_"
    return f"-{server}" not in words and any(
        w == server or (start.startswith(stem) and _GLOB.search(w)) or stem.startswith(start)
        for w, stem in zip(wanted, stems, strict=True)
    )


def _mac(name: str, raw: Any) -> str:
    return mac(f"mcp {canonical([name, raw])}")


def _said(tool: Tool) -> str:
    return tool.origin.said if tool.origin is not None else ""


def _speaks(word: str, tool: Tool) -> bool:
    dotted = tool.name.replace(f"{tool.server}_", f"{tool.server}.", 1)
    return word == tool.server or fnmatchcase(tool.name, word) or fnmatchcase(dotted, word)


def _chosen(tool: Tool, words: Iterable[str]) -> bool:
    spoken = [w.removeprefix("-") == w for w in words if _speaks(w.removeprefix("-"), tool)]
    return bool(spoken) and all(spoken)
