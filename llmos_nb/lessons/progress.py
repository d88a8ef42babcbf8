"""What a learner has done, as one small JSON file beside the notebooks: to download, restore and reset."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock

from llmos_nb.errors import UsageError

FILE = "lesson-progress.json"
VERSION = 1


class Progress:
    """The progress file of a folder; read when made, and at every change joined with what others wrote meanwhile.

    Parameters
    ----------
    folder : path-like
        Where the notebooks are.
    """

    def __init__(self, folder: str | os.PathLike[str] = ".") -> None:
        self.path = Path(folder) / FILE
        self.lessons: dict[str, dict[str, Any]] = _read(self.path) if self.path.exists() else {}
        self._own = set[str]()

    def of(self, lesson: str) -> dict[str, Any]:
        """Return what is kept of a lesson; from here on it is written as it stands here."""
        self._own.add(lesson)
        return self.lessons.setdefault(lesson, {"seed": 1, "exercises": {}, "predictions": {}})

    def exercise(self, lesson: str, name: str) -> dict[str, Any]:
        """Return what is kept of an exercise."""
        fresh = {"attempts": 0, "passed": False, "hints": 0, "seen": False}
        kept: dict[str, Any] = self.of(lesson)["exercises"].setdefault(name, fresh)
        return kept

    def reset(self, lesson: str) -> None:
        """Forget a lesson."""
        self.lessons.pop(lesson, None)
        self.save(forget=lesson)

    def save(self, forget: str = "") -> None:
        """Write the file, whole or not at all; what another notebook did meanwhile stays."""
        with FileLock(self.path.with_name(f".{FILE}.lock")):
            found = _read(self.path) if self.path.exists() else {}
            found.pop(forget, None)
            own = {lesson: kept for lesson, kept in self.lessons.items() if lesson in self._own}
            for lesson in own.keys() & found.keys():
                _join(own[lesson], found[lesson])
            self.lessons = found | own
            text = json.dumps({"version": VERSION, "lessons": self.lessons}, indent=1, sort_keys=True)
            part = self.path.with_suffix(".part")
            part.write_text(text + "\n", encoding="utf-8")
            part.replace(self.path)

    def restore(self, source: str | os.PathLike[str]) -> None:
        """Take over a file that was downloaded earlier, in the place of what is there."""
        self.lessons = _read(Path(source))
        self._own = set(self.lessons)
        self.path.unlink(missing_ok=True)
        self.save()


def _join(mine: dict[str, Any], kept: dict[str, Any]) -> None:
    """Put into a lesson what stands of it on disk: passed anywhere is passed, and numbers only grow."""
    mine["predictions"] |= {
        name: answer for name, answer in kept["predictions"].items() if name not in mine["predictions"]
    }
    for name, done in kept["exercises"].items():
        own = mine["exercises"].setdefault(name, done)
        own |= {key: max(own[key], value) for key, value in done.items()}


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: no progress can be read ({error}); remove the file to begin anew") from error
    if not isinstance(raw, dict) or raw.get("version") != VERSION or not isinstance(raw.get("lessons"), dict):
        raise UsageError(f"{path}: this is not a progress file of version {VERSION}")
    lessons: dict[str, dict[str, Any]] = raw["lessons"]
    return lessons


_KEPT = ("passed", "attempts", "hints", "seen")
COLUMNS = ("lesson", "exercise", "passed", "attempts", "hints", "solution_seen")


def scores(folder: str | os.PathLike[str] = ".") -> list[dict[str, Any]]:
    """Return one row an exercise that was tried.

    Parameters
    ----------
    folder : path-like
        Where the progress file is.
    """
    return [
        dict(zip(COLUMNS, (lesson, name, *(done[k] for k in _KEPT)), strict=True))
        for lesson, kept in sorted(Progress(folder).lessons.items())
        for name, done in sorted(kept["exercises"].items())
    ]


def write_scores(rows: Iterable[dict[str, Any]], path: str | os.PathLike[str]) -> Path:
    """Write scores as JSON or CSV, by the name's end."""
    out, table = Path(path), list(rows)
    if out.suffix == ".csv":
        with out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(table)
    elif out.suffix == ".json":
        out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    else:
        raise UsageError(f"{out}: scores are written as .json or .csv")
    return out
