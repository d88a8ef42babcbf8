"""Text without bounds, kept within bounds."""

from __future__ import annotations

from llmos_nb.preview import safe_text
from llmos_nb.stubs import RECORDED


class Record:
    """Text of any length, of which head and tail are kept.

    Parameters
    ----------
    limit : int
        Most bytes of `text`.
    """

    def __init__(self, limit: int = RECORDED) -> None:
        self.limit, self.size = limit, 0
        self._head: list[str] = []
        self._tail: list[str] = []
        self._room, self._tail_chars, self._whole = limit, 0, True

    def add(self, text: str) -> None:
        """Take more text; its true size is counted."""
        self.size += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        if self._room > 0:
            self._head.append(text[: self._room])
            text = text[self._room :]
            self._room -= len(self._head[-1])
        if text:
            self._whole = self._whole and self._tail_chars + len(text) <= self.limit
            self._tail.append(text[-self.limit :])
            self._tail_chars += len(self._tail[-1])
            if self._tail_chars > 4 * self.limit:
                self._squeeze()

    def _squeeze(self) -> None:
        self._tail = ["".join(self._tail)[-self.limit :]]
        self._tail_chars = len(self._tail[0])

    @property
    def text(self) -> str:
        """The text, safe to show, within the limit."""
        self._squeeze()
        head, tail = safe_text("".join(self._head)).encode(), safe_text("".join(self._tail)).encode()
        if self._whole and len(head) + len(tail) <= self.limit:
            return (head + tail).decode()
        mark = f"\n… {max(self.size - self.limit, 1):,} bytes left out …\n"
        room = max(self.limit - len(mark.encode()), 3)
        if self._whole:
            head = tail = head + tail
        front, back = head[: room * 2 // 3], (tail or head)[-(room // 3) :]
        return front.decode("utf-8", "ignore") + mark + back.decode("utf-8", "ignore")
