"""From bytes, split anywhere, to the JSON objects of an answer: server-sent events, or one plain JSON body."""

from __future__ import annotations

from typing import Any

from llmos_nb.errors import ModelProtocol, ModelUnavailable
from llmos_nb.messages import parsed
from llmos_nb.models.openai.errors import SOMEWHERE, Endpoint, not_json

LARGEST_BYTES = 32 << 20

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
_KEPT = 4096


class Events:
    """A reader of one answer's bytes.

    Parameters
    ----------
    at : Endpoint, optional
        Names for the errors.
    """

    def __init__(self, at: Endpoint = SOMEWHERE) -> None:
        self.at = at
        self.done = False
        self._size = 0
        self._rest: list[bytes] = []  # an unfinished line, or the whole of a body that is no stream
        self._data: list[bytes] = []  # the data lines of an unfinished event
        self._name = b""
        self._streams: bool | None = None

    def feed(self, piece: bytes) -> list[dict[str, Any]]:
        """Take bytes as they came and return the objects that are now whole."""
        self._size += len(piece)
        if self._size > LARGEST_BYTES:
            raise ModelProtocol(f"{self.at.url} sent more than {LARGEST_BYTES >> 20} MiB in one answer")
        self._rest.append(piece)
        if b"\n" not in piece and b"\r" not in piece:
            return []
        if self._streams is None:
            self._streams = self._look()
        return self._lines() if self._streams else []

    def finish(self) -> list[dict[str, Any]]:
        """Return what the end of the bytes makes whole."""
        if self._streams is None:
            self._streams = self._look(ended=True)
        if self._streams:
            self._rest.append(b"\n\n")
            return self._lines(ended=True)
        body = b"".join(self._rest)
        return [self._object(body.removeprefix(b"\xef\xbb\xbf"))]

    def _look(self, ended: bool = False) -> bool | None:
        """Tell by the first line whether this is a stream; None while only blanks came."""
        start = b"".join(self._rest).removeprefix(b"\xef\xbb\xbf").lstrip()
        if not start and not ended:
            self._rest = []
            return None
        return start.startswith(_FIELDS)

    def _lines(self, ended: bool = False) -> list[dict[str, Any]]:
        lines = b"".join(self._rest).splitlines(keepends=True)
        # A lone "\r" at the end may be half of "\r\n", which only costs an empty line.
        self._rest = [lines.pop()] if lines and not lines[-1].endswith((b"\n", b"\r")) else []
        found: list[dict[str, Any]] = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip())
            elif line.startswith(b"{"):  # an error written into the stream as it is
                self._data.append(line.strip())
            elif line.startswith(b"event:"):
                self._name = line[6:].strip()
            elif self._data and not line.strip():
                self._event(found, ended)
        return found

    def _event(self, found: list[dict[str, Any]], ended: bool) -> None:
        """Parse one event's data: one object, or one a line where no blank lines part the events."""
        lines, self._data = self._data, []
        name, self._name = self._name, b""
        if b"[DONE]" in lines:
            self.done = True
        lines = [line for line in lines if line not in (b"", b"[DONE]")]
        if len(lines) > 1 and isinstance(joined := parsed(b"\n".join(lines)), dict):
            found.append(joined)
            return
        for line in lines:
            if ended and parsed(line) is None:
                raise ModelUnavailable(f"the answer of {self.at.url} broke off in the middle of an event")
            item = self._object(line)
            found.append({"error": item} if name == b"error" and "error" not in item else item)

    def _object(self, body: bytes) -> dict[str, Any]:
        value = parsed(body)
        if isinstance(value, list) and value:
            value = value[0]  # some endpoints put their error into a list
        if not isinstance(value, dict):
            raise not_json(body[:_KEPT], self.at)
        return value
