"""A service in a program of its own, and what a terminal does beside it."""

import json
import signal
import sys
import time
from pathlib import Path

import programs

from llmos_nb.app.listing import plain
from llmos_nb.journal import home_of, read

LLMOS = [sys.executable, "-m", "llmos_nb.app.cli"]


def llmos(*words, code=0, cwd=None):
    """Run `llmos` as a program; give what it prints."""
    ended, out, err = programs.run_llmos(*words, cwd=cwd)
    assert ended == code, (words, ended, out, err)
    return out + err


def rows():
    """Return every process of the home by its number, as ``llmos ps --all --json`` prints it."""
    return {r["pid"]: r for r in map(json.loads, plain(home_of(), everything=True))}


def wait_for(holds, what=rows):
    """Wait until something holds."""
    for _ in range(2000):
        if found := holds():
            return found
        time.sleep(0.02)
    raise AssertionError(what())


def _last(pid):
    """Return what stands last in the journal of a process: why it ended."""
    folder = home_of().find(pid) if pid in rows() else None
    return read(folder / "journal.jsonl")[-1:] if folder else "is not there"


def status(pid, wanted):
    """Wait until a process stands so, and give its row."""
    found = wait_for(
        lambda: (row := rows().get(pid)) and row["status"] == wanted and row,
        lambda: f"process {pid} never came to be {wanted}: {rows()}\nbut {_last(pid)}",
    )
    assert isinstance(found, dict)
    return found


def script(name, *turns):
    """Write a script that a model follows, and give what names it."""
    Path(name).write_text(json.dumps({"version": 1, "turns": turns}), encoding="utf-8")
    return f"script:{Path(name).absolute()}"


class Served:
    """`llmos serve` as a program; at the end of the block it is gone."""

    def __init__(self, *words, clock=None):
        self.log = Path(f"served-{time.monotonic_ns()}.txt")
        self.log.touch()
        self.program = programs.Program("serve", *words, stdout=self.log, stderr=self.log, clock=clock)

    def __enter__(self):
        wait_for(lambda: "serving" in self.said or self.program.poll() is not None, lambda: self.said)
        return self

    def __exit__(self, *_):
        self.kill()

    @property
    def said(self):
        """What it has printed."""
        return self.log.read_text("utf-8")

    def kill(self):
        """Kill it at once."""
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait(60)

    def end(self):
        """Ask it to end, and give its exit code."""
        self.program.send_signal(signal.SIGTERM)
        return self.program.wait(60)
