"""Secrets in a text that comes in pieces: what may be the beginning of one is held back until the rest is there."""

from __future__ import annotations

import re
from collections.abc import Callable

from llmos_nb.secrets.box import box
from llmos_nb.secrets.shapes import SIGNS

HELD = 16_384
_WORD, _PART = re.compile(r"\S*$"), re.compile(r"[\w-]*$")
_KEY, _END = "-----BEGIN ", re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")
_BEGINNINGS = sorted({sign[:n] for sign in (*SIGNS, _KEY) for n in range(1, len(sign))}, key=len, reverse=True)


class Stream:
    """Shows pieces without secrets; call `end` after the last one.

    Parameters
    ----------
    show : callable
        Takes what can be shown.
    """

    def __init__(self, show: Callable[[str], object]) -> None:
        self._show, self._held, self._over = show, "", False

    def __call__(self, piece: str) -> None:
        """Take a piece, and show what is safe by now."""
        text = box.known(self._held + piece)
        ready = len(text) if self._over else _ready(text)
        if len(text) - ready > HELD:
            ready = len(text)
        self._held = text[ready:]
        if ready:
            self._show(box.redact(text[:ready]))

    def end(self) -> None:
        """Show the rest."""
        self._over = True
        self("")


def _ready(text: str) -> int:
    """Give how much of a text holds no beginning of a secret at its end."""
    cut = len(text) - box.unfinished(text)
    word = _WORD.search(text)
    if word is not None and any(s in word[0] for s in SIGNS):
        cut = min(cut, word.start())
    key, ends = text.rfind(_KEY), [m.end() for m in _END.finditer(text)]
    if key >= 0 and not _END.search(text, key):
        cut = min(cut, key)
    begun = next((b for b in _BEGINNINGS if text.endswith(b)), "")
    if begun:  # what a word begins with says whether a key may stand in it
        before = _PART.search(text[: len(text) - len(begun)])
        cut = min(cut, before.start() if before is not None else 0)
    return max(cut, *ends, 0)
