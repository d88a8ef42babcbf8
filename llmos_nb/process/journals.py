"""Open the journals of processes: no code of a step writes a decision into one, and no secret stands in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from llmos_nb.errors import CallDenied
from llmos_nb.journal import Journal
from llmos_nb.journal.events import StateSaved
from llmos_nb.policy.secrets import vault
from llmos_nb.tools import reentry, refuse

MOST_NOTES = 100  # a step may have put what tries again into what hears of each note


class Guard:
    """Refuses what code of a step may not write: a decision, whoever it names, or a state that nothing folds to.

    Attributes
    ----------
    note : callable
        Called with no arguments for each attempt, up to `MOST_NOTES`, so that it is on the record.
    """

    def __init__(self) -> None:
        self.note: Callable[[], object] = lambda: None
        self._noted = 0

    def __call__(self, kind: str, d: dict[str, Any]) -> None:
        """Refuse it.

        Raises
        ------
        CallDenied
            Code of a step writes it.
        """
        try:
            refuse(kind, d)
            if kind == StateSaved.kind and reentry.inside():
                raise CallDenied(reentry.DENIED)
        except CallDenied:
            self._noted += 1
            if self._noted <= MOST_NOTES:
                self.note()
            raise


def open_journal(path: str | os.PathLike[str]) -> Journal:
    """Return the journal in a file; nothing forged and no secret can be written to it.

    Raises
    ------
    JournalError
        The file cannot be read, or its chain is broken.
    """
    return Journal(path, scrub=vault.safe, guard=Guard())
