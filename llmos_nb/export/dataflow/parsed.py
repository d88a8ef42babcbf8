"""Code read once: what an export asks of the same source again and again, kept until it is done."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

MOST = 16_384  # answers of each function; a long run has a few thousand steps
F = TypeVar("F", bound=Callable[..., Any])
_kept: list[Any] = []


def once(function: F) -> F:
    """Have a function answer the same question once; nobody may change what it returns."""
    cached = lru_cache(maxsize=MOST)(function)
    _kept.append(cached)
    return cached  # type: ignore[return-value]  # it is called as the function is


@contextmanager
def reading() -> Iterator[None]:
    """Keep answers for a block, and none from before it or after."""
    try:
        _let_go()
        yield
    finally:
        _let_go()


def _let_go() -> None:
    for cached in _kept:
        cached.cache_clear()


@once
def nodes(source: str) -> tuple[ast.AST, ...]:
    """Return every node of a piece of code, as `ast.walk` does, the module first."""
    return tuple(ast.walk(ast.parse(source)))


@once
def inside(node: ast.AST) -> tuple[ast.AST, ...]:
    """Return a node and every node below it, as `ast.walk` does."""
    return tuple(ast.walk(node))


def parsed(source: str) -> list[ast.stmt]:
    """Return the top-level statements of a piece of code; none where it does not parse."""
    try:
        return ast.parse(source).body
    except SyntaxError:
        return []
