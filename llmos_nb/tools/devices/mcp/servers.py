"""How an MCP server is started: read from settings, with its secrets put in at the last moment."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Protocol

from llmos_nb.errors import ConfigError, JournalUnwritable, ToolError, UsageError, nearest
from llmos_nb.policy.secrets import handle, vault
from llmos_nb.tools.declare import said_of
from llmos_nb.tools.devices.mcp.client import Server, said
from llmos_nb.tools.devices.mcp.tools import as_declared, as_tools
from llmos_nb.tools.devices.registry import OFFERED
from llmos_nb.tools.make import shelved
from llmos_nb.tools.protocol import Tool

SERVER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,23}")
_SECRET = re.compile(r"\{secret:([\w.-]+)\}")
_KEYS = ("command", "env")


class Configured(Protocol):
    """What servers need of the settings: tables of `llmos.toml`, by name."""

    @property
    def mcp(self) -> Mapping[str, Any]:
        """Servers."""

    @property
    def tools(self) -> Mapping[str, Any]:
        """What is declared of tools."""

    @property
    def books(self) -> Mapping[str, Any]:
        """Where records are looked up."""


@dataclass(frozen=True)
class Spec:
    """How a server is started.

    Parameters
    ----------
    command : tuple of str
        Program and arguments.
    env : dict
        Variables; ``{secret:NAME}`` in a value stands for a secret, put in when the server is started.
    where : str
        Who says so: ``llmos.toml`` or ``%agent mcp add``.
    """

    command: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    where: str = "llmos.toml"


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
        raise ConfigError(f"{at}: unknown key {unknown!r}{nearest(unknown, _KEYS)}; it has command and env")
    command, env = raw.get("command"), raw.get("env") or {}
    if not isinstance(command, list) or not command or not all(isinstance(w, str) and w for w in command):
        raise ConfigError(f'{at}: command must be a list of texts, as in command = ["uvx", "mcp-server-time"]')
    if not isinstance(env, dict) or not all(isinstance(v, str) for v in env.values()):
        raise ConfigError(f"{at}: env must be a table of texts")
    return Spec(tuple(command), dict(env), where)


def resolved(name: str, env: Mapping[str, str]) -> dict[str, str]:
    """Put secrets in the place of their handles, for the server's environment alone."""

    def value(found: re.Match[str]) -> str:
        secret = found[1]
        known = vault.resolve(handle(secret))
        there = str(known) if known != handle(secret) else os.environ.get(secret)
        if not there:
            hint = f"%agent secret {secret} makes it known"
            raise ConfigError(f"mcp.{name}.env: no secret {secret!r} is known; {hint}")
        return there

    return {k: _SECRET.sub(value, v) for k, v in env.items()}


_GLOB = re.compile(r"[*?\[]")


class Servers:
    """The servers that processes of a session may use; each is started with the first call that needs it.

    Parameters
    ----------
    home : callable
        Gives the folder of the home.
    configured : callable
        Gives the settings as they are now.
    """

    def __init__(self, home: Callable[[], Path], configured: Callable[[], Configured]) -> None:
        self._home, self._configured = home, configured
        self._running: dict[str, tuple[Spec, Server]] = {}

    # which there are

    def specs(self) -> dict[str, Spec]:
        """Return all servers by name; `llmos.toml` goes before what was added."""
        added = {n: parse(n, raw, "%agent mcp add") for n, raw in self._kept()["servers"].items()}
        return {**added, **{n: parse(n, raw, "llmos.toml") for n, raw in self._configured().mcp.items()}}

    def add(self, name: str, command: Iterable[str]) -> Spec:
        """Keep a server in the home.

        Raises
        ------
        UsageError
            The name is no name, or taken.
        """
        raw = {"command": list(command)}
        spec = parse(name, raw, "%agent mcp add")
        if name in self._configured().mcp:
            raise UsageError(f"mcp add {name!r}: llmos.toml has a server of this name")
        kept = self._kept()
        if name in kept["servers"]:
            hint = f"%agent mcp remove {name} forgets it"
            raise UsageError(f"mcp add {name!r}: there is one of this name; {hint}")
        kept["servers"][name] = raw
        self._keep(kept)
        return spec

    async def remove(self, name: str) -> None:
        """Forget a server that was added, with what was seen of it, and end its process."""
        kept = self._kept()
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
        """Return the process number of a server that runs."""
        return self._running[name][1].pid if name in self._running else None

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
            server = Server(name, spec.command, lambda: resolved(name, spec.env))
            self._running[name] = (spec, server)
        try:
            listing = await server.listing(deadline_s)
        except ConfigError:
            raise
        except Exception as error:  # whatever the SDK makes of what a server answers
            raise ToolError(f"MCP server {name} ({' '.join(spec.command)[:80]}): {said(error)}") from error
        settings = self._configured()
        made = [as_declared(t, said_of(t.name, settings.tools)) for t in as_tools(server, listing)]
        return list(shelved({t.name: t for t in made}, settings.books).values())

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
        path = self._home() / "mcp.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: {error}; mend it or delete it, and add the servers again") from error
        return {k: dict(found.get(k) or {}) for k in ("servers", "seen")}

    def _keep(self, kept: Mapping[str, Any]) -> None:
        path = self._home() / "mcp.json"
        beside = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(kept, indent=1, sort_keys=True), encoding="utf-8")
            beside.replace(path)
        except OSError as error:
            raise JournalUnwritable(f"cannot write {path}: {error.strerror or error}") from error


def _concerned(server: str, words: Iterable[str]) -> bool:
    """Return whether patterns may let a tool of a server through."""
    wanted = [w for w in words if not w.startswith("-")]
    stems = [_GLOB.split(w.replace(".", "_", 1), maxsplit=1)[0] for w in wanted]
    start = f"{server}_"
    return f"-{server}" not in words and any(
        w == server or (start.startswith(stem) and _GLOB.search(w)) or stem.startswith(start)
        for w, stem in zip(wanted, stems, strict=True)
    )


def _said(tool: Tool) -> str:
    return tool.origin.said if tool.origin is not None else ""


def _speaks(word: str, tool: Tool) -> bool:
    dotted = tool.name.replace(f"{tool.server}_", f"{tool.server}.", 1)
    return word == tool.server or fnmatchcase(tool.name, word) or fnmatchcase(dotted, word)


def _chosen(tool: Tool, words: Iterable[str]) -> bool:
    spoken = [w.removeprefix("-") == w for w in words if _speaks(w.removeprefix("-"), tool)]
    return bool(spoken) and all(spoken)
