"""Count the files of the package that run on three ways: cell to first request, approval to running call, undo.

``python tests/benchmarks/bench_passes.py [--json FILE]`` prints, and writes, counts and names. A file counts when a
function of it begins, on whichever thread; what runs only because a module is imported does not, nor does the look for
commands from elsewhere, which comes with the clock. Each way is gone three times in one interpreter and the last one
counts, so that nothing is imported or made for the first time. The model is scripted and IPython's shell is the plain
one, without a panel. No time is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

# two of the first mark who has the process, before it is told of; one of the last hears that a file is opened
CEILINGS = {"request": 59, "call": 25, "undo": 30}
TIMES = 3
DONE = {"text": "Done."}
SCRIPTS = {
    "answer.json": [DONE],
    "note.json": [{"calls": [{"name": "note", "arguments": {"text": "hello"}}]}, DONE],
    "make.json": [{"calls": [{"name": "python", "arguments": {"code": "made = [1]"}}]}, DONE],
}


class Recorder:
    """Names the files whose functions begin, on this thread and on all that start after the recorder was made."""

    def __init__(self) -> None:
        import llmos_nb
        from llmos_nb.session.commands.watch import Watch

        self.package = str(Path(llmos_nb.__file__).parent) + os.sep
        self.by_clock = Watch._look.__code__  # looks every few seconds, whatever way is gone
        self.files: dict[str, str] = {}
        self.end: CodeType | None = None
        self.on = self.reached = False
        self.counts = True  # whether what is recorded counts: only then must all else be at rest
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def _profile(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or not self.on or self.reached:
            return
        code = frame.f_code
        self.reached = code is self.end
        if self._by_clock(frame):
            return
        # Bodies of modules and classes are not optimised: they run when a module is imported.
        if code.co_flags & inspect.CO_OPTIMIZED and code.co_filename.startswith(self.package):
            self.files.setdefault(code.co_filename.removeprefix(self.package), code.co_qualname)

    def _by_clock(self, frame: FrameType | None) -> bool:
        """Whether a function began because time had passed, and not because of the way that is gone."""
        while frame is not None and frame.f_code is not self.by_clock:
            frame = frame.f_back
        return frame is not None

    @contextmanager
    def recording(self, end: CodeType | None = None) -> Iterator[None]:
        """Record while the block runs; the beginning of the code `end`, where one is given, ends the count."""
        self.files, self.end, self.reached, self.on = {}, end, False, True
        try:
            yield
        finally:
            self.on = False
        if end and not self.reached:
            raise RuntimeError(f"{end.co_qualname} never began: nothing was measured")

    def wait_until_quiet(self, silence_s: float = 1.2, most_s: float = 20) -> None:
        """Wait until no thread of the package begins a function, so that none adds to the next count; clocks tick each second."""
        if not self.counts:
            return
        until = time.monotonic() + most_s
        while time.monotonic() < until:
            with self.recording():
                time.sleep(silence_s)
            if not self.files:
                return
        raise RuntimeError(f"these never come to rest: {', '.join(sorted(self.files))}")


def cell(shell: Any, source: str) -> None:
    """Run a cell, and raise what it raised."""
    with redirect_stdout(StringIO()):
        shell.run_cell(source).raise_error()


def to_request(record: Recorder, shell: Any) -> None:
    from llmos_nb.models.scripted import ScriptedModel

    with record.recording(ScriptedModel.respond.__code__):
        cell(shell, "%%agent -m script:answer.json\nSay hello.")


def to_call(record: Recorder, shell: Any) -> None:
    import llmos_nb as llmos

    def note(text: str) -> str:
        """Note a text."""
        return text

    async def approved() -> None:
        proc = llmos.start("Note it.", model="script:note.json", tools=[note], approve="step")
        await proc
        assert proc.state == "waiting", proc.state
        record.wait_until_quiet()
        with record.recording(note.__code__):
            await proc.approve("all")
        assert proc.reason == "answered", proc.detail

    asyncio.run(approved())


def to_undo(record: Recorder, shell: Any) -> None:
    name = f"maker{time.monotonic_ns()}"
    cell(shell, f"%%agent {name} -m script:make.json -a auto\nMake `made`.")
    assert shell.user_ns["made"] == [1]
    record.wait_until_quiet()
    with record.recording():
        cell(shell, f"%agent undo {name}")
    assert "made" not in shell.user_ns


def measure() -> dict[str, Any]:
    """Go each way `TIMES` times in a folder of its own, and return what the last time passed."""
    from IPython.core.interactiveshell import InteractiveShell

    record, shell, found = Recorder(), InteractiveShell.instance(), {}
    os.environ.pop("LLMOS_HOME", None)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, chdir(folder):
        for name, turns in SCRIPTS.items():
            Path(name).write_text(json.dumps({"version": 1, "turns": turns}), encoding="utf-8")
        cell(shell, "%load_ext llmos_nb")
        for way, go in {"request": to_request, "call": to_call, "undo": to_undo}.items():
            for time_ in range(1, TIMES + 1):
                record.counts = time_ == TIMES
                record.wait_until_quiet()
                go(record, shell)
            found[way] = {"files": len(record.files), "ceiling": CEILINGS[way], "first": dict(record.files)}
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write counts and files, each with what ran first in it")
    args = parser.parse_args()
    passes = measure()
    for way, seen in passes.items():
        print(f"{way}: {seen['files']} files (at most {seen['ceiling']} wanted)")
        print("\n".join(f"    {file:42} {function}" for file, function in seen["first"].items()))
    if args.json:
        args.json.write_text(json.dumps(passes, indent=1), encoding="utf-8")
