"""The values of an answer as code: each expression that was evaluated when it was given, and the check of each."""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from textwrap import wrap
from typing import Any, NamedTuple

from llmos_nb.export.cells import tidy
from llmos_nb.export.plainly import Assertion, by_type, lines
from llmos_nb.export.source import ExportSource
from llmos_nb.process import answers, compute

WIDTH = 100  # characters of a line, as long as nothing in it is longer
BEFORE, BEHIND = 60, 40  # characters of an answer around a value
_ODD = set('"\\{}#\n')  # cannot stand in a field of an f-string in double quotes
_BAR, _RULE = re.compile(r"(?<!\\)\|"), re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-*:?\s*)*")
_EMPHASIS, _MARKUP = re.compile(r"[*`]+"), re.compile(r"[|#>\s]+|[-:]{3,}")


class Value(NamedTuple):
    """A value that an expression of an answer gave."""

    name: str  # the variable that holds it when it is computed again
    code: str  # the expression, as the model wrote it
    made: str  # Python that gives its text, or the table that it is
    text: str  # as it was told
    around: str  # the words of the answer around it
    table: bool  # its text is Markdown, and its content is compared
    words: str = ""  # the content of a table, as `heap.content` says it

    @property
    def unknown(self) -> str:
        """Why it is not compared, whatever it is: the answer does not say what the expression gives."""
        if "<secret " in self.text or "<secret " in self.words:
            return "it holds a secret, which the answer has blanked"
        if self.table:
            return "" if self.words and not by_type(self.words) else "the journal has of this table its text alone"
        return "the answer has the beginning of it alone" if len(self.text) >= compute.LONGEST else ""

    @property
    def shown(self) -> bool:
        """Whether the cell that computes it prints it: the text of a table hangs on how wide a screen is."""
        return not self.table and not self.unknown


def values_of(run: ExportSource) -> list[Value]:
    """Return the values of an answer that are computed again; none where they rest on what was undone.

    An expression that changes something is not evaluated again: in the run that was done in a copy.
    """
    values = [v for v in run.state.computed or () if not v.get("changes")]
    if any(answers.undone_below(run.state, v["code"]) for v in values):
        return []
    said = run.state.answer or run.state.candidate
    return [_value(v, f"{run.values}_{n}", said) for n, v in enumerate(values, 1)]


def with_names(runs: Sequence[ExportSource]) -> list[ExportSource]:
    """Return processes with names for the values of their answers that no code of theirs has, each with its own.

    No name begins with an underscore: marimo keeps such a variable within its cell.
    """
    code = [source for run in runs for _, source in run.user_cells]
    code += [str(text) for run in runs for call in run.state.calls.values() for text in _texts(call.arguments)]
    taken = set(re.findall(r"\w+(?=_\d)", "\n".join(code)))
    found = list[ExportSource]()
    for run in runs:
        name = "answer" if len([r for r in runs if r.wanted]) == 1 else f"answer_{run.pid}"
        while name in taken:
            name += "_"
        found.append(replace(run, values=name))
    return found


def _texts(arguments: Mapping[str, Any] | str) -> Iterable[Any]:
    return [arguments] if isinstance(arguments, str) else arguments.values()


def _value(value: Mapping[str, Any], name: str, answer: str) -> Value:
    start, text = int(value["start"]), str(value["text"])
    around = _around(answer, start, start + len(value.get("shown", text)))
    made, table = _made(value)
    return Value(name, value["code"], made, text, around, table, str(value.get("content", "")))


def _around(answer: str, start: int, end: int) -> str:
    """Return the words of an answer around a value, on one line; of one in lines of its own, those before it."""
    if within := _in_table(answer, start):
        return within
    before, behind = answer[:start].rpartition("\n")[2], answer[end:].partition("\n")[0]
    if not before.strip() and not behind.strip():
        above = [x for x in answer[:start].splitlines() if _plain(x).strip() and not x.startswith("```")]
        return _plain((above or [""])[-1]).strip()
    head, tail = _plain(before).lstrip(), _plain(behind).rstrip()
    head = head if len(head) <= BEFORE else head[-BEFORE:].partition(" ")[2]
    tail = tail if len(tail) <= BEHIND else tail[:BEHIND].rpartition(" ")[0]
    return f"{head}…{tail}".strip() if head.strip() or tail.strip() else ""


def _in_table(answer: str, place: int) -> str:
    """Return of a place in a table its row, as the first column calls it, and its column; empty elsewhere."""
    *above, before = answer[:place].split("\n")
    rows = list(takewhile(lambda line: "|" in line, reversed(above)))
    rule = next((n for n, line in enumerate(rows[:-1]) if _RULE.fullmatch(line)), -1)
    if rule < 0:
        return ""
    column = len(_BAR.findall(before)) - before.lstrip().startswith("|")
    label, header = _cells(before)[0] if column else "", _cells(rows[rule + 1])
    label = label if any(map(str.isalpha, label)) else ""  # a number says of no row which one it is
    return ", ".join(filter(None, [label, header[column] if column < len(header) else ""]))


def _cells(row: str) -> list[str]:
    return [_plain(cell).strip() for cell in _BAR.split(row.strip().removeprefix("|"))]


def _plain(text: str) -> str:
    return _MARKUP.sub(" ", _EMPHASIS.sub("", text))


def computed_answer(run: ExportSource) -> str:
    """Return the values of an answer as code, each on a line of its own below its words; empty for none."""
    if not (values := values_of(run)):
        return ""
    found = ["# The values of the answer, each computed again where it was given."]
    for value in values:
        found += [f"# {value.around}"] if value.around else []
        found.append(f"{value.name} = {value.made}")
    return "\n".join([*found, *_printing([v.name for v in values if v.shown])])


def _printing(names: list[str]) -> list[str]:
    """Return the lines of code that print variables, each on a line of its own."""
    flat, by = ", ".join(names), ', sep="\\n"' if len(names) > 1 else ""
    if len(one := f"print({flat}{by})") <= WIDTH:
        return [one] if names else []
    rows = wrap(f"{flat},", WIDTH, initial_indent="    ", subsequent_indent="    ")
    return ["print(", *rows, '    sep="\\n",', ")"]


def _made(value: Mapping[str, Any]) -> tuple[str, bool]:
    """Return an expression as code that gives its text, as an f-string where it can stand in one, or its table."""
    form, spec = value.get("format"), ""
    inner = ast.parse(compute.as_code(value["code"], form), mode="eval").body
    if compute.is_table(value["code"], form):
        return ast.unparse(inner), True
    match inner:
        case ast.Call(func=ast.Name("format"), args=[of, ast.Constant(str(spec))]):
            inner = of
        case ast.Call(func=ast.Lambda(args=ast.arguments(args=[ast.arg("value")])), args=[of]) if form is None:
            if _number(str(value["text"])):  # of an earlier version, which told a float by ten digits
                own = f"isinstance(_value := {ast.unparse(of)}, float)"
                return f'f"{{_value:.10g}}" if {own} else f"{{_value}}"', False
            inner = of
    code, odd = ast.unparse(inner), (ast.Lambda, ast.NamedExpr)
    if _ODD & {*code, *spec} or any(isinstance(n, odd) for n in ast.walk(inner)):
        return f"format({code}, {spec!r})" if spec else f"str({code})", False
    return f'f"{{{code}:{spec}}}"' if spec else f'f"{{{code}}}"', False


def _number(text: str) -> bool:
    """Return whether a text may be that of a float."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def answer_printed(run: ExportSource) -> list[dict[str, Any]]:
    """Return what the code of `computed_answer` showed if it was run where the process answered."""
    text = "".join(f"{tidy(v.text)}\n" for v in values_of(run) if v.shown)
    return [{"output_type": "stream", "name": "stdout", "text": text}] if text else []


def answer_check(run: ExportSource, without: Container[str] = ()) -> list[str]:
    """Return the assertions over the values that were computed again, but for those that may come out otherwise."""
    values = [v for v in values_of(run) if v.name not in without and not v.unknown]
    return [line for v in values for line in (lines(v.name, v.words) if v.table else [_same_text(v.name, v.text)])]


def _same_text(name: str, text: str) -> str:
    """Return the assertion that a value has this text; how its words are parted does not count."""
    parts = text.split()
    if len(parts) < 2:
        return Assertion(f"{name}.strip() == {text.strip()!r}", name, repr(text)).line()
    flat = " ".join(parts)
    rows = wrap(flat, WIDTH, break_long_words=False, break_on_hyphens=False)
    said = "\n".join(["(", *(f"    {row + ' '!r}" for row in rows), ")"]) if len(rows) > 1 else repr(flat)
    return Assertion(f"{name}.split() == {said}.split()", name, repr(flat)).line()
