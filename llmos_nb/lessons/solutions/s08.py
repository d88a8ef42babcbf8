"""Lesson 08."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import llmos_nb as llmos
from llmos_nb.journal import GENESIS
from llmos_nb.lessons.models import python
from llmos_nb.lessons.reproducible import hash_of
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Process


# exercise: rewind
def rewind(process: Process) -> None:
    """Take step 2 back, and all after it."""
    process.undo(2)


# exercise: broken
def broken(lines: Sequence[str]) -> int | None:
    """Find the first line that breaks the chain."""
    prev = GENESIS
    for n, line in enumerate(lines):
        event = json.loads(line)
        if event["n"] != n or event["prev"] != prev or hash_of(event) != event["hash"]:
            return n + 1
        prev = event["hash"]
    return None


# exercise: capstone
async def capstone(folder: Path) -> tuple[Process, Path]:
    """Count words, with one approval, and export."""
    model = ScriptedModel(
        [
            python("words = 'to be or not to be'.split()\ncounts = {w: words.count(w) for w in words}\ncounts"),
            python("import json, pathlib\npathlib.Path('counts.json').write_text(json.dumps(counts))"),
            {"text": "The counts are written."},
        ]
    )
    process = await llmos.run("Count the words and write counts.json.", model=model, namespace={}, home=folder)
    await process.approve()
    return process, process.export(folder / "work.ipynb")
