"""The page of one step: what became of it, what it changed, its code, and what it gave; drawn when it is opened."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from llmos_nb.process.state import State
from llmos_nb.tools import Call
from llmos_nb.views.contract import Block, Button, Glyph, Sheet, Words
from llmos_nb.views.counts import Counts
from llmos_nb.views.panel.blocks import Rows, code, details, heading, table, text
from llmos_nb.views.panel.calls import edited_lines, title, written
from llmos_nb.views.panel.costs import cost_of, say_cost
from llmos_nb.views.results import Grid, Part, StepResult, result, taken_along, wrong
from llmos_nb.views.wording import count, duration, few, listed, money, ref, short, since, size, tokens

PICTURES = ("image/png", "image/jpeg")
MOST_BYTES = 1_000_000  # of the pictures that one view holds
GLYPHS: dict[str, Glyph] = {
    "as expected": "done", "ran": "ran", "failed": "failed", "not as expected": "failed", "undone": "undone",
}  # fmt: skip
_AFTER = {
    "as expected": ", evaluated after the step",
    "ran": ", nothing to compare",
    "undone": ": it was taken back",
}
NAMES = 5  # that are named where Undo takes back more
NOTHING = "It has given nothing yet."


def sheet(s: State, step: int | str, counts: Counts, room: int = MOST_BYTES) -> Sheet:
    """Return the page of a step, or of a call that serves none, with pictures of at most so many bytes."""
    found = result(s, step, counts)
    name = found.title or (title(s.calls[str(step)]) if step in s.calls else "")
    blocks = _story(found)
    for part in found.parts:
        shown, room = given(part, room)
        blocks += [code_as_run(part), *_named(shown)]
    blocks += [_spent(found)] if found.parts else []
    blocks += [_attempt(p, counts) for p in found.attempts]
    made: Sheet = {"title": f"{step} {name}".strip(), "blocks": blocks, "step": step}
    made["glyph"] = GLYPHS.get(found.verdict.kind, "pending")
    return made | {"foot": foot} if (foot := _foot(s, step, found)) else made


def _story(found: StepResult) -> list[Block]:
    """Return verdict and changes."""
    kind = found.verdict.kind
    if not found.parts:
        return [text(NOTHING)]
    evaluated = found.verdict.code
    said: list[str | list[str | int]] = [f"{kind}: ", ["`", evaluated]] if evaluated else [kind]
    more = f"{_AFTER.get(kind, '')}." if kind else ""
    if found.attempts:
        more += f" Ran once more after {count(len(found.attempts), 'failed attempt')}."
    lead: Block = {"kind": "text", "words": [*said, more]}
    if kind in GLYPHS and kind != "ran":
        lead = {**lead, "glyph": GLYPHS[kind]}
    if found.expect and not found.verdict.code:
        lead = {**lead, "words": [*lead["words"], f" It was to show: {found.expect}."]}
    rows: Rows = [[[["`", c.name]], ", ".join(filter(None, (c.how, c.size))), c.more] for c in found.changes]
    rows += [["outside", "; ".join(found.outside), ""]] if found.outside else []
    if not rows:
        return [lead]
    return [lead, table("What changed", rows)]


def code_as_run(part: Part) -> Block:
    """Return the code of a call, with what had been proposed where somebody edited it."""
    call = part.call
    body = part.code or written(call)
    by = f", proposed by the model, {part.who}" if part.who else ", written by the model"
    cap: Words = ["Python " if part.code else "Call ", ref(call), by]
    made: Block = {**code(body, f"Code of {call.id}", "python"), "cap": cap}
    if part.proposed and part.code:
        edited = edited_lines(call)
        made["cap"] = [*cap, ", 1 line differs" if edited == 1 else f", {edited} lines differ"]
        made["before"] = part.proposed
    return made


def given(part: Part, room: int = MOST_BYTES) -> tuple[list[Block], int]:
    """Return what a call gave as blocks, and the bytes that are left for pictures."""
    call, blocks, images = part.call, list[Block](), list(part.call.images)
    told = call.facts.get("outputs") is not None and part.code
    label = "Error" if call.status == "failed" else "Printed" if told else "Output"
    for kind, said in part.gave:
        if kind == "printed":
            side = count(len(said.splitlines()), "line")
            blocks.append({"kind": "printed", "code": said, "label": f"{label} of {call.id}", "side": side})
        elif kind == "markdown":
            blocks.append({"kind": "markdown", "markdown": said, "label": f"Displayed by {call.id}"})
        elif kind == "image":
            shown, room = _pictures(images[:1], room)
            blocks, images = [*blocks, *shown], images[1:]
        elif part.grid is None or not _is_table(call):
            blocks.append({"kind": "printed", "code": said, "label": f"Value of {call.id}", "side": ""})
    pictures, room = _pictures(images, room)
    return [*blocks, *pictures, *([grid(part.grid)] if part.grid is not None else [])], room


def _is_table(call: Call) -> bool:
    """Return whether the value of a call is the table that was recorded of it."""
    return str(call.facts.get("content", {}).get("", "")).startswith("DataFrame")


def grid(found: Grid) -> Block:
    """Return a table as a block."""
    gone = sum(row[0] for row in found.rows)
    kept = len(found.rows) - gone
    of = f"{kept:,} of {count(found.of[0], 'row')}" if kept < found.of[0] else count(kept, "row")
    wide = f", {len(found.columns)} of {found.of[1]} columns" if len(found.columns) < found.of[1] else ""
    struck = f", {count(gone, 'dropped row')} struck through" if gone else ""
    return {
        "kind": "grid", "caption": f"Table {found.name}" if found.name else "Table", "note": f"{of}{wide}{struck}",
        "heads": list(found.columns), "numeric": [all(map(_number, (r[1][0] for r in found.rows))), *found.numeric],
        "fresh": list(found.new),
        "lines": [[gone, *cells] for gone, cells in found.rows],
    }  # fmt: skip


def _number(label: str) -> bool:
    return label.lstrip("-").replace(".", "", 1).isdigit()


def _pictures(images: Iterable[Mapping[str, Any]], room: int) -> tuple[list[Block], int]:
    blocks: list[Block] = []
    for image in images:
        mime, data = str(image.get("mime")), image.get("data") or ""
        if mime not in PICTURES or not data:
            continue
        alt, length = str(image.get("text") or "a picture"), len(data) // 2
        if length > room:
            blocks.append(text(f"A picture of {size(length)} is not shown here: {alt}.", mute=True))
            continue
        room -= length
        blocks.append({"kind": "image", "mime": mime, "data": _encoded(data), "label": alt})
    return blocks, room


def _named(shown: Iterable[Block]) -> Iterator[Block]:
    """Put a heading over each picture: what a step gave stands in its order, as in a cell, over the whole width."""
    for block in shown:
        if block["kind"] == "image":
            yield heading("Figure")
        yield block


def _spent(found: StepResult) -> Block:
    """Say tokens, time and money."""
    spent, pairs = found.spent, list[list[Words]]()
    if spent.get("prompt"):
        cached = f", of them {spent['cached']:,.0f} cached" if spent.get("cached") else ""
        pairs.append(["in", f"{spent['prompt']:,.0f}{cached}"])
        pairs.append(["out", f"{spent.get('completion', 0):,.0f}"])
    elif spent.get("tokens"):
        pairs.append(["tokens", tokens(spent["tokens"])])
    cost = f" · {money(spent['$'], 4)}" if spent.get("$") else ""
    pairs.append(["model", f"{duration(spent.get('model', 0.0))}{cost}"])
    pairs.append(["tool", duration(spent.get("tool", 0.0))])
    if spent.get("you"):
        pairs.append(["you", f"{duration(spent['you'])}, not counted"])
    return {"kind": "pairs", "label": "Tokens and time", "pairs": pairs}


def _attempt(part: Part, counts: Counts) -> Block:
    """Return a failed attempt, folded."""
    call = part.call
    facts = (duration(since(call.started, call.ended)), say_cost(cost_of([call], counts)))
    said = " · ".join(filter(None, (f"An attempt failed before, {call.id}: {short(wrong(call), 120)}", *facts)))
    body = "\n".join((part.code or call.name, *(f"# {line}" for line in call.result.splitlines()[-6:])))
    return {**details(said, body, f"Failed attempt {call.id}"), "lang": "python"}


def _foot(s: State, step: int | str, found: StepResult) -> Block | None:
    """Offer Undo, with what it takes along, and Retry, where these can be done."""
    buttons: list[Button] = []
    taken, later = taken_along(s, step)
    stands = any(p.call.status in ("done", "failed") and p.call.changes.undoable for p in found.parts)
    if stands:
        what = "this step" if isinstance(step, int) else "this call"
        buttons.append({"label": f"Undo {what}", "verb": "undo", "key": "U", "data": {"step": step}})
    if isinstance(step, int) and found.verdict.kind:
        buttons.append({"label": "Retry", "verb": "retry", "data": {"step": step}})
    if not buttons:
        return None
    made: Block = {"kind": "actions", "buttons": buttons}
    if stands and taken:
        along = f"Undo takes back {few(taken, NAMES)}"
        numbers = [n for n in later if isinstance(n, int)]
        steps = f"step{'s' * (len(numbers) > 1)} {listed(numbers)}"
        whose = steps if numbers else count(len(later), "later call")
        made["note"] = f"{along}, with the work of {whose}, which came after it." if later else f"{along}."
    return made


@lru_cache(maxsize=16)  # a view is made anew at every event
def _encoded(digits: str) -> str:
    return base64.b64encode(bytes.fromhex(digits)).decode()
