"""The words of the lessons, from `outlines.toml`, joined with the judges in each lesson's module."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import import_module
from importlib.resources import files
from string import Template
from types import ModuleType
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.lessons.core import Exercise, Judge, Outline, Question
from llmos_nb.lessons.system import PARTS
from llmos_nb.lessons.system.judges import JUDGES

MODULES = {
    "01": "loop", "02": "calls", "03": "memory", "04": "scheduling",
    "05": "permissions", "06": "pipes", "07": "crash", "08": "reproducible",
    "09": "planning", "10": "evaluation",
}  # fmt: skip


@cache
def outline(number: str) -> Outline:
    """Return a lesson as it is announced.

    Parameters
    ----------
    number : str
        ``"01"`` to ``"10"``.
    """
    if number not in MODULES:
        raise UsageError(f"lesson {number!r}: there are {', '.join(MODULES)}")
    module = import_module(f"llmos_nb.lessons.{MODULES[number]}")
    # a task that states a bound takes it from the constant that its judge compares with
    known = {k: f"{v:,}" if type(v) is int else v for k, v in vars(module).items() if k.isupper()}
    text = (files("llmos_nb.lessons") / "outlines.toml").read_text(encoding="utf-8")
    words: dict[str, Any] = _filled(tomllib.loads(text)[number], known)
    questions = tuple(Question(**q) for q in words.pop("questions"))
    exercises = tuple(
        Exercise(e["name"], e["task"], tuple(e["hints"]), _judge(module, number, e["name"]))
        for e in words.pop("exercises")
    )
    return Outline(number=number, questions=questions, exercises=exercises, **words)


def _judge(module: ModuleType, number: str, name: str) -> Judge:
    """Return the judge of an exercise: of the learner's own system, or of the lesson's module."""
    own = {"mini": PARTS.get(number), "whole": "whole"}.get(name)
    judge: Judge = JUDGES[own] if own else getattr(module, f"judge_{name}")
    return judge


def _filled(raw: Any, known: dict[str, Any]) -> Any:
    """Put constants in the place of `$NAME` in every text."""
    if isinstance(raw, dict):
        return {k: _filled(v, known) for k, v in raw.items()}
    if isinstance(raw, list):
        return [_filled(v, known) for v in raw]
    return Template(raw).safe_substitute(known) if isinstance(raw, str) else raw
