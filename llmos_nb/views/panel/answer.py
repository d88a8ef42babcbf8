"""The answer and its evidence: how each claim of it is known, and which checks of the user's held."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llmos_nb.process import evidence
from llmos_nb.process.evidence import Marked
from llmos_nb.process.state import State
from llmos_nb.views.contract import Block, Words
from llmos_nb.views.panel import blocks
from llmos_nb.views.wording import count, listed, ref, short

MOST_ROWS = 16
_FORMER = "grounded"  # a check that former versions made
_DOUBT: dict[str, str] = {"absent": "**{}** (not found)", "same": "{} (?)"}
LEAD_MOST = 140
_FIRST = re.compile(r"\A([^\n`*_#|>\[\]-][^\n`*#|\[\]]{8,}?[.!?])\s+(\S.*)\Z", re.DOTALL)


def split(answer: str) -> tuple[str, str]:
    """Return the first sentence as the lead, and the rest; no lead where it does not begin with a plain one."""
    found = _FIRST.match(answer.strip())
    if found is None or len(found[1]) > LEAD_MOST:
        return "", answer.strip()
    return found[1], found[2]


def answer(s: State) -> list[Block]:
    """Return the blocks of a process that answered."""
    found = evidence.evidence(s)
    lead, rest = split(s.answer or "")
    actions = blocks.actions({"label": "Export notebook", "verb": "export", "main": True})
    if names := changed(s):
        actions["buttons"].append({"label": "Undo all", "verb": "undo_all", "key": "U"})
        actions["note"] = f"Undo all takes back {count(len(names), 'name')}: {short(', '.join(names), 60)}."
    if s.undone:
        actions["buttons"].append({"label": "Redo", "verb": "redo"})
    return [
        blocks.lead(lead or "The answer"),
        {"kind": "answer", "markdown": doubted(rest, found)},
        *_evidence(s, found),
        *_checked(s),
        actions,
    ]


def changed(s: State) -> list[str]:
    """Return the names that surviving calls made or changed, in order."""
    return list(dict.fromkeys(n for c in s.surviving for n in c.changes.names))


def _evidence(s: State, found: Sequence[Marked]) -> list[Block]:
    """Return what was compared, and with what: the headline counts it, the table shows it."""
    ticked = evidence.ticked(s, found)
    head: Block = {"kind": "text", "words": f"Claims of the answer: {evidence.told(s, found)}"}
    head = {**head, "glyph": "done"} if ticked else head
    rows: blocks.Rows = [
        [m.claim.text, evidence.words(m.mark), _shown(m), [ref(s.calls[m.call])] if m.call in s.calls else "–"]
        for m in found[:MOST_ROWS]
    ]
    if len(found) > MOST_ROWS:
        rows.append(["…", f"{len(found) - MOST_ROWS} more", "", "–"])
    heads = ["in the answer", "how it is known", "where", "call"]
    caption = "Evidence: each claim of the answer, and where it is from"
    return [head, *([blocks.table(caption, rows, heads)] if rows else [])]


def _shown(m: Marked) -> str:
    """Say where a claim stands: its row and column, the formula, or the expression that gave it."""
    place = " · ".join(filter(None, (m.row, m.column)))
    return short(f"{place}: {m.how}" if place and m.how and m.how != place else m.how or place)


def _checked(s: State) -> list[Block]:
    """Say which checks of the user's held; nothing where they asked for none."""
    held = [name for name, found in s.checks.items() if found.get("held") and name != _FORMER]
    said: list[str | list[str | int]] = []
    for name in held:
        said += [", and " if said else "", "your check ", ["`", s.check or name], " is true"]
    words: Words = ["Check held: " if len(held) == 1 else "Checks held: ", *said, "."]
    return [{"kind": "text", "glyph": "done", "words": words}] if held else []


def unverified(s: State) -> list[Block]:
    """Return the blocks of an answer of which a check of the user's does not hold."""
    found = evidence.evidence(s)
    failed = [name for name, check in s.checks.items() if not check.get("held")]
    rows: blocks.Rows = [
        [["`", s.check or name], s.checks[name].get("detail", "") or "it is false"] for name in failed
    ]
    lead = f"Not verified: the check {listed(failed) or 'of the answer'} does not hold"
    return [
        {"kind": "lead", "text": lead, "glyph": "failed"},
        {"kind": "answer", "markdown": doubted(s.answer or s.candidate, found)},
        *([blocks.table("What did not hold", rows, ["the check", "what was found"])] if rows else []),
        *_evidence(s, found),
    ]


def doubted(text: str, found: Sequence[Marked]) -> str:
    """Mark the claims of an answer's Markdown that nothing shows, each where it first stands."""
    for m in found:
        if (how := _DOUBT.get(m.mark)) and "`" not in text[max(text.find(m.claim.text) - 1, 0) :][:1]:
            spot = rf"(?<![\w.]){re.escape(m.claim.text)}(?!\w)"
            text = re.sub(spot, lambda at, how=how: how.format(at[0]), text, count=1)  # type: ignore[misc]
    return text
