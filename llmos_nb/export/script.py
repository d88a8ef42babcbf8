"""The notebook as a Python script, in cells that editors know (``# %%``)."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from llmos_nb.errors import UsageError
from llmos_nb.export.assertions import GIVEN, VALUE_NAME
from llmos_nb.export.cells import Cell
from llmos_nb.policy.code import SCOPES, own

_AWAITS = (ast.Await, ast.AsyncFor, ast.AsyncWith)
_RUN = '''import asyncio

_loop = asyncio.Runner()


async def _called(make):
    return await make()


def _await(make):
    """Wait for what a notebook's cell would await."""
    return _loop.run(_called(make))'''


def script_of(cells: Sequence[Cell]) -> str:
    """Return the script; the cell with the PEP 723 block becomes the head of the file."""
    code = [c for c in cells if c.kind == "code"]
    parts = [c.source for c in code if c.role == "lock"]
    if any(_awaits(c.source) for c in code):
        parts.append(_RUN)
    used = (n for c in code for n in ast.walk(ast.parse(c.source)) if isinstance(n, ast.Name))
    if any(n.id == "display" for n in used):
        parts.append("from IPython.display import display")
    given = {c.about.get("call") for c in code if c.role == "check" and GIVEN in c.source}
    for cell in cells:
        if cell.kind == "code" and cell.role != "lock":
            title = f"# %% [{cell.about.get('call') or cell.role}]"
            source = _printing(waiting(cell.source, cell.role), cell.about.get("call") in given)
            parts.append(f"{title}\n{source.removeprefix(GIVEN).lstrip()}")
        elif cell.kind == "markdown":
            lines = [f"# {line}".rstrip() for line in cell.source.splitlines()]
            parts.append("\n".join(["# %% [markdown]", *lines]))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _printing(source: str, kept: bool) -> str:
    """Print the value that a notebook would show, and keep it where it is asserted behind."""
    body = ast.parse(source).body
    last = body[-1] if body else None
    if not isinstance(last, ast.Expr):
        return source
    if isinstance(last.value, ast.Call) and getattr(last.value.func, "id", "") in ("print", "display"):
        return source  # it shows something by itself
    lines = source.splitlines()
    head, value = lines[: last.lineno - 1], "\n".join(lines[last.lineno - 1 : last.end_lineno])
    before = value[: last.col_offset]
    text = ast.get_source_segment(source, last) or ""
    told = f"{VALUE_NAME} = ({text})\nprint({VALUE_NAME})" if kept else f"print({text})"
    return "\n".join([*head, f"{before}{told}", *lines[last.end_lineno or 0 :]])


def _awaits(source: str) -> list[ast.AST]:
    """Return what awaits at the top level of code, without what stands inside it."""
    return [n for n in own(ast.parse(source).body, (*SCOPES, *_AWAITS)) if isinstance(n, _AWAITS)]


def waiting(source: str, where: str) -> str:
    """Put a call in place of each ``await`` at the top level."""
    found = _awaits(source)
    if any(not isinstance(n, ast.Await) for n in found):
        raise UsageError(f"cell {where}: async for and async with run in a notebook only; export it as .ipynb")
    lines = source.encode().split(b"\n")
    # from the end, so that the places of those before stay true
    for node in sorted(found, key=lambda n: (n.lineno, n.col_offset), reverse=True):  # type: ignore[attr-defined]  # all are Await
        assert isinstance(node, ast.Await)  # noqa: S101 - checked above
        value = node.value
        end = (value.end_lineno or node.lineno) - 1
        lines[end] = lines[end][: value.end_col_offset] + b")" + lines[end][value.end_col_offset or 0 :]
        first = node.lineno - 1
        here = value.lineno == node.lineno
        rest = lines[value.lineno - 1][value.col_offset :] if here else lines[first][node.col_offset + 6 :]
        lines[first] = lines[first][: node.col_offset] + b"_await(lambda: " + rest.lstrip()
    return b"\n".join(lines).decode()
