"""The numbers of an answer as code: the expressions that were evaluated when it was given, and the check of them."""

from __future__ import annotations

import ast
from textwrap import wrap
from typing import Any

from llmos_nb.export.cells import tidy
from llmos_nb.export.plainly import Assertion
from llmos_nb.export.source import ExportSource
from llmos_nb.process import answers, compute

NAME = "_answer"
WIDTH = 100  # characters of a line, as long as nothing in it is longer
_ODD = set('"\\{}#\n')  # cannot stand in a field of an f-string in double quotes
TABLES = "# How a table of the answer is written as Markdown; the work needs nothing of it."
TOLD = """# How an answer tells a number that it gave no format.
def _told(value):
    return format(value, ".10g") if isinstance(value, float) else value"""


def computed_answer(run: ExportSource) -> str:
    """Return the numbers of an answer as code; empty for none, and where they rest on what was undone.

    An expression that changes something is not evaluated again: in the run that was done in a copy.
    """
    if not (values := _values(run)) or any(answers.undone_below(run.state, v["code"]) for v in values):
        return ""
    texts = [*map(_text, values)]
    joined = f'"\\n".join([{", ".join(texts)}])'
    if len(joined) > WIDTH:
        joined = "\n".join(['"\\n".join([', *(f"    {t}," for t in texts), "])"])
    made = texts[0] if len(texts) == 1 else joined
    return "\n".join(["# The numbers of the answer, computed again.", f"{NAME} = {made}", f"print({NAME})"])


def _values(run: ExportSource) -> list[dict[str, Any]]:
    return [v for v in run.state.computed or () if not v.get("changes")]


def helpers(run: ExportSource, code: str) -> dict[str, str]:
    """Return what the code of an answer calls that is no part of it, by the name that is called; nothing for most."""
    tables = compute.definitions(run.state.computed or ())
    found = {"markdown_table": tables and f"{TABLES}\n{tables}", "_told": TOLD}
    return {name: source for name, source in found.items() if source and f"{name}(" in code}


def _text(value: dict[str, Any]) -> str:
    """Return an expression as code that gives its text: as an f-string where it can stand in one."""
    inner, spec = ast.parse(compute.as_code(value["code"], value.get("format")), mode="eval").body, ""
    match inner:
        case ast.Call(func=ast.Name("format"), args=[of, ast.Constant(str(spec))]):
            inner = of
        case ast.Call(func=ast.Lambda(args=ast.arguments(args=[ast.arg("value")])), args=[of]) if (
            value.get("format") is None  # of an earlier version, and it had no format of its own
        ):
            number = _number(value["text"])
            inner = ast.Call(ast.Name("_told", ast.Load()), [of], []) if number else of
    code, odd = ast.unparse(inner), (ast.Lambda, ast.NamedExpr)
    if _ODD & {*code, *spec} or any(isinstance(n, odd) for n in ast.walk(inner)):
        return f"format({code}, {spec!r})" if spec else f"str({code})"
    return f'f"{{{code}:{spec}}}"' if spec else f'f"{{{code}}}"'


def _number(text: str) -> bool:
    """Return whether a text may be that of a float."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def answer_printed(run: ExportSource) -> list[dict[str, Any]]:
    """Return what the code of `computed_answer` showed if it was run where the process answered."""
    text = "".join(f"{tidy(str(v['text']))}\n" for v in _values(run))
    return [{"output_type": "stream", "name": "stdout", "text": text}]


def answer_check(run: ExportSource) -> str:
    """Return the assertion over the numbers that were computed again; spaces and line ends do not count.

    Empty where a value was cut or blanked: then the answer does not say what its expression gives.
    """
    values = [str(v["text"]) for v in _values(run)]
    if any(len(v) >= compute.LONGEST or "<secret " in v for v in values):
        return ""
    lines = wrap(" ".join(values), WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
    told = [f"    {line + ' '!r}" for line in lines]
    said = repr(lines[0]) if len(lines) < 2 else "\n".join(["(", *told, ")"])
    return Assertion(f"{NAME}.split() == {said}.split()", NAME, repr(" ".join(values))).line()
