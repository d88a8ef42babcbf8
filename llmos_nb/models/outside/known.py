"""Agents that speak the Agent Client Protocol: the commands of those that are known, and how a spec becomes a model."""

from __future__ import annotations

import shlex
import shutil
from importlib.util import find_spec
from typing import NamedTuple

from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.journal import host
from llmos_nb.models.outside.acp import AcpModel

NEEDED = 'an agent by ACP needs the extra acp: pip install "llmos_nb[acp]"'


class Known(NamedTuple):
    """The command of an agent and how to install it, as written about it; tried with none of them."""

    command: tuple[str, ...]
    install: str


KNOWN = {
    "claude-code": Known(("claude-agent-acp",), "npm install -g @agentclientprotocol/claude-agent-acp"),
    "codex": Known(("codex-acp",), "npm install -g @agentclientprotocol/codex-acp"),
    "gemini": Known(("gemini", "--acp"), "npm install -g @google/gemini-cli"),
    "goose": Known(("goose", "acp"), "see the documentation of goose"),
    "kimi": Known(("kimi", "acp"), "see the documentation of Kimi Code CLI"),
    "mistral-vibe": Known(("vibe-acp",), "pip install mistral-vibe"),
    "opencode": Known(("opencode", "acp"), "npm install -g opencode-ai"),
}


def agent(text: str) -> AcpModel:
    """Return the agent of a spec's rest: one that is known, else the command that begins it. Nothing is started.

    Raises
    ------
    ConfigError
        Something is not installed.
    UsageError
        It is no command, or nothing can be started here.
    """
    if host.ALONE:
        raise UsageError("acp: no program can be started in a browser")
    if find_spec("acp") is None or find_spec("mcp") is None:
        raise ConfigError(NEEDED)
    known = KNOWN.get(text := text.strip())
    try:
        command = known.command if known is not None else tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"model 'acp:{text}': {error}") from None
    if shutil.which(command[0]) is None:
        how = known.install if known is not None else f"known are {', '.join(KNOWN)}, or write a command"
        raise ConfigError(f"model 'acp:{text}': the program {command[0]} is not there; {how}")
    return AcpModel(text, command)
