"""A scenario from its first cell to its verdict."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from real_runs import again
from real_runs.judge import Seen, Verdict, judge
from real_runs.live import OURS, Live, live
from real_runs.scenario import Scenario

Change = Callable[[Path], object]


@dataclass(frozen=True)
class Outcome:
    """A scenario's verdict, what it is made from, and how long it took."""

    scenario: Scenario
    verdict: Verdict
    seen: Seen
    seconds: float


def run(scenario: Scenario, folder: Path) -> Outcome:
    """Run a scenario in `folder`, export it, run the export elsewhere, verify it, and judge."""
    started = time.perf_counter()
    found = live(scenario, folder)
    shutil.rmtree(folder / "work")
    seen = look_at(found, folder / "there")
    return Outcome(scenario, judge(seen), seen, round(time.perf_counter() - started, 1))


def look_at(found: Live, folder: Path, change: Change | None = None) -> Seen:
    """Take a copy of an export elsewhere, run it there, let it be verified, and note all of it.

    Parameters
    ----------
    found : Live
        What a scenario left.
    folder : Path
        Where the copy goes, with what lies beside it.
    change : callable, optional
        Takes the copy and changes it, which the judge must see.
    """
    seen = Seen(found.said, found.error, found.error in OURS, found.written, found.values, shown=found.shown)
    seen.read, seen.bare, seen.aside, seen.answers = found.read, found.bare, found.aside, found.answers
    if not found.written:
        return seen
    shutil.copytree(found.notebook.parent, folder / "out")
    notebook = folder / "out" / found.notebook.name
    if change is not None:
        change(notebook)
    book = json.loads(notebook.read_text("utf-8"))
    fresh = again.run_again(notebook, folder / "again", [*seen.live, *seen.aside])
    seen.failed, seen.shown_again = fresh.failed, fresh.shown
    seen.again, seen.aside_again = fresh.values, {n: v for n, v in fresh.values.items() if n in seen.aside}
    seen.answers_again, seen.answers_free = fresh.answers, again.answers_free(book)
    seen.clock, seen.stderr = again.clock(book), again.stderr(book)
    seen.unchecked, seen.varying = again.unchecked(book), again.varying(book)
    seen.outputs, seen.values = again.outputs(book), again.values(book)
    if not seen.failed:
        seen.report, seen.verified = again.verify(notebook)
        seen.left, seen.unchecked = again.left(book, seen.report), again.unchecked(book, seen.report)
        seen.read_said = again.read_said(book, seen.report)
    return seen
