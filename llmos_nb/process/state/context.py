"""The context window: HEAD (frozen) + LEDGER (append-only) + WINDOW (append-only, evicted in one go).

Each message is encoded once. When the window passes its bound it is cut down to a quarter in whole groups (a call
with its results); what left is a page. Of a page the ledger keeps the notes that come with it; in a small window there
is room for one line of at most 60 bytes only, with no model text.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from heapq import nlargest
from itertools import chain
from operator import attrgetter
from typing import Literal

from llmos_nb.messages import Message
from llmos_nb.models import shown_bytes
from llmos_nb.process.state.search import Index, excerpt
from llmos_nb.process.state.texts import TEXTS

SMALL = 16_384  # bytes of the largest window that is a small one
MAX_STEPS, KEEP_STEPS = 30, 4  # in a small window; the newest groups, which stay
LEDGER_BYTES, LINE_BYTES = 2_048, 60  # of a small window; of a larger one an eighth is for notes
OVER = 1.25  # of its bound, which a window may have while the model is asked for notes
RECALL = "recall"
_MESSAGES = attrgetter("messages")  # no Python code runs for each group: a prompt is put together for every step


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

    def searched(self, ours: Collection[str] = ()) -> str:
        """Return the words that a search looks at: all that is recorded of results, no recalled copies, not `ours`."""
        asked = {c.id for m in self.messages for c in m.calls if c.name == RECALL}
        told = [replace(m, calls=tuple(c for c in m.calls if c.id not in asked)) for m in self.messages]
        told = [replace(m, text=self.whole[m.call]) if m.call in self.whole else m for m in told]
        told = [m for m in told if m.text not in ours and m.call not in asked]
        return "\n".join(_words(m) for m in told if m.text or m.calls or m.call)


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
    shortened, drawn : bool
        Whether a result was shortened, and a message may hold an image.
    asked : {"", "now", "answered"}
        How it stands with the notes for which the model is asked before work leaves.
    ours, said, own_words : list of str
        What we said of the window itself; what people, and what the model said in what has left it, word for word.
    """

    head: tuple[Message, ...] = ()
    max_bytes: int = SMALL
    window: list[Group] = field(default_factory=list)
    pages: list[tuple[Group, ...]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)
    notes: list[list[str]] = field(default_factory=list)
    window_bytes: int = 0
    breaks: int = 0
    shortened: bool = False
    drawn: bool = False
    asked: Literal["", "now", "answered"] = ""
    heading: str = TEXTS["earlier_work"]
    ours: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    own_words: list[str] = field(default_factory=list)
    _known: tuple[tuple[Message, ...], tuple[str, int, bool]] | None = field(default=None, repr=False, compare=False)
    _index: Index | None = field(default=None, repr=False, compare=False)  # made with the first search
    _indexed: list[int] = field(default_factory=list, repr=False, compare=False)

    def add(self, messages: tuple[Message, ...], first: int, last: int, whole: Mapping[str, str] | None = None) -> None:
        """Append a group to the window; `whole` is what is recorded of results that are not shown in full."""
        group = Group(messages, first, last, whole or {})
        self.window.append(group)
        self.window_bytes += group.size
        self.shortened = self.shortened or bool(whole)
        self.drawn = self.drawn or any(m.parts for m in messages)

    @property
    def hides(self) -> bool:
        """Whether there is anything that only `recall` shows."""
        return bool(self.pages) or self.shortened

    @property
    def full(self) -> bool:
        """Whether the window passed its bound."""
        too_big = self.window_bytes > self.max_bytes and len(self.window) > 1
        return too_big or (self.small and len(self.window) > MAX_STEPS)

    @property
    def overfull(self) -> bool:
        """Whether work leaves now: the model has noted what it needs of it, or there is no room to ask for that."""
        no_room = self.small or self.window_bytes > self.max_bytes * OVER
        return self.full and (no_room or self.asked == "answered")

    @property
    def asks(self) -> bool:
        """Whether the model is to be asked for notes, while all that will leave still stands there."""
        return self.full and not self.overfull and not self.asked

    @property
    def filling(self) -> bool:
        """Whether the model is to be told that work leaves the window: a result was shortened, or half of it is used.

        A head with worked examples is of a model that has words of its own.
        """
        many = self.small and len(self.window) > MAX_STEPS // 2
        due = self.shortened or many or self.window_bytes > self.max_bytes // 2
        return due and not self.ours and len(self.head) <= len(("system", "goal"))

    def own(self, text: str) -> str:
        """Take in, and return, what we say of the window itself, which no search finds."""
        self.ours += [] if text in self.ours else [text]
        return text

    @property
    def small(self) -> bool:
        """Whether the window is that of a small model, in which there is no room for notes."""
        return self.max_bytes <= SMALL

    @property
    def shown_bytes(self) -> int:
        """How much of one result is shown."""
        return shown_bytes(self.max_bytes)

    def leaving(self, keep_bytes: int | None = None) -> tuple[int, int, int]:
        """Say what an eviction would take: number of groups, first and last event."""
        keep = self.max_bytes // 4 if keep_bytes is None else keep_bytes
        count, size = 0, self.window_bytes
        while count < len(self.window) - 1 and self._goes(len(self.window) - count, size, keep):
            size -= self.window[count].size
            count += 1
        return count, self.window[0].first, self.window[max(count - 1, 0)].last

    def _goes(self, left: int, size: int, keep: int) -> bool:
        """Whether the next group leaves, where so many with so many bytes are left; the newest stay where they fit."""
        if self.small:
            return size > keep or left > KEEP_STEPS
        return size > (keep if left > KEEP_STEPS else max(keep, self.max_bytes))

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

    def going(self, count: int, stay: Collection[int]) -> tuple[Group, ...]:
        """Return those of the oldest `count` groups that do not stay."""
        return tuple(g for i, g in enumerate(self.window[:count]) if i not in stay)

    def evict(
        self,
        count: int,
        stay: Collection[int] = (),
        label: str = "",
        notes: Sequence[str] = (),
        known: str = "",
    ) -> int:
        """Move the oldest `count` groups, but for those that stay, to a new page and give its number.

        Parameters
        ----------
        count : int
            How many groups.
        stay : collection of int
            Which of them stay all the same.
        label : str
            Of the context at that time, where it was not trusted.
        notes : sequence of str
            Lines on what leaves, for a window that is not small.
        known : str
            What holds at that time, in place of what stood there before.
        """
        placed = [replace(g, stays=True) if i in stay else g for i, g in enumerate(self.window)]
        gone = tuple(g for i, g in enumerate(placed) if i < count and i not in stay)
        self.window = [g for i, g in enumerate(placed) if i >= count or i in stay]
        self.window_bytes = sum(g.size for g in self.window)
        self.pages.append(gone)
        self.labels.append(label)
        self.lines.append(_ledger_line(len(self.pages), gone, label))
        if self.small:
            self._one_line()
        else:
            self._note([self.lines[-1], *notes], known)
        self.asked = ""
        self.breaks += 1
        return len(self.pages)

    def _one_line(self) -> None:
        self.ledger.append(self.lines[-1])
        if sum(len(line) + 1 for line in self.ledger) > LEDGER_BYTES:
            self._merge_ledger()

    def _note(self, lines: list[str], known: str) -> None:
        """Keep the notes of a page; where they grow too long, the oldest pages keep their first line alone."""
        room = max(self.max_bytes // 8 - len(known.encode()), self.max_bytes // 16)
        self.notes.append(_within(lines, room))
        for block in self.notes[:-1]:
            if sum(len(line.encode()) + 1 for kept in self.notes for line in kept) <= room:
                break
            del block[1:]
        while len(self.notes) > 2 and sum(len(b[0]) + 1 for b in self.notes if len(b) == 1) > room // 4:
            last = re.findall(r"pages? (?:\d+-)?(\d+)", self.notes[1][0])[0]
            self.notes[:2] = [[f"pages 1-{last}: recall(page=0) lists them"]]
        self.ledger = [line for block in self.notes for line in block] + ([known] if known else [])

    def _merge_ledger(self) -> None:
        half = len(self.ledger) // 2
        last = re.findall(r"pages? (?:\d+-)?(\d+)", self.ledger[half - 1])[0]
        self.ledger[:half] = [f"pages 1-{last}: recall(page=0) lists them"[:LINE_BYTES]]

    def messages(self) -> tuple[Message, ...]:
        """Return the prompt in order."""
        return (*self.head, *self._middle, *chain.from_iterable(map(_MESSAGES, self.window)))

    @property
    def _middle(self) -> tuple[Message, ...]:
        return (_ledger_message((self.heading, *self.ledger)),) if self.ledger else ()

    @property
    def size(self) -> int:
        """Bytes of the prompt, a comma a message counted."""
        middle = sum(len(m.encoded) + 1 for m in self._middle) if self.ledger else 0
        return self._of_head[1] + middle + self.window_bytes

    @property
    def pictured(self) -> bool:
        """Whether a message may hold an image."""
        return self.drawn or self._of_head[2]

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
                index.add(group.searched(self.ours))
            self._indexed.append(len(index.texts))
        return index

    def _scored(self, query: str, index: Index) -> list[tuple[float, int, str]]:
        """Return all that fits with score and page, the newest first."""
        shortened = Index()
        for group in self.window:
            if group.whole:
                shortened.add(group.searched(self.ours))
        here = [(s, 0, shortened.texts[i]) for i, s in sorted(shortened.find(query).items(), reverse=True)]
        there = sorted(index.find(query).items(), reverse=True)
        return here + [(s, bisect(self._indexed, i) + 1, index.texts[i]) for i, s in there]

    def head_digest(self) -> str:
        """Hash of the head, by which `model.requested` names it."""
        return self._of_head[0]

    @property
    def _of_head(self) -> tuple[str, int, bool]:
        """Digest of the head, its bytes in the prompt, and whether it holds an image; it never changes."""
        if self._known is None or self._known[0] is not self.head:
            digest = sha256(b"".join(m.encoded for m in self.head)).hexdigest()[:16]
            size, drawn = sum(len(m.encoded) + 1 for m in self.head), any(m.parts for m in self.head)
            self._known = self.head, (digest, size, drawn)
        return self._known[1]


def _within(lines: list[str], room: int) -> list[str]:
    """Return the first line and, of the others, the newest that fit in so many bytes, with how many are left out."""
    first, *rest = lines
    room -= len(first.encode()) + 40
    kept = list[str]()
    for line in reversed(rest):
        room -= len(line.encode()) + 1
        if room < 0:
            break
        kept.append(line)
    left = len(rest) - len(kept)
    return [first, *([f"- … {left} earlier lines left out"] if left else []), *reversed(kept)]


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
        _messages[lines] = Message("user", "\n".join(lines))
    return _messages[lines]
