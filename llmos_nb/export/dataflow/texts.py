"""What is another text each time though its value is the same: the order of a set, a `__repr__` that shows an id."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from llmos_nb.export.dataflow.effects import dotted
from llmos_nb.export.dataflow.parsed import inside

WHY = "the order of a set, which is another one each time"
KEY = "a key that dask draws for what is computed later"
DELAYED = ("dask.delayed", "dask.delayed.delayed")
TEXT_METHODS = ("__repr__", "__str__", "__format__")
_ORDERS = frozenset(("list", "tuple", "enumerate", "iter", "next", "zip", "map", "filter", "reversed", "dict"))
_FREE = frozenset(("sorted", "set", "frozenset", "len", "sum", "min", "max", "any", "all", "Counter"))
_GIVES = frozenset(("union", "intersection", "difference", "symmetric_difference", "copy"))


@dataclass
class Texts:
    """Which names stand, where some code has come to, for what is another text each time, each with why."""

    makers: dict[str, str] = field(default_factory=dict)  # classes and functions: what a call of them gives
    sets: set[str] = field(default_factory=set)
    held: dict[str, str] = field(default_factory=dict)  # all else: objects of such classes, and what holds them or sets

    def learn(self, node: ast.AST) -> set[str]:
        """Take in what a statement binds to such values; return those names."""
        made: set[str] = set()
        for inner in inside(node):
            match inner:
                case ast.Assign(targets=targets, value=value):
                    made |= self._bind(targets, value)
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    made |= self._bind([target], value)
                case ast.For(target=target, iter=over) | ast.AsyncFor(target=target, iter=over):
                    made |= self._loop(target, over)
                case ast.Call(func=ast.Attribute(value=ast.Name(name), attr="append"), args=[value]):
                    made |= self._hold([name], self.of(value))
        return made

    def forget(self, names: Collection[str]) -> None:
        """Take it that names stand for something else."""
        self.sets.difference_update(names)
        self.held = {name: why for name, why in self.held.items() if name not in names}

    def _bind(self, targets: Sequence[ast.expr], value: ast.expr) -> set[str]:
        names = {t.id for t in targets if isinstance(t, ast.Name)}
        into = [t.value.id for t in targets if isinstance(t, ast.Subscript) and isinstance(t.value, ast.Name)]
        kept = self._hold(into, self.of(value))
        if not is_set(value, self.sets):
            return kept | self._hold(names, self._holds(value))
        self.sets |= names
        return kept | names

    def _loop(self, target: ast.expr, over: ast.expr) -> set[str]:
        """Take in what a loop binds to the items of what holds such values."""
        match target, over:
            case (ast.Tuple([_, ast.Name(name)]), ast.Call(ast.Attribute(over, "items"), [])) | (
                ast.Name(name),
                ast.Call(ast.Attribute(over, "values"), []),
            ):
                pass
            case ast.Name(name), _:
                pass
            case _:
                return set()
        if (why := self._holds(over)) != WHY:
            return self._hold([name], why)
        self.sets.add(name)  # what holds sets gives one
        return {name}

    def within(self, node: ast.AST) -> Texts:
        """Return what is known inside a statement: also of the names of its comprehensions."""
        parts = [part for part in inside(node) if isinstance(part, ast.comprehension)]
        found = Texts(self.makers, {*self.sets}, self.held) if parts else self
        for part in parts:
            found._loop(part.target, part.iter)
        return found

    def _hold(self, names: Iterable[str], why: str) -> set[str]:
        found = dict.fromkeys(names, why) if why else {}
        self.held = {**self.held, **found}
        return {*found}

    def of(self, node: ast.AST | None) -> str:
        """Return why the text of a value is another one each time; empty where it is not, as far as the code tells."""
        return WHY if node is not None and is_set(node, self.sets) else self._holds(node)

    def _holds(self, node: ast.AST | None) -> str:
        """Return the same of a value that is no set itself."""
        known = self
        parts: Sequence[ast.expr | None] = ()
        match node:
            case ast.Name(name):
                return self.held.get(name, "")
            case ast.Call(func=ast.Name("defaultdict"), args=[ast.Name("set")]):
                return WHY
            case ast.Starred(value=of) | ast.Call(func=ast.Name("list" | "tuple" | "dict" | "sorted"), args=[of, *_]):
                return self._holds(of)
            case ast.Call(func=ast.Call() as made):
                return KEY if self._holds(made) == KEY else ""
            case ast.Call(func=function):
                return self.makers.get(dotted(function), "")
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                pass
            case ast.Dict(keys=keys, values=values):
                parts = [*keys, *values]
            case ast.ListComp(elt=part) | ast.SetComp(elt=part) | ast.DictComp(value=part):
                known, parts = self.within(node), [part]
        return _first(map(known.of, parts))


def makers(nodes: Sequence[ast.AST], classes: Mapping[str, str], aliases: Mapping[str, str]) -> dict[str, str]:
    """Return the classes and functions of which a call gives what is another text each time, with why.

    `classes` say the text of their objects themselves, each with why that is another one; empty where it is not.
    """
    puts_off = {*DELAYED, *(name for name, full in aliases.items() if full in DELAYED)}
    found = {**classes, **dict.fromkeys(puts_off, KEY)}
    for node in nodes:
        match node:
            case ast.ClassDef(name=name, bases=bases):
                found.setdefault(name, _first(found.get(dotted(base), "") for base in bases))
            case ast.FunctionDef(name=name, decorator_list=over) if puts_off & {dotted(d) for d in over}:
                found[name] = KEY
            case ast.FunctionDef(name=name):
                (own := Texts(found)).learn(node)
                found.setdefault(name, _first(own._holds(n.value) for n in inside(node) if isinstance(n, ast.Return)))
    return found


def _first(reasons: Iterable[str]) -> str:
    return next(filter(None, reasons), "")


def taken(node: ast.AST, texts: Texts) -> str:
    """Return why what a statement takes of a set's order, or of a text, is another one each time; empty for nothing."""
    if takes_order(node, texts.sets):
        return WHY
    known = texts.within(node)
    return _first(known.of(value) for inner in inside(node) for value in _as_text(inner))


def _as_text(node: ast.AST) -> Sequence[ast.expr]:
    """Return the values of which an expression takes the text."""
    found: Sequence[ast.expr] = ()
    match node:
        case ast.Call(func=ast.Name("print" | "str" | "repr" | "format"), args=found):
            pass
        case ast.Call(func=ast.Attribute(attr="format"), args=args, keywords=named):
            found = [*args, *(k.value for k in named)]
        case ast.BinOp(left=ast.Constant(str()), op=ast.Mod(), right=ast.Tuple(elts=found)):
            pass
        case (
            ast.FormattedValue(value=value)
            | ast.Call(func=ast.Name("map"), args=[ast.Name("str" | "repr"), value])
            | ast.BinOp(left=ast.Constant(str()), op=ast.Mod(), right=value)
        ):
            found = [value]
    return found


def displayed(node: ast.AST, texts: Texts) -> str:
    """Return why a cell that ends in a statement shows another text each time; those of sets are shown in order."""
    why = texts.of(node.value) if isinstance(node, ast.Expr) else ""
    return why if why != WHY else ""


def is_set(node: ast.AST, sets: Collection[str]) -> bool:
    """Return whether an expression is a set whose order is not that of numbers."""
    match node:
        case ast.Set() | ast.SetComp():
            elements = getattr(node, "elts", [node])
            return not all(isinstance(e, ast.Constant) and isinstance(e.value, int) for e in elements)
        case ast.Name(id=name):
            return name in sets
        case ast.Call(func=ast.Name("set" | "frozenset"), args=args):
            return not (args and isinstance(args[0], ast.Call) and getattr(args[0].func, "id", "") == "range")
        case ast.Call(func=ast.Attribute(value=value, attr=method)):
            return method in _GIVES and is_set(value, sets)
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
        return False
    return is_set(node.left, sets) or is_set(node.right, sets)


def takes_order(node: ast.AST, sets: Collection[str]) -> bool:
    """Return whether a statement takes the order of a set."""
    free = [c for c in inside(node) if isinstance(c, ast.Call) and getattr(c.func, "id", "") in _FREE]
    ordered = {id(a) for c in free for a in c.args if isinstance(a, ast.GeneratorExp | ast.ListComp | ast.Call)}
    for inner in inside(node):
        match inner:
            case ast.For(iter=over) | ast.AsyncFor(iter=over):
                found = is_set(over, sets)
            case ast.ListComp(generators=parts) | ast.GeneratorExp(generators=parts) | ast.DictComp(generators=parts):
                found = id(inner) not in ordered and any(is_set(p.iter, sets) for p in parts)
            case ast.Call(func=ast.Name(id=name), args=args):
                found = name in _ORDERS and id(inner) not in ordered and any(is_set(a, sets) for a in args)
            case ast.Call(func=ast.Attribute(value=owner, attr=method), args=args):
                popped = method == "pop" and not args and is_set(owner, sets)
                found = popped or (method in ("join", "extend") and any(is_set(a, sets) for a in args))
            case ast.Starred(value=value):
                found = is_set(value, sets)
            case _:
                found = False
        if found:
            return True
    return False
