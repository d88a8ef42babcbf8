"""Previews: a step runs in a forked copy of this process, which is thrown away. The live namespace is untouched.

A fork shares all memory until somebody writes, so it costs nothing to copy and misses nothing that is there. What is
shared with files and processes is parted from them, and files, processes, deletions and the network are refused
(`tools.devices.child.sandbox.preview`); other tools do not run at all.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.messages import ToolResult
from llmos_nb.process.gate.judge import find
from llmos_nb.process.run import Run
from llmos_nb.tools import NAME_CHANGES, CallContext, Tool, parse_arguments, validate
from llmos_nb.tools.devices.child import Child, Connection, Worker, forked as fork, silence
from llmos_nb.tools.devices.child.sandbox import preview as confinement

PREVIEW_S = 20.0
NO_FORK = "a preview needs os.fork, which this system does not have; use --isolate to run apart from your variables"


def check_fork() -> None:
    """Say so where there is no fork."""
    if not hasattr(os, "fork"):
        raise UsageError(NO_FORK)


def forked(namespace: dict[str, Any], ip: Any = None, show_values: bool = False) -> Child:
    """Make a child that is a copy of this process as it is at the first call; later calls see what earlier ones made.

    Parameters
    ----------
    namespace : dict
        The live names; the copy has its own.
    ip : InteractiveShell, optional
        IPython, where there is one.
    show_values : bool
        As in `PythonDevice`.
    """
    check_fork()
    return Child(lambda: _fork(namespace, ip, show_values))


class _Forked:
    """A process that was forked, as `Child` takes it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code once it has ended."""
        if self._code is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if done else None
        return self._code

    def send_signal(self, sig: int) -> None:
        """Signal it."""
        os.kill(self.pid, sig)

    def kill(self) -> None:
        """End it at once."""
        os.kill(self.pid, signal.SIGKILL)


def _fork(namespace: dict[str, Any], ip: Any, show_values: bool) -> tuple[Connection, _Forked]:
    down, up = os.pipe(), os.pipe()
    pid = fork()
    if pid:
        os.close(down[0])
        os.close(up[1])
        return Connection(os.fdopen(up[0], "rb"), os.fdopen(down[1], "wb")), _Forked(pid)
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        confinement.cut_descriptors(frozenset((down[0], up[1], 0, 1, 2)))
        silence()
        confinement.no_effects()
        sys.settrace(None)
        connection = Connection(os.fdopen(down[0], "rb"), os.fdopen(up[1], "wb"))
        Worker(connection, namespace, ip, show_values=show_values, takes_back=False).serve()
    finally:
        os._exit(1)  # whatever happens, the copy never goes on as its parent


def described(changes: Mapping[str, Any] | None) -> str:
    """Say what a step would change, in a line: ``created x; mutated df (+b)``."""
    details = (changes or {}).get("details", {})
    said = []
    for kind in NAME_CHANGES:
        names = [f"{n} ({', '.join(details[n][:5])})" if details.get(n) else n for n in (changes or {}).get(kind, ())]
        said += [f"{kind} {', '.join(names)}"] if names else []
    return "; ".join(said) or "nothing"


async def preview(run: Run, call_id: str, ip: Any = None) -> ToolResult:
    """Run one call that waits in a copy: its text is what it shows, its fact ``would`` what it would change.

    Parameters
    ----------
    run : Run
        The process.
    call_id : str
        The call, ``r2.0``.
    ip : InteractiveShell, optional
        IPython, where there is one.

    Raises
    ------
    UsageError
        There is no fork, no such call, or it is not Python.
    """
    call = run.state.calls.get(call_id)
    if call is None or call.name != "python" or run.namespace is None:
        raise UsageError(f"call {call_id!r}: only a Python step can be previewed")
    arguments = validate(find(run.tools, call.name), parse_arguments(call.arguments))
    child = forked(run.namespace, ip, run.model.traits.sees_values)
    context = CallContext(call.id, call.id, min(PREVIEW_S, run.call_timeout_s))
    try:
        result = await child.call("python", arguments, context)
    finally:
        child.close()
    return replace(result, changes=None, facts={**result.facts, "would": described(result.changes)})


def previewed(result: ToolResult) -> ToolResult:
    """Put what would change into words and facts; nothing of it stands."""
    note = f"[preview, nothing was changed here; it would change: {described(result.changes)}]"
    text = f"{result.text}\n{note}" if result.text else note
    return replace(result, text=text, changes=None, facts={**result.facts, "preview": names_of(result.changes)})


def names_of(changes: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """Return the changed names by kind."""
    return {kind: list((changes or {}).get(kind, ())) for kind in NAME_CHANGES}


def refused(tool: Tool) -> Tool:
    """Return a tool that says it does not run in a preview."""

    async def runner(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        why = f"`{tool.name}` acts outside the namespace and is refused in a preview; nothing was done"
        return ToolResult(False, why, "Preview")

    inspect = {"level": "read", "title": f"call {tool.name}, refused in a preview"}
    return replace(tool, runner=runner, inspect=lambda arguments: inspect)
