"""The terminal form of a view: 80 columns, the panel's order and words, no colour and no control character."""

from __future__ import annotations

from collections.abc import Callable

from llmos_nb.views.contract import Block, Button, Card, Fold, PanelView, StepRow, Words
from llmos_nb.views.text.lines import WIDTH, in_ascii, pieces, rule, table, verbatim, wrap
from llmos_nb.views.wording import LOOP, plain, visible

GLYPHS = {
    "done": "✓", "waiting": "◇", "pending": "·", "running": "▸", "failed": "x",
    "skipped": "-", "rejected": "x", "replaced": "-", "pause": "‖",
}  # fmt: skip


def render(view: PanelView, width: int = WIDTH, ascii_only: bool = False) -> str:
    """Return a view as text.

    Parameters
    ----------
    view : PanelView
        What `project.view` gave.
    width : int
        Columns.
    ascii_only : bool
        Write with ASCII characters only.

    Returns
    -------
    str
        Lines without a newline at the end.
    """
    lines = [
        rule(view["who"], width),
        *wrap(view["goal"], width),
        "",
        *wrap(f"{view['state'].lower()}: {view['what']}", width, "  "),
        *wrap(_bars(view), width, "  "),
        "",
        *_loop(view, width),
        *_plan(view, width),
        *(card(asked, width) if (asked := view.get("card")) else blocks(view.get("now", []), width)),
    ]
    text = "\n".join(line.rstrip() for line in lines).rstrip()
    return in_ascii(text) if ascii_only else text


def _bars(view: PanelView) -> str:
    said = (f"{b['name']} {b['used']} of {b['of']}" for b in view["budget"])
    return "    ".join(bar.removeprefix("money ").removeprefix("time ") for bar in said)


def _loop(view: PanelView, width: int) -> list[str]:
    """Return the loop as a line; the stage stands in brackets, counts under the arrows."""
    stage, counts = view.get("stage", ""), view.get("counts", {})
    line, under = "  ", "  "
    for i, node in enumerate(LOOP):
        if i:
            under = under.ljust(len(line) + 1) + counts.get(f"e{i}", "")
            line += " → "
        line += f"[{node.upper()}]" if node == stage else node
    again = f"next step {counts.get('e7', '0')}, re-plan {counts.get('e8', '0')}"
    fits = len(under) + 3 + len(again) <= width
    return [line, under, f"  {again}", ""] if not fits else [line, under.ljust(len(under) + 3) + again, ""]


def folded(rows: list[StepRow], fold: Fold | None) -> list[StepRow]:
    """Return the rows that the line of a folded plan stands for."""
    last = next((i for i, r in enumerate(rows) if fold and r["n"] == fold["upto"]), -1)
    return [r for r in rows[: last + 1] if r["s"] not in ("failed", "pending")]


def _plan(view: PanelView, width: int) -> list[str]:
    rows, fold = view["steps"], view.get("fold")
    if not rows:
        return []
    head = ", ".join(filter(None, (view.get("planhead", "Plan"), view.get("planside"))))
    away = folded(rows, fold)
    less = wrap(f"✓ {fold['text']}", width, "  ") if fold and away else []
    return [f"  {head}", *less, *(line for row in rows if row not in away for line in step(row, width)), ""]


def step(r: StepRow, width: int = WIDTH) -> list[str]:
    """Return a step: glyph, number, title, what it needs, time, cost; then expectation, evidence and note."""
    after = f"after {r['after']}" if r.get("after") else ""
    right = "  ".join(filter(None, (after, r.get("dur"), r.get("cost"))))
    first = f"  {GLYPHS[r['s']]} {r['n']:<2} "
    room = width - len(first)
    title = wrap(r["t"], max(room - len(right) - 2, 30) if right else room)
    lines = [f"{first}{title[0]}".ljust(width - len(right)) + right, *(" " * len(first) + t for t in title[1:])]
    inner = " " * len(first)
    if r.get("x") and r["s"] != "replaced":
        lines += wrap(f"expects: {r['x']}", width, inner)
    if r.get("ev"):
        lines += _evidence(r["ev"], width, inner)
    if r.get("note"):
        lines += wrap(r["note"], width, inner)
    return lines


def _evidence(words: Words, width: int, indent: str) -> list[str]:
    """Return evidence with the ids of its calls at the right."""
    runs = words if isinstance(words, list) else [words]
    call = " ".join(str(run[1]) for run in runs if isinstance(run, list) and run[0] == "@")
    lines = wrap(plain([run for run in runs if not (isinstance(run, list) and run[0] == "@")]), width, indent)
    if len(lines[-1]) + 2 + len(call) > width:
        lines.append("")
    return [*lines[:-1], lines[-1].ljust(width - len(call)) + call]


def card(c: Card, width: int = WIDTH) -> list[str]:
    """Return what waits for a person."""
    fields = [[a["name"], str(a["value"]), plain(a.get("origin"))] for a in c.get("args", ())]
    parts = [
        [rule(c["title"], width), *wrap(plain(c["why"]), width, "  ")],
        table([[kind, plain(why)] for kind, why in c.get("risks", ())], width, "    "),
        wrap(c["question"], width, "    ") if c.get("question") else [],
        _numbered(c.get("code", ""), width),
        table(fields, width, "    "),
        table([[cell(x) for x in row] for row in c["table"]["rows"]] if c.get("table") else (), width, "    "),
    ]
    lines = [line for part in parts if part for line in (*part, "")]
    return lines + (wrap(plain(c["cover"]), width, "  ") if c.get("cover") else [])


def _numbered(code: str, width: int) -> list[str]:
    """Return code with the numbers of its lines; what continues a long one has none."""
    lines: list[str] = []
    for i, line in enumerate(visible(code).expandtabs(4).splitlines(), 1):
        first, *more = pieces(line, width - 8)
        lines += [f"    {i:>2}  {first}", *(f"        {part}" for part in more)]
    return lines


def command(pid: int, c: Card) -> str:
    """Return the command that answers a card, for where there are no buttons."""
    if c.get("question"):
        return f'%agent reply {pid} "…"'
    if any(b["verb"] == "resolve" for b in c.get("buttons", ())):
        return f"%agent resolve {pid} {c.get('call', '')} --done"
    return " ".join(filter(None, (f"%agent approve {pid}", c.get("call", ""))))


def cell(value: Words | Button) -> str:
    """Return a cell of a table as text."""
    return value["label"] if isinstance(value, dict) else plain(value)


def blocks(found: list[Block], width: int = WIDTH) -> list[str]:
    """Return *now*; what only a live page can do is left out."""
    known = [b for b in found if b["kind"] in _BLOCKS]
    return [line for b in known for line in [*_BLOCKS[b["kind"]](b, width), ""]]


def _code_block(b: Block, width: int) -> list[str]:
    return [*wrap(plain(b.get("cap")) or b.get("label", ""), width, "  "), *verbatim(b["code"])]


def _lead(b: Block, width: int) -> list[str]:
    """Return a title; a long one, such as the first sentence of an answer, stands whole under the line."""
    line = rule(b["text"], width)
    return (
        [line]
        if visible(" ".join(b["text"].split())) in line
        else [rule("", width), *wrap(b["text"], width, "  ")]
    )


def _table_block(b: Block, width: int) -> list[str]:
    rows = [*([b["heads"]] if b.get("heads") else []), *([cell(c) for c in row] for row in b["rows"])]
    above = [] if b.get("plain") else wrap(b["caption"], width, "  ")  # a heading stands above a plain one
    return [*above, *table(rows, width, "    ")]


_BLOCKS: dict[str, Callable[[Block, int], list[str]]] = {
    "lead": _lead,
    "heading": lambda b, width: wrap(b["text"], width, "  "),
    "text": lambda b, width: wrap(plain(b["words"]), width, "  "),
    "answer": lambda b, width: wrap(b["markdown"], width, "  "),
    "table": _table_block,
    "code": _code_block,
    "details": lambda b, width: [f"  {b['summary']}", *verbatim(b["code"])],
}
