"""The process of an MCP server and its lines: JSON-RPC over stdin and stdout, bounded, and only what was asked for.

The SDK's own transport keeps a line of any length and hands everything on. A server is not trusted here: of a line
that is too long head and tail are kept, what is no answer to a request of ours is counted and dropped, and what the
server asks of us (sampling, elicitation, roots) is refused and noted.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from llmos_nb.tools.text import safe_text

# bytes: of an answer that is read whole; of what nobody asked for, and of one line that is passed over, before the
# server is ended. `KEPT` is what stays of the head and tail of a line that is too long.
MOST_LINE, MOST_NOISE, MOST_SKIPPED = 16 << 20, 64 << 20, 256 << 20
KEPT, CHUNK, GRACE_S = 8 << 10, 64 << 10, 1.0
_ID = re.compile(rb'(?<!\\)"id"\s*:\s*(?:(\d{1,18})|"([^"\\]{1,64})")')
# A server must not outlive this interpreter, even one that is killed: the system ends it with its parent.
_LEASH = (
    "import ctypes,os,sys;ctypes.CDLL(None).prctl(1,9);"
    "os.getppid()==int(sys.argv[1]) or os._exit(1);os.execvp(sys.argv[2],sys.argv[2:])"
)


class Lines:
    """Bytes cut into lines; of one that is too long only head and tail are kept.

    Parameters
    ----------
    most : int
        Most bytes of a line that is given whole.
    """

    def __init__(self, most: int = MOST_LINE) -> None:
        self.most = most
        self._parts: list[bytes] = []
        self.size, self._tail = 0, b""

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes, bytes, int]]:
        """Return the lines that end in a chunk: whole (or head), tail (empty where whole), true size in bytes."""
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._add(piece)
            yield b"".join(self._parts), self._tail, self.size
            self._parts, self.size, self._tail = [], 0, b""
        self._add(rest)

    def _add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size <= self.most:
            self._parts.append(piece)
            return
        if not self._tail:
            whole = b"".join([*self._parts, piece])
            self._parts, piece = [whole[:KEPT]], whole[-KEPT:]
        self._tail = (self._tail + piece)[-KEPT:]


class Wire:
    """One server process, and what passes between it and a session of the SDK.

    Parameters
    ----------
    process : asyncio.subprocess.Process
        With pipes.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        import anyio  # with the SDK

        self.process = process
        self.ended = asyncio.Event()
        self.why, self.news = "", 0
        self.refused: Counter[str] = Counter()
        self._asked: dict[int | str, str] = {}
        self._noise, self._stderr = 0, b""
        self._to_session, self.read = anyio.create_memory_object_stream[Any](0)
        self.write, self._from_session = anyio.create_memory_object_stream[Any](0)
        self._tasks = [asyncio.ensure_future(t) for t in (self._reading(), self._writing(), self._complaints())]

    @classmethod
    async def open(cls, command: Sequence[str], env: Mapping[str, str]) -> Wire:
        """Start a server in a process group of its own, so that a notebook's interrupt does not reach it."""
        leash = [sys.executable, "-I", "-S", "-c", _LEASH, str(os.getpid())] if sys.platform == "linux" else []
        how: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
        how |= {"env": dict(env), "start_new_session": True}
        return cls(await asyncio.create_subprocess_exec(*leash, *command, **how))

    async def _reading(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - opened with pipes
        lines = Lines()
        while chunk := await self.process.stdout.read(CHUNK):
            for line in lines.feed(chunk):
                if (answer := self._taken(*line)) is not None:
                    await self._to_session.send(_message(answer))
            if self._noise > MOST_NOISE or lines.size > MOST_SKIPPED:
                self.why = f"it sent {max(self._noise, lines.size):,} bytes that nobody had asked for"
                break
        await self._end()

    async def _end(self) -> None:
        if not self.why:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), GRACE_S)
            last = safe_text(self._stderr.decode("utf-8", "replace")).strip().splitlines()
            code = self.process.returncode
            self.why = f"it ended with code {code}" if code is not None else "it closed its output"
            self.why += f" ({last[-1][:300]})" if last else ""
        self.ended.set()
        self.kill()
        self._to_session.close()

    def _taken(self, line: bytes, tail: bytes, size: int) -> dict[str, Any] | None:
        """Return a line that answers a request of ours; count the rest, answer what must be answered."""
        message = _cut_short(line, tail, size) if tail else _parsed(line)
        key, method = message.get("id"), message.get("method")
        if method is None and isinstance(key, int | str) and key in self._asked:
            asked, self._noise = self._asked.pop(key), 0
            if tail and asked != "tools/call":
                return _error(key, f"an answer of {size:,} bytes; {MOST_LINE:,} are read")
            return _without_output_schemas(message)
        self._noise += max(size, 64)  # a flood of empty lines counts, too
        self.news += method == "notifications/tools/list_changed"
        if isinstance(method, str) and isinstance(key, int | str):
            self._answer(method, key)
        return None

    def _answer(self, method: str, key: int | str) -> None:
        """Answer a ping; refuse all else that a server asks of us."""
        said: dict[str, Any] = {"jsonrpc": "2.0", "id": key, "result": {}}
        if method != "ping":
            self.refused[safe_text(method)[:60]] += 1
            said = _error(key, "refused: this client does nothing for a server", -32601)
        if self.process.stdin is not None and not self.process.stdin.is_closing():
            self.process.stdin.write(json.dumps(said).encode() + b"\n")

    async def _writing(self) -> None:
        assert self.process.stdin is not None  # noqa: S101 - opened with pipes
        with suppress(ConnectionError):
            async for sent in self._from_session:
                raw = sent.message.model_dump(mode="json", by_alias=True, exclude_unset=True)
                if "method" in raw and "id" in raw:
                    self._asked[raw["id"]] = raw["method"]
                self.process.stdin.write(json.dumps(raw).encode() + b"\n")
                await self.process.stdin.drain()

    async def _complaints(self) -> None:
        assert self.process.stderr is not None  # noqa: S101 - opened with pipes
        while chunk := await self.process.stderr.read(CHUNK):
            self._stderr = (self._stderr + chunk)[-KEPT:]

    def kill(self) -> None:
        """End the server with all that it has started."""
        kill_group(self.process.pid)

    async def close(self) -> None:
        """End the server, and give its pipes back."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), GRACE_S)
        self.kill()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for stream in (self._to_session, self.read, self.write, self._from_session):
            stream.close()
        await self.process.wait()


def kill_group(pid: int) -> None:
    """End a process group at once; one that is gone is fine."""
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)
        else:
            os.killpg(pid, signal.SIGKILL)


def _error(key: int | str, message: str, code: int = -32603) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": key, "error": {"code": code, "message": message}}


def _parsed(line: bytes) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        found = json.loads(line)
        return found if isinstance(found, dict) else {}
    return {}


def _cut_short(head: bytes, tail: bytes, size: int) -> dict[str, Any]:
    """Make a readable answer of one that is too long: its head and tail, as they were sent."""
    found = _ID.search(head[:512]) or _ID.search(tail[-512:])
    if found is None:
        return {}
    key: int | str = int(found[1]) if found[1] else found[2].decode("utf-8", "replace")
    first, last = head[:4096].decode("utf-8", "replace"), tail[-1024:].decode("utf-8", "replace")
    about = f"[an answer of {size:,} bytes; {MOST_LINE:,} are read; its first and last as sent]"
    text = f"{about}\n{first}\n…\n{last}"
    result = {"content": [{"type": "text", "text": text}], "isError": False}
    return {"jsonrpc": "2.0", "id": key, "result": result}


def _without_output_schemas(message: dict[str, Any]) -> dict[str, Any]:
    """Take away what the SDK would check results with: a server's schema may name addresses to be fetched."""
    match message:
        case {"result": {"tools": list(tools)}}:
            for tool in tools:
                if isinstance(tool, dict):
                    tool.pop("outputSchema", None)
    return message


def _message(raw: dict[str, Any]) -> Any:
    """Return a message as the SDK's type; one that is no JSON-RPC becomes an error for whoever asked."""
    from mcp import types
    from mcp.shared.message import SessionMessage

    adapter = getattr(types, "jsonrpc_message_adapter", None)  # version 2 of the SDK
    read = adapter.validate_python if adapter is not None else vars(types)["JSONRPCMessage"].model_validate
    try:
        return SessionMessage(read(raw))
    except ValueError:
        return SessionMessage(read(_error(raw["id"], "the server's answer is not understood")))
