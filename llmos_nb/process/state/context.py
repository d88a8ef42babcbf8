"""The context window: HEAD (frozen) + LEDGER (append-only) + WINDOW (append-only, evicted in one go).

Each message is encoded once. When the window passes its bound it is cut down to a quarter in whole groups (a call
with its results); what left is a page, and the ledger gains one line of at most 60 bytes with no model text.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from heapq import nlargest
from itertools import chain
from operator import attrgetter

from llmos_nb.messages import Message
from llmos_nb.process.state.search import Index, excerpt

MAX_STEPS, KEEP_STEPS = 30, 4
LEDGER_BYTES, LINE_BYTES = 2_048, 60
RECALL = "recall"
_MESSAGES = attrgetter(
    "messages"
)  # no Python code runs for each group: a prompt is put together for every step


@dataclass(frozen=True, slots=True)
class Group:
    """Messages that leave the window together, with the events that made them.

    Parameters
    ----------
    messages : tuple of Message
        An answer with calls and all its results, or a single message.
    first, last : int
        Positions in the journal.
    whole : dict of str to str
        By call, what is recorded of a result of which the message shows only head and tail.
    stays : bool
        It was recalled twice: it does not leave with its neighbours.
    """

    messages: tuple[Message, ...]
    first: int
    last: int
    whole: Mapping[str, str] = field(default_factory=dict)
    stays: bool = False

    @property
    def size(self) -> int:
        """Bytes in the prompt."""
        return sum(len(m.encoded) + 1 for m in self.messages)

    @property
    def text(self) -> str:
        """The exact words, for `recall`."""
        return "\n".join(_words(m) for m in self.messages)

    @property
    def recalled(self) -> list[str]:
        """What `recall` brought into it."""
        asked = {c.id for m in self.messages for c in m.calls if c.name == RECALL}
        return [m.text for m in self.messages if m.call in asked]

    @property
    def searched(self) -> str:
        """The words that a search looks at: all that is recorded of results, but no copies that were recalled."""
        asked = {c.id for m in self.messages for c in m.calls if c.name == RECALL}
        told = [replace(m, calls=tuple(c for c in m.calls if c.id not in asked)) for m in self.messages]
        told = [replace(m, text=self.whole[m.call]) if m.call in self.whole else m for m in told]
        return "\n".join(_words(m) for m in told if m.call not in asked and (m.text or m.calls or m.call))


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
    labels: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)
    window_bytes: int = 0
    breaks: int = 0
    shortened: bool = False
    _digest: str = field(default="", repr=False, compare=False)
    _index: Index | None = field(default=None, repr=False, compare=False)  # made with the first search
    _indexed: list[int] = field(default_factory=list, repr=False, compare=False)

    def add(
        self, messages: tuple[Message, ...], first: int, last: int, whole: Mapping[str, str] | None = None
    ) -> None:
        """Append a group to the window; `whole` is what is recorded of results that are not shown in full."""
        group = Group(messages, first, last, whole or {})
        self.window.append(group)
        self.window_bytes += group.size
        self.shortened = self.shortened or bool(whole)

    @property
    def hides(self) -> bool:
        """Whether there is anything that only `recall` shows."""
        return bool(self.pages) or self.shortened

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

    def staying(self, count: int) -> list[int]:
        """Say which groups stay though the oldest `count` leave: the last copy of what was recalled twice.

        They hold at most a quarter of the window, the newest first, and never all that would leave.
        """
        copies = [(text, i) for i, g in enumerate(self.window) for text in g.recalled]
        times, last = Counter(text for text, _ in copies), dict(copies)
        wanted = {i for t, i in last.items() if times[t] > 1 or self.window[i].stays}
        room, found = self.max_bytes // 4, list[int]()
        for i in sorted(wanted, reverse=True)[:KEEP_STEPS]:
            if (size := self.window[i].size) <= room:
                room -= size
                found.append(i)
        return [] if set(range(count)) <= set(found) else sorted(found)

    def evict(self, count: int, stay: Collection[int] = (), label: str = "") -> int:
        """Move the oldest `count` groups, but for those that stay, to a new page and give its number."""
        placed = [replace(g, stays=True) if i in stay else g for i, g in enumerate(self.window)]
        gone = tuple(g for i, g in enumerate(placed) if i < count and i not in stay)
        self.window = [g for i, g in enumerate(placed) if i >= count or i in stay]
        self.window_bytes = sum(g.size for g in self.window)
        self.pages.append(gone)
        self.labels.append(label)
        self.lines.append(_ledger_line(len(self.pages), gone, label))
        self.ledger.append(self.lines[-1])
        if sum(len(line) + 1 for line in self.ledger) > LEDGER_BYTES:
            self._merge_ledger()
        self.breaks += 1
        return len(self.pages)

    def _merge_ledger(self) -> None:
        half = len(self.ledger) // 2
        last = re.findall(r"pages? (?:\d+-)?(\d+)", self.ledger[half - 1])[0]
        self.ledger[:half] = [f"pages 1-{last}: recall(page=0) lists them"[:LINE_BYTES]]

    def messages(self) -> tuple[Message, ...]:
        """Return the prompt in order."""
        middle = (_ledger_message(tuple(self.ledger)),) if self.ledger else ()
        return (*self.head, *middle, *chain.from_iterable(map(_MESSAGES, self.window)))

    def page(self, number: int) -> str:
        """Return the exact words of a page; page 0 is the page of pages."""
        if number == 0:
            return "\n".join(self.lines)
        return "\n".join(g.text for g in self.pages[number - 1])

    def search(self, query: str, limit: int = 3) -> list[tuple[int, str]]:
        """Find what left the prompt, and what stands in it shortened, by its words.

        Parameters
        ----------
        query : str
            Words; where they stand exactly so, that goes first, then where the rarer of them stand.
        limit : int
            How many to give.

        Returns
        -------
        list of (int, str)
            Page (0 for the window) and exact words, of a long text those around the hit; the best first.
        """
        index = self._taken_in()
        found = [(score, -i, page, text) for i, (score, page, text) in enumerate(self._scored(query, index))]
        return [(page, excerpt(text, query)) for _, _, page, text in nlargest(limit, found)]

    def _taken_in(self) -> Index:
        """Return the index, with the pages that came since the last search."""
        self._index = index = self._index or Index()
        for number in range(len(self._indexed), len(self.pages)):
            for group in self.pages[number]:
                index.add(group.searched)
            self._indexed.append(len(index.texts))
        return index

    def _scored(self, query: str, index: Index) -> list[tuple[float, int, str]]:
        """Return all that fits with score and page, the newest first."""
        shortened = Index()
        for group in self.window:
            if group.whole:
                shortened.add(group.searched)
        here = [(s, 0, shortened.texts[i]) for i, s in sorted(shortened.find(query).items(), reverse=True)]
        there = sorted(index.find(query).items(), reverse=True)
        return here + [(s, bisect(self._indexed, i) + 1, index.texts[i]) for i, s in there]

    def head_digest(self) -> str:
        """Hash of the head, by which `model.requested` names it."""
        if not self._digest:
            self._digest = sha256(b"".join(m.encoded for m in self.head)).hexdigest()[:16]
        return self._digest


def _ledger_line(number: int, groups: tuple[Group, ...], label: str) -> str:
    """Say in at most 60 bytes what a page holds; names of tools and labels only, no model text.

    It names answers, not events: a crash adds events, and must not change a prompt.
    """
    calls = [c for g in groups for m in g.messages for c in m.calls]
    names = Counter(c.name for c in calls).most_common(3)
    what = ", ".join(f"{name} x{n}" if n > 1 else name for name, n in names) or "messages"
    answers = [c.id.partition(".")[0] for c in calls[:1] + calls[-1:]]
    parts = [label, "-".join(dict.fromkeys(answers)), what]
    line = f"page {number}: {', '.join(p for p in parts if p)}"
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
