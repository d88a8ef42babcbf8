"""What stands in the prompt of a process, part by part, and what the last request cost."""

from __future__ import annotations

from collections.abc import Iterable

from llmos_nb.journal import Event
from llmos_nb.journal.events import ModelResponded
from llmos_nb.process.state import State
from llmos_nb.views.text.tables import table
from llmos_nb.views.wording import count

BYTES_PER_TOKEN, CACHED = 4, 0.1  # about; what a cached token costs of one that is not
LARGEST, BAR = 5, 20


def context_text(s: State, events: Iterable[Event], tools_bytes: int) -> str:
    """Return the parts of the prompt with their sizes, the largest results, and the cost of the last request.

    Parameters
    ----------
    s : State
        The process.
    events : iterable of Event
        Of its journal.
    tools_bytes : int
        Size of its tools, as they are sent.

    Returns
    -------
    str
        Lines; a token is taken as four bytes, and a cached one costs a tenth.
    """
    context = s.context
    head = sum(len(m.encoded) for m in context.head)
    ledger = sum(len(line.encode()) + 1 for line in context.ledger)
    parts = [("system and goal", head), ("tools", tools_bytes)]
    parts += [(f"notes of {count(len(context.pages), 'page')}", ledger)] if context.pages else []
    parts += [(f"window, {count(len(context.window), 'turn')}", context.window_bytes)]
    whole = sum(size for _, size in parts)
    rows = [[what, *_sizes(size), _bar(size / whole)] for what, size in parts]
    rows.append(["in all", *_sizes(whole), ""])
    full = f"The window holds {context.window_bytes / context.max_bytes:.0%} of {context.max_bytes:,} bytes."
    return "\n".join([table(rows, ["part", "bytes", "tokens", ""]), full, *_largest(s), *_cost(events)])


def _sizes(size: int) -> list[str]:
    return [f"{size:,}", f"{size // BYTES_PER_TOKEN:,}"]


def _bar(share: float) -> str:
    return "█" * max(round(share * BAR), 1)


def _largest(s: State) -> list[str]:
    """Say which results take most of the window."""
    results = [(len(m.encoded), m.call) for g in s.context.window for m in g.messages if m.role == "tool"]
    most = sorted(results, reverse=True)[:LARGEST]
    return [f"Largest results: {', '.join(f'{call} {size:,}' for size, call in most)}."] if most else []


def _cost(events: Iterable[Event]) -> list[str]:
    """Say what the last request cost, and all of them, in tokens of full price."""
    used = [e.body.usage for e in events if isinstance(e.body, ModelResponded) and e.body.usage]
    if not used:
        return []
    costs = [_effective(u.get("prompt", 0), u.get("cached", 0)) for u in used]
    last = used[-1]
    said = f"{last.get('prompt', 0):,} tokens, {last.get('cached', 0):,} of them cached"
    return [f"Last request: {said}, which cost as much as {costs[-1]:,}. All {len(costs)}: {sum(costs):,}."]


def _effective(prompt: int, cached: int) -> int:
    return round(prompt - cached + CACHED * cached)
