"""A step's cell, and what is asserted behind it: its names and the value of its last expression."""

from __future__ import annotations

import ast
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from llmos_nb.export.dataflow.taint import FITTING, holds_after_all
from llmos_nb.export.plainly import by_type, lines, sized
from llmos_nb.export.steps import Unit
from llmos_nb.heap.content import told as read_words

STDERR = "what it wrote to stderr"
VALUE, OUTPUT, CLOCK = "its value", "its output", "the time it took"
BY_TYPE = "its type alone is asserted"


@dataclass
class Expected:
    """What a step's cell asserts, and what it does not."""

    names: dict[str, str] = field(default_factory=dict)  # by name, its content in words after the step
    value: str = ""  # the content of the last expression, in words; empty where a cell shows none
    shows: bool = False  # a cell shows the value of the last expression
    quiet: bool = False  # the last expression has a value that the step did not show, as a part of a figure
    # by name, why it is not asserted; the last expression under an empty name
    left: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many values are compared by more than their type."""
        return sum(not by_type(w) for w in (*self.names.values(), self.value) if w)


def expected_of(unit: Unit, why: Mapping[str, str], printed: str, passed: Container[str] = ()) -> Expected:
    """Return what the cell of a step asserts, but of the names `passed`, which are not looked at.

    `why` says by name why it may not come out the same, and `printed` why what the step reads may not be the same.
    """
    call, run = unit.call, unit.run
    content = call.facts.get("content", {}) if call is not None and "outputs" in call.facts else None
    if call is None or not isinstance(content, dict) or unit.problem or unit.running == "":
        return Expected()
    found = Expected(shows="" in content, quiet=bool(call.facts.get("quiet")))
    for name, said in content.items():
        if name in passed:
            continue
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
    """Return a step's code as its cell holds it: as it ran, but for a value that the step did not show."""
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
    """Return the assertions over what a step's cell gave, for the cell behind it; empty where there are none."""
    last = ast.parse(source).body[-1:]
    shown = last[0].value if last and isinstance(last[0], ast.Expr) else None
    named = shown.id if isinstance(shown, ast.Name) else VALUE_NAME
    given = lines(named, expected.value) if expected.value and named not in expected.names else []
    given = given if named != VALUE_NAME or not any(map(sized, given)) else []  # of a table the output tells more
    said = asserting(expected.names)
    return "\n".join([*([GIVEN] if given and named == VALUE_NAME else []), *said, *given])


def asserting(values: Mapping[str, str]) -> list[str]:
    """Return the assertions over names, and of what has no short form that `verify` compares it."""
    found = {name: lines(name, said) for name, said in values.items()}
    without = ", ".join(name for name, said in found.items() if not said)
    return [
        *(line for said in found.values() for line in said),
        *([f"# Not checked here, having no short form; verify compares it: {without}."] * bool(without)),
    ]


VALUE_NAME = "_given"
GIVEN = f"{VALUE_NAME} = Out[max(Out)]"  # what the cell above gave


def contents(expected: Expected) -> dict[str, str]:
    """Return by name the words that `verify` compares behind a step's cell; the last expression under an empty name."""
    named = [*expected.names.items(), ("", expected.value)]
    return {name: words for name, words in named if words and not by_type(words)}


def left_out(
    unit: Unit, gives: Expected, lost: str, volatile: str, clock: Sequence[str] = (), errors: bool = False
) -> dict[str, str]:
    """Say, for a person, what of a step nothing compares, each with why.

    `lost` says why its output is not that of a cell, and `volatile` why it may be another one the next time;
    `clock` are those of its lines that were readings of the clock, and `errors` tells whether it wrote to stderr.
    """
    found = {"the code": unit.problem} if unit.problem else {}
    found |= {name or VALUE: why for name, why in gives.left.items()}
    named = [(n, words) for n, words in (*gives.names.items(), ("", gives.value)) if words]
    found |= {name or VALUE: BY_TYPE for name, words in named if by_type(words)}
    for name, words in named:
        of = read_words(words)
        said = [f"{of.times} in it, which hold {FITTING}"] if of.times else []
        said += [f"what is in it of {of.types}, known by the type alone"] if of.types else []
        found |= {name or VALUE: f"{'; '.join(said)}; all else is compared"} if said else {}
    if reason := lost or (f"it rests on {volatile}" if volatile else ""):
        found[OUTPUT] = reason
    found |= {STDERR: "warnings and progress bars are not compared"} if errors and OUTPUT not in found else {}
    return found | ({CLOCK: f"it is a reading of the clock ({'; '.join(clock)})"} if clock else {})


def told(left: Mapping[str, str]) -> list[str]:
    """Return what is left out in lines."""
    return [why if what == "the code" else f"{what}: {why}" for what, why in left.items()]
