"""What verifying found, for a person and for a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LEVELS = ("opens", "unchanged", "signed", "runs", "same", "same twice")
OK, NOT_SAME, CHANGED, CANNOT, NOTHING = 0, 1, 2, 3, 4
MOST_PLACES = 8
NOT_THERE = "the file is not there"
# What a level is called for a person, where that says more than its name.
_TITLES = {"unchanged": "unchanged (checksums)", "signed": "signed by", "journal": "as in the journal"}


@dataclass(frozen=True)
class Difference:
    """Where a notebook is not what it claims to be.

    Parameters
    ----------
    where : str
        ``cell r2-0``, ``input data.csv``, ``metadata`` …
    what : str
        One line.
    detail : str
        A diff or a traceback.
    """

    where: str
    what: str
    detail: str = ""


@dataclass
class Check:
    """One level.

    Parameters
    ----------
    level : str
        From `LEVELS`, or ``journal`` or ``installs``.
    held : bool, optional
        None where it was not tried, or there was nothing to compare.
    detail : str
        One line.
    seconds : float
        How long it took.
    counts : dict
        How many of what were compared: ``checksums``, ``outputs``, ``values``, ``packages`` …
    """

    level: str
    held: bool | None = None
    detail: str = ""
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The level's name for a person."""
        return _TITLES.get(self.level, self.level)

    def said(self) -> str:
        """Say whether it holds, what was compared, what was seen, and how long that took."""
        mark = {True: "yes", False: "NO", None: "-"}[self.held]
        took = f" ({self.seconds:.1f} s)" if self.seconds >= 0.05 else ""
        told = "; ".join(part for part in (counted(self.counts), self.detail) if part)
        return f"{mark:<3}{f'  {told}' if told else ''}{took}"


def counted(counts: Mapping[str, int]) -> str:
    """Return counts in words, such as ``3 outputs and 1 value of 2 cells``; those of nothing are left out."""
    found = [f"{n} {name.removesuffix('s') if n == 1 else name}" for name, n in counts.items() if n]
    of = f" of {found.pop()}" if len(found) > 1 and list(counts)[-1] == "cells" and counts["cells"] else ""
    return (", ".join(found[:-1]) + " and " if len(found) > 1 else "") + "".join(found[-1:]) + of


def not_compared(left: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Say what was compared with nothing, by the reason and the cell."""
    for why in dict.fromkeys(one["why"] for one in left):
        cells: dict[str, list[str]] = {}
        for one in left:
            if one["why"] == why:
                cells.setdefault(one["cell"], []).append(one["what"])
        places = [f"{', '.join(what)} in cell {cell}" for cell, what in cells.items()]
        more = f" and {len(places) - MOST_PLACES} cells more" if len(places) > MOST_PLACES else ""
        yield f"not compared: {'; '.join(places[:MOST_PLACES])}{more}: {why}"


@dataclass
class Report:
    """The result of `verify`.

    Parameters
    ----------
    path : str
        The notebook.
    asked : str
        The level that was asked for.
    checks : list of Check
        In the order in which they were tried.
    differences : list of Difference
        Where it does not hold, the first first.
    notes : list of str
        What a reader should know besides.
    left : list of dict
        What of the steps was compared with nothing: ``cell``, ``what`` and ``why``.
    exit_code : int
        0 as claimed, 1 not the same, 2 changed since it was exported or signed, 3 it cannot be opened or was not run,
        4 a level had nothing to compare.
    signature : dict
        ``state`` (unsigned, valid, unvouched, broken), ``principals``, ``key``, ``fingerprint``, ``allowed_signers``.
    """

    path: str
    asked: str = LEVELS[-1]
    checks: list[Check] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left: list[dict[str, str]] = field(default_factory=list)
    exit_code: int = OK
    signature: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every level that was asked for holds."""
        return self.exit_code == OK

    @property
    def reached(self) -> str:
        """The highest level that holds; empty for none."""
        held = [c.level for c in self.checks if c.held and c.level in LEVELS]
        return held[-1] if held else ""

    @property
    def difference(self) -> Difference | None:
        """The first place where it does not hold."""
        return self.differences[0] if self.differences else None

    def plain(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "path": self.path,
            "asked": self.asked,
            "reached": self.reached,
            "ok": self.ok,
            "exit_code": self.exit_code,
            "levels": [vars(c) for c in self.checks],
            "signature": self.signature,
            "differences": [vars(d) for d in self.differences],
            "notes": self.notes,
            "left": self.left,
        }

    def text(self) -> str:
        """Return the report for a person."""
        wide = max((len(c.title) for c in self.checks), default=0)
        lines = [self.path, *(f"  {check.title:<{wide}}  {check.said()}" for check in self.checks)]
        for one in self.differences:
            lines += ["", f"{one.where}: {one.what}", *(f"    {line}" for line in one.detail.splitlines())]
        lines += [f"note: {note}" for note in (*self.notes, *not_compared(self.left))]
        return "\n".join([*lines, "", self._verdict()])

    def _verdict(self) -> str:
        reached = self.reached or "nothing"
        last = self.checks[-1].level if self.checks else ""
        said = {
            OK: f"holds: {reached}{f'; not compared: {len(self.left)}' if self.left else ''}{self._unknown()}",
            NOT_SAME: f"does not hold: it reaches {reached}, not {self.asked}",
            CHANGED: f"{self._changed(last)}; nothing of it was run",
            CANNOT: f"not verified; it reaches {reached}",
            NOTHING: f"not verified: there was nothing to compare for {last!r}; it reaches {reached}",
        }
        return said[self.exit_code]

    def _changed(self, last: str) -> str:
        if self.differences and all(d.what == NOT_THERE for d in self.differences):
            return "an input file is missing"
        if last == "signed" and self.signature.get("state") == "unvouched":
            return "signed by nobody of the allowed signers"
        what = {"signed": "it is not what was signed", "journal": "it is not what its journal says"}
        return what.get(last, "changed since it was exported")

    def _unknown(self) -> str:
        """Say what no checksum can tell, where no signature that somebody vouches for says more."""
        state = self.signature.get("state")
        if state == "unvouched":
            return "; signed, but by a key that nobody vouches for: who wrote it cannot be known"
        if state == "unchecked":
            return "; its signature was not checked: who wrote it cannot be known"
        return "; unsigned: who wrote it cannot be known" if state == "unsigned" else ""
