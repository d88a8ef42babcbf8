"""What a cell of the user's shows, noted on its way to the page: a hash of each output, and short texts whole."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

KEPT_CHARS = 8_192  # of a text; of a longer one only the hash and the size are kept
MOST = 50  # outputs of a cell
_RESULT, _DISPLAY = "execute_result", "display_data"


class Output:
    """One output of a cell.

    Parameters
    ----------
    kind : str
        ``stream``, ``execute_result`` or ``display_data``.
    name : str
        Of a stream: ``stdout`` or ``stderr``.
    """

    def __init__(self, kind: str, name: str = "") -> None:
        self.kind, self.name, self.mimes = kind, name, list[str]()
        self._hash, self.size, self._text = sha256(), 0, list[str]()

    def add(self, text: str) -> None:
        """Take more of its text."""
        raw = text.encode("utf-8", "replace")
        self._hash.update(raw)
        if self.size <= KEPT_CHARS:
            self._text.append(text)
        self.size += len(raw)

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        found: dict[str, Any] = {"type": self.kind, "sha256": self._hash.hexdigest(), "size": self.size}
        found |= {"name": self.name} if self.name else {}
        found |= {"mimes": self.mimes} if self.mimes else {}
        image = any(m.startswith("image/") for m in self.mimes)
        return found if image or self.size > KEPT_CHARS else {**found, "text": "".join(self._text)}


class Outputs:
    """Follows what the cells of a kernel show; where there is no kernel, nothing.

    Parameters
    ----------
    ip : InteractiveShell
        Whose cells.
    """

    def __init__(self, ip: Any) -> None:
        self._ip, self._open = ip, list[Output]() if hasattr(ip, "kernel") else None
        self._listening = False
        self._streams: list[tuple[Any, Any, Any]] = []

    def install(self) -> None:
        """Begin to look."""
        if self._open is None:
            return
        for publisher in (self._ip.display_pub, self._ip.displayhook):
            if hasattr(publisher, "register_hook"):
                publisher.register_hook(self._message)

    def remove(self) -> None:
        """Look no more."""
        for publisher in (self._ip.display_pub, self._ip.displayhook):
            if hasattr(publisher, "unregister_hook"):
                publisher.unregister_hook(self._message)
        self._let_go()

    def begin(self) -> None:
        """Begin with a cell."""
        if self._open is not None:
            self._open.clear()
            self._listening = True
            self._take_streams()

    def _take_streams(self) -> None:
        """Look at what is printed, for this cell alone: IPython itself puts a writer before the stream in each."""
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            stream = getattr(stream, "stream", stream)  # what a proxy of a step stands before
            if hasattr(stream, "pub_thread"):
                before, written = vars(stream).get("write"), self._writing(name, stream.write)
                stream.write = written
                self._streams.append((stream, before, written))

    def _let_go(self) -> None:
        for stream, before, written in self._streams:
            if vars(stream).get("write") is not written:  # somebody else has put something before it
                continue
            if before is None:
                del stream.write
            else:
                stream.write = before
        self._streams = []

    def end(self) -> list[dict[str, Any]]:
        """Return what the cell has shown."""
        self._listening = False
        self._let_go()
        found = [output.plain() for output in self._open or ()]
        (self._open or []).clear()
        return found

    def _of(self, kind: str, name: str) -> Output | None:
        """Return the output that more belongs to; None beyond the most of a cell."""
        opened = self._open if self._open is not None else []
        if opened and kind == "stream" and (opened[-1].kind, opened[-1].name) == (kind, name):
            return opened[-1]
        if len(opened) >= MOST:
            return None
        opened.append(Output(kind, name))
        return opened[-1]

    def _writing(self, name: str, write: Callable[[str], Any]) -> Callable[[str], Any]:
        def written(string: str) -> Any:
            if self._listening and isinstance(string, str) and (output := self._of("stream", name)) is not None:
                output.add(string)
            return write(string)

        return written

    def _message(self, message: dict[str, Any]) -> dict[str, Any]:
        """Look at a display message; it goes on as it is."""
        kind = message.get("header", {}).get("msg_type")
        if self._listening and kind in (_RESULT, _DISPLAY):
            data: Mapping[str, Any] = message["content"]["data"]
            if (output := self._of(kind, "")) is not None:
                image = next((m for m in data if m.startswith("image/")), "")
                output.mimes = sorted(data)
                output.add(str(data[image] if image else data.get("text/plain", "")))
        return message
