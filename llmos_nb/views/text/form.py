"""The terminal form of a view: 80 columns, the panel's order and words, no colour and no control character."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from llmos_nb.journal.events import MODEL, ActData, Decider
from llmos_nb.views.contract import Block, Button, Card, Danger, Fold, Held, PanelView, Sheet, StepRow, Table, Words
from llmos_nb.views.markdown import aligned
from llmos_nb.views.text.lines import WIDTH, pieces, rule, table, verbatim, wrap
from llmos_nb.views.wording import LOOP, plain, visible

HELD = "✓"  # of a step whose expectation was evaluated, and was true
GLYPHS = {
    "done": "●", "waiting": "◇", "pending": "·", "running": "▸", "failed": "x",
    "skipped": "-", "rejected": "x", "replaced": "-", "pause": "‖", "undone": "-", "left": "·",
}  # fmt: skip


def render(view: PanelView) -> str:
    """Return a view as text: lines without a newline at the end."""
    lines = [
        rule(view["who"]),
        *wrap(view["goal"]),
        "",
        *wrap(f"{view['state'].lower()}: {view['what']}", "  "),
        *wrap(_bars(view), "  "),
        "",
        *_loop(view),
        *_plan(view),
        *(card(asked) if (asked := view.get("card")) else ()),
        *blocks(view.get("now", [])),
    ]
    return "\n".join(line.rstrip() for line in lines).rstrip()


def _bars(view: PanelView) -> str:
    said = (f"{b['name']} {b['used']} of {b['of']}" for b in view["budget"])
    return "    ".join(bar.removeprefix("money ").removeprefix("time ") for bar in said)


def _loop(view: PanelView) -> list[str]:
    """Return the loop as a line; the stage stands in brackets, counts under the arrows."""
    stage, counts = view.get("stage", ""), view.get("counts", {})
    line, under = "  ", "  "
    for i, node in enumerate(LOOP):
        if i:
            under = under.ljust(len(line) + 1) + counts.get(f"e{i}", "")
            line += " → "
        line += f"[{node.upper()}]" if node == stage else node
    again = f"next step × {counts.get('e7', '0')}, re-plan × {counts.get('e8', '0')}"
    fits = len(under) + 3 + len(again) <= WIDTH
    return [line, under, f"  {again}", ""] if not fits else [line, under.ljust(len(under) + 3) + again, ""]


def folded(rows: list[StepRow], fold: Fold | None) -> list[StepRow]:
    """Return the rows that the line of a folded plan stands for."""
    last = next((i for i, r in enumerate(rows) if fold and r["n"] == fold["upto"]), -1)
    return [r for r in rows[: last + 1] if r["s"] not in ("failed", "pending")]


def _plan(view: PanelView) -> list[str]:
    rows, fold = view["steps"], view.get("fold")
    if not rows:
        return []
    head = ", ".join(filter(None, (view.get("planhead", "Plan"), view.get("planside"))))
    away = folded(rows, fold)
    inside = {r["n"] for r in away}
    ran = all(r["s"] == "done" for r in away)
    sign = HELD if all(r.get("held") for r in away) else GLYPHS["done" if ran else "left"]
    less = wrap(f"{sign} {fold['text']}", "  ") if fold and away else []
    return [f"  {head}", *less, *(line for row in rows if row["n"] not in inside for line in step(row)), ""]


def step(r: StepRow) -> list[str]:
    """Return a step: glyph, number, title, what it needs, time, cost; then expectation, evidence and note."""
    after = f"after {r['after']}" if r.get("after") else ""
    right = "  ".join(filter(None, (after, r.get("dur"), r.get("cost"))))
    first = f"  {HELD if r.get('held') and r['s'] == 'done' else GLYPHS[r['s']]} {r['n']:<2} "
    room = WIDTH - len(first)
    title = wrap(r["t"], width=max(room - len(right) - 2, 30) if right else room)
    lines = [f"{first}{title[0]}".ljust(WIDTH - len(right)) + right, *(" " * len(first) + t for t in title[1:])]
    inner = " " * len(first)
    if r.get("verdict"):
        lines += wrap(plain(r["verdict"]), inner)
    if r.get("x") and r["s"] != "replaced" and not isinstance(r.get("verdict"), list):
        lines += wrap(f"expects: {r['x']}", inner)
    if r.get("ev"):
        lines += _evidence(r["ev"], inner)
    if r.get("note"):
        lines += wrap(r["note"], inner)
    for said in r.get("said", ()):
        lines += wrap(said, inner)
    return lines


def act(a: ActData) -> str:
    """Return an act as text: its number, its class, who gave it where a person did, and what goes out."""
    by = Decider.parse(a["by"]) if "by" in a else MODEL
    given = f", by {by.describe()}" if by != MODEL else ""
    return f"act {a['n']} ({a['kind']}{given}): {a.get('says') or a['text']}"


def _evidence(words: Words, indent: str) -> list[str]:
    """Return evidence with the ids of its calls at the right."""
    runs = words if isinstance(words, list) else [words]
    call = " ".join(str(run[1]) for run in runs if isinstance(run, list) and run[0] == "@")
    lines = wrap(plain([run for run in runs if not (isinstance(run, list) and run[0] == "@")]), indent)
    if len(lines[-1]) + 2 + len(call) > WIDTH:
        lines.append("")
    return [*lines[:-1], lines[-1].ljust(WIDTH - len(call)) + call]


def card(c: Card) -> list[str]:
    """Return what waits for a person."""
    fields = [[a["name"], str(a["value"]), plain(a.get("origin"))] for a in c.get("args", ())]
    parts = [
        [rule(c["title"]), *wrap(plain(c["why"]), "  ")],
        _danger(c["danger"]) if c.get("danger") else [],
        _held(c["held"]) if c.get("held") else [],
        table([[kind, plain(why)] for kind, why in c.get("risks", ())], "    "),
        wrap(c["question"], "    ") if c.get("question") else [],
        _numbered(c.get("code", "")),
        table(fields, "    "),
        table(_rows(c["table"]), "    ") if c.get("table") else [],
    ]
    lines = [line for part in parts if part for line in (*part, "")]
    return lines + (wrap(plain(_bound(c["cover"])), "  ") if c.get("cover") and not c.get("danger") else [])


def _bound(cover: Words) -> Words:
    """Leave out what is said of a button, by its name: a text has none."""
    return cover if isinstance(cover, str) else [run for run in cover if run[:1] != "“"]


def _danger(d: Danger) -> list[str]:
    """Return a value that others wrote; each character that is not what it seems stands in brackets, by its code."""
    values = [[d["name"], d["value"]], *d.get("more", ())]
    shown = [[name, "".join(p if isinstance(p, str) else f"[{p[1]}]" for p in value)] for name, value in values]
    rows = [*shown, ["you named", d.get("named", "")], ["as sent", d.get("sent", "")]]
    said = wrap(d["odd"], "    ") if d.get("odd") else []
    return [
        *wrap(f"! {plain(d['came'])}", "  "),
        *table([r for r in rows if r[1]], "    "),
        *said,
    ]


def _held(held: Held) -> list[str]:
    """Return what a step that stands still has done so far, what it is about to do, and where."""
    rows = [
        *([f"- {what}", why] for what, why in held.get("done", ())),
        [f"? {held['effect']}", held.get("why", "")],
    ]
    line = [["at line", str(held["line"])]] if held.get("line") else []
    return table([*rows, *line, *([plain(n), plain(w)] for n, w in held.get("pairs", ()))], "    ")


def _numbered(code: str) -> list[str]:
    """Return code with the numbers of its lines; what continues a long one has none."""
    lines: list[str] = []
    for i, line in enumerate(visible(code).expandtabs(4).splitlines(), 1):
        first, *more = pieces(line, WIDTH - 8)
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


def blocks(found: list[Block]) -> list[str]:
    """Return *now*; what only a live page can do is left out."""
    known = [b for b in found if b["kind"] in _BLOCKS]
    return [line for b in known for line in [*_BLOCKS[b["kind"]](b), ""]]


def sheet(made: Sheet) -> str:
    """Return the page of a step as text."""
    lines = [rule(made["title"]), *blocks(made["blocks"])]
    return "\n".join(line.rstrip() for line in lines).rstrip()


def _code_block(b: Block) -> list[str]:
    was = ["", "  as it was proposed:", *verbatim(b["before"])] if "before" in b else []
    return [*wrap(plain(b.get("cap")) or b.get("label", ""), "  "), *verbatim(b["code"]), *was]


GRID_ROWS = 12


def _grid_block(b: Block) -> list[str]:
    """Return the first rows of a table, and the columns that fit; a row that is gone says so."""
    lines = b["lines"][:GRID_ROWS]
    rows = [
        ["", *b["heads"]],
        *([f"{cells[0]} dropped" if gone else cells[0], *cells[1:]] for gone, *cells in lines),
    ]
    columns, room, shown = list(zip(*rows, strict=True)), WIDTH - 4, list[list[str]]()
    for i, column in enumerate(columns):
        wide = max(len(visible(cell)) for cell in column)
        room -= wide + 2 * bool(i)
        if room < 0 and i > 1:
            break
        align = str.rjust if i and b["numeric"][i] else str.ljust
        shown.append([align(visible(cell), wide)[:WIDTH] for cell in column])
    left = [f"{len(columns) - len(shown)} more columns"] if len(shown) < len(columns) else []
    left += [f"{len(b['lines']) - len(lines)} more rows"] if len(b["lines"]) > len(lines) else []
    end = [f"    … {', '.join(left)}"] if left else []
    body = [f"    {'  '.join(row).rstrip()}" for row in zip(*shown, strict=True)]
    return [*wrap(f"{b['caption']}: {b['note']}", "  "), *body, *end]


def _lead(b: Block) -> list[str]:
    """Return a title; a long one, such as the first sentence of an answer, stands whole under the line."""
    line = rule(b["text"])
    return [line] if visible(" ".join(b["text"].split())) in line else [rule(""), *wrap(b["text"], "  ")]


def _answer(text: str) -> list[str]:
    """Return an answer; the rows of its tables stay whole, so that their columns stay one under the other."""
    found: list[str] = []
    for rows, group in groupby(text.splitlines(), lambda line: line.lstrip().startswith("|")):
        lines = [visible(line.strip()) if rows else line for line in group]
        found += [f"  {row}" for row in aligned(lines, WIDTH - 2)] if rows else []
        found += [] if rows else [part for line in lines for part in wrap(line, "  ")]
    return found


def _rows(t: Table | Block) -> list[list[str]]:
    """Return the rows of a table as text, its heads first."""
    heads = [t["heads"]] if t.get("heads") else []
    return [*heads, *([cell(c) for c in row] for row in t["rows"])]


def _table_block(b: Block) -> list[str]:
    above = [] if b.get("plain") else wrap(b["caption"], "  ")  # a heading stands above a plain one
    return [*above, *table(_rows(b), "    ")]


_BLOCKS: dict[str, Callable[[Block], list[str]]] = {
    "lead": _lead,
    "heading": lambda b: wrap(b["text"], "  "),
    "text": lambda b: wrap(plain(b["words"]), "  "),
    "answer": lambda b: _answer(b["markdown"]),
    "table": _table_block,
    "code": _code_block,
    "details": lambda b: [f"  {b['summary']}", *(verbatim(b["code"]) if b["code"] not in b["summary"] else [])],
    "printed": lambda b: [f"  {b['label']}", *verbatim(b["code"])],
    "markdown": lambda b: [f"  {b['label']}", *_answer(b["markdown"])],
    "pairs": lambda b: [
        f"  {b['label']}",
        *table([[plain(n), plain(w)] for n, w in b["pairs"]], "    "),
    ],
    "image": lambda b: wrap(f"[{b['label']}]", "    "),
    "grid": _grid_block,
}
