"""Marking what was handed in: ``python -m llmos_nb.lessons.marking NOTEBOOK``, in a process apart.

Of the notebook only its first cell, which imports, and the cells of the exercises count; the checks are ours. The
numbers are drawn anew, solutions cannot be read or imported, and whoever changes what judges gets nothing.
This stops cheats that a course sees, and no attacker: the code runs with the rights of whoever marks.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.lessons import solutions
from llmos_nb.lessons.core import Exercise, Verdict, judged
from llmos_nb.lessons.lesson import Lesson
from llmos_nb.lessons.outlines import outline
from llmos_nb.lessons.system.parts import FILE

VARIANTS = 2
TIMEOUT_S = 600
_HIDDEN = (str(Path(solutions.__file__).parent), str(Path("docs", FILE)))
_JUDGING = (FunctionType, BuiltinFunctionType, type)


def mark(notebook: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Return a row for each exercise that can be tried again: its name, whether it passed, and what was seen.

    Parameters
    ----------
    notebook : path-like
        As it was handed in, under its lesson's name; a `mini.py` beside it is tried, too.
    """
    command = [sys.executable, "-m", __name__, str(Path(notebook).resolve())]
    with tempfile.TemporaryDirectory(prefix="llmos-lesson-") as folder:
        done = subprocess.run(  # noqa: S603 - our own module
            command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    said = done.stdout.strip().splitlines()
    if done.returncode or not said:
        raise UsageError(f"{notebook}: it could not be marked ({(done.stderr.strip() or 'no word').splitlines()[-1]})")
    rows: list[dict[str, Any]] = json.loads(said[-1])
    return rows


def _marked(notebook: Path) -> Iterator[Verdict]:
    book = json.loads(notebook.read_text(encoding="utf-8"))
    handed = {c["metadata"].get("llmos_nb", {}).get("exercise"): "".join(c["source"]) for c in book["cells"]}
    imports = next("".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code")
    here = Lesson(outline(notebook.name[:2]), _seed(imports))
    exercises = [e for e in here.outline.exercises if not isinstance(_solution(here, e), solutions.Cell)]
    _hide_solutions()
    before = _fingerprint()
    for exercise in exercises:
        own = exercise.name in ("mini", "whole")
        attempt = str(notebook.with_name(FILE)) if own else _attempt(exercise, imports, handed.get(exercise.name, ""))
        verdict = attempt if isinstance(attempt, Verdict) else _tried(exercise, attempt, here.seed)
        if _fingerprint(before) != before:
            verdict = Verdict(exercise.name, False, "something that judges was changed, and nothing counts")
        yield verdict


def _solution(here: Lesson, exercise: Exercise) -> Any:
    return getattr(solutions.module(here.outline.number), exercise.name, None)


def _seed(imports: str) -> int:
    """Return the variant of the learner's numbers, as the first cell says it."""
    _, found, after = imports.partition("seed=")
    digits = after[: len(after) - len(after.lstrip("0123456789"))]
    return int(digits) if found and digits and "#" not in imports.partition("seed=")[0].splitlines()[-1] else 1


def _attempt(exercise: Exercise, imports: str, source: str) -> Any:
    """Return what the cell of an exercise makes, where it runs; the imports of the notebook are there."""
    plain = [line for line in imports.splitlines() if not line.startswith(("%", "!", "here"))]
    scope: dict[str, Any] = {"__name__": "handed_in"}
    try:
        exec(compile("\n".join(plain), "imports", "exec", dont_inherit=True), scope)  # noqa: S102 - what is marked
        exec(compile(source, exercise.name, "exec", dont_inherit=True), scope)  # noqa: S102 - as above
    except (Exception, SystemExit) as error:
        return Verdict(exercise.name, False, f"the cell raised {type(error).__name__}: {error}")
    return scope.get(exercise.name)


def _tried(exercise: Exercise, attempt: Any, seed: int) -> Verdict:
    """Try an attempt on variants that are drawn anew; a plain value was found for the learner's own variant."""
    seeds = random.sample(range(2, 40), VARIANTS) if callable(attempt) else [seed]
    verdicts = [judged(exercise, attempt, n) for n in seeds]
    return next((v for v in verdicts if not v), verdicts[0])


def _hide_solutions() -> None:
    """Let nobody in this process read, import or call a solution from here on."""
    for name in [n for n in sys.modules if n.startswith(solutions.__name__)]:
        vars(sys.modules.pop(name)).clear()

    def deny(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and any(part in str(args[0]) for part in _HIDDEN):
            raise PermissionError("solutions cannot be read while a notebook is marked")

    sys.addaudithook(deny)


def _fingerprint(known: dict[tuple[str, str], int] | None = None) -> dict[tuple[str, str], int]:
    """Return which function or class stands under each name of what judges; or under known names alone."""
    modules = {
        n: m for n, m in sys.modules.items() if n.startswith("llmos_nb") or n in ("builtins", "random", "json", "math")
    }
    found = {}
    for name, module in modules.items():
        for key, value in list(vars(module).items()):
            if isinstance(value, _JUDGING) and (known is None or (name, key) in known):
                found[name, key] = id(getattr(value, "__code__", value))
            for attribute, part in list(vars(value).items()) if isinstance(value, type) else ():
                place = (name, f"{key}.{attribute}")
                if isinstance(part, FunctionType) and (known is None or place in known):
                    found[place] = id(part.__code__)
    return found


def main(notebook: Path) -> None:
    """Mark a notebook and print the rows as JSON in the last line; what its code prints goes nowhere."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    rows = [{"exercise": v.exercise, "passed": v.passed, "message": v.message} for v in _marked(notebook)]
    out.write(json.dumps(rows) + "\n")
    out.flush()
    os._exit(0)  # nothing that the code left behind has a word after this


if __name__ == "__main__":
    main(Path(sys.argv[1]))
