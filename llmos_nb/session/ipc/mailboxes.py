"""Mailboxes that several processes share, such as ``#tasks``: each message goes to one of those who take from it.

A box has a journal of its own under ``<home>/mail/``. A message that was taken is held by its taker until the taker
comes back for another, or ends with an answer. If the taker ends otherwise, the message goes back, unless its work may
be done: it sent something since (then it counts as done), or began a call that may run only once (then its sender is
told).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import UsageError
from llmos_nb.journal import Journal, events
from llmos_nb.process import open_journal
from llmos_nb.process.state import State
from llmos_nb.session.ipc.deadlock import title
from llmos_nb.session.protocols import SessionLike
from llmos_nb.tools import Call

if TYPE_CHECKING:
    from llmos_nb.process import Run

Became = events.MessageDone | events.MessageReturned | events.MessageInDoubt
MARK = "#"
_NAME = re.compile(r"#[A-Za-z][A-Za-z0-9_-]{0,40}")
Message = dict[str, Any]


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

    def append(self, body: events.Body) -> None:
        """Record an event, on disk before anything follows from it."""
        with self.journal.held():
            self.fold()
            self.journal.append(body)
        self.fold()

    def fold(self) -> None:
        """Take in what is new in the journal."""
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
            The name is none.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(f"mailbox {name!r}: write # and a plain name, as in #tasks")
        path = self.session.home.root / "mail" / name[1:] / "journal.jsonl"
        if path not in self._open:
            self._open[path] = Box(open_journal(path))
        box = self._open[path]
        box.fold()
        return box

    def take(self, run: Run, name: str, call: str) -> Message | None:
        """Take a message for a call; a call that takes again after a crash gets the same one."""
        box, pid = self.get(name), run.state.pid
        for key, earlier, message in box.held_by(pid):
            if earlier == call:
                return message
            if _turn(earlier) != _turn(call):
                box.append(events.MessageDone(id=key, by=pid))
        if not (key := next(iter(box.waiting), "")):
            return None
        message = box.waiting[key]
        box.append(events.MessageTaken(id=key, by=pid, call=call))
        return message

    def ended(self, state: State) -> None:
        """Return back what a process held that ended without an answer, where its work cannot have been done."""
        for name, box in ((p.parent.name, b) for p, b in self._open.items()):
            for key, call, message in box.held_by(state.pid):
                became, why = self._became(state, call)
                box.append(became(id=key, by=state.pid, why=why))
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


def arrival(sender: State, key: str, text: str, label: str, pipe: str = "") -> events.MessageArrived:
    """Return what the receiver of a message records."""
    about = {"id": key, "name": title(sender), "label": label, "text": text, "pipe": pipe}
    return events.MessageArrived(sender=sender.pid, size=len(text.encode()), **about)


def _turn(call: str) -> str:
    return call.partition(".")[0]


def is_box(key: object) -> bool:
    """Tell the name of a shared mailbox from that of a process."""
    return str(key).startswith(MARK)
