"""Whether a value is a literal that the model wrote, in the expression or in its steps, and nothing that data gave."""

from __future__ import annotations

import ast
import copy
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

_SAME = {ast.Sub: 0, ast.BitXor: 0, ast.Mod: 0, ast.Div: 1, ast.FloorDiv: 1}
"""What an operation gives whose sides are equal, whatever they are."""


class _Fold(ast.NodeTransformer):
    """Take out what has no part in the value: ``x * 0``, ``x - x``, the branch that is never taken."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        left, right, kind = node.left, node.right, type(node.op)
        if kind is ast.Mult and (_is(left, 0) or _is(right, 0)):
            return ast.Constant(0)
        if kind is ast.Pow and _is(right, 0):
            return ast.Constant(1)
        if kind in _SAME and ast.dump(left) == ast.dump(right):
            return ast.Constant(_SAME[kind])
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        ends = isinstance(node.op, ast.Or)
        values = [v for v in node.values[:-1] if not isinstance(v, ast.Constant) or bool(v.value) == ends]
        values.append(node.values[-1])
        cut = next((i for i, v in enumerate(values) if isinstance(v, ast.Constant)), len(values) - 1)
        return values[0] if cut == 0 else ast.BoolOp(node.op, values[: cut + 1])

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        alike = {ast.dump(n) for n in (node.left, *node.comparators)}
        return ast.Constant(True) if len(alike) == 1 else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        try:
            at = ast.literal_eval(node.slice)
        except ValueError:
            return node
        if isinstance(node.value, ast.List | ast.Tuple) and isinstance(at, int):
            inner = node.value.elts
            plain = not any(isinstance(x, ast.Starred) for x in inner) and -len(inner) <= at < len(inner)
            return inner[at] if plain else node
        if isinstance(node.value, ast.Dict):
            keys = [k.value if isinstance(k, ast.Constant) else None for k in node.value.keys]
            return node.value.values[keys.index(at)] if at in keys and None not in keys else node
        return node


def _is(node: ast.expr, value: int) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value == value


def folded(node: ast.expr) -> ast.expr:
    """Return an expression without what has no part in its value; the expression itself is changed."""
    made: ast.expr = _Fold().visit(node)
    return made


def probes(node: ast.expr, spec: str, shown: str) -> Iterator[str]:
    """Return code for each literal that the value may be: true where the value follows when the literal is changed.

    Parameters
    ----------
    node : ast.expr
        The expression, as it was folded.
    spec : str
        Its format.
    shown : str
        What it gave.
    """
    for part in (v for n in ast.walk(node) if isinstance(n, ast.FormattedValue) for v in (n.value,)):
        if any(isinstance(c, ast.Constant) for c in ast.walk(part)):
            yield from _following(part, "", None)
    yield from _following(node, spec, shown)


def _following(node: ast.expr, spec: str, shown: str | None) -> Iterator[str]:
    counting = {id(n.elt) for n in ast.walk(node) if isinstance(n, ast.GeneratorExp | ast.ListComp)}
    for literal in [n for n in ast.walk(node) if isinstance(n, ast.Constant)]:
        value = literal.value
        if id(literal) in counting and value == 1:
            continue  # sum(1 for ...) counts
        if isinstance(value, bool | bytes | complex) or not isinstance(value, int | float | str) or value == "":
            continue
        if shown is not None and _text(value, spec) != shown:
            continue
        literal.value = changed = f"{value}~" if isinstance(value, str) else value * 2 + 7
        yield f"(lambda value: type(value) is not bool and bool(value == {changed!r}))({ast.unparse(node)})"
        literal.value = value


def _text(value: float | str, spec: str) -> str:
    try:
        return format(value, spec).strip()
    except (ValueError, TypeError):
        return ""


_OPERATIONS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip


def typed(steps: Iterable[tuple[str, bool]]) -> dict[str, Any]:
    """Return the names that steps have bound to nothing but literals, with their values; in doubt, none.

    Parameters
    ----------
    steps : iterable of (str, bool)
        The code of each step, in their order, and whether it is the model's own.
    """
    known: dict[str, Any] = {}
    for code, own in steps:
        try:
            body = ast.parse(code).body
        except (SyntaxError, ValueError):  # a magic: nobody knows what it binds
            known.clear()
            continue
        for statement in body:
            given = _given(statement, known) if own else {}
            for name in _bound(statement):
                known.pop(name, None)
            known |= given
    return known


def _given(statement: ast.stmt, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names to which a statement gives literals."""
    try:
        match statement:
            case ast.Assign(targets=targets, value=value):
                given = _value(value, known)
                pairs = [pair for target in targets for pair in _unpacked(target, given)]
                return dict(pairs)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                return {name: _value(value, known)}
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value) if name in known:
                return {name: _calculated(op, known[name], _value(value, known))}
    except (ValueError, TypeError, ArithmeticError, LookupError):
        pass
    return {}


def _unpacked(target: ast.expr, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List) and isinstance(value, list | tuple):
        for each, part in zip(target.elts, value, strict=True):
            yield from _unpacked(each, part)


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Return the names that a statement binds, or may."""
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias():
                yield (node.asname or node.name).partition(".")[0]
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:  # noqa: PLR0911 - one a kind
    """Return the value of an expression of literals and of names that hold such.

    Raises
    ------
    ValueError
        There is something else in it.
    """
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.UnaryOp(op=op, operand=inner) if type(op) in _OPERATIONS:
            return _OPERATIONS[type(op)](_value(inner, known))
        case ast.BinOp(left=left, op=op, right=right):
            return _calculated(op, _value(left, known), _value(right, known))
        case ast.List(elts=parts):
            return [_value(p, known) for p in parts]
        case ast.Tuple(elts=parts):
            return tuple(_value(p, known) for p in parts)
        case ast.Dict(keys=keys, values=values) if None not in keys:
            pairs = zip(keys, values, strict=True)
            return {_value(k, known): _value(v, known) for k, v in pairs if k is not None}
        case ast.Subscript(value=inner, slice=at):
            return _value(inner, known)[_value(at, known)]
    raise ValueError("not a literal")


def _calculated(op: ast.operator, left: Any, right: Any) -> Any:
    numbers = all(isinstance(v, int | float) for v in (left, right))
    if type(op) not in _OPERATIONS or not (numbers or isinstance(op, ast.Add)):
        raise ValueError("not a literal")  # a text times a number may be of any length
    return _OPERATIONS[type(op)](left, right)


def holds(name: str, value: Any) -> str:
    """Return code that is true while a name holds this literal still, whoever has bound or changed it since."""
    return f"type({name}) is {type(value).__name__} and {name} == {value!r}" if value is not None else f"{name} is None"


def inlined(node: ast.expr, given: Mapping[str, Any]) -> ast.expr:
    """Return a copy of an expression with the literals in the place of the names that hold them."""
    stored = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    stored |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
    plain = {n: v for n, v in given.items() if n not in stored and not (isinstance(v, float) and not math.isfinite(v))}
    made: ast.expr = _Inline(plain).visit(copy.deepcopy(node))
    return made


def calls_on(node: ast.expr, given: Mapping[str, Any]) -> bool:
    """Return whether an expression calls something with a list or a table of literals: what comes of it is computed."""
    several = {n for n, v in given.items() if isinstance(v, list | tuple | dict)}
    calls = (n for n in ast.walk(node) if isinstance(n, ast.Call))
    return any(isinstance(n, ast.Name) and n.id in several for call in calls for n in ast.walk(call))


class _Inline(ast.NodeTransformer):
    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self._given:
            return node
        return ast.parse(repr(self._given[node.id]), mode="eval").body
