"""The context window: HEAD (frozen) + LEDGER (append-only) + WINDOW (append-only, evicted in one go).

Each message is encoded once. When the window passes its bound it is cut down to a quarter in whole groups (a call
with its results); what left is a page, and the ledger gains one line of at most 60 bytes with no model text.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256

from llmos_nb.messages import Message

MAX_STEPS, KEEP_STEPS = 30, 4
LEDGER_BYTES, LINE_BYTES = 2_048, 60


@dataclass(frozen=True, slots=True)
class Group:
    """Messages that leave the window together, with the events that made them.

    Parameters
    ----------
    messages : tuple of Message
        An answer with calls and all its results, or a single message.
    first, last : int
        Positions in the journal.
    """

    messages: tuple[Message, ...]
    first: int
    last: int

    @property
    def size(self) -> int:
        """Bytes in the prompt."""
        return sum(len(m.encoded) + 1 for m in self.messages)

    @property
    def text(self) -> str:
        """The exact words, for `recall`."""
        return "\n".join(_words(m) for m in self.messages)


def _words(message: Message) -> str:
    calls = "".join(f"\ncall {c.id} {c.name} {c.arguments}" for c in message.calls)
    return f"{message.role} {message.call}".rstrip() + f": {message.text}{calls}"


@dataclass
class Context:
    """What the model is shown, kept incrementally.

    Parameters
    ----------
    head : tuple of Message
        System message (and worked examples) and goal; never changes.
    max_bytes : int
        Bound on the window, in bytes.
    """

    head: tuple[Message, ...] = ()
    max_bytes: int = 16_384
    window: list[Group] = field(default_factory=list)
    pages: list[tuple[Group, ...]] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)
    window_bytes: int = 0
    breaks: int = 0
    recalled: set[int] = field(default_factory=set)

    def add(self, messages: tuple[Message, ...], first: int, last: int) -> None:
        """Append a group to the window."""
        group = Group(messages, first, last)
        self.window.append(group)
        self.window_bytes += group.size

    @property
    def overfull(self) -> bool:
        """Whether the window passed its bound."""
        too_big = self.window_bytes > self.max_bytes and len(self.window) > 1
        return len(self.window) > MAX_STEPS or too_big

    def leaving(self, keep_bytes: int | None = None) -> tuple[int, int, int]:
        """Say what an eviction would take: number of groups, first and last event."""
        keep = self.max_bytes // 4 if keep_bytes is None else keep_bytes
        count, size = 0, self.window_bytes
        while count < len(self.window) - 1 and (size > keep or len(self.window) - count > KEEP_STEPS):
            size -= self.window[count].size
            count += 1
        return count, self.window[0].first, self.window[max(count - 1, 0)].last

    def evict(self, count: int) -> int:
        """Move the oldest `count` groups to a new page and give its number."""
        gone, self.window = tuple(self.window[:count]), self.window[count:]
        self.window_bytes = sum(g.size for g in self.window)
        self.pages.append(gone)
        self.ledger.append(_ledger_line(len(self.pages), gone))
        if sum(len(line) + 1 for line in self.ledger) > LEDGER_BYTES:
            self._merge_ledger()
        self.breaks += 1
        return len(self.pages)

    def _merge_ledger(self) -> None:
        half = len(self.ledger) // 2
        last = re.findall(r"page (?:\d+-)?(\d+)", self.ledger[half - 1])[0]
        self.ledger[:half] = [f"page 1-{last}: see recall"[:LINE_BYTES]]

    def messages(self) -> tuple[Message, ...]:
        """Give the prompt in order."""
        middle = (_ledger_message(tuple(self.ledger)),) if self.ledger else ()
        return (*self.head, *middle, *(m for g in self.window for m in g.messages))

    def page(self, number: int) -> str:
        """Give the exact words of a page."""
        return "\n".join(g.text for g in self.pages[number - 1])

    def search(self, query: str, limit: int = 3) -> list[tuple[int, str]]:
        """Find the groups of the pages that share most words with `query`: ``[(page, words)]``."""
        wanted = set(re.findall(r"\w+", query.lower()))
        scored = [
            (len(wanted & set(re.findall(r"\w+", g.text.lower()))), g.first, number, g.text)
            for number, page in enumerate(self.pages, 1)
            for g in page
        ]
        best = sorted((s for s in scored if s[0]), key=lambda s: (-s[0], -s[1]))[:limit]
        return [(number, text) for _, _, number, text in best]

    def head_digest(self) -> str:
        """Hash of the head, by which `model.requested` names it."""
        return sha256(b"".join(m.encoded for m in self.head)).hexdigest()[:16]


def _ledger_line(number: int, groups: tuple[Group, ...]) -> str:
    """Say in at most 60 bytes what a page holds; names of tools only, no model text."""
    calls = Counter(c.name for g in groups for m in g.messages for c in m.calls)
    what = ", ".join(f"{name} x{n}" if n > 1 else name for name, n in calls.most_common(3)) or "messages"
    line = f"page {number}: events {groups[0].first}-{groups[-1].last}, {what}" if groups else f"page {number}"
    return line.encode("ascii", "replace").decode()[:LINE_BYTES]


_messages: dict[tuple[str, ...], Message] = {}


def _ledger_message(lines: tuple[str, ...]) -> Message:
    """Make the ledger's message; the same lines give the same object, encoded once."""
    if lines not in _messages:
        if len(_messages) > 64:
            _messages.clear()
        text = "Earlier work; recall(page) brings it back:\n" + "\n".join(lines)
        _messages[lines] = Message("user", text)
    return _messages[lines]
