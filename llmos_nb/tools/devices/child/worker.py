"""The other end of a child: takes calls from its parent, runs them on a namespace of its own, tells what came of them.

Frames are lines of JSON; values go up as text only. The process ends when its parent closes the connection.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import json
import os
import pickle
import queue
import re
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from llmos_nb.heap import Snapshots
from llmos_nb.heap.plain import encode
from llmos_nb.messages import ToolResult
from llmos_nb.tools.devices.child.looking import looked
from llmos_nb.tools.devices.child.sandbox import limits, sandbox
from llmos_nb.tools.devices.namespace.device import NamespaceDevice
from llmos_nb.tools.devices.python.device import PythonDevice
from llmos_nb.tools.devices.python.guard import interruptible
from llmos_nb.tools.invoke import invoke
from llmos_nb.tools.outcome import Stopped
from llmos_nb.tools.protocol import CallContext, Tool
from llmos_nb.tools.text import safe_text

Frame = dict[str, Any]
MOST_LEFT = 32
MOST_LINE, MOST_NODES = 8 << 20, 100_000  # of JSON that another end sends, which may be hostile
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*"')


class Connection:
    """Frames over a pair of pipes; a frame may be followed by as many raw bytes as its ``bytes`` says.

    Parameters
    ----------
    reading, writing : binary files
        The pipes.
    most : int
        Bytes that may follow a frame when it is read; with it the frame itself is bounded, too, since the other end may
        send anything.
    """

    def __init__(self, reading: BinaryIO, writing: BinaryIO, most: int = sys.maxsize) -> None:
        self._reading, self._writing, self._most = reading, writing, most

    def send(self, frame: Mapping[str, Any], raw: bytes = b"") -> None:
        """Write one frame."""
        self._writing.write(json.dumps(frame).encode() + b"\n")
        self._writing.write(raw)
        self._writing.flush()

    def take(self) -> tuple[Frame, bytes] | None:
        """Read one frame; None at the end.

        Raises
        ------
        ValueError
            It is no frame, or larger than a frame may be.
        """
        trusted = self._most == sys.maxsize
        most = self._most if trusted else min(self._most, MOST_LINE)
        line = self._reading.readline(most)
        if not line.endswith(b"\n"):
            if len(line) == most:
                raise ValueError(f"it sent more than {most >> 20:,} MiB at once")
            return None
        if not trusted and _nodes(line) > MOST_NODES and _nodes(_TEXTS.sub(b"", line)) > MOST_NODES:
            raise ValueError(f"it sent more than {MOST_NODES:,} values at once")
        frame: Frame = json.loads(line)
        size = frame.get("bytes", 0) if isinstance(frame, dict) else None
        if not isinstance(size, int) or not 0 <= size <= self._most:
            raise ValueError("it sent what is no frame")
        return frame, self._reading.read(size)

    def close(self) -> None:
        """Close both pipes."""
        for file in (self._writing, self._reading):
            with suppress(OSError):
                file.close()


def _nodes(line: bytes) -> int:
    """Return how many values JSON may hold at most."""
    return sum(map(line.count, (b",", b"[", b"{")))


@dataclass(eq=False, repr=False)  # `signal` has the repr of a handler: it would be that of the whole namespace
class Worker:
    """Runs calls one after the other.

    Parameters
    ----------
    connection : Connection
        To the parent.
    namespace : dict
        Its own.
    ip : InteractiveShell, optional
        The one that came with a fork.
    show_values : bool
        As in `PythonDevice`.
    alone : bool
        Whether all processes that this one can see are its own; a step's then end with it.
    takes_back : bool
        As in `PythonDevice`.
    """

    connection: Connection
    namespace: dict[str, Any]
    ip: Any = None
    _: KW_ONLY
    show_values: bool = False
    alone: bool = False
    takes_back: bool = True

    def __post_init__(self) -> None:
        self.task: asyncio.Task[ToolResult] | None = None
        self.looking = False
        how: dict[str, Any] = {"show_values": self.show_values, "on_display": lambda bundle: None}
        how["takes_back"] = self.takes_back
        python = PythonDevice(self.namespace, self.ip, snapshots=Snapshots(self.namespace), **how)
        tools = [python.tool, *NamespaceDevice(self.namespace, values=True).tools]
        self.tools: dict[str, Tool] = {t.name: t for t in tools}

    def serve(self) -> None:
        """Take frames until the parent closes the connection."""
        frames: queue.SimpleQueue[tuple[Frame, bytes]] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(frames,), daemon=True).start()
        signal.signal(signal.SIGINT, self._heard)
        with asyncio.Runner() as runner:
            while True:
                frame, raw = frames.get()
                done, given = self._answer(runner, frame, raw)
                self.connection.send({"done": done, "bytes": len(given)}, given)

    def _read(self, frames: queue.SimpleQueue[tuple[Frame, bytes]]) -> None:
        with suppress(OSError, ValueError):
            while (found := self.connection.take()) is not None:
                frames.put(found)
        os._exit(0)  # nobody is there any more, whatever runs

    def _heard(self, number: int, frame: object) -> None:
        """End an awaiting step; code that runs without awaiting has a guard that takes the signal itself."""
        if self.looking:
            raise Stopped
        if self.task is not None:
            self.task.get_loop().call_soon_threadsafe(self.task.cancel)

    def _answer(self, runner: asyncio.Runner, frame: Frame, raw: bytes) -> tuple[Frame, bytes]:
        if "get" in frame:
            return self._given(frame["get"])
        if "look" in frame:
            return self._look(frame), b""
        if "tool" not in frame:
            return {"error": _tried(lambda: self._put(frame, raw))}, b""
        limits.bound_processor(frame["deadline_s"])
        most = 0
        try:
            result = runner.run(self._call(frame))
            most = MOST_LEFT if result.ok else 0
            return _plain(result), b""
        except (Stopped, asyncio.CancelledError):
            return {"stopped": True}, b""
        finally:
            self.task = None
            self._sweep(most)

    def _look(self, frame: Frame) -> Frame:
        """Evaluate expressions, each in a copy; Stop ends them."""
        try:
            self.looking = True
            return {"told": looked(self.namespace, frame["look"], frame["each_s"], frame["deadline_s"])}
        except Stopped:
            return {"stopped": True}
        except (OSError, AttributeError) as error:  # it may start no process
            return {"error": f"no copy can be made here ({error})"}
        finally:
            self.looking = False

    def _sweep(self, most: int) -> None:
        """End the processes that a step has left, where they are more than it may leave (such as a pool of workers)."""
        if not self.alone or sum(name.isdecimal() for name in os.listdir("/proc")) - 2 <= most:  # noqa: PTH208 - a count
            return
        with suppress(OSError):  # there is none
            os.kill(-1, signal.SIGKILL)

    def _put(self, frame: Frame, raw: bytes) -> None:
        """Bind one input: a module, or a copy of the parent's value."""
        module = frame.get("module")
        self.namespace[frame["put"]] = importlib.import_module(module) if module else pickle.loads(raw)  # noqa: S301 - our own parent's

    def _given(self, name: str) -> tuple[Frame, bytes]:
        """Return the value of one variable, written, or why not."""
        given: list[bytes] = []
        return {"error": _tried(lambda: given.append(encode(self.namespace[name])))}, b"".join(given)

    async def _call(self, frame: Frame) -> ToolResult:
        self.task = asyncio.current_task()
        context = CallContext(frame["call"], frame["key"], frame["deadline_s"], self._say)
        return await invoke(self.tools[frame["tool"]], frame["arguments"], context, interruptible)

    def _say(self, text: str) -> None:
        self.connection.send({"out": text})


def _tried(act: Callable[[], None]) -> str:
    """Return what an act raises, in words."""
    try:
        act()
    except Exception as error:  # whatever a pickle of somebody's class does
        return safe_text(f"{type(error).__name__}: {error}")[:200]
    return ""


def _plain(result: ToolResult) -> Frame:
    plain = ("ok", "text", "error", "changes", "facts")
    parts = [{**asdict(p), "data": base64.b64encode(p.data).decode()} for p in result.parts]
    told = {key: getattr(result, key) for key in plain}
    if (effects := result.facts.get("effects")) is not None:  # its own folder goes with it
        own = f"{Path.cwd()}{os.sep}"
        outside = [e for e in effects if not e.partition(" ")[2].startswith(own)]
        told["facts"] = {**result.facts, "effects": outside}
    return {**told, "parts": parts}


def silence() -> None:
    """Send what is printed outside steps nowhere."""
    null = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - it stays open
    for number in (1, 2):
        os.dup2(null.fileno(), number)
    sys.stdout = sys.stderr = null


def main() -> None:
    """Serve over standard input and output, confined."""
    asked = json.loads(sys.argv[1])
    reading, writing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    silence()
    confined = sandbox.Jail(**asked["jail"])
    holds, alone = confined.close((reading.fileno(), writing.fileno()), asked["parent"])
    sys.path[:0] = [p for p in confined.path if p not in sys.path]  # now that what is found there is held
    connection = Connection(reading, writing)
    connection.send({"holds": [[p.name, p.holds, p.how] for p in holds]})
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    Worker(connection, namespace, show_values=asked["show"], alone=alone).serve()
