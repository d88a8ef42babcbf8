"""What the model was shown, by a name in its answer: ``r2_0`` and ``_`` of calls, ``p2.answer`` of other processes.

The journal keeps the text of what a call showed, and no object. So such a name stands for that text, or for the plain
value that it spells, and this takes its place in the expression, as a constant: nothing is computed by it alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Container
from typing import Any, NamedTuple

from llmos_nb.process.fields import Field, parsed
from llmos_nb.process.state import CONTROL, State
from llmos_nb.tools import Call
from llmos_nb.tools.devices import WAIT

_CALL, _PROCESS = re.compile(r"r(\d+)_(\d+)"), re.compile(r"p(\d+)")
_NUMPY = re.compile(r"\b(?:np|numpy)\.\w+\(([^()]*)\)")  # as it says its own numbers


class Filled(NamedTuple):
    """A field in which such names have their values, the code that it is then, and why one of them has none."""

    field: Field | None
    code: str
    why: str = ""


def filled(code: str, s: State, live: Container[str]) -> Filled:
    """Put what the model was shown in the place of the names that stand for it.

    Parameters
    ----------
    code : str
        An expression of the answer.
    s : State
        The process.
    live : container of str
        The names of variables, which come first; `_` is that of the user's own cells, and never meant.
    """
    if (field := parsed(code)) is None:
        return Filled(None, code)
    names = _Names(s, live, field)
    try:
        value = names.visit(field.value)
    except LookupError as why:
        return Filled(None, code, str(why.args[0]))
    if not names.found:
        return Filled(field, code)
    how = f"{field.conversion and f'!{field.conversion}'}{field.spec and f':{field.spec}'}"
    return Filled(field._replace(value=value), f"{ast.unparse(value)}{how}")


class _Names(ast.NodeTransformer):
    """Puts constants in the place of names; a LookupError says why there is none."""

    def __init__(self, s: State, live: Container[str], field: Field) -> None:
        self._state, self._live, self.found = s, live, False
        nodes = [*ast.walk(field.value)]
        self._own = {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        self._own |= {n.arg for n in nodes if isinstance(n, ast.arg)}
        self._bare = field.value if not (field.spec or field.conversion) else None

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A call's value; alone, as it was spelled."""
        name = _CALL.fullmatch(node.id)
        if node.id in self._own or (node.id != "_" and (name is None or node.id in self._live)):
            return node
        call = self._state.calls.get(f"r{int(name[1])}.{int(name[2])}") if name else _last(self._state)
        if call is None:
            raise LookupError(f"there is no call {node.id.replace('_', '.')}" if name else "no call showed anything")
        return self._put(_shown(call), node is self._bare)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """A process's answer."""
        of = _PROCESS.fullmatch(getattr(node.value, "id", ""))
        if of is None or node.attr != "answer" or of[0] in self._own or of[0] in self._live:
            return self.generic_visit(node)
        return self._put(_answer(self._state, int(of[1])), node is self._bare)

    def _put(self, text: str, as_it_is: bool) -> ast.expr:
        self.found, text = True, _NUMPY.sub(r"\1", text)
        value = _plain(text)
        spelled = repr(text if as_it_is and not isinstance(value, str) else value)
        return ast.parse(spelled, mode="eval").body


def _last(s: State) -> Call | None:
    """Return the last call that showed the model something."""
    done = (c for c in reversed(s.calls.values()) if c.status == "done" and c.name not in CONTROL)
    return next((c for c in done if c.result.strip()), None)


def _shown(call: Call) -> str:
    """Return what a call showed: its value where it had one, else all of it."""
    if {"handle", "private"} & call.facts.keys():
        raise LookupError(f"what {call.id} gave was not shown")
    if call.status != "done":
        raise LookupError(f"{call.id} is {call.status.replace('_', ' ')}")
    if len(call.result.encode()) != call.size:
        raise LookupError(f"what {call.id} gave is not kept whole")
    at, value = 0, ""
    for kind, size, *_ in call.facts.get("outputs") or ():
        value = call.result[at : at + size] if kind == "value" and size else value
        at += size
    return (value or call.result).strip()


def _answer(s: State, pid: int) -> str:
    """Return the answer of another process, where this one was given it."""
    waited = (c for c in reversed(s.calls.values()) if c.name == WAIT and c.facts.get("child") == pid)
    if (call := next((c for c in waited if c.facts.get("answer")), None)) is not None:
        return _shown(call).split("\n", call.facts["answer"])[-1]
    if any(p["from"] == pid for p in s.piped):
        raise LookupError(f"the answer of process {pid} came with more, and is not kept by itself")
    raise LookupError(f"this process was given no answer of process {pid}")


def _plain(text: str) -> Any:
    """Return the plain value that a text spells; the text where it spells none."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return text if isinstance(value, tuple) and not text.startswith("(") else value  # 1,234
