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
from real_runs.live import OURS, live
from real_runs.scenario import Scenario

Change = Callable[[Path], object]


@dataclass(frozen=True)
class Outcome:
    """A scenario's verdict, what it is made from, and how long it took."""

    scenario: Scenario
    verdict: Verdict
    seen: Seen
    seconds: float


def run(scenario: Scenario, folder: Path, change: Change | None = None) -> Outcome:
    """Run a scenario, export it, run the export elsewhere, verify it, and judge.

    Parameters
    ----------
    scenario : Scenario
        The notebook.
    folder : Path
        Where its folders are made.
    change : callable, optional
        Takes the exported file and changes it, which the judge must see.
    """
    started = time.perf_counter()
    found = live(scenario, folder)
    seen = Seen(found.said, found.error, found.error in OURS, found.written, found.values, shown=found.shown)
    if found.written:
        if change is not None:
            change(found.notebook)
        there = folder / "elsewhere"
        found.notebook.parent.rename(there)
        shutil.rmtree(folder / "work")
        _look_at(seen, there / found.notebook.name, folder / "again")
    return Outcome(scenario, judge(seen), seen, round(time.perf_counter() - started, 1))


def _look_at(seen: Seen, notebook: Path, folder: Path) -> None:
    book = json.loads(notebook.read_text("utf-8"))
    fresh = again.run_again(notebook, folder, seen.live)
    seen.failed, seen.again, seen.shown_again = fresh.failed, fresh.values, fresh.shown
    seen.unchecked, seen.varying = again.unchecked(book), again.varying(book)
    seen.outputs, seen.values = again.outputs(book), again.values(book)
    if not seen.failed:
        seen.report, seen.verified = again.verify(notebook)
