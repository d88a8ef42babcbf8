"""`mini.py` by its parts: the learner's file, what it begins as, and the reference where this source has it.

A part begins with a line such as ``# ==== loop: ask, act, feed back``. The cell magic ``%%mini loop`` puts a cell's
text in the place of that part. The reference is a page of the documentation and stands in no installed package.
"""

from __future__ import annotations

import os
import re
import sys
from importlib.resources import files
from pathlib import Path
from types import ModuleType

from llmos_nb.errors import UsageError, nearest

FILE = "mini.py"
# the part that each lesson writes
PARTS = {
    "01": "loop", "02": "gate", "03": "memory", "04": "scheduler",
    "05": "labels", "06": "pipes", "07": "journal", "08": "undo",
}  # fmt: skip
# a heading counts as one, too, where a = was lost
_HEADING = re.compile(rf"^# *={{3,}} *(given|{'|'.join(PARTS.values())})\b.*\n", re.MULTILINE | re.IGNORECASE)
_WHERE = Path(__file__).parents[3] / "docs" / FILE


def split(text: str) -> dict[str, str]:
    """Return the parts of a `mini.py` in order, each with its heading; what stands before the first is ``given``."""
    begins = [(m.start(), m[1].lower()) for m in _HEADING.finditer(text) if m[1].lower() != "given"]
    for at, name in begins[1:]:
        if (first := next(n for n, other in begins if other == name)) != at:
            lines = [text.count("\n", 0, n) + 1 for n in (first, at)]
            raise UsageError(f"part {name!r} begins twice, in the lines {lines[0]} and {lines[1]}: leave one heading")
    ends = [at for at, _ in begins[1:]] + [len(text)] * bool(begins)
    found = {"given": text[: begins[0][0] if begins else len(text)]}
    return found | {name: text[at:end] for (at, name), end in zip(begins, ends, strict=True)}


def body(part: str) -> str:
    """Return a part without its heading and the blank lines around it."""
    return _HEADING.sub("", part, count=1).strip("\n")


def stub() -> dict[str, str]:
    """Return the parts as they are handed out."""
    return split((files("llmos_nb.lessons") / "data" / "mini.txt").read_text(encoding="utf-8"))


def reference() -> dict[str, str]:
    """Return the parts of the reference, from the source of this package or a clone around this folder."""
    where = next((p for p in (_WHERE, Path.cwd().parent / "docs" / FILE) if p.exists()), None)
    if where is None:
        raise UsageError(
            "the reference is no part of the installed package: it is the page “mini.py” of the documentation"
        )
    return split(where.read_text(encoding="utf-8"))


def syntax_fault(text: str) -> str:
    """Return what of a `mini.py` is no Python and where, counted from the heading of its part; else nothing."""
    try:
        compile(text, FILE, "exec", dont_inherit=True)
    except SyntaxError as error:
        line = error.lineno or 1
        for name, part in split(text).items():
            lines = part.splitlines()
            if line <= len(lines):
                return f"this is not Python: {error.msg}, part {name}, line {line}: {lines[line - 1].strip()}"
            line -= len(lines)
        return f"this is not Python: {error.msg}, at its end"
    return ""


class System:
    """The `mini.py` of a folder, made from what is handed out where there is none yet.

    Parameters
    ----------
    path : path-like
        The file.
    """

    def __init__(self, path: str | os.PathLike[str] = FILE) -> None:
        self.path = Path(path)

    @property
    def text(self) -> str:
        """What stands in the file; nothing where there is none."""
        return self.path.read_text(encoding="utf-8-sig") if self.path.exists() else ""

    @property
    def parts(self) -> dict[str, str]:
        """The parts as they stand in the file; one that is missing is as it was handed out."""
        return {**stub(), **(split(self.text) if self.path.exists() else {})}

    def unwritten(self, but: str = "") -> list[str]:
        """Return the parts that are as they were handed out."""
        handed = stub()
        return [n for n, text in self.parts.items() if n not in ("given", but) and body(text) == body(handed[n])]

    def write(self, name: str, text: str) -> None:
        """Put a text in the place of a part; what was handed out takes no written part's place.

        Parameters
        ----------
        name : str
            The part.
        text : str
            Its new body.
        """
        handed, parts = stub(), self.parts
        if name not in handed or name == "given":
            known = PARTS.values()
            raise UsageError(f"part {name!r}: there are {', '.join(known)}{nearest(name, known)}")
        if body(text) != body(handed[name]) or not self.path.exists():
            heading = handed[name].partition("\n")[0]
            parts[name] = f"{heading}\n{body(text)}\n\n"
            self.path.write_text("".join(parts.values()).rstrip("\n") + "\n", encoding="utf-8")

    def whole(self, but: str) -> str:
        """Return the file, with ours in the place of what was not written yet, but for one part.

        Where ours is not at hand, parts of later lessons stay as they were handed out, and earlier ones must be there.
        """
        parts, missing = self.parts, self.unwritten(but)
        earlier = list(PARTS.values())[: list(PARTS.values()).index(but)]
        try:
            ours = reference()
        except UsageError:
            if lacking := [n for n in earlier if n in missing]:
                raise UsageError(f"write these parts first, it stands on them: {', '.join(lacking)}") from None
            ours = parts
        return "".join(f"{(ours if n in missing else parts)[n].rstrip()}\n\n" for n in parts)

    def load(self) -> ModuleType:
        """Return the file as a module, made anew each time."""
        module = ModuleType("mini")
        module.__file__ = str(self.path)
        own = self.text
        whole = split(own).keys() >= stub().keys()  # then lines have the numbers that a traceback names
        text = own if whole else "".join(f"{part.rstrip()}\n\n" for part in self.parts.values())
        exec(compile(text, str(self.path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - the learner's own file
        return module


def offer_magic(folder: str | os.PathLike[str]) -> None:
    """Offer ``%%mini PART`` in a notebook: it puts the cell in the place of that part of the learner's file."""
    ipython = sys.modules.get("IPython")
    if not ipython or not (shown := ipython.get_ipython()):
        return
    system, plain = System(Path(folder) / FILE), ipython.core.error.UsageError

    def mini(line: str, cell: str) -> None:
        try:
            system.write(line.strip(), cell)
        except UsageError as error:
            raise plain(str(error)) from None  # IPython shows its own in one line
        if fault := syntax_fault(system.text):
            print(fault)
        print(f"{system.path}, still as handed out: {', '.join(system.unwritten()) or 'nothing'}")

    shown.register_magic_function(mini, "cell", "mini")
