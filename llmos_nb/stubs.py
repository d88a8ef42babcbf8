"""Bounding texts: what is recorded of a result, and what the model is shown of it."""

from __future__ import annotations

from hashlib import sha256

RECORDED, SHOWN = 16_384, 4_096


def bounded(text: str, limit: int = RECORDED) -> tuple[str, int]:
    """Keep head and tail of a text within `limit` bytes of UTF-8; give it with the true size in bytes."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return raw.decode(), len(raw)
    mark = f"\n… {len(raw) - limit:,} bytes left out …\n"
    room = max(limit - len(mark.encode()), 0)
    head, tail = raw[: room * 2 // 3], raw[len(raw) - (room - room * 2 // 3) :]
    return head.decode("utf-8", "ignore") + mark + tail.decode("utf-8", "ignore"), len(raw)


def shown(name: str, text: str, size: int = 0) -> str:
    """Give what the model sees: the text, or a stub (name, size, digest, head and tail) where it is over 4 KiB."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= SHOWN and size <= SHOWN:
        return text
    digest = sha256(raw).hexdigest()[:12]
    head, tail = raw[:1500].decode("utf-8", "ignore"), raw[-500:].decode("utf-8", "ignore")
    return f"[{name}: {max(size, len(raw)):,} bytes, sha256 {digest}, head and tail shown]\n{head}\n…\n{tail}"
