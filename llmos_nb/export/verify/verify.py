"""`verify`: does an exported notebook hold what it claims? Opens, untampered, runs, same, same twice."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from llmos_nb.errors import LlmosError, UsageError, nearest
from llmos_nb.export.cells import read, tidy
from llmos_nb.export.source import SCHEMA
from llmos_nb.export.verify.compare import between, differences
from llmos_nb.export.verify.execute import Execution, execute, no_network
from llmos_nb.export.verify.report import CANNOT, LEVELS, NOT_SAME, TAMPERED, Check, Difference, Report
from llmos_nb.export.verify.seal import KEY, findings, made_here
from llmos_nb.export.verify.values import with_probes

Progress = Callable[[str, int, int], None]
_FOREIGN = "it was not exported here, so nothing of it was run; say trust=True (--trust) once you have read it"


@dataclass
class _Climb:
    """One notebook on its way up the levels."""

    path: Path
    report: Report
    trust: bool | None
    fresh: bool
    python: str
    progress: Progress | None
    book: Any = None
    first: Execution | None = None

    @property
    def about(self) -> Any:
        """The record of the run."""
        return self.book["metadata"][KEY]

    def fail(self, code: int, *found: Difference) -> bool:
        """Note where it does not hold, if anywhere; return whether it holds."""
        self.report.exit_code = self.report.exit_code or (code if found else 0)
        self.report.differences += found
        return not found

    def tell(self, level: str, done: int = 0, total: int = 0) -> None:
        """Say how far it is."""
        if self.progress is not None:
            self.progress(level, done, total)


Rung = Callable[[_Climb, Check], bool | None]


def verify(
    path: str | os.PathLike[str],
    level: str = LEVELS[-1],
    fresh: bool = False,
    progress: Progress | None = None,
    trust: bool | None = None,
    python: str = "",
) -> Report:
    """Prove an exported notebook, level by level, as far as asked or as far as it holds.

    Parameters
    ----------
    path : path-like
        The notebook.
    level : {"opens", "untampered", "runs", "same", "same twice"}
        How far to go. Nothing runs below ``runs``.
    fresh : bool
        Run it in a new environment made from its lock.
    progress : callable, optional
        Called with the level, the number of cells done and of all.
    trust : bool, optional
        Whether to run what it holds. By default only what this user exported on this machine runs.
    python : str
        Another interpreter for the kernel; it needs ipykernel.

    Returns
    -------
    Report
        With `text()`, `plain()` and `exit_code`.

    Raises
    ------
    UsageError
        There is no such level.
    """
    if level not in LEVELS:
        raise UsageError(f"level {level!r}: there are {', '.join(LEVELS)}{nearest(level, LEVELS)}")
    climb = _Climb(Path(path), Report(str(path), level), trust, fresh, python or sys.executable, progress)
    for name, rung in _RUNGS.items():
        climb.tell(name)
        if name in LEVELS and LEVELS.index(name) > LEVELS.index(level):
            break
        if name == "installs" and (not fresh or level in LEVELS[:2]):
            continue
        if not _tried(climb, name, rung):
            break
    return climb.report


def _tried(climb: _Climb, level: str, rung: Rung) -> bool | None:
    climb.report.checks.append(check := Check(level))
    started = time.monotonic()
    check.held = rung(climb, check)
    check.seconds = round(time.monotonic() - started, 3)
    return check.held


def _opens(climb: _Climb, check: Check) -> bool:
    try:
        climb.book = read(climb.path)
    except LlmosError as error:
        return climb.fail(CANNOT, Difference(str(climb.path), str(error).partition(": ")[2]))
    about, what = climb.book["metadata"].get(KEY), ""
    if not isinstance(about, Mapping) or not isinstance(about.get("schema"), int):
        what = "it is a notebook, but not one that llmos exported"
    elif about["schema"] > SCHEMA:
        what = f"it has schema {about['schema']}, and this version reads up to {SCHEMA}: update llmos_nb"
    if what:
        return climb.fail(CANNOT, Difference("metadata.llmos_nb", what))
    check.detail = f"{len(climb.book['cells'])} cells, {len(about.get('inputs', []))} input files"
    return True


def _untampered(climb: _Climb, check: Check) -> bool:
    found = findings(climb.book, climb.path.absolute().parent)
    if found:
        check.detail = f"{len(found)} places were changed" if len(found) > 1 else "one place was changed"
    missing = climb.about.get("missing", {}).items()
    climb.report.notes += [f"{name} is not in the notebook: {why}" for name, why in missing]
    return climb.fail(TAMPERED, *found)


def _allowed(climb: _Climb, check: Check) -> bool:
    """Refuse to run a notebook that was not exported here, unless it is trusted."""
    if climb.trust or (climb.trust is None and made_here(climb.about)):
        return True
    check.held, check.detail = None, _FOREIGN
    climb.report.exit_code = climb.report.exit_code or CANNOT
    return False


def _installs(climb: _Climb, check: Check) -> bool | None:
    from llmos_nb.export.verify.environment import environment  # only with --fresh

    if not _allowed(climb, check):
        return None
    try:
        climb.python, check.detail = environment(climb.about)
    except LlmosError as error:
        return climb.fail(NOT_SAME, Difference("pylock", str(error)))
    return True


def _execution(climb: _Climb, level: str) -> Execution:
    """Run it, with a look at the values that the journal has digests of after each step."""
    probed = {**climb.book, "cells": with_probes(climb.book["cells"])}
    told, beside = partial(climb.tell, level), climb.path.absolute().parent
    return execute(probed, climb.about["inputs"], beside, python=climb.python, progress=told)


def _runs(climb: _Climb, check: Check) -> bool | None:
    if not _allowed(climb, check):
        return None
    try:
        climb.first = _execution(climb, "runs")
    except LlmosError as error:
        return climb.fail(CANNOT, Difference("the kernel", str(error)))
    check.detail = "in a fresh kernel, network off" + ("" if no_network() else ", for Python code only")
    return _ran(climb, climb.first)


def _ran(climb: _Climb, result: Execution) -> bool:
    if result.failed is None:
        return True
    index, name, text, trace = result.failed
    cell = with_probes(climb.book["cells"])[index]
    tail = "\n".join(tidy(trace).splitlines()[-12:])
    return climb.fail(NOT_SAME, Difference(f"cell {cell['id']}", f"it raised {name}: {text}", tail))


def _same(climb: _Climb, check: Check) -> bool:
    assert climb.first is not None  # noqa: S101 - the level below
    found, compared, values = differences(climb.book, climb.first)
    check.detail = f"{compared} outputs and {values} values as they were"
    if not climb.about.get("observed"):
        what = "the outputs are those of the run; compared are its values"
        climb.report.notes.append(f"{what} (export with observe=True for both)")
    return climb.fail(NOT_SAME, *found)


def _same_twice(climb: _Climb, check: Check) -> bool:
    """Run it again, and compare with what was exported and with the first run."""
    assert climb.first is not None  # noqa: S101 - the level below
    second = _execution(climb, "same twice")
    if not _ran(climb, second):
        return False
    found, _, values = differences(climb.book, second)
    found = found or [*between(climb.book, climb.first, second)]
    same = f"two runs gave the same; {values} values as they were"
    check.detail = "a second run gave something else" if found else same
    return climb.fail(NOT_SAME, *found)


_RUNGS: dict[str, Rung] = {
    "opens": _opens,
    "untampered": _untampered,
    "installs": _installs,
    "runs": _runs,
    "same": _same,
    "same twice": _same_twice,
}
