"""The terminal: one command at a time, in the workspace, asked each time by its exact text."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from llmos_nb.messages import ToolResult
from llmos_nb.tools.devices.context import Site, device_tool, risky
from llmos_nb.tools.devices.programs.run import environment, run, told
from llmos_nb.tools.protocol import Tool


def terminal_tools(site: Site) -> list[Tool]:
    """Return what ``-t terminal`` offers."""
    more = site.variables("terminal")

    async def terminal(command: str) -> ToolResult:
        """Run one command line in the workspace; the user sees its exact text and is asked each time. No input.

        Parameters
        ----------
        command : str
            As in a POSIX shell.
        """
        words = [shutil.which("bash") or "/bin/sh", "-c", command]
        return told(await run(words, site.workspace.root, environment(more)))

    said = {"sinks": ("command",), "source": "untrusted"}
    return [device_tool(terminal, "external", "once", manifest=said, inspect=_look, code=_code, each_time=True)]


def _look(arguments: Mapping[str, Any]) -> dict[str, Any]:
    said = f"`{arguments.get('command', '')}` runs with your rights, and Undo cannot take back what it does"
    return risky("run a command", "process", said, each_time=True)


def _code(arguments: Mapping[str, Any]) -> str:
    return f"import subprocess\n\nsubprocess.run({arguments['command']!r}, shell=True, check=True)"
