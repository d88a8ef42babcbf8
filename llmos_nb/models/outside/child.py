"""An agent as a child process that speaks in lines of JSON: bounded, and ended with all that it started."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from llmos_nb.journal import host
from llmos_nb.messages import compact
from llmos_nb.policy.secrets import redact

# bytes: of one message, of all that come for one prompt, of what is kept of its complaints; seconds
MOST_LINE, MOST_TAKEN, MOST_LOG, CHUNK = 16 << 20, 64 << 20, 1 << 20, 64 << 10
LOOK_S, LAST_S, END_S = 0.05, 0.5, 2.0
_there: set[int] = set()
host.end_at_exit(_there)


class Child:
    """A running agent; for the SDK it is the way of messages to it and back.

    Parameters
    ----------
    process : asyncio.subprocess.Process
        With pipes, in a group of its own.
    log : path
        Where its complaints are kept.

    Attributes
    ----------
    taken : int
        Bytes of messages that have come; whoever counts begins anew.
    why : str
        What was wrong with it, where it was no longer listened to.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process, self.taken, self.why = process, 0, ""
        self._over = asyncio.Event()
        self._tasks = [asyncio.ensure_future(t) for t in (self._watch(), self._complaints(log))]
        _there.add(process.pid)

    @classmethod
    async def begin(cls, command: Sequence[str], log: Path) -> Child:
        """Start a program; an interrupt of the notebook does not reach it, and it does not outlive the interpreter."""
        how: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE)
        how |= {"limit": MOST_LINE, "start_new_session": True}
        return cls(await asyncio.create_subprocess_exec(*host.leashed(command), **how), log)

    @property
    def alive(self) -> bool:
        """Whether it runs and is listened to."""
        return self.process.returncode is None and not self.why

    async def receive(self) -> dict[str, Any] | None:
        """Return the next message; None where none comes any more."""
        assert self.process.stdout is not None  # noqa: S101 - opened with pipes
        while not self.why:
            try:
                line = await self.process.stdout.readline()
            except ValueError:
                self.why = f"sent a line of more than {MOST_LINE:,} bytes"
                break
            if not line:
                self.why = await self._ended()
                break
            self.taken += len(line)
            if self.taken > MOST_TAKEN:
                self.why = f"sent more than {MOST_TAKEN:,} bytes"
                break
            await asyncio.sleep(0)  # a line that has come already is given without a pause: others have their turn
            if (message := _message(line)) is not None:
                return message
        return None

    async def _ended(self) -> str:
        """Say how it ended: the code comes in a moment."""
        await self._exit()
        code = self.process.returncode
        return "closed its output" if code is None else f"ended with code {code}"

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message; to one that is gone, none."""
        assert self.process.stdin is not None  # noqa: S101 - opened with pipes
        with suppress(OSError):
            self.process.stdin.write(compact(message) + b"\n")
            await self.process.stdin.drain()

    async def close(self) -> None:
        """Say that nothing more comes."""
        assert self.process.stdin is not None  # noqa: S101 - opened with pipes
        with suppress(OSError):
            self.process.stdin.close()

    async def end(self) -> None:
        """End it, after a moment in which it may end by itself."""
        await self.close()
        await self._exit()
        if not self._over.is_set():  # else its group has ended with it, and its number may be somebody else's by now
            host.kill_group(self.process.pid)
            await self._exit()
        await asyncio.wait(self._tasks[1:], timeout=LAST_S)
        for task in self._tasks:
            task.cancel()
        self._let_go()

    async def _exit(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), END_S)

    async def _watch(self) -> None:
        """Wait for its end, and let go of its pipes: what it has started may hold them for ever."""
        while self.process.returncode is None:  # `wait` waits for the pipes, too
            await asyncio.sleep(LOOK_S)
        self._over.set()
        _there.discard(self.process.pid)
        host.kill_group(self.process.pid)
        await asyncio.sleep(LAST_S)
        self._let_go()

    def _let_go(self) -> None:
        self.process._transport.close()  # type: ignore[attr-defined]

    async def _complaints(self, log: Path) -> None:
        """Keep the beginning of what it writes to its stderr."""
        assert self.process.stderr is not None  # noqa: S101 - opened with pipes
        rest, left = b"", MOST_LOG
        while chunk := await self.process.stderr.read(CHUNK):
            lines, newline, rest = (rest + chunk).rpartition(b"\n")
            if len(rest) > CHUNK:
                lines, rest = lines + newline + rest, b""
            left -= await asyncio.to_thread(_keep, log, lines + newline, left)
        await asyncio.to_thread(_keep, log, rest, left)


def _keep(log: Path, said: bytes, left: int) -> int:
    """Write what there is room for, without secrets; return how many bytes that were."""
    kept = redact(said.decode("utf-8", "replace")).encode()[:left]
    if kept:
        with suppress(OSError), log.open("ab") as out:
            out.write(kept)
    return len(kept)


def _message(line: bytes) -> dict[str, Any] | None:
    """Return a message that has the form of one; a program may print something else beside."""
    with suppress(ValueError, RecursionError):
        found = json.loads(line)
        if isinstance(found, dict) and isinstance(found.get("method"), str | None):
            if not isinstance(found.get("error", {}), dict):
                found["error"] = {}
            return found if isinstance(found.get("id"), str | int | None) else None
    return None
