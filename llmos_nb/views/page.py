"""The static form, for saved notebooks: it speaks with no front end, and nothing in it is live.

What an untrusted notebook loses (inline SVG, style sheets, classes, roles) is not used. What is left are
headings, lists, tables with captions, `details`, and one picture as a data address with a sentence as its text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from llmos_nb.journal import Event
from llmos_nb.process.state import State
from llmos_nb.views.contract import Block, Button, Card, PanelView, StepRow, Words
from llmos_nb.views.counts import Counts
from llmos_nb.views.loop import loop
from llmos_nb.views.markdown import LEFT, TABLE, html as markdown, pre, text
from llmos_nb.views.panel import output
from llmos_nb.views.panel.blocks import Rows
from llmos_nb.views.panel.calls import gave
from llmos_nb.views.panel.view import still
from llmos_nb.views.results import part
from llmos_nb.views.text import form
from llmos_nb.views.wording import plain as unmarked, sentence, spending, status

H3, H3_NEXT = "margin:0 0 4px", "margin:12px 0 4px"
_THIRD = (
    ("for you", "for a person"),
    ("by you", "by a person"),
    ("you were asked", "a person was asked"),
    ("asks you", "asks a person"),
)


def html(state: State, events: Sequence[Event]) -> str:
    """Return the static form as HTML.

    Parameters
    ----------
    state : State
        The process.
    events : sequence of Event
        Its journal.

    Returns
    -------
    str
        Everything from the run is escaped text; the only address in it is the loop's own picture.
    """
    return html_of(state, still(state, events))


def html_of(state: State, v: PanelView) -> str:
    """Return the static form of a view that was made already."""
    parts = [
        f'<h3 style="{H3}">{text(v["goal"])}</h3>',
        f'<p style="margin:0 0 8px">{_status(state, v)}</p>',
        _picture(v),
        *_plan(v),
        *(_card(state, card) if (card := v.get("card")) else ()),
        *map(_block, v.get("now", [])),
        outputs(state),
    ]
    return "\n".join(filter(None, parts))


def outputs(state: State) -> str:
    """Return what each call gave, folded away, the last ones first to get room for their pictures."""
    made, room = list[str](), output.MOST_BYTES
    for call in filter(gave, reversed(state.calls.values())):
        blocks, room = output.given(part(call), room)
        name = f"Output of step {call.step}, {call.id}" if call.step else f"Output of {call.id}, {call.name}"
        if blocks:
            made.append(f"<details><summary>{text(name)}</summary>{''.join(map(shown, blocks))}</details>")
    return "\n".join(reversed(made))


def step(state: State, key: int | str, events: Sequence[Event]) -> tuple[str, str]:
    """Return what a step or a call ran, changed and gave, as HTML and as text."""
    made = output.sheet(state, key, Counts.of(events))
    body = "\n".join(map(_block, made["blocks"]))
    return f'<div><h3 style="{H3}">{text(made["title"])}</h3>\n{body}</div>', form.sheet(made)


def shown(b: Block) -> str:
    """Return a piece of what a call gave; what was printed or displayed stands with no label."""
    if b["kind"] == "markdown":
        return markdown(b["markdown"])
    return pre(b["code"]) if b["kind"] == "printed" else _block(b)


def plain(state: State, events: Sequence[Event]) -> str:
    """Return the static form as text of 80 columns."""
    return form.render(still(state, events))


def sibling(state: State) -> str:
    """Return the line that stands over a live panel, and is still there when the panel is not."""
    name = f"{state.name}, " if state.name else ""
    show = f"<code>%agent show {int(state.pid)}</code> in any cell"
    return f'<p style="{H3}">{text(name)}process {int(state.pid)}. To see it again, run {show}.</p>'


def third(words: str) -> str:
    """Say our own words for somebody who was not there: *you* is a person."""
    for yours, theirs in _THIRD:
        words = words.replace(yours, theirs)
    return words


def _third(words: Words | None) -> Words:
    if words is None or isinstance(words, str):
        return third(words or "")
    return [third(run) if isinstance(run, str) else run for run in words]


def _status(s: State, v: PanelView) -> str:
    name = f"{s.name}, " if s.name else ""
    first = f"{name}process {s.pid}, {third(v['state']).lower()}: {third(v['what'])}"
    show = f"<code>%agent show {int(s.pid)}</code> in any cell."
    aim = "see it again" if v["id"] == "finished" else "go on"
    return f"{text(first)}. {text(sentence(spending(s)))} To {aim}, run {show}"


def _picture(v: PanelView) -> str:
    stage, counts = v.get("stage", ""), v.get("counts", {})
    drawn = loop.data_uri(loop.picture(stage, counts))
    return f'<img style="max-width:100%" alt="{escape(third(loop.alt(stage, counts)))}" src="{drawn}">'


# the plan


def _plan(v: PanelView) -> list[str]:
    rows, fold = v["steps"], v.get("fold")
    if not rows:
        return []
    head = ", ".join(filter(None, (third(v.get("planhead", "Plan")), v.get("planside"))))
    away = form.folded(rows, fold)
    inside = {r["n"] for r in away}
    less = f"<details><summary>{text(fold['text'])}</summary>{_list(away)}</details>" if away and fold else ""
    return [f'<h3 style="{H3_NEXT}">{text(head)}</h3>', less, _list([r for r in rows if r["n"] not in inside])]


def _list(rows: list[StepRow]) -> str:
    """Number by the list itself where the numbers run on, else in words."""
    first = rows[0]["n"] if rows else 1
    run_on = isinstance(first, int) and [r["n"] for r in rows] == list(range(first, first + len(rows)))
    steps = [_step(r) if run_on else f"{_named(r['n'])}: {_step(r)}" for r in rows]
    items = "\n".join(f"<li>{step}</li>" for step in steps)
    start = f' start="{int(first)}"' if run_on and first != 1 else ""
    kind = "ol" if run_on or not all(isinstance(r["n"], str) for r in rows) else "ul"
    return f'<{kind}{start} style="margin:0;padding-left:32px">\n{items}\n</{kind}>'


def _named(n: int | str) -> str:
    return f"step {n}" if isinstance(n, int) else text(n)


def _step(r: StepRow) -> str:
    after = f"after {r['after']}" if r.get("after") else ""
    facts = dict.fromkeys((third(status(r)), after, r.get("dur"), r.get("cost"), third(r.get("note", ""))))
    lines = [f"<b>{text(r['t'])}</b> ({text(', '.join(filter(None, facts)))})"]
    if r.get("verdict"):
        lines.append(_words(r["verdict"]))
    if r.get("x") and r["s"] != "replaced" and not isinstance(r.get("verdict"), list):
        lines.append(f"expects: {text(r['x'])}")
    if r.get("ev"):
        lines.append(_words(r["ev"]))
    lines += map(text, r.get("said", ()))
    return "<br>".join(lines)


def _words(words: Words | None) -> str:
    if words is None or isinstance(words, str):
        return text(words or "")
    runs = [("", run) if isinstance(run, str) else ("b" if run[0] == "*" else "code", run[1]) for run in words]
    return "".join(f"<{tag}>{text(str(run))}</{tag}>" if tag else text(str(run)) for tag, run in runs)


# what waits


def _card(s: State, card: Card) -> list[str]:
    risks = "; ".join(f"{kind} ({unmarked(why)})" for kind, why in card.get("risks", ()))
    parts = [
        f'<h3 style="{H3_NEXT}">{text(third(card["title"]))}</h3>',
        f"<p>{_words(card['why'])}{text(f' Risks: {risks}.') if risks else ''}</p>",
    ]
    if danger := card.get("danger"):
        shown = "".join(p if isinstance(p, str) else f"[{p[1]}]" for p in danger["value"])
        told = f"{third(unmarked(danger['came']))} {danger['name']}: {shown}. {danger.get('odd', '')}"
        parts.append(f"<p><b>{text(told)}</b></p>")
    if question := card.get("question"):
        parts.append(f"<p><b>{text(question)}</b></p>")
    if "code" in card:
        cap = _words(_third(card.get("cap")))
        parts.append(f"<details open><summary>The code: {cap}</summary>{pre(card['code'])}</details>")
    if args := card.get("args"):
        rows: Rows = [[[["`", a["name"]]], str(a["value"]), _third(a.get("origin", ""))] for a in args]
        parts.append(_table("Arguments", ["argument", "value", "where it comes from"], rows))
    if t := card.get("table"):
        parts.append(_table(t["caption"], t.get("heads"), t["rows"]))
    return [*parts, f"<p>To answer, run <code>{text(form.command(s.pid, card))}</code> in any cell.</p>"]


def _table(caption: str, heads: list[str] | None, rows: Rows) -> str:
    top = "".join(f'<th scope="col" style="{LEFT}">{text(h)}</th>' for h in heads or ())
    body = "\n".join("<tr>" + "".join(_cell(c, not i) for i, c in enumerate(row)) + "</tr>" for row in rows)
    head = f"<tr>{top}</tr>\n" if top else ""
    return f'<table style="{TABLE}"><caption style="text-align:left">{text(caption)}</caption>\n{head}{body}</table>'


def _cell(cell: Words | Button, head: bool) -> str:
    words = text(cell["label"]) if isinstance(cell, dict) else _words(cell)
    tag = 'th scope="row"' if head else "td"
    return f'<{tag} style="{LEFT}">{words}</{tag[:2]}>'


# now


def _block(b: Block) -> str:
    """Return one piece; what only a live page can do (buttons, streams, progress) is left out."""
    return _BLOCKS[b["kind"]](b) if b["kind"] in _BLOCKS else ""


def _title(b: Block) -> str:
    return f'<h3 style="{H3_NEXT}">{text(b["text"])}</h3>'


def _code(b: Block) -> str:
    cap = _words(b.get("cap")) or text(b.get("label", "Code"))
    proposed = f"<p>As it was proposed:</p>{pre(b['before'])}" if "before" in b else ""
    return f'<details open=""><summary>{cap}</summary>{pre(b["code"])}{proposed}</details>'


def _image(b: Block) -> str:
    return f'<img style="max-width:100%" alt="{escape(b["label"])}" src="data:{b["mime"]};base64,{b["data"]}">'


def _grid(b: Block) -> str:
    """Return a table with its dropped rows, which say that they are dropped."""
    rows: Rows = [[cells[0], *(["dropped"] if gone else []), *cells[1 + gone :]] for gone, *cells in b["lines"]]
    return _table(f"{b['caption']}: {b['note']}", ["", *b["heads"]], rows)


_BLOCKS: dict[str, Callable[[Block], str]] = {
    "lead": _title,
    "heading": _title,
    "text": lambda b: f"<p>{_words(b['words'])}</p>",
    "answer": lambda b: markdown(b["markdown"]),
    "table": lambda b: _table(b["caption"], b.get("heads"), b["rows"]),
    "code": _code,
    "image": _image,
    "grid": _grid,
    "printed": lambda b: f"<p>{text(b['label'])}</p>{pre(b['code'])}",
    "markdown": lambda b: f"<p>{text(b['label'])}</p>{shown(b)}",
    "pairs": lambda b: _table(b["label"], None, [[*pair] for pair in b["pairs"]]),
    "details": lambda b: f"<details><summary>{text(b['summary'])}</summary>{pre(b['code'])}</details>",
}
