"""A small Markdown for answers, as HTML in which nothing of the text becomes a tag, an attribute or an address.

Paragraphs, headings, lists, tables, fenced code, strong, emphasis and code. Links and images become their words
and address as text, so that nothing leads out or is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from itertools import zip_longest

from llmos_nb.views.wording import visible

# Each repetition is bounded, so that no text makes the search run away.
_INLINE = re.compile(
    r"`(?P<code>[^`]{1,400})`|\*\*(?P<strong>.{1,400}?)\*\*|__(?P<strong2>.{1,400}?)__|\*(?P<em>[^*\s][^*]{0,400})\*"
    r"|!?\[(?P<label>[^\]]{0,400})\]\((?P<to>[^)\s`]{0,400})[^)`]{0,400}\)|\b(?P<call>r\d+\.\d+)\b"
)
_FENCE = re.compile(r"^\s*(```|~~~)")
_ITEM = re.compile(r"^(?P<indent>\s*)(?:[-*+]|(?P<n>\d+)[.)])\s+(?P<text>.*)$")
_HEAD = re.compile(r"^#{1,6}\s+(?P<text>.*?)\s*#*$")
_RULE = re.compile(r"^\s*\|?[\s:|-]*-[\s:|-]*\|?\s*$")
PRE = "margin:6px 0;padding:8px;border:1px solid #8888;white-space:pre-wrap"
TABLE = "border-collapse:collapse;margin:6px 0"
DEEPEST = 40  # letters before an item, so that no text nests without end
LEFT = "text-align:left;padding:2px 14px 2px 0;vertical-align:top"


def text(words: str) -> str:
    """Escape a text; dollar and backslash stand in elements of their own, so that no page sees formulas."""
    return escape(visible(words)).replace("\\", "<span>\\</span>").replace("$", "<span>$</span>")


def inline(words: str) -> str:
    """Return a line with strong, emphasis, code and call ids."""
    out, at = [], 0
    for found in _INLINE.finditer(words):
        out += [text(words[at : found.start()]), _run(found)]
        at = found.end()
    return "".join([*out, text(words[at:])])


def _run(found: re.Match[str]) -> str:
    part = found.groupdict()
    if part["code"] or part["call"]:
        return f"<code>{text(part['code'] or part['call'])}</code>"
    if strong := part["strong"] or part["strong2"]:
        return f"<b>{inline(strong)}</b>"
    if part["em"]:
        return f"<i>{inline(part['em'])}</i>"
    label, to = part["label"], part["to"]
    return text(f"{label} ({to})" if label and to else label or to or "")


def html(markdown: str) -> str:
    """Return Markdown as HTML."""
    lines = markdown.replace("\r\n", "\n").split("\n")[::-1]  # the next line is at the end
    out = []
    while lines:
        if lines[-1].strip():
            out.append(_block(lines))
        else:
            lines.pop()
    return "\n".join(out)


def _block(lines: list[str]) -> str:
    line = lines[-1]
    if _FENCE.match(line):
        return _fence(lines)
    if head := _HEAD.match(line):
        lines.pop()
        return f"<h4>{inline(head['text'])}</h4>"
    if _ITEM.match(line):
        return _list(lines)
    if "|" in line and len(lines) > 1 and "|" in lines[-2] and _RULE.match(lines[-2]):
        return _table(lines)
    return _paragraph(lines)


def _fence(lines: list[str]) -> str:
    found = _FENCE.match(lines.pop())
    mark, body = found[1] if found else "```", []
    while lines and not lines[-1].strip().startswith(mark):
        body.append(lines.pop())
    if lines:
        lines.pop()
    return pre("\n".join(body))


def pre(code: str) -> str:
    """Return code in a box."""
    return f'<pre style="{PRE}">{text(code)}</pre>'


def _list(lines: list[str]) -> str:
    first, items = _ITEM.match(lines[-1]), list[tuple[list[str], list[str]]]()
    indent, start = (min(len(first["indent"]), DEEPEST), first["n"]) if first else (0, None)
    while lines and lines[-1].strip():
        line = lines.pop()
        item = _ITEM.match(line)
        if item and min(len(item["indent"]), DEEPEST) <= indent + 1:
            items.append(([item["text"]], []))
        elif item or items[-1][1]:
            items[-1][1].append(line)
        else:
            items[-1][0].append(line.strip())
    tag, begins = ("ol" if start else "ul"), int((start or "1")[:9])
    at = f' start="{begins}"' if begins > 1 else ""
    told = (inline(" ".join(words)) + (_list(inner[::-1]) if inner else "") for words, inner in items)
    return f"<{tag}{at}>" + "".join(f"<li>{each}</li>" for each in told) + f"</{tag}>"


def _table(lines: list[str]) -> str:
    heads = _cells(lines.pop())
    sides = [rule.endswith(":") and not rule.startswith(":") for rule in _cells(lines.pop())]

    def row(cells: list[str], tag: str) -> str:
        right = [i < len(sides) and sides[i] for i in range(len(cells))]
        styles = [LEFT.replace("left", "right", 1) if r else LEFT for r in right]
        return "".join(f'<{tag} style="{s}">{inline(c)}</{tag[:2]}>' for c, s in zip(cells, styles, strict=True))

    body = ""
    while lines and "|" in lines[-1]:
        body += f"<tr>{row(_cells(lines.pop()), 'td')}</tr>"
    top = row(heads, 'th scope="col"')
    return f'<table style="{TABLE}"><tr>{top}</tr>{body}</table>'


def aligned(lines: Sequence[str], room: int) -> list[str]:
    """Return the lines of a table with its columns one under the other; one that has no head or no room, as it is."""
    if len(lines) < 2 or not _RULE.match(lines[1]):
        return list(lines)
    rules = _cells(lines[1])
    rows = [[c.replace("|", "\\|") for c in _cells(line)] for line in (lines[0], *lines[2:])]
    columns = list(zip_longest(*rows, fillvalue=""))
    sizes = [max(3, *map(len, column)) for column in columns]
    if sum(sizes) + 3 * len(sizes) + 1 > room or len(rules) != len(sizes):
        return list(lines)
    sides = [rule.endswith(":") and not rule.startswith(":") for rule in rules]
    shown = [
        [cell.rjust(n) if side else cell.ljust(n) for cell, n, side in zip(row, sizes, sides, strict=True)]
        for row in zip(*columns, strict=True)
    ]
    under = [rule[0] + "-" * (n - 2) + rule[-1] for rule, n in zip(rules, sizes, strict=True)]
    return [f"| {' | '.join(row)} |" for row in (shown[0], under, *shown[1:])]


def _cells(line: str) -> list[str]:
    bare = re.sub(r"(?<!\\)\|\Z", "", line.strip().removeprefix("|"))
    return [c.strip().replace("\\|", "|") for c in re.split(r"(?<!\\)\|", bare)]


def _paragraph(lines: list[str]) -> str:
    body = [lines.pop()]
    while lines and lines[-1].strip() and not any(p.match(lines[-1]) for p in (_FENCE, _HEAD, _ITEM)):
        body.append(lines.pop())
    return f"<p>{inline(' '.join(body))}</p>"
