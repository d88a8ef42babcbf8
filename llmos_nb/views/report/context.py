"""`%agent context`: what fills the prompt, what the next turn costs, and how prompts grew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from llmos_nb.journal import Event
from llmos_nb.messages import CACHED
from llmos_nb.process.state import State
from llmos_nb.tools import Call
from llmos_nb.views.report.model import Column, Columns, Grid, Lane, Lanes, Note, Part, Piece, Report, Told
from llmos_nb.views.report.scale import groups, span, ticks
from llmos_nb.views.report.turns import Turn, spending
from llmos_nb.views.wording import count, money, phrase, tokens

BYTES_PER_TOKEN = 4.0  # about, where the endpoint counted none
LARGEST, MOST, MILLION = 5, 24, 1e6
Price = tuple[float, float]
KEY = {"new": "new", "cached": "cached"}
_KEYS = {"head": "system and goal"}


def context(s: State, events: Iterable[Event], tools_bytes: int, price: Price | None = None) -> Report:
    """Return a map of the prompt, its parts, the largest results, and what turns cost.

    Parameters
    ----------
    s : State
        The process.
    events : iterable of Event
        Of its journal.
    tools_bytes : int
        Size of its tools, as they are sent.
    price : tuple of float, optional
        $ a million tokens of prompts, and of answers.
    """
    p = Prompt(s, tools_bytes, spending(events).turns)
    when = "would be sent if it went on" if s.status == "ended" else "are sent in the next turn"
    parts: list[Piece] = [p.map(), p.parts(), Note(p.measured, quiet=True), *_by_turn(p.turns)]
    parts += [*_next(p, price), *_largest(p)]
    return Report(f"About {p.sent:,} of {p.sent + p.free:,} tokens {when}", parts)


@dataclass(frozen=True)
class Share:
    """A part of the prompt: its look, its name, its bytes, what it holds, and when it changes."""

    look: str
    name: str
    size: int
    holds: str
    changes: str


@dataclass(frozen=True)
class Prompt:
    """The prompt as it stands.

    Parameters
    ----------
    state : State
        The process.
    tools_bytes : int
        Size of its tools.
    turns : list of Turn
        The answers so far.
    """

    state: State
    tools_bytes: int
    turns: list[Turn]

    @cached_property
    def ratio(self) -> float:
        """Bytes a token, as the endpoint counted the last prompt."""
        last = next((t for t in reversed(self.turns) if t.sent and t.usage.prompt), None)
        return last.sent / last.usage.prompt if last else BYTES_PER_TOKEN

    @property
    def measured(self) -> str:
        """How full the window is, and what sizes in tokens rest on."""
        c = self.state.context
        counted = any(t.sent and t.usage.prompt for t in self.turns)
        how = f"{self.ratio:.1f} bytes, as in the last prompt that was counted" if counted else "four bytes"
        full = f"The window holds {c.window_bytes / c.max_bytes:.0%} of {c.max_bytes:,} bytes."
        return f"{full} A token is taken as {how}."

    def tokens(self, size: int) -> int:
        """Return about how many tokens so many bytes are."""
        return int(size / self.ratio)

    @cached_property
    def shares(self) -> list[Share]:
        """The parts, in order."""
        c = self.state.context
        head = sum(len(m.encoded) for m in c.head)
        notes = sum(len(line.encode()) + 1 for line in c.ledger)
        events = f", events {c.window[0].first} to {c.window[-1].last}" if c.window else ""
        found = [
            Share("head", "system and goal", head, "how to work, and what is wanted", "never"),
            Share("tools", "tools", self.tools_bytes, "what it may call", "when its tools change"),
        ]
        if c.pages:
            said = f"notes of {count(len(c.pages), 'page')}"
            found.append(Share("notes", said, notes, "what is kept of work that left", "when work leaves"))
        said = f"window, {count(len(c.window), 'turn')}"
        return [*found, Share("window", said, c.window_bytes, f"word for word{events}", "every turn")]

    @property
    def sent(self) -> int:
        """Tokens of all parts."""
        return sum(self.tokens(p.size) for p in self.shares)

    @property
    def free(self) -> int:
        """Tokens that the window still takes."""
        return self.tokens(max(self.state.context.max_bytes - self.state.context.window_bytes, 0))

    @property
    def paged(self) -> int:
        """Tokens of what left the prompt."""
        return self.tokens(sum(g.size for page in self.state.context.pages for g in page))

    @property
    def cached(self) -> int:
        """How much of the last prompt was cached, as the endpoint said."""
        return min(self.turns[-1].usage.cached, self.turns[-1].usage.prompt) if self.turns else 0

    def map(self) -> Lanes:
        """Draw the parts and what is free, one behind the other."""
        parts, at = list[Part](), 0
        for p in self.shares:
            amount = self.tokens(p.size)
            parts.append(Part(p.look, at, at + amount, f"{p.look}\n{amount:,}"))
            at += amount
        parts.append(Part("free", at, at + self.free, f"free\n{self.free:,}"))
        said = ", ".join(f"{p.name} {self.tokens(p.size):,}" for p in self.shares)
        cached = f"cached in the last turn: {self.cached:,}" if self.cached else ""
        away = f"paged out: {self.paged:,}, kept in the journal" if self.paged else ""
        alt = ". ".join(filter(None, [f"The prompt, in tokens: {said}, free {self.free:,}", cached, away]))
        return Lanes(
            "The prompt, in tokens",
            alt,
            [Lane("", parts)],
            float(at + self.free),
            brackets=[(0.0, float(min(self.cached, at)), cached)] if cached else [],
            below=[(0.0, away)] if away else [],
            key={p.look: f"{_KEYS.get(p.look, p.look)} {self.tokens(p.size):,}" for p in self.shares}
            | {"free": f"free {self.free:,}"},
            tall=True,
        )

    def parts(self) -> Grid:
        """List the parts."""
        whole = sum(p.size for p in self.shares)
        shares = [Told(f"{p.size / whole:.0%}", share=p.size / whole) for p in self.shares]
        rows: list[list[str]] = [
            [p.name, f"{p.size:,}", f"{self.tokens(p.size):,}", share, p.holds, p.changes]
            for p, share in zip(self.shares, shares, strict=True)
        ]
        rows.append(["in all", f"{whole:,}", f"{self.tokens(whole):,}", "", "", ""])
        if self.paged:
            rows.append(["paged out", "", f"{self.paged:,}", "", "not sent; the model can recall it", ""])
        heads = ("part", "bytes", "tokens", "share", "what it holds", "changes")
        return Grid("Parts of the prompt", heads, rows, frozenset({"bytes", "tokens"}))


def _by_turn(turns: Sequence[Turn]) -> list[Columns]:
    """Draw how much each turn sent; of many the largest of each group."""
    if not turns:
        return []
    columns = []
    for group in groups(turns, MOST):
        t = max(group, key=_sent)
        cached = min(t.usage.cached, t.usage.prompt)
        said = span([g.n for g in group]) + (" ↓" if any(g.paged for g in group) else "")
        columns.append(Column(said, {"cached": cached, "new": _sent(t) - cached}, tokens(_sent(t))))
    top, left = max(_sent(t) for t in turns), [t.n for t in turns if t.paged]
    each = "" if len(columns) == len(turns) else f", the largest of each {-(-len(turns) // MOST)}"
    away = f" Work left the prompt before turn {', '.join(map(str, left[:MOST]))}." if left else ""
    alt = f"Tokens sent turn by turn{each}: {tokens(_sent(turns[-1]))} in the last, {tokens(top)} at most.{away}"
    caption = f"Tokens sent, turn by turn{each}" + (" (↓ work left the prompt)" if left else "")
    return [Columns(caption, alt, columns, KEY, ticks(top, tokens, 3))]


def _sent(t: Turn) -> int:
    return t.usage.prompt or int(t.sent / BYTES_PER_TOKEN)


def _next(p: Prompt, price: Price | None) -> list[Piece]:
    """Say what the next turn costs, as far as the turns before tell, and what the last one cost."""
    counted = [t for t in p.turns if t.usage.prompt]
    if not counted:
        return []
    cached, answer = min(p.cached, p.sent), round(sum(t.usage.completion for t in counted) / len(counted))
    rows = [
        ("cached, as in the last turn", cached, cached * CACHED, 0),
        ("new", p.sent - cached, float(p.sent - cached), 0),
        ("answer, about", answer, float(answer), 1),
    ]
    dollars = [n * price[side] / MILLION if price else 0.0 for _, n, _, side in rows]
    charged = sum(full for *_, full, _ in rows)
    rows.append(("in all", p.sent + answer, charged, 0))
    costs = (*dollars, sum(dollars))
    heads = ("part", "tokens", "at full price", "money")[: 4 if price else 3]
    made = [[name, f"{n:,}", f"{full:,.0f}", money(d, 5)] for (name, n, full, _), d in zip(rows, costs, strict=True)]
    grid = Grid("What the next turn costs, about", heads, [r[: len(heads)] for r in made], frozenset(heads[1:]))
    return [grid, Note(f"{_last(counted)}{_lasts(p.state, charged, costs[-1])}")]


def _last(counted: Sequence[Turn]) -> str:
    """Say what the last request cost, and all of them, in tokens of full price."""
    costs = [round(t.new + t.cached) for t in counted]
    u = counted[-1].usage
    said = f"{u.prompt:,} tokens, {u.cached:,} of them cached"
    return f"Last request: {said}, which cost as much as {costs[-1]:,}. All {len(costs)}: {sum(costs):,}."


def _lasts(s: State, charged: float, dollars: float) -> str:
    each = {"tokens": charged, "$": dollars}
    left = {u: int(max(s.left(u), 0.0) / v) for u, v in each.items() if v and u in s.budget.limits}
    if not left or s.status == "ended":
        return ""
    names = {"tokens": "the tokens", "$": "the money"}
    said = " and ".join(f"{names[u]} for {count(n, 'more turn')}" for u, n in left.items())
    return f" At this rate the budget lasts: {said}."


def _largest(p: Prompt) -> list[Grid]:
    """List which results take most of the window."""
    results = [(len(m.encoded), m.call) for g in p.state.context.window for m in g.messages if m.role == "tool"]
    rows = [
        [Told(call, code=True), f"{size:,}", f"{p.tokens(size):,}", _of(p.state.calls.get(call))]
        for size, call in sorted(results, reverse=True)[:LARGEST]
    ]
    heads = ("call", "bytes", "tokens", "begins with")
    return [Grid("Largest results in the window", heads, rows, frozenset(heads[1:3]))] if rows else []


def _of(call: Call | None) -> str:
    return f"{call.name}: {phrase(str(call.result), 80)}" if call else ""
