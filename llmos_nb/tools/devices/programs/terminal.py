"""The terminal: one command at a time, in the workspace, asked each time by its exact text."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from llmos_nb.messages import ToolResult
from llmos_nb.tools.devices.context import Site, risky
from llmos_nb.tools.devices.programs.run import Ended, environment, run
from llmos_nb.tools.make import as_tool
from llmos_nb.tools.protocol import CallContext, Tool


def terminal(command: str) -> str:
    """Run one command line in the workspace; the user sees its exact text and is asked each time. No input.

    Parameters
    ----------
    command : str
        As in a POSIX shell.
    """
    raise NotImplementedError(command)


def terminal_tools(site: Site) -> list[Tool]:
    """Return what ``-t terminal`` offers."""
    more = site.variables("terminal")
    made = as_tool(terminal, effect="external", repeat="once", sinks=("command",), source="untrusted")
    return [
        replace(
            made, runner=partial(_run, site, more), inspect=_look, code=_code, each_time=True
        )
    ]  # fmt: skip


def _look(arguments: Mapping[str, Any]) -> dict[str, Any]:
    said = f"`{arguments.get('command', '')}` runs with your rights, and Undo cannot take back what it does"
    return risky("run a command", "process", said, each_time=True)


async def _run(
    site: Site, more: tuple[str, ...], arguments: Mapping[str, Any], context: CallContext
) -> ToolResult:
    command = [shutil.which("bash") or "/bin/sh", "-c", str(arguments["command"])]
    ended = await run(command, site.workspace.root, context.deadline_s, context.on_output, environment(more))
    return told(ended, context.deadline_s)


def told(ended: Ended, deadline_s: float) -> ToolResult:
    """Say how a program ended."""
    facts = {"size": ended.size, "code": ended.code}
    if ended.code is None:
        late = f"it passed its deadline of {deadline_s:g} s and was ended with all that it had started"
        return ToolResult(False, f"{ended.text}\n{late}".strip(), "ToolTimeout", facts=facts)
    text = ended.text.rstrip("\n") or "no output"
    if ended.code == 0:
        return ToolResult(True, text, facts=facts)
    how = f"signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
    return ToolResult(False, f"{text}\n[{how}]", "Failed", facts=facts)


def _code(arguments: Mapping[str, Any]) -> str:
    return f"import subprocess\n\nsubprocess.run({arguments['command']!r}, shell=True, check=True)"
