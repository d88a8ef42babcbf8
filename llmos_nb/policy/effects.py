"""What a step does outside while it runs: what covers an effect, and what the mode says of the rest. Pure.

The text of a step predicts its effects (`policy.code`), so that a person can be asked first and in words; what was
predicted when somebody approved the step is covered. Anything else is judged here, at the moment when it is about to
happen.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from llmos_nb.journal import Decider
from llmos_nb.policy.rules import Mode, Ruling
from llmos_nb.policy.texts import tell

Kind = Literal[
    "write", "delete", "network", "process", "signal", "database", "native", "unread", "call", "secret", "folder",
    "command", "environment", "setting", "changed", "other",
]  # fmt: skip
Predicted = tuple[str, str]  # kind of risk, and the target that the code spells; empty where it is known when it runs
# found and run by whoever starts Python, a notebook, tests or a build in their folder
_STEERING = re.compile(
    r"(conftest|sitecustomize|usercustomize|setup|noxfile|ipython\w*_config|jupyter\w*_config)\.(py|json)|setup\.cfg"
    r"|(pyproject|llmos|pytest|tox|ruff)\.toml|(pytest|tox|mypy)\.ini|(GNU)?makefile|justfile|package\.json|matplotlibrc",
    re.I,
)
_HIDDEN = re.compile(r"[/\\](\.|__pycache__[/\\])")
SCOPES = ("once", "process")
# what approving a step in which this was predicted covers
_COVERS: dict[str, frozenset[str]] = {
    "file": frozenset(("write", "database")),
    "foreign file": frozenset(("secret",)),
    "deletion": frozenset(("delete", "database")),
    "not undoable": frozenset(("database", "setting")),
    "network": frozenset(("network",)),
    "process": frozenset(("process", "signal")),
    "native": frozenset(("native",)),
    "unread": frozenset(("native", "unread")),
    "environment": frozenset(("folder", "environment", "setting")),
    "magic": frozenset((
        "write", "delete", "network", "process", "signal", "database", "native", "folder", "environment",
        "setting", "other",
    )),
}  # fmt: skip
_ALWAYS = ("native", "unread", "secret", "changed")  # what no mode lets through unasked
_ON_PATHS = ("write", "delete", "database", "secret", "folder", "command", "changed")
_WANTS = {
    "write": "write {0}", "delete": "delete {0}", "network": "connect to {0}", "process": "start the program {0}",
    "signal": "send a signal to a process", "database": "write to the database {0}", "native": "run native code",
    "unread": "run code that is nested too deeply to be looked at beforehand",
    "call": "call {0}", "secret": "open {0}, which holds keys or passwords",
    "folder": "work in the folder {0}", "command": "give commands to processes in a person's place, by {0}",
    "environment": "set {0} in the environment (where prompts and keys go, what programs run)",
    "changed": "use {0}, which has changed since this step was approved",
    "setting": "change what holds for the whole interpreter, by {0}",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that a step is about to do outside.

    Parameters
    ----------
    kind : str
        ``write, delete, network, process, signal, database, native, call`` (of a declared tool), ``unread`` (code that
        is nested too deeply to be looked at), ``secret`` (a file of keys or passwords is opened), ``folder`` (the
        working folder becomes another), ``command`` (a person's command to a process is written, changed or taken
        away), ``environment``, ``setting`` (of the whole interpreter), ``changed`` (a file is used that is another one
        than when the step was approved) or ``other``.
    target : str
        The real path (of a folder that is made, with a separator at its end), ``host:port``, the program, the call;
        never what is sent.
    """

    kind: str
    target: str = ""

    def words(self, folder: str) -> str:
        """Say what it is, after "wants to"; of a path in a folder, from there."""
        target = self.target or "something unnamed"
        if self.makes_folder:
            target = target.rstrip(os.sep)
        if self.kind in _ON_PATHS and within(target, folder) and target != folder:
            target = os.path.relpath(target, folder)
        wants = "make the folder {0}" if self.makes_folder else _WANTS.get(self.kind, "act outside: {0}")
        return wants.format(target)

    def inside(self, folders: Iterable[str]) -> bool:
        """Return whether it stays within these folders; what is hidden there (``.git/hooks``) steers programs."""
        return self.kind in _ON_PATHS and any(
            within(self.target, folder) and not _HIDDEN.search(self.target[len(folder.rstrip(os.sep)) :])
            for folder in folders
            if not _STEERING.fullmatch(os.path.basename(self.target))  # noqa: PTH119
            and self.module not in sys.stdlib_module_names
        )

    @property
    def makes_folder(self) -> bool:
        """Whether a folder is made, and nothing written over."""
        return self.kind == "write" and self.target.endswith(os.sep)

    @property
    def module(self) -> str:
        """The module that a path is found as by whoever imports from its folder; empty for none."""
        place, name = os.path.split(self.target)
        if name == "__init__.py":
            return os.path.basename(place)  # noqa: PTH119 - a text
        stem, _, kind = name.partition(".")
        return stem if kind in ("py", "pyc") or name.endswith((".so", ".pyd")) else ""


def within(path: str, folder: str) -> bool:
    """Return whether a path is a folder or lies in it."""
    return bool(folder) and (path == folder or path.startswith(folder.rstrip(os.sep) + os.sep))


def in_folders(paths: Iterable[str], most: int) -> dict[str, list[str]]:
    """Return the folders in which paths lie, `most` of them or not many more, each with the paths in it or below."""
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(os.path.dirname(path.rstrip(os.sep)), []).append(path)  # noqa: PTH120 - a text
    while len(found) > most and (deepest := max(folder.count(os.sep) for folder in found)) > 1:
        for folder in [f for f in found if f.count(os.sep) == deepest]:
            found.setdefault(os.path.dirname(folder), []).extend(found.pop(folder))  # noqa: PTH120 - as above
    return found


def listed(paths: Sequence[str], most: int) -> list[str]:
    """Name paths where there are at most so many, else the folders: ``/data/out/* (292 files)``."""
    if len(paths) <= most:
        return [*paths]
    folders = sorted(in_folders(paths, most).items())
    return [
        found[0] if len(found) == 1 else f"{os.path.join(folder, '*')} ({len(found)} files)"  # noqa: PTH118
        for folder, found in folders
    ]


def covered(effect: Effect, predicted: Iterable[Predicted], folder: str) -> bool:
    """Return whether an effect is one of those that were predicted when the step was approved.

    Parameters
    ----------
    effect : Effect
        What is about to happen.
    predicted : iterable of (str, str)
        Kind of risk, and the target as the code spells it.
    folder : str
        Where relative paths start.
    """
    return any(effect.kind in _COVERS.get(kind, ()) and _fits(effect, target, folder) for kind, target in predicted)


def _fits(effect: Effect, told: str, folder: str) -> bool:
    """Return whether a target is the one that was told; where none could be told, the person was told so."""
    if not told:
        return effect.kind != "secret"
    if effect.kind in _ON_PATHS:
        return "://" in told or _same_place(effect.target, told, folder) or effect.kind == "database"
    if effect.kind == "network":
        host = urlsplit(told).hostname if "://" in told else ""
        return not host or effect.target.rpartition(":")[0] == host
    return True


def _same_place(path: str, told: str, folder: str) -> bool:
    """Return whether a path is the one that was told, lies in it or above it, or is a temporary file beside it."""
    wanted = os.path.realpath(os.path.join(folder, os.path.expanduser(told)))  # noqa: PTH111, PTH118 - texts
    if within(path, wanted) or within(wanted, path):
        return True
    here, name = os.path.split(path)
    return here == os.path.dirname(wanted) and os.path.basename(wanted) in name  # noqa: PTH119, PTH120 - texts


def rule_on(
    effect: Effect,
    mode: Mode,
    *,
    covers: bool,
    exposed: bool,
    folders: Sequence[str],
    alone: bool,
    closed: bool = False,
    outside: bool = False,
) -> Ruling:
    """Decide on an effect that is about to happen.

    Parameters
    ----------
    effect : Effect
        What it is.
    mode : str
        The process's.
    covers : bool
        It was predicted and approved, or somebody allowed the like.
    exposed : bool
        The process, or this step, has read what others wrote.
    folders : sequence of str
        The working folder and the one for temporary files: what is written there is the user's own.
    alone : bool
        Nobody can be asked while the step runs.
    closed : bool
        The process does nothing outside but what its plan commits to.
    outside : bool
        Its model is an agent outside, of which nobody knows what it has read.
    """
    if effect.kind == "command":
        return Ruling("deny", Decider("check"), "Nothing that runs inside a step steers or approves a process.")
    if covers:
        return Ruling("allow", Decider("check", "predicted"))
    outward = not effect.inside(folders)
    if mode == "auto" and effect.kind not in _ALWAYS and not ((exposed or closed) and outward):
        return Ruling("allow", Decider("mode", mode))
    if mode in ("risky", "plan") and effect.makes_folder and not outward:
        return Ruling("allow", Decider("check", "own folder"))
    what = effect.words(folders[0])
    why = f"It asks because the step wants to {what}{_unasked(effect, exposed, closed, outward, outside)}"
    if mode == "never" or alone:
        return Ruling("deny", Decider("mode", mode), tell("nobody", why=why))
    return Ruling("ask", Decider("mode", mode), why)


def _unasked(effect: Effect, exposed: bool, closed: bool, outward: bool, outside: bool) -> str:
    """Say why what a step wants does not go on unasked, behind what that is."""
    if effect.kind == "changed":
        return "."
    if outside and outward:
        return ", and what its agent has read by itself is not known here."
    if exposed and outward:
        return " after data of others was read: that data may be behind it."
    if closed and outward:
        return ", and only what an act of the plan covers goes out."
    return ", which could not be foreseen from its code."
