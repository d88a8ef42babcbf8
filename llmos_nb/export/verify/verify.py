"""`verify`: does an exported notebook hold what it claims? Opens, unchanged, signed, runs, same, same twice."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from llmos_nb.errors import LlmosError, UsageError, nearest
from llmos_nb.export.cells import read, text_of, tidy
from llmos_nb.export.notes import FORMER_NUMBERS, NUMBERS
from llmos_nb.export.source import SCHEMA
from llmos_nb.export.verify import signature
from llmos_nb.export.verify.compare import COMPARED, bare, between, differences, left, uncompared
from llmos_nb.export.verify.execute import Execution, execute, no_network
from llmos_nb.export.verify.journal import compare, journals_of
from llmos_nb.export.verify.report import (
    CANNOT,
    CHANGED,
    LEVELS,
    NOT_SAME,
    NOT_THERE,
    NOTHING,
    OK,
    Check,
    Difference,
    Report,
    counted,
)
from llmos_nb.export.verify.seal import KEY, checksums, findings, made_here, misshapen
from llmos_nb.export.verify.values import compare_values, with_probes

Progress = Callable[[str, int, int], None]
# what a record raises that is not as an export writes it, code that does not parse and too long a path among it
_UNREADABLE = (LookupError, TypeError, AttributeError, ValueError, SyntaxError, OSError, RecursionError)
_RUNNING = ("installs", "runs", "same", "same twice")
_COMMENTS = re.compile(r"\s*(#.*\s*)*")
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
    allowed_signers: str
    journals: Sequence[Path]
    paths: Mapping[int, Path] = field(default_factory=dict)
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
    allowed_signers: str | os.PathLike[str] = "",
    journal: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
) -> Report:
    """Prove an exported notebook, level by level, as far as asked or as far as it holds.

    Parameters
    ----------
    path : path-like
        The notebook.
    level : {"opens", "unchanged", "signed", "runs", "same", "same twice"}
        How far to go. Nothing runs below ``runs``.
    fresh : bool
        Run it in a new environment made from its lock.
    progress : callable, optional
        Called with the level, the number of cells done and of all.
    trust : bool, optional
        Whether to run what it holds. By default only what this user exported on this machine runs.
    python : str
        Another interpreter for the kernel; it needs ipykernel.
    allowed_signers : path-like
        Whose signatures count, in the form of ``ssh-keygen``; then one of them must have signed. By default git's
        global ``gpg.ssh.allowedSignersFile``, and a notebook may be unsigned, which the report says.
    journal : path-like or sequence of them
        The journals to compare with; by default those that the notebook names, where they are there.

    Returns
    -------
    Report
        With `text()`, `plain()` and `exit_code`.

    Raises
    ------
    UsageError
        There is no such level, file of allowed signers, or journal.
    """
    if level not in LEVELS:
        raise UsageError(f"level {level!r}: there are {', '.join(LEVELS)}{nearest(level, LEVELS)}")
    named = [journal] if isinstance(journal, str | os.PathLike) else journal
    climb = _Climb(
        Path(path), Report(str(path), level), trust, fresh, python or sys.executable, progress,
        os.fspath(allowed_signers), [Path(j) for j in named],
    )  # fmt: skip
    return _climbed(climb)


def _climbed(climb: _Climb) -> Report:
    signature.allowed_signers(climb.allowed_signers)  # said before anything else is looked at
    for name, rung in _RUNGS.items():
        with _reading(climb, name):
            if _wanted(climb, name):
                climb.tell(name)
                _try(climb, name, rung)
        if climb.report.exit_code != OK:
            break
    return climb.report


@contextmanager
def _reading(climb: _Climb, level: str) -> Iterator[None]:
    """Say so where what a level reads of the record is of no kind that an export writes."""
    try:
        yield
    except LlmosError:  # one of them may be a PermissionError, too
        raise
    except _UNREADABLE as error:
        what = f"the record of the run cannot be read: {type(error).__name__}: {error}"
        climb.fail(CANNOT if level in _RUNNING else CHANGED, Difference("metadata.llmos_nb", what))


def _wanted(climb: _Climb, name: str) -> bool:
    """Return whether a rung is climbed: two of them only where there is what they need, or somebody asks for them."""
    asked = LEVELS.index(climb.report.asked)
    if name in LEVELS:
        return LEVELS.index(name) <= asked
    if name == "installs":
        return climb.fresh and asked >= LEVELS.index("runs")
    return name != "journal" or (asked >= LEVELS.index("unchanged") and _beside(climb))


def _beside(climb: _Climb) -> bool:
    """Look for the journals; say of which process none is there."""
    processes = climb.about.get("processes", [])
    climb.paths = journals_of(climb.book, climb.path.absolute().parent, climb.journals)
    if lacking := [str(p["pid"]) for p in processes if p["pid"] not in climb.paths]:
        what = f"no journal of process {', '.join(lacking)} is beside the notebook"
        climb.report.notes.append(f"{what}: who decided what was compared with nothing (--journal FILE)")
        climb.report.notes += _nobodys_word(climb, lacking)
    return bool(climb.paths)


def _nobodys_word(climb: _Climb, lacking: Sequence[str]) -> Iterator[str]:
    """Say where an answer's numbers are counted, and no journal gives them and nobody signed for them."""
    counting = [
        cell["id"]
        for cell in climb.book["cells"]
        if cell["cell_type"] == "markdown" and any(n in text_of(cell["source"]) for n in (NUMBERS, FORMER_NUMBERS))
        if (of := cell["metadata"].get(KEY, {})).get("role") == "answer" and str(of.get("pid", lacking[0])) in lacking
    ]
    if counting and climb.report.signature.get("state") != signature.VALID:
        what = f"how cell {', '.join(counting)} counts the numbers of the answer stands on nobody's word"
        yield f"{what}: it was compared with no journal, and no signature vouches for it"


def _try(climb: _Climb, level: str, rung: Rung) -> None:
    climb.report.checks.append(check := Check(level, held=False))
    started = time.monotonic()
    check.held = rung(climb, check)
    check.seconds = round(time.monotonic() - started, 3)


def _opens(climb: _Climb, check: Check) -> bool | None:
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
    inputs = about.get("inputs")
    files = len(inputs) if isinstance(inputs, list) else 0  # what else it is, the next level says
    check.counts = {"cells": len(climb.book["cells"]), "input files": files}
    return True if climb.book["cells"] else _nothing(climb, check)


def _unchanged(climb: _Climb, check: Check) -> bool:
    where, what = misshapen(climb.book)
    if where:
        return climb.fail(CHANGED, Difference(where, f"the record of the run cannot be read: it {what}"))
    found = findings(climb.book, climb.path.absolute().parent)
    check.counts = {"checksums": checksums(climb.book)}
    gone = sum(one.what == NOT_THERE for one in found)
    said = {"places": (len(found) - gone, "changed"), "files": (gone, "missing")}
    check.detail = ", ".join(f"{counted({name: n})} {how}" for name, (n, how) in said.items() if n)
    if lacks := _lacks(climb.about):
        climb.report.notes.append(lacks)
    missing = climb.about.get("missing", {}).items()
    climb.report.notes += [f"{name} is not in the notebook: {why}" for name, why in missing]
    return climb.fail(CHANGED, *found)


def _lacks(about: Any) -> str:
    """Say which pins of the lock lack hashes."""
    from llmos_nb.export.verify.environment import read_lock  # tomllib and packaging are for this alone

    try:
        return read_lock(about["pylock"]).lacks if "pylock" in about else ""
    except LlmosError as error:
        return str(error)


_UNSIGNED = "unsigned: a checksum shows accidents; who wrote it is shown by a signature alone"
_CANNOT_KNOW = (
    "whether somebody changed the notebook and made its checksums anew cannot be known, since it is not signed"
)


def _signed(climb: _Climb, check: Check) -> bool | None:
    """Say who signed it; only where a signature was asked for does it fail without one that somebody vouches for."""
    asked = bool(climb.allowed_signers) or climb.report.asked == "signed"
    try:
        made = signature.check(climb.book, climb.allowed_signers)
    except LlmosError as error:
        check.detail, climb.report.signature = f"signed, but not checked: {error}", {"state": "unchecked"}
        return climb.fail(CANNOT, Difference("metadata.llmos_nb.signature", str(error))) if asked else None
    climb.report.signature = made.plain()
    if made.state == signature.UNSIGNED:
        check.detail = _UNSIGNED
        climb.report.notes.append(_CANNOT_KNOW)
        return _nothing(climb, check) if asked else None
    check.counts = {"signatures": 1, "checksums": made.compared}
    if made.state == signature.BROKEN:
        check.detail = made.why
        return climb.fail(CHANGED, *made.found or [Difference("metadata.llmos_nb.signature", made.why)])
    check.detail = made.whose
    if made.state == signature.VALID:
        return True
    return climb.fail(CHANGED, Difference("metadata.llmos_nb.signature", check.detail)) if asked else None


def _nothing(climb: _Climb, check: Check) -> bool | None:
    """Note that there was nothing to compare, which is no proof of anything."""
    check.detail = f"nothing to compare{f'; {check.detail}' if check.detail else ''}"
    climb.report.exit_code = climb.report.exit_code or NOTHING
    return None


def _journal(climb: _Climb, check: Check) -> bool:
    """Compare with the journals beside it."""
    found, check.counts = compare(climb.book, climb.paths, climb.report.notes)
    return climb.fail(CHANGED, *found)


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
        climb.python, check.counts, check.detail = environment(climb.about)
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
    check.counts = {"cells": len(_acting(climb.book))}
    check.detail = "in a fresh kernel, network off" + ("" if no_network() else ", for Python code only")
    return _ran(climb, climb.first) if check.counts["cells"] else _nothing(climb, check)


def _acting(book: Any) -> list[Any]:
    """Return the cells that hold code, not comments alone."""
    return [c for c in book["cells"] if c["cell_type"] == "code" and not _COMMENTS.fullmatch(str(c["source"]))]


def _ran(climb: _Climb, result: Execution) -> bool:
    if result.failed is None:
        return True
    index, name, text, trace = result.failed
    cell = with_probes(climb.book["cells"])[index]
    tail = "\n".join(tidy(trace).splitlines()[-12:])
    raised = Difference(f"cell {cell['id']}", f"it raised {name}: {text}", tail)
    return climb.fail(NOT_SAME, *compare_values(climb.book["cells"], result, climb.about)[0], raised)


def _same(climb: _Climb, check: Check) -> bool | None:
    assert climb.first is not None  # noqa: S101 - the level below
    found, check.counts = differences(climb.book, climb.first)
    climb.report.left = left(climb.book)
    if not found and not any(check.counts[name] for name in COMPARED):
        check.detail = "no output, value or assertion of the run stands in the notebook"
        return _nothing(climb, check)
    spared = f"; {len(climb.report.left)} not compared, as said below" if climb.report.left else ""
    check.detail = "" if found else f"as in the run{spared}"
    if empty := bare(climb.book):
        climb.report.notes.append(f"nothing to compare in cell {', '.join(empty)}")
    alone, volatile = uncompared(climb.book)
    if alone:
        what = f"what is shown in {counted({'cells': alone})} is that of the run, and was not compared"
        climb.report.notes.append(f"{what} (export with observe=True, --observe, for that)")
    if volatile:
        what = f"what is shown in {counted({'cells': volatile})} may be another thing each time"
        climb.report.notes.append(f"{what}, and was not compared")
    return climb.fail(NOT_SAME, *found)


def _same_twice(climb: _Climb, check: Check) -> bool:
    """Run it again, and compare with what was exported and with the first run."""
    assert climb.first is not None  # noqa: S101 - the level below
    second = _execution(climb, "same twice")
    if not _ran(climb, second):
        return False
    found, check.counts = differences(climb.book, second)
    found = found or [*between(climb.book, climb.first, second)]
    check.detail = "a second run gave something else" if found else "two runs gave the same"
    return climb.fail(NOT_SAME, *found)


_RUNGS: dict[str, Rung] = {
    "opens": _opens,
    "unchanged": _unchanged,
    "signed": _signed,
    "journal": _journal,
    "installs": _installs,
    "runs": _runs,
    "same": _same,
    "same twice": _same_twice,
}
