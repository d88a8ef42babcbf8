"""What a learner hands in, as a judge takes it: the text of `mini.py`, with the part that is to be tried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.lessons.core import Wrong, wrong_if
from llmos_nb.lessons.system.parts import System, syntax_fault
from llmos_nb.lessons.system.trial import Message, tool

READS = {"effect": "read", "repeat": "pure"}
FOREIGN = {**READS, "source": "untrusted"}


def source_of(attempt: Any, part: str) -> str:
    """Return the text to be tried: the learner's file, ours in the place of other parts that are not written yet."""
    wrong_if(not isinstance(attempt, str | Path), 'the path of your file is wanted: "mini.py"', 1)
    wrong_if(not Path(attempt).is_file(), f"there is no {attempt}: run the cell that begins with %%mini", 1)
    try:
        system = System(attempt)
        told = f"part {part!r} of {attempt} is as it was handed out"
        wrong_if(part in system.unwritten(), told, 1)
        source = system.whole(but=part)
    except UsageError as error:
        raise Wrong(str(error), 1) from None
    fault = syntax_fault(source)
    wrong_if(fault, fault, 1)
    return source


def read_only(name: str, *parameters: str) -> Message:
    """Write a tool that only reads and may be repeated."""
    return tool(name, *parameters, **READS)
