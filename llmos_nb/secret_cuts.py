"""What is left of a secret that was cut: by an ellipsis, in the middle of a long text, between two pieces."""

from __future__ import annotations

import re
from collections.abc import Sequence

LEAST = 6  # fewer characters of a value say too little, and are found everywhere
_GAP = re.compile(r"\n?… [\d,]+ bytes left out …\n?")
_CUTS = ("…", "...")
Needles = Sequence[tuple[str, str]]


def cut_somewhere(text: str) -> bool:
    """Tell whether a text says that something was left out of it."""
    return any(c in text for c in _CUTS)


def mended(text: str, needles: Needles) -> str:
    """Put the handle in the place of what an ellipsis has left of each value."""
    for needle, handle in needles:
        if len(needle) > LEAST:
            text = _heads(text, needle, handle)
            text = _tails(text, needle, handle)
    return _middle(text, needles) if " bytes left out …" in text else text


def _heads(text: str, needle: str, handle: str) -> str:
    """Take the beginning of a value before an ellipsis."""
    at = text.find(needle[:LEAST])
    while at >= 0:
        size = _same(text[at : at + len(needle)], needle)
        if text.startswith(_CUTS, at + size):
            text = text[:at] + handle + text[at + size :]
        at = text.find(needle[:LEAST], at + 1)
    return text


def _tails(text: str, needle: str, handle: str) -> str:
    """Take the end of a value after an ellipsis."""
    at = text.find(needle[-LEAST:])
    while at >= 0:
        end = at + LEAST
        begin = end - _same(text[max(end - len(needle), 0) : end][::-1], needle[::-1])
        if text[:begin].endswith(_CUTS):
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
