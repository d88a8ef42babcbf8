"""Text of a run as Markdown: on one line with all markup escaped, or as its own Markdown in which nothing acts.

An answer is a stranger's text in the notebook: it may be set in tables, lists and code, and may be no heading of the
notebook, no HTML, no picture from elsewhere, no formula and no link but to a web page, a mail address or a file here.
"""

from __future__ import annotations

import html
import re
from functools import cache
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

_MARKUP = re.compile(r"([\\`*_\[\]!$#|~])")
_LONG = 600
_LINES, _TABS = re.compile(r"\r\n?|\n"), re.compile(r"^[ \t]+", re.MULTILINE)
# in this order: code, what is escaped already, and what acts
_ACTS = re.compile(
    r"(?P<code>(?<!`)(`+)(?!`)[\s\S]+?(?<!`)\2(?!`))|(?P<formula>\\(?=\\[(\[]|begin\b))|(?P<escaped>\\[\s\S])"
    r"|(?P<html><)|(?P<dollar>\$)|(?P<picture>!(?=\[))|(?P<link>\](?=[(:]))"
)
_INERT = {"formula": "&#92;", "html": "&lt;", "dollar": "\\$", "picture": "\\!", "link": "\\]"}
_MAY = re.compile(
    r"\](?:\(|: +)(?:https?://|mailto:|#|[\w./%-]+(?=[)\s#?]))"
)  # a link that only leads somewhere
_LEADS = re.compile(r"https?://|mailto:|[^:]*$")


def words(text: str, limit: int = _LONG) -> str:
    """Return text on one line with everything escaped that Markdown or HTML would act on."""
    flat = " ".join(str(text).split())
    flat = flat if len(flat) <= limit else f"{flat[: limit - 1].rstrip()}…"
    return _MARKUP.sub(r"\\\1", html.escape(flat, quote=False))


def quoted(text: str) -> str:
    """Return an answer as a quotation in its own Markdown; what would act, or be a heading, is plain text in it.

    Parameters
    ----------
    text : str
        Markdown of a stranger's.
    """
    made = _TABS.sub(lambda m: m[0].expandtabs(4), text.replace("\0", ""))
    for _ in range(2):  # what stood in a comment is a block of its own once the comment is plain text
        made = _neutral(_LINES.split(made))
    if not _harmless(_quote(made)):
        made = "\n\n".join(words(line, len(line)) for line in _LINES.split(text) if line.strip())
    return _quote(made)


def _quote(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.strip("\n").split("\n"))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # so that `_harmless` sees each
    return parser


def _neutral(lines: list[str]) -> str:
    """Return text in which code stays as it is, a heading is set in bold, and what acts is plain text."""
    tokens = _parser().parse("\n".join(lines))
    code = {n for t in tokens if t.type in ("fence", "code_block") and t.map for n in range(*t.map)}
    heads = {t.map[0]: (t, after.content) for t, after in pairwise(tokens)
             if t.type == "heading_open" and t.map}  # fmt: skip
    found, prose, skip = [], list[str](), 0
    for n, line in enumerate(lines):
        if n in heads:
            skip = (heads[n][0].map or [0, 0])[1]
            prose.append(_bold(line, *heads[n]))
            prose += [""] if skip < len(lines) and lines[skip].strip() else []
        elif n in code or not line.strip():  # code between backticks reaches over lines, not over blank ones
            found += [_ACTS.sub(_inert, "\n".join(prose)), line] if prose else [line]
            prose = []
        elif n >= skip:
            prose.append(line)
    return "\n".join([*found, *([_ACTS.sub(_inert, "\n".join(prose))] if prose else [])])


def _bold(line: str, token: Token, content: str) -> str:
    """Return a heading as a line of its own in bold."""
    first = content.partition("\n")[0]
    start = line.find("#") if token.markup.startswith("#") else line.find(first)
    return f"{line[:start]}**{' '.join(content.replace('**', '').split())}**" if content else line[:start]


def _inert(found: re.Match[str]) -> str:
    kind = next(name for name in ("code", "escaped", *_INERT) if found[name])
    harmless = kind in ("code", "escaped") or (kind == "link" and _MAY.match(found.string, found.start()))
    return found[0] if harmless else _INERT[kind]


def _harmless(text: str) -> bool:
    """Return whether a reader of Markdown sees nothing in a text that acts, loads, or is a heading."""
    tokens = _parser().parse(text)
    for token in (one for t in tokens for one in (t, *(t.children or ()))):
        if token.type in ("heading_open", "html_block", "html_inline", "image"):
            return False
        if token.type == "link_open" and not _LEADS.match(str(token.attrs.get("href", ""))):
            return False
    return True
