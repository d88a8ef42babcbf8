"""What is done to a cell's text before IPython runs it, so that `%agent` and `%%agent` are awaited."""

from __future__ import annotations

import re

_CALL = re.compile(r"^(\s*(?:[\w.]+\s*=\s*)?)(get_ipython\(\)\.run_(?:cell|line)_magic\('agent',)")
_TIMERS = re.compile(r"\s*%%(time|timeit|capture|prun)\b")


def awaited(lines: list[str]) -> list[str]:
    """Put ``await`` before the calls of our magic (runs after IPython's own transforms)."""
    return [_CALL.sub(r"\1await \2", line) for line in lines]


def tidy(lines: list[str]) -> list[str]:
    """Take comments above `%%agent` away, and give an empty body a line, so that IPython sees a cell magic."""
    first = next(
        (i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), None
    )
    if first is None:
        return lines
    timer = _TIMERS.match(lines[first])
    if timer and any(line.startswith("%%agent") for line in lines[first + 1 : first + 3]):
        return [f"%agent --under %%{timer.group(1)}\n"]
    if not lines[first].startswith("%%agent") or lines[first].rstrip().endswith("?"):
        return lines
    rest = lines[first:]
    return rest if len(rest) > 1 else [rest[0].rstrip("\n") + "\n", "\n"]


tidy.has_side_effects = True  # type: ignore[attr-defined]  # IPython looks for it: not to be run for is_complete
