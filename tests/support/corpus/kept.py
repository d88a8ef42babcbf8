"""Journals of the corpus as files, honest ones and such as somebody wrote anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from process_runs import ProcessRun

from llmos_nb.export import ExportSource
from llmos_nb.journal import GENESIS, Event
from llmos_nb.journal.events import parse
from llmos_nb.journal.journal import chained
from llmos_nb.messages import canonical


def kept(runner: ProcessRun, folder: Path) -> ExportSource:
    """Copy the journal of a run with its payloads, or write the one in its place; give what the exporter takes of it."""
    own = runner.process.journal
    shutil.copytree(own.path.parent, folder, dirs_exist_ok=True)
    if runner.events[-1].hash != own.head:
        write(runner.events, folder / "journal.jsonl")
    return runner.source(blobs=folder / "blobs")


def write(events: list[Event], path: Path) -> None:
    """Write a journal's lines."""
    path.write_text("".join(f"{canonical(line(e))}\n" for e in events))


def line(event: Event) -> dict:
    """An event as it stands in a journal, where no payload of it stands beside that."""
    return {k: getattr(event, k) for k in ("at", "d", "hash", "k", "n", "prev")}


def rechained(events: list[Event], change: Callable[[str, dict], dict]) -> list[Event]:
    """Change what events say, and make all hashes of the chain anew."""
    made: list[Event] = []
    for e in events:
        d, prev = change(e.k, dict(e.d)), made[-1].hash if made else GENESIS
        made.append(chained(e.n, e.at, parse(e.k, d, 1), d, prev)[0])
    return made
