"""A report as text: tables are aligned, and charts are drawn with characters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmos_nb.views.report.model import WIDTH, Columns, Curve, Drawing, Grid, Lane, Lanes, Note, Piece, Report
from llmos_nb.views.text.lines import wrap
from llmos_nb.views.text.tables import table
from llmos_nb.views.wording import phrase, visible

LOOKS = {
    "model": "▒", "tool": "█", "you": "╱",
    "head": "█", "tools": "▓", "notes": "▒", "window": "░", "free": "·",
    "answer": "█", "new": "▒", "cached": "░",
}  # fmt: skip
BAR, ROOM, HEIGHT, NAME = 20, 60, 8, 40


def words(report: Report) -> str:
    """Return a report as text for a terminal."""
    if report.plain:
        return visible(report.plain)
    several = sum(not isinstance(p, Note) for p in report.parts) > 1
    told = ["\n".join(_piece(p, several)) for p in report.parts]
    title = [visible(report.title)] if report.title else []
    return ("\n\n" if several else "\n").join(filter(None, [*title, *told]))


def _piece(p: Piece, named: bool) -> list[str]:
    lines: list[str] = _WRITERS[type(p)](p)
    return [p.caption, *lines] if named and isinstance(p, Grid) and lines else lines


def _grid(p: Grid) -> list[str]:
    if not p.rows:
        return [p.none] if p.none else []
    rows = [[visible(str(c)) for c in row] for row in p.rows]
    heads = list(p.heads)
    for i in range(len(heads)):
        shares = [getattr(row[i], "share", None) or 0.0 for row in p.rows]
        bars = ["█" * max(round(min(share, 1.0) * BAR), share > 0) for share in shares]
        width = max(len(row[i]) for row in rows)
        for row, bar in zip(rows, bars, strict=True):
            row[i] = f"{row[i].rjust(width)} {bar}" if bar else row[i]
    return table(rows, heads, p.width).splitlines()


def _note(p: Note) -> list[str]:
    return visible(p.text).splitlines() if p.verbatim else wrap(p.text, width=WIDTH)


def _lanes(p: Lanes) -> list[str]:
    """Draw each lane with a character a place of the axis; in one place the last part is seen."""
    named = [(phrase(visible(lane.name), NAME), lane) for lane in p.lanes]
    name = max((len(words) for words, _ in named), default=0)
    said = [f"{words:<{name}} {_lane(lane, p.end)}  {lane.says}".rstrip() for words, lane in named]
    signs = sorted((m.at, _SIGNS.get(m.kind, m.says)) for m in p.marks)
    above = [f"{'':<{name}} {_spread(signs, p.end)}"] if signs else []
    below = [f"{'':<{name}} {_spread(p.ticks, p.end)}"] if p.ticks else []
    told = [said_of for *_, said_of in p.brackets] + [said_of for _, said_of in p.below]
    return [p.caption, *(line.rstrip() for line in above), *said, *below, *told, _key(p.key)]


_SIGNS = {"h": "◇", "e": "x"}


def _lane(lane: Lane, end: float) -> str:
    cells = [" "] * ROOM
    for part in lane.parts:
        first = min(int(part.start / end * ROOM), ROOM - 1) if end else 0
        last = max(round(part.end / end * ROOM), first + 1) if end else ROOM
        for i in range(first, min(last, ROOM)):
            cells[i] = LOOKS[part.look]
    return "".join(cells)


def _spread(ticks: Iterable[tuple[float, str]], end: float) -> str:
    """Return words at their places on an axis; one that would lie over the one before is left out."""
    line = ""
    for at, said in ticks:
        place = round(at / end * ROOM) if end else 0
        place = max(min(place, ROOM - len(said)), 0)
        if not line or place > len(line):
            line = line.ljust(place) + said
    return line


def _key(key: Any) -> str:
    return "  ".join(f"{LOOKS.get(look) or _SIGNS[look]} {said}" for look, said in key.items())


def _columns(p: Columns) -> list[str]:
    """Draw columns as lines, one below the other, in one scale."""
    top = max([sum(c.amounts.values()) for c in p.columns] or [0.0])
    label = max((len(c.label) for c in p.columns), default=0)
    said = max((len(c.says) for c in p.columns), default=0)
    lines = []
    for c in p.columns:
        bar = "".join(LOOKS[look] * round(v / top * ROOM) for look, v in c.amounts.items() if top)
        lines.append(f"{c.label:>{label}}  {c.says:>{said}} {bar}".rstrip())
    return [p.caption, *lines, _key(p.key)]


def _curve(p: Curve) -> list[str]:
    """Draw a curve as columns of eighths in a few lines."""
    top = max(p.top, 1e-12)
    heights, i, y = list[float](), 0, 0.0
    for n in range(ROOM):
        while i < len(p.points) and p.points[i][0] <= (n + 1) / ROOM * p.end:
            y = p.points[i][1]
            i += 1
        heights.append(y / top * HEIGHT)
    label = max((len(said) for _, said in p.y_ticks), default=0)
    at_line = {min(int(v / top * HEIGHT), HEIGHT - 1): said for v, said in p.y_ticks}
    lines = []
    for row in reversed(range(HEIGHT)):
        cells = "".join(_eighth(h - row) for h in heights)
        lines.append(f"{at_line.get(row, ''):>{label}} │{cells}".rstrip())
    axis = f"{'':>{label}}  {_spread(p.x_ticks, p.end)}"
    return [p.caption, *lines, axis, *([p.limit_says] if p.limit_says else [])]


def _eighth(part: float) -> str:
    return " ▁▂▃▄▅▆▇█"[max(min(round(part * 8), 8), 0)]


_WRITERS: dict[type, Any] = {
    Grid: _grid,
    Note: _note,
    Lanes: _lanes,
    Columns: _columns,
    Curve: _curve,
    Drawing: lambda p: p.text.splitlines(),
}
