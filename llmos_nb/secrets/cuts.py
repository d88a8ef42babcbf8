"""What is left of a secret that was cut: by an ellipsis, in the middle of a long text, between two pieces."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import AnyStr

LEAST = 6  # fewer characters of a value say too little, and are found everywhere
_GAP = re.compile(r"\n?… [\d,]+ bytes left out …\n?")
CUTS, CUT_BYTES = ("…", "..."), (b"\\u2026", b"...")
WIDE = 2_048
Needles = Sequence[tuple[str, str]]


def near_cuts(text: AnyStr, cuts: Sequence[AnyStr], width: int) -> AnyStr:
    """Give what stands within `width` of where a text says that something was left out; mostly nothing."""
    parts, end = [], 0
    for at in sorted(i for cut in cuts for i in _places(text, cut)):
        begin = max(at - width, end)
        end = max(at + width, end)
        parts.append(text[begin:end])
    return text[:0].join(parts)


def _places(text: AnyStr, cut: AnyStr) -> Iterator[int]:
    at = text.find(cut)
    while at >= 0:
        yield at
        at = text.find(cut, at + 1)


def mended(text: str, needles: Needles) -> str:
    """Put the handle in the place of what an ellipsis has left of each value."""
    near = near_cuts(text, CUTS, WIDE)
    if not near:
        return text
    for needle, handle in needles:
        if len(needle) > LEAST and needle[:LEAST] in near:
            text = _heads(text, needle, handle)
        if len(needle) > LEAST and needle[-LEAST:] in near:
            text = _tails(text, needle, handle)
    return _middle(text, needles) if " bytes left out …" in text else text


def _heads(text: str, needle: str, handle: str) -> str:
    """Take the beginning of a value before an ellipsis."""
    at = text.find(needle[:LEAST])
    while at >= 0:
        size = _same(text[at : at + len(needle)], needle)
        if text.startswith(CUTS, at + size):
            text = text[:at] + handle + text[at + size :]
        at = text.find(needle[:LEAST], at + 1)
    return text


def _tails(text: str, needle: str, handle: str) -> str:
    """Take the end of a value after an ellipsis."""
    at = text.find(needle[-LEAST:])
    while at >= 0:
        end = at + LEAST
        begin = end - _same(text[max(end - len(needle), 0) : end][::-1], needle[::-1])
        if text[:begin].endswith(CUTS):
            text = text[:begin] + handle + text[end:]
            end = begin + len(handle)
        at = text.find(needle[-LEAST:], end)
    return text


def _same(one: str, two: str) -> int:
    """Count the characters that two texts begin with together."""
    return next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))


def _middle(text: str, needles: Needles) -> str:
    """Take out what is left of a value that was cut where the middle of a long text was left out."""
    cut = _GAP.search(text)
    if cut is None:
        return text
    head, tail = text[: cut.start()], text[cut.end() :]
    for needle, handle in needles:
        for size in range(len(needle) - 1, LEAST - 2, -1):
            head = head[:-size] + handle if head.endswith(needle[:size]) else head
            tail = handle + tail[size:] if tail.startswith(needle[-size:]) else tail
    return head + cut[0] + tail


def unfinished(text: str, needles: Needles) -> int:
    """Count the last characters of a text that may be the beginning of a value."""
    longest = 0
    for needle, _ in needles:
        tail = text[-(len(needle) - 1) :] if len(needle) > 1 else ""
        at = tail.find(needle[0])
        while at >= 0 and len(tail) - at > longest:
            if needle.startswith(tail[at:]):
                longest = len(tail) - at
                break
            at = tail.find(needle[0], at + 1)
    return longest
