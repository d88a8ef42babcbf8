"""One way to do each exercise; `lesson.solution` shows it, and the tests hold the checks to it."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module
from types import ModuleType

from llmos_nb.lessons.system.parts import PARTS, body, reference


class Cell(str):
    """A cell that does something to a process that lives, rather than a value that is handed in."""

    __slots__ = ()


_MARK = re.compile(r"^# exercise: (\w+)\n", re.MULTILINE)


def module(number: str) -> ModuleType:
    """Return the module that holds a lesson's solutions."""
    return import_module(f"{__name__}.s{number}")


def solution_text(number: str, exercise: str) -> str:
    """Return the source of one solution, with the imports that it needs."""
    if exercise in ("mini", "whole"):
        return _of_the_system(number, exercise)
    if isinstance(made := getattr(module(number), exercise), Cell):
        return made
    prelude, *parts = _MARK.split(inspect.getsource(module(number)))
    own = dict(zip(parts[::2], parts[1::2], strict=True))[exercise].strip()
    imports = "\n".join(_imports(prelude, own))
    return f"{imports}\n\n\n{own}" if imports else own


def _of_the_system(number: str, exercise: str) -> str:
    """Return a part of the reference `mini.py`, as a cell that writes it; it is no part of the installed package."""
    parts = reference()
    if exercise == "whole":
        return f'{exercise} = "mini.py"  # with all its parts; the page “mini.py” of the documentation has ours'
    return f"%%mini {PARTS[number]}\n{body(parts[PARTS[number]])}"


def _imports(prelude: str, body: str) -> list[str]:
    """Write the imports of a module again, as far as `body` uses what they bring."""
    used = {n.id for n in ast.walk(ast.parse(body)) if isinstance(n, ast.Name)}
    lines = []
    for node in ast.parse(prelude).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            node.names = [a for a in node.names if (a.asname or a.name) in used]
            lines += [ast.unparse(node)] if node.names else []
    return lines
