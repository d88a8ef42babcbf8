"""The local model's evaluated prefix on disk: a new kernel reads it instead of computing for half a minute.

Only the fixed prefix is ever saved, before any question was asked: nothing of the user's is in the file.
"""

from __future__ import annotations

import json
import os
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.models import store

WAIT_S = 30.0
# the server is on this machine: a proxy has no business here
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """One server's saved prefix.

    Parameters
    ----------
    server : object
        As `engine.load` gives it.
    key : str
        Of its loopback port.
    file : Path
        Where the prefix lies.
    """

    server: Any
    key: str
    file: Path

    def restore(self) -> bool:
        """Put the saved prefix into the slot; a file that does not fit is dropped."""
        if not self.file.is_file():
            return False
        if self._slot("restore", self.file.name):
            return True
        with suppress(OSError):
            self.file.unlink()
        return False

    def save(self) -> None:
        """Save what the slot holds, and drop what older versions saved; a failure costs time only."""
        fresh = f"{self.file.name}.{os.getpid()}"
        with suppress(OSError):
            if self._slot("save", fresh):
                self.file.with_name(fresh).replace(self.file)
                for old in self.file.parent.glob(f"{self.file.name.rpartition('-')[0]}-*.prefix"):
                    if old != self.file:
                        old.unlink()

    def _slot(self, action: str, filename: str) -> bool:
        """Ask the server's own port (the slot's memory has no call in the process)."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        body = json.dumps({"filename": filename}).encode()
        url = f"{self.server.listening_address}/slots/0?action={action}"
        try:
            request = urllib.request.Request(url, body, headers)  # noqa: S310 - the loopback address of our own server
            with _direct.open(request, timeout=WAIT_S) as answer:
                return bool(json.load(answer).get(f"n_{action}d"))
        except (OSError, ValueError):
            return False


def place(weights: Path, turns: list[dict[str, str]], engine: str) -> Path:
    """Name the file of a prefix: other weights, other words or another engine make another name."""
    mark = sha256(json.dumps([store.fingerprint(weights), turns, engine]).encode()).hexdigest()[:16]
    return store.folder() / f"{weights.stem}-{mark}.prefix"
