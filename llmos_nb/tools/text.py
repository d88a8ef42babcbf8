"""Any value as bounded text that is safe to record and to show: no code, no control characters, no surprise."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from pathlib import PurePath
from string import Template
from typing import Any
from uuid import UUID

from llmos_nb.messages import clean, finite

RECORDED, SHOWN = 32_768, 4_096


def bounded(text: str, limit: int = RECORDED) -> tuple[str, int]:
    """Keep head and tail of a text within `limit` bytes of UTF-8; give it with the true size in bytes."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return raw.decode(), len(raw)
    return ends(raw, raw, len(raw) - limit, limit), len(raw)


def ends(head: bytes, tail: bytes, left_out: int, limit: int) -> str:
    """Return head and tail of a long text within `limit` bytes, and between them how much is left out."""
    mark = f"\n… {left_out:,} bytes left out …\n"
    room = max(limit - len(mark.encode()), 3)
    head, tail = head[: room * 2 // 3], tail[-(room - room * 2 // 3) :]
    return head.decode("utf-8", "ignore") + mark + tail.decode("utf-8", "ignore")


def shown(name: str, text: str, size: int, most: int, words: str) -> str:
    """Return what the model sees: the text, or a stub (name, size, digest, head and tail) where it is too long.

    Parameters
    ----------
    name : str
        Of the call.
    text : str
        What is recorded of its result.
    size : int
        Bytes before that was bounded.
    most : int
        Bytes that the model is shown; over 4 KiB, head and tail end with whole lines.
    words : str
        The first line of a stub, in which ``$call``, ``$size`` and ``$digest`` are filled in.
    """
    raw = text.encode("utf-8", "replace")
    if len(raw) <= most and size <= most:
        return text
    facts = {"call": name, "size": f"{max(size, len(raw)):,}", "digest": sha256(raw).hexdigest()[:12]}
    begin = Template(words).substitute(facts)
    if most <= SHOWN:
        head, tail = raw[:1500], raw[-500:]
    else:
        head, tail = _whole_lines(raw[: most * 2 // 3], raw[-(most // 3) :])
    return f"{begin}\n{head.decode('utf-8', 'ignore')}\n…\n{tail.decode('utf-8', 'ignore')}"


def _whole_lines(head: bytes, tail: bytes) -> tuple[bytes, bytes]:
    """Cut a head behind its last line and a tail before its first, where that costs less than half of them."""
    end, start = head.rfind(b"\n"), tail.find(b"\n") + 1
    return head[:end] if end > len(head) // 2 else head, tail[start:] if start < len(tail) // 2 else tail


_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LINES = re.compile(r"\r+\n?")
_BYTES, _LARGE = 64, 4


def preview(value: object, limit: int = RECORDED) -> tuple[str, int]:
    """Return a value as safe text.

    Texts stay as they are, plain data becomes compact JSON (NaN as null), anything else its ``repr``. One that
    raises is said in words; one that never ends is ended by whoever called, with a deadline.

    Parameters
    ----------
    value : object
        What a tool gave back.
    limit : int
        Most bytes to keep, head and tail.

    Returns
    -------
    tuple
        The text, and the true size in bytes before it was bounded.
    """
    text = _text(value)
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    if len(text) <= _LARGE * limit:
        return bounded(safe_text(text), limit)[0], size
    # 100 MB are not cleaned to keep 16 KiB of them
    front, back = safe_text(text[:limit]), safe_text(text[-limit:])
    return ends(front.encode(), back.encode(), size - limit, limit), size


def safe_text(text: str) -> str:
    """Drop terminal colours, spell control and direction characters, and replace lone surrogates."""
    text = _LINES.sub("\n", _ANSI.sub("", text))
    return clean(_CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text))


def safe_repr(value: object) -> str:
    """Return a value's repr, or say that there is none."""
    try:
        return repr(value)
    except Exception as error:  # the object's own code
        return f"<{type(value).__name__}: its repr raised {type(error).__name__}>"


def _text(value: object) -> str:
    if type(value) is str:
        return value
    try:
        if isinstance(value, bytes | bytearray | memoryview):
            raw = memoryview(value)
            start = raw.tobytes()[:_BYTES].hex(" ")
            return f"<{raw.nbytes:,} bytes: {start}{' …' if raw.nbytes > _BYTES else ''}>"
        if isinstance(value, dict | list | tuple):
            return _json(value)
        plain = _scalar(value)
    except Exception:  # not plain data after all, or an object that misbehaves
        return safe_repr(value)
    return str(plain) if plain is not None else safe_repr(value)


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_default)
    except ValueError:  # NaN, infinity or a circle
        return json.dumps(finite(value), ensure_ascii=False, separators=(",", ":"), default=_default)


def _default(value: object) -> Any:
    """Return what stands in JSON for a value that is no plain data."""
    plain = _scalar(value)
    if plain is not None:
        return plain if not isinstance(plain, float) else finite(plain)
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(type(value).__name__)


def _scalar(value: Any) -> Any:
    """Return the plain value of a number of numpy, a date, path, decimal or enum member; None for the rest."""
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return value.item()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value) if isinstance(value, PurePath | Decimal | UUID) else None
