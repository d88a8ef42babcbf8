"""The risks of some code in words, for the panel and the question."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from llmos_nb.policy.code.inspection import Inspection
from llmos_nb.policy.code.risks import Risk
from llmos_nb.policy.code.tables import ASKS, MOVED, SQL_METHODS


class Words(NamedTuple):
    r"""A risk as a person reads it.

    Parameters
    ----------
    kind : str
        The risk's kind.
    title : str
        What happens: ``replace a file``.
    sentence : str
        Why it is a risk, to follow "because": ``\`to_csv\` overwrites \`a.csv\`, and Undo cannot …``.
    asks : bool
        It is a reason to ask.
    """

    kind: str
    title: str
    sentence: str
    asks: bool

    @property
    def why(self) -> str:
        """The whole sentence."""
        return f"It asks because {self.sentence}."


def describe_risks(inspection: Inspection, cwd: str | Path = ".") -> list[Words]:
    """Say the risks in words; looks whether files exist.

    Parameters
    ----------
    inspection : Inspection
        From `inspect_code`.
    cwd : path
        Where relative paths start.

    Returns
    -------
    list of Words
        Reasons to ask first.
    """
    words = [Words(r.kind, *_said(r, Path(cwd)), r.kind in ASKS) for r in inspection.risks]
    return sorted(dict.fromkeys(words), key=lambda w: not w.asks)


_SOURCES = ("foreign file", "network")
_FOLDERS = ("os.mkdir", "os.makedirs", "mkdir")


def plain(inspection: Inspection, cwd: str | Path = ".") -> dict[str, Any]:
    """Return an inspection as plain data, as the gate and the panel take it."""
    told = tuple(r for r in inspection.risks if r.what not in _FOLDERS or _is_elsewhere(r.target, Path(cwd)))
    words = describe_risks(replace(inspection, risks=told), cwd)
    reasons = [w for w in words if w.asks]
    return {
        "level": replace(inspection, risks=told).level,
        "title": reasons[0].title if reasons else "run Python code",
        "why": reasons[0].why if reasons else "",
        "risks": [[w.kind, w.sentence] for w in words],
        "reads": list(inspection.reads),
        "writes": list(inspection.writes),
        "lent": list(inspection.lent),
        "imports": [list(pair) for pair in inspection.imports],
        "predicted": [[r.kind, r.target] for r in inspection.risks if r.kind not in _SOURCES[:1]],
        "unseen": [
            [_EFFECTS[r.kind], "" if r.kind == "not undoable" else r.target]
            for r in inspection.unseen
            if r.kind in _EFFECTS
        ],
        "sources": [[r.kind, r.what, r.target] for r in inspection.risks if r.kind in _SOURCES],
        "files": [r.target for r in told if r.kind == "file"],
        "everything": inspection.everything,
    }


def _is_elsewhere(target: str, cwd: Path) -> bool:
    """Return whether a folder is to be made outside the working one, where it does not stand yet.

    One that is made within is nobody's loss, and of one whose name is only known when it runs the effect tells.
    """
    with suppress(OSError, ValueError, RuntimeError):
        path = (cwd / Path(target).expanduser()).resolve()
        hidden = any(part.startswith(".") for part in Path(os.path.relpath(path, cwd.resolve())).parts)
        return bool(target) and hidden and not path.is_dir()
    return True


def _said(risk: Risk, cwd: Path) -> tuple[str, str]:
    """Return title and sentence of one risk."""
    if risk.kind == "file":
        return _file(risk, cwd)
    if risk.kind == "not undoable" and risk.target not in ("", "a module") and risk.what not in _SQL:
        return "use up what cannot be put back", f"`{risk.what}` cannot be put back by Undo: {risk.target}"
    title, sentence = _SAID[risk.kind]
    if risk.kind == "deletion" and risk.target and risk.what not in ("!", *_SQL):
        title = f"delete {risk.target}"
    what = f"!{risk.target}" if risk.what == "!" else risk.what
    return title, sentence.format(what=what, target=f" `{risk.target}`" if risk.target else "")


def _file(risk: Risk, cwd: Path) -> tuple[str, str]:
    lost = "and Undo cannot bring an overwritten file back"
    if risk.what == MOVED:
        what = f"`{risk.target}`" if risk.target else "a file whose name is only known when it runs"
        return "move a file", f"{what} gets another name or place, and Undo does not put it back"
    if not risk.target:
        return "write a file", f"`{risk.what}` writes a file whose name is only known when it runs, {lost}"
    if risk.what == "append":
        return "add to a file", f"`open` adds to `{risk.target}`, and Undo does not take that out again"
    if risk.what == "to_sql":
        said = f"`to_sql` writes the table `{risk.target}`, and Undo does not reach databases"
        return "write a database table", said
    with suppress(OSError, ValueError, RuntimeError):
        if (cwd / risk.target).expanduser().exists():
            return "replace a file", f"`{risk.what}` overwrites `{risk.target}`, {lost}"
    return "write a file", f"`{risk.what}` writes `{risk.target}`, and Undo does not remove files"


_EFFECTS = {
    "file": "write", "deletion": "delete", "not undoable": "database", "foreign file": "read", "network": "network",
    "native": "native", "unread": "unread",
}  # fmt: skip
_SQL = SQL_METHODS - {"read_sql"}
_SAID = {
    "deletion": ("delete something", "`{what}`{target} deletes, and Undo cannot bring back what is deleted"),
    "process": (
        "start or end a process", "`{what}` starts or ends a process, and what that does Undo cannot take back",
    ),
    "network": ("use the network", "`{what}`{target} reaches outside this machine, and Undo does not"),
    "exec": (
        "run code that cannot be read beforehand", "`{what}`{target} can reach everything, whatever the code says",
    ),
    "native": (
        "reach into the interpreter",
        "`{what}`{target} can reach everything in this session, whatever the code says",
    ),
    "unread": (
        "run code that is nested too deeply to be looked at beforehand", "nobody can say before it runs what it does",
    ),
    "environment": ("change the environment", "`{what}`{target} changes the session for everything that runs after it"),
    "magic": ("run a magic", "`{what}` may do anything that the session can"),
    "not undoable": ("change what cannot be put back", "`{what}` changes what Undo does not reach"),
    "foreign file": ("read a file", "`{what}` reads{target}, whose content comes from outside"),
    "import": ("import every name of a module", "`import *` from{target} binds names that cannot be known beforehand"),
    "syntax": ("run code that is no Python", "the code cannot be parsed: {what}"),
}  # fmt: skip
