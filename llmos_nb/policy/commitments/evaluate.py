"""The value of an expression over reads. Nothing is run but the functions of the form, within a bound of work."""

from __future__ import annotations

import ast
import operator
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmos_nb.errors import Unreadable, nearest
from llmos_nb.messages import canonical
from llmos_nb.policy.commitments.functions import FUNCTIONS, LONGEST, METHODS, listed
from llmos_nb.policy.commitments.values import (
    AnyOrder,
    distinct,
    in_record,
    is_number,
    order,
    plain,
    same,
    show,
    written,
)

Reader = Callable[[str, Mapping[str, Any]], Any]
Names = Mapping[str, Any]
FUEL = 500_000  # values that are looked at
READS = 64  # different reads of one check
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_ORDER: dict[type, Callable[[int], bool]] = {
    ast.Lt: lambda o: o < 0,
    ast.LtE: lambda o: o <= 0,
    ast.Gt: lambda o: o > 0,
    ast.GtE: lambda o: o >= 0,
}
_WRONG = (TypeError, ValueError, KeyError, IndexError, ArithmeticError, RecursionError, AttributeError)


def no_reads(name: str, arguments: Mapping[str, Any]) -> Any:
    """Refuse a read: what stands alone needs none."""
    raise Unreadable(f"{name} has not been read")


class Evaluator:
    """Computes expressions; each read happens once.

    Parameters
    ----------
    reader : callable
        Gives the value of a read by its name and arguments; raises `Unreadable`.
    """

    def __init__(self, reader: Reader = no_reads) -> None:
        self.reader = reader
        self.known: dict[str, Any] = {}
        self.begin()

    def begin(self) -> None:
        """Allow the work of one more act; what was read stays known."""
        self.fuel, self.reads = FUEL, READS

    def value(self, node: ast.expr, names: Names) -> Any:
        """Return the plain value of an expression that was checked.

        Raises
        ------
        Unreadable
            It has none, or more work is needed than is allowed.
        """
        try:
            return self._of(node, names)
        except _WRONG as error:
            raise Unreadable(f"cannot be computed ({type(error).__name__}: {str(error)[:80]})") from None

    def items(self, loops: tuple[ast.comprehension, ...]) -> list[dict[str, Any]]:
        """Return what the names of loops are bound to, for each time they go round."""
        try:
            return [dict(bound) for bound in self._bound(loops, {})]
        except _WRONG as error:
            raise Unreadable(f"cannot be computed ({type(error).__name__}: {str(error)[:80]})") from None

    def spend(self, *values: Any) -> None:
        """Count the work of looking through values."""
        todo = list(values)
        while todo:
            value = todo.pop()
            self.fuel -= 1 + (len(value) // 16 if isinstance(value, str) else 0)
            if self.fuel < 0:
                raise Unreadable("more work than a plan's expression may take")
            if isinstance(value, list):
                todo += value
            elif isinstance(value, dict):
                todo += value.values()

    def _of(self, node: ast.expr, names: Names) -> Any:
        self.fuel -= 1
        if self.fuel < 0:
            raise Unreadable("more work than a plan's expression may take")
        return getattr(self, f"_{type(node).__name__.lower()}")(node, names)

    def _constant(self, node: ast.Constant, names: Names) -> Any:
        return node.value

    def _name(self, node: ast.Name, names: Names) -> Any:
        if node.id not in names:
            raise Unreadable(f"{node.id} was not given")
        return names[node.id]

    def _list(self, node: ast.List | ast.Tuple, names: Names) -> list[Any]:
        return [self._of(e, names) for e in node.elts]

    _tuple = _list

    def _set(self, node: ast.Set, names: Names) -> AnyOrder:
        return AnyOrder(distinct(self._of(e, names) for e in node.elts))

    def _dict(self, node: ast.Dict, names: Names) -> dict[str, Any]:
        return {
            str(k.value): self._of(v, names)
            for k, v in zip(node.keys, node.values, strict=True)
            if isinstance(k, ast.Constant)
        }

    def _binop(self, node: ast.BinOp, names: Names) -> Any:
        left, right = self._of(node.left, names), self._of(node.right, names)
        if isinstance(node.op, ast.Add) and type(left) is type(right) and isinstance(left, str | list):
            if len(left) + len(right) > LONGEST:
                raise Unreadable("the value would be too long")
            return left + right
        if not (is_number(left) and is_number(right)) or max(abs(left), abs(right)) > 1e15:
            raise Unreadable(f"no arithmetic with {show(left, 30)} and {show(right, 30)}")
        return plain(_ARITHMETIC[type(node.op)](left, right))

    def _unaryop(self, node: ast.UnaryOp, names: Names) -> Any:
        value = self._of(node.operand, names)
        if isinstance(node.op, ast.Not):
            return not value
        if not is_number(value):
            raise Unreadable(f"{show(value)} is no number")
        return -value if isinstance(node.op, ast.USub) else value

    def _boolop(self, node: ast.BoolOp, names: Names) -> Any:
        value: Any = None
        for part in node.values:
            value = self._of(part, names)
            if bool(value) is isinstance(node.op, ast.Or):
                break
        return value

    def _ifexp(self, node: ast.IfExp, names: Names) -> Any:
        return self._of(node.body if self._of(node.test, names) else node.orelse, names)

    def _compare(self, node: ast.Compare, names: Names) -> bool:
        left = self._of(node.left, names)
        for op, comparator in zip(node.ops, node.comparators, strict=True):
            right = self._of(comparator, names)
            self.spend(left, right)
            if not self._holds(op, left, right):
                return False
            left = right
        return True

    def _holds(self, op: ast.cmpop, left: Any, right: Any) -> bool:
        if isinstance(op, ast.Is | ast.IsNot):
            return (left is None) is isinstance(op, ast.Is)
        if isinstance(op, ast.Eq | ast.NotEq):
            return same(left, right) is isinstance(op, ast.Eq)
        if isinstance(op, ast.In | ast.NotIn):
            return _contains(right, left) is isinstance(op, ast.In)
        return _ORDER[type(op)](order(left, right))

    def _joinedstr(self, node: ast.JoinedStr, names: Names) -> str:
        text = "".join(str(self._of(v, names)) for v in node.values)
        if len(text) > LONGEST:
            raise Unreadable("the value would be too long")
        return text

    def _formattedvalue(self, node: ast.FormattedValue, names: Names) -> str:
        value = self._of(node.value, names)
        spec = str(self._of(node.format_spec, names)) if node.format_spec else ""
        if not isinstance(value, str | int | float):
            raise Unreadable(f"{show(value)} is no text or number")
        return format(value, spec) if spec else written(value)

    def _subscript(self, node: ast.Subscript, names: Names) -> Any:
        value = self._of(node.value, names)
        if isinstance(node.slice, ast.Slice):
            ends = (node.slice.lower, node.slice.upper, node.slice.step)
            return listed_or_text(value)[slice(*(None if e is None else self._of(e, names) for e in ends))]
        index = self._of(node.slice, names)
        if isinstance(value, dict):
            return _field(value, written(index))
        return listed_or_text(value)[index]

    def _attribute(self, node: ast.Attribute, names: Names) -> Any:
        return _field(self._of(node.value, names), node.attr)

    def _listcomp(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, names: Names) -> list[Any]:
        found = [self._of(node.elt, bound) for bound in self._bound(tuple(node.generators), names)]
        if not isinstance(node, ast.SetComp):
            return found
        self.spend(found)
        return AnyOrder(distinct(found))

    _generatorexp = _setcomp = _listcomp

    def _bound(self, loops: tuple[ast.comprehension, ...], names: Names) -> Iterator[Names]:
        """Return all names as they stand each time round."""
        if not loops:
            yield names
            return
        for value in listed(self._of(loops[0].iter, names)):
            bound = {**names, **_assigned(loops[0].target, value)}
            if all(self._of(condition, bound) for condition in loops[0].ifs):
                yield from self._bound(loops[1:], bound)

    def _call(self, node: ast.Call, names: Names) -> Any:
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func, names)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        values = [self._of(a, names) for a in node.args]
        keywords = {
            str(k.arg): self._key(k.value, names) if isinstance(k.value, ast.Lambda) else self._of(k.value, names)
            for k in node.keywords
        }
        if name not in FUNCTIONS:
            return self._read(name, keywords)
        self.spend(*values)
        if name == "sorted":
            self.fuel -= len(listed(values[0])) * 20  # comparisons
        return FUNCTIONS[name].call(*values, **keywords)

    def _key(self, node: ast.Lambda, names: Names) -> Callable[[Any], Any]:
        return lambda value: self._of(node.body, {**names, node.args.args[0].arg: value})

    def _method(self, node: ast.Call, func: ast.Attribute, names: Names) -> Any:
        value, values = self._of(func.value, names), [self._of(a, names) for a in node.args]
        kind, call, _, _ = METHODS[func.attr]
        if not isinstance(value, kind):
            raise Unreadable(f"{show(value)} has no .{func.attr}()")
        self.spend(value, *values)
        return call(value, *values)

    def _read(self, name: str, arguments: dict[str, Any]) -> Any:
        key = canonical([name, arguments])
        if key not in self.known:
            self.reads -= 1
            if self.reads < 0:
                raise Unreadable(f"more than {READS} reads")
            self.known[key] = plain(self.reader(name, arguments))
        return self.known[key]


def listed_or_text(value: Any) -> Any:
    """Return a value that has an order of its own."""
    return value if isinstance(value, str) else listed(value)


def _field(value: Any, name: str) -> Any:
    """Return a field of a record; an underscore behind its name does not count."""
    if not isinstance(value, dict):
        one = "; take one of it: one(…)" if isinstance(value, list) else ""
        raise Unreadable(f"{show(value, 40)} has no fields, and no {name}{one}")
    for found in in_record(value, name):
        return found
    raise Unreadable(f"there is no field {name}{nearest(name, value)}")


def _contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, str):
        if not isinstance(part, str):
            raise Unreadable(f"{show(part)} is no text")
        return unicodedata.normalize("NFC", part) in unicodedata.normalize("NFC", whole)
    return any(same(part, v) for v in listed(whole))


def _assigned(target: ast.expr, value: Any) -> dict[str, Any]:
    if isinstance(target, ast.Name):
        return {target.id: value}
    inner = target.elts if isinstance(target, ast.Tuple | ast.List) else []
    values = listed(value)
    if len(inner) != len(values):
        raise Unreadable(f"{show(value, 40)} has {len(values)} parts and not {len(inner)}")
    return {name: v for t, part in zip(inner, values, strict=True) for name, v in _assigned(t, part).items()}
