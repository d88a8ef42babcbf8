"""Where the prose of a Markdown text stands: outside code, formulas, HTML and the addresses of links.

The text is parsed by markdown-it-py. It tells lines, not letters, so the rules for what is no prose are wrapped to note
where they matched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.helpers import parseLinkLabel
from markdown_it.rules_inline import StateInline, autolink, backtick, html_inline, image, link
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin

Span = tuple[int, int]
_Rule = Callable[[StateInline, bool], bool]
_FORMULA = re.compile(
    r"\\\(.+?\\\)|\\\[.+?\\\]|\$\$.+?\$\$"
    r"|(?<!\d)\$(?![\s$])(?!\d[\d.,]*\s[^$\\^_=]*[^\W\d_]{2})(?:\\.|[^$\\])+(?<!\s)\$(?!\d)",  # no amounts: $1 to 3$
    re.DOTALL,
)
_RAISED = re.compile(r"<(su[bp])>[^<\n]*</\1>")


def _formula(state: StateInline, silent: bool) -> bool:
    """Take a formula between dollars, or brackets with backslashes."""
    found = _FORMULA.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.push("math_inline", "math", 0).content = found.group()
    state.pos = found.end()
    return True


_NOT_PROSE: dict[str, _Rule] = {
    "backticks": backtick,
    "math_inline": _formula,
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
            raised = _RAISED.match(state.src, start)  # 10<sup>5</sup>, CO<sub>2</sub>
            state.env["not_prose"].append((end, max(state.pos, raised.end() if raised else 0)))
        return found

    return noted


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin).use(footnote_plugin)
    for name, rule in _NOT_PROSE.items():
        parser.inline.ruler.at(name, _noting(rule))
    parser.inline.ruler.at("link", _noting(link, from_label=True))
    parser.inline.ruler.disable("footnote_inline")
    parser.core.ruler.disable(["inline", "footnote_tail"])
    return parser


@lru_cache(maxsize=32)
def prose(text: str) -> tuple[Span, ...]:
    """Return the stretches of a Markdown text that are prose, in order: first letter, and the one after the last.

    Parameters
    ----------
    text : str
        Markdown: CommonMark, with tables and formulas between dollars.
    """
    starts = [0, *(m.end() for m in re.finditer(r"\r\n?|\n", text)), len(text)]
    found: list[Span] = []
    parser, at, cell = _parser(), 0, False
    known: dict[str, Any] = {}
    for token in parser.parse(text, known):
        if token.type != "inline" or not token.map:
            cell = token.type in ("th_open", "td_open")
            continue
        env: dict[str, Any] = {"references": known.get("references", {}), "not_prose": []}
        parser.inline.parse(token.content, parser, env, [])
        offset = 0
        for content, line in zip(token.content.split("\n"), range(token.map[0], len(starts) - 1), strict=False):
            find = text.find if cell else text.rfind  # of "1. 1" the last one
            escaped = content.replace("|", "\\|") if cell else content
            place = find(escaped, max(at, starts[line]), starts[line + 1])
            if place >= 0:
                at = place + len(escaped)
                for a, b in _without(offset, offset + len(content), env["not_prose"]):
                    before, through = content[: a - offset], content[: b - offset]
                    bars = (
                        (before.count("|"), through.count("|")) if cell else (0, 0)
                    )  # each has a \\ before it
                    found.append((place + len(before) + bars[0], place + len(through) + bars[1]))
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
