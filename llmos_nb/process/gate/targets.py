"""What an effect is about: where it goes, and whether that is the user's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from llmos_nb.policy import Effect
from llmos_nb.process.findings import Findings
from llmos_nb.process.run import Run


def elsewhere(seen: Findings) -> bool:
    """Return whether the text of a step spells a file, to be written or deleted, that is not of the folder."""
    here = os.path.realpath(Path.cwd())
    told = (target for kind, target in seen.predicted if kind in ("file", "deletion") and target)
    paths = (os.path.realpath(os.path.join(here, os.path.expanduser(t))) for t in told)  # noqa: PTH111, PTH118 - texts
    return not all(Effect("write", path).inside([here]) for path in paths)


def own(folders: list[str], effect: Effect) -> list[str]:
    """Return the folders within which an effect is the user's own business."""
    return [""] if _shadows(effect) else folders


def _shadows(effect: Effect) -> bool:
    """Return whether a file that is written would be imported in the place of an installed module."""
    installed = [p for p in sys.path if p.rstrip(os.sep).endswith("-packages")]
    if effect.kind != "write" or not (name := effect.module) or not name.isidentifier():
        return False
    return PathFinder.find_spec(name, installed) is not None


def target_of(effect: Effect) -> tuple[str, str]:
    """Return what a decision is about: of a connection the host; on this machine the port, too."""
    host, _, port = effect.target.rpartition(":")
    if effect.kind != "network" or not host or not port.isdecimal() or host in ("127.0.0.1", "::1", "localhost"):
        return effect.kind, effect.target
    return effect.kind, host


def contacted(run: Run) -> Iterator[tuple[str, str]]:
    """Return the places of the network that earlier steps of the process connected to."""
    for call in run.state.surviving:
        for words in call.facts.get("effects") or ():
            kind, _, target = str(words).partition(" ")
            if kind == "network":
                yield target_of(Effect(kind, target))
