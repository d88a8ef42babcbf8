"""Where the prose of a Markdown text stands: outside code, formulas, HTML and the addresses of links; and these two.

The text is parsed by markdown-it-py. It tells lines, not letters, so the rules for what is no prose are wrapped to note
where they matched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.helpers import parseLinkLabel
from markdown_it.rules_inline import StateInline, autolink, backtick, html_inline, image, link
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin

Span = tuple[int, int]
_Rule = Callable[[StateInline, bool], bool]
_FORMULA = re.compile(
    r"\\\(.+?\\\)|\\\[.+?\\\]|\$\$.+?\$\$"
    r"|(?<!\d)\$(?![\s$])(?!\d[\d.,]*\s[^$\\^_=]*[^\W\d_]{2})(?:\\.|[^$\\])+(?<!\s)\$(?!\d)",  # no amounts: $1 to 3$
    re.DOTALL,
)
# What HTML raises or lowers, and what it shows as code: 10<sup>5</sup>, <code>42</code>
_ELEMENT = re.compile(r"<(su[bp]|code|kbd|pre|samp|tt)\b[^>]*>.*?</\1>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"<br\b", re.IGNORECASE)
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"  # no letters: they never stand in a text


def _formula(state: StateInline, silent: bool) -> bool:
    """Take a formula between dollars, or brackets with backslashes."""
    found = _FORMULA.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.push("math_inline", "math", 0).content = found.group()
    state.pos = found.end()
    return True


_CODE = ("backticks", "math_inline")  # what is no prose and no markup either
_NOT_PROSE: dict[str, _Rule] = {
    "backticks": backtick,
    "math_inline": _formula,
    "html_inline": html_inline,
    "autolink": autolink,
    "image": image,
}


def _noting(rule: _Rule, markup: bool, from_label: bool = False) -> _Rule:
    """Return a rule that notes where it made a token of its own; of a link, from the end of its label on."""

    def noted(state: StateInline, silent: bool) -> bool:
        start, known, pending = state.pos, len(state.tokens), state.pending
        end = parseLinkLabel(state, start) if from_label and state.src[start] == "[" else start
        found = rule(state, silent)
        only_text = len(state.tokens) == known and state.pending != pending
        if found and not silent and not only_text:
            element = _ELEMENT.match(state.src, start)
            span = (end, max(state.pos, element.end() if element else 0))
            state.env["not_prose"].append(span)
            state.env["markup"] += [span] if markup else []
        return found

    return noted


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin).use(footnote_plugin)
    for name, rule in _NOT_PROSE.items():
        parser.inline.ruler.at(name, _noting(rule, name not in _CODE))
    parser.inline.ruler.at("link", _noting(link, markup=True, from_label=True))
    parser.inline.ruler.disable("footnote_inline")
    parser.core.ruler.disable(["inline", "footnote_tail"])
    return parser


def prose(text: str) -> tuple[Span, ...]:
    """Return the stretches of a Markdown text that are prose, in order: first letter, and the one after the last.

    Parameters
    ----------
    text : str
        Markdown: CommonMark, with tables and formulas between dollars.
    """
    return _stretches(text)[0]


def markup(text: str) -> tuple[Span, ...]:
    """Return the stretches that are HTML, or the address of a link or picture; with its words, of a picture."""
    return _stretches(text)[1]


def tables(text: str) -> tuple[Span, ...]:
    """Return the stretches that are tables, by whole lines."""
    starts = [0, *(m.end() for m in re.finditer(r"\r\n?|\n", text)), len(text)]
    found = (t.map for t in _parser().parse(text) if t.type == "table_open" and t.map)
    return tuple((starts[first], starts[min(last, len(starts) - 1)]) for first, last in found)


def shown(text: str, parts: Sequence[Span]) -> Iterator[tuple[str, Span]]:
    """Return of parts of a text, in order, the line in which each is seen once the text is shown, and where in it.

    Of HTML nothing is seen but what stands between tags, and of an entity such as ``&minus;`` the sign.
    """
    pieces, at = list[str](), 0
    for start, end in parts:
        pieces += [text[at:start], _OPEN, text[start:end], _CLOSE]
        at = end
    parser, known = _parser(), dict[str, Any]()
    for token in parser.parse("".join([*pieces, text[at:]]), known):
        if token.type != "inline":
            continue
        env: dict[str, Any] = {"references": known.get("references", {}), "not_prose": [], "markup": []}
        children: list[Token] = []
        parser.inline.parse(token.content, parser, env, children)
        seen = "".join(map(_seen, children))
        line = re.sub(f"[{_OPEN}{_CLOSE}]", "", seen)
        for m in re.finditer(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}", seen):
            start = m.start() - len(re.findall(f"[{_OPEN}{_CLOSE}]", seen[: m.start()]))
            yield line, (start, start + len(m[1]))


def _seen(token: Token) -> str:
    """Return what is seen of a piece of a line."""
    if token.type == "html_inline":
        return " " * bool(_BREAK.match(token.content))
    return token.content if token.content else "" if token.nesting else " "


@lru_cache(maxsize=32)
def _stretches(text: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Return prose, and markup."""
    starts = [0, *(m.end() for m in re.finditer(r"\r\n?|\n", text)), len(text)]
    found, marked = list[Span](), list[Span]()
    parser, at, cell = _parser(), 0, False
    known: dict[str, Any] = {}
    for token in parser.parse(text, known):
        if token.type != "inline" or not token.map:
            cell = token.type in ("th_open", "td_open")
            if token.type == "html_block" and token.map:
                marked.append((starts[token.map[0]], starts[token.map[1]]))
            continue
        env: dict[str, Any] = {"references": known.get("references", {}), "not_prose": [], "markup": []}
        parser.inline.parse(token.content, parser, env, [])
        offset = 0
        for content, line in zip(token.content.split("\n"), range(token.map[0], len(starts) - 1), strict=False):
            find = text.find if cell else text.rfind  # of "1. 1" the last one
            escaped = content.replace("|", "\\|") if cell else content
            place = find(escaped, max(at, starts[line]), starts[line + 1])
            if place >= 0:
                at = place + len(escaped)
                end = offset + len(content)
                here = [(max(a, offset), min(b, end)) for a, b in env["markup"]]
                for to, spans in ((found, _without(offset, end, env["not_prose"])), (marked, here)):
                    to += [_placed(content, place, a - offset, b - offset, cell) for a, b in spans if a <= b]
            offset += len(content) + 1
    marked += [(starts[a], starts[b]) for a, b in (r["map"] for r in known.get("references", {}).values())]
    return tuple(found), tuple(marked)


def _placed(content: str, place: int, a: int, b: int, cell: bool) -> Span:
    """Return where a part of a line's content stands in the text; each bar of a cell has a backslash before it."""
    bars = (content[:a].count("|"), content[:b].count("|")) if cell else (0, 0)
    return place + a + bars[0], place + b + bars[1]


def _without(start: int, end: int, holes: list[Span]) -> Iterator[Span]:
    """Return what is left of a stretch without the holes in it."""
    for a, b in sorted(holes):
        if a > start:
            yield start, min(a, end)
        start = max(start, b)
        if start >= end:
            return
    yield start, end
