"""What belongs to the scope of a piece of code itself, and which of its names only loops go through."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

from llmos_nb.policy.code.inspection import parsed_code

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def own(body: list[ast.stmt], closed: tuple[type[ast.AST], ...] = SCOPES) -> Iterator[ast.AST]:
    """Walk what belongs to this scope, not into the functions and classes inside it."""
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, closed):
            todo += ast.iter_child_nodes(node)


@lru_cache(maxsize=256)
def loop_variables(source: str) -> frozenset[str]:
    """Return the names that only loops of a piece of code bind, and that are read nowhere in it but inside of these."""
    if (tree := parsed_code(source)) is None:
        return frozenset()
    found: dict[str, list[ast.For | ast.AsyncFor]] = {}
    for loop in (n for n in own(tree.body) if isinstance(n, ast.For | ast.AsyncFor)):
        for name in (n.id for n in ast.walk(loop.target) if isinstance(n, ast.Name)):
            found.setdefault(name, []).append(loop)
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in found]
    apart = set[str]()
    for name, loops in found.items():
        targets = {id(n) for loop in loops for n in ast.walk(loop.target)}
        inside = {id(n) for loop in loops for n in ast.walk(loop)}
        mine = (n for n in nodes if n.id == name)
        if not all(id(n) in (inside if isinstance(n.ctx, ast.Load) else targets) for n in mine):
            apart.add(name)
    return frozenset(found.keys() - apart)
