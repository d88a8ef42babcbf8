"""The calls of one answer, put together from pieces; and what a provider adds of its own, which goes back untouched."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from llmos_nb.errors import ModelProtocol
from llmos_nb.messages import Arguments, ToolCall, clean, is_strict, parsed
from llmos_nb.models.openai.errors import Endpoint

CODE = "python"  # the tool whose code is shown while it is written
_BEGINS = re.compile(r'[{,]\s*"code"\s*:\s*"')
_WHOLE = re.compile(r'(?:[^"\\]|\\(?:u[0-9a-fA-F]{4}|["\\/bfnrt]))*')
# the first half of a character that is written as two; the backslash of its escape is not escaped itself
_HALF = re.compile(r"(?<!\\)((?:\\\\)*)\\u[dD][89abAB][0-9a-fA-F]{2}\Z")
_OF_CALL = frozenset(("index", "id", "type", "function"))
_GROWS = re.compile(r"reason|think|text|content|summary|data")


def grown(old: Any, new: Any, key: str = "") -> Any:
    """Return a field of which another piece came: texts of words grow, items with an index grow at their place."""
    if old is None or new is None:
        return new if old is None else old
    if isinstance(old, str) and isinstance(new, str):
        return old + new if _GROWS.search(key) else new
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{k: grown(old.get(k), v, k) for k, v in new.items()}}
    if not (isinstance(old, list) and isinstance(new, list)):
        return new
    found = list(old)
    for item in new:
        same = bool(found) and _place(item) is not None and _place(item) == _place(found[-1])
        found[-1:] = [grown(found[-1], item)] if same else [*found[-1:], item]
    return found


def _place(item: object) -> tuple[Any, Any] | None:
    return (item.get("index"), item.get("type")) if isinstance(item, dict) and "index" in item else None


@dataclass(slots=True)
class Partial:
    """One call while its pieces arrive."""

    index: int | str | None
    id: str
    name: str
    pieces: list[str] = field(default_factory=list)
    null: bool = False
    extra: dict[str, Any] = field(default_factory=dict)  # what only the provider knows, to be given back
    named_again: bool = False  # its name came once more after its arguments were whole

    @property
    def text(self) -> str:
        """The arguments, word for word."""
        return "".join(self.pieces) or ("null" if self.null else "")

    @property
    def parsed(self) -> Arguments | None:
        """The arguments as an object; None while they are none."""
        return parse(self.text)


class Writing:
    """Shows the code of a call while its arguments arrive as JSON.

    Parameters
    ----------
    show : callable
        What is shown text; where it has an attribute `code`, that takes code.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show: Callable[[str], None] | None = getattr(show, "code", None)
        self._text, self._at, self._any = "", 0, False
        self._open = False

    def begin(self, name: object) -> None:
        """Take the name of the call whose arguments come next."""
        self._open = self._show is not None and name == CODE
        self._text, self._at = "", 0

    def take(self, piece: object) -> None:
        """Take a piece of its arguments."""
        if not self._open or self._show is None or not isinstance(piece, str):
            return
        self._text += piece
        if not self._at:
            if (found := _BEGINS.search(self._text)) is None:
                return
            self._at = found.end()
            if self._any:
                self._show("\n\n")
            self._any = True
        whole = _HALF.sub(r"\1", _WHOLE.match(self._text, self._at)[0])  # type: ignore[index]  # it matches nothing, too
        self._at += len(whole)
        if whole:
            self._show(clean(json.loads(f'"{whole}"', strict=False)))


class Calls:
    """Collects the pieces of all calls of one answer, in order.

    Providers number pieces in many ways: the same index for two calls, no index, no id. A name begins a call
    unless it repeats the name of the call that is still being written.

    Parameters
    ----------
    show : callable
        What is shown text and code as they arrive.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._all: list[Partial] = []
        self._writing = Writing(show)

    def __bool__(self) -> bool:
        return bool(self._all)

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
            self._writing.begin(current.name)
        current.name, current.id = current.name or name, current.id or id_
        if "arguments" in function:
            _argue(current, function["arguments"])
            self._writing.take(function["arguments"])
        if not _OF_CALL.issuperset(piece):
            more = {k: v for k, v in piece.items() if k not in _OF_CALL and v}
            current.extra = {**current.extra, **{k: grown(current.extra.get(k), v, k) for k, v in more.items()}}

    def _current(self, index: int | str | None, id_: str) -> Partial | None:
        """Find the call that a piece goes on with."""
        if index is not None:
            if self._all and self._all[-1].index == index:
                return self._all[-1]
            return next((c for c in reversed(self._all) if c.index == index), None)
        same = next((c for c in reversed(self._all) if id_ and c.id == id_), None)
        return same or (self._all[-1] if self._all else None)

    @property
    def halved(self) -> bool:
        """Whether the arguments of a call are no whole object."""
        return any(c.text and c.parsed is None for c in self._all)

    def whole(self, cut_off: bool, at: Endpoint) -> tuple[tuple[ToolCall, ...], int]:
        """Return the calls, and how many were dropped because the answer was cut off inside them."""
        kept = [c for c in self._all if not cut_off or c.parsed is not None]
        if any(not c.name for c in kept):
            raise ModelProtocol(f"{at.url} sent a tool call without a name")
        self._all, dropped = kept, len(self._all) - len(kept)
        return tuple(_call(c) for c in kept), dropped

    @property
    def extras(self) -> list[dict[str, Any]]:
        """What only the provider knows of each call; empty where that is nothing."""
        found = [c.extra for c in self._all]
        return found if any(found) else []


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
    if not isinstance(value, dict) or not is_strict(value):
        return None
    return json.loads(clean(json.dumps(value, ensure_ascii=False))) if "\\ud" in text.lower() else value
