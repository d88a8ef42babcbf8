"""What is known of files beyond one kernel: those that a process wrote after it had read what others wrote.

One line a file in the home, appended as the label rises; the journals say why. A file stays untrusted until a person
says otherwise, under ``[labels]`` as ``"file:PATH" = "trusted"``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from llmos_nb import labels
from llmos_nb.errors import ConfigError, JournalUnwritable
from llmos_nb.labels import FILE, UNKNOWN_FILE


def _kept(journal: Path) -> Path | None:
    """Give the file of the home in which a journal lies, if it lies in one."""
    runs = journal.parent.parent
    return runs.parent / "files.jsonl" if runs.name == "runs" else None


def known(journal: Path) -> dict[str, str]:
    """Give label by ``file:PATH``, of all files that processes of the home wrote; a torn line says nothing."""
    path = _kept(journal)
    if path is None or not path.exists():
        return {}
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            name, label = json.loads(line)
            found = labels.inherited((found, {str(name): str(labels.parse(str(label)))}))
        except (ValueError, TypeError, ConfigError):
            continue
    return found


def keep(journal: Path, name: str, label: str) -> None:
    """Keep the label of a file that a process wrote; of one that nobody can name, nothing can be kept.

    Raises
    ------
    JournalUnwritable
        The home cannot be written.
    """
    path = _kept(journal)
    if path is None or not name.startswith(FILE) or name == UNKNOWN_FILE:
        return
    before = labels.of((name,), known(journal))
    if before.join(labels.parse(label)) == before:
        return
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, label]) + "\n")
    except OSError as error:
        raise JournalUnwritable(f"cannot write {path}: {error.strerror or error}") from error


def declared(given: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Give declared labels, with the one path of each file."""
    files = {n: FILE + str(labels.place(n.removeprefix(FILE), folder)) for n in given if n.startswith(FILE)}
    return {files.get(n, n): str(labels.parse(text)) for n, text in given.items()}
