"""Exporting by a click: the notebook is written, run beside both threads, and handed to the page, which can open it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmos_nb.errors import ExportDoesNotRun
from llmos_nb.session import Process, exporting
from llmos_nb.views import count


async def export(process: Process, message: Mapping[str, Any]) -> dict[str, Any]:
    """Write the notebook here, and run it; the panel says meanwhile how far it is.

    Returns
    -------
    dict
        For the page: ``path``, ``place`` (from the working folder, empty where it is elsewhere), ``holds`` and
        ``said``, which also tells what is wrong with it.
    """
    named = message.get("path") or f"{process.run.state.name or 'process'}-{process.pid}.ipynb"
    saved = exporting.save(process.session, [process], Path(named))
    path, here = saved.path.resolve(), Path.cwd()
    place = path.relative_to(here).as_posix() if path.is_relative_to(here) else ""
    message["say"](f"saved: {saved.path}{'; it is now run in a fresh interpreter' if saved.runs else ''}")
    try:
        said = await asyncio.to_thread(saved.prove)
    except ExportDoesNotRun as error:
        said = str(error)
    return {"kind": "exported", "path": str(path), "place": place, "holds": holds(path), "said": said}


def holds(path: Path) -> str:
    """Say of what a notebook is made; nothing of another file."""
    if path.suffix != ".ipynb":
        return ""
    kinds = Counter(cell["cell_type"] for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])
    return f"{count(kinds['code'], 'cell')} of code, {kinds['markdown']} of text"
