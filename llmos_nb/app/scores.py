"""`llmos eval`: run tasks, then say how many were right, with an interval, what it cost, and which tasks went wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.session.evals import Grid, Scored, evaluate as run_all, read_tasks, summed
from llmos_nb.views.text import table

OURS = Path(__file__).parents[1] / "lessons" / "data" / "tasks"
TASKS = "*.toml"  # under this name what is trusted of a folder of tasks stands in the list
_NAMED = 6
_SHOWN = 60  # characters of an answer in a line


def evaluate(given: Any) -> int:
    """Evaluate as the command line says; 0 where every run has finished, whether or not it was right."""
    if given.epochs < 1:
        raise UsageError("llmos eval: --epochs is at least 1")
    tasks = read_tasks(Path(given.folder) if given.folder else OURS, given.only)
    if given.folder and not may_run(Path(given.folder), given.yes):
        return 2
    grid = Grid(tasks, tuple(given.model) or ("",), tuple(given.settings) or ("",), given.epochs)
    scored = run_all(grid, Path(given.out), workers=given.workers, apart=given.processes)
    if given.json:
        print("\n".join(json.dumps(asdict(one)) for one in scored))
    else:
        print(report(scored, given.runs))
    return 0 if all(one.finished for one in scored) else 1


def may_run(folder: Path, yes: bool = False) -> bool:
    """Return whether a person trusts the code and the rights of the tasks in a folder, just as they stand; else ask.

    Raises
    ------
    NotTrusted
        Nobody is there.
    """
    from llmos_nb.app.commands.trust import confirmed
    from llmos_nb.session import trust

    files = sorted(p for p in folder.rglob("*") if p.suffix in (".toml", ".py") and p.is_file())
    tables = {"tasks": {p.relative_to(folder).as_posix(): p.read_text("utf-8", "replace") for p in files}}
    if trust.trusted(folder / TASKS, tables):
        return True
    changed = "what has changed since it was trusted, too: " if trust.changed(folder / TASKS, tables) else ""
    with redirect_stdout(sys.stderr):  # what is asked for may be JSON
        if not confirmed(folder, [f"{changed}{claim}" for claim in _claims(folder)], yes):
            return False
    trust.grant(folder / TASKS, tables)
    return True


def _claims(folder: Path) -> list[str]:
    """Say what tasks would do with the rights of whoever evaluates them."""
    tasks = read_tasks(folder)
    checks = ", ".join(t.name for t in tasks[:_NAMED]) + (" …" if len(tasks) > _NAMED else "")
    tools = sorted({str(tool) for t in tasks for tool in t.spec.get("tools", ())})
    return [
        f"run the checks of {len(tasks)} task{'s' if len(tasks) > 1 else ''} as Python, with your rights: {checks}",
        *([f"hand these tools to the model, in mode auto: {', '.join(tools)}"] if tools else []),
    ]


def report(scored: Sequence[Scored], runs: bool = False) -> str:
    """Return the table of models and settings, and below it what went wrong.

    Parameters
    ----------
    scored : sequence of Scored
        What was run.
    runs : bool
        A line for each run.
    """
    heads = ["model", "setting", "right", "95 % interval", "tasks", "runs", "tokens", "s", "$"]
    rows = [
        [
            s.model or "(default)", s.setting or "-", f"{s.share:.0%}" if s.tasks else "-",
            f"{s.low:.0%} to {s.high:.0%}" if s.tasks else "-", s.tasks, s.runs, f"{s.tokens:,.0f}", f"{s.seconds:.1f}",
            "not known" if s.dollars is None else f"{s.dollars:.4f}",
        ]
        for s in summed(scored)
    ]  # fmt: skip
    lines = [table(rows, heads), "Tokens and s are means of a run; the interval is one over tasks (Wilson)."]
    if left := [one for one in scored if not one.finished]:
        lines.append(f"Not finished, and counted neither way: {', '.join(map(_of, left))}.")
    wrong = [one for one in scored if one.finished and not one.right]
    if runs:
        lines.append(table([_row(one) for one in scored], ["run", "right", "how", "answer"]))
    elif wrong:
        lines.append(f"Not right: {', '.join(map(_of, wrong))}.")
    return "\n".join(lines)


def _of(one: Scored) -> str:
    """Name a run."""
    return " ".join(filter(None, (one.task, one.model, one.setting, f"#{one.epoch}", f"({one.how})")))


def _row(one: Scored) -> list[str]:
    said = " ".join(one.answer.split())
    right = "yes" if one.right else "no" if one.finished else "-"
    return [_of(one), right, one.how, said if len(said) <= _SHOWN else f"{said[: _SHOWN - 1]}…"]
