"""Which calls have begun to act outside, on disk before they do: what the journal says of a call comes when it ends."""

from __future__ import annotations

import os
from pathlib import Path

from llmos_nb.errors import JournalUnwritable
from llmos_nb.journal.home import sync_folder


class Acts:
    """The calls of one process that acted, and what they did, beside its journal: a line each time, the key first.

    Parameters
    ----------
    folder : Path
        Of the journal.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "acts"

    def note(self, key: str, words: str = "") -> None:
        """Write that a call acts, and wait until it is on disk; from any thread.

        Parameters
        ----------
        key : str
            The call's.
        words : str
            What it is about to do; nothing secret.

        Raises
        ------
        JournalUnwritable
            It is not on disk, so the call may not act.
        """
        try:
            fresh = not self._file.exists()
            fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(fd, "wb") as file:
                line = " ".join((key, *words.split()))
                file.write(f"\n{line}\n".encode())  # on a line of its own, also after one that was torn
                file.flush()
                os.fsync(fd)
            if fresh:
                sync_folder(self._file.parent)
        except OSError as error:
            raise JournalUnwritable(f"cannot write {self._file}: {error.strerror or error}") from error

    def noted(self, key: str) -> list[str] | None:
        """Return what a call had begun to do outside, in order; None where it had begun nothing."""
        if not self._file.exists():
            return None
        lines = (line.partition(" ") for line in self._file.read_text("utf-8", "replace").splitlines())
        found = [words for known, _, words in lines if known == key]
        return list(dict.fromkeys(filter(None, found))) if found else None
