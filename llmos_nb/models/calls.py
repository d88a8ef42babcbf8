"""The calls of one answer, put together from pieces whose numbering cannot be relied on."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

from llmos_nb.errors import ModelProtocol
from llmos_nb.messages import Arguments, ToolCall, clean
from llmos_nb.models.faults import Endpoint


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
        if id_:
            same = next((c for c in reversed(self._all) if c.id == id_), None)
            if same is not None:
                return same
        return self._all[-1] if self._all else None

    def whole(self, cut_off: bool, at: Endpoint) -> tuple[tuple[ToolCall, ...], int]:
        """Give the calls, and how many were dropped because the answer was cut off inside them."""
        kept = [c for c in self._all if not cut_off or c.parsed is not None]
        if any(not c.name for c in kept):
            raise ModelProtocol(f"{at.url} sent a tool call without a name")
        return tuple(_call(c) for c in kept), len(self._all) - len(kept)


def _begins(current: Partial, name: str, id_: str, arguments: object) -> bool:
    """Tell whether a piece begins another call than the one at its place."""
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
    else:
        call.pieces = [_text(arguments)]  # a value in place of its text


def _text(value: object) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        raise ModelProtocol("the endpoint sent arguments that are nested too deeply") from None


def _call(partial: Partial) -> ToolCall:
    """Give a finished call; no arguments at all are an empty object."""
    text = partial.text.strip()
    parsed = parse(text) if text else {}
    return ToolCall(clean(partial.name), clean(text) if parsed is None else parsed)


def parse(text: str) -> Arguments | None:
    """Parse arguments strictly; None for what is no object or holds NaN, an infinity or too deep a nesting."""
    try:
        value = _STRICT.decode(text)
        if isinstance(value, dict) and "\\ud" in text.lower():
            value = json.loads(clean(json.dumps(value, ensure_ascii=False)))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large")
    return value


_STRICT = json.JSONDecoder(parse_constant=_constant, parse_float=_float)
