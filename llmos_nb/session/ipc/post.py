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

from llmos_nb.errors import JournalLocked, LlmosError, UsageError
from llmos_nb.journal import Event, events
from llmos_nb.journal.events import MessageArrived, MessageAwaited
from llmos_nb.messages import ToolResult
from llmos_nb.policy import labels
from llmos_nb.policy.secrets import redact
from llmos_nb.process import Run
from llmos_nb.process.state import State, prompts
from llmos_nb.session.ipc import far, pipes
from llmos_nb.session.ipc.deadlock import hopeful, title, verdicts
from llmos_nb.session.ipc.mailboxes import TRY_S, Boxes, arrival, is_box, patiently
from llmos_nb.session.parts import Part
from llmos_nb.session.protocols import ProcessLike, SessionLike
from llmos_nb.tools import CallContext, Tool, reentry
from llmos_nb.tools.devices import is_ours

MESSAGES, BYTES = 64, 1_000_000
LOOK_S = 1.0
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
        self._busy = False  # another writes a mailbox, so that nobody can say what will come
        self._settling: set[asyncio.Task[None]] = set()
        self._later: asyncio.TimerHandle | None = None  # looks after what others of the home do
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
            self._settle(state)
        if event.k in _NEWS or (isinstance(event.body, events.CallFinished) and "message" in event.body.facts):
            self._look_soon()

    def _settle(self, state: State) -> None:
        """Settle what a process that ended had taken; a mailbox that another writes now, a moment later."""
        settle = partial(self.boxes.ended, state)
        try:
            settle()
        except JournalLocked:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # there is nobody whom waiting would hold up
                asyncio.run(patiently(settle))
                return
            self._settling.add(task := loop.create_task(patiently(settle)))
            task.add_done_callback(self._settled)

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._settling.discard(task)
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
        self._soon, self._busy = False, bool(self._settling)
        table = self._near
        for pid in [p for p in self.waiting if p not in table or not table[p].run.state.awaited]:
            del self.waiting[pid]
        for pid in list(self.waiting):
            pipes.feed(table[pid])
        away = far.Elsewhere(self.session.home)
        for process, key, ready, why in verdicts(table, list(self.waiting), self._there, away):
            if ready or not self._busy:
                process.dispatch.post(partial(_end_wait, process.run, key, "" if ready else why))
        for pid in self.waiting:
            table[pid].dispatch.look()
        self._look_later(table, away)

    def _look_later(self, table: Mapping[int, ProcessLike], away: far.Elsewhere) -> None:
        """Look again after a while where a wait may end by what others of the home do, which no event here says."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        waits = [w for pid in self.waiting for w in table[pid].run.state.awaited.values()]
        others = any("box" in w or any(pid not in table for pid in w["whom"]) for w in waits)
        if others or any(map(away.under_way, self.waiting)):
            with suppress(RuntimeError):
                loop = asyncio.get_running_loop()
                wait = TRY_S if self._busy else LOOK_S
                self._later = loop.call_later(wait, self.review, context=reentry.outside())

    @property
    def _near(self) -> dict[int, ProcessLike]:
        """The processes that are at hand here."""
        return {pid: p for pid, p in self.session.processes.items() if not p.cold}

    def _found(self, name: str) -> ProcessLike | far.Other:
        """Return the process of a name or number, at hand here or elsewhere; one that lives before one that has ended.

        Raises
        ------
        UsageError
            There is none.
        """
        near = [p for p in self._near.values() if name in (p.run.state.name, str(p.pid))]
        if alive := [p for p in near if p.state != "ended"]:
            return alive[-1]
        if near and not near[-1].over:  # its journal does not say so yet
            return near[-1]
        other = far.find(self.session.home, name)
        if other is not None and not (other.ended and near):
            return other
        return near[-1] if near else self.session.find_live(name)

    def _there(self, process: ProcessLike, wait: Mapping[str, Any]) -> bool:
        """Whether what a process waits for is there."""
        if "box" in wait:
            box = self.boxes.get(wait["box"])
            if wait["what"] == "room":
                return fits(box.waiting, wait["size"])
            written = bool(box.waiting) and not box.free
            self._busy |= written
            return bool(box.waiting) and not written
        if wait["what"] == "room":
            with suppress(LlmosError):
                return self._has_room(self._found(str(wait["whom"][0])), wait["size"])
            return True
        if wait["what"] == "process":
            return self._ended(wait["whom"][0])
        return bool(self._free(process.run, wait["whom"], wait.get("sender", "")))

    def _ended(self, pid: int) -> bool:
        """Whether a process has ended; one that is not at hand yet, such as after a restart, by its journal."""
        child, folder = self.session.processes.get(pid), self.session.home.find(pid)
        if child is None and folder is not None:
            child = self.session.replay(folder)
        return child is None or child.over

    def hopeful(self, process: ProcessLike, people: bool) -> bool:
        """Return whether a process waits for a message that somebody may still send."""
        expecting = process.run.state.expecting
        soon = self._going or self._settling or self._busy
        return expecting and bool(soon or hopeful(self.session.processes, process, people))

    def pipe(self, process: ProcessLike, source: ProcessLike) -> None:
        """Let a process wait for the answer of another."""
        pipes.await_input(process, source)

    # the tools

    def tools(self, run: Run) -> Mapping[str, Tool]:
        """Return `send` and `receive`, those that a process has, tied to it."""
        work = {"send": (self._send, self._room), "receive": (self._receive, self._take)}
        ours = [n for n in work if n in run.tools and is_ours(run.tools[n])]  # a child may have one of them
        tied = {n: (partial(_told, do, run), partial(wait, run)) for n, (do, wait) in work.items() if n in ours}
        return {
            n: replace(run.tools[n], runner=runner, needs=needs, place="thread") for n, (runner, needs) in tied.items()
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
            to = self._found(name)
            if not isinstance(to, far.Other) and (to.run is run or key in to.run.state.arrived):
                return None
            if not self._has_room(to, size):
                told = f"room in the mailbox of {far.title_of(to)}"
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
                    await patiently(partial(box.append, told))
                self._look_soon()
                return ToolResult(True, f"put into {name}", facts={"id": key})
            to = self._found(name)
            if not isinstance(to, far.Other):
                await _refuse(run, to, key)
                await self.deliver(run, to, text, key, label, call=call)
                return ToolResult(True, f"sent to {title(to.run.state)}", facts={"id": key})
            if key not in run.state.posted:
                _check_reader(to.title, to.ended, to.takes)
            told = await _posted(run, to.pid, text, key, label, call)
            return ToolResult(True, await far.deliver(self.session.home, to, told), facts={"id": key})
        finally:
            self._promised.pop((run.state.pid, call), None)

    async def take_in(self, to: ProcessLike, message: MessageArrived) -> None:
        """Put a message that came by the home into the mailbox of a process here; a second time changes nothing."""
        await _refuse(None, to, message.id)
        await to.dispatch.hear(partial(self._arrive, to.run, message))

    async def deliver(self, run: Run, to: ProcessLike, text: str, key: str, label: str, call: str) -> None:
        """Record a message with its sender, then with its receiver; a second time changes nothing."""
        told = await _posted(run, to.pid, text, key, label, call)
        await to.dispatch.hear(partial(self._arrive, to.run, told))

    def _arrive(self, run: Run, message: MessageArrived) -> None:
        if message.id not in run.state.arrived:
            run.append(message)

    def _has_room(self, to: ProcessLike | far.Other, size: int) -> bool:
        """Whether a mailbox takes a message of so many bytes, beside those that are on their way."""
        if isinstance(to, far.Other):
            return bool(to.ended) or fits(to.mailbox, size)
        self._promised = {k: p for k, p in self._promised.items() if _under_way(p[0], k[1])}
        return fits(to.run.state.mailbox, size, [n for _, pid, n in self._promised.values() if pid == to.pid])

    def _take(self, run: Run, call: str, arguments: Mapping[str, Any]) -> MessageAwaited | None:
        """Set a message aside for a call, or wait for one."""
        sender = str(arguments.get("sender") or "")
        if is_box(sender):
            with suppress(LlmosError):
                if self.boxes.take_now(run, sender, call) is None:
                    wrote, to = sorted(set(self.boxes.get(sender).known.values())), f"a message in {sender}"
                    return MessageAwaited(wait=call, what="message", whom=[], box=sender, wrote=wrote, title=to)
            self._look_soon()
            return None
        whom, named, named_so = [], "anybody", ""
        if sender:
            try:
                found = self._found(sender)
                whom, named = [found.pid], far.title_of(found)
            except LlmosError:
                if sender.isdecimal():  # a number that no process has is a mistake
                    return None
                named_so, named = sender, f"{sender}, who is not there yet"
        self._taken.pop((run.state.pid, call), None)
        if free := self._free(run, whom, named_so):
            self._taken[run.state.pid, call] = (run, free[0])
            return None
        told = f"a message from {named}"
        return MessageAwaited(wait=call, what="message", whom=whom, title=told, sender=named_so)

    def _free(self, run: Run, whom: list[int], name: str = "") -> list[str]:
        """Return the messages in a mailbox from these processes, or anybody, that no call has been promised."""
        self._taken = {k: t for k, t in self._taken.items() if _under_way(t[0], k[1])}
        held = {m for taker, m in self._taken.values() if taker is run}
        named = {i for i, m in run.state.mailbox.items() if not name or m["name"].startswith(f"{name} (process ")}
        found = ((i, m["from"]) for i, m in run.state.mailbox.items() if i in named - held)
        return [i for i, pid in found if not whom or pid in whom]

    async def _receive(self, run: Run, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        name, call = str(arguments.get("sender") or ""), context.call
        if is_box(name):
            message = await patiently(partial(self.boxes.take, run, name, call))
            if message is None:
                text = f"somebody else took the last message of {name}; receive again"
                return ToolResult(False, text, "Empty")
            return _result(run.state, str(message["id"]), message)
        _, key = self._taken.get((run.state.pid, call), (run, ""))
        if key not in run.state.mailbox:
            self.session.find_live(name)
        return _result(run.state, key, run.state.mailbox[key])


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


def _result(s: State, key: str, m: Mapping[str, Any]) -> ToolResult:
    """Return a message as the result of the call that took it, with the label that it brings."""
    facts = {"message": key, "from": m["from"], "sender": m["name"], "label": m["label"]}
    if m["label"] != str(labels.TRUSTED):
        facts["why"] = f"a message of {m['name']} is {m['label']}"
    return ToolResult(True, prompts.message(s, m["name"], m["text"], m["label"]), facts=facts)


def fits(mail: Mapping[str, Any], size: int, coming: Sequence[int] = ()) -> bool:
    """Whether a mailbox takes a message of so many bytes, beside what is there and on its way."""
    sizes = [*coming, *(m["size"] for m in mail.values())]
    return len(sizes) < MESSAGES and sum(sizes) + size <= BYTES


def _under_way(run: Run, call: str) -> bool:
    return run.state.calls[call].status in ("approved", "running")


async def _refuse(run: Run | None, to: ProcessLike, key: str) -> None:
    """Refuse what nobody would ever read; that its receiver has ended is on disk before anybody is told."""
    if key in to.run.state.arrived:
        return
    if to.run is run:
        raise UsageError("a process cannot write to itself")
    if to.state == "ended" and not to.over:
        await to.journal.flush()
    _check_reader(title(to.run.state), (to.reason or "") if to.state == "ended" else "", "receive" in to.run.tools)


def _check_reader(named: str, ended: str, takes: bool) -> None:
    if ended:
        raise UsageError(f"{named} has ended ({ended}); nobody reads its mailbox")
    if not takes:
        raise UsageError(f"{named} takes no messages; its user must start it with -t mail")


def _end_wait(run: Run, key: str, why: str) -> None:
    """Let a call go on, or end one that nothing can let go on any more."""
    if key in run.state.awaited and not why:
        run.append(events.MessageReady(wait=key))
    elif key in run.state.awaited:
        size = len(why.encode())
        run.append(events.CallFinished(call=key, ok=False, result=why, size=size, error="NobodyWrites"))
