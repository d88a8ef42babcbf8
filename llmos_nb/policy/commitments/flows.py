"""What may become a value: others' words and literals, by the flow of data through an expression, before any read."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmos_nb.policy.commitments.form import Signatures
from llmos_nb.policy.commitments.functions import FUNCTIONS, SILENT
from llmos_nb.policy.commitments.syntax import targets
from llmos_nb.policy.commitments.values import is_number, same_field


@dataclass(frozen=True)
class Literal:
    """A text or number that stands in an expression."""

    value: Any


Flow = frozenset[str | Literal]
Env = Mapping[str, Flow]
Reads = Mapping[str, frozenset[str]]
FREE = "the model's own words"  # stands beside the names of tools
NONE: Flow = frozenset()
_RANKS = ("max", "min", "sorted")
_SEVERAL = ("max", "min")  # functions whose value may come from any of their arguments; else from the first
_LAST = ("replace", "join", "get")  # methods whose last argument may stand in the value


class Flows:
    """The tools whose free words may stand in a value, and the literals that may.

    Selectors (conditions, keys, comparisons) do not count, nor do facts: fields that a service itself asserts; nor
    numbers that something is calculated with.

    Parameters
    ----------
    tools : mapping
        The signatures of the tools.
    """

    def __init__(self, tools: Signatures) -> None:
        self.tools = tools

    def of(self, node: ast.AST, env: Env) -> Flow:
        """Return what may stand in the value of an expression: names of tools, and literals."""
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        return method(node, env) if method else self._union(ast.iter_child_nodes(node), env)

    def _union(self, nodes: Iterable[ast.AST], env: Env) -> Flow:
        return NONE.union(*(self.of(n, env) for n in nodes))

    def _calculated(self, nodes: Iterable[ast.AST], env: Env) -> Flow:
        """Return the flow of what is calculated with: a number there is none of the value's own."""
        return self._union((n for n in nodes if not is_number(getattr(n, "value", None))), env)

    def _constant(self, node: ast.Constant, env: Env) -> Flow:
        said = is_number(node.value) or (isinstance(node.value, str) and any(c.isalnum() for c in node.value))
        return frozenset({Literal(node.value)}) if said else NONE

    def _compare(self, node: ast.AST, env: Env) -> Flow:
        return NONE

    _lambda = _compare

    def _name(self, node: ast.Name, env: Env) -> Flow:
        return env.get(node.id, NONE)

    def _attribute(self, node: ast.Attribute, env: Env) -> Flow:
        return self._without(self.of(node.value, env), node.attr)

    def _subscript(self, node: ast.Subscript, env: Env) -> Flow:
        return self._without(self.of(node.value, env), getattr(node.slice, "value", None))

    def _ifexp(self, node: ast.IfExp, env: Env) -> Flow:
        return self._union([node.body, node.orelse], env)

    def _binop(self, node: ast.BinOp, env: Env) -> Flow:
        return self._calculated([node.left, node.right], env)

    def _unaryop(self, node: ast.UnaryOp, env: Env) -> Flow:
        return NONE if isinstance(node.op, ast.Not) else self._calculated([node.operand], env)

    def _formattedvalue(self, node: ast.FormattedValue, env: Env) -> Flow:
        return self.of(node.value, env)

    def _dict(self, node: ast.Dict, env: Env) -> Flow:
        return self._union(node.values, env)

    def _listcomp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, env: Env) -> Flow:
        return self.of(node.elt, self.inside(node.generators, env))

    _setcomp = _generatorexp = _listcomp

    def _call(self, node: ast.Call, env: Env) -> Flow:
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func, env)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in FUNCTIONS:
            given = node.args if name in _SEVERAL else node.args[:1]
            later = [k.value for k in node.keywords] if name == "plus" else []
            return self._calculated([*given, *later], env) if FUNCTIONS[name].carries else NONE
        tool = self.tools[name]
        return frozenset({name}) if tool.untrusted and tool.facts is not None else NONE

    def _method(self, node: ast.Call, func: ast.Attribute, env: Env) -> Flow:
        if func.attr in SILENT:
            return NONE
        given = node.args[-1:] if func.attr in _LAST else []
        flow = self.of(func.value, env)
        if func.attr == "get":
            given = node.args[1:]
            flow = self._without(flow, getattr(node.args[0], "value", None))
        return flow | self._union(given, env)

    def _without(self, flow: Flow, field: object) -> Flow:
        """Return a flow without the tools of which a field is a fact."""
        if not isinstance(field, str):
            return flow
        facts: dict[str | Literal, Collection[str]] = {
            t: self.tools[t].facts or () for t in flow if isinstance(t, str) and t in self.tools
        }
        return frozenset(t for t in flow if not any(same_field(field, f) for f in facts.get(t, ())))

    def inside(self, loops: Iterable[ast.comprehension], env: Env) -> dict[str, Flow]:
        """Return the flows of names inside loops."""
        inner = dict(env)
        for loop in loops:
            flow = self.of(loop.iter, inner)
            inner.update(dict.fromkeys(targets(loop.target), flow))
        return inner

    def named(self, node: ast.AST) -> frozenset[str]:
        """Return the untrusted tools that an expression reads, for whatever."""
        calls = (n.func.id for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name))
        return frozenset(c for c in calls if c not in FUNCTIONS and c in self.tools and self.tools[c].untrusted)

    def behind(self, node: ast.AST, known: Reads) -> frozenset[str]:
        """Return the untrusted tools that an expression reads, itself or by names that stand for what was read."""
        names = (n.id for n in ast.walk(node) if isinstance(n, ast.Name))
        return self.named(node).union(*(known.get(n, frozenset()) for n in names))

    def picks(self, node: ast.AST, known: Reads) -> frozenset[str]:
        """Return the untrusted tools whose data picks a part: by a condition, a comparison, a rank, a place."""
        known = dict(known)
        for loop in (n for n in ast.walk(node) if isinstance(n, ast.comprehension)):
            read = self.behind(loop.iter, known)
            known.update({t: known.get(t, frozenset()) | read for t in targets(loop.target)})
        return frozenset[str]().union(*(self.behind(n, known) for n in ast.walk(node) if _selects(n)))


def _selects(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        name = node.func.id
        return name in _RANKS or (name in FUNCTIONS and not FUNCTIONS[name].carries)
    if isinstance(node, ast.Call):
        method = getattr(node.func, "attr", "")
        computed = any(not isinstance(a, ast.Constant) for a in node.args)
        return method in SILENT or (computed and method != "join")
    if isinstance(node, ast.Subscript):
        return not isinstance(getattr(node.slice, "value", None), str)
    return isinstance(node, ast.IfExp | ast.BoolOp | ast.Compare) or (
        isinstance(node, ast.comprehension) and bool(node.ifs)
    )
