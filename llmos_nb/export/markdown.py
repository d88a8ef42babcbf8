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
_NAME = re.compile(r"((?<![`\\])`[\w.]+`(?!`))")  # as code, in which nothing can act
_LONG = 600
_LINES, _TABS = re.compile(r"\r\n?|\n"), re.compile(r"^[ \t]+", re.MULTILINE)
# in this order: code, what is escaped already, and what acts
_ACTS = re.compile(
    r"(?P<code>(?<!`)(`+)(?!`)[\s\S]+?(?<!`)\2(?!`))|(?P<formula>\\(?=\\[(\[]|begin\b))|(?P<escaped>\\[\s\S])"
    r"|(?P<html><)|(?P<dollar>\$)|(?P<picture>!(?=\[))|(?P<link>\](?=[(:]))"
)
_INERT = {"formula": "&#92;", "html": "&lt;", "dollar": "\\$", "picture": "\\!", "link": "\\]"}
# a link that only leads somewhere
_MAY = re.compile(r"\](?:\(|: +)(?:https?://|mailto:|#|[\w./%-]+(?=[)\s#?]))")
_LEADS = re.compile(r"https?://|mailto:|[^:]*$")


def words(text: str, limit: int = _LONG) -> str:
    """Return text on one line with everything escaped that Markdown or HTML would act on; names in backticks stay."""
    flat = " ".join(str(text).split())
    flat = flat if len(flat) <= limit else f"{flat[: limit - 1].rstrip()}…"
    parts = enumerate(_NAME.split(flat))  # every other one is a name
    return "".join(p if n % 2 else _MARKUP.sub(r"\\\1", html.escape(p, quote=False)) for n, p in parts)


def fenced(text: str, kind: str) -> str:
    """Return text as a block of code whose fence is longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{kind}\n{text.rstrip()}\n{fence}"


def harmless(text: str) -> str:
    """Return a text in its own Markdown, in which what would act, or be a heading, is plain text.

    It is no quotation, since not every reader of Markdown knows tables in those: whoever shows it says whose words they
    are, above it. Whatever follows it is outside all of its blocks.

    Parameters
    ----------
    text : str
        Markdown of a stranger's.
    """
    made = _TABS.sub(lambda m: m[0].expandtabs(4), text.replace("\0", "")).strip("\n")
    for _ in range(2):  # what stood in a comment is a block of its own once the comment is plain text
        made = _neutral(_LINES.split(made))
    last = next((t for t in reversed(_parser().parse(made)) if t.block and t.nesting >= 0), None)
    if last is not None and last.type == "fence" and not last.level and not _is_harmless(made):
        made = f"{made}\n{last.markup}"  # it was never closed
    return made if _is_harmless(made) else "\n\n".join(words(x, len(x)) for x in _LINES.split(text) if x.strip())


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # so that `_is_harmless` sees each
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


def _is_harmless(text: str) -> bool:
    """Return whether in a text, read as Markdown, nothing acts, loads, is a heading, or goes on behind it."""
    tokens = _parser().parse(f"{text}\n\n# behind")
    heads = [t for t in tokens if t.type == "heading_open"]
    if len(heads) != 1 or heads[0] is not tokens[-3] or heads[0].level:
        return False
    for token in (one for t in tokens for one in (t, *(t.children or ()))):
        if token.type in ("html_block", "html_inline", "image"):
            return False
        if token.type == "link_open" and not _LEADS.match(str(token.attrs.get("href", ""))):
            return False
    return True
