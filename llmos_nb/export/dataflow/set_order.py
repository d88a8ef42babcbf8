"""Where code takes the order of a set: of texts it is another one in each interpreter."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable

from llmos_nb.export.dataflow.parsed import inside

WHY = "the order of a set, which is another one each time"
_ORDERS = frozenset(
    ("list", "tuple", "enumerate", "iter", "next", "zip", "map", "filter", "reversed", "dict", "print")
)
_FREE = frozenset(("sorted", "set", "frozenset", "len", "sum", "min", "max", "any", "all", "Counter"))
_GIVES = frozenset(("union", "intersection", "difference", "symmetric_difference", "copy"))


def sets_of(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Return the names that statements bind to sets."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Assign) and is_set(node.value, found):
            found |= {t.id for t in node.targets if isinstance(t, ast.Name)}
    return frozenset(found)


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
    if not isinstance(node, ast.BinOp) or not isinstance(
        node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor
    ):
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
            case (
                ast.ListComp(generators=parts)
                | ast.GeneratorExp(generators=parts)
                | ast.DictComp(generators=parts)
            ):
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
