"""Mailboxes that several processes share, such as ``#tasks``: each message goes to one of those who take from it.

A box has a journal of its own under ``<home>/mail/``. A message that was taken is held by its taker until the taker
comes back for another, or ends with an answer. If the taker ends otherwise, the message goes back, unless its work may
be done: it sent something since (then it counts as done), or began a call that may run only once (then its sender is
told).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from llmos_nb.errors import JournalLocked, LlmosError, UsageError
from llmos_nb.journal import Journal, events, holder_of
from llmos_nb.process import open_journal
from llmos_nb.process.state import State
from llmos_nb.session.ipc.deadlock import title
from llmos_nb.session.protocols import SessionLike
from llmos_nb.tools import Call

if TYPE_CHECKING:
    from llmos_nb.process import Run

Became = events.MessageDone | events.MessageReturned | events.MessageInDoubt
MARK = "#"
TRIES, TRY_S = 1000, 0.01
_NAME = re.compile(r"#[A-Za-z][A-Za-z0-9_-]{0,40}")
Message = dict[str, Any]
T = TypeVar("T")


@dataclass
class Box:
    """One shared mailbox: what its events fold to.

    Parameters
    ----------
    journal : Journal
        Its events; several kernels may take turns in writing it.
    """

    journal: Journal
    waiting: dict[str, Message] = field(default_factory=dict)
    out: dict[str, tuple[int, str, Message]] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    _folded: int = 0

    def append(self, body: events.Body, held: tuple[str, int] | None = None) -> None:
        """Record an event, on disk before anything follows from it.

        With `held`, a message and a pid, only if it still has that message.

        Raises
        ------
        JournalLocked
            Another writes an event now; nothing is recorded.
        """
        with self.journal.held():
            self.fold()
            if held is None or self.out.get(held[0], (None,))[0] == held[1]:
                self.journal.append(body)
        self.fold()

    @property
    def free(self) -> bool:
        """Whether nobody writes it now."""
        try:
            self.journal.acquire()
        except JournalLocked:
            return False
        self.journal.release()
        return True

    def fold(self) -> None:
        """Take in what is new in the journal."""
        if self.journal.behind:
            self.journal.reread()
        for event in self.journal.events[self._folded :]:
            match event.body:
                case events.MessageArrived(id=key, sender=sender) if key not in self.known:
                    self.known[key] = sender
                    self.waiting[key] = event.d
                case events.MessageTaken(id=key, by=by, call=call) if key in self.waiting:
                    self.out[key] = (by, call, self.waiting.pop(key))
                case events.MessageReturned(id=key) if key in self.out:
                    self.waiting = {key: self.out.pop(key)[2], **self.waiting}
                case events.MessageDone(id=key) | events.MessageInDoubt(id=key):
                    self.out.pop(key, None)
        self._folded = len(self.journal.events)

    def held_by(self, pid: int) -> list[tuple[str, str, Message]]:
        """Return what a process has taken and not done with: id, call, message."""
        return [(key, call, message) for key, (by, call, message) in self.out.items() if by == pid]


class Boxes:
    """The shared mailboxes of a session's home.

    Parameters
    ----------
    session : SessionLike
        Whose processes take from them.
    """

    def __init__(self, session: SessionLike) -> None:
        self.session = session
        self._open: dict[Path, Box] = {}

    def get(self, name: str) -> Box:
        """Return a box; it is there with its first message.

        Raises
        ------
        UsageError
            The name is none, or the box may be a stranger's.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(f"mailbox {name!r}: write # and a plain name, as in #tasks")
        path = self.session.home.root / "mail" / name[1:] / "journal.jsonl"
        if fresh := path not in self._open:
            self._open[path] = Box(open_journal(path))
        box = self._open[path]
        box.journal.check_maker()
        box.fold()
        if fresh:
            self._settle_left(box)
        return box

    def _settle_left(self, box: Box) -> None:
        """Settle what those held whose interpreter died between their end and that."""
        for pid in {by for by, _, _ in box.out.values()} - self.session.processes.keys():
            folder = self.session.home.find(pid)
            if folder is None or holder_of(folder / "journal.jsonl") is not None:
                continue
            with suppress(LlmosError):  # it cannot be read, or another settles it now
                left = self.session.replay(folder).run.state
                if left.status == "ended":
                    self.ended(left)

    def take(self, run: Run, name: str, call: str) -> Message | None:
        """Take a message for a call; a call that takes again after a crash gets the same one.

        Raises
        ------
        JournalLocked
            Another writes in the mailbox now.
        """
        box, pid = self.get(name), run.state.pid
        for key, earlier, message in box.held_by(pid):
            if earlier == call:
                return message
            if _turn(earlier) != _turn(call):
                run.journal.flush_now()  # that it has the message is on disk before it counts as done
                box.append(events.MessageDone(id=key, by=pid))
        while key := next(iter(box.waiting), ""):
            box.append(events.MessageTaken(id=key, by=pid, call=call))
            if key in box.out and box.out[key][:2] == (pid, call):  # else another was first
                return box.out[key][2]
        return None

    def take_now(self, run: Run, name: str, call: str) -> Message | None:
        """Take a message, where one is there and nobody else writes in the mailbox."""
        try:
            return self.take(run, name, call)
        except JournalLocked:
            return None

    def ended(self, state: State) -> None:
        """Return back what a process held that ended without an answer, where its work cannot have been done.

        Raises
        ------
        JournalLocked
            Another writes in a mailbox now; what is not settled yet is when this is done again.
        """
        given = (c.arguments for c in state.calls.values() if c.name == "receive")
        took = (str(a.get("sender")) for a in given if isinstance(a, dict))
        for name in dict.fromkeys(n[1:] for n in took if is_box(n)):
            try:
                box = self.get(MARK + name)
            except LlmosError:
                continue
            for key, call, message in box.held_by(state.pid):
                became, why = self._became(state, call)
                box.append(became(id=key, by=state.pid, why=why), held=(key, state.pid))
                if became is events.MessageInDoubt:
                    self._tell(state, message, f"#{name}: {why}. The message was: {message['text']}")

    def _became(self, state: State, call: str) -> tuple[type[Became], str]:
        """Say what became of a message: done, returned or in doubt; and why."""
        who = f"{title(state)} ended ({state.reason})"
        if state.reason == "answered":
            return events.MessageDone, who
        calls = list(state.calls.values())
        since = calls[[c.id for c in calls].index(call) + 1 :] if call in state.calls else calls
        if any(c.name == "send" and c.status == "done" for c in since):
            return events.MessageDone, f"{who} after it had sent what came of it"
        begun = next((c for c in since if c.started and self._once(state.pid, c)), None)
        if begun is not None:
            why = f"{who} after it began {begun.name}; whether its work was done is not known"
            return events.MessageInDoubt, why
        return events.MessageReturned, who

    def _once(self, pid: int, call: Call) -> bool:
        process = self.session.processes.get(pid)
        tool = process.run.tools.get(call.name) if process is not None else None
        return tool is None or (tool.effect in ("external", "write") and tool.repeat == "once")

    def _tell(self, state: State, message: Mapping[str, Any], text: str) -> None:
        """Tell the sender of a message that nobody knows whether it was done."""
        sender = self.session.processes.get(message["from"])
        if sender is not None and sender.state != "ended":
            told = arrival(state, f"{message['id']}-in-doubt", text, message["label"])
            sender.dispatch.post(partial(sender.run.append, told))


async def patiently(do: Callable[[], T]) -> T:
    """Do what needs a mailbox that another writes, which takes a moment; nobody else is held up meanwhile."""
    for _ in range(TRIES):
        try:
            return do()
        except JournalLocked:
            await asyncio.sleep(TRY_S)
    return do()


def arrival(sender: State, key: str, text: str, label: str, pipe: str = "") -> events.MessageArrived:
    """Return what the receiver of a message records."""
    about = {"id": key, "name": title(sender), "label": label, "text": text, "pipe": pipe}
    return events.MessageArrived(sender=sender.pid, size=len(text.encode()), **about)


def _turn(call: str) -> str:
    return call.partition(".")[0]


def is_box(key: object) -> bool:
    """Tell the name of a shared mailbox from that of a process."""
    return str(key).startswith(MARK)
