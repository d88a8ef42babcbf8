"""A step's cell, and what is asserted behind it: its names and the value of its last expression."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from llmos_nb.export.dataflow.taint import holds_after_all
from llmos_nb.export.steps import Unit
from llmos_nb.heap.content import code_for

STDERR = "what it wrote to stderr"
VALUE, OUTPUT, CLOCK = "its value", "its output", "the time it took"
BY_TYPE = "its type alone is asserted"


@dataclass
class Expected:
    """What a step's cell asserts, and what it does not.

    Parameters
    ----------
    names : dict
        By name, its content in words after the step.
    value : str
        The content of the last expression, in words; empty where a cell shows none.
    shows : bool
        A cell shows the value of the last expression.
    quiet : bool
        The last expression has a value that the step did not show, as a part of a figure.
    left : dict
        By name, why it is not asserted; the last expression under an empty name.
    """

    names: dict[str, str] = field(default_factory=dict)
    value: str = ""
    shows: bool = False
    quiet: bool = False
    left: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many values are asserted by more than their type."""
        return sum(not by_type(w) for w in (*self.names.values(), self.value) if w)


def by_type(words: str) -> bool:
    """Return whether words tell the type alone."""
    return words.startswith("<")


def expected_of(unit: Unit, why: Mapping[str, str], printed: str) -> Expected:
    """Return what the cell of a step asserts.

    Parameters
    ----------
    unit : Unit
        The step.
    why : mapping
        By name, why it may not come out the same.
    printed : str
        Why what the step reads may not be the same.
    """
    call, run = unit.call, unit.run
    content = call.facts.get("content", {}) if call is not None and "outputs" in call.facts else None
    if call is None or not isinstance(content, dict) or unit.problem or unit.running == "":
        return Expected()
    found = Expected(shows="" in content, quiet=bool(call.facts.get("quiet")))
    for name, said in content.items():
        words = str(said)
        reason = why.get(name, "") if name else printed or ("it is not computed again" if unit.running else "")
        reason = "" if run is not None and holds_after_all(reason, words, run.ran_in) else reason
        if "<secret " in words:
            reason = "it holds a secret"
        elif words == "<CapturedIO>":
            reason = "it is what a magic took of the output"
        elif words.startswith("SList("):  # of `name = !command`, where the plain form gives a list
            words = words[6:-1]
        if reason:
            found.left[name] = f"it rests on {reason}" if not reason.startswith("it ") else reason
        elif name:
            found.names[name] = words
        else:
            found.value = words
    return found


def as_written(source: str, expected: Expected) -> str:
    """Return a step's code as its cell holds it: as it ran, but for a value that the step did not show.

    Parameters
    ----------
    source : str
        Plain Python.
    expected : Expected
        What it must give.
    """
    last = ast.parse(source).body[-1:]
    if expected.shows or not expected.quiet or not last or not isinstance(last[0], ast.Expr):
        return source
    lines = source.splitlines(keepends=True)
    line, column = (last[0].end_lineno or 1) - 1, last[0].end_col_offset or 0
    end = len("".join(lines[:line]).encode()) + column
    code = source.encode()
    head, tail = code[:end].decode(), code[end:].decode()
    return source if tail.lstrip().startswith(";") else f"{head};{tail}"


def checks(source: str, expected: Expected) -> str:
    """Return the assertions over what a step's cell gave, for the cell behind it; empty where there are none.

    Parameters
    ----------
    source : str
        Plain Python.
    expected : Expected
        What it must give.
    """
    words = dict(expected.names)
    if not expected.value:
        return "\n".join(_lines(words))
    last = ast.parse(source).body[-1]
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Name):  # it shows a name
        return "\n".join(_lines({**words, last.value.id: expected.value}))
    return "\n".join([GIVEN, *_lines({**words, VALUE_NAME: expected.value})])


VALUE_NAME = "_given"
GIVEN = f"{VALUE_NAME} = Out[max(Out)]"  # what the cell above gave


def _lines(words: Mapping[str, str]) -> list[str]:
    return [line(name, said) for name, said in words.items()]


def line(name: str, words: str) -> str:
    """Return the assertion over one name."""
    if by_type(words):
        kind = words[1:].partition(":")[0].removesuffix(">")
        return f"assert type({name}).__name__ == {kind!r}  # its type alone: what it holds is not asserted"
    return f"assert _content({name}) == {words!r}, _content({name})"


def compared(test: ast.expr) -> tuple[str, object] | None:
    """Return what an assertion of ours looks at, as code, and what that was in the run; None of any other."""
    match test:
        case (
            ast.Compare(
                ast.Call(ast.Attribute(left, "split")), [ast.Eq()], [ast.Call(ast.Attribute(right, "split"))]
            )
            | ast.Compare(left=left, ops=[ast.Eq()], comparators=[right])
        ):  # of an answer, but for its spaces
            with suppress(ValueError):
                return ast.unparse(left), ast.literal_eval(right)
    return None


def helper(words: Iterable[str]) -> str:
    """Return the code that assertions use; empty where none uses any."""
    said = [w for w in words if not by_type(w)]
    return code_for(said) if said else ""


def left_out(
    unit: Unit, gives: Expected, lost: str, volatile: str, clock: Sequence[str] = (), errors: bool = False
) -> dict[str, str]:
    """Say, for a person, what of a step nothing compares, each with why.

    Parameters
    ----------
    unit : Unit
        The step.
    gives : Expected
        What its cell asserts.
    lost : str
        Why its output is not that of a cell.
    volatile : str
        Why its output may be another one the next time.
    clock : sequence of str
        Lines of its output that were readings of the clock.
    errors : bool
        It wrote to stderr.
    """
    found = {"the code": unit.problem} if unit.problem else {}
    found |= {name or VALUE: why for name, why in gives.left.items()}
    named = [*gives.names.items(), *([(VALUE, gives.value)] if gives.value else [])]
    found |= {name: BY_TYPE for name, words in named if by_type(words)}
    if reason := lost or (f"it rests on {volatile}" if volatile else ""):
        found[OUTPUT] = reason
    found |= {STDERR: "warnings and progress bars are not compared"} if errors and OUTPUT not in found else {}
    return found | ({CLOCK: f"it is a reading of the clock ({'; '.join(clock)})"} if clock else {})


def told(left: Mapping[str, str]) -> list[str]:
    """Return what is left out in lines."""
    return [why if what == "the code" else f"{what}: {why}" for what, why in left.items()]
