"""The post office of a session: `send` and `receive`, who waits for a message, and those to whom none can come.

A message is delivered exactly once: the sender's journal has it before the receiver's, the receiver's knows its id, and
the result of the call that took it is what empties the mailbox. A process that waits costs no thread and no poll: its
`drive` has ended, and an event of another begins it again. Every mailbox, a process's own or shared, is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.journal import Event, events
from llmos_nb.journal.events import MessageArrived, MessageAwaited
from llmos_nb.messages import ToolResult
from llmos_nb.policy import labels
from llmos_nb.policy.secrets import redact
from llmos_nb.process import Run
from llmos_nb.process.state import State, prompts
from llmos_nb.session.ipc import pipes
from llmos_nb.session.ipc.deadlock import hopeful, title, verdicts
from llmos_nb.session.ipc.mailboxes import Boxes, arrival, is_box
from llmos_nb.session.parts import Part
from llmos_nb.session.protocols import ProcessLike, SessionLike
from llmos_nb.tools import CallContext, Tool, reentry

MESSAGES, BYTES = 64, 1_000_000
_NEWS = ("message.awaited", "message.arrived", "run.ended", "run.paused", "run.resumed", "question.asked")


class Post(Part):
    """Carries messages between the processes of a session, and wakes those who wait for one.

    Parameters
    ----------
    session : SessionLike
        Whose processes write to each other.
    """

    def __init__(self, session: SessionLike) -> None:
        super().__init__(session)
        self.boxes = Boxes(session)
        self._promised: dict[tuple[int, str], tuple[Run, int, int]] = {}  # room for a call: run, to whom, bytes
        self._taken: dict[tuple[int, str], tuple[Run, str]] = {}  # a message set aside for a call
        self.waiting: dict[int, None] = {}  # pids, in the order in which they began to wait
        self._soon = False
        self._going: set[asyncio.Task[None]] = set()  # that bring the other parts of a pipe back to work

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
        if event.k in _NEWS or (isinstance(event.body, events.CallFinished) and "message" in event.body.facts):
            self._look_soon()

    def _look_soon(self) -> None:
        if self.waiting and not self._soon:
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
            if not isinstance(event.body, events.SignalReceived):
                for part in (process, *readers):
                    self._going.add(task := loop.create_task(pipes.go_on(part)))
                    task.add_done_callback(partial(self._gone_on, part))
                return
            loop.call_soon(pipes.pass_on, process, event.body.signal, event.body.by)
            if event.body.signal == "stop":
                loop.call_soon(pipes.hold, table, state.pid)

    def _gone_on(self, process: ProcessLike, task: asyncio.Task[None]) -> None:
        self._going.discard(task)
        process.dispatch.look()

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
            return bool(box.waiting) if wait["what"] == "message" else fits(box.waiting, wait["size"])
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
        expecting = process.run.state.expecting
        return expecting and bool(self._going or hopeful(self.session.processes, process, people))

    def pipe(self, process: ProcessLike, source: ProcessLike) -> None:
        """Let a process wait for the answer of another."""
        pipes.await_input(process, source)

    # the tools

    def tools(self, run: Run) -> Mapping[str, Tool]:
        """Return `send` and `receive`, tied to their process."""
        work = {"send": (self._send, self._room), "receive": (self._receive, self._take)}
        if not run.tools.keys() >= work.keys():
            return {}
        tied = {n: (partial(_told, do, run), partial(wait, run)) for n, (do, wait) in work.items()}
        return {
            n: replace(run.tools[n], runner=runner, needs=needs, place="thread")
            for n, (runner, needs) in tied.items()
        }

    def _room(self, run: Run, call: str, arguments: Mapping[str, Any]) -> MessageAwaited | None:
        """Wait where the mailbox is full; what is wrong with the address is said when it is sent."""
        with suppress(LlmosError):
            size, key = len(str(arguments["message"]).encode()), run.state.calls[call].key
            if size > BYTES:
                return None
            if is_box(name := str(arguments["to"])):
                box = self.boxes.get(name)
                if key in box.known or fits(box.waiting, size):
                    return None
                told = f"room in {name}"
                return MessageAwaited(wait=call, what="room", whom=[], box=name, size=size, title=told)
            to = self.session.find_live(name)
            if to.run is run or key in to.run.state.arrived:
                return None
            if not self._has_room(to, size):
                told = f"room in the mailbox of {title(to.run.state)}"
                return MessageAwaited(wait=call, what="room", whom=[to.pid], size=size, title=told)
            self._promised[run.state.pid, call] = (run, to.pid, size)
        return None

    async def _send(self, run: Run, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        text, name = redact(str(arguments["message"])), str(arguments["to"])
        key, call, label = context.key, context.call, str(labels.context(run.state.labels))
        try:
            if (size := len(text.encode())) > BYTES:
                long = f"the message has {size:,} bytes and a mailbox takes {BYTES:,}"
                raise UsageError(f"{long}; send the name of a variable")
            if is_box(name):
                box = self.boxes.get(name)
                told = await _posted(run, name, text, key, label, call)
                if key not in box.known:
                    box.append(told)
                self._look_soon()
                return ToolResult(True, f"put into {name}", facts={"id": key})
            to = self.session.find_live(name)
            _refuse(run, to, key)
            await self.deliver(run, to, text, key, label, call=call)
        finally:
            self._promised.pop((run.state.pid, call), None)
        return ToolResult(True, f"sent to {title(to.run.state)}", facts={"id": key})

    async def deliver(self, run: Run, to: ProcessLike, text: str, key: str, label: str, call: str) -> None:
        """Record a message with its sender, then with its receiver; a second time changes nothing."""
        told = await _posted(run, to.pid, text, key, label, call)
        await to.dispatch.hear(partial(self._arrive, to.run, told))

    def _arrive(self, run: Run, message: MessageArrived) -> None:
        if message.id not in run.state.arrived:
            run.append(message)

    def _has_room(self, to: ProcessLike, size: int) -> bool:
        """Whether a mailbox takes a message of so many bytes, beside those that are on their way."""
        self._promised = {k: p for k, p in self._promised.items() if _under_way(p[0], k[1])}
        return fits(to.run.state.mailbox, size, [n for _, pid, n in self._promised.values() if pid == to.pid])

    def _take(self, run: Run, call: str, arguments: Mapping[str, Any]) -> MessageAwaited | None:
        """Set a message aside for a call, or wait for one."""
        sender = str(arguments.get("sender") or "")
        if is_box(sender):
            with suppress(LlmosError):
                if self.boxes.take(run, sender, call) is None:
                    wrote, to = sorted(set(self.boxes.get(sender).known.values())), f"a message in {sender}"
                    return MessageAwaited(wait=call, what="message", whom=[], box=sender, wrote=wrote, title=to)
            self._look_soon()
            return None
        try:
            whom = [self.session.find_live(sender).pid] if sender else []
        except LlmosError:
            return None
        self._taken.pop((run.state.pid, call), None)
        if free := self._free(run, whom):
            self._taken[run.state.pid, call] = (run, free[0])
            return None
        named = title(self.session.find_live(sender).run.state) if sender else "anybody"
        return MessageAwaited(wait=call, what="message", whom=whom, title=f"a message from {named}")

    def _free(self, run: Run, whom: list[int]) -> list[str]:
        """Return the messages in a mailbox from these processes, or anybody, that no call has been promised."""
        self._taken = {k: t for k, t in self._taken.items() if _under_way(t[0], k[1])}
        held = {m for taker, m in self._taken.values() if taker is run}
        return [i for i, m in run.state.mailbox.items() if i not in held and (not whom or m["from"] in whom)]

    async def _receive(self, run: Run, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        name, call = str(arguments.get("sender") or ""), context.call
        if is_box(name):
            if (message := self.boxes.take(run, name, call)) is None:
                text = f"somebody else took the last message of {name}; receive again"
                return ToolResult(False, text, "Empty")
            return _result(str(message["id"]), message)
        _, key = self._taken.get((run.state.pid, call), (run, ""))
        if key not in run.state.mailbox:
            self.session.find_live(name)
        return _result(key, run.state.mailbox[key])


async def _told(work: Callable[..., Awaitable[ToolResult]], *given: Any) -> ToolResult:
    """Run a call; what hinders it is told to the model."""
    try:
        return await work(*given)
    except LlmosError as error:
        return ToolResult(False, str(error), type(error).__name__)


async def _posted(run: Run, to: int | str, text: str, key: str, label: str, call: str) -> MessageArrived:
    """Record with its sender that a message is sent, once, and give what its receiver is to record."""
    size = len(text.encode())
    if key not in run.state.posted:
        digest = sha256(text.encode()).hexdigest()
        with run.journal.held():
            run.append(events.MessageSent(to=to, digest=digest, id=key, label=label, size=size, call=call))
    await run.journal.flush()
    return arrival(run.state, key, text, label)


def _result(key: str, m: Mapping[str, Any]) -> ToolResult:
    """Return a message as the result of the call that took it, with the label that it brings."""
    facts = {"message": key, "from": m["from"], "sender": m["name"], "label": m["label"]}
    if m["label"] != str(labels.TRUSTED):
        facts["why"] = f"a message of {m['name']} is {m['label']}"
    return ToolResult(True, prompts.message(m["name"], m["text"], m["label"]), facts=facts)


def fits(mail: Mapping[str, Any], size: int, coming: Sequence[int] = ()) -> bool:
    """Whether a mailbox takes a message of so many bytes, beside what is there and on its way."""
    sizes = [*coming, *(m["size"] for m in mail.values())]
    return len(sizes) < MESSAGES and sum(sizes) + size <= BYTES


def _under_way(run: Run, call: str) -> bool:
    return run.state.calls[call].status in ("approved", "running")


def _refuse(run: Run, to: ProcessLike, key: str) -> None:
    """Refuse what nobody would ever read."""
    if key in to.run.state.arrived:
        return
    if to.run is run:
        raise UsageError("a process cannot write to itself")
    if to.state == "ended":
        raise UsageError(f"{title(to.run.state)} has ended ({to.reason}); nobody reads its mailbox")
    if "receive" not in to.run.tools:
        raise UsageError(f"{title(to.run.state)} takes no messages; its user must start it with -t mail")


def _end_wait(run: Run, key: str, why: str) -> None:
    """Let a call go on, or end one that nothing can let go on any more."""
    if key in run.state.awaited and not why:
        run.append(events.MessageReady(wait=key))
    elif key in run.state.awaited:
        size = len(why.encode())
        run.append(events.CallFinished(call=key, ok=False, result=why, size=size, error="NobodyWrites"))
