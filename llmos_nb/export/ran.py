"""Whether a notebook that was just written runs: in a fresh interpreter and a folder of its own, with no network."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llmos_nb.errors import ExportDoesNotRun, LlmosError
from llmos_nb.export.assertions import VALUE_NAME
from llmos_nb.export.cells import read, text_of
from llmos_nb.export.environ import LACKS
from llmos_nb.export.inputs import digest_file
from llmos_nb.export.plainly import compared
from llmos_nb.export.source import ExportSource
from llmos_nb.export.verify.compare import differences
from llmos_nb.export.verify.execute import TIMEOUT_S, execute, no_network
from llmos_nb.export.verify.values import compare_values, with_probes
from llmos_nb.journal.events import CellRan
from llmos_nb.policy.secrets import redact, secret_name
from llmos_nb.tools import Call

_WORDS, _PIECE = 300, 100  # of an error, of what stands in it
_AT = re.compile(r"Cell In\s?\[\d+\], line (\d+)|File \"[^\"]*\", line (\d+), in <module>")

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_UNSEEN = "what made it so was not followed, as what other programs or threads did, or what no name shows"


def run(path: Path) -> str:
    """Run a notebook, or a script, that was just exported.

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
        _run_script(path)
        return ""
    book: dict[str, Any] = read(path)
    for one in book["metadata"]["llmos_nb"]["inputs"]:
        if one.get("since") and not _there(path.parent / one["path"], one["sha256"]):
            reader = f" (by {one['reader']})" if one.get("reader") else ""
            lacks = f"{one['path']} was {one['since']}{reader}, and what it held is not kept"
            raise ExportDoesNotRun(f"{path} is saved, and does not run: {lacks}")
    probed = {**book, "cells": with_probes(book["cells"])}
    with _own_loop():
        result = execute(probed, book["metadata"]["llmos_nb"]["inputs"], path.parent)
    if result.failed is not None:
        index, name, text, traceback = result.failed
        lacks = (
            text.strip("'\"")
            if name == "KeyError"
            else text.removeprefix(LACKS)
            if text.startswith(LACKS)
            else ""
        )
        if secret_name(lacks):
            raise LlmosError(f"it needs {lacks!r}, a secret, which no notebook is handed")
        cell = probed["cells"][index]
        why = f"cell {cell['id']}: {_reason(text_of(cell['source']), f'{name}: {text}', traceback)}"
        if wrong := compare_values(book["cells"], result, book["metadata"]["llmos_nb"])[0]:  # which came first
            why = f"{wrong[0].where}: {wrong[0].what}: {_UNSEEN}"
        raise ExportDoesNotRun(redact(f"{path} is saved, and does not run: {why}"))
    found, _ = differences(book, result)
    return redact(f"{found[0].where}: {found[0].what}"[:_WORDS]) if found else ""


def _reason(source: str, error: str, traceback: str) -> str:
    """Say what a cell raised and at which of its statements; of an assertion of ours what it found and what was.

    Parameters
    ----------
    source : str
        The cell's code, as it ran.
    error : str
        Name and text of the error.
    traceback : str
        As IPython prints it.
    """
    plain = _COLOURS.sub("", traceback)
    body, at = _parsed(source), [int(a or b) for a, b in _AT.findall(plain)]
    if error.startswith("NoneType"):  # the cell ran, and its value could not be shown
        error, at = plain.strip().rpartition("\n")[2], [b.end_lineno or 0 for b in body[-1:]]
    node = next((n for n in body if at and n.lineno <= at[0] <= (n.end_lineno or n.lineno)), None)
    if node is None:
        return error[:_WORDS]
    test = compared(node.test) if isinstance(node, ast.Assert) and error.startswith("AssertionError") else None
    if test is None:
        return f"{error[:_WORDS]} (at `{_short(ast.unparse(node))}`)"
    name, said = test[0], error.partition(": ")[2].strip()
    named = "its value" if name == VALUE_NAME else f"`{name}`"
    now = f"is {_short(said)}, and" if said else "is another here; it"
    return f"{named} {now} was {_short(repr(test[1]))} in the run: {_UNSEEN}"


def _parsed(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:
        return []


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _PIECE else f"{flat[: _PIECE - 1]}…"


def _there(path: Path, sha256: str) -> bool:
    """Return whether a file as it was read stands beside the notebook."""
    return path.is_file() and digest_file(path) == sha256


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


def _run_script(path: Path) -> None:
    """Run a script in a copy of its folder's inputs."""
    with tempfile.TemporaryDirectory(prefix="nb-", ignore_cleanup_errors=True) as folder:
        beside = path.parent / f"{path.stem}-inputs"
        if beside.is_dir():
            shutil.copytree(beside, Path(folder, beside.name))
        for file in path.parent.iterdir():  # what `bring` put there
            if file.is_file() and file.stat().st_size < 64 << 20:
                shutil.copyfile(file, Path(folder, file.name))
        kept = {k: v for k, v in os.environ.items() if not secret_name(k) and k != "PYTHONPATH"}
        command = [*no_network(), sys.executable, path.name]
        try:
            done = subprocess.run(  # noqa: S603 - our own interpreter and file
                command, cwd=folder, env=kept, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise ExportDoesNotRun(f"{path} is saved, and takes longer than {TIMEOUT_S:g} s to run") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        why = _reason(path.read_text(encoding="utf-8"), last, done.stderr)
        raise ExportDoesNotRun(redact(f"{path} is saved, and does not run: {why}"))


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
                return f"cell {_named(cell)} of yours acts outside ({found})"
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
    return what in code or not Path(what).is_relative_to(folder.resolve())


def _named(cell: CellRan | None) -> str:
    return f"[{cell.count}]" if cell is not None and cell.count else ""
