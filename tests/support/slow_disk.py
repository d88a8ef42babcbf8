"""A slow disk: what is written of the journal of one process takes its time, and what stands there at a moment."""

import json
import time

from llmos_nb.journal import Journal
from llmos_nb.journal.events import RunStarted

SLOW_S = 0.25


def slow_disk(monkeypatch, *pids, seconds=SLOW_S):
    """Let each write of the journals of these processes take so long."""
    write = Journal._write

    def slowly(self):
        if self._pending and isinstance(self.events[0].body, RunStarted) and self.began.pid in pids:
            time.sleep(seconds)
        write(self)

    monkeypatch.setattr(Journal, "_write", slowly)


def on_disk(process):
    """Give the kinds of the events that its file holds at this moment."""
    path = process.journal.path
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line)["k"] for line in lines if line.endswith(b"\n")]


def watched(process, kind, *others):
    """Give a list of whether the end of all others was on disk, each time that this happens to a process."""
    found = []

    def look(event, state):
        if event.k == kind:
            found.append(all(on_disk(other())[-1:] == ["run.ended"] for other in others))

    process.run.listeners.insert(0, look)
    return found
