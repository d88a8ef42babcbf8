"""Images in a prompt: which of them are sent, what they weigh, and those that a goal names."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from operator import attrgetter
from pathlib import Path

from llmos_nb.errors import UsageError
from llmos_nb.messages import Message, Part
from llmos_nb.process.state.texts import TEXTS, filled

MOST, LEAVING = 8, 4
TOKENS = 1_000  # about what one image costs; endpoints differ
_PARTS, _ENCODED = attrgetter("parts"), attrgetter("encoded")
LARGEST_IMAGE = 4 << 20
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"), (b"RIFF", "image/webp"),
)  # fmt: skip


def prompt(messages: Sequence[Message], takes_images: bool, drew: str = TEXTS["drew"]) -> tuple[Message, ...]:
    """Return the messages as a model gets them.

    Parameters
    ----------
    messages : sequence of Message
        As the state has them: images stand in the results that made them.
    takes_images : bool
        Of the model.
    drew : str
        The words of a message that shows what calls drew.
    """
    if not any(map(_PARTS, messages)):
        return tuple(messages)
    if not takes_images:
        return tuple(replace(m, parts=_others(m)) if _images(m) and m.role != "tool" else m for m in messages)
    total = sum(len(_images(m)) for m in messages)
    out, waiting, leave = list[Message](), list[tuple[str, Part]](), _leaving(total)
    for m in messages:
        if m.role != "tool" and waiting:
            out.append(_following(tuple(waiting), drew))
            waiting = []
        out.append(m)
        for part in _images(m) if m.role == "tool" else ():
            leave -= 1
            if leave < 0:
                waiting.append((m.call, part))
    return tuple(out + ([_following(tuple(waiting), drew)] if waiting else []))


def weight(messages: Sequence[Message]) -> int:
    """Return the bytes of messages, where an image counts as the text that costs as much."""
    images = [p for m in filter(_PARTS, messages) if m.role == "user" for p in _images(m)]
    more = sum(TOKENS * 4 - (len(p.data) + 2) // 3 * 4 for p in images)
    return sum(map(len, map(_ENCODED, messages))) + len(messages) + more


def _images(message: Message) -> list[Part]:
    return [p for p in message.parts if p.kind == "image" and p.data]


def _others(message: Message) -> tuple[Part, ...]:
    return tuple(p for p in message.parts if p.kind != "image")


def _leaving(total: int) -> int:
    """Return how many of the oldest images are not sent."""
    over = max(total - MOST, 0)
    return -(-over // LEAVING) * LEAVING


@lru_cache(maxsize=64)
def _following(images: tuple[tuple[str, Part], ...], drew: str) -> Message:
    """Make the message that shows what calls drew; the same images give the same object, encoded once."""
    calls = ", ".join(dict.fromkeys(call for call, _ in images))
    return Message("user", filled(drew, calls=calls), parts=tuple(part for _, part in images))


def attached(name: str) -> Part:
    """Read an image that a goal names, as in ``!`chart.png```.

    Raises
    ------
    UsageError
        There is no such file, it is no image, or it is too large.
    """
    try:
        data = Path(name).expanduser().read_bytes()
    except OSError as error:
        raise UsageError(f"!`{name}`: cannot be read ({error.strerror or error})") from None
    mime = next((mime for start, mime in _KINDS if data.startswith(start)), "")
    if not mime:
        raise UsageError(f"!`{name}`: not a PNG, JPEG, GIF or WebP image; name the file of one")
    if len(data) > LARGEST_IMAGE:
        raise UsageError(f"!`{name}`: {len(data):,} bytes; at most {LARGEST_IMAGE:,} are sent, so save it smaller")
    size = f", {' × '.join(map(str, struct.unpack('>II', data[16:24])))} pixels" if mime == "image/png" else ""
    return Part("image", f"{name}: {mime.removeprefix('image/')} image{size}, {len(data):,} bytes", mime, data)
