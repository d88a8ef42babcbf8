"""A scripted turn as the bytes an endpoint would send, with every fault an endpoint can have.

`ScriptedModel` plays these bytes through the same accumulator as real answers; an HTTP server can send them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

End = Literal["close", "drop", "stall", "unreachable"]
PIECE = 12  # characters a piece of streamed text
_DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Turn:
    """One turn of a script.

    Parameters
    ----------
    text : str
        What the model says.
    calls : tuple of dict
        ``{"name", "arguments"}``; arguments are an object, or a str that is sent word for word.
    wait_s : float
        Seconds before the answer begins.
    fault : str
        A name from `FAULTS`, or empty.
    usage : dict
        ``{"prompt", "completion", "cached"}``; what is missing is estimated.
    """

    text: str = ""
    calls: tuple[dict[str, Any], ...] = ()
    wait_s: float = 0.0
    fault: str = ""
    usage: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Played:
    """What goes over the wire for one turn: a status, headers, the body in pieces, and how it ends."""

    pieces: tuple[bytes, ...] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    end: End = "close"


def play(turn: Turn, prompt_bytes: int = 0) -> Played:
    """Return what goes over the wire for a turn.

    Parameters
    ----------
    turn : Turn
        What is to be answered, and with which fault.
    prompt_bytes : int
        Size of the prompt, to estimate its tokens.

    Returns
    -------
    Played
        Status, headers and pieces.
    """
    played = Played(tuple(_stream(turn, prompt_bytes)), headers={"content-type": "text/event-stream"})
    return _SHAPES[turn.fault](played, turn) if turn.fault in _SHAPES else played


def _stream(turn: Turn, prompt_bytes: int) -> Iterator[bytes]:
    yield _event({"role": "assistant", "content": ""})
    for i in range(0, len(turn.text), PIECE):
        yield _event({"content": turn.text[i : i + PIECE]})
    for i, call in enumerate(turn.calls):  # as endpoints do: its name first, its arguments in two halves
        text = arguments_text(call)
        yield _event({"tool_calls": [{"index": i, **whole_call(i, {**call, "arguments": ""})}]})
        for half in (text[: len(text) // 2], text[len(text) // 2 :]):
            yield _event({"tool_calls": [{"index": i, "function": {"arguments": half}}]})
    yield _event({}, "tool_calls" if turn.calls else "stop")
    yield _sse({"choices": [], "usage": usage(turn, prompt_bytes)})
    yield _DONE


def whole_call(i: int, call: dict[str, Any]) -> dict[str, Any]:
    """Return a call as an endpoint sends it in one piece."""
    function = {"name": call["name"], "arguments": arguments_text(call)}
    return {"id": f"call_{i}", "type": "function", "function": function}


def arguments_text(call: dict[str, Any]) -> str:
    """Return the arguments of a call as text, word for word where they are text already."""
    arguments = call.get("arguments", {})
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def usage(turn: Turn, prompt_bytes: int) -> dict[str, Any]:
    """Return the tokens of a turn, four bytes each where the script does not say."""
    size = len(turn.text) + sum(len(arguments_text(c)) for c in turn.calls)
    prompt = turn.usage.get("prompt", prompt_bytes // 4)
    completion = turn.usage.get("completion", size // 4 + 1)
    details = {"cached_tokens": turn.usage.get("cached", 0)}
    return {"prompt_tokens": prompt, "completion_tokens": completion, "prompt_tokens_details": details}


def _event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return _sse({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _sse(item: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(item).encode() + b"\n\n"


Shape = Callable[[Played, Turn], Played]


def _half(end: End, *last: bytes) -> Shape:
    """Send half of the answer and these, then end like this."""
    return lambda sent, _: replace(sent, pieces=(*sent.pieces[: len(sent.pieces) // 2], *last), end=end)


def _status(status: int, message: str, code: str = "", **headers: str) -> Shape:
    """Answer with an HTTP error."""
    body = json.dumps({"error": {"message": message, "code": code or None}}).encode()
    named = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return lambda *_: Played((body,), status, named)


def _instead(body: bytes, kind: str = "application/json") -> Shape:
    """Answer 200 with a body that is no answer."""
    return lambda *_: Played((body,), headers={"content-type": kind})


def _events(*items: dict[str, Any]) -> Shape:
    """Stream these events and the end of the stream."""
    return lambda played, _: replace(played, pieces=(*map(_sse, items), _DONE))


def _ended_by(finish: str) -> Shape:
    """Stream the text of the turn, then end for this reason."""

    def shape(played: Played, turn: Turn) -> Played:
        pieces = (*_stream(replace(turn, calls=()), 0),)[:-3]
        return replace(played, pieces=(*pieces, _event({}, finish), _DONE))

    return shape


def _instead_of_last(n: int, *pieces: bytes) -> Shape:
    """Send these in place of the last pieces."""
    return lambda played, _: replace(played, pieces=(*played.pieces[:-n], *pieces))


def _recalled(change: Callable[[int, dict[str, Any]], dict[str, Any]]) -> Shape:
    """Send each call whole in one event, changed in this way."""

    def shape(played: Played, turn: Turn) -> Played:
        calls = [change(i, {"index": i, **whole_call(i, c)}) for i, c in enumerate(turn.calls)]
        pieces = [_event({"tool_calls": [c]}) for c in calls]
        return replace(played, pieces=(*pieces, _event({}, "tool_calls"), _DONE))

    return shape


def _arguing(arguments: object) -> Shape:
    """Send these arguments in place of those of the turn."""
    return _recalled(lambda _, c: {**c, "function": {**c["function"], "arguments": arguments}})


def _objects(_: int, call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {**call, "id": None, "function": {**function, "arguments": json.loads(function["arguments"])}}


_BROKEN = {"message": "the server had an error", "type": "server_error"}
_PAGE = b"<!doctype html><html><title>502 Bad gateway</title><body>proxy</body></html>"
_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_OVERFLOW = "This model's maximum context length is 8192 tokens. Please reduce the length of the messages."

_SHAPES: dict[str, Shape] = {
    "unreachable": lambda *_: Played(end="unreachable"),
    "drop": _half("drop"),
    "stall": _half("stall"),
    "no_finish": _instead_of_last(3),
    "server_error": _half("close", _sse({"error": _BROKEN})),
    "http_500": _status(500, "internal error"),
    "http_429": _status(429, "rate limit reached", "rate_limit_exceeded", retry_after="0.1"),
    "wait_600": _status(429, "rate limit reached", "rate_limit_exceeded", retry_after="600"),
    "quota": _status(429, _QUOTA, "insufficient_quota"),
    "bad_key": _status(401, "Incorrect API key provided", "invalid_api_key"),
    "no_model": _status(404, "The model does not exist", "model_not_found"),
    "no_tools": _status(400, "this model does not support tools"),
    "overflow": _status(400, _OVERFLOW, "context_length_exceeded"),
    "html": _instead(_PAGE, "text/html"),
    "error_200": _instead(b'{"error": {"message": "something odd"}}'),
    "no_choices": _instead(b'{"object": "chat.completion", "choices": []}'),
    "broken_json": _instead(b'{"choices": [{"index": 0, "mess'),
    "empty": _events({"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]}),
    "length": _ended_by("length"),
    "refused": _ended_by("content_filter"),
    "cut_call": _instead_of_last(4, _event({}, "length"), _DONE),  # amid the last call's arguments
    "badjson": _arguing('{"a": 1, "b": 2,,}'),
    "list_args": _arguing("[1, 2]"),
    "null_args": _arguing(None),
    "nan_args": _arguing('{"a": NaN}'),
    "object_args": _recalled(_objects),
    "same_index": _recalled(lambda _, c: {**c, "index": 0}),
    "same_ids": _recalled(lambda _, c: {**c, "id": "call_0"}),
}

FAULTS = tuple(_SHAPES)
FAILING = FAULTS[: FAULTS.index("empty")]  # those that are a failed attempt; the others are answers
