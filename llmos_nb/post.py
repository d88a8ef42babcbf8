"""The post office of a session: it carries messages between processes, and wakes who waits for one.

A message is delivered exactly once: the sender's journal has it before the receiver's, the receiver's knows its id, and
the result of the call that took it is what empties the mailbox. A process that waits costs no thread and no poll: its
`drive` has ended, and an event of another process begins it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from llmos_nb import labels, pipes, words
from llmos_nb.chain import Event
from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.messages import ToolResult
from llmos_nb.scheduler import Run
from llmos_nb.secrets_box import redact
from llmos_nb.state import State
from llmos_nb.tools import CallContext, Tool
from llmos_nb.waits import hopeful, title, verdicts

if TYPE_CHECKING:
    from llmos_nb.process import Process
    from llmos_nb.session import Session

MESSAGES, BYTES = 64, 1_000_000
_NEWS = ("message.awaited", "message.arrived", "run.ended", "run.paused", "run.resumed", "question.asked")
Wait = tuple[str, dict[str, Any]]


class Post:
    """Carries messages between the processes of a session.

    Parameters
    ----------
    session : Session
        Whose processes write to each other.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.waiting: dict[int, None] = {}  # pids, in the order in which they began to wait
        self._promised: dict[tuple[int, str], tuple[Run, int, int]] = {}  # room for a call: run, to whom, bytes
        self._taken: dict[tuple[int, str], tuple[Run, str]] = {}  # a message set aside for a call
        self._soon = False
        self._going: asyncio.Task[None] | None = None  # kept, so that it is not collected while it works

    # the tools

    def connect(self, box: dict[str, Tool], run: Run) -> None:
        """Give `send` and `receive` their process."""
        if "send" in box and "receive" in box:
            asks = {"send": partial(self._room, run), "receive": partial(self._take, run)}
            runners = {"send": partial(self._send, run), "receive": partial(self._receive, run)}
            for name, wanted in asks.items():
                extra = {**box[name].extra, "asks": wanted}
                box[name] = replace(box[name], runner=runners[name], extra=extra)

    def find(self, key: str) -> Process:
        """Give the process of a name or number, one that lives before one that has ended."""
        live = [p for p in self.session.processes.values() if p.state != "ended"]
        named = [p for p in live if key in (p.run.state.name, str(p.pid))]
        return named[-1] if named else self.session.find(key)

    def _room(self, run: Run, call: str, arguments: Mapping[str, Any]) -> Wait | None:
        """Wait where the mailbox is full; what is wrong with the address is said when it is sent."""
        with suppress(LlmosError):
            to = self.find(str(arguments["to"]))
            size = len(str(arguments["message"]).encode())
            delivered = _key(run, call) in to.run.state.arrived
            if to.run is run or delivered or size > BYTES:
                return None
            if not self._has_room(to, size):
                what = {"what": "room", "whom": [to.pid], "size": size}
                return "message.awaited", {**what, "title": f"room in the mailbox of {title(to.run.state)}"}
            self._promised[run.state.pid, call] = (run, to.pid, size)
        return None

    async def _send(self, run: Run, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        text = redact(str(arguments["message"]))
        try:
            to = self.find(str(arguments["to"]))
            _refuse(run, to, len(text.encode()), context.key)
            label = str(labels.context(run.state.labels))
            await self.deliver(run, to, text, context.key, label, call=context.call)
        except LlmosError as error:
            return ToolResult(False, str(error), type(error).__name__)
        finally:
            self._promised.pop((run.state.pid, context.call), None)
        return ToolResult(True, f"sent to {title(to.run.state)}", facts={"id": context.key})

    async def deliver(self, run: Run, to: Process, text: str, key: str, label: str, **more: Any) -> None:
        """Record a message with its sender, then with its receiver; a second time changes nothing."""
        size, pipe = len(text.encode()), {k: v for k, v in more.items() if k == "pipe"}
        if key not in run.state.posted:
            digest = sha256(text.encode()).hexdigest()
            with run.journal.held():
                run.append("message.sent", to=to.pid, digest=digest, id=key, label=label, size=size, **more)
        await run.journal.flush()
        told = {"id": key, "from": run.state.pid, "name": title(run.state), "label": label, "size": size}
        await to.hear(partial(self._arrive, to.run, {**told, "text": text, **pipe}))

    def _arrive(self, run: Run, message: dict[str, Any]) -> None:
        if message["id"] not in run.state.arrived:
            run.append("message.arrived", **message)

    def _has_room(self, to: Process, size: int) -> bool:
        """Whether a mailbox takes a message of so many bytes, beside those that are on their way."""
        self._promised = {k: p for k, p in self._promised.items() if _under_way(p[0], k[1])}
        coming = [n for _, pid, n in self._promised.values() if pid == to.pid]
        sizes = [*coming, *(m["size"] for m in to.run.state.mailbox.values())]
        return len(sizes) < MESSAGES and sum(sizes) + size <= BYTES

    def _take(self, run: Run, call: str, arguments: Mapping[str, Any]) -> Wait | None:
        """Set a message aside for a call, or wait for one."""
        sender = str(arguments.get("sender") or "")
        try:
            whom = [self.find(sender).pid] if sender else []
        except LlmosError:
            return None
        self._taken.pop((run.state.pid, call), None)
        free = self._free(run, whom)
        if free:
            self._taken[run.state.pid, call] = (run, free[0])
            return None
        named = title(self.find(sender).run.state) if sender else "anybody"
        return "message.awaited", {"what": "message", "whom": whom, "title": f"a message from {named}"}

    def _free(self, run: Run, whom: list[int]) -> list[str]:
        """Give the messages in a mailbox from these processes, or anybody, that no call has been promised."""
        self._taken = {k: t for k, t in self._taken.items() if _under_way(t[0], k[1])}
        held = {m for taker, m in self._taken.values() if taker is run}
        box = run.state.mailbox.items()
        return [i for i, m in box if i not in held and (not whom or m["from"] in whom)]

    async def _receive(self, run: Run, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        _, key = self._taken.get((run.state.pid, context.call), (run, ""))
        if key not in run.state.mailbox:
            try:
                self.find(str(arguments.get("sender") or ""))
            except UsageError as error:
                return ToolResult(False, str(error), "UsageError")
        m = run.state.mailbox[key]
        facts = {"message": key, "from": m["from"], "sender": m["name"], "label": m["label"]}
        if m["label"] != str(labels.TRUSTED):
            facts["why"] = f"a message of {m['name']} is {m['label']}"
        return ToolResult(True, words.message(m["name"], m["text"], m["label"]), facts=facts)

    # waking

    def heard(self, event: Event, state: State) -> None:
        """Look at who waits after what may matter to them; not within the event, so that views see it first."""
        if event.k == "message.awaited":
            self.waiting.pop(state.pid, None)
        if event.k in ("message.awaited", "run.resumed") and state.awaited:
            self.waiting.setdefault(state.pid)
        if pipes.INPUT in state.awaited and event.k in ("signal.received", "run.resumed"):
            self._pipe(event, state)
        news = event.k in _NEWS or (event.k == "call.finished" and "message" in event.d.get("facts", {}))
        if not self.waiting or not news or self._soon:
            return
        with suppress(RuntimeError):  # no loop runs: whoever drives next looks
            asyncio.get_running_loop().call_soon(self.review)
            self._soon = True

    def _pipe(self, event: Event, state: State) -> None:
        """Pass a signal up the pipe, and go on with all of it."""
        process = self.session.processes.get(state.pid)
        with suppress(RuntimeError):
            loop = asyncio.get_running_loop()
            if process is not None and event.k == "signal.received":
                loop.call_soon(pipes.pass_on, process, event.d["signal"], event.d.get("by", "you"))
            elif process is not None:
                self._going = loop.create_task(pipes.go_on(process))

    def review(self) -> None:
        """Wake whose message or room is there, and tell those to whom none can come."""
        self._soon = False
        table = self.session.processes
        for pid in [p for p in self.waiting if p not in table or not table[p].run.state.awaited]:
            del self.waiting[pid]
        for pid in list(self.waiting):
            pipes.feed(table[pid])
        for process, key, ready, why in verdicts(table, list(self.waiting), self._there):
            process.hear_soon(partial(_end_wait, process.run, key, "" if ready else why))
        for pid in self.waiting:
            table[pid].look()

    def _there(self, process: Process, wait: Mapping[str, Any]) -> bool:
        """Whether what a process waits for is there."""
        if wait["what"] == "room":
            to = self.session.processes.get(wait["whom"][0])
            return to is not None and self._has_room(to, wait["size"])
        return bool(self._free(process.run, wait["whom"]))

    def hopeful(self, process: Process) -> bool:
        """Whether a process waits for a message that somebody at work may still send."""
        return process.run.state.expecting and hopeful(self.session.processes, process, people=False)


def _under_way(run: Run, call: str) -> bool:
    return run.state.calls[call].status in ("approved", "running")


def _key(run: Run, call: str) -> str:
    return run.state.calls[call].key


def _refuse(run: Run, to: Process, size: int, key: str) -> None:
    """Refuse what nobody would ever read."""
    if key in to.run.state.arrived:
        return
    if to.run is run:
        raise UsageError("a process cannot write to itself")
    if to.state == "ended":
        raise UsageError(f"{title(to.run.state)} has ended ({to.reason}); nobody reads its mailbox")
    if "receive" not in to.run.tools:
        raise UsageError(f"{title(to.run.state)} takes no messages; its user must start it with -t mail")
    if size > BYTES:
        raise UsageError(
            f"the message has {size:,} bytes and a mailbox takes {BYTES:,}; send the name of a variable"
        )


def _end_wait(run: Run, key: str, why: str) -> None:
    """Let a call go on, or end one that nothing can let go on any more."""
    if key not in run.state.awaited:
        return
    if not why:
        run.append("message.ready", wait=key)
        return
    run.append("call.finished", call=key, ok=False, result=why, size=len(why.encode()), error="NobodyWrites")
