"""Which calls have begun to act outside, on disk before they do: what the journal says of a call comes when it ends."""

from __future__ import annotations

import os
from pathlib import Path


class Acts:
    """The calls of one process that acted, a key a line, beside its journal.

    Parameters
    ----------
    folder : Path
        Of the journal.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "acts"

    def note(self, key: str) -> None:
        """Write that a call acts, and wait until it is on disk; from any thread."""
        fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(fd, f"{key}\n".encode())
            os.fsync(fd)
        finally:
            os.close(fd)

    def noted(self, key: str) -> bool:
        """Return whether a call had begun to act."""
        return self._file.exists() and key in self._file.read_text(encoding="utf-8").splitlines()
