"""The evidence for the answer of a process, and what a headline may say of it: what was compared, and how many."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from llmos_nb.process.evidence.claims import Claim, Sentence
from llmos_nb.process.evidence.marks import GREEN, Computed, Mark, Marked, Seen
from llmos_nb.process.evidence.match import mark
from llmos_nb.process.state import CONTROL, State
from llmos_nb.tools import Call

_SAID: dict[Mark, str] = {
    "computed": "computed",
    "row": "from results",
    "derived": "derived",
    "given": "from the goal or the code",
    "same": "same number only",
    "absent": "not found",
}
"""Each mark in the words of a headline, in its order."""

_CODE = re.compile(r"(?ms)^```python\n.*?^```$")
_FIELD = re.compile(r"(?s)\{\{((?:(?!\n[ \t]*\n).)+?)\}\}+")
SMALL = "A small model wrote the code; whether it answers the question is not checked: read it."


def evidence(s: State) -> list[Marked]:
    """Return what the answer claims, each claim with its mark; empty where it claims nothing that can be compared.

    What was seen counts, whether or not it was undone since; what was refused, or failed, showed nothing.
    """
    seen = tuple(
        Seen(c.id, _code(c), c.result)
        for c in s.calls.values()
        if c.status in ("done", "undone") and c.name not in CONTROL
    )
    piped = tuple(Seen("", "", str(p["text"])) for p in s.piped)
    said = (*(m.text for m in s.context.head[-1:]), *(text for _, text in s.told))
    spans = tuple(Computed(c["start"], c["start"] + len(c["text"]), c["code"]) for c in s.computed or ())
    answer = s.answer or s.candidate
    if s.small:  # its harness shows the code that ran; of another model's answer all is a claim
        answer = _CODE.sub(_blank, answer)
    failed = [
        Marked(_field(m), "absent", how="it gave no value") for m in _FIELD.finditer(answer) if _failed(s, m)
    ]
    found = _marked(_FIELD.sub(_blank, answer), s.goal, (*piped, *seen), said, spans)
    return sorted([*found, *failed], key=lambda each: each.claim.start)


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found.group())


def _failed(s: State, found: re.Match[str]) -> bool:
    """Return whether braces hold an expression of the answer that gave no value, rather than text."""
    return any(e.startswith(f"{{{{{found[1].strip()}}}}}: ") for e in s.unfilled)


def _field(found: re.Match[str]) -> Claim:
    start, end = found.span()
    return Claim("name", found.group(), start, end, Sentence(start, end, found.group()))


@lru_cache(maxsize=64)
def _marked(
    answer: str, goal: str, seen: tuple[Seen, ...], said: tuple[str, ...], computed: tuple[Computed, ...]
) -> tuple[Marked, ...]:
    return tuple(mark(answer, goal, seen, said, computed))


def _code(call: Call) -> str:
    return "\n".join(map(str, call.arguments.values())) if isinstance(call.arguments, dict) else ""


def headline(found: Sequence[Marked]) -> str:
    """Return how many claims have which mark: ``3 computed, 2 from results, 1 not found``."""
    n = Counter(m.mark for m in found)
    return ", ".join(f"{n[kind]} {words}" for kind, words in _SAID.items() if n[kind]) or "nothing to check"


def proven(found: Sequence[Marked]) -> bool:
    """Return whether every claim, and at least one, was computed, found in its row, or derived."""
    return bool(found) and all(m.mark in GREEN for m in found)


def ticked(s: State, found: Sequence[Marked]) -> bool:
    """Return whether the answer gets a tick: all of it is proven, and no small model wrote the code.

    A small model's numbers come from its code, too, but the code often answers another question.
    """
    return proven(found) and not s.small


def told(s: State, found: Sequence[Marked]) -> str:
    """Return the headline as sentences, with what nobody compared where a small model wrote the code."""
    return f"{headline(found)}.{f' {SMALL}' if s.small else ''}"


def words(kind: Mark) -> str:
    """Return a mark in words."""
    return _SAID[kind]
