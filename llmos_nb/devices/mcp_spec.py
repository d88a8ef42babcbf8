"""How an MCP server is started: read from settings, with its secrets put in at the last moment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmos_nb.devices.offered import OFFERED
from llmos_nb.errors import ConfigError, nearest
from llmos_nb.secrets.box import box, handle

SERVER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,23}")
_SECRET = re.compile(r"\{secret:([\w.-]+)\}")
_KEYS = ("command", "env")


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
        known = box.resolve(handle(secret))
        if known != handle(secret):
            return str(known)
        if os.environ.get(secret):
            return os.environ[secret]
        raise ConfigError(
            f"mcp.{name}.env: no secret {secret!r} is known; %agent secret {secret} makes it known"
        )

    return {k: _SECRET.sub(value, v) for k, v in env.items()}
