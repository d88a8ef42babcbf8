"""The process of an MCP server and its lines: JSON-RPC over stdin and stdout, bounded, and only what was asked for.

The SDK's own transport keeps a line of any length and hands everything on. Of a line that is too long head and tail
are kept here.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from llmos_nb.journal import host
from llmos_nb.tools.devices.mcp.channel import GRACE_S, MOST_LINE, MOST_NOISE, Channel, as_message
from llmos_nb.tools.text import safe_text

# bytes: of one line that is passed over, before the server is ended; what stays of the head and tail of such a line
MOST_SKIPPED, KEPT, CHUNK = 256 << 20, 8 << 10, 64 << 10
_ID = re.compile(rb'(?<!\\)"id"\s*:\s*(?:(\d{1,18})|"([^"\\]{1,64})")')


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


class Wire(Channel):
    """One server process, and what passes between it and a session of the SDK.

    Parameters
    ----------
    process : asyncio.subprocess.Process
        With pipes.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        super().__init__()
        self.process, self.pid, self._stderr = process, process.pid, b""
        self._tasks = [asyncio.ensure_future(t) for t in (self._reading(), self._writing(), self._complaints())]

    @classmethod
    async def open(cls, command: Sequence[str], env: Mapping[str, str]) -> Wire:
        """Start a server in a process group of its own, so that a notebook's interrupt does not reach it."""
        how: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
        how |= {"env": dict(env), "start_new_session": True}
        return cls(await asyncio.create_subprocess_exec(*host.leashed(command), **how))

    async def _reading(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - opened with pipes
        lines = Lines()
        while chunk := await self.process.stdout.read(CHUNK):
            for line in lines.feed(chunk):
                if (answer := self._taken(*line)) is not None:
                    await self._to_session.send(as_message(answer))
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
        """Return a line that answers a request of ours."""
        return self._passed(_cut_short(line, tail, size) if tail else _parsed(line), size, cut=bool(tail))

    def _send(self, said: dict[str, Any]) -> None:
        if self.process.stdin is not None and not self.process.stdin.is_closing():
            self.process.stdin.write(json.dumps(said).encode() + b"\n")

    async def _writing(self) -> None:
        assert self.process.stdin is not None  # noqa: S101 - opened with pipes
        with suppress(ConnectionError):
            async for sent in self._from_session:
                self.process.stdin.write(json.dumps(self._noted(sent)).encode() + b"\n")
                await self.process.stdin.drain()

    async def _complaints(self) -> None:
        assert self.process.stderr is not None  # noqa: S101 - opened with pipes
        while chunk := await self.process.stderr.read(CHUNK):
            self._stderr = (self._stderr + chunk)[-KEPT:]

    def kill(self) -> None:
        """End the server with all that it has started."""
        host.kill_group(self.process.pid)

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
        self._close_streams()
        await self.process.wait()


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
