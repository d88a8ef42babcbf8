"""An answer as code: an f-string with the expressions that were evaluated when it was given, and the check of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from llmos_nb.export.cells import tidy
from llmos_nb.export.source import ExportSource
from llmos_nb.process import answers, compute

NAME = "_answer"
_ODD = set('"\\{}#\n')  # cannot stand in a field of an f-string in double quotes
TOLD = """# How an answer tells a number that it gave no format.
def _told(value):
    return format(value, ".10g") if isinstance(value, float) else value"""


def computed_answer(run: ExportSource) -> str:
    """Return the answer as code that computes it; empty where it holds no expression, or rests on what was undone.

    An expression that changes something is not evaluated again: in the run that was done in a copy.
    """
    s, at, text = run.state, 0, ""
    values = [v for v in s.computed or () if not v.get("changes")]
    if not values or any(answers.undone_below(s, v["code"]) for v in values):
        return ""
    answer, before = s.answer or "", list[str]()
    for n, value in enumerate(values, 1):
        text += _literal(answer[at : value["start"]])
        text += _field(value, f"_value_{n}", before)
        at = value["start"] + len(value["text"])
    text += _literal(answer[at:])
    parts = [f'    f"{part}"' for part in text.replace("\\n", "\\n\n").split("\n") if part]
    made = f"{NAME} = {parts[0].strip()}" if len(parts) == 1 else "\n".join([f"{NAME} = (", *parts, ")"])
    return "\n".join(["# The answer, computed again.", *before, made, f"print({NAME})"])


def helpers(run: ExportSource, code: str) -> dict[str, str]:
    """Return what the code of an answer calls that is no part of it, by the name that is called; nothing for most."""
    found = {"markdown_table": compute.definitions(run.state.computed or ()), "_told": TOLD}
    return {name: source for name, source in found.items() if source and f"{name}(" in code}


def _field(value: dict[str, Any], name: str, before: list[str]) -> str:
    """Return an expression as a field of an f-string; one that cannot stand in it is bound before, under a name."""
    inner, spec = ast.parse(compute.as_code(value["code"], value.get("format")), mode="eval").body, ""
    told = False
    match inner:
        case ast.Call(func=ast.Name("format"), args=[of, ast.Constant(str(spec))]):
            inner = of
        case ast.Call(func=ast.Lambda(args=ast.arguments(args=[ast.arg("value")])), args=[of]) if (
            value.get("format") is None  # of an earlier version, and it had no format of its own
        ):
            inner, told = of, _number(value["text"])
    code = ast.unparse(inner)
    simple = isinstance(inner, ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.BinOp | ast.Constant)
    if not simple or _ODD.intersection(code) or ":=" in code or "lambda" in code:
        before.append(f"{name} = {code}")
        code = name
    if _ODD.intersection(spec):
        before.append(f"{name} = format({code}, {spec!r})")
        code, spec = name, ""
    code = f"_told({code})" if told else code
    return f"{{{code}:{spec}}}" if spec else f"{{{code}}}"


def _number(text: str) -> bool:
    """Return whether a text may be that of a float."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _literal(text: str) -> str:
    """Return a text as it stands between the double quotes of an f-string."""
    inner = repr("'\"" + text)[4:-1].replace("\\'", "'").replace('"', '\\"')
    return inner.replace("{", "{{").replace("}", "}}")


def answer_printed(run: ExportSource) -> list[dict[str, Any]]:
    """Return what the code of `computed_answer` showed if it was run where the process answered."""
    return [{"output_type": "stream", "name": "stdout", "text": f"{tidy(run.state.answer or '')}\n"}]


def answer_check(run: ExportSource) -> str:
    """Return the assertion over the answer that was computed again; spaces and line ends do not count.

    Empty where a value was cut or blanked: then the answer does not say what its expression gives.
    """
    values = [str(v["text"]) for v in run.state.computed or ()]
    if any(len(v) >= compute.LONGEST or "<secret " in v for v in values):
        return ""
    said = "\n".join(_lines(run.state.answer or ""))
    return f"assert {NAME}.split() == {said}.split(), {NAME}"


def _lines(text: str) -> Iterator[str]:
    """Return a text as literals, one a line where there are several."""
    lines = text.splitlines(keepends=True)
    yield from map(repr, lines) if len(lines) < 2 else ["(", *(f"    {line!r}" for line in lines), ")"]
