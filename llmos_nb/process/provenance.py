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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from llmos_nb.policy.code import bound_by, parsed_code
from llmos_nb.tools import Call, libraries_name

_DRAWS = ("random", "numpy.random")
MOST = 60  # names whose code is put into an expression
_NEW = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.JoinedStr, ast.Constant)  # give an object that nothing else holds
_PLAIN = (int, float, complex, str, bytes)  # nothing can be put into one
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
    shares : frozenset of str
        Names of which it may hold the objects: what is put into these is in it, too.
    """

    live: bool = False
    may_be: frozenset[float | str] = frozenset()
    code: ast.expr | None = None
    needs: frozenset[str] = frozenset()
    shares: frozenset[str] = frozenset()

    def joined(self, other: Made) -> Made:
        """Return what is one or the other, or has both in it."""
        shares = self.shares | other.shares
        return Made(self.live or other.live, self.may_be | other.may_be, shares=shares)

    def once(self) -> Made:
        """Return it without its code: where nobody can try whether a literal of that is its value, it may be."""
        return self if self.code is None else Made(self.live, self.may_be | {*constants(self.code)}, shares=self.shares)


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
        self._shared_by, self._same = defaultdict[str, set[str]](set), defaultdict[int, list[str]](list)
        for name, value in namespace.items():
            if value is not None and not isinstance(value, _PLAIN):
                self._same[id(value)].append(name)
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
        nodes = [*ast.walk(tree)] if (tree := parsed_code(call.code)) is not None else []
        self._names_within = any(isinstance(n, ast.NamedExpr) for n in nodes)
        bound = {n for node in nodes for n in bound_by(node)}
        self._created |= {*call.changes.created} | (bound - self._namespace.keys())
        self._lines = {n for n, path in call.facts.get("took", ()) if path not in self._written}
        self._done.clear()
        self._run(tree.body if tree is not None else (), under=False, sure=True)
        for name in changed - self._done:
            self._bind(name, Made(), sure=True)  # by what the code calls: nobody knows of what

    # what expressions hold

    def _value(self, node: ast.AST, *, again: bool = True) -> Made:
        nodes = [*ast.walk(node)]
        takes, needs = self._takes(nodes), frozenset(_loaded(nodes))
        shares = frozenset() if isinstance(node, _NEW) else needs
        made = Made(takes or self.live(needs), frozenset(self._direct(node)), shares=shares)
        if takes or not isinstance(node, ast.expr):
            return made
        made = replace(made, code=node, needs=needs)
        return made if again and not any(isinstance(n, _ONCE) for n in nodes) else made.once()

    def _takes(self, nodes: Sequence[ast.AST]) -> bool:
        """Return whether code draws by chance, or has taken something from outside in one of its lines."""
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
        self._set(name, made)
        self._imports.pop(name, None)
        self._done.add(name)

    def _set(self, name: str, made: Made) -> None:
        self.made[name] = made
        for shared in made.shares:
            self._shared_by[shared].add(name)
        for needed in made.needs:
            self._needed_by[needed].add(name)
        for other in self._needed_by.pop(name, ()):
            if name in self.made[other].needs:  # that was another one
                self.made[other] = self.made[other].once()

    def _join(self, node: ast.expr, made: Made) -> None:
        """Let what a target or a method belongs to have something more in it, and what shares objects with that."""
        names = {*_holders(node)}
        while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
            node = node.func if isinstance(node, ast.Call) else node.value
        name = node.id if isinstance(node, ast.Name) else ""
        if self._holds(name):
            self._bind(name, self.made.get(name, Made(live=True)).once().joined(made), sure=True)
        self._spread(names, made.may_be)

    def _holds(self, name: str) -> bool:
        return name not in self._imports and (name in self.made or (name != "" and self._was_there(name)))

    def _spread(self, names: set[str], may_be: frozenset[float | str]) -> None:
        """Let all that may hold the objects of some names have these literals in it."""
        todo, seen = [*names] if may_be else [], set[str]()
        while todo:
            if self._holds(name := todo.pop()) and name not in seen:
                seen.add(name)
                todo += {*(self.made[name].shares if name in self.made else ()), *self._shared_by[name]} - seen
                todo += self._same[id(self._namespace[name])] if name in self._namespace else ()
        for name in (n for n in seen if not isinstance(self._namespace.get(n), _PLAIN)):
            made = self.made.get(name, Made(live=True)).once()
            if not may_be <= made.may_be:
                self._set(name, made.joined(Made(may_be=may_be)))

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
        if self._names_within and not isinstance(node, _Scope):
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
                added, held = self._value(value, again=False), [self.made[n] for n in roots(target) if n in self.made]
                self._spread({*_holders(target)}, added.may_be)
                made = reduce(Made.joined, held, added)
                self._target(target, None, replace(made, live=made.live or self.live(roots(target)) or under), sure)
            case ast.Expr(value=value):
                self._called(value, under)
            case _:
                self._compound(node, under, sure)

    def _called(self, value: ast.expr, under: bool) -> None:
        """Let what a method belongs to have the arguments in it: of a statement, that is what it is called for.

        What is handed over may be given the other arguments, and what the code of the function says.
        """
        calls = [value] if isinstance(value, ast.Call) else [n for n in ast.walk(value) if isinstance(n, ast.Call)]
        for call in (c for c in calls if not self._only_looks(c.func)):
            given = [self._value(each) for each in (*call.args, *(k.value for k in call.keywords))]
            said = (self.made[n].once() for n in roots(call.func) if n in self.made)
            may_be = frozenset(v for each in (*given, *said) for v in each.may_be)
            names = frozenset(_holders(value))
            if isinstance(call.func, ast.Attribute):
                self._join(call.func, Made(under or any(each.live for each in given), may_be, shares=names))
            self._spread({*names}, may_be)

    def _only_looks(self, function: ast.expr) -> bool:
        """Return whether a function is one of Python's own, of which `setattr` alone puts one argument into another."""
        name = function.id if isinstance(function, ast.Name) else ""
        return hasattr(builtins, name) and name not in {*self.made, *self._namespace, setattr.__name__}

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
    return _loaded([*ast.walk(node)])


def _loaded(nodes: Sequence[ast.AST]) -> set[str]:
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


def _holders(node: ast.AST) -> Iterator[str]:
    """Return the names in an expression, but for those that only say where in an object something stands."""
    if isinstance(node, ast.Name):
        yield node.id
    for part in [node.value] if isinstance(node, ast.Subscript) else ast.iter_child_nodes(node):
        yield from _holders(part)


def roots(target: ast.AST) -> set[str]:
    """Return all names in a target, or another expression."""
    return {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
