"""A whole run as a graph: from left to right, in as many lines as it takes, like text.

Each line is laid out by Graphviz. Labels are broken into lines, and boxes are as wide as these are in a wide font, so
that no label leaves its box; what an edge could say (who decided) is said in the box, so that none lies on an edge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from xml.etree import ElementTree

from llmos_nb.journal import Event, events as ev
from llmos_nb.journal.events import Decider
from llmos_nb.process.state import CONTROL, State
from llmos_nb.tools import Call
from llmos_nb.views.deciders import looked
from llmos_nb.views.loop import dot
from llmos_nb.views.loop.loop import GROUND, INK
from llmos_nb.views.wording import count, visible

LINE, ROWS = 760.0, 24  # points of a line, and lines of a picture: the last ones
WIDE, LEAST, GAP, LETTER = 132.0, 34.0, 24.0, 11.0  # points of a box, between boxes, and of letters
LINES, MOST = 4, 160
PAD, BETWEEN = 18.0, 16.0
_GO, _ASK, _BAD, _OK = "#1565c0", "#a65200", "#b3261e", "#2e6b32"
_CALL_LOOK = {"done": INK, "undone": INK, "running": _GO, "asked": _ASK, "in_doubt": _ASK}


@dataclass(frozen=True)
class Node:
    """A box: its id, what it says, its colour, and Graphviz's words for its form."""

    id: str
    says: str
    colour: str = INK
    form: str = "rounded"

    @cached_property
    def lines(self) -> list[str]:
        """What it says, in lines that fit."""
        return broken(self.says)

    @property
    def width(self) -> float:
        """Points that it takes."""
        return max(LEAST, *(width(line) + 10 for line in self.lines))


@dataclass
class Run:
    """The columns of a run: boxes that follow those of the column before, in order.

    Parameters
    ----------
    state : State
        The process, whose calls say what they gave.
    """

    state: State
    columns: list[list[Node]] = field(default_factory=list)
    answers: int = 0

    def heard(self, e: Event) -> None:
        """Take in an event of a kind that shows."""
        match e.body:
            case ev.RunStarted(goal=goal):
                self._then("goal", goal, form="goal")
            case ev.PlanProposed() | ev.PlanEdited() as b:
                n = sum(raw.get("status", "pending") == "pending" for raw in b.steps)
                again = "" if isinstance(b, ev.PlanProposed) else _changed(b.by)
                self._then(f"plan{b.version}", f"{again}plan of {count(n, 'step')}", form="note")
            case ev.PlanDecided(what=what, by=by):
                told = "approved" if what == "approve" else "rejected"
                # the sign is a person's
                sign, colour = ("◇ ", _ASK) if by.looked else ("", INK)
                self._then(f"gate{e.n}", f"{sign}plan {told} by {by.describe()}", colour, "")
            case ev.ModelResponded() as b:
                self._answer(b)
            case ev.AnswerComputed(answer=answer) if self.columns and self.columns[-1][0].id == f"r{self.answers}":
                self.columns.pop()  # it stands there with its values, not with their code
                self._then(f"r{self.answers}", f"r{self.answers} {answer.replace('**', '')}", form="rounded,bold")
            case ev.SignalReceived(signal="steer", by=by, text=str(text)):
                self._then(f"said{e.n}", f"{by.describe()}: {text}", form="goal")
            case ev.StepIntegrated(step=step, met=met, compared=compared) if step:
                self._verdict(f"step{e.n}", f"step {step}", bool(compared), met)
            case ev.CheckFinished(check=check, held=held):
                sign, told = ("✓", "holds") if held else ("×", "does not hold")
                self._then(f"check{e.n}", f"{sign} check {check} {told}", _OK if held else _BAD, "")
            case ev.RunEnded() as b:
                further = any(column[0].id == "end" for column in self.columns)
                self._then(
                    f"end{e.n}" if further else "end",
                    f"{b.reason}: {b.detail}" if b.detail else b.reason,
                    form="goal",
                )

    def _then(self, name: str, says: str, colour: str = INK, form: str = "rounded") -> None:
        self.columns.append([Node(name, says, colour, form)])

    def _verdict(self, name: str, step: str, compared: bool, met: bool) -> None:
        """Say how a step ended; a tick only where an expectation was evaluated."""
        told = {
            (True, True): "✓ {} as expected",
            (True, False): "× {} not as expected",
            (False, True): "{} ran",
        }
        says = told.get((compared, met), "× {} did not end well").format(step)
        self._then(name, says, (_OK if compared else INK) if met else _BAD, "")

    def _answer(self, b: ev.ModelResponded) -> None:
        self.answers += 1
        name = f"r{self.answers}"
        ids = [f"{name}.{i}" for i, c in enumerate(b.calls) if c["name"] not in CONTROL]
        calls = [self.state.calls[i] for i in ids if i in self.state.calls]
        told = {0: f" {b.text.replace('**', '') or 'plan'}", 1: ""}.get(len(calls), f" {len(calls)} calls")
        self._then(name, name + told, form="rounded,bold")
        if calls:
            self.columns.append([_call(call) for call in calls])


def _changed(by: Decider) -> str:
    return f"edited by {who}: " if (who := looked(by)) else "re-planned: "


def _call(call: Call) -> Node:
    ended = f": {call.result}" if call.result else f": {call.status.replace('_', ' ')}"
    by = f" (by {who})" if (who := looked(call.by)) else ""
    undone = ", undone" if call.status == "undone" else ""
    says = f"{call.id} {call.name}{by}{undone}{ended}"
    return Node(f"c{call.id.replace('.', '_')}", says, _CALL_LOOK.get(call.status, _BAD))


def columns(s: State, events: Sequence[Event]) -> list[list[Node]]:
    """Return all columns of a run."""
    run = Run(s)
    for event in events:
        run.heard(event)
    return run.columns


def _rows(found: Sequence[list[Node]]) -> list[list[list[Node]]]:
    """Return columns in lines that they fill."""
    rows, left = list[list[list[Node]]](), 0.0
    for column in found:
        wide = max(node.width for node in column) + GAP
        if wide > left:
            rows.append([])
            left = LINE + GAP
        rows[-1].append(column)
        left -= wide
    return rows


def drawn(found: Sequence[list[Node]]) -> tuple[int, list[list[list[Node]]]]:
    """Return how many columns are left out, and the last lines."""
    rows = _rows(found)
    return sum(map(len, rows[:-ROWS])), rows[-ROWS:]


def run_graph(s: State, events: Sequence[Event]) -> str:
    """Draw a whole run: every answer, call, decision and re-plan, in order; of a long run the end.

    Parameters
    ----------
    s : State
        The process.
    events : sequence of Event
        Its journal.

    Returns
    -------
    str
        SVG; where there is no Graphviz, DOT text.
    """
    sources = list(_sources(drawn(columns(s, events))[1]))
    made = [dot.ENGINE.render(source, "dot") for source in sources]
    return _stacked([dot.parse(d) for d in made]) if made and all(made) else "\n".join(sources)


def run_text(s: State, events: Sequence[Event]) -> str:
    """Return a run as lines: what came of each answer, with arrows between."""
    found = columns(s, events)
    away, _ = drawn(found)
    lines = [f"… {count(away, 'column')} before"] if away else []
    for column in found[away:]:
        said = "; ".join(visible(_short(node.says)) for node in column)
        new = not lines or column[0].form in ("rounded,bold", "goal")
        lines.append(said) if new else lines.append(f"  → {said}")
    return "\n".join(lines)


def _sources(rows: Sequence[Sequence[list[Node]]]) -> Iterator[str]:
    import graphviz  # 50 ms to import

    for row in rows:
        look = {"fontname": "Helvetica", "color": INK}
        graph = graphviz.Digraph("run")
        graph.attr("graph", rankdir="LR", bgcolor=GROUND, ranksep=f"{GAP / 72:.3f}", nodesep=".12", pad="0")
        graph.attr("node", shape="box", fontsize=f"{LETTER:g}", fixedsize="true", width=f"{WIDE / 72:.3f}", **look)
        graph.attr("edge", arrowsize=".5", **look)
        for before, column in zip([[], *row], row, strict=False):
            for node in column:
                _draw(graph, node)
                for last in before:
                    graph.edge(last.id, node.id)
        yield str(graph.source)


def _draw(graph: Any, node: Node) -> None:
    """Draw a box; what a run said is quoted, never read as HTML or escapes."""
    import graphviz

    label = graphviz.nohtml(r"\n".join(str(graphviz.escape(line)) for line in node.lines))
    form = {"goal": {"shape": "plaintext"}, "note": {"shape": "note"}}.get(node.form, {"style": node.form})
    size = {"width": f"{node.width / 72:.3f}", "height": f"{(len(node.lines) * LETTER * 1.25 + 10) / 72:.3f}"}
    graph.node(node.id, label, id=node.id, color=node.colour, **size, **form)


# labels that fit

_NARROW, _THIN, _BROAD = frozenset("iljI|.,:;'`!"), frozenset('frt()[]{}-/\\ "*'), frozenset("mwMW@%—…")


def width(text: str) -> float:
    """Return how wide a text is in a wide font, in points."""
    return sum(map(_em, text)) * LETTER


def _em(c: str) -> float:
    if c in _NARROW:
        return 0.36
    if c in _THIN:
        return 0.45
    if c in _BROAD or ord(c) >= 0x2E80:
        return 1.03
    return 0.75 if c.isupper() else 0.66


def _short(text: str) -> str:
    return " ".join(text.split())[:MOST]


def broken(text: str) -> list[str]:
    """Return a label in at most four lines that fit a box; a long one ends with an ellipsis."""
    room, lines, words = WIDE - 10, [""], visible(_short(text)).split(" ")
    for word in words:
        for piece in _pieces(word, room):
            longer = f"{lines[-1]} {piece}".strip()
            if width(longer) <= room:
                lines[-1] = longer
            else:
                lines.append(piece)
    if len(lines) > LINES or len(" ".join(text.split())) > MOST:
        kept = lines[:LINES]
        while width(f"{kept[-1]} …") > room:
            kept[-1] = kept[-1].rpartition(" ")[0] or kept[-1][:-1]
        return [*kept[:-1], f"{kept[-1]} …"]
    return lines


def _pieces(word: str, room: float) -> Iterator[str]:
    """Yield a word in pieces, none wider than the room."""
    while width(word) > room:
        n = next(i for i in range(len(word), 0, -1) if width(word[:i]) <= room)
        yield word[:n]
        word = word[n:]
    yield word


# lines below each other


def _stacked(drawn: Sequence[ElementTree.Element]) -> str:
    """Return pictures below each other, with a sign where a line goes on."""
    sizes = [tuple(float(v) for v in (d.get("viewBox") or "0 0 0 0").split()[2:]) for d in drawn]
    whole = max(w for w, _ in sizes) + 2 * PAD
    high = sum(h + BETWEEN for _, h in sizes) + 4
    root = ElementTree.Element(f"{dot.SVG}svg", {"viewBox": f"0 0 {whole:g} {high:g}", "width": f"{whole:g}"})
    root.set("height", f"{high:g}")
    ElementTree.SubElement(root, f"{dot.SVG}rect", {"width": "100%", "height": "100%", "fill": GROUND})
    y = 4.0
    for i, (d, (w, h)) in enumerate(zip(drawn, sizes, strict=True)):
        at = ElementTree.SubElement(root, f"{dot.SVG}g", {"transform": f"translate({PAD:g},{y:g})"})
        for child in d:
            child.attrib.pop("id", None)  # of the graph: each line would have the same
            at.append(child)
        if i:
            _sign(root, 3, y + h / 2 + 4, "↳")
        if i + 1 < len(drawn):
            _sign(root, PAD + w + 4, y + h / 2 + 4, "→")
        y += h + BETWEEN
    return dot.text(root)


def _sign(root: ElementTree.Element, x: float, y: float, said: str) -> None:
    letters = {"font-family": "Helvetica,sans-serif", "font-size": "13", "fill": INK}
    ElementTree.SubElement(root, f"{dot.SVG}text", {"x": f"{x:g}", "y": f"{y:g}", **letters}).text = said
