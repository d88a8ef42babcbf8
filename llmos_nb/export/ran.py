"""Whether a notebook that was just written runs: in a fresh interpreter and a folder of its own, with no network."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llmos_nb.errors import ExportDoesNotRun, LlmosError
from llmos_nb.export.assertions import VALUE_NAME
from llmos_nb.export.cells import read, text_of
from llmos_nb.export.dataflow.parsed import parsed
from llmos_nb.export.environ import LACKS
from llmos_nb.export.inputs import is_still
from llmos_nb.export.plainly import looked_at
from llmos_nb.export.source import ExportSource
from llmos_nb.export.verify.compare import differences, left
from llmos_nb.export.verify.execute import LIVE, TIMEOUT_S, Execution, execute, hiding, no_network, room
from llmos_nb.export.verify.values import compare_values, with_probes
from llmos_nb.policy.secrets import redact, secret_name
from llmos_nb.tools import Call

WORDS, _PIECE = 300, 100  # of an error, of what stands in it
_AT = re.compile(r"Cell In\s?\[\d+\], line (\d+)|File \"[^\"]*\", line (\d+), in <module>")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_NO_NAME = re.compile(r"NameError: name '(\w+)' is not defined")
UNSEEN = "what made it so was not followed"
_OFTEN = ", as what other programs or threads did, or what no name shows"
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


def reason(
    source: str, error: str, traceback: str, missing: Mapping[str, str], undone: Sequence[str], answer: bool = False
) -> str:
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
    answer : bool
        The cell checks values of an answer.
    """
    plain = _COLOURS.sub("", traceback)
    body, at = parsed(source), [int(a or b) for a, b in _AT.findall(plain)]
    if error.startswith("NoneType"):  # the cell ran, and its value could not be shown
        error, at = plain.strip().rpartition("\n")[2], [b.end_lineno or 0 for b in body[-1:]]
    node = next((n for n in body if at and n.lineno <= at[0] <= (n.end_lineno or n.lineno)), None)
    ours = looked_at(node.msg) if isinstance(node, ast.Assert) and error.startswith("AssertionError") else ""
    if ours:
        named = "the answer" if answer else "its value" if ours == VALUE_NAME else f"`{ours}`"
        return differs(f"{named} is {_short(error.partition(': ')[2])}", undone)
    where = f" (at `{_short(ast.unparse(node))}`)" if node is not None else ""
    why, do = _why(error, missing)
    return "; ".join([f"{error[:WORDS]}{where}: {why}", *undone, f"to do: {do}"])


def differs(what: str, undone: Sequence[str]) -> str:
    """Return what is another value than in the run with why that may be, and what to do."""
    return "; ".join([f"{what}: {UNSEEN}{'' if undone else _OFTEN}", *undone, f"to do: {_MAKE}"])


def _why(error: str, missing: Mapping[str, str]) -> tuple[str, str]:
    """Return why an error was raised that was none in the run, and what to do."""
    if (found := _NO_NAME.match(error)) is not None:
        name = found[1]
        return (f"`{name}` is not in the notebook: {missing.get(name, 'no cell before this one makes it')}", _MAKE)
    return next((why, do) for words, why, do in _KNOWN if re.search(words, error))


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _PIECE else f"{flat[: _PIECE - 1]}…"


AGAIN = "a second run of the notebook gave the same as the first one"
EACH_TIME = "a second run gave something else than the first one; --observe marks what differs each time"
LOST = "to do: put it beside the notebook as it was"


def run(path: Path, without: Path | None = None, undone: Sequence[str] = ()) -> str:
    """Run a notebook, or a script, that was just exported.

    Parameters
    ----------
    path : Path
        The file.
    without : Path, optional
        The folder of the run, which is not there for it, as elsewhere.
    undone : sequence of str
        In words, what undone steps left, which no cell does.

    Returns
    -------
    str
        Where it gave something else than the run, and what; empty where it gave the same, or a script ran.

    Raises
    ------
    ExportDoesNotRun
        Names the cell and the error.
    LlmosError
        Nothing can run it here.
    """
    if path.suffix == ".py":
        _run_script(path, without, undone)
        return ""
    book: dict[str, Any] = read(path)
    about = book["metadata"]["llmos_nb"]
    _inputs_there(path, about["inputs"])
    probed = {**book, "cells": with_probes(book["cells"])}
    with _own_loop():
        result = execute(probed, about["inputs"], path.parent, without=without)
    if result.failed is not None:
        why = _failed(book, result, probed["cells"][result.failed[0]], undone)
        raise ExportDoesNotRun(redact(f"{path} is saved, and does not run: {why}"))
    found, _ = differences(book, result)
    if not found:
        return ""
    with _own_loop():  # once more: whether it is another thing each time
        again, _ = differences(book, execute(probed, about["inputs"], path.parent, without=without))
    each = AGAIN if again == found else EACH_TIME
    return redact(f"{found[0].where}: {found[0].what}"[:WORDS] + f"; {each}")


def _failed(book: Mapping[str, Any], result: Execution, cell: Mapping[str, Any], undone: Sequence[str]) -> str:
    """Return which cell of a notebook that failed gave something else first, or raised, and why."""
    _, name, text, traceback = result.failed or (0, "", "", "")
    lacks = text.strip("'\"") if name == "KeyError" else ""
    lacks = text.removeprefix(LACKS) if text.startswith(LACKS) else lacks
    if secret_name(lacks):
        raise LlmosError(f"it needs {lacks!r}, a secret, which no notebook gets; to do: set it, and run it yourself")
    about = book["metadata"]["llmos_nb"]
    if wrong := compare_values(book["cells"], result, about)[0]:  # which came first
        return f"{wrong[0].where}: {differs(wrong[0].what, undone)}"
    mine = cell["metadata"].get("llmos_nb", {})
    checked = mine.get("role") == "check" and "call" not in mine  # values of an answer
    said = reason(text_of(cell["source"]), f"{name}: {text}", traceback, about["missing"], undone, checked)
    return f"cell {cell['id']}: {said}"


def spared(path: Path) -> str:
    """Say how much of a notebook is compared with nothing; empty for nothing, and of a script."""
    n = len(left(read(path))) if path.suffix == ".ipynb" else 0
    return f" (not compared: {n}, which its notes name)" if n else ""


def _inputs_there(path: Path, inputs: Iterable[dict[str, Any]]) -> None:
    """Look whether each input file that is another one now stands beside the notebook as it was read."""
    for one in inputs:
        if one.get("since") and not is_still(path.parent / one["path"], one["sha256"]):
            reader = f" (by {one['reader']})" if one.get("reader") else ""
            lacks = f"{one['path']} was {one['since']}{reader}, and what it held is not kept; {LOST}"
            raise ExportDoesNotRun(f"{path} is saved, and does not run: {lacks}")


@contextmanager
def _own_loop() -> Iterator[None]:
    """Give this thread an event loop for a while, for what would leave one behind."""
    try:
        from jupyter_core.utils import ensure_event_loop  # comes with what runs notebooks
    except ImportError:  # which says so
        yield
        return
    loop = ensure_event_loop()
    try:
        yield
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


def _run_script(path: Path, without: Path | None, undone: Sequence[str]) -> None:
    """Run a script with its inputs in a folder of its own."""
    source = path.read_text(encoding="utf-8")
    with room([{"path": name} for name in [path.name, *_checked(source)]], path.parent) as (folder, private):
        kept = {k: v for k, v in os.environ.items() if not secret_name(k) and k != "PYTHONPATH"}
        begin = f"{hiding(without, private.parent)}\nimport runpy\nrunpy.run_path({path.name!r}, run_name='__main__')"
        command = [*no_network(), sys.executable, "-c", begin]
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter and file
                command, cwd=folder, env=kept, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise ExportDoesNotRun(f"{path} is saved, and takes longer than {TIMEOUT_S:g} s to run") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        own = f'File "{path.name}"'  # behind the lines of what runs it
        why = reason(source, last, own + done.stderr.partition(own)[2], {}, undone)
        raise ExportDoesNotRun(redact(f"{path} is saved, and does not run: {why}"))


def _checked(source: str) -> list[str]:
    """Return the input files of a script, by the code that checks them."""
    for node in parsed(source):
        match node:
            case ast.For(target=ast.Tuple([ast.Name("_name"), _]), iter=ast.Call(ast.Attribute(ast.Dict(keys)))):
                return [k.value for k in keys if isinstance(k, ast.Constant) and isinstance(k.value, str)]
    return []


def acts(runs: Iterable[ExportSource]) -> str:
    """Return what of the run would act outside a second time if the notebook ran; an empty text for nothing.

    What a step wrote in the folder of the notebook by a relative name is written in another folder then.
    """
    for run in runs:
        for call in run.state.surviving:
            if found := next((w for w in _effects(call) if _outside(w, call.code, run.folder)), ""):
                return f"call {call.id} of process {run.pid} acts outside ({found})"
        for n, source in run.user_cells:
            cell = run.cells.get(n)
            written = (f"write {path}" for path in (cell.reads.get("written", ()) if cell is not None else ()))
            if found := next((w for w in written if _outside(w, source, run.folder)), ""):
                count = f" [{cell.count}]" if cell is not None and cell.count else ""
                return f"cell{count} of yours acts outside ({found})"
    return ""


def _effects(call: Call) -> list[str]:
    """Return what a step did outside, but for the network, which is off when a notebook is run."""
    found = call.facts.get("effects", ()) if call.name == "python" else ()
    return [w for w in found if isinstance(w, str) and not w.startswith(("network", "handle", "thread"))]


def _outside(words: str, code: str, folder: Path) -> bool:
    """Return whether an effect would reach beyond the folder that the notebook runs in."""
    kind, _, what = words.partition(" ")
    if kind not in ("write", "delete", "database") or not what.startswith(os.sep):
        return kind in ("process", "signal", "write", "delete", "database")
    return what.rstrip(os.sep) in code or not Path(what).is_relative_to(folder.resolve())
