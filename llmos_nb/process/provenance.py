"""Whether what a name holds comes from outside the model's own code: the user's variables, files, the network, chance.

The steps are read in their order, as data flows through them: what they make of literals and of such names alone is
the model's own word, however it is spelled or calculated. A step notes in which line it took something from outside, as
that happens. What is in doubt is the model's own.
"""

from __future__ import annotations

import ast
import builtins
import copy
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from llmos_nb.policy.code import bound_by, parsed_code
from llmos_nb.tools import Call, libraries_name

_DRAWS = ("random", "numpy.random")
MOST = 60  # names whose code is put into an expression
_ONCE = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom, ast.Starred)  # is evaluated in its place alone
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Made:
    """What a step made.

    Attributes
    ----------
    live : bool
        Whether something has part in it that does not stand in the model's code.
    may_be : frozenset
        Numbers and texts of the model's code that it may be, or may hold.
    code : ast.expr, optional
        What gives it again, on the variables as they are.
    needs : frozenset of str
        The names that this reads.
    """

    live: bool = False
    may_be: frozenset[float | str] = frozenset()
    code: ast.expr | None = None
    needs: frozenset[str] = frozenset()

    def joined(self, other: Made) -> Made:
        """Return what is one or the other, or has both in it."""
        return Made(self.live or other.live, self.may_be | other.may_be)

    def once(self) -> Made:
        """Return it without its code: where nobody can try whether a literal of that is its value, it may be."""
        return self if self.code is None else Made(self.live, self.may_be | {*constants(self.code)})


class Provenance:
    """What steps made, by name.

    Parameters
    ----------
    steps : iterable of Call
        Calls that ran well and stand, in their order.
    namespace : mapping
        The variables as they are now.
    """

    def __init__(self, steps: Iterable[Call], namespace: Mapping[str, Any]) -> None:
        self.made: dict[str, Made] = {}
        self._namespace = namespace
        self._imports: dict[str, str] = {}
        self._created, self._done, self._written = set[str](), set[str](), set[str]()
        self._lines, self._needed_by = set[int](), defaultdict[str, set[str]](set)
        for call in steps:
            self._step(call)

    def live(self, names: Iterable[str]) -> bool:
        """Return whether one of these names holds something that does not stand in the model's code."""
        return any(self.made[n].live if n in self.made else self._was_there(n) for n in names)

    def may_be(self, node: ast.expr) -> set[float | str]:
        """Return the literals of steps that an expression may give by one of its names."""
        return {v for n in roots(node) if n in self.made for v in self.made[n].may_be}

    def _was_there(self, name: str) -> bool:
        return name not in self._created and is_variable(name, self._namespace)

    def _step(self, call: Call) -> None:
        changed = {*call.changes.created, *call.changes.rebound}
        if call.name != "python" or call.proposed:  # another tool's, or the user's own code
            for name in changed:
                self._bind(name, Made(live=True), sure=True)
            return
        self._written |= {*map(str, call.facts.get("outside", {}).get("written", ()))}
        body = tree.body if (tree := parsed_code(call.code)) is not None else []
        bound = {n for s in body for node in ast.walk(s) for n in bound_by(node)}
        self._created |= {*call.changes.created} | (bound - self._namespace.keys())
        self._lines = {n for n, path in call.facts.get("took", ()) if path not in self._written}
        self._done.clear()
        self._run(body, under=False, sure=True)
        for name in changed - self._done:
            self._bind(name, Made(), sure=True)  # by what the code calls: nobody knows of what

    # what expressions hold

    def _value(self, node: ast.AST, *, again: bool = True) -> Made:
        takes, needs = self._takes(node), frozenset(loads(node))
        made = Made(takes or self.live(needs), frozenset(self._direct(node)))
        if takes or not isinstance(node, ast.expr):
            return made
        made = replace(made, code=node, needs=needs)
        return made if again and not any(isinstance(n, _ONCE) for n in ast.walk(node)) else made.once()

    def _takes(self, node: ast.AST) -> bool:
        """Return whether code draws by chance, or has taken something from outside in one of its lines."""
        nodes = [*ast.walk(node)]
        calls = [n for n in nodes if isinstance(n, ast.Call)]
        if any(n.lineno <= line <= (n.end_lineno or 0) for n in calls for line in self._lines):
            return True
        named = [n for n in nodes if isinstance(n, ast.Name | ast.Attribute)]
        generators = (type(self._namespace.get(n.id)).__module__ for n in named if isinstance(n, ast.Name))
        names = [*map(self._dotted, named), *generators]
        return any(f"{name}.".startswith(f"{drawn}.") for name in names for drawn in _DRAWS)

    def _dotted(self, node: ast.expr) -> str:
        if isinstance(node, ast.Attribute):
            return f"{self._dotted(node.value)}.{node.attr}"
        if not isinstance(node, ast.Name):
            return "?"
        value = self._namespace.get(node.id)
        known = value.__name__ if isinstance(value, ModuleType) and node.id not in self.made else "?"
        return self._imports.get(node.id, known)

    def _direct(self, node: ast.AST | None) -> Iterator[float | str]:
        """Return the literals that an expression may give as they are."""
        match node:
            case ast.Constant():
                yield from constants(node)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                yield -value
            case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)) if name in self.made:
                yield from self.made[name].may_be
            case ast.IfExp(body=one, orelse=other):
                yield from (*self._direct(one), *self._direct(other))
            case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                for part in parts:
                    yield from self._direct(part)
            case ast.Dict(values=parts):
                for part in parts:
                    yield from self._direct(part)
            case ast.Subscript(value=inner) | ast.Starred(value=inner) | ast.NamedExpr(value=inner):
                yield from self._direct(inner)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield from constants(node)

    # what statements do

    def _bind(self, name: str, made: Made, sure: bool) -> None:
        old = self.made.get(name)
        if not sure and (old is not None or self._was_there(name)):
            made = (old or Made(live=True)).once().joined(made.once())
        self.made[name] = made
        for needed in made.needs:
            self._needed_by[needed].add(name)
        for other in self._needed_by.pop(name, ()):
            if name in self.made[other].needs:  # that was another one
                self.made[other] = self.made[other].once()
        self._imports.pop(name, None)
        self._done.add(name)

    def _join(self, node: ast.expr, made: Made) -> None:
        """Let what a target or a method belongs to have something more in it."""
        while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
            node = node.func if isinstance(node, ast.Call) else node.value
        name = node.id if isinstance(node, ast.Name) and node.id not in self._imports else ""
        if name in self.made or (name and self._was_there(name)):
            self._bind(name, self.made.get(name, Made(live=True)).once().joined(made), sure=True)

    def _target(self, target: ast.expr, value: ast.expr | None, made: Made, sure: bool) -> None:
        several = (ast.Tuple, ast.List)
        if isinstance(target, ast.Name):
            self._bind(target.id, made, sure)
        elif isinstance(target, ast.Starred):
            self._target(target.value, None, made.once(), sure)
        elif not isinstance(target, several):
            self._join(target, made)
        elif isinstance(value, several) and len(value.elts) == len(target.elts) and not _starred(target, value):
            values = [self._value(part) for part in value.elts]  # before any of them is bound
            for each, part, one in zip(target.elts, value.elts, values, strict=True):
                self._target(each, part, one, sure)
        else:
            for each in target.elts:
                self._target(each, None, made.once(), sure)

    def _run(self, body: Iterable[ast.stmt], under: bool, sure: bool) -> None:
        for statement in body:
            self._statement(statement, under, sure)

    def _statement(self, node: ast.stmt, under: bool, sure: bool) -> None:
        """Follow one statement; `under` says whether what is live decides if, or how often, it runs."""
        if not isinstance(node, _Scope):
            for inside in (n for n in ast.walk(node) if isinstance(n, ast.NamedExpr)):
                self._bind(inside.target.id, self._value(inside.value), sure=False)
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self._bind(name, made := self._value(node), sure)
                for n in (n for inside in ast.walk(node) if isinstance(inside, ast.Global) for n in inside.names):
                    self._bind(n, made, sure=False)
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.Assign(targets=targets, value=value):
                made = self._value(value)
                for target in targets:
                    counts = not {*loads(value)}.isdisjoint(roots(target)) or isinstance(target, ast.Subscript)
                    self._target(target, value, replace(made, live=made.live or (under and counts)), sure)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._target(target, value, self._value(value), sure)
            case ast.AugAssign(target=target, value=value):
                added, old = self._value(value, again=False), self.may_be(target)
                live = added.live or self.live(roots(target)) or under
                self._target(target, None, Made(live, added.may_be | old), sure)
            case ast.Expr(value=value):
                self._called(value, under)
            case _:
                self._compound(node, under, sure)

    def _called(self, call: ast.expr, under: bool) -> None:
        """Let what a method belongs to have the arguments in it: of a statement, that is what it is called for."""
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            given = [self._value(each) for each in (*call.args, *(k.value for k in call.keywords))]
            may_be = frozenset(v for each in given for v in each.may_be)
            self._join(call.func, Made(under or any(each.live for each in given), may_be))

    def _compound(self, node: ast.stmt, under: bool, sure: bool) -> None:
        match node:
            case ast.For() | ast.AsyncFor() | ast.While() | ast.If():
                head = self._value(node.test if isinstance(node, ast.While | ast.If) else node.iter, again=False)
                for _ in range(2):  # what one round leaves, the next one finds
                    if isinstance(node, ast.For | ast.AsyncFor):
                        self._target(node.target, None, head, sure=False)
                    self._run([*node.body, *node.orelse], under or head.live, sure=False)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    if item.optional_vars is not None:
                        self._target(item.optional_vars, None, self._value(item.context_expr, again=False), sure)
                self._run(node.body, under, sure)
            case ast.Match(subject=subject, cases=cases):
                made = self._value(subject, again=False)
                for case in cases:
                    for name in (n for inside in ast.walk(case.pattern) for n in bound_by(inside)):
                        self._bind(name, made, sure=False)
                    self._run(case.body, under or made.live, sure=False)
            case ast.Try() | ast.TryStar():
                handlers = [s for h in node.handlers for s in h.body]
                self._run([*node.body, *handlers, *node.orelse, *node.finalbody], under, sure=False)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            whole = f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
            name = alias.asname or alias.name.partition(".")[0]
            self._bind(name, Made(), sure=True)
            self._imports[name] = whole if alias.asname or isinstance(node, ast.ImportFrom) else name


def is_variable(name: str, namespace: Mapping[str, Any]) -> bool:
    """Return whether a name holds a value, or what the user has written; ``*`` stands for all names."""
    if name not in namespace:
        return not hasattr(builtins, name)
    value = namespace[name]
    if isinstance(value, type):
        return bool(type.__getattribute__(value, "__module__") == "__main__")
    if isinstance(value, FunctionType):
        return not libraries_name(value.__code__.co_filename)
    return not isinstance(value, ModuleType | BuiltinFunctionType)


class Inlined(ast.NodeTransformer):
    """Puts what steps evaluated in the place of the names that hold it: what an expression says by itself."""

    def __init__(self, made: Mapping[str, Made], within: ast.expr) -> None:
        self._made, self._left = made, MOST
        self._bound = {n.id for n in ast.walk(within) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        self._bound |= {n.arg for n in ast.walk(within) if isinstance(n, ast.arg)}

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Take the code of a name, of so many in all."""
        made = self._made.get(node.id)
        if made is None or made.code is None or node.id in self._bound or not self._left:
            return node
        self._left -= 1
        code: ast.AST = self.visit(copy.deepcopy(made.code))
        return code


def loads(node: ast.AST) -> set[str]:
    """Return the names that code reads and does not bind itself."""
    nodes = [*ast.walk(node)]
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    stored |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)} - stored


def constants(node: ast.AST) -> Iterator[float | str]:
    """Return the numbers and texts that stand in code."""
    for n in ast.walk(node):
        if isinstance(n, ast.Constant) and isinstance(n.value, int | float | str) and not isinstance(n.value, bool):
            yield n.value


def _starred(*several: ast.Tuple | ast.List) -> bool:
    return any(isinstance(part, ast.Starred) for each in several for part in each.elts)


def roots(target: ast.AST) -> set[str]:
    """Return all names in a target, or another expression."""
    return {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
