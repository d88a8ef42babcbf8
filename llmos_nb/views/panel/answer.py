"""The answer: how each number of it is known, and which checks of the user's held."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llmos_nb.process import answers
from llmos_nb.process.answers import Number
from llmos_nb.process.state import State
from llmos_nb.views.contract import Block, Button, Claim, Foot, Words
from llmos_nb.views.outside import not_put_back, stays
from llmos_nb.views.panel import blocks
from llmos_nb.views.wording import count, few, ref, sentence, short

MOST_ROWS, NAMES = 16, 5
MORE_STEPS = "+20 steps"
SMALL = "A small model wrote the code; whether it answers the question is not checked: read it."
_FORMER = "grounded"  # a check that former versions made
_OF_SMALL = re.compile(
    r"\A(?P<value>.*?)\n\n(?P<bar>`{3,})python\n(?P<code>.*?)\n(?P=bar)(?:\n\n(?P<comment>.*))?\Z", re.DOTALL
)


def answer(s: State, undone: bool = False) -> list[Block]:
    """Return the blocks of a process that answered; `undone` tells that something of it was since."""
    found = answers.numbers(s)
    said = (s.answer or "").rstrip()
    small = _OF_SMALL.match(said) if s.small else None
    body = _of_small(small, found) if small else _of_strong(said, found)
    return [*body, *unfilled(s), *_known(s, found), *checked(s, undone)]


def unfilled(s: State) -> list[Block]:
    """Say of each expression of the answer that stands as its code why it gave no value."""
    rows: blocks.Rows = [[[["`", f"{code}}}}}"]], why] for code, _, why in (e.partition("}}: ") for e in s.unfilled)]
    return [blocks.table("Expressions that gave no value", rows, ["the expression", "why"])] if rows else []


def _of_strong(said: str, found: Sequence[Number]) -> list[Block]:
    """Return the answer as it was given: what it is about says the goal, over it."""
    return [blocks.lead("The answer"), {"kind": "answer", "markdown": said, "claims": placed(said, found, 0)}]


def _of_small(parts: re.Match[str], found: Sequence[Number]) -> list[Block]:
    """Return the value large, its code behind a click, and the model's sentence, if it names no other number, small."""
    value, comment = parts["value"], parts["comment"] or ""
    plain = re.fullmatch(r"\*\*([^\n]+)\*\*", value)
    claims = placed(value, found, 0)
    title: list[Block] = [blocks.lead("The answer"), {"kind": "answer", "markdown": value, "claims": claims}]
    if plain:
        title = [{**blocks.lead(plain[1]), "claims": placed(plain[1], found, 2)}]
    values = {x.value for x in answers.literals(value)}
    own = {x.value for x in answers.literals(comment)} <= values
    return [
        *title,
        blocks.details("The code that gave it", parts["code"], "Code"),
        *([blocks.text(comment, mute=True)] if comment and own else []),
    ]


def turns(s: State, now: list[Block]) -> list[Block]:
    """Return what is shown of this turn between its question and what was answered before, the last answer first."""
    if not s.former:
        return now
    asked = blocks.text(["Asked further: ", ["*", short(s.former[-1]["then"], 300)]])
    before = [(short(f["answer"].replace("**", ""), 80), f["answer"]) for f in reversed(s.former)]
    return [
        asked,
        *now,
        *(
            blocks.text(said) if line == whole else blocks.details(said, whole, "Former answer")
            for line, whole in before
            for said in (f"Answered before: {line}",)
        ),
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
        told = f"{count(len(names), 'name')}, unless changed since: {few(names, NAMES)}"
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


def _known(s: State, found: Sequence[Number]) -> list[Block]:
    """Count how its numbers are known, and say where each is from; nothing for an answer without numbers."""
    made: list[Block] = [blocks.text(f"Numbers of the answer: {answers.counted(found)}.")] if found else []
    if former := s.checks.get(_FORMER):
        made.append(blocks.text(f"As a former version compared it: {former.get('detail', '')}", mute=True))
    rows: blocks.Rows = [
        [short(n.text), answers.KINDS[n.kind], _from(n), [ref(s.calls[n.call])] if n.call in s.calls else "–"]
        for n in found[:MOST_ROWS]
    ]
    if len(found) > MOST_ROWS:
        rows.append(["…", f"{len(found) - MOST_ROWS} more", "", "–"])
    heads = ["in the answer", "how it is known", "where", "call"]
    if rows:
        caption = "Where each number of the answer is from"
        made.append({**blocks.table(caption, rows, heads), "numbers": True})
    return [*made, *([blocks.text(SMALL, mute=True)] if s.small else [])]


def _from(n: Number) -> Words:
    told = short(answers.said(n))
    return [["`", told]] if n.kind == "computed" and not n.undone else told


def checked(s: State, undone: bool = False) -> list[Block]:
    """Say what of that which the user declared was compared, and held; nothing where they declared nothing."""
    held = [name for name, found in s.checks.items() if found.get("held") and name != _FORMER]
    said: list[str | list[str | int]] = []
    for name in held:
        told = "is there as you declared it" if name == "outputs" else "is true"
        said += [", and " if said else "", ["`", _declared(s, name)], f" {told}"]
    first = "Check held" if len(held) == 1 else "Checks held"
    words: Words = [f"{first}{' before something was undone' if undone else ''}: ", *said, "."]
    block: Block = {"kind": "text", "words": words}
    return [block if undone else {**block, "glyph": "done"}] if held else []


def _declared(s: State, name: str) -> str:
    """Return what the user declared under the name of a check."""
    kinds = ", ".join(f"{n}: {kind}" for n, kind in s.outputs)
    return (kinds if name == "outputs" else s.check) or name


def unverified(s: State) -> list[Block]:
    """Return the blocks of an answer of which a check of the user's does not hold."""
    found = answers.numbers(s)
    failed = [name for name, check in s.checks.items() if not check.get("held") and name != _FORMER]
    rows: blocks.Rows = [
        [[["`", _declared(s, name)]], s.checks[name].get("detail", "") or "it is false"] for name in failed
    ]
    text = s.answer or s.candidate
    lead = "Not verified: what you declared does not hold" if failed else "Not verified"
    return [
        {"kind": "lead", "text": lead, "glyph": "failed"},
        {"kind": "answer", "markdown": text, "claims": placed(text, found, 0)},
        *([blocks.table("What did not hold", rows, ["the check", "what was found"])] if rows else []),
        *unfilled(s),
        *_known(s, found),
    ]


def placed(text: str, found: Sequence[Number], at: int) -> list[Claim]:
    """Say where each number stands in a part of the answer, and how it is known.

    Parameters
    ----------
    text : str
        The part.
    found : sequence of Number
        The numbers of the whole answer.
    at : int
        Where the part begins in the answer.
    """
    stretches = [(a + at, b + at) for a, b in answers.prose(text)]  # a block of code has no room for marks
    inside = ((row, n) for row, n in enumerate(found) if any(a <= n.start and n.end <= b for a, b in stretches))
    return [_claim(row, n, at) for row, n in inside]


def _claim(row: int, n: Number, at: int) -> Claim:
    where = [n.start - at, n.end - at]
    made: Claim = {"row": row, "at": where, "kind": n.kind, "mark": answers.KINDS[n.kind], "how": _from(n)}
    return {**made, "call": n.call} if n.call else made
