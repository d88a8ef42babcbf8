"""Why an exported notebook does not run, for a person: what is not as it was, at which statement, and what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence

from llmos_nb.export.answer_code import NAME as ANSWER
from llmos_nb.export.assertions import VALUE_NAME
from llmos_nb.export.plainly import compared
from llmos_nb.export.verify.execute import LIVE

WORDS, _PIECE = 300, 100  # of an error, of what stands in it
_AT = re.compile(r"Cell In\s?\[\d+\], line (\d+)|File \"[^\"]*\", line (\d+), in <module>")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_NO_NAME = re.compile(r"NameError: name '(\w+)' is not defined")
UNSEEN = "what made it so was not followed, as what other programs or threads did, or what no name shows"
_MAKE = "make it in a cell or a step whose code says so, and export again"
_KNOWN = (
    (re.escape(LIVE), "it is named by its whole path", "name it from the notebook's folder, and export again"),
    (
        "^NotImplementedError",
        "the notebook stops here, as its code says",
        "write that cell or step in plain Python, and export again",
    ),
    (
        "^FileNotFoundError|^NotADirectoryError",
        "beside the notebook are the files that the run was seen to read, or that its code names",
        "name the file in the cell that reads it, and export again",
    ),
    (
        "^FileExistsError",
        "it comes as an input, or code before it has made it",
        "let the code make it only where it is not there, as by `exist_ok=True`",
    ),
    (
        "^ModuleNotFoundError|^ImportError",
        "it is neither installed nor beside the notebook",
        "install it, or put its file beside the notebook",
    ),
    ("^AssertionError", "it held in the run; what it rests on is another here", _MAKE),
    (
        "",
        "it ran where the run was; here is only what the cells before it make, and no network",
        "open the saved notebook, run it up to this cell, and make there what it lacks",
    ),
)


def reason(source: str, error: str, traceback: str, missing: Mapping[str, str], undone: Sequence[str]) -> str:
    """Say what a cell raised, at which of its statements, why, and what to do.

    Parameters
    ----------
    source : str
        The cell's code, as it ran.
    error : str
        Name and text of the error.
    traceback : str
        As IPython prints it.
    missing : mapping
        By name, why the notebook does not have it.
    undone : sequence of str
        In words, what undone steps left, which no cell does.
    """
    plain = _COLOURS.sub("", traceback)
    body, at = statements(source), [int(a or b) for a, b in _AT.findall(plain)]
    if error.startswith("NoneType"):  # the cell ran, and its value could not be shown
        error, at = plain.strip().rpartition("\n")[2], [b.end_lineno or 0 for b in body[-1:]]
    node = next((n for n in body if at and n.lineno <= at[0] <= (n.end_lineno or n.lineno)), None)
    test = compared(node.test) if isinstance(node, ast.Assert) and error.startswith("AssertionError") else None
    if test is not None:
        return differs(_another(test, error.partition(": ")[2].strip()), undone)
    where = f" (at `{_short(ast.unparse(node))}`)" if node is not None else ""
    why, do = _why(error, missing)
    return "; ".join([f"{error[:WORDS]}{where}: {why}", *undone, f"to do: {do}"])


def differs(what: str, undone: Sequence[str]) -> str:
    """Return what is another value than in the run with why that may be, and what to do."""
    return "; ".join([f"{what}: {UNSEEN}", *undone, f"to do: {_MAKE}"])


def _another(test: tuple[str, object], now: str) -> str:
    """Say what an assertion of ours found, and what was in the run."""
    name = test[0]
    named = {VALUE_NAME: "its value", ANSWER: "the answer"}.get(name, f"`{name}`")
    now = f"is {_short(now)}, and" if now else "is another here; it"
    was = str(test[1]) if name == ANSWER else repr(test[1])
    return f"{named} {now} was {_short(was)} in the run"


def _why(error: str, missing: Mapping[str, str]) -> tuple[str, str]:
    """Return why an error was raised that was none in the run, and what to do."""
    if (found := _NO_NAME.match(error)) is not None:
        name = found[1]
        return (
            f"`{name}` is not in the notebook: {missing.get(name, 'no cell before this one makes it')}",
            _MAKE,
        )
    return next((why, do) for words, why, do in _KNOWN if re.search(words, error))


def statements(source: str) -> list[ast.stmt]:
    """Return the statements of some code; none where it does not parse."""
    try:
        return ast.parse(source).body
    except SyntaxError:
        return []


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _PIECE else f"{flat[: _PIECE - 1]}…"
