"""The notebook's metadata: what it was made from, in plain data."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from typing import Any

from llmos_nb.notebook.evidence import ABS, REL
from llmos_nb.notebook.gather import Gathered
from llmos_nb.notebook.inputs import Input
from llmos_nb.notebook.lock import needed, platform_of, pylock, toml
from llmos_nb.notebook.pins import wheels_of
from llmos_nb.notebook.redact import secrets, without_pictures
from llmos_nb.notebook.seal import hash_of
from llmos_nb.notebook.source import SCHEMA, ExportSource
from llmos_nb.secrets.box import Box


def metadata_of(
    runs: Sequence[ExportSource],
    inputs: Sequence[Input],
    gathered: Gathered,
    sources: Sequence[str],
    lock: bool | str,
    trace: bool,
) -> dict[str, Any]:
    """Give the metadata of the whole notebook."""
    box = secrets(runs)
    about: dict[str, Any] = {
        "schema": SCHEMA,
        "processes": box.plain([_process(run) for run in runs]),
        "platform": platform_of(),
        "inputs": [i.plain() for i in inputs],
        "held": {h.name: h.about for h in gathered.held},
        "missing": gathered.missing,
        "tolerance": {"rel": REL, "abs": ABS, "image": 0.02},
        "observed": False,
    }
    if lock:
        about["pylock"] = lock_text(sources, lock)
    if trace:
        about["journals"] = [_journal(run, box) for run in runs]
    return {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {
            "name": "python",
            "version": platform.python_version(),
            "file_extension": ".py",
            "mimetype": "text/x-python",
            "nbconvert_exporter": "python",
            "pygments_lexer": "ipython3",
        },
        "llmos_nb": about,
    }


def lock_text(sources: Sequence[str], lock: bool | str, seen: Iterable[str] = ()) -> str:
    """Give the text of `pylock.toml`; with ``"index"`` the package index is asked for files and hashes."""
    wheels = wheels_of(needed(sources, seen)) if lock == "index" else None
    return toml(pylock(sources, wheels, seen))


def _process(run: ExportSource) -> dict[str, Any]:
    s = run.state
    return {
        "pid": run.pid,
        "goal": run.goal,
        "name": run.name,
        "model": run.model,
        "settings": dict(run.settings),
        "prompt": prompt_hash(run),
        "usage": _usage(run),
        "reason": s.reason,
        "answer": s.answer,
        "journal": {"events": len(run.events), "hash": run.events[-1].hash if run.events else ""},
    }


def prompt_hash(run: ExportSource) -> str:
    """Hash the head of the prompt: system message, tools, goal."""
    started = next((e.d for e in run.events if e.k == "run.started"), {})
    return hash_of([started.get("head", []), run.state.tools])


def _usage(run: ExportSource) -> dict[str, Any]:
    spent = {k: round(v, 6) for k, v in run.state.spent.items()}
    return {**spent, "responses": run.state.responses, "calls": len(run.state.calls)}


def _journal(run: ExportSource, box: Box) -> dict[str, Any]:
    """Give the redacted journal; its hashes are those of the true one, so what was blanked cannot be checked here."""
    events = [
        {"n": e.n, "at": e.at, "k": e.k, "d": box.plain(without_pictures(e.d)), "hash": e.hash}
        for e in run.events
    ]
    return {"pid": run.pid, "events": events}
