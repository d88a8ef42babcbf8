"""The accumulator of one streamed answer: bytes, split anywhere, in; one whole `Response` out, or a `ModelError`.

The bytes are server-sent events, or one plain JSON body.

Nothing that was not whole ever becomes a call: a stream that ends without saying why it ended is a failed
attempt, and a call inside which the answer was cut off is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from llmos_nb.errors import ModelProtocol, ModelUnavailable
from llmos_nb.messages import Extra, Finish, Response, Usage, clean, parsed
from llmos_nb.models.openai import reasoning
from llmos_nb.models.openai.calls import Calls, grown
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
            item = parsed(lines[0])
            found.append(item if type(item) is dict else self._object(lines[0]))
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


BYTES_PER_TOKEN = 4

_LENGTH = ("length", "max_tokens", "model_length")
_REFUSED = (
    "content_filter", "refusal", "safety", "sensitive", "recitation", "prohibited_content", "blocklist", "spii",
    "image_safety",
)  # fmt: skip
_ABSURD = 1e15  # tokens
_BROKEN = ("error", "abort", "malformed_function_call", "insufficient_system_resource")
_OF_MESSAGE = frozenset(("role", "content", "refusal", "tool_calls", "function_call", "audio", "annotations", "name"))


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
        self._spoken = reasoning.Spoken(on_text)
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._thought: list[str] = []
        self._extra: dict[str, Any] = {}
        self._calls, self._usage = Calls(on_text), Usage()
        self._raw: dict[str, Any] = {}
        self._begun, self._finish = False, ""

    @property
    def begun(self) -> bool:
        """Whether anything of an answer has come, and not only signs of life."""
        return bool(self._finish or self._calls or self._extra or any(self._text))

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
        if not self._finish and self.done and not self._calls.halved:
            self._finish = "stop"  # it said that it is done, but not why
        if not self._finish:
            raise ModelUnavailable(f"the answer of {self._at.url} broke off before its end")
        if self._finish.endswith(_BROKEN):
            raise ModelUnavailable(f"{self._at.url} gave up in the middle of its answer ({self._finish})")
        self._spoken.end()
        thought, text = reasoning.split(joined(self._text))
        if thought or self._thought:
            self._raw["reasoning"] = clean(joined([*self._thought, thought]))
        if self._refusal or self._finish in _REFUSED:
            said = f"the content filter of {self._at.url} stopped the answer ({self._finish})"
            return Response(text + joined(self._refusal) or said, (), "refused", self._usage, raw=self._raw)
        cut_off = self._finish in _LENGTH
        calls, dropped = self._calls.whole(cut_off, self._at)
        finish: Finish = "length" if cut_off else "stop"
        return Response(text, calls, finish, self._usage, dropped > 0, self._raw, self._opaque())

    def _opaque(self) -> Extra | None:
        """Return what goes back to the provider with the answer, and to nobody else."""
        calls = self._calls.extras
        if not (self._extra or calls):
            return None
        found: Extra = {"by": self._at.by}
        return found | ({"message": self._extra} if self._extra else {}) | ({"calls": calls} if calls else {})

    def _take(self, item: dict[str, Any]) -> None:
        if item.get("error") or item.get("object") == "error":
            raise classify(200, item, at=self._at, begun=self._begun)
        if usage := item.get("usage"):
            self._usage = read_usage(usage)
        if not (choices := item.get("choices")):
            return
        if type(choices) is not list:
            raise _mistyped(choices, "choices")
        if not self._begun:
            self._begun = True
            self._raw = {k: clean(item[k]) for k in ("id", "model") if isinstance(item.get(k), str)}
        for choice in choices:
            if isinstance(choice, dict) and not choice.get("index"):
                self._choose(choice)

    def _choose(self, choice: dict[str, Any]) -> None:
        """Take one piece of the answer, or all of it where the endpoint does not stream."""
        if piece := choice.get("delta"):
            self._piece(piece, "delta")
        elif piece := choice.get("message"):
            self._piece(piece, "message")
        if reason := choice.get("finish_reason"):
            if type(reason) is not str:
                raise _mistyped(reason, "finish_reason")
            self._finish = clean(reason).lower()

    def _piece(self, piece: dict[str, Any], what: str) -> None:
        if type(piece) is not dict:
            raise _mistyped(piece, what)
        if content := piece.get("content"):
            self._say(_words(content), self._text)
            if isinstance(content, list):
                self._thought += [_words(p.get("thinking")) for p in content if isinstance(p, dict)]
        if refusal := piece.get("refusal"):
            self._say(_words(refusal), self._refusal)
        if not _OF_MESSAGE.issuperset(piece):
            more = {k: v for k, v in piece.items() if k not in _OF_MESSAGE and v}
            self._extra |= {k: grown(self._extra.get(k), v, k) for k, v in more.items()}
        if calls := piece.get("tool_calls"):
            if type(calls) is not list:
                raise _mistyped(calls, "tool_calls")
            for call in calls:
                self._calls.take(call, what == "message")
        if old := piece.get("function_call"):
            self._calls.take({"index": "function_call", "function": old}, what == "message")

    def _say(self, text: str, to: list[str]) -> None:
        to.append(text)
        if text:
            (self._on_text if self._spoken.open else self._spoken)(clean(text))


def _mistyped(value: object, what: str) -> ModelProtocol:
    return ModelProtocol(f"the endpoint's `{what}` is a {type(value).__name__}, which is not the protocol")


def _words(content: object) -> str:
    """Return the text of a content: a str, or a list of parts."""
    if isinstance(content, str):
        return content
    if content is not None and not isinstance(content, list):
        raise _mistyped(content, "content")
    parts = [p.get("text") for p in content or () if isinstance(p, dict)]
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
    cached = cached or usage.get("prompt_cache_hit_tokens") or usage.get("cached_tokens")
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
