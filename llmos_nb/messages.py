"""What travels between a process, a model and a tool: plain, frozen, encoded once."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
Arguments = dict[str, Any]


class Gap(str):
    """A piece of an answer that is still written, in the place of what an expression will give."""

    __slots__ = ()


GAP = Gap("…")


def clean(text: str) -> str:
    """Replace lone surrogates, which no endpoint and no file takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _encoder(sort_keys: bool) -> Callable[[object], str]:
    """Return what encodes as compact ASCII JSON; that of `json` makes its machinery anew for each value."""
    plain = json.JSONEncoder(sort_keys=sort_keys, separators=(",", ":"), allow_nan=False)
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return plain.encode
    text = json.encoder.encode_basestring_ascii
    pieces = make(None, plain.default, text, None, ":", ",", sort_keys, False, False)
    return lambda value: "".join(pieces(value, 0))


_sorted, _as_given = _encoder(True), _encoder(False)


def compact(value: object, sort_keys: bool = False) -> bytes:
    """Encode as compact ASCII JSON bytes; NaN and infinities become null."""
    encode = _sorted if sort_keys else _as_given
    try:
        return encode(value).encode()
    except ValueError:
        return encode(finite(value)).encode()


def is_strict(value: object) -> bool:
    """Return whether plain data is JSON as it is: without NaN and infinities, and not nested too deep."""
    try:
        _as_given(value)
    except (ValueError, RecursionError):
        return False
    return True


def finite(value: Any) -> Any:
    """Copy plain data with NaN and infinities replaced by None."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return value


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a message that is not plain text.

    Parameters
    ----------
    kind : {"text", "image", "table"}
        What it is.
    text : str
        The text, or the words that stand for the image or table.
    mime : str
        Media type of `data`, such as ``image/png``.
    data : bytes
        The raw bytes of an image; empty otherwise.
    """

    kind: Literal["text", "image", "table"]
    text: str
    mime: str = "text/plain"
    data: bytes = b""

    def wire(self) -> dict[str, Any]:
        """Return the part in the form of Chat Completions."""
        if self.kind == "image" and self.data:
            url = f"data:{self.mime};base64,{base64.b64encode(self.data).decode()}"
            return {"type": "image_url", "image_url": {"url": url}}
        return {"type": "text", "text": clean(self.text)}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that a model proposes; nothing has run yet.

    Parameters
    ----------
    name : str
        The tool's exact name.
    arguments : dict or str
        Parsed arguments; a str is what could not be parsed as an object, word for word.
    id : str
        The process's own name for it, ``r{response}.{index}``; empty until `fold` gives it.
    """

    name: str
    arguments: Arguments | str
    id: str = ""


Extra = dict[str, Any]
"""What a provider wants back with its answer, untouched: ``{"by": who, "message": {…}, "calls": [{…}, …]}``."""


@dataclass(frozen=True)
class Message:
    """One message of a prompt, encoded to bytes once in its life; `extra` goes back to whoever gave it alone."""

    role: Role
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    call: str = ""
    parts: tuple[Part, ...] = ()
    extra: Extra | None = None

    @cached_property
    def encoded(self) -> bytes:
        """The message as JSON bytes in the form of Chat Completions."""
        return compact(self.wire())

    @cached_property
    def bare(self) -> Message:
        """The message without what only one provider knows."""
        return self if self.extra is None else replace(self, extra=None)

    def wire(self) -> dict[str, Any]:
        """Return the message in the form of Chat Completions."""
        body: dict[str, Any] = {"role": self.role}
        if self.text or not self.calls:
            body["content"] = clean(self.text)
        if self.parts and self.role != "tool":  # no endpoint takes images there; see `pictures`
            body["content"] = [{"type": "text", "text": clean(self.text)}, *(p.wire() for p in self.parts)]
        if self.calls:
            body["tool_calls"] = [_wire_call(c) for c in self.calls]
        if self.call:
            body["tool_call_id"] = self.call
        if self.extra is not None:
            for call, more in zip(body.get("tool_calls", ()), self.extra.get("calls", ()), strict=False):
                call.update({k: v for k, v in more.items() if k not in call})
            body |= {k: v for k, v in self.extra.get("message", {}).items() if k not in body}
        return body


def _wire_call(call: ToolCall) -> dict[str, Any]:
    """Return a call in wire form; malformed arguments go back as ``{}`` (some servers parse the history)."""
    arguments = compact(call.arguments, sort_keys=True).decode() if isinstance(call.arguments, dict) else "{}"
    return {"id": call.id, "type": "function", "function": {"name": clean(call.name), "arguments": arguments}}


CACHED = 0.1  # what a token costs that the provider has in its cache, of one that it has not


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer, as the endpoint counted them (0 where it did not); `cached` are those of the prompt."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0

    @property
    def charged(self) -> int:
        """What it costs, in tokens at full price: a cached one costs a tenth."""
        cached = min(self.cached, self.prompt)
        return round(self.prompt - cached + CACHED * cached) + self.completion


Finish = Literal["stop", "length", "refused"]


@dataclass(frozen=True, slots=True)
class Response:
    """One whole answer of a model: text and calls together.

    Parameters
    ----------
    text : str
        What it said.
    calls : tuple of ToolCall
        What it proposes to run, without ids.
    finish : {"stop", "length", "refused"}
        Why it ended. A call cut off by ``length`` is never in `calls`; then `cut` is true.
    usage : Usage
        Tokens.
    cut : bool
        A call was cut off and dropped.
    raw : dict
        What the adapter wants to keep for the record (raw replies, seeds, reasoning), as plain data.
    extra : dict, optional
        What must go back with it, untouched, to whoever gave it.
    """

    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: Finish = "stop"
    usage: Usage = Usage()
    cut: bool = False
    raw: dict[str, Any] = field(default_factory=dict)
    extra: Extra | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt for one attempt.

    Parameters
    ----------
    messages : tuple of Message
        Head, ledger and window in order; the first is the system message.
    tools : tuple of dict
        Wire form of each tool, ``{"type": "function", "function": {…}}``.
    tools_encoded : bytes
        The same as JSON bytes, encoded once.
    max_tokens : int, optional
        Bound on the answer.
    """

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] = ()
    tools_encoded: bytes = b"[]"
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call gave back, before it is bounded.

    Parameters
    ----------
    ok : bool
        It ran without an error.
    text : str
        What the model is shown of it.
    error : str
        Name of the error's type, empty when `ok`.
    parts : tuple of Part
        Images and tables beside the text.
    changes : dict, optional
        ``{"created", "rebound", "mutated", "deleted": [names], "digests": {name: hex}}`` of a namespace step.
    facts : dict
        Anything else worth recording, as plain data.
    value : object
        What the function gave, for the gate to look at; never recorded.
    """

    ok: bool
    text: str
    error: str = ""
    parts: tuple[Part, ...] = ()
    changes: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    value: Any = field(default=None, compare=False, repr=False)


def canonical(value: object) -> str:
    """Encode plain data as sorted, compact ASCII JSON; NaN and infinities become null."""
    try:
        return _sorted(value)
    except ValueError:
        return _sorted(finite(value))


_scan = vars(json.JSONDecoder())["scan_once"]


def parsed(text: str | bytes, default: Any = None) -> Any:
    """Return what JSON text holds, or the default where it is none."""
    try:
        if isinstance(text, bytes) and text.startswith(b'{"'):  # no other encoding begins so
            text = text.decode("utf-8", "surrogatepass")
        value, end = _scan(text, 0) if isinstance(text, str) and text[:1] == "{" else (None, -1)
        return value if end == len(text) else json.loads(text)  # which takes blanks around it, too
    except (ValueError, RecursionError, StopIteration):
        return default


def now() -> str:
    """Return the time in UTC as ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
