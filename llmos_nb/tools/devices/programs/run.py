"""Running a program beside the kernel: bounded output, a deadline, no secrets, and nothing left behind.

The plainest use is the terminal: one command at a time, in the workspace, asked each time by its exact text.
"""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from llmos_nb.messages import ToolResult
from llmos_nb.policy.secrets import named_secret, vault
from llmos_nb.tools.devices.context import Site, device_tool, risky, this_call
from llmos_nb.tools.devices.python.capture import Record
from llmos_nb.tools.outcome import Outcome, in_thread
from llmos_nb.tools.protocol import Tool

_KEPT = frozenset(
    (
        "PATH", "HOME", "LANG", "LANGUAGE", "TMPDIR", "TEMP", "TMP", "USER", "LOGNAME", "TZ", "VIRTUAL_ENV",
        "CONDA_PREFIX", "PYTHONPATH", "SYSTEMROOT", "COMSPEC", "PATHEXT",
    )
)  # fmt: skip
_MARK = "LLMOS_CALL"
_DRAIN_S = 0.5  # for output of a program that has ended, when another one still holds the pipe


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Parameters
    ----------
    code : int, optional
        Exit code; negative for a signal; None where it passed its deadline and was ended.
    text : str
        Output and errors together, head and tail.
    size : int
        True size in bytes.
    """

    code: int | None
    text: str
    size: int


def environment(more: Iterable[str] = ()) -> dict[str, str]:
    """Return the variables that a program gets: the few that programs need, and those that are named; no secret."""
    hidden = set(vault.values())
    wanted = {*_KEPT, *more}
    found = {k: v for k, v in os.environ.items() if k in wanted or k.startswith("LC_")}
    plain = {k: v for k, v in found.items() if v not in hidden and not (named_secret(k) and k not in _KEPT)}
    return {**plain, "TERM": "dumb", "PAGER": "cat", "NO_COLOR": "1"}


async def run(command: Sequence[str], folder: Path, env: Mapping[str, str], given: IO[bytes] | None = None) -> Ended:
    """Run a program to its end, for the call that is served.

    It, and all that it started, is ended at the call's deadline and when we are cancelled.

    Parameters
    ----------
    command : sequence of str
        Program and arguments; no shell stands between.
    folder : path
        Where it runs.
    env : mapping
        Its environment.
    given : file, optional
        Its standard input; without one it has none.
    """
    mark, context = uuid.uuid4().hex, this_call()
    process = subprocess.Popen(  # noqa: S603 - running what a person approved is the work of this module
        list(command), cwd=folder, env={**env, _MARK: mark},
        stdin=given or subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    record, loop = Record(), asyncio.get_running_loop()

    def read() -> None:
        """Take what it says until it has closed its output; on a thread of its own, since a pipe may stay silent."""
        assert process.stdout is not None  # noqa: S101 - it was asked for
        with process.stdout as pipe:
            while chunk := os.read(pipe.fileno(), 1 << 16):
                text = chunk.decode("utf-8", "replace")
                record.add(text)
                with suppress(RuntimeError):  # the loop is closed: nobody looks any more
                    loop.call_soon_threadsafe(context.on_output, text)

    reading = asyncio.ensure_future(in_thread(read, math.inf))
    outcome = Outcome(ended=False)
    try:
        outcome = await in_thread(process.wait, context.deadline_s)
    finally:
        _end(process.pid, mark)
        await asyncio.wait({reading}, timeout=_DRAIN_S)
        reading.cancel()
    return Ended(outcome.value if outcome.ended else None, record.text, record.size)


def told(ended: Ended) -> ToolResult:
    """Say how a program ended."""
    facts, seconds = {"size": ended.size, "code": ended.code}, this_call().deadline_s
    if ended.code is None:
        late = f"it passed its deadline of {seconds:g} s and was ended with all that it had started"
        return ToolResult(False, f"{ended.text}\n{late}".strip(), "ToolTimeout", facts=facts)
    text = ended.text.rstrip("\n") or "no output"
    if ended.code == 0:
        return ToolResult(True, text, facts=facts)
    how = f"signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
    return ToolResult(False, f"{text}\n[{how}]", "Failed", facts=facts)


def _end(pid: int, mark: str) -> None:
    """End a program's whole group, and what left the group but still carries the mark."""
    if sys.platform == "win32":
        with suppress(OSError):
            os.kill(pid, signal.SIGTERM)
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    sign = f"{_MARK}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):  # where nobody can tell, none
        with suppress(OSError):
            if sign in entry.read_bytes():
                os.kill(int(entry.parent.name), signal.SIGKILL)


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
