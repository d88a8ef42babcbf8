"""Scenarios out of the docstrings of installed packages: each is what a person would paste, in steps of a process."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import random
from collections.abc import Iterator

from docstring_code import cells

from real_runs.scenario import Scenario, agent, study

WALKED = ("pandas", "sklearn")
NUMPY = ("numpy", "numpy.linalg", "numpy.fft", "numpy.ma", "numpy.strings", "numpy.random")
STANDARD = (
    "statistics",
    "collections",
    "itertools",
    "fractions",
    "bisect",
    "heapq",
    "textwrap",
    "difflib",
    "random",
    "enum",
    "ipaddress",
)
_IMPORTS = "import numpy as np\nimport pandas as pd"
_NOT = (
    "help(",
    ">>>",
    "_warn",
    "import_fail",
    "np.show",
    "setbufsize",
    "seterr",
    "memmap",
    "np.save",
    "np.load",
    "tofile",
    "input(",
)
STEPS = 6


def docstrings(count: int, seed: int) -> list[Scenario]:
    """Return some scenarios, drawn from all docstrings with at least one step that gives a value.

    Parameters
    ----------
    count : int
        How many.
    seed : int
        Of the draw.
    """
    if not count:
        return []
    found = [(name, steps) for name, code in sorted(_all()) if (steps := steps_of(code))]
    drawn = random.Random(seed).sample(found, min(count, len(found)))
    return [_scenario(name, steps) for name, steps in drawn]


def _scenario(name: str, steps: list[str]) -> Scenario:
    words = f"docstring of {name}"
    return study(f"doc:{name}", words, _IMPORTS, agent(f"What {name.rpartition('.')[2]} does", *steps), skip=("_",))


def _all() -> Iterator[tuple[str, list[str]]]:
    for package in WALKED:
        yield from cells(package)
    parser = doctest.DocTestParser()
    for module in (importlib.import_module(m) for m in (*NUMPY, *STANDARD)):
        items = [
            (module.__name__, module),
            *((f"{module.__name__}.{n}", v) for n, v in vars(module).items() if n[0] != "_"),
        ]
        for name, item in items:
            text = (inspect.getdoc(item) or "") if callable(item) or item is module else ""
            try:
                code = [e.source for e in parser.get_examples(text) if "Traceback" not in e.want]
            except ValueError:
                continue
            if code and not any(w in c for c in code for w in _NOT):
                given = "*" if module.__name__ in STANDARD else name.rpartition(".")[2]
                head = [] if item is module and given != "*" else [f"from {module.__name__} import {given}"]
                yield name, [*head, *code]


def steps_of(code: list[str]) -> list[str]:
    """Return a docstring's examples as steps, each of which ends in a value that has a name and is shown.

    What stands before an expression is of its step; a print alone is no step of its own.
    """
    steps: list[str] = []
    before: list[str] = []
    for source in code:
        try:
            tree = ast.parse(source)
        except SyntaxError:
            return []
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr) and not _says_nothing(last.value):
            head = [ast.unparse(node) for node in tree.body[:-1]]
            name = f"value_{len(steps) + 1}"
            steps.append("\n".join([*before, *head, f"{name} = {ast.unparse(last.value)}", name]))
            before = []
        else:
            before.append(source.rstrip())
        if len(steps) == STEPS:
            break
    return steps


def _says_nothing(value: ast.expr) -> bool:
    """Return whether an expression is run for what it does: a print, or a literal in the open."""
    called = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print"
    return called or isinstance(value, ast.Constant)
