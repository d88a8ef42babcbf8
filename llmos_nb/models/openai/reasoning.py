"""Reasoning that a model writes into its text, between tags: kept for the record, and no part of the answer."""

from __future__ import annotations

import re
from collections.abc import Callable

_TAGS = ("think", "thinking", "thought", "reasoning", "seed:think")
_NAMES = "|".join(_TAGS)
_BEGIN = re.compile(rf"\s*(?:<({_NAMES})>|(\[THINK\]))")
# Some templates write the first tag into the prompt: then the last one stands alone, at the end of its line.
_LONE_END = re.compile(rf"\A(?!\s*<({_NAMES})>)((?:(?!```).)*?)(?:^|\n)[ \t]*</({_NAMES})>[ \t]*(?:\n|\Z)", re.S)
_LONGEST = max(map(len, _TAGS)) + 3


def _end_of(begin: re.Match[str]) -> str:
    return f"</{begin[1]}>" if begin[1] else "[/THINK]"


def split(text: str) -> tuple[str, str]:
    """Return the reasoning at the beginning of a text, and what is said.

    Reasoning that does not end is all that there is. Tags that stand further on are quoted, and stay.
    """
    thoughts = []
    while (begin := _BEGIN.match(text)) is not None:
        thought, ended, rest = text[begin.end() :].partition(_end_of(begin))
        thoughts.append(thought.strip())
        text = rest.lstrip() if ended else ""
    if not thoughts and "</" in text and (lone := _LONE_END.match(text)) is not None:
        return lone[2].strip(), text[lone.end() :].lstrip()
    return "\n\n".join(filter(None, thoughts)), text


class Spoken:
    """Shows pieces of a text as they come, without the reasoning at its beginning; call `end` after the last one.

    Parameters
    ----------
    show : callable
        Takes what is said.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show, self._held, self._end = show, "", ""
        self._thought = self.open = False  # open: what comes now is said

    def __call__(self, piece: str) -> None:
        """Take a piece, and show what is said by now."""
        if self.open:
            self._show(piece)
            return
        self._held += piece
        if self._end:
            at = self._held.find(self._end)
            if at < 0:
                self._held = self._held[-len(self._end) :]
                return
            self._held, self._end = self._held[at + len(self._end) :], ""
        start = self._held.lstrip()
        if (begin := _BEGIN.match(start)) is not None:
            self._held, self._end, self._thought = start[begin.end() :], _end_of(begin), True
            self("")
        elif start and not (start[0] in "<[" and len(start) < _LONGEST and ">" not in start and "]" not in start):
            said, self.open, self._held = start if self._thought else self._held, True, ""
            self._show(said)

    def end(self) -> None:
        """Show what was held back, unless it is reasoning."""
        if not (self.open or self._end) and self._held.strip():
            self._show(self._held)
        self.open = True
