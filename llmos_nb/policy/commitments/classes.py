"""Who chooses the sinks of an act: known from its expressions alone, before anything is read."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal as OneOf

from llmos_nb.errors import Unreadable
from llmos_nb.policy.commitments.evaluate import Evaluator
from llmos_nb.policy.commitments.flows import FREE, NONE, Flow, Flows, Literal
from llmos_nb.policy.commitments.form import SEVERAL, Act, Signatures, Source
from llmos_nb.policy.commitments.functions import FUNCTIONS
from llmos_nb.policy.commitments.syntax import spelling
from llmos_nb.policy.commitments.values import is_number, leaves, moment, plain, show
from llmos_nb.policy.commitments.words import said

Class = OneOf["bound", "delegated", "open", "invented"]
_CHOSEN = ("number", "email", "url", "iban", "phone")  # a sink that the model chooses once it has read


@dataclass(frozen=True)
class Verdict:
    """The class of an act.

    Parameters
    ----------
    kind : {"bound", "delegated", "open", "invented"}
        ``bound``: each sink is the user's literal, a fact, or a reference to what exists. ``delegated``: words that
        others wrote may become a sink. ``open``: so, and the act holds free words. ``invented``: a sink is a literal
        that the user never said.
    why : str
        In words; empty for what is bound.
    choice : str
        What data picks, where it does.
    arguments : tuple of str
        The sinks that are not bound.
    by : tuple of str
        The reads whose words may become a sink.
    offered : tuple of str
        The sinks that would be bound if the act said which of several values they are.
    chosen : dict of str to str
        By argument, who chooses its value.
    """

    kind: Class
    why: str = ""
    choice: str = ""
    arguments: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    chosen: dict[str, str] = field(default_factory=dict, compare=False)

    def line(self) -> str:
        """Return the class and why, as one line; empty for what is bound and says nothing."""
        return self.why if self.kind == "bound" else f"{self.kind.upper()}: {self.why}"


def judged(act: Act, tools: Signatures, words: str) -> Verdict:
    """Return the class of an act, from the signatures and the user's words."""
    if not act.tool.outward:
        return Verdict("bound", f"{act.tool.name} does not act outside and needs no act")
    judge = _Judge(act, tools, words)
    return replace(judge.verdict(), chosen=judge.chosen)


class _Judge:
    def __init__(self, act: Act, tools: Signatures, words: str) -> None:
        self.act, self.flows, self.words = act, Flows(tools), words
        self.env = self.flows.inside(act.each, {})
        read = frozenset[str]().union(*(self.flows.named(loop.iter) for loop in act.each))
        self.loops: Mapping[str, frozenset[str]] = dict.fromkeys(self.env, read)
        self.chosen: dict[str, str] = {}

    def verdict(self) -> Verdict:
        made_up: dict[str, Any] = {}
        chosen: dict[str, Flow] = {}
        for name, source in self.act.arguments.items():
            flow = self.flow(source)
            self.env.setdefault(spelling(name), flow)
            self.chosen[name] = self.chooses(source, flow)
            if not self.act.tool.is_sink(name):
                continue
            if unsaid := self.unsaid(source, flow):
                made_up[name] = unsaid[0]
            if others := frozenset(f for f in flow if isinstance(f, str)):
                chosen[name] = others
        choice = self.choice()
        if made_up:
            name, value = next(iter(made_up.items()))
            why = f"{show(value)} for {name} does not stand in the user's words"
            return Verdict("invented", why, choice, tuple(made_up))
        return self.delegated(chosen, choice) if chosen else Verdict("bound", "", choice)

    def chooses(self, source: Source, flow: Flow) -> str:
        """Say who chooses the value of an argument."""
        tools = sorted(f for f in flow if isinstance(f, str) and f != FREE)
        who = [f"others, by what they wrote in {_and(tools)}"] if tools else []
        if source.kind == "text":
            who.append("the model, in the form that is given" if source.like else "the model, in its own words")
        elif FREE in flow:
            who.append("the model, once it has read")
        elif not who and source.kind in ("literal", "any_of"):
            said_all = all(said(v, self.words) for literal in source.values for v in leaves(literal))
            who.append("you, in your words" if said_all else "the model, in the plan")
        return " and ".join(who) or "nobody: it is computed from what exists"

    def delegated(self, chosen: Mapping[str, Flow], choice: str) -> Verdict:
        free = [n for n, s in self.act.arguments.items() if s.free]
        offered = tuple(n for n in chosen if self.offered(self.act.arguments[n]))
        groups: dict[str, list[str]] = {}
        for name, flow in chosen.items():
            tools = _and(sorted(map(str, flow - {FREE})))
            if name in offered:
                how = f"any of several, and what others wrote in {tools} decides of which"
            elif tools:
                how = f"chosen by what others wrote in {tools}"
            else:
                how = f"{'free text of' if name in free else 'chosen by'} the model, after it has read"
            groups.setdefault(how, []).append(name)
        why = ", and ".join(f"{_and(names)} {_are(names)} {how}" for how, names in groups.items())
        if beside := [n for n in free if n not in chosen]:
            why = f"{_and(beside)} {_are(beside)} free text while {why}"
        by = tuple(sorted(map(str, NONE.union(*chosen.values()) - {FREE})))
        return Verdict("open" if free else "delegated", why, choice, tuple(chosen), by, offered)

    def offered(self, source: Source) -> bool:
        """Return whether a source is any of values each of which nobody else chooses: one of them would be bound."""
        if source.kind not in SEVERAL or source.node is None:
            return False
        return not any(isinstance(f, str) for f in self.flows.of(source.node, self.env))

    def flow(self, source: Source) -> Flow:
        """Return whose words may become the value of an argument."""
        node = source.node
        if source.kind in SEVERAL and node is not None:
            # Whichever of them the model takes once it has read: facts and filters make no difference.
            looped = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & self.loops.keys()
            return self.flows.named(node).union(self.flows.of(node, self.env), *(self.loops[n] for n in looped))
        if source.kind in ("value", "quote") and node is not None:
            return self.flows.of(node, self.env)
        return frozenset({FREE}) if source.kind == "text" or source.type in _CHOSEN else NONE

    def unsaid(self, source: Source, flow: Flow) -> list[Any]:
        """Return the literals of a sink that the user never said."""
        if source.kind in ("literal", "any_of"):
            return [v for literal in source.values for v in leaves(literal) if not said(v, self.words)]
        if source.kind == "value" and source.node is not None and not _reads(source.node):
            return self.computed(source.node)
        return sorted((f.value for f in flow if isinstance(f, Literal) and not said(f.value, self.words)), key=str)

    def computed(self, node: ast.expr) -> list[Any]:
        """Return the value that stands by itself, unless it was said; of a number and a day, all that it is made of."""
        try:
            value = Evaluator().value(node, {})
        except Unreadable:
            return [ast.unparse(node)]
        made_of = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
        counted = said(plain(made_of), self.words)
        return [
            v
            for v in leaves(value)
            if not said(v, self.words) and not (counted and (is_number(v) or moment(v) is not None))
        ]

    def choice(self) -> str:
        """Say which reads' data picks one of several, or says how many."""
        known: dict[str, frozenset[str]] = dict(self.loops)
        among = frozenset[str]().union(*(self.flows.named(loop.iter) for loop in self.act.each))
        for name, source in self.act.arguments.items():
            nodes = [n for n in (source.node, source.low, source.high) if n is not None]
            among = among.union(*(self.flows.picks(n, known) for n in nodes))
            known.setdefault(spelling(name), frozenset().union(*(self.flows.behind(n, known) for n in nodes)))
        said_if = frozenset[str]().union(*(self.flows.named(c) for loop in self.act.each for c in loop.ifs))
        if self.act.when is not None:
            said_if |= self.flows.named(self.act.when) | (self.flows.behind(self.act.when, known) - among)
        parts = [f"data picks among what {_and(sorted(among))} gives"] if among else []
        parts += [f"data of {_and(sorted(said_if))} decides whether"] if said_if else []
        return "; ".join(parts)


def _reads(node: ast.expr) -> bool:
    """Return whether a value depends on more than what stands in its expression."""
    called = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
    names = (n for n in ast.walk(node) if isinstance(n, ast.Name))
    return any(id(n) not in called or n.id not in FUNCTIONS for n in names)


def _are(names: Collection[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _and(names: Collection[str]) -> str:
    *first, last = names or ("",)
    return f"{', '.join(first)} and {last}" if first else last
