"""A report as what a notebook shows: HTML without scripts, and beside it the same as text.

Where a page drops style sheets (a notebook that is not trusted, GitHub), what is left reads as well: tables with
captions, and pictures on a ground of their own.
"""

from __future__ import annotations

import base64
import re
from html import escape
from importlib.resources import files
from typing import Any

from llmos_nb.views.markdown import LEFT, PRE, text as escaped
from llmos_nb.views.report.model import Drawing, Grid, Note, Piece, Report, Told
from llmos_nb.views.report.svg import draw
from llmos_nb.views.report.words import words
from llmos_nb.views.wording import visible

SCOPE = "llmos-report"
WIDE = 6  # columns from which on a table may scroll sideways
_RIGHT = LEFT.replace("text-align:left", "text-align:right")
_OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")  # a page would break it behind its first hyphen
_GLYPHS = {"ask": "◇ ", "bad": "× "}
_STYLE = " ".join((files("llmos_nb.views.report") / "report.css").read_text("utf-8").partition("*/")[2].split())


def bundle(report: Report) -> dict[str, str]:
    """Return a report as HTML and as text, by MIME type.

    Parameters
    ----------
    report : Report
        What is shown; all that comes from a run is escaped.
    """
    title = f'<p class="{SCOPE}-title"><b>{escaped(report.title)}</b></p>' if report.title else ""
    body = "\n".join(filter(None, [title, *map(_piece, report.parts)]))
    page = f'<div class="{SCOPE}"><style>{_STYLE}</style>\n{body}\n</div>'
    return {"text/html": page, "text/plain": words(report)}


def _piece(p: Piece) -> str:
    match p:
        case Grid():
            return _grid(p)
        case Note():
            return _note(p)
        case Drawing():
            return _figure(p.caption, p.alt, p.svg)
    return _figure(p.caption, p.alt, draw(p))


def _note(p: Note) -> str:
    if p.verbatim:
        return f'<pre style="{PRE}">{escaped(p.text)}</pre>'
    quiet = f' class="{SCOPE}-quiet"' if p.quiet else ""
    whole = _OPTION.sub(r'<span style="white-space:nowrap">\g<0></span>', escaped(p.text))
    return f"<p{quiet}>{whole}</p>"


def _figure(caption: str, alt: str, svg: str) -> str:
    source = base64.b64encode(svg.encode()).decode()
    image = f'<img style="max-width:100%" alt="{escape(visible(alt))}" src="data:image/svg+xml;base64,{source}"/>'
    return f"<figure><figcaption>{escaped(caption)}</figcaption>{_scrolling(caption, image)}</figure>"


def _scrolling(name: str, body: str) -> str:
    """Return what scrolls sideways where there is little room; the keyboard reaches it, too."""
    return f'<div class="{SCOPE}-scroll" tabindex="0" role="group" aria-label="{escape(visible(name))}">{body}</div>'


def _grid(p: Grid) -> str:
    if not p.rows:
        return f"<p>{escaped(p.none)}</p>" if p.none else ""
    numbers = [h in p.numbers for h in p.heads]
    top = "".join(f'<th scope="col"{_put(n)}>{escaped(h)}</th>' for h, n in zip(p.heads, numbers, strict=True))
    body = "\n".join(f"<tr>{_row(row, numbers)}</tr>" for row in p.rows)
    caption = f'<caption style="text-align:left">{escaped(p.caption)}</caption>'
    made = f"<table>{caption}<thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody></table>"
    if len(p.heads) >= WIDE:
        made = _scrolling(p.caption, made)
    return f"<details><summary>{escaped(p.caption)}</summary>{made}</details>" if p.folded else made


def _row(row: Any, numbers: list[bool]) -> str:
    first, *rest = zip(row, numbers, strict=True)
    head = f'<th scope="row"{_put(first[1])}>{_cell(first[0])}</th>'
    return head + "".join(f"<td{_put(n)}>{_cell(c)}</td>" for c, n in rest)


def _put(number: bool) -> str:
    return f' class="{SCOPE}-n" style="{_RIGHT if number else LEFT}"' if number else f' style="{LEFT}"'


def _cell(cell: object) -> str:
    said = escaped(str(cell))
    if not isinstance(cell, Told):
        return said
    said = f"<code>{said}</code>" if cell.code and said else said
    if cell.tone:
        said = f'<span class="{cell.tone}">{_GLYPHS.get(cell.tone, "")}{said}</span>'
    if cell.share is not None:
        part = min(max(cell.share, 0.0), 1.0)
        said = f'<span class="{SCOPE}-part">{said}</span>'
        said += f'<span class="{SCOPE}-bar" aria-hidden="true"><b style="width:{part:.1%}"></b></span>'
    return said
