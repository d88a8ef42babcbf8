"""Lines of text for terminals: broken, aligned, and free of control characters."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from llmos_nb.views.wording import visible

WIDTH = 80


def rule(title: str) -> str:
    """Return a title on a line."""
    title = visible(" ".join(title.split()))[: WIDTH - 6]
    return f"── {title} ".ljust(WIDTH, "─") if title else "─" * WIDTH


def wrap(text: str, indent: str = "", width: int = WIDTH) -> list[str]:
    """Break a text into lines; its own line breaks stay."""
    out: list[str] = []
    for line in visible(text).splitlines() or [""]:
        broken = textwrap.wrap(line, width - len(indent), break_on_hyphens=False)
        out += [indent + part for part in broken] or [""]
    return out


def verbatim(text: str, indent: str = "    ", most: int = 0) -> list[str]:
    """Return lines as they are, indented, long ones broken; of many the first `most`."""
    room = WIDTH - len(indent)
    lines = [indent + part for line in visible(text).expandtabs(4).splitlines() for part in pieces(line, room)]
    if most and len(lines) > most:
        return [*lines[: most - 1], f"{indent}… {len(lines) - most + 1} more lines"]
    return lines


def pieces(line: str, room: int) -> list[str]:
    """Cut a line into pieces that fit, behind a space where there is one; together they are the line."""
    found, at, indent = list[str](), 0, len(line) - len(line.lstrip())  # an indent is no place to break
    while len(line) - at > room:
        end = line.rfind(" ", max(at, indent), at + room) + 1 or at + room
        found.append(line[at:end])
        at = end
    return [*found, line[at:]]


def table(rows: Iterable[Sequence[str]], indent: str = "", width: int = WIDTH) -> list[str]:
    """Align columns; the widest wraps where the line is full."""
    grid = [[" ".join(visible(c).split()) for c in row] for row in rows]
    if not grid:
        return []
    columns = list(zip_longest(*grid, fillvalue=""))
    sizes = [max(map(len, column)) for column in columns]
    over = sum(sizes) + 2 * (len(columns) - 1) + len(indent) - width
    while over > 0:
        widest = sizes.index(max(sizes))
        cut = min(over, max(sizes[widest] // 3, 1), max(sizes[widest] - 8, 0))
        if not cut:
            break
        sizes[widest], over = sizes[widest] - cut, over - cut
    return [line for row in zip(*columns, strict=True) for line in _row(row, sizes, indent)]


def _row(row: Sequence[str], sizes: list[int], indent: str) -> list[str]:
    cells = [[c] if len(c) <= n else textwrap.wrap(c, max(n, 1)) for c, n in zip(row, sizes, strict=True)]
    lines = zip_longest(*cells, fillvalue="")
    said = ("  ".join(c.ljust(n) for c, n in zip(line, sizes, strict=True)) for line in lines)
    return [(indent + line).rstrip() for line in said]
