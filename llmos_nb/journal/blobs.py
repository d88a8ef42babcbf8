"""Payloads that stand beside a journal: what is large, so that it can be deleted without breaking the chain."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.errors import JournalTampered

INLINE = 4_096
HOLDERS = (
    "call.finished",
    "message.arrived",
    "run.started",
)  # kinds of events whose payloads may stand beside the chain
_TEXTS = {"result", "text"}


class Blobs:
    """Payloads beside a journal, named by a salted hash, so that one can be deleted without breaking the chain."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes, mime: str = "text/plain") -> dict[str, Any]:
        """Store bytes and give the reference that stands in the journal."""
        ref = reference(data, mime)
        self.write(ref["blob"], data)
        return ref

    def write(self, name: str, data: bytes) -> None:
        """Store bytes under the name that their reference has."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(data)

    def spill(self, name: str, data: bytes) -> None:
        """Store bytes that can be done without: nobody waits for the disk, and where it is full they are left out."""
        with suppress(OSError):
            try:
                fd = os.open(f"{self.folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            except FileNotFoundError:
                self.folder.mkdir(parents=True, exist_ok=True)
                fd = os.open(f"{self.folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(fd, "wb", buffering=0) as file:
                file.write(data)

    def get(self, ref: dict[str, Any]) -> bytes | None:
        """Return the bytes of a reference, or None where they were deleted.

        Raises
        ------
        JournalTampered
            The bytes are not those that were stored.
        """
        path = self.folder / Path(str(ref["blob"])).name
        if not path.exists():
            return None
        data = path.read_bytes()
        if sha256(str(ref["salt"]).encode() + data).hexdigest() != ref["blob"]:
            raise JournalTampered(str(path), 1, "its content does not match its hash")
        return data

    def forget(self, ref: dict[str, Any]) -> bool:
        """Delete a payload; tell whether it was there."""
        path = self.folder / Path(str(ref["blob"])).name
        there = path.exists()
        path.unlink(missing_ok=True)
        return there


def reference(data: bytes, mime: str = "text/plain") -> dict[str, Any]:
    """Name a payload by a salted hash."""
    salt = secrets.token_hex(8)
    name = sha256(salt.encode() + data).hexdigest()
    return {"blob": name, "salt": salt, "size": len(data), "mime": mime}


def put_outside(d: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    """Take what is large out of a finished call or a message, or the images out of a goal.

    Returns
    -------
    tuple
        What stays in the chain, and the payloads by name.
    """
    payloads: list[tuple[str, bytes]] = []

    def out(text: Any) -> Any:
        if not isinstance(text, str) or len(text) <= INLINE:
            return text
        data = text.encode("utf-8", "surrogatepass")
        ref = reference(data)
        payloads.append((ref["blob"], data))
        return ref

    kept = _head(d, out)
    for key in _TEXTS & d.keys():
        kept[key] = out(d[key])
    if "images" in d:
        kept["images"] = [{**i, "data": out(i.get("data"))} for i in d["images"]]
    return kept, payloads


def put_inside(d: dict[str, Any], blobs: Blobs) -> dict[str, Any]:
    """Put the payloads back; of a deleted one its size is left, of a deleted image nothing."""

    def back(value: Any, lost: str) -> Any:
        if not isinstance(value, dict) or "blob" not in value:
            return value
        data = blobs.get(value)
        return lost.format(value["size"]) if data is None else data.decode("utf-8", "surrogatepass")

    found = _head(d, lambda value: back(value, ""))
    for key in _TEXTS & d.keys():
        found[key] = back(d[key], "[forgotten: {:,} bytes]")
    if "images" in d:
        images = [{**i, "data": back(i.get("data"), "")} for i in d["images"]]
        found["images"] = [i for i in images if i["data"]]
    return found


def _head(d: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """Copy an event's data, with the images of a goal changed."""
    if "head" not in d:
        return dict(d)
    return {**d, "head": [_changed(m, change) if "parts" in m else m for m in d["head"]]}


def _changed(message: dict[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    return {**message, "parts": [{**p, "data": change(p["data"])} for p in message["parts"]]}


def references(d: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the references in the raw form of a finished call."""
    found = [d.get("result"), *(i.get("data") for i in d.get("images", ()))]
    return [r for r in found if isinstance(r, dict) and "blob" in r]
