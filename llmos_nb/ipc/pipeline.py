r"""Where a goal is a pipe: ``a | b``, each the name of a process or a goal of its own. Pure.

A bar is a pipe only with a space on both sides, outside code, quotes and brackets, and where each side is a process or
says at least two words; on several lines only where it begins one. A table's row is none. ``\|`` is a plain bar.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_SPANS = re.compile(
    r"``[^\n]*?``|`[^`\n]*`|\"[^\"\n]*\"|“[^”\n]*”|(?<!\w)'[^'\n]*'(?!\w)|\([^()\n]*\)|\[[^\[\]\n]*\]|\{[^{}\n]*\}"
)
_BAR = re.compile(r"(?<=\S) +\| +(?=\S)")
_BEGINS = re.compile(r"\n[ \t]*\|[ \t]+(?=\S)")
_ROW = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)
_ESCAPED = re.compile(r"(?<= )\\\|(?= )")


def stages(goal: str, known: Callable[[str], bool]) -> list[str]:
    r"""Give the stages of a goal: itself where it is no pipe.

    Parameters
    ----------
    goal : str
        The body of a ``%%agent`` cell.
    known : callable
        Whether a text is the name or number of a process.

    Returns
    -------
    list of str
        The texts between the bars; ``\|`` between spaces has become ``|``.
    """
    text = goal.strip()
    hidden = _hidden(text)
    bar = _BEGINS if "\n" in text else _BAR
    cuts = [] if _ROW.search(text) else [m.span() for m in bar.finditer(hidden)]
    ends = [0, *(n for cut in cuts for n in cut), len(text)]
    parts = [text[a:b].strip() for a, b in zip(ends[::2], ends[1::2], strict=True)]
    if not all(known(p) or len(p.split()) > 1 for p in parts) or len(parts) == 1:
        return [_ESCAPED.sub("|", goal)]
    return [_ESCAPED.sub("|", p) for p in parts]


def _hidden(text: str) -> str:
    """Blank what stands in code, quotes and brackets, so that places stay the same."""
    while (blank := _SPANS.sub(lambda m: "_" * len(m.group()), text)) != text:
        text = blank
    return text
