"""Whether a value is a literal that the model wrote, in the expression or in its steps, and nothing that data gave."""

from __future__ import annotations

import ast
from collections.abc import Iterator

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
    for part in (n.value for n in ast.walk(node) if isinstance(n, ast.FormattedValue)):
        yield from _following(part, "", shown, whole=False)
    yield from _following(node, spec, shown, whole=True)


def _following(node: ast.expr, spec: str, shown: str, whole: bool) -> Iterator[str]:
    counting = {id(n.elt) for n in ast.walk(node) if isinstance(n, ast.GeneratorExp | ast.ListComp)}
    for literal in [n for n in ast.walk(node) if isinstance(n, ast.Constant)]:
        value = literal.value
        if id(literal) in counting and value == 1:
            continue  # sum(1 for ...) counts
        if isinstance(value, bool | bytes | complex) or not isinstance(value, int | float | str) or value == "":
            continue
        if not (is_shown(value, spec, shown) if whole else str(value) in shown):
            continue
        tries = []
        for n in (2, 3):  # twice: once it may be by chance
            literal.value = changed = f"{value}~{n}" if isinstance(value, str) else value * n + 7
            tries.append(f"(lambda value: type(value) is not bool and bool(value == {changed!r}))({ast.unparse(node)})")
        literal.value = value
        yield " and ".join(tries)


def is_shown(value: float | str, spec: str, shown: str) -> bool:
    """Return whether a literal, by this format, is what was shown."""
    try:
        return format(value, spec).strip() == shown
    except (ValueError, TypeError):
        return False
