"""The journal of a process: without the values of secrets, and closed to code that runs inside a step."""

from __future__ import annotations

import os

from llmos_nb.journal import Journal
from llmos_nb.policy.secrets import vault
from llmos_nb.tools import refuse


def open_journal(path: str | os.PathLike[str]) -> Journal:
    """Return the journal in a file; nothing forged and no secret can be written to it.

    Raises
    ------
    JournalError
        The file cannot be read, or its chain is broken.
    """
    return Journal(path, scrub=vault.safe, guard=refuse)
