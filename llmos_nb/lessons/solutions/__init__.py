"""One way to do each exercise; `lesson.solution` shows it, and the tests hold the checks to it."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module
from types import ModuleType

_MARK = re.compile(r"^# exercise: (\w+)\n", re.MULTILINE)


def module(number: str) -> ModuleType:
    """Return the module that holds a lesson's solutions."""
    return import_module(f"{__name__}.s{number}")


def solution_text(number: str, exercise: str) -> str:
    """Return the source of one solution, with the imports that it needs."""
    prelude, *parts = _MARK.split(inspect.getsource(module(number)))
    body = dict(zip(parts[::2], parts[1::2], strict=True))[exercise].strip()
    imports = "\n".join(_imports(prelude, body))
    return f"{imports}\n\n\n{body}" if imports else body


def _imports(prelude: str, body: str) -> list[str]:
    """Write the imports of a module again, as far as `body` uses what they bring."""
    used = {n.id for n in ast.walk(ast.parse(body)) if isinstance(n, ast.Name)}
    lines = []
    for node in ast.parse(prelude).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            node.names = [a for a in node.names if (a.asname or a.name) in used]
            lines += [ast.unparse(node)] if node.names else []
    return lines
