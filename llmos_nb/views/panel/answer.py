"""The answer and its evidence: which value was observed in which call, what was checked, what was not found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from llmos_nb.process import ungrounded
from llmos_nb.process.state import CONTROL, State
from llmos_nb.tools import Call
from llmos_nb.views.contract import Block, Words
from llmos_nb.views.counts import Counts
from llmos_nb.views.panel import blocks
from llmos_nb.views.wording import count, listed, ref, short

MOST_ROWS = 16
LEAD_MOST = 140
_FIRST = re.compile(r"\A([^\n`*_#|>\[\]-][^\n`*#|\[\]]{8,}?[.!?])\s+(\S.*)\Z", re.DOTALL)


def values(answer: str) -> list[str]:
    """Return what an answer claims: numbers (with their ``%``), dates and quoted names, in order, each once."""
    found = ungrounded(answer, ())
    return [f"{v}%" if re.search(rf"(?<![\w.]){re.escape(v)}\s?%", answer) else v for v in found]


def _claim(value: str) -> str:
    """Write a value so that `ungrounded` reads it as it did in the answer."""
    return value if re.search(r"\d", value) and not re.search(r"[^\W\d_eE]{2}", value) else f"`{value}`"


def observed(claims: Sequence[str], text: str) -> list[str]:
    """Return those claims that a text holds."""
    missing = set(ungrounded("\n".join(map(_claim, claims)), (text,)))
    return [c for c in claims if c.removesuffix("%") not in missing and c not in missing]


@lru_cache(maxsize=64)
def _found(answer: str, results: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str, str], ...]:
    """Return ``(value, call, line)`` of each claim: the last call that showed it; both empty where none did."""
    left = values(answer)
    where: dict[str, tuple[str, str]] = {}
    for call, result in reversed(results):
        seen = [v for v in left if v not in where]
        where |= {v: (call, _line(v, result)) for v in observed(seen, result)} if seen else {}
    return tuple((v, *where.get(v, ("", ""))) for v in left)


def _line(value: str, result: str) -> str:
    lines = (line for line in result.splitlines() if line.strip())
    return short(next((line for line in lines if observed([value], line)), result))


def evidence(s: State) -> list[tuple[str, str, Call | None]]:
    """Map each number of the answer to what was observed and the call that showed it."""
    results = tuple((c.id, c.result) for c in s.calls.values() if c.status == "done" and c.name not in CONTROL)
    return [
        (value, "your goal" if not call and observed([value], s.goal) else line, s.calls.get(call))
        for value, call, line in _found(s.answer or "", results)
    ]


def split(answer: str) -> tuple[str, str]:
    """Return the first sentence as the lead, and the rest; no lead where it does not begin with a plain one."""
    found = _FIRST.match(answer.strip())
    if found is None or len(found[1]) > LEAD_MOST:
        return "", answer.strip()
    return found[1], found[2]


def answer(s: State) -> list[Block]:
    """Return the blocks of a process that answered."""
    lead, rest = split(s.answer or "")
    actions = blocks.actions({"label": "Export notebook", "verb": "export", "main": True})
    if names := changed(s):
        actions["buttons"].append({"label": "Undo all", "verb": "undo_all", "key": "U"})
        actions["note"] = f"Undo all takes back {count(len(names), 'name')}: {short(', '.join(names), 60)}."
    return [
        blocks.lead(lead or "The answer"),
        {"kind": "answer", "markdown": rest},
        *_evidence(s),
        {"kind": "text", "glyph": "done", "words": _checked(s)},
        actions,
    ]


def changed(s: State) -> list[str]:
    """Return the names that surviving calls made or changed, in order."""
    return list(dict.fromkeys(n for c in s.surviving for n in c.changes.names))


def _evidence(s: State) -> list[Block]:
    """Return the table of the evidence, where there is any."""
    found = evidence(s)
    rows: blocks.Rows = [[v, line or "in no result", [ref(call)] if call else "–"] for v, line, call in found]
    if len(found) > MOST_ROWS:
        rows[MOST_ROWS:] = [["…", f"{len(found) - MOST_ROWS} more", "–"]]
    caption = "Evidence: each number of the answer and where it was observed"
    return [blocks.table(caption, rows, ["in the answer", "observed", "call"])] if rows else []


def _checked(s: State) -> Words:
    """Say what was checked, and nothing that was not."""
    held = [name for name, found in s.checks.items() if found.get("held")]
    if not held:
        return "No check was asked for."
    said: list[str | list[str | int]] = []
    if "grounded" in held:
        n = len(values(s.answer or ""))
        one = "what the answer claims was observed"
        said.append(f"all {n} values of the answer stand in an observation" if n > 1 else one)
    for name in (h for h in held if h != "grounded"):
        said += [", and " if said else "", "your check ", ["`", s.check or name], " is true"]
    return ["Check held: " if len(held) == 1 else "Checks held: ", *said, "."]


def unverified(s: State, counts: Counts) -> list[Block]:
    """Return the blocks of an answer that did not hold: its numbers marked, and what was not found listed."""
    missing = counts.missing
    were = "was" if len(missing) == 1 else "were"
    lead = f"Not verified: {count(len(missing), 'value')} of the answer {were} observed nowhere"
    failed = [name for name, found in s.checks.items() if not found.get("held") and name != "grounded"]
    if not missing:
        lead = f"Not verified: the check {listed(failed) or 'of the answer'} does not hold"
    rows: blocks.Rows = [[m, "in no result of a call"] for m in missing]
    rows += [[["`", s.check or name], s.checks[name].get("detail", "") or "it is false"] for name in failed]
    return [
        {"kind": "lead", "text": lead, "glyph": "failed"},
        {"kind": "answer", "markdown": mark(s.answer or s.candidate, missing)},
        *([blocks.table("What did not hold", rows, ["in the answer", "looked for"])] if rows else []),
        *_evidence(s),
    ]


def mark(text: str, missing: Sequence[str]) -> str:
    """Mark values in an answer's Markdown as not observed, each where it first stands."""
    for value in missing:
        text = re.sub(rf"(?<![\w.]){re.escape(value)}(?!\w)", r"**\g<0>** (not observed)", text, count=1)
    return text
