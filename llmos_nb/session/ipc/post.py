"""The post office of a session: it wakes who waits for a message, and tells those to whom none can come.

A process that waits costs no thread and no poll: its `drive` has ended, and an event of another begins it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from llmos_nb.journal import Event
from llmos_nb.journal.events import CallFinished, MessageReady, SignalReceived
from llmos_nb.process import Run
from llmos_nb.process.state import State
from llmos_nb.session.ipc import pipes
from llmos_nb.session.ipc.deadlock import hopeful, verdicts
from llmos_nb.session.ipc.messages import Carrier, fits
from llmos_nb.session.protocols import ProcessLike, SessionLike
from llmos_nb.tools import reentry

_NEWS = ("message.awaited", "message.arrived", "run.ended", "run.paused", "run.resumed", "question.asked")


class Post(Carrier):
    """Carries messages between the processes of a session, and wakes those who wait for one.

    Parameters
    ----------
    session : SessionLike
        Whose processes write to each other.
    """

    def __init__(self, session: SessionLike) -> None:
        super().__init__(session)
        self.waiting: dict[int, None] = {}  # pids, in the order in which they began to wait
        self._soon = False
        self._going: list[asyncio.Task[None]] = []  # kept, so that they are not collected while they work

    hears = (*_NEWS, "signal.received", "call.finished")

    def heard(self, run: Run, event: Event) -> None:
        """Look at who waits after what may matter to them; not within the event, so that views see it first."""
        state = run.state
        if event.k == "message.awaited":
            self.waiting.pop(state.pid, None)
        if event.k in ("message.awaited", "run.resumed") and state.awaited:
            self.waiting.setdefault(state.pid)
        if event.k in ("signal.received", "run.resumed"):
            self._pipe(event, state)
        if event.k == "run.ended":
            self.boxes.ended(state)
        if event.k in _NEWS or (isinstance(event.body, CallFinished) and "message" in event.body.facts):
            self._look_soon()

    def _look_soon(self) -> None:
        if not self.waiting or self._soon:
            return
        with suppress(RuntimeError):  # no loop runs: whoever drives next looks
            asyncio.get_running_loop().call_soon(self.review, context=reentry.outside())
            self._soon = True

    def _pipe(self, event: Event, state: State) -> None:
        """Pass a signal up and down the pipe, and go on with all of it."""
        process, table = self.session.processes.get(state.pid), self.session.processes
        readers = pipes.readers(table, state.pid)
        if process is None or not (readers or pipes.INPUT in state.awaited):
            return
        with suppress(RuntimeError):
            loop = asyncio.get_running_loop()
            if not isinstance(event.body, SignalReceived):
                self._going = [loop.create_task(pipes.go_on(p)) for p in (process, *readers)]
                return
            loop.call_soon(pipes.pass_on, process, event.body.signal, event.body.by)
            if event.body.signal == "stop":
                loop.call_soon(pipes.hold, table, state.pid)

    def review(self) -> None:
        """Wake whose message or room is there, and tell those to whom none can come."""
        self._soon = False
        table = self.session.processes
        for pid in [p for p in self.waiting if p not in table or not table[p].run.state.awaited]:
            del self.waiting[pid]
        for pid in list(self.waiting):
            pipes.feed(table[pid])
        for process, key, ready, why in verdicts(table, list(self.waiting), self._there):
            process.dispatch.post(partial(_end_wait, process.run, key, "" if ready else why))
        for pid in self.waiting:
            table[pid].dispatch.look()

    def _there(self, process: ProcessLike, wait: Mapping[str, Any]) -> bool:
        """Whether what a process waits for is there."""
        if "box" in wait:
            box = self.boxes.get(wait["box"])
            return bool(box.waiting) if wait["what"] == "message" else fits(box, wait["size"])
        if wait["what"] == "room":
            to = self.session.processes.get(wait["whom"][0])
            return to is not None and self._has_room(to, wait["size"])
        if wait["what"] == "process":
            return self._ended(wait["whom"][0])
        return bool(self._free(process.run, wait["whom"]))

    def _ended(self, pid: int) -> bool:
        """Whether a process has ended; one that is not at hand yet, such as after a restart, by its journal."""
        child, folder = self.session.processes.get(pid), self.session.home.find(pid)
        if child is None and folder is not None:
            child = self.session.replay(folder)
        return child is None or child.state == "ended"

    def hopeful(self, process: ProcessLike, people: bool) -> bool:
        """Return whether a process waits for a message that somebody may still send."""
        return process.run.state.expecting and hopeful(self.session.processes, process, people)

    def pipe(self, process: ProcessLike, source: ProcessLike) -> None:
        """Let a process wait for the answer of another."""
        pipes.await_input(process, source)


def _end_wait(run: Run, key: str, why: str) -> None:
    """Let a call go on, or end one that nothing can let go on any more."""
    if key not in run.state.awaited:
        return
    if not why:
        run.append(MessageReady(wait=key))
        return
    run.append(CallFinished(call=key, ok=False, result=why, size=len(why.encode()), error="NobodyWrites"))
