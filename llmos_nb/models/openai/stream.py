"""The accumulator of one streamed answer: bytes, split anywhere, in; one whole `Response` out, or a `ModelError`.

The bytes are server-sent events, or one plain JSON body.

Nothing that was not whole ever becomes a call: a stream that ends without saying why it ended is a failed
attempt, and a call inside which the answer was cut off is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from llmos_nb.errors import ModelProtocol, ModelUnavailable
from llmos_nb.messages import Arguments, Finish, Response, ToolCall, Usage, clean, parsed
from llmos_nb.models.openai.errors import SOMEWHERE, Endpoint, classify, not_json

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
        self.at, self.done, self._size = at, False, 0
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
        return [self._object(b"".join(self._rest).removeprefix(b"\xef\xbb\xbf"))]

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
        if len(lines) == 1 and not (name or ended) and lines[0].startswith(b"{"):  # as nearly every event is
            found.append(self._object(lines[0]))
            return
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


@dataclass(slots=True)
class Partial:
    """One call while its pieces arrive."""

    index: int | str | None
    id: str
    name: str
    pieces: list[str] = field(default_factory=list)
    null: bool = False
    named_again: bool = False  # its name came once more after its arguments were whole

    @property
    def text(self) -> str:
        """The arguments, word for word."""
        return "".join(self.pieces) or ("null" if self.null else "")

    @property
    def parsed(self) -> Arguments | None:
        """The arguments as an object; None while they are none."""
        return parse(self.text)


class Calls:
    """Collects the pieces of all calls of one answer, in order.

    Providers number pieces in many ways: the same index for two calls, no index, no id. A name begins a call
    unless it repeats the name of the call that is still being written.
    """

    def __init__(self) -> None:
        self._all: list[Partial] = []

    def take(self, piece: object, whole: bool) -> None:
        """Take a piece of a call, or a whole one."""
        if not isinstance(piece, dict) or not isinstance(function := piece.get("function") or {}, dict):
            raise ModelProtocol("the endpoint sent a tool call that is not the protocol")
        name, index = function.get("name") or "", piece.get("index")
        id_ = piece["id"] if isinstance(piece.get("id"), str) else ""
        if not isinstance(name, str) or not isinstance(index, int | str | None):
            raise ModelProtocol("the endpoint sent a tool call whose name or index is not the protocol")
        current = None if whole else self._current(index, id_)
        if current is None or _begins(current, name, id_, function.get("arguments")):
            current = Partial(index, id_, name or (current.name if current else ""))
            self._all.append(current)
        current.name, current.id = current.name or name, current.id or id_
        if "arguments" in function:
            _argue(current, function["arguments"])

    def _current(self, index: int | str | None, id_: str) -> Partial | None:
        """Find the call that a piece goes on with."""
        if index is not None:
            return next((c for c in reversed(self._all) if c.index == index), None)
        same = next((c for c in reversed(self._all) if id_ and c.id == id_), None)
        return same or (self._all[-1] if self._all else None)

    def whole(self, cut_off: bool, at: Endpoint) -> tuple[tuple[ToolCall, ...], int]:
        """Return the calls, and how many were dropped because the answer was cut off inside them."""
        kept = [c for c in self._all if not cut_off or c.parsed is not None]
        if any(not c.name for c in kept):
            raise ModelProtocol(f"{at.url} sent a tool call without a name")
        return tuple(_call(c) for c in kept), len(self._all) - len(kept)


def _begins(current: Partial, name: str, id_: str, arguments: object) -> bool:
    """Return whether a piece begins another call than the one at its place."""
    if not name:
        return current.named_again and bool(arguments)
    if not current.name:
        return False
    if name != current.name or (id_ and current.id and id_ != current.id):
        return True
    # A name alone may only be repeated: whether it began a call shows when arguments follow.
    current.named_again = current.parsed is not None
    return current.named_again and bool(arguments)


def _argue(call: Partial, arguments: object) -> None:
    if isinstance(arguments, str):
        call.pieces.append(arguments)
    elif arguments is None:
        call.null = True
    else:  # a value in place of its text
        try:
            call.pieces = [json.dumps(arguments)]
        except RecursionError:
            raise ModelProtocol("the endpoint sent arguments that are nested too deeply") from None


def _call(partial: Partial) -> ToolCall:
    """Return a finished call; no arguments at all are an empty object."""
    text = partial.text.strip()
    parsed = parse(text) if text else {}
    return ToolCall(clean(partial.name), clean(text) if parsed is None else parsed)


def parse(text: str) -> Arguments | None:
    """Parse arguments strictly; None for what is no object or holds NaN, an infinity or too deep a nesting."""
    value = parsed(text)
    if not isinstance(value, dict):
        return None
    try:
        strict = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return json.loads(clean(strict)) if "\\ud" in text.lower() else value


T = TypeVar("T")

BYTES_PER_TOKEN = 4

_LENGTH = ("length", "max_tokens", "model_length")
_REFUSED = ("content_filter", "refusal", "safety")
_ABSURD = 1e15  # tokens
_BROKEN = ("error", "abort", "network_error", "insufficient_system_resource")


class Accumulator:
    """Takes the bytes of one answer as they come.

    Parameters
    ----------
    on_text : callable, optional
        Gets text as it arrives, for showing only.
    at : Endpoint, optional
        Names for the errors.
    """

    def __init__(self, on_text: Callable[[str], None] = lambda text: None, at: Endpoint = SOMEWHERE) -> None:
        self._on_text, self._at, self._events = on_text, at, Events(at)
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls, self._usage = Calls(), Usage()
        self._raw: dict[str, Any] = {}
        self._begun, self._finish = False, ""

    @property
    def done(self) -> bool:
        """The endpoint said that nothing more will come."""
        return self._events.done

    def feed(self, piece: bytes) -> None:
        """Take the next bytes, split anywhere.

        Parameters
        ----------
        piece : bytes
            As they came from the network.

        Raises
        ------
        ModelError
            When they cannot be part of an answer, or hold an error.
        """
        for item in self._events.feed(piece):
            self._take(item)

    def finish(self) -> Response:
        """Return the whole answer, after the last bytes.

        Returns
        -------
        Response
            Text and calls together.

        Raises
        ------
        ModelError
            When the answer is not whole.
        """
        for item in self._events.finish():
            self._take(item)
        if not self._begun:
            raise ModelProtocol(f"{self._at.url} answered without choices; check the model and the base URL")
        if not self._finish:
            raise ModelUnavailable(f"the answer of {self._at.url} broke off before its end")
        if self._finish in _BROKEN:
            raise ModelUnavailable(f"{self._at.url} gave up in the middle of its answer ({self._finish})")
        text = joined(self._text + self._refusal)
        if self._refusal or self._finish in _REFUSED:
            return Response(text, (), "refused", self._usage, raw=self._raw)
        cut_off = self._finish in _LENGTH
        calls, dropped = self._calls.whole(cut_off, self._at)
        finish: Finish = "length" if cut_off else "stop"
        return Response(text, calls, finish, self._usage, dropped > 0, self._raw)

    def _take(self, item: dict[str, Any]) -> None:
        if item.get("error") or item.get("object") == "error":
            raise classify(200, item, at=self._at, begun=self._begun)
        if usage := item.get("usage"):
            self._usage = read_usage(usage)
        if not (choices := item.get("choices")) or not _typed(choices, list, "choices"):
            return
        if not self._begun:
            self._begun = True
            self._raw = {k: clean(item[k]) for k in ("id", "model") if isinstance(item.get(k), str)}
        for choice in choices:
            if isinstance(choice, dict) and not choice.get("index"):
                self._choose(choice)

    def _choose(self, choice: dict[str, Any]) -> None:
        """Take one piece of the answer, or all of it where the endpoint does not stream."""
        if (piece := choice.get("delta")) and _typed(piece, dict, "delta"):
            self._piece(piece, whole=False)
        elif (piece := choice.get("message")) and _typed(piece, dict, "message"):
            self._piece(piece, whole=True)
        if (reason := choice.get("finish_reason")) and _typed(reason, str, "finish_reason"):
            self._finish = clean(reason).lower()

    def _piece(self, piece: dict[str, Any], whole: bool) -> None:
        if content := piece.get("content"):
            self._say(_words(content), self._text)
        if refusal := piece.get("refusal"):
            self._say(_words(refusal), self._refusal)
        if calls := piece.get("tool_calls"):
            for call in _typed(calls, list, "tool_calls") or ():
                self._calls.take(call, whole)
        if old := piece.get("function_call"):
            self._calls.take({"index": "function_call", "function": old}, whole)

    def _say(self, text: str, to: list[str]) -> None:
        to.append(text)
        if text:
            self._on_text(clean(text))


def _typed(value: object, kind: type[T], what: str) -> T | None:
    """Return the value if it has the right type, None if there is none."""
    if value is None or isinstance(value, kind):
        return value
    raise ModelProtocol(f"the endpoint's `{what}` is a {type(value).__name__}, which is not the protocol")


def _words(content: object) -> str:
    """Return the text of a content: a str, or a list of parts."""
    if isinstance(content, str):
        return content
    parts = [p.get("text") for p in _typed(content, list, "content") or () if isinstance(p, dict)]
    return "".join(t for t in parts if isinstance(t, str))


def joined(pieces: list[str]) -> str:
    """Join pieces of text; a surrogate pair that was split over two of them becomes one character again."""
    text = "".join(pieces)
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def read_usage(usage: object) -> Usage:
    """Read token counts from what an endpoint sent, or a script says."""
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(_count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")), _count(cached))


def estimated(response: Response, prompt_bytes: int) -> Response:
    """Fill in the tokens, four bytes each, where the endpoint counted none: budgets must not be blind."""
    if response.usage != Usage():
        return response
    said = len(response.text) + sum(len(c.name) + len(str(c.arguments)) for c in response.calls)
    usage = Usage(prompt_bytes // BYTES_PER_TOKEN, said // BYTES_PER_TOKEN + 1)
    return replace(response, usage=usage, raw={**response.raw, "usage": "estimated"})


def _count(value: object) -> int:
    """Return a count, 0 for what is none."""
    return int(value) if isinstance(value, int | float) and 0 < value < _ABSURD else 0
