"""A result as the model reads it: what stands there again and again, once with how often. The record has all of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from llmos_nb.process.state.state import State, say
from llmos_nb.tools import Call

STDERR, SAVES = "stderr", 200  # characters that must be saved where a person would see at once how often it stands
_BLOCK = re.compile(r"^((?:[^\S\n]*\S.*\n){1,6}?)\1{3,}", re.MULTILINE)


def folded(s: State, call: Call) -> str:
    """Return a result in which each line that went to stderr stands once, and an equal block under another, too."""
    text, pieces = call.result, call.facts.get("outputs") or []
    if len(lines := text.splitlines()) == len(set(lines)):  # mostly there is nothing to look for
        return text
    if any(kind == STDERR for kind, *_ in pieces):
        text = "".join(_once(s, list(_lines(text, pieces))))
    return _BLOCK.sub(lambda m: _one(s, m), text)


def _lines(text: str, pieces: Iterable[Any]) -> Iterator[tuple[str, bool]]:
    """Yield each line with whether it went to stderr; what stands behind the pieces did not."""
    at = 0
    for kind, chars, *_ in [*pieces, ("", len(text))]:
        yield from ((line, kind == STDERR) for line in text[at : at + chars].splitlines(keepends=True))
        at += chars


def _once(s: State, lines: list[tuple[str, bool]]) -> Iterator[str]:
    times, seen, first = Counter(line for line, err in lines if err), set[str](), list[tuple[str, int]]()
    for line, err in lines:
        if not (err and line in seen):
            first.append((line, times[line] if err and line.strip() else 1))
            seen |= {line} if err else set()
    for count, group in groupby(first, key=lambda one: one[1]):
        block = [line for line, _ in group]
        yield from block
        if count > 1:
            yield ("" if block[-1].endswith("\n") else "\n") + _often(s, len(block), count)


def _one(s: State, found: re.Match[str]) -> str:
    block, whole = found[1], found[0]
    short = len(whole) - len(block) < SAVES
    return whole if short else block + _often(s, block.count("\n"), len(whole) // len(block))


def _often(s: State, lines: int, times: int) -> str:
    return say(s, "stood_often", lines="line" if lines == 1 else f"{lines} lines", times=times) + "\n"
