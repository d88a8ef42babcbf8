"""What is left of a secret where a text was cut: its beginning before an ellipsis, its end after one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from operator import eq
from typing import AnyStr

LEAST = 6  # fewer characters of a value say too little, and are found everywhere
_GAP = re.compile(r"\n?… [\d,]+ bytes left out …\n?")
CUTS, CUT_BYTES = ("…", "..."), (b"\\u2026", b"...")
WIDE = 2_048
_NUMERIC = "0123456789, \n"
Needles = Sequence[tuple[str, str]]


def near_cuts(text: AnyStr, cuts: Sequence[AnyStr], width: int) -> AnyStr:
    """Return what stands within `width` of where a text says that something was left out; mostly nothing."""
    parts, end = [], 0
    for at in sorted(i for cut in cuts for i in places(text, cut)):
        begin = max(at - width, end)
        end = max(at + width, end)
        parts.append(text[begin:end])
    return text[:0].join(parts)


def places(text: AnyStr, cut: AnyStr) -> Iterator[int]:
    """Return where something stands in a text."""
    at = text.find(cut)
    while at >= 0:
        yield at
        at = text.find(cut, at + 1)


def mended(text: str, needles: Needles) -> str:
    """Put the handle in the place of what an ellipsis has left of each value."""
    if not (near := near_cuts(text, CUTS, WIDE)):
        return text
    for needle, handle in needles:
        if not needle[:LEAST].strip(_NUMERIC):  # a list of numbers may begin like that
            continue
        if len(needle) > LEAST and needle[:LEAST] in near:
            text = _heads(text, needle, handle, CUTS)
        # the end after an ellipsis is a beginning before one in the mirror
        if len(needle) > LEAST and needle[-LEAST:] in near:
            text = _heads(text[::-1], needle[::-1], handle[::-1], tuple(c[::-1] for c in CUTS))[::-1]
    return _middle(text, needles) if " bytes left out …" in text else text


def _heads(text: str, needle: str, handle: str, cuts: tuple[str, ...]) -> str:
    """Take the beginning of a value before an ellipsis."""
    at = text.find(needle[:LEAST])
    while at >= 0:
        size = _same(text[at : at + len(needle)], needle)
        if text.startswith(cuts, at + size):
            text = text[:at] + handle + text[at + size :]
        at = text.find(needle[:LEAST], at + 1)
    return text


def _same(one: str, two: str) -> int:
    """Count the characters that two texts begin with together."""
    return sum(1 for _ in takewhile(bool, map(eq, one, two)))


def _middle(text: str, needles: Needles) -> str:
    """Take out what is left of a value that was cut where the middle of a long text was left out."""
    if (cut := _GAP.search(text)) is None:
        return text
    head, tail = text[: cut.start()], text[cut.end() :]
    for needle, handle in needles:
        for size in range(len(needle) - 1, LEAST - 2, -1):
            head = head[:-size] + handle if head.endswith(needle[:size]) else head
            tail = handle + tail[size:] if tail.startswith(needle[-size:]) else tail
    return head + cut[0] + tail
