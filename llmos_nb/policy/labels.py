"""Labels on data: trusted or untrusted, public, secret or private. Pure.

What is private is never shown to a model: its label follows what is made of it, but not into the context.

A process has one floating label (of its context) and one for each name that it knows of. Both only ever rise: what
was read joins into the context, and the context joins into every name in a step's change list. So labels survive
undo, paging, recall and forks by themselves. Only a person's word lowers one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from llmos_nb.errors import ConfigError, nearest

CONTEXT = "*"
FILE = "file:"
UNKNOWN_FILE = FILE + "?"
WORDS = ("trusted", "public", "untrusted", "secret", "private")
# Code that names one of these may reach every variable, whatever else it says.
_ANYTHING = re.compile(
    r"(?m)\b(globals|locals|vars|eval|exec|(?<!\.)compile|get_ipython|user_ns|__main__|__dict__|__globals__|__builtins__"
    r"|import_module|currentframe|_getframe|get_objects|get_referrers)\b|sys\.modules"
    r"|^\s*[%!]"
)
_FORMER = re.compile(r"(?:Out|In|_i{0,3}|_+\d+|_{2,3})")  # what earlier cells gave, and their code
_QUERIED = re.compile(rf"@{_FORMER.pattern}\b")  # in the text of a query of pandas
_IN_A_TEXT = re.compile(rf"{_QUERIED.pattern}|\b(?:Out|In)\s*\[|(?<!\w)_(?:\d+|i{{0,3}}|_{{1,2}})(?!\w)")


class Label(NamedTuple):
    """What is known of some data."""

    untrusted: bool = False
    secret: bool = False
    private: bool = False

    def __str__(self) -> str:
        return " ".join(w for w, on in self._asdict().items() if on) or "trusted"

    def join(self, *others: Label) -> Label:
        """Return the label of what is made of all of them."""
        return Label(*map(any, zip(self, *others, strict=True)))


TRUSTED, UNTRUSTED = Label(), Label(untrusted=True)


def parse(text: str, where: str = "label") -> Label:
    """Read a label from words: ``untrusted``, ``secret``, ``untrusted secret``, ``trusted``, ``public``."""
    words = text.replace(",", " ").split()
    for word in words:
        if word not in WORDS:
            raise ConfigError(f"{where} = {text!r}: {word!r} is no label{nearest(word, WORDS)}")
    return Label("untrusted" in words, "secret" in words, "private" in words)


def context(labels: Mapping[str, str]) -> Label:
    """Return the floating label of a process."""
    return parse(labels[CONTEXT]) if CONTEXT in labels else TRUSTED


def of(names: Iterable[str], labels: Mapping[str, str]) -> Label:
    """Join the labels of names; a name with none stood before the process, or was made of trusted data."""
    return TRUSTED.join(*(parse(labels[n]) for n in names if n in labels))


def marked(labels: Mapping[str, str]) -> list[str]:
    """Return the names that are untrusted or secret."""
    names = (n for n in labels if n != CONTEXT and not n.startswith(FILE))
    return [n for n in names if parse(labels[n]) != TRUSTED]


def spelled(text: str, labels: Mapping[str, str]) -> set[str]:
    """Return the labelled names that code may reach by its own words; in a string counts too."""
    anything = reaches_all(text)
    return {n for n in marked(labels) if anything or re.search(rf"\b{re.escape(n)}\b", text)}


def reaches_all(text: str) -> bool:
    """Return whether code may reach every variable, whatever names it has."""
    return _ANYTHING.search(text) is not None or _reads_former(text)


def _reads_former(text: str) -> bool:
    """Return whether code reads what earlier cells gave, by a name that it has not bound; a text may be of any kind."""
    from llmos_nb.policy.code import inspect_code  # most code names none of these

    if not _FORMER.search(text):
        return False
    found = inspect_code(text)
    if any(r.kind == "syntax" for r in found.risks):
        return bool(_IN_A_TEXT.search(text))
    return any(map(_FORMER.fullmatch, found.reads)) or _QUERIED.search(text) is not None


def private(labels: Mapping[str, str]) -> list[str]:
    """Return the names whose values no model is shown."""
    return [n for n in marked(labels) if parse(labels[n]).private]


def matching(pattern: str, labels: Mapping[str, str]) -> set[str]:
    """Return the labelled names that a pattern lists."""
    globs = pattern.replace(",", " ").split() or ["*"]
    return {n for n in marked(labels) if any(fnmatchcase(n, g) for g in globs)}


@dataclass(frozen=True)
class Came:
    """The source of a call's result.

    Parameters
    ----------
    label : Label
        The join of everything that it read.
    why : str
        In words for a person; empty where nothing is to be said.
    """

    label: Label = TRUSTED
    why: str = ""


def floated(
    labels: Mapping[str, str], came: Came, changed: Iterable[str], unseen: bool = False
) -> list[tuple[str, str, str]]:
    """Say which labels rise after a call.

    Parameters
    ----------
    labels : mapping
        Label by name; ``*`` is the context.
    came : Came
        What the call read.
    changed : iterable of str
        Names that it created, rebound or changed in place, and files that it wrote.
    unseen : bool
        The model is not shown what the call gave: orders in it do not reach the context.

    Returns
    -------
    list of (name, label, why)
        The new ones, the context first.
    """
    now = context(labels).join(came.label)
    shown = context(labels).join(Label(came.label.untrusted and not unseen, came.label.secret))  # nothing private
    risen = [(CONTEXT, str(shown), came.why)] if shown != context(labels) else []
    for name in changed:
        before = of((name,), labels)
        if (after := before.join(now)) != before:
            risen.append((name, str(after), came.why or "made by a process that had read such data"))
    return risen


def file_label(target: str, said: str, labels: Mapping[str, str], folder: Path) -> Label:
    """Label a file that is read.

    It is the user's own where the user's words (`said`) spell it, or where it lies in the working folder; unless a
    process that had read untrusted data wrote it, or many in its folder. An address, and a file of which nobody knows
    beforehand which it is, are untrusted. A target that ends with a separator stands for files of that folder.
    """
    if not target or re.match(r"\w+://", target):
        return UNTRUSTED
    path = place(target, folder)
    at = [FILE + os.path.join(p, "") for p in path.parents]  # noqa: PTH118 - texts
    if target.endswith(os.sep):
        at += [name for name in labels if name.startswith(FILE + os.path.join(path, ""))]  # noqa: PTH118 - as above
    written = of((FILE + str(path), UNKNOWN_FILE, *at), labels)
    return written if path.is_relative_to(folder.resolve()) or target in said else UNTRUSTED.join(written)


def place(target: str, folder: Path) -> Path:
    """Return the one path of a file, links followed."""
    try:
        return (folder / Path(target).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError):
        return Path("/?")


def inherited(several: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Join what other processes of the namespace know of its names and files; contexts stay with their processes."""
    found: dict[str, str] = {}
    for labels in several:
        for name, text in labels.items():
            if name != CONTEXT:
                found[name] = str(of((name,), found).join(parse(text)))
    return found
