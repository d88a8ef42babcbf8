"""Where the prose of a Markdown text stands: outside code, formulas, HTML and the addresses of links.

The text is parsed by markdown-it-py. It tells lines, not letters, so the rules for what is no prose are wrapped to note
where they matched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.helpers import parseLinkLabel
from markdown_it.rules_inline import StateInline, autolink, backtick, html_inline, image, link
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.dollarmath.index import math_inline_dollar

Span = tuple[int, int]
_Rule = Callable[[StateInline, bool], bool]
_NOT_PROSE: dict[str, _Rule] = {
    "backticks": backtick,
    "math_inline": math_inline_dollar(allow_space=False, allow_digits=False, allow_double=True),
    "html_inline": html_inline,
    "autolink": autolink,
    "image": image,
}


def _noting(rule: _Rule, from_label: bool = False) -> _Rule:
    """Return a rule that notes where it made a token of its own; of a link, from the end of its label on."""

    def noted(state: StateInline, silent: bool) -> bool:
        start, known, pending = state.pos, len(state.tokens), state.pending
        end = parseLinkLabel(state, start) if from_label and state.src[start] == "[" else start
        found = rule(state, silent)
        only_text = len(state.tokens) == known and state.pending != pending
        if found and not silent and not only_text:
            state.env["not_prose"].append((end, state.pos))
        return found

    return noted


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin)
    for name, rule in _NOT_PROSE.items():
        parser.inline.ruler.at(name, _noting(rule))
    parser.inline.ruler.at("link", _noting(link, from_label=True))
    parser.core.ruler.disable(["inline"])
    return parser


@lru_cache(maxsize=32)
def prose(text: str) -> tuple[Span, ...]:
    """Return the stretches of a Markdown text that are prose, in order: first letter, and the one after the last.

    Parameters
    ----------
    text : str
        Markdown: CommonMark, with tables and formulas between dollars.
    """
    lines = text.split("\n")
    starts = [0]
    for each in lines:
        starts.append(starts[-1] + len(each) + 1)
    found: list[Span] = []
    parser, at = _parser(), 0
    known: dict[str, Any] = {}
    for token in parser.parse(text, known):
        if token.type != "inline" or not token.map:
            continue
        env: dict[str, Any] = {"references": known.get("references", {}), "not_prose": []}
        parser.inline.parse(token.content, parser, env, [])
        offset = 0
        for content, line in zip(token.content.split("\n"), range(token.map[0], len(lines)), strict=False):
            place = text.find(content, max(at, starts[line]), starts[line + 1])
            if place >= 0:  # a cell with an escaped bar does not stand there as it is read
                at = place + len(content)
                within = _without(offset, offset + len(content), env["not_prose"])
                found += [(place + a - offset, place + b - offset) for a, b in within]
            offset += len(content) + 1
    return tuple(found)


def _without(start: int, end: int, holes: list[Span]) -> Iterator[Span]:
    """Return what is left of a stretch without the holes in it."""
    for a, b in sorted(holes):
        if a > start:
            yield start, min(a, end)
        start = max(start, b)
        if start >= end:
            return
    yield start, end
