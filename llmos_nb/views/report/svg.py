"""Charts as SVG that stands alone: dark ink on a white ground of its own, a pattern beside each colour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape

from llmos_nb.views.report.model import Chart, Columns, Curve, Lane, Lanes, Mark, Part
from llmos_nb.views.wording import visible

WIDTH = 720
INK, MUTE, EDGE, GROUND, ASK, BAD = "#1f1f1f", "#5c5c5c", "#cfcfcf", "#ffffff", "#9a4a00", "#b3261e"
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
SIZE, CHAR = 12, 6.6  # of the letters, and how wide one is at most on the average
At = Callable[[float], float]
LOOKS = {
    "model": "#6b96c8", "tool": "#3d3d3d", "you": "url(#you)",
    "head": "#3d3d3d", "tools": "#6e6e6e", "notes": "#9b9b9b", "window": "#c2d6ec", "free": "url(#free)",
    "answer": "#3d3d3d", "new": "#6b96c8", "cached": "url(#cached)",
}  # fmt: skip
_DARK = ("tool", "head", "tools", "answer")
_HATCH = (
    '<pattern id="{id}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate({turn})">'
    '<rect width="6" height="6" fill="{ground}"/><rect width="{wide}" height="6" fill="{ink}"/></pattern>'
)
_DEFS = "<defs>" + "".join((
    _HATCH.format(id="you", turn=45, ground="#fff3e6", ink=ASK, wide=2),
    _HATCH.format(id="free", turn=45, ground=GROUND, ink="#bdbdbd", wide=1),
    _HATCH.format(id="cached", turn=-45, ground="#e3edf7", ink="#6b96c8", wide=1.5),
)) + "</defs>"  # fmt: skip


def draw(chart: Chart) -> str:
    """Return a chart as SVG; all text of a run is escaped, and there is no link, script or style sheet in it."""
    match chart:
        case Lanes():
            return _lanes(chart)
        case Columns():
            return _columns(chart)
        case Curve():
            return _curve(chart)


def wide(text: str) -> float:
    """Return how wide a text is at most, about."""
    return len(text) * CHAR


def fitting(text: str, room: float) -> str:
    """Return a text that fits: whole, or its first words and an ellipsis."""
    text = visible(" ".join(text.split()))
    if wide(text) <= room:
        return text
    kept = text[: max(int(room / CHAR) - 1, 0)]
    head, space, _ = kept.rpartition(" ")
    return (head if space else kept) + "…"


def _page(height: float, parts: Iterable[str]) -> str:
    sized = f'width="{WIDTH}" height="{height:g}" viewBox="0 0 {WIDTH} {height:g}"'
    top = f'<svg xmlns="http://www.w3.org/2000/svg" {sized}>'
    ground = f'<rect width="100%" height="100%" fill="{GROUND}"/>'
    body = f'<g font-family="{FONT}" font-size="{SIZE}" fill="{INK}">' + "".join(parts) + "</g>"
    return f"{top}{_DEFS}{ground}{body}</svg>"


def _text(x: float, y: float, said: str, anchor: str = "start", fill: str = "") -> str:
    more = f' fill="{fill}"' if fill else ""
    put = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{put}{more}>{escape(visible(said))}</text>'


def _rect(x: float, y: float, w: float, h: float, look: str, line: str = "") -> str:
    stroke = f' stroke="{line}" stroke-width="1"' if line else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" fill="{LOOKS.get(look, look)}"{stroke}/>'


def _line(x1: float, y1: float, x2: float, y2: float, ink: str = EDGE, dash: str = "") -> str:
    more = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="M{x1:.1f},{y1:.1f}L{x2:.1f},{y2:.1f}" stroke="{ink}" fill="none"{more}/>'


# lanes


def _room(said: Iterable[str], most: float) -> float:
    """Return how much room words take beside the bars; a little where there are none."""
    widest = max(map(wide, said), default=0.0)
    return min(widest, most) + 14 if widest else 1.0


def _lanes(c: Lanes) -> str:
    left = _room((lane.name for lane in c.lanes), 280)
    right = WIDTH - _room((lane.says for lane in c.lanes), 200)
    scale = (right - left) / c.end if c.end else 0.0
    high, step = (44, 52) if c.tall else (13, 22)
    out, y = list[str](), 4.0

    def at(place: float) -> float:
        return left + place * scale

    for start, end, said in c.brackets:
        out += [_text(at(start), y + 10, said, fill=MUTE)]
        out += [_line(at(start), y + 16, at(end), y + 16, INK), _line(at(end), y + 16, at(end), y + 22, INK)]
        out += [_line(at(start), y + 16, at(start), y + 22, INK)]
    y += 24 if c.brackets else 0
    waits, marks = ([m for m in c.marks if (m.kind == "wait") == worded] for worded in (True, False))
    # how long a wait was stands over the decisions: on one line with them neither could be read
    out += _ticks([(m.at, m.says) for m in waits], at, y + 10, left, right)
    y += 16 if waits else 0
    out += [_mark(m, at(m.at), y + 6) for m in marks]
    y += 16 if marks else 0
    first = y
    for lane in c.lanes:
        out += _lane(lane, c, left, y, high, at)
        out.append(_text(right + 8, y + high / 2 + 4, lane.says, fill=BAD if lane.bad else MUTE))
        y += step
    for place, said in c.below:
        put = "end" if at(place) + wide(said) > WIDTH else "start"
        out.append(_text(at(place) if put == "start" else right, y + 7, said, put, MUTE))
    y += 18 if c.below else 0
    if c.ticks:
        grid = [_line(at(place), first - 3, at(place), y - 4) for place, _ in c.ticks]
        out = [*grid, *out, *_ticks(c.ticks, at, y + 8, left, right)]
        y += 18
    return _page(y + 20, [*out, *_key(c.key, left, y + 12)])


def _lane(lane: Lane, c: Lanes, left: float, y: float, high: float, at: At) -> list[str]:
    out = [_text(left - 8, y + high / 2 + 4, fitting(lane.name, left - 8), "end", BAD if lane.bad else "")]
    for part in lane.parts:
        x, end = at(part.start), at(part.end)
        w = max(end - x, 1.5)
        out.append(_rect(x, y, w, high, part.look, ASK if part.look == "you" else GROUND if c.tall else ""))
        if c.tall and part.says:
            out += _inside(part, x, y, w)
    return out


def _inside(part: Part, x: float, y: float, w: float) -> list[str]:
    """Write into a stretch what fits: name above, amount below."""
    name, _, amount = part.says.partition("\n")
    ink = GROUND if part.look in _DARK else INK
    if max(wide(name), wide(amount)) + 14 > w:
        return []
    under = _rect(x + 5, y + 5, wide(name) + 4, 34, GROUND) if part.look == "free" else ""
    return [under, _text(x + 7, y + 18, name, fill=ink), _text(x + 7, y + 34, amount, fill=ink)]


def _mark(m: Mark, x: float, y: float) -> str:
    if m.kind == "h":
        return f'<path d="M{x:.1f},{y - 5:.1f}l5,5l-5,5l-5,-5z" fill="{GROUND}" stroke="{ASK}" stroke-width="1.5"/>'
    return f'<path d="M{x - 4:.1f},{y - 4:.1f}l8,8m0,-8l-8,8" stroke="{BAD}" stroke-width="1.6" fill="none"/>'


def _ticks(ticks: Iterable[tuple[float, str]], at: At, y: float, left: float, right: float) -> list[str]:
    """Return labels of an axis; one that would lie over the one before is left out."""
    out, free = list[str](), -1e9
    for place, said in ticks:
        x, half = at(place), wide(said) / 2
        x = min(max(x, left + half), max(right - half, left + half))
        if x - half > free:
            out.append(_text(x, y, said, "middle", MUTE))
            free = x + half + 8
    return out


def _key(key: Mapping[str, str], x: float, y: float) -> list[str]:
    out = []
    for look, said in key.items():
        if look in ("h", "e"):
            out += [_mark(Mark(0, look), x + 6, y - 4), _text(x + 17, y, said, fill=MUTE)]
        else:
            out += [_rect(x, y - 9, 12, 10, look, MUTE), _text(x + 17, y, said, fill=MUTE)]
        x += 17 + wide(said) + 14
    return out


# columns and curves

TOP, TALL = 16, 130


def _left(ticks: Iterable[tuple[float, str]]) -> float:
    """Return where the axis begins, so that its labels fit before it."""
    return max((wide(said) for _, said in ticks), default=0.0) + 10


def _scale(ticks: Iterable[tuple[float, str]], top: float, left: float) -> list[str]:
    out = []
    for v, said in ticks:
        y = TOP + TALL - v / top * TALL
        out += [_line(left, y, WIDTH - 4, y), _text(left - 6, y + 4, said, "end", MUTE)]
    return out


def _columns(c: Columns) -> str:
    top = max([sum(col.amounts.values()) for col in c.columns] + [v for v, _ in c.ticks] + [1e-12])
    left = _left(c.ticks)
    each = (WIDTH - left - 8) / max(len(c.columns), 1)
    w = min(each * 0.74, 60)
    out = _scale(c.ticks, top, left)
    free, free_says = -1e9, -1e9
    for i, col in enumerate(c.columns):
        x = left + 4 + i * each + (each - w) / 2
        y = float(TOP + TALL)
        for look, amount in col.amounts.items():
            h = amount / top * TALL
            y -= h
            out.append(_rect(x, y, w, h, look))
        middle = x + w / 2
        if middle - wide(col.says) / 2 > free_says:
            out.append(_text(middle, y - 4, col.says, "middle"))
            free_says = middle + wide(col.says) / 2 + 4
        if middle - wide(col.label) / 2 > free:
            out.append(_text(middle, TOP + TALL + 15, col.label, "middle", MUTE))
            free = middle + wide(col.label) / 2 + 6
    return _page(TOP + TALL + 44, [*out, *_key(c.key, left, TOP + TALL + 38)])


def _curve(c: Curve) -> str:
    top = max(c.top, 1e-12)
    left = _left(c.y_ticks)
    scale = (WIDTH - left - 8) / c.end if c.end else 0.0
    foot, end = TOP + TALL, left + c.end * scale
    (x, last), *steps = [(left + x * scale, foot - y / top * TALL) for x, y in c.points]
    begin, path = x, f"M{x:.1f},{last:.1f}"
    for x, y in steps:
        path, last = f"{path}L{x:.1f},{last:.1f}L{x:.1f},{y:.1f}", y
    path += f"L{end:.1f},{last:.1f}"
    area = f"{path}L{end:.1f},{foot}L{begin:.1f},{foot}Z"
    out = _scale(c.y_ticks, top, left)
    out.append(f'<path d="{area}" fill="{LOOKS["window"]}" fill-opacity=".55"/>')
    out.append(f'<path d="{path}" fill="none" stroke="#2f6da8" stroke-width="2"/>')
    out += _ticks(c.x_ticks, lambda place: left + place * scale, foot + 15, left, WIDTH - 4)
    if 0 < c.limit <= top:
        y = foot - c.limit / top * TALL
        out += [_line(left, y, WIDTH - 4, y, BAD, "5 3"), _text(WIDTH - 4, y - 5, c.limit_says, "end", BAD)]
    return _page(foot + 24, out)
