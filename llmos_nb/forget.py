"""Forget what a call gave: the payload beside the journal is deleted, the chain stays whole."""

from __future__ import annotations

import json
from typing import Any

from llmos_nb.blobs import INLINE, Blobs, references
from llmos_nb.chain import scan
from llmos_nb.errors import UsageError
from llmos_nb.fold import fold
from llmos_nb.memory import Memory
from llmos_nb.revive import history
from llmos_nb.scheduler import Run


def forget(run: Run, call: str, by: str = "you") -> int:
    """Delete the payload of a call's result and give its size in bytes.

    What the process said of it (its answer, a step's evidence) stays: that is in the chain.

    Raises
    ------
    UsageError
        The process is at work, or nothing of the call stands beside the journal.
    """
    if run.tasks:
        raise UsageError(f"process {run.state.pid} is at work: pause it, then forget")
    if call not in run.state.calls:
        raise UsageError(f"call {call!r}: process {run.state.pid} has no such call")
    with run.journal.held():
        run.journal.flush_now()
        found = references(_raw(run, call))
        if not found:
            raise UsageError(
                f"call {call}: a result of at most {INLINE:,} bytes stands in the chain itself; only larger ones"
                " can be forgotten"
            )
        blobs = Blobs(run.journal.path.parent / "blobs")
        size = sum(int(ref["size"]) for ref in found if blobs.forget(ref))
        run.journal.events[:] = scan(run.journal.path)[0]
        run.state = fold(history(run.journal.events, run.journal.path))
        run.append("signal.received", signal="forget", by=by, call=call, bytes=size)
    Memory.beside(run.journal.path).drop(run.journal.path.parent.name)
    return size


def _raw(run: Run, call: str) -> dict[str, Any]:
    """Give a finished call as it stands in the file."""
    for line in run.journal.path.read_bytes().splitlines():
        event = json.loads(line)
        if event["k"] == "call.finished" and event["d"]["call"] == call:
            return dict(event["d"])
    raise UsageError(f"call {call}: its result is not in this journal (a fork's calls are in its parent's)")
