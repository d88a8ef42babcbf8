"""Outputs that a process declares: names and types, looked at when it wants to end. Pure.

A type is a Python annotation of builtins (``float``, ``list[str]``, ``int | None``) or the name of a class, such as
``DataFrame`` or ``np.ndarray``, which the value's own class or one of its bases must have.
"""

from __future__ import annotations

import ast
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from llmos_nb.conform import accepts
from llmos_nb.errors import UsageError
from llmos_nb.kinds import kind_of

_TYPES: dict[str, Any] = {
    t.__name__: t for t in (int, float, str, bool, bytes, complex, list, dict, tuple, set, frozenset, object)
}
_PLAIN: dict[str, Any] = {**_TYPES, "Any": Any, "Literal": typing.Literal, "Optional": typing.Optional}
_NODES = (
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.BinOp,
    ast.BitOr,
    ast.Tuple,
    ast.Constant,
    ast.Load,
    ast.List,
)
Outputs = list[tuple[str, str]]


def parse(text: str, option: str = "--out") -> Outputs:
    """Read ``"total: float, table: DataFrame"``.

    Raises
    ------
    UsageError
        A name is none, is there twice, or a type is not understood.
    """
    found: Outputs = []
    for part in _split(text):
        name, colon, kind = (w.strip() for w in part.partition(":"))
        if not name.isidentifier() or (colon and not kind):
            raise UsageError(
                f"{option} {part.strip()!r}: write NAME, or names with types: 'total: float, table: DataFrame'"
            )
        if name in dict(found):
            raise UsageError(f"{option} {text!r}: {name} is there twice")
        _tree(kind or "object", option)
        found.append((name, kind or "object"))
    return found


def _split(text: str) -> list[str]:
    """Cut at the commas that stand in no bracket."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[(") - (letter in "])")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _tree(kind: str, option: str) -> ast.expr:
    try:
        tree = ast.parse(kind, mode="eval").body
    except SyntaxError:
        raise UsageError(
            f"{option} {kind!r}: not a type (write float, list[str], int | None, DataFrame)"
        ) from None
    wrong = next((n for n in ast.walk(tree) if not isinstance(n, _NODES)), None)
    if wrong is not None:
        raise UsageError(f"{option} {kind!r}: {ast.unparse(wrong)} has no place in a type")
    return tree


def missing(outputs: Iterable[tuple[str, str]], namespace: Mapping[str, Any]) -> list[str]:
    """Say what is not as declared, a line an output; nothing where all is."""
    return [why for name, kind in outputs if (why := _fault(name, kind, namespace))]


def _fault(name: str, kind: str, namespace: Mapping[str, Any]) -> str:
    if name not in namespace:
        return f"`{name}` is not there"
    if _fits(_tree(kind, "outputs"), namespace[name]):
        return ""
    return f"`{name}` must be {kind}, and is {_article(type(namespace[name]).__name__)}"


def _article(word: str) -> str:
    return f"an {word}" if word[:1].lower() in "aeiou" else f"a {word}"


def annotation(kind: str, option: str) -> Any:
    """Give the annotation that a text of builtins spells, such as ``list[float]``.

    Raises
    ------
    UsageError
        It is not understood, or names a class that is no builtin.
    """
    tree = _tree(kind, option)
    if not _is_plain(tree):
        raise UsageError(f"{option} {kind!r}: only {', '.join(_PLAIN)} and their unions are plain data")
    return _evaluated(tree)


def _is_plain(node: ast.expr) -> bool:
    """Whether a type consists of names that are known here."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return names <= _PLAIN.keys() and not any(isinstance(n, ast.Attribute) for n in ast.walk(node))


def _evaluated(node: ast.expr) -> Any:
    code = compile(ast.Expression(node), "<type>", "eval")
    return eval(code, {"__builtins__": {}}, _PLAIN)  # noqa: S307 - names and brackets only, all of them known


def _fits(node: ast.expr, value: Any) -> bool:
    if isinstance(node, ast.BinOp):
        return _fits(node.left, value) or _fits(node.right, value)
    if _is_plain(node):
        return _is_a(_evaluated(node), value)
    outer = node.value if isinstance(node, ast.Subscript) else node
    wanted = ast.unparse(outer).rpartition(".")[2]
    return any(c.__name__ == wanted for c in type(value).__mro__)


def _is_a(annotation: Any, value: Any) -> bool:
    """Whether a value is what an annotation says; a number of numpy counts as the plain one."""
    if annotation is object or annotation is Any:
        return True
    outer = typing.get_origin(annotation) or annotation
    if isinstance(outer, type) and outer not in (int, float) and not isinstance(value, outer):
        return False
    plain = value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value
    if outer is int:
        return isinstance(plain, int) and not isinstance(plain, bool)
    if isinstance(annotation, type) and outer is not float:
        return True
    return accepts(kind_of(annotation).schema, _listed(plain))


def _listed(value: Any) -> Any:
    if isinstance(value, tuple | set | frozenset | list):
        return [_listed(v) for v in value]
    return {k: _listed(v) for k, v in value.items()} if isinstance(value, dict) else value
