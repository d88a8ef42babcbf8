"""The loop as a picture: drawn once, then only lit and counted; and a whole run as a graph."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from llmos_nb.journal import Event, events as ev
from llmos_nb.process.state import CONTROL, State
from llmos_nb.tools import Call
from llmos_nb.views.loop import dot
from llmos_nb.views.wording import NOW, count, short, times, visible

RUN_MOST = 2_000  # events, the last ones: more are neither laid out in time nor read
_GROUP = re.compile(r'<g id="(\w+)" class="(node|edge)([^"]*)">(.*?)</g>', re.DOTALL)
_LABEL = re.compile(r"(<text [^>]*>)([^<]*)(</text>)")
INK, GROUND, LIT, FAINT = "#222", "#fff", "#f7dcbc", "#bbb"


def svg() -> str:
    """Return the drawing of the loop; ids are ``plan`` … ``answer`` for nodes, ``e1`` … ``e9`` for edges."""
    return dot.loop()


def lit(drawing: str, stage: str, counts: Mapping[str, str]) -> str:
    """Light a node and write counts on edges, by replacing text: nothing is laid out again.

    Parameters
    ----------
    drawing : str
        What `svg` gave.
    stage : str
        Id of the node that is lit; empty for none.
    counts : mapping
        Edge id to its count; an edge that is not named gets the class ``zero`` and no label.
    """

    def group(found: re.Match[str]) -> str:
        name, kind, _, body = found.groups()
        if kind == "node":
            return f'<g id="{name}" class="node{" lit" if name == stage else ""}">{body}</g>'
        n = counts.get(name, "")
        label = _LABEL.sub(lambda t: t[1] + (t[2].replace("00", n) if n else "") + t[3], body)
        return f'<g id="{name}" class="edge{"" if n else " zero"}">{label}</g>'

    return _GROUP.sub(group, drawing)


@lru_cache(maxsize=1)
def _on_paper(drawing: str) -> str:
    """Return the drawing its own white ground and dark ink, so that it reads in any theme."""
    body = drawing.replace('stroke="black"', f'stroke="{INK}"').replace("<text ", f'<text fill="{INK}" ')
    sized = r'<svg xmlns="http://www.w3.org/2000/svg" width="\1" height="\2"'
    body = re.sub(r'<svg [^>]*width="(\d+)[^"]*" height="(\d+)[^"]*"', sized, body)
    return re.sub(r"(<svg [^>]*>)", rf'\1<rect width="100%" height="100%" fill="{GROUND}"/>', body, count=1)


def picture(stage: str, counts: Mapping[str, str]) -> str:
    """Return the loop as a picture that stands alone, with colours in attributes (no class, no style)."""

    def colour(found: re.Match[str]) -> str:
        name, kind, more, body = found.groups()
        if "lit" in more:
            body = body.replace('fill="none"', f'fill="{LIT}"', 1)
            body = body.replace("<text ", '<text font-weight="bold" ', 1)
        if "zero" in more:
            body = body.replace(f'"{INK}"', f'"{FAINT}"').replace('"black"', f'"{FAINT}"')
        return f'<g id="{name}" class="{kind}">{body}</g>'

    return _GROUP.sub(colour, lit(_on_paper(svg()), stage, counts))


def data_uri(drawing: str) -> str:
    """Return a drawing as the address of an `img`."""
    return "data:image/svg+xml;base64," + base64.b64encode(drawing.encode()).decode()


def alt(stage: str, counts: Mapping[str, str]) -> str:
    """Say in a sentence what the loop's picture shows."""
    where = f"It stands at {stage}, {NOW[stage]}" if stage else "It has stopped"
    done = count(int(counts.get("e4", 0)), "result")
    again = int(counts.get("e8", 0))
    replans = f"planned again {times(again)}" if again else "no re-plan"
    nodes = "plan, you, act, observe, integrate, check, answer"
    return f"The loop: {nodes}. {where}, with {done} integrated and {replans}."


_CALL_LOOK = {"done": INK, "running": "#1565c0", "asked": "#a65200", "in_doubt": "#a65200"}
_BAD = "#b3261e"


def run_graph(s: State, events: Sequence[Event]) -> str:
    """Draw a whole run: every answer, call, decision and re-plan, in order.

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
    source = run_dot(s, events)
    drawn = dot.ENGINE.render(source, "dot")
    return dot.text(dot.parse(drawn)) if drawn else source


def run_dot(s: State, events: Sequence[Event]) -> str:
    """Return the source of `run_graph`."""
    import graphviz  # 50 ms to import

    look = {"fontname": "Helvetica", "color": INK}
    graph = graphviz.Digraph("run")
    graph.attr("graph", rankdir="TB", bgcolor=GROUND, ranksep=".25", nodesep=".2")
    graph.attr("node", shape="box", style="rounded", fontsize="10", height=".3", **look)
    graph.attr("edge", arrowsize=".5", fontsize="9", **look)
    drawn = _Run(graph, s)
    drawn.answers = sum(event.k == "model.responded" for event in events[:-RUN_MOST])
    for event in events[-RUN_MOST:]:
        drawn.heard(event)
    return str(graph.source)


def _quoted(text: str, most: int) -> str:
    """Return a label that is read as plain text: no HTML, no escapes, no control characters."""
    import graphviz

    return str(graphviz.nohtml(graphviz.escape(visible(short(text, most)))))


class _Run:
    """Draws events in order; `last` are the nodes that the next one follows."""

    def __init__(self, graph: object, s: State) -> None:
        self.graph, self.s, self.answers = graph, s, 0
        self.last: list[str] = []

    def heard(self, e: Event) -> None:
        """Draw an event of a kind that shows."""
        match e.body:
            case ev.RunStarted(goal=goal):
                self.then("goal", goal, shape="plaintext")
            case ev.PlanProposed() | ev.PlanEdited() as b:
                n = sum(raw.get("status", "pending") == "pending" for raw in b.steps)
                again = "" if isinstance(b, ev.PlanProposed) else "re-planned: "
                self.then(f"plan{b.version}", f"{again}plan of {count(n, 'step')}", shape="note")
            case ev.PlanDecided(what=what, by=by):
                told = "approved" if what == "approve" else "rejected"
                self.then(f"gate{e.n}", f"{told} by {by}", shape="diamond", style="")
            case ev.ModelResponded() as b:
                self._answer(b)
            case ev.StepIntegrated(step=step, met=met, compared=compared) if step:
                how = "as expected" if compared else "ran"
                self._verdict(f"step{e.n}", f"step {step} {how if met else f'not {how}'}", met, "ellipse")
            case ev.CheckFinished(check=check, held=held):
                told = f"check {check} {'holds' if held else 'does not hold'}"
                self._verdict(f"check{e.n}", told, held, "hexagon")
            case ev.RunEnded() as b:
                self.then("end", f"{b.reason}: {b.answer or b.detail}", shape="plaintext")

    def node(self, name: str, label: str, after: Sequence[str], edge: str = "", **look: str) -> None:
        """Draw a node; what a run said is quoted, never read as HTML or escapes."""
        self.graph.node(name, _quoted(label, 60), id=name, **look)  # type: ignore[attr-defined]
        for before in after:
            self.graph.edge(before, name, label=_quoted(edge, 30))  # type: ignore[attr-defined]

    def then(self, name: str, label: str, **look: str) -> None:
        """Draw a node after the last ones; the next follows it."""
        self.node(name, label, self.last, **look)
        self.last = [name]

    def _verdict(self, name: str, label: str, good: bool, shape: str) -> None:
        self.then(name, label, shape=shape, style="", color=INK if good else _BAD)

    def _answer(self, b: ev.ModelResponded) -> None:
        self.answers += 1
        name = f"r{self.answers}"
        ids = [f"{name}.{i}" for i, c in enumerate(b.calls) if c["name"] not in CONTROL]
        calls = [self.s.calls[i] for i in ids if i in self.s.calls]
        told = count(len(calls), "call") if calls else b.text or "plan"
        self.then(name, f"{name} {told}", style="rounded,bold")
        self.last = [self._call(call, name) for call in calls] or [name]

    def _call(self, call: Call, after: str) -> str:
        name = "c" + call.id.replace(".", "_")
        ended = f": {call.result}" if call.result else f": {call.status}"
        colour = _CALL_LOOK.get(call.status, _BAD)
        self.node(name, f"{call.id} {call.name}{ended}", [after], call.by, color=colour)
        return name
