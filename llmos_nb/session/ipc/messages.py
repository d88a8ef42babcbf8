"""How messages travel: `send` and `receive` of a process, its mailbox and the shared ones, each bounded.

A message is delivered exactly once: the sender's journal has it before the receiver's, the receiver's knows its id, and
the result of the call that took it is what empties the mailbox.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.journal.events import MessageArrived, MessageAwaited, MessageSent
from llmos_nb.messages import ToolResult
from llmos_nb.policy import labels
from llmos_nb.policy.secrets import redact
from llmos_nb.process import Run
from llmos_nb.process.state import prompts
from llmos_nb.session.ipc.deadlock import title
from llmos_nb.session.ipc.mailboxes import Box, Boxes, is_box
from llmos_nb.session.parts import Part
from llmos_nb.session.protocols import ProcessLike, SessionLike
from llmos_nb.tools import CallContext, Tool

MESSAGES, BYTES = 64, 1_000_000


class Carrier(Part, ABC):
    """Carries messages between the processes of a session.

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

    @abstractmethod
    def _look_soon(self) -> None:
        """Look at who waits, in a later turn of the event loop."""

    # the tools

    def tools(self, run: Run) -> Mapping[str, Tool]:
        """Return `send` and `receive`, tied to their process."""
        box = run.tools
        if "send" not in box or "receive" not in box:
            return {}
        needs = {"send": partial(self._room, run), "receive": partial(self._take, run)}
        runners = {"send": partial(self._send, run), "receive": partial(self._receive, run)}
        return {n: replace(box[n], runner=runners[n], needs=needs[n]) for n in needs}

    def _room(self, run: Run, call: str, arguments: Mapping[str, Any]) -> MessageAwaited | None:
        """Wait where the mailbox is full; what is wrong with the address is said when it is sent."""
        with suppress(LlmosError):
            size = len(str(arguments["message"]).encode())
            if is_box(arguments["to"]):
                return self._box_wait(call, str(arguments["to"]), _key(run, call), size)
            to = self.session.find_live(str(arguments["to"]))
            delivered = _key(run, call) in to.run.state.arrived
            if to.run is run or delivered or size > BYTES:
                return None
            if not self._has_room(to, size):
                told = f"room in the mailbox of {title(to.run.state)}"
                return MessageAwaited(wait=call, what="room", whom=[to.pid], size=size, title=told)
            self._promised[run.state.pid, call] = (run, to.pid, size)
        return None

    async def _send(self, run: Run, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        text = redact(str(arguments["message"]))
        try:
            if is_box(arguments["to"]):
                return await self._put(run, str(arguments["to"]), text, context)
            to = self.session.find_live(str(arguments["to"]))
            _refuse(run, to, len(text.encode()), context.key)
            label = str(labels.context(run.state.labels))
            await self.deliver(run, to, text, context.key, label, call=context.call)
        except LlmosError as error:
            return ToolResult(False, str(error), type(error).__name__)
        finally:
            self._promised.pop((run.state.pid, context.call), None)
        return ToolResult(True, f"sent to {title(to.run.state)}", facts={"id": context.key})

    async def deliver(self, run: Run, to: ProcessLike, text: str, key: str, label: str, call: str) -> None:
        """Record a message with its sender, then with its receiver; a second time changes nothing."""
        told = await _posted(run, to.pid, text, key, label, call)
        await to.dispatch.hear(partial(self._arrive, to.run, told))

    async def _put(self, run: Run, name: str, text: str, context: CallContext) -> ToolResult:
        """Put a message into a shared mailbox."""
        box, label = self.boxes.get(name), str(labels.context(run.state.labels))
        if len(text.encode()) > BYTES:
            raise UsageError(too_long(len(text.encode())))
        told = await _posted(run, name, text, context.key, label, context.call)
        if context.key not in box.known:
            box.append(told)
        self._look_soon()
        return ToolResult(True, f"put into {name}", facts={"id": context.key})

    def _box_wait(self, call: str, name: str, key: str, size: int) -> MessageAwaited | None:
        """Wait where a shared mailbox is full."""
        box = self.boxes.get(name)
        if key in box.known or size > BYTES or fits(box, size):
            return None
        return MessageAwaited(wait=call, what="room", whom=[], box=name, size=size, title=f"room in {name}")

    def _arrive(self, run: Run, message: MessageArrived) -> None:
        if message.id not in run.state.arrived:
            run.append(message)

    def _has_room(self, to: ProcessLike, size: int) -> bool:
        """Whether a mailbox takes a message of so many bytes, beside those that are on their way."""
        self._promised = {k: p for k, p in self._promised.items() if _under_way(p[0], k[1])}
        coming = [n for _, pid, n in self._promised.values() if pid == to.pid]
        sizes = [*coming, *(m["size"] for m in to.run.state.mailbox.values())]
        return len(sizes) < MESSAGES and sum(sizes) + size <= BYTES

    def _take(self, run: Run, call: str, arguments: Mapping[str, Any]) -> MessageAwaited | None:
        """Set a message aside for a call, or wait for one."""
        sender = str(arguments.get("sender") or "")
        if is_box(sender):
            return self._take_shared(run, call, sender)
        try:
            whom = [self.session.find_live(sender).pid] if sender else []
        except LlmosError:
            return None
        self._taken.pop((run.state.pid, call), None)
        free = self._free(run, whom)
        if free:
            self._taken[run.state.pid, call] = (run, free[0])
            return None
        named = title(self.session.find_live(sender).run.state) if sender else "anybody"
        return MessageAwaited(wait=call, what="message", whom=whom, title=f"a message from {named}")

    def _take_shared(self, run: Run, call: str, name: str) -> MessageAwaited | None:
        with suppress(LlmosError):
            if self.boxes.take(run, name, call) is None:
                wrote = sorted(set(self.boxes.get(name).known.values()))
                told = f"a message in {name}"
                return MessageAwaited(wait=call, what="message", whom=[], box=name, wrote=wrote, title=told)
        self._look_soon()
        return None

    def _free(self, run: Run, whom: list[int]) -> list[str]:
        """Return the messages in a mailbox from these processes, or anybody, that no call has been promised."""
        self._taken = {k: t for k, t in self._taken.items() if _under_way(t[0], k[1])}
        held = {m for taker, m in self._taken.values() if taker is run}
        box = run.state.mailbox.items()
        return [i for i, m in box if i not in held and (not whom or m["from"] in whom)]

    async def _receive(self, run: Run, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        if is_box(arguments.get("sender")):
            return self._from_box(run, str(arguments["sender"]), context.call)
        _, key = self._taken.get((run.state.pid, context.call), (run, ""))
        if key not in run.state.mailbox:
            try:
                self.session.find_live(str(arguments.get("sender") or ""))
            except UsageError as error:
                return ToolResult(False, str(error), "UsageError")
        return _result(key, run.state.mailbox[key])

    def _from_box(self, run: Run, name: str, call: str) -> ToolResult:
        try:
            message = self.boxes.take(run, name, call)
        except LlmosError as error:
            return ToolResult(False, str(error), type(error).__name__)
        if message is None:
            return ToolResult(False, f"somebody else took the last message of {name}; receive again", "Empty")
        return _result(str(message["id"]), message)


async def _posted(run: Run, to: int | str, text: str, key: str, label: str, call: str) -> MessageArrived:
    """Record with its sender that a message is sent, once, and give what its receiver is to record."""
    size = len(text.encode())
    if key not in run.state.posted:
        digest = sha256(text.encode()).hexdigest()
        with run.journal.held():
            run.append(MessageSent(to=to, digest=digest, id=key, label=label, size=size, call=call))
    await run.journal.flush()
    name = title(run.state)
    return MessageArrived(id=key, sender=run.state.pid, name=name, label=label, size=size, text=text)


def _result(key: str, m: Mapping[str, Any]) -> ToolResult:
    """Return a message as the result of the call that took it, with the label that it brings."""
    facts = {"message": key, "from": m["from"], "sender": m["name"], "label": m["label"]}
    if m["label"] != str(labels.TRUSTED):
        facts["why"] = f"a message of {m['name']} is {m['label']}"
    return ToolResult(True, prompts.message(m["name"], m["text"], m["label"]), facts=facts)


def fits(box: Box, size: int) -> bool:
    """Whether a shared mailbox takes a message of so many bytes."""
    sizes = [m["size"] for m in box.waiting.values()]
    return len(sizes) < MESSAGES and sum(sizes) + size <= BYTES


def too_long(size: int) -> str:
    """Say that a message is longer than a mailbox."""
    return f"the message has {size:,} bytes and a mailbox takes {BYTES:,}; send the name of a variable"


def _under_way(run: Run, call: str) -> bool:
    return run.state.calls[call].status in ("approved", "running")


def _key(run: Run, call: str) -> str:
    return run.state.calls[call].key


def _refuse(run: Run, to: ProcessLike, size: int, key: str) -> None:
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
        raise UsageError(too_long(size))
