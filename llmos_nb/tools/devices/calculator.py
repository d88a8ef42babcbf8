"""Arithmetic that cannot run code and cannot run away: numbers, operators and functions of `math`."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, reduce
from typing import Any

from llmos_nb.errors import UsageError, nearest
from llmos_nb.tools.make import as_tool
from llmos_nb.tools.protocol import Tool

Number = int | float | bool

# characters, bits of a whole number, levels, digits said in messages: far more than arithmetic needs, and small
# enough that no expression computes for longer than a moment
_LENGTH, _BITS, _DEEP, _DIGITS = 2_000, 4_000, 60, 1_000
_NAMES: dict[str, float] = {"pi": math.pi, "e": math.e, "tau": math.tau}
_MATH = (
    "sqrt", "log", "log2", "log10", "log1p", "exp", "sin", "cos", "tan", "asin", "acos", "atan", "atan2",
    "sinh", "cosh", "tanh", "degrees", "radians", "hypot", "floor", "ceil", "trunc", "gcd", "isqrt", "fsum",
)  # fmt: skip
_BUILTIN = (abs, round, min, max, sum, int, float, len)


def calculator(expression: str) -> int | float | bool | list[float]:
    """Compute arithmetic: + - * / // % **, comparisons, sqrt, log, exp, round, min, max, sum, mean, abs, pi, e.

    Parameters
    ----------
    expression : str
        In Python's way of writing, such as ``round(100 * 44 / 344, 1)``.
    """
    if len(expression) > _LENGTH:
        raise UsageError(f"the expression has {len(expression):,} characters; at most {_LENGTH:,} are computed")
    try:
        body = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f" at column {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        why = f"{getattr(error, 'msg', None) or error}{where}"
        raise UsageError(f"{expression!r:.200} is not an arithmetic expression: {why}") from None
    found = _value(body, 0)
    return found if not isinstance(found, int) or isinstance(found, bool) else _bounded(found)


@cache
def calculator_tool() -> Tool:
    """Return the tool that computes."""
    return replace(as_tool(calculator, effect="read", repeat="pure", source="own"), code=_code)


def _code(arguments: Mapping[str, Any]) -> str:
    """Return the expression as Python, with what it needs of `math`."""
    expression = str(arguments["expression"]).strip()
    try:
        used = {n.id for n in ast.walk(ast.parse(expression, mode="eval")) if isinstance(n, ast.Name)}
    except SyntaxError:
        return f"# not computed: {' '.join(expression.split())}"
    need = sorted(used.intersection((*_MATH, "factorial", "comb", *_NAMES)))
    return (f"from math import {', '.join(need)}\n" if need else "") + expression


def _value(node: ast.AST, depth: int) -> Any:
    if depth > _DEEP:
        raise UsageError(f"the expression is nested deeper than {_DEEP} levels")
    compute = _NODES.get(type(node))
    if compute is None:
        known = "only numbers, operators and functions such as sqrt are computed"
        raise UsageError(f"{ast.unparse(node)[:80]!r} is not arithmetic; {known}")
    try:
        return compute(node, depth + 1)
    except ArithmeticError as error:
        why = error.args[-1] if error.args else type(error).__name__
        raise UsageError(f"{ast.unparse(node)[:80]}: {why}") from None


def _constant(node: Any, _: int) -> Number:
    if type(node.value) not in (int, float, bool):
        raise UsageError(f"{node.value!r:.40} is not a number")
    return _bounded(node.value)  # type: ignore[no-any-return]


def _name(node: Any, _: int) -> float:
    if node.id not in _NAMES:
        more = nearest(node.id, (*_NAMES, *_CALLS))
        raise UsageError(f"{node.id!r} is not known here; write its value{more}")
    return _NAMES[node.id]


def _act(node: ast.AST, unknown: str) -> Callable[..., Any]:
    act = _OPERATORS.get(type(node))
    if act is None:
        raise UsageError(f"{unknown} is not arithmetic here")
    return act


def _unary(node: Any, depth: int) -> Any:
    return _act(node.op, "~")(_number(_value(node.operand, depth)))


def _binary(node: Any, depth: int) -> Any:
    left, right = (_number(_value(side, depth)) for side in (node.left, node.right))
    return _bounded(_act(node.op, f"the operator of {ast.unparse(node)[:80]!r}")(left, right))


def _power(base: Number, exponent: Number) -> Any:
    # looked at before it is computed: 9 ** 9 ** 9 would never come back
    if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1:
        bits = base.bit_length() * abs(exponent)
        if bits > _BITS:
            raise UsageError(f"{base} ** {exponent} has too many digits (at most about {_DIGITS:,})")
    found = base**exponent
    if isinstance(found, complex):
        raise UsageError(f"({base}) ** {exponent} is not a real number")
    return found


def _logic(node: Any, depth: int) -> Any:
    values = [_value(v, depth) for v in node.values]
    return all(values) if isinstance(node.op, ast.And) else any(values)


def _comparison(node: Any, depth: int) -> bool:
    values = [_number(_value(v, depth)) for v in (node.left, *node.comparators)]
    acts = [_act(op, f"the comparison {ast.unparse(node)[:80]!r}") for op in node.ops]
    return all(act(a, b) for act, a, b in zip(acts, values, values[1:], strict=False))


def _word(node: ast.AST) -> str:
    """Return the name that a node spells, with or without ``math.`` in front."""
    if isinstance(node, ast.Attribute):
        return node.attr if isinstance(node.value, ast.Name) and node.value.id == "math" else ""
    return getattr(node, "id", "")


def _call(node: Any, depth: int) -> Any:
    inner, name = node.func, _word(node.func)
    function = _CALLS.get(name)
    if function is None:
        raise UsageError(f"there is no function {ast.unparse(inner)[:40]!r} here{nearest(name, _CALLS)}")
    if node.keywords:
        raise UsageError(f"{name} takes no named arguments here")
    arguments = [_value(a, depth) for a in node.args]
    try:
        return _bounded(function(*arguments))
    except (TypeError, ValueError) as error:
        raise UsageError(f"{ast.unparse(node)[:80]}: {error}") from None


def _attribute(node: Any, _: int) -> float:
    if _word(node) not in _NAMES:
        raise UsageError(f"{ast.unparse(node)[:80]!r} is not arithmetic")
    return _NAMES[node.attr]


def _number(value: Any) -> Number:
    if not isinstance(value, int | float):
        raise UsageError(f"{value!r:.80} is a list; use sum, min, max or len with it")
    return value


def _bounded(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > _BITS:
        raise UsageError(f"the result has too many digits (at most about {_DIGITS:,})")
    return value


def _factorial(n: int) -> int:
    if not isinstance(n, int) or not 0 <= n <= _LENGTH // 5:
        raise ValueError(f"takes whole numbers from 0 to {_LENGTH // 5}")
    return math.factorial(n)


def _comb(n: int, k: int) -> int:
    return reduce(lambda made, i: _bounded(made * (n - i) // (i + 1)), range(min(k, n - k, _LENGTH)), 1)


def _mean(*values: Any) -> float:
    found = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    return math.fsum(found) / len(found)


_CALLS: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in _BUILTIN},
    **{n: getattr(math, n) for n in _MATH},
    **{"mean": _mean, "factorial": _factorial, "comb": _comb, "pow": _power},
}
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: _power,
    ast.UAdd: operator.pos, ast.USub: operator.neg, ast.Not: operator.not_,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_NODES: dict[type[ast.AST], Callable[[Any, int], Any]] = {
    **{ast.Constant: _constant, ast.Name: _name, ast.UnaryOp: _unary, ast.BinOp: _binary, ast.BoolOp: _logic},
    **{ast.Compare: _comparison, ast.Call: _call, ast.Attribute: _attribute},
    **dict.fromkeys((ast.List, ast.Tuple), lambda node, depth: [_value(e, depth) for e in node.elts]),
    ast.IfExp: lambda node, depth: _value(node.body if _value(node.test, depth) else node.orelse, depth),
}
