"""The answer and its evidence: how each claim of it is known, and which checks of the user's held."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llmos_nb.process import evidence
from llmos_nb.process.evidence import Marked
from llmos_nb.process.state import State
from llmos_nb.views.contract import Block, Button, Claim, Foot, Words
from llmos_nb.views.outside import not_put_back, stays
from llmos_nb.views.panel import blocks
from llmos_nb.views.wording import count, listed, ref, sentence, short

MOST_ROWS = 16
MORE_STEPS = "+20 steps"
_FORMER = "grounded"  # a check that former versions made
_DOUBT = {"absent": ("**", " (not found)"), "same": ("", " (?)")}  # what stands around a claim, and behind it
_BOLD = re.compile(r"[*_]+")
_ENDING = re.compile(r"[^\W\d_]+")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
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
    said = (s.answer or "").rstrip()
    lead, rest = split(said)
    if _doubtful(found, len(said) - len(rest)):
        lead, rest = "", said.strip()
    text, claims = marked(rest, found, len(said) - len(rest))
    return [
        {**blocks.lead(lead), "claims": marked(lead, found)[1]} if lead else blocks.lead("The answer"),
        {"kind": "answer", "markdown": text, "claims": claims},
        *_evidence(s, found),
        *_checked(s),
    ]


def turns(s: State, now: list[Block]) -> list[Block]:
    """Return what is shown of this turn between its question and what was answered before, the last answer first."""
    if not s.former:
        return now
    asked = blocks.text(["Asked further: ", ["*", short(s.former[-1]["then"], 300)]])
    before = [(short(f["answer"], 80), f["answer"]) for f in reversed(s.former)]
    return [
        asked,
        *now,
        *(blocks.details(f"Answered before: {line}", all_of_it, "Former answer") for line, all_of_it in before),
    ]


def foot(s: State, now: Sequence[Block], first: Sequence[Button] = ()) -> Foot:
    """Return what can be done after the end, without what *now* offers already; `first` are the main things."""
    offered = {b["verb"] for b in _buttons(now)}
    export: Button = {"label": "Export notebook", "verb": "export", "main": not first}
    buttons: list[Button] = [*first, *([export] if s.surviving or s.answer else [])]
    made: Foot = {"ask": True, "buttons": buttons}
    names = changed(s)
    if names or s.undone:  # both keep their places: neither comes under a pointer that aims at the other
        buttons.append({"label": "Undo all", "verb": "undo_all", "key": "U", "off": not names})
        buttons.append({"label": "Redo", "verb": "redo", "key": "⇧ U", "off": not s.undone})
    if names or s.undone:
        made["note"] = _undoing(s, names)
    if "steps" in s.budget.limits and not any(b["verb"] == "budget" for b in first):
        buttons.append({"label": MORE_STEPS, "verb": "budget", "data": {"text": MORE_STEPS}})
    made["buttons"] = [b for b in buttons if b["verb"] not in offered]
    return made


def _undoing(s: State, names: Sequence[str]) -> str:
    """Say what Undo and Redo would do, and what they do not reach."""
    said = []
    if names:
        told = f"{count(len(names), 'name')}, unless changed since: {short(', '.join(names), 60)}"
        said.append(f"Undo all takes back {told}.")
    if s.undone:
        last = s.calls[s.undone[-1]]
        what = f"step {last.step}" if last.step and len(s.plan.steps) > 1 else f"what {last.id} did"
        said.append(f"Redo puts back {what}.")
    ended = [c for c in s.calls.values() if c.status in ("done", "failed", "undone")]
    if stands := stays(s, ended):
        said.append(f"It {stands}: that stays.")
    said += [sentence(phrase) for phrase in not_put_back(c for c in ended if c.changes.undoable)]
    return " ".join(said)


def _buttons(now: Sequence[Block]) -> list[Button]:
    cells = [cell for b in now for row in b.get("rows", ()) for cell in row if isinstance(cell, dict)]
    return [*cells, *(button for b in now for button in b.get("buttons", ()))]


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
    table: Block = {**blocks.table(caption, rows, heads), "evidence": True}
    return [head, *([table] if rows else [])]


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
    text, claims = marked(s.answer or s.candidate, found)
    lead = f"Not verified: the check {listed(failed) or 'of the answer'} does not hold"
    what = "the check"
    if s.unfilled and not failed:
        lead, what = "Not verified: an expression of the answer gave no value", "the expression"
        rows = [[["`", f"{code}}}}}"], why] for code, _, why in (e.partition("}}: ") for e in s.unfilled)]
    return [
        {"kind": "lead", "text": lead, "glyph": "failed"},
        {"kind": "answer", "markdown": text, "claims": claims},
        *([blocks.table("What did not hold", rows, [what, "what was found"])] if rows else []),
        *_evidence(s, found),
    ]


def marked(text: str, found: Sequence[Marked], at: int = 0) -> tuple[str, list[Claim]]:
    """Mark the claims of Markdown that nothing shows, and say where each claim stands then, and how it is known.

    Parameters
    ----------
    text : str
        The answer, or the end of it.
    found : sequence of Marked
        The claims of the whole answer.
    at : int
        Where the text begins in the answer.
    """
    code = [c.span() for c in _CODE.finditer(text)]
    claims = dict[int, Claim]()
    for i, m in sorted(enumerate(found), key=lambda each: each[1].claim.start, reverse=True):
        start, end = m.claim.start - at, m.claim.end - at
        if start < 0 or text[start:end] != m.claim.text:
            continue
        within = next(((a, b) for a, b in code if a < start < b), None)
        if within is not None and text.startswith("```", within[0]):
            continue  # the table says it: there is no room in a block of code
        strong, said = _DOUBT.get(m.mark, ("", ""))
        strong = "" if within is not None else strong
        claims[i] = _claim(i, m, start + len(strong))
        length = len(text)
        if within is not None:
            end = within[1]
        elif ending := _ENDING.match(text, end):  # of a name in the plural
            end = ending.end()
        elif bold := _BOLD.match(text, end):
            end, strong = bold.end(), ""
        text = f"{text[:start]}{strong}{text[start:end]}{strong}{said}{text[end:]}"
        for j, later in claims.items():
            if j != i:
                later["at"] = [place + len(text) - length for place in later["at"]]
    return text, [claims[i] for i in sorted(claims)]


def _claim(row: int, m: Marked, at: int) -> Claim:
    how: Words = [["`", _shown(m)]] if m.mark == "computed" else _shown(m)
    place = [at, at + len(m.claim.text)]
    made: Claim = {"row": row, "at": place, "kind": m.mark, "mark": evidence.words(m.mark), "how": how}
    return {**made, "call": m.call} if m.call else made


def doubted(text: str, found: Sequence[Marked], at: int = 0) -> str:
    """Return only the text of `marked`."""
    return marked(text, found, at)[0]


def _doubtful(found: Sequence[Marked], upto: int) -> bool:
    """Whether something is doubted that stands before a place: a lead has no room for marks."""
    return any(m.mark in _DOUBT and m.claim.start < upto for m in found)
