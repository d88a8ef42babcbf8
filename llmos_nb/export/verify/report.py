"""What verifying found, for a person and for a program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

LEVELS = ("opens", "untampered", "runs", "same", "same twice")
OK, NOT_SAME, TAMPERED, CANNOT = 0, 1, 2, 3


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
        From `LEVELS`, or ``installs``.
    held : bool, optional
        None where it was not tried.
    detail : str
        One line.
    seconds : float
        How long it took.
    """

    level: str
    held: bool | None = None
    detail: str = ""
    seconds: float = 0.0

    def said(self) -> str:
        """Say whether it holds, what was seen, and how long that took."""
        mark = {True: "yes", False: "NO", None: "-"}[self.held]
        took = f" ({self.seconds:.1f} s)" if self.seconds >= 0.05 else ""
        return f"{mark:<3}{f'  {self.detail}' if self.detail else ''}{took}"


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
    exit_code : int
        0 as claimed, 1 not the same, 2 tampered with, 3 it cannot be opened or was not run.
    """

    path: str
    asked: str = LEVELS[-1]
    checks: list[Check] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    exit_code: int = OK

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
            "differences": [vars(d) for d in self.differences],
            "notes": self.notes,
        }

    def text(self) -> str:
        """Return the report for a person."""
        wide = max((len(c.level) for c in self.checks), default=0)
        lines = [self.path, *(f"  {check.level:<{wide}}  {check.said()}" for check in self.checks)]
        for one in self.differences:
            lines += ["", f"{one.where}: {one.what}", *(f"    {line}" for line in one.detail.splitlines())]
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join([*lines, "", self._verdict()])

    def _verdict(self) -> str:
        said = {
            OK: f"holds: {self.reached}",
            NOT_SAME: f"does not hold: it reaches {self.reached or 'nothing'}, not {self.asked}",
            TAMPERED: "changed since it was exported; nothing of it was run",
            CANNOT: f"not verified; it reaches {self.reached or 'nothing'}",
        }
        return said[self.exit_code]
