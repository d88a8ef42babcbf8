"""Tasks: a file of TOML each, with a goal, the tables that it is about, and how an answer is judged.

    goal = "What is the mean body mass of the Gentoo penguins, in g?"
    data = ["penguins.csv"]
    [check]
    truth = "penguins[penguins.species == 'Gentoo'].body_mass_g.mean()"

`truth` is computed from a fresh copy of the tables, so that no answer stands in the file. Where that says too little,
``python = "right"`` names a function of the file of Python with the same name: ``right(answer, **tables) -> bool``.
Both run with the rights of whoever evaluates, as tests do; pandas is there as `pd`.
"""

from __future__ import annotations

import runpy
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError, check_keys
from llmos_nb.process import answers, briefing

KEYS, CHECKS = ("goal", "data", "tools", "plan", "budget", "check"), ("truth", "within", "unlike", "python")
WITHIN = 0.001


@dataclass(frozen=True)
class Task:
    """One task.

    Parameters
    ----------
    name : str
        Of its file.
    goal : str
        What is asked, with the tables that it is about.
    check : mapping
        How an answer is judged: ``truth, within, unlike``, or ``python``.
    spec : mapping
        What a batch is told beside the goal: ``tools, plan, budget``.
    file : path
        Where it stands.
    """

    name: str
    goal: str
    check: Mapping[str, Any]
    spec: Mapping[str, Any]
    file: Path

    def tables(self) -> dict[str, Any]:
        """Return a fresh copy of the tables that it is about, by variable."""
        found: dict[str, Any] = {}
        briefing.attach(self.goal, found)
        return found

    def right(self, answer: str) -> bool:
        """Return whether an answer is right.

        Raises
        ------
        UsageError
            The check itself cannot be carried out.
        """
        try:
            if name := self.check.get("python"):
                judge: Callable[..., object] = runpy.run_path(str(self.file.with_suffix(".py")))[name]
                return bool(judge(answer, **self.tables()))
            names = {"pd": import_module("pandas"), **self.tables()}
            truth = eval(self.check["truth"], names)  # noqa: S307 - of whoever evaluates
        except Exception as error:  # of the task's own code
            raise UsageError(f"{self.file}: its check fails ({type(error).__name__}: {error})") from error
        wanted = list(truth) if isinstance(truth, list | tuple) else [truth]
        within = float(self.check.get("within", WITHIN))
        stands = all(says(answer, value, within) for value in wanted)
        return stands and not any(says(answer, other, within) for other in self.check.get("unlike", ()))


def says(answer: str, value: Any, within: float) -> bool:
    """Return whether a value stands in an answer: a text word by word, a number as far as it is written out."""
    if isinstance(value, str):
        return f" {_words(value)} " in f" {_words(answer)} "
    number = float(value)
    said = [x.value for x in answers.literals(answer, answers.has_decimal_comma(answer))]
    read = ((float(x), 0.5 * 10.0 ** int(x.as_tuple().exponent)) for x in said if isinstance(x, Decimal))
    return any(abs(x - number) <= max(half, within * abs(number)) * (1 + 1e-9) for x, half in read)


def _words(text: str) -> str:
    """Return the words of a text, in lower case and with one blank between them."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def read_tasks(folder: Path, only: str = "*") -> list[Task]:
    """Read the tasks of a folder.

    Parameters
    ----------
    folder : path
        Holds a file ``NAME.toml`` for each.
    only : str
        A glob that their names fit.

    Raises
    ------
    UsageError
        There is none, or one cannot be read; it names the file and the key.
    """
    files = sorted(p for p in folder.glob("*.toml") if p.match(f"{only}.toml"))
    if not files:
        raise UsageError(f"{folder}: there is no task {only}.toml in it")
    return [_read(file) for file in files]


def _read(file: Path) -> Task:
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{file}: {error}") from error
    check_keys(raw, KEYS, str(file))
    goal, data, check = raw.get("goal"), raw.get("data", []), raw.get("check", {})
    if not isinstance(goal, str) or not goal.strip():
        raise UsageError(f"{file}: goal must be a text that is not empty")
    if not isinstance(data, list) or not all(isinstance(d, str) for d in data):
        raise UsageError(f"{file}: data = {data!r} must be a list of files")
    if missing := [d for d in data if not (file.parent / d).is_file()]:
        raise UsageError(f"{file}: data: there is no {missing[0]} beside it")
    check_keys(check, CHECKS, f"{file}: check")
    if ("truth" in check) == ("python" in check) or not all(
        isinstance(check.get(k, ""), str) for k in ("truth", "python")
    ):
        raise UsageError(f"{file}: check needs truth, an expression, or python, the name of a function")
    whole = "\n".join([goal.strip(), *(f"!`{(file.parent / d).resolve()}`" for d in data)])
    return Task(file.stem, whole, check, {k: raw[k] for k in ("tools", "plan", "budget") if k in raw}, file)
