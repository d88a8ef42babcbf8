"""The loop as a picture: drawn once, then only lit and counted; and as one line."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import lru_cache

from llmos_nb.views.loop import dot
from llmos_nb.views.wording import LOOP, NOW, count, times

_GROUP = re.compile(r'<g id="(\w+)" class="(node|edge)([^"]*)">(.*?)</g>', re.DOTALL)
_LABEL = re.compile(r"(<text [^>]*>)([^<]*)(</text>)")
INK, GROUND, LIT, FAINT = "#222", "#fff", "#f7dcbc", "#bbb"


def svg() -> str:
    """Return the drawing of the loop; ids are ``plan`` … ``answer`` for nodes, ``e1`` … ``e9`` for edges."""
    return dot.loop()


def lit(drawing: str, stage: str, counts: Mapping[str, str]) -> str:
    """Light a node and write counts on edges, by replacing text: nothing is laid out again.

    Parameters
    ----------
    drawing : str
        What `svg` gave.
    stage : str
        Id of the node that is lit; empty for none.
    counts : mapping
        Edge id to its count; an edge that is not named gets the class ``zero`` and no label.
    """

    def group(found: re.Match[str]) -> str:
        name, kind, _, body = found.groups()
        if kind == "node":
            return f'<g id="{name}" class="node{" lit" if name == stage else ""}">{body}</g>'
        n = counts.get(name, "")
        label = _LABEL.sub(lambda t: t[1] + (t[2].replace("00", n) if n else "") + t[3], body)
        return f'<g id="{name}" class="edge{"" if n else " zero"}">{label}</g>'

    return _GROUP.sub(group, drawing)


@lru_cache(maxsize=1)
def _on_paper(drawing: str) -> str:
    """Return the drawing its own white ground and dark ink, so that it reads in any theme."""
    body = drawing.replace('stroke="black"', f'stroke="{INK}"').replace("<text ", f'<text fill="{INK}" ')
    sized = r'<svg xmlns="http://www.w3.org/2000/svg" width="\1" height="\2"'
    body = re.sub(r'<svg [^>]*width="(\d+)[^"]*" height="(\d+)[^"]*"', sized, body)
    return re.sub(r"(<svg [^>]*>)", rf'\1<rect width="100%" height="100%" fill="{GROUND}"/>', body, count=1)


def picture(stage: str, counts: Mapping[str, str]) -> str:
    """Return the loop as a picture that stands alone, with colours in attributes (no class, no style)."""

    def colour(found: re.Match[str]) -> str:
        name, kind, more, body = found.groups()
        if "lit" in more:
            body = body.replace('fill="none"', f'fill="{LIT}"', 1)
            body = body.replace("<text ", '<text font-weight="bold" ', 1)
        if "zero" in more:
            body = body.replace(f'"{INK}"', f'"{FAINT}"').replace('"black"', f'"{FAINT}"')
        return f'<g id="{name}" class="{kind}">{body}</g>'

    return _GROUP.sub(colour, lit(_on_paper(svg()), stage, counts))


def data_uri(drawing: str) -> str:
    """Return a drawing as the address of an `img`."""
    return "data:image/svg+xml;base64," + base64.b64encode(drawing.encode()).decode()


def alt(stage: str, counts: Mapping[str, str]) -> str:
    """Say in a sentence what the loop's picture shows."""
    where = f"It stands at {stage}, {NOW[stage]}" if stage else "It has stopped"
    done = count(int(counts.get("e4", 0)), "result")
    again = int(counts.get("e8", 0))
    replans = f"planned again {times(again)}" if again else "no re-plan"
    return f"The loop: {', '.join(LOOP)}. {where}, with {done} integrated and {replans}."


def line(stage: str, counts: Mapping[str, str]) -> str:
    """Return the loop as one line: counts before the arrows, brackets where it stands, the ways back behind."""
    said = ""
    for n, node in enumerate(LOOP):
        said += f" {counts.get(f'e{n}', '')}→ " if n else ""
        said += f"[{node}]" if node == stage else node
    back = (("e7", "next step"), ("e8", "re-plan"), ("e9", "check again"))
    ways = " · ".join(f"{words} × {counts[edge]}" for edge, words in back if edge in counts)
    return f"{said}   {ways}".rstrip()
