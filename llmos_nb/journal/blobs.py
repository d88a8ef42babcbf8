"""Payloads that stand beside a journal: what is large, so that it can be deleted without breaking the chain.

One that was deleted, lost, emptied or changed costs itself alone: in its place stands that it is missing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.errors import JournalTampered
from llmos_nb.journal.home import sync_folder

INLINE = 4_096
HOLDERS = (
    "call.finished",
    "message.arrived",
    "run.started",
)  # kinds of events whose payloads may stand beside the chain
_TEXTS, _TABLES = {"result", "text"}, ("table", "displays")  # of an event, and of what is known of a call
_MISSING = "[payload of {:,} bytes is missing: deleted or lost]"


class Blobs:
    """Payloads beside a journal, named by a salted hash, so that one can be deleted without breaking the chain."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes, mime: str = "text/plain") -> dict[str, Any]:
        """Store bytes and give the reference that stands in the journal."""
        ref = reference(data, mime)
        self.write([(ref["blob"], data)])
        return ref

    def write(self, payloads: Iterable[tuple[str, bytes]]) -> None:
        """Store bytes under the names that their references have; they are on disk, as are their names, after it."""
        new = not self.folder.exists()
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, data in payloads:
            with (self.folder / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        sync_folder(self.folder)
        if new:
            sync_folder(self.folder.parent)

    def spill(self, name: str, data: bytes) -> None:
        """Store bytes that can be done without: nobody waits for the disk, and where it is full they are left out."""
        with contextlib.suppress(OSError):
            try:
                fd = os.open(f"{self.folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            except FileNotFoundError:
                self.folder.mkdir(parents=True, exist_ok=True)
                sync_folder(self.folder.parent)  # what is written later must be found
                fd = os.open(f"{self.folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(fd, "wb", buffering=0) as file:
                file.write(data)

    def get(self, ref: dict[str, Any]) -> bytes | None:
        """Return the bytes of a reference, or None where they were deleted or cannot be read.

        Raises
        ------
        JournalTampered
            The bytes are not those that were stored.
        """
        path = self.folder / Path(str(ref["blob"])).name
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if sha256(str(ref["salt"]).encode() + data).hexdigest() != ref["blob"]:
            raise JournalTampered(str(path), 1, "its content does not match its hash")
        return data

    def there(self, ref: dict[str, Any]) -> bool:
        """Return whether a payload is there, in its size; what it holds is not looked at."""
        try:
            return (self.folder / Path(str(ref["blob"])).name).stat().st_size == int(ref["size"])
        except (OSError, ValueError, KeyError):
            return False

    def intact(self, ref: dict[str, Any]) -> bytes | None:
        """Return the bytes of a reference, or None where they are not there, or not those that were stored."""
        with contextlib.suppress(JournalTampered):
            return self.get(ref)
        return None

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

    def out(text: Any, most: int = INLINE) -> Any:
        if not isinstance(text, str) or len(text) <= most:
            return text
        data = text.encode("utf-8", "surrogatepass")
        ref = reference(data)
        payloads.append((ref["blob"], data))
        return ref

    large = len(str(d.get("result", ""))) > INLINE  # then its table is forgotten with it
    return _changed(d, out, out, lambda table: out(table, 0 if large else INLINE)), payloads


def put_inside(d: dict[str, Any], blobs: Blobs) -> dict[str, Any]:
    """Put the payloads back; of a missing one its size is left, of a missing image nothing."""

    def back(value: Any, lost: str) -> Any:
        if not isinstance(value, dict) or "blob" not in value:
            return value
        data = blobs.intact(value)
        return lost.format(value["size"]) if data is None else data.decode("utf-8", "surrogatepass")

    found = _changed(d, lambda value: back(value, _MISSING), lambda value: back(value, ""))
    if "images" in d:
        found["images"] = [i for i in found["images"] if i["data"]]
    return found


def _changed(
    d: dict[str, Any],
    text: Callable[[Any], Any],
    image: Callable[[Any], Any],
    table: Callable[[Any], Any] | None = None,
) -> dict[str, Any]:
    """Copy an event's data with what may be a payload changed: results, texts, tables, images of a call and a goal."""
    kept = d | {key: text(d[key]) for key in _TEXTS & d.keys()}
    if isinstance(facts := d.get("facts"), dict) and any(k in facts for k in _TABLES):
        kept["facts"] = facts | {k: (table or text)(facts[k]) for k in _TABLES if k in facts}
    if "images" in d:
        kept["images"] = [{**i, "data": image(i.get("data"))} for i in d["images"]]
    if "head" in d:
        kept["head"] = [
            {**m, "parts": [{**p, "data": image(p["data"])} for p in m["parts"]]} if "parts" in m else m
            for m in d["head"]
        ]
    return kept


def references(d: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the references to payloads in the raw form of an event."""
    found: list[dict[str, Any]] = []

    def note(value: Any) -> Any:
        if isinstance(value, dict) and "blob" in value:
            found.append(value)
        return value

    _changed(d, note, note)
    return found
