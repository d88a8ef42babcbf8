"""Texts in code that may be names of files, put together where the code puts them together."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from llmos_nb.notebook.flow_words import dotted

_LONGEST = 300
_PATHS = ("Path", "PurePath", "PosixPath", "str", "fspath", "open")


def named_texts(sources: Iterable[str]) -> dict[str, str]:
    """Give the names that code binds to a text or path."""
    known: dict[str, str] = {}
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Assign)
                and len(node.targets) == 1
                and isinstance(node.targets[0], ast.Name)
            ):
                text = text_of(node.value, known)
                if text is not None:
                    known[node.targets[0].id] = text
    return known


def file_names(source: str, known: Mapping[str, str]) -> Iterator[str]:
    """Give every text in code that may be a file's name.

    Parameters
    ----------
    source : str
        The code.
    known : mapping
        Texts by name, from `named_texts`.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.expr):
            text = text_of(node, known)
            if text and len(text) < _LONGEST and not set(text) & {"\n", "\0"} and text.strip(". /"):
                yield text


def text_of(node: ast.AST, known: Mapping[str, str]) -> str | None:
    """Spell the text or path that an expression gives; None where only running it tells."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.Add):
        between = "/" if isinstance(node.op, ast.Div) else ""
        return _joined((node.left, node.right), between, known)
    if isinstance(node, ast.JoinedStr):
        return _joined((v.value if isinstance(v, ast.FormattedValue) else v for v in node.values), "", known)
    if isinstance(node, ast.Call):
        name = dotted(node.func)
        if name.endswith("path.join") or (name.rpartition(".")[2] in _PATHS and node.args):
            return _joined(node.args if name.endswith(("join", "Path")) else node.args[:1], "/", known)
    return None


def _joined(parts: Iterable[ast.AST], between: str, known: Mapping[str, str]) -> str | None:
    texts = [text_of(p, known) for p in parts]
    return between.join(t for t in texts if t is not None) if None not in texts else None
