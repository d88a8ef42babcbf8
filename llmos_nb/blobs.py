"""Payloads that stand beside a journal."""

from __future__ import annotations

import secrets
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.errors import JournalTampered


class Blobs:
    """Payloads beside a journal, named by a salted hash, so that one can be deleted without breaking the chain."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes, mime: str = "text/plain") -> dict[str, Any]:
        """Store bytes and give the reference that stands in the journal."""
        salt = secrets.token_hex(8)
        name = sha256(salt.encode() + data).hexdigest()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(data)
        return {"blob": name, "salt": salt, "size": len(data), "mime": mime}

    def get(self, ref: dict[str, Any]) -> bytes | None:
        """Give the bytes of a reference, or None where they were deleted.

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
