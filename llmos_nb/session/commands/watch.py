"""Where commands arrive: an interpreter marks the processes that it drives, and looks for what is wanted of them.

A datagram on this machine wakes it at once; what it says is not read, as what counts is the file in the home. Now and
then it looks unasked: for a command from elsewhere, or where no datagram came through. It looks at one folder, which is
empty nearly always, on the thread that drives the processes, and no more once all of them are gone.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

from llmos_nb.journal import holder_of, host, mark_holder
from llmos_nb.session.commands.files import pending
from llmos_nb.session.protocols import ProcessLike
from llmos_nb.tools import reentry

LOOK_S, OFTEN_S, AGAIN_S = 5.0, 0.5, 2.0


def listen(loop: asyncio.AbstractEventLoop, woken: Callable[[], object]) -> int:
    """Call `woken` on a loop when a datagram comes; return the port, or 0 where there is none to be had."""
    with suppress(OSError, NotImplementedError):
        heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        heard.setblocking(False)
        heard.bind(("127.0.0.1", 0))
        loop.add_reader(heard, _drained, heard, woken)
        return int(heard.getsockname()[1])
    return 0


def _drained(heard: socket.socket, woken: Callable[[], object]) -> None:
    with suppress(BlockingIOError):
        while heard.recv(1) is not None:
            pass
    woken()


class Watch:
    """Looks for commands to the processes of one interpreter; it lives on the thread that drives them."""

    place = ""  # what the interpreter is, where it is no notebook

    def __init__(self) -> None:
        self._homes: dict[Path, WeakValueDictionary[int, ProcessLike]] = {}
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._port = 0
        self._timer: asyncio.TimerHandle | None = None

    def follow(self, process: ProcessLike) -> None:
        """Mark that a process is at hand here, and look for what is wanted of it, from now on."""
        journal = process.journal.path.absolute()
        if host.ALONE or journal.parents[1].name != "runs":  # nobody else is there, or it stands in no home
            return
        self._begin()
        known = self._homes.setdefault(journal.parents[2], WeakValueDictionary())
        if known.get(process.pid) is not process:
            mark_holder(journal, self.place or os.environ.get("JPY_SESSION_NAME", ""), self._port)
        known[process.pid] = process
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _begin(self) -> None:
        """Listen from now on; in a copy of the interpreter, anew."""
        if self._loop is (loop := asyncio.get_running_loop()):
            return
        self._loop, self._at_work, self._homes, self._timer = loop, {}, {}, None
        self._port = listen(loop, self._look)  # without one it looks often

    def _look(self) -> None:
        for root, processes in list(self._homes.items()):
            for pid, path in pending(root):
                if path.name not in self._at_work and (process := processes.get(pid)) is not None:
                    self._take(root, path, process)
            if not processes:
                del self._homes[root]
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._homes and self._loop is not None:
            self._timer = self._loop.call_later(LOOK_S if self._port else OFTEN_S, self._look)

    def _take(self, root: Path, path: Path, process: ProcessLike) -> None:
        """Have a command carried out, unless another interpreter has gone on with its process."""
        holder = holder_of(process.journal.path)
        if holder is None or not holder.here or process.journal.behind:
            return
        from llmos_nb.session.commands.carry import take  # few processes get one

        task = self._at_work[path.name] = asyncio.get_running_loop().create_task(
            take(root, path, process), context=reentry.outside()
        )
        task.add_done_callback(partial(self._rest, path.name))

    def _rest(self, name: str, _: object) -> None:
        """Let a command alone for a while that could not be carried out now; one that was is gone by then."""
        asyncio.get_running_loop().call_later(AGAIN_S, self._at_work.pop, name, None)


watch = Watch()
