"""Running tasks over models and settings: a batch, so that what has ended is not run again, and a score of each run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError, nearest
from llmos_nb.session.batch import digest_of, run_specs
from llmos_nb.session.evals.score import Scored
from llmos_nb.session.evals.tasks import Task

SETTINGS = ("approve", "budget", "plan")


@dataclass(frozen=True)
class Grid:
    """What is run.

    Parameters
    ----------
    tasks : sequence of Task
        Each of them,
    models : sequence of str
        with each model (an empty text for the usual one),
    settings : sequence of str
        with each of these (``plan=none; budget=5 steps``; an empty text for the usual ones),
    epochs : int
        so many times.
    approve : str
        The mode, unless a setting says another.
    """

    tasks: Sequence[Task]
    models: Sequence[str] = ("",)
    settings: Sequence[str] = ("",)
    epochs: int = 1
    approve: str = "auto"
    _made: dict[str, tuple[Task, str, str, int]] = field(default_factory=dict, compare=False)

    def specs(self) -> list[dict[str, Any]]:
        """Return a spec of the batch for each run; `scored` knows of which task, model and setting each is."""
        given = {setting: settings_of(setting) for setting in self.settings}
        runs = product(range(1, self.epochs + 1), self.models, self.settings, self.tasks)
        found = []
        for epoch, model, setting, task in runs:
            spec: dict[str, Any] = {"goal": task.goal, "approve": self.approve, **task.spec, **given[setting]}
            spec |= {"model": model} if model else {}
            spec["id"] = " ".join(filter(None, (task.name, model, setting, str(epoch), digest_of(spec)[:8])))
            self._made[spec["id"]] = (task, model, setting, epoch)
            found.append(spec)
        return found

    def scored(self, result: dict[str, Any]) -> Scored:
        """Judge the result of one of its runs."""
        task, model, setting, epoch = self._made[result["id"]]
        finished = result["state"] == "ended" and bool(result.get("journal"))
        answer, spent = result.get("answer") or "", result.get("spent", {})
        right = finished and result["reason"] == "answered" and task.right(answer)
        return Scored(
            task.name, model, setting, epoch, finished, right, result.get("reason") or result["state"],
            spent.get("tokens", 0.0), spent.get("s", 0.0), spent.get("$"), answer,
            result.get("journal", ""),
        )  # fmt: skip


def settings_of(text: str) -> dict[str, str]:
    """Read ``plan=none; approve=never``.

    Raises
    ------
    UsageError
        Names the key.
    """
    found: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in text.split(";"))):
        key, equals, value = (p.strip() for p in part.partition("="))
        if not equals or key not in SETTINGS:
            raise UsageError(
                f"setting {part!r}: write KEY=VALUE, with one of {', '.join(SETTINGS)}{nearest(key, SETTINGS)}"
            )
        found[key] = value
    return found


def evaluate(grid: Grid, out: Path, *, workers: int = 0, apart: bool = False) -> list[Scored]:
    """Run what has not ended yet, and judge everything.

    Parameters
    ----------
    grid : Grid
        What is run.
    out : path
        JSON lines of results, as `llmos run-batch` writes them; what ended there is not run again.
    workers : int
        How many at once; 0 for the default.
    apart : bool
        In processes of their own rather than in threads.
    """
    results = run_specs(grid.specs(), out, workers=workers, apart=apart)
    return [grid.scored(result) for result in results]
