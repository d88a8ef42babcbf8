"""Processes for lessons: scripted models, a home that is thrown away, and a loop of their own.

A notebook already runs an event loop, so that a check which drives a process does so on a thread beside it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from llmos_nb.journal import host
from llmos_nb.journal.events import CallDecided, Decider
from llmos_nb.lessons.core import Wrong, wrong_if
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Process, Session

Plain = Iterable[Mapping[str, Any]]


def call(name: str, **arguments: Any) -> dict[str, Any]:
    """Write a turn that proposes one call."""
    return {"calls": [{"name": name, "arguments": arguments}]}


def python(code: str) -> dict[str, Any]:
    """Write a turn that proposes to run code."""
    return call("python", code=code)


def script_file(path: str | os.PathLike[str], turns: Iterable[Any]) -> str:
    """Write a script beside the notebook and give its spec, for ``%%agent -m``."""
    Path(path).write_text(json.dumps({"version": 1, "turns": list(turns)}, indent=1) + "\n", encoding="utf-8")
    return f"script:{path}"


def with_fault(turns: Iterable[Mapping[str, Any]], at: int, fault: str = "broken_json") -> list[dict[str, Any]]:
    """Inject a fault: before turn `at` the model fails once, as a real endpoint would.

    Parameters
    ----------
    turns : iterable of dict
        A script.
    at : int
        Place of the turn, from 0.
    fault : str
        A name that `ScriptedModel` knows.
    """
    made = [dict(t) for t in turns]
    return [*made[:at], {"text": "lost", "fault": fault}, *made[at:]]


def begin(session: Session, goal: str, turns: Iterable[Any], rules: Plain = (), **options: Any) -> Process:
    """Make a process with a scripted model and rules, in order; it does not run yet."""
    process = session.create(goal, model=ScriptedModel(list(turns)), **options)
    for rule in reversed(list(rules)):  # a rule that is added later speaks first
        process.rule(rule["tool"], rule["do"], **dict(rule.get("where") or {}))
    return process


def settle(
    goal: str,
    turns: Iterable[Any],
    *,
    namespace: dict[str, Any] | None = None,
    rules: Plain = (),
    **options: Any,
) -> Process:
    """Run a process with a scripted model until it ends, pauses or waits for somebody.

    Parameters
    ----------
    goal : str
        What is wanted.
    turns : iterable of dict
        The script of the model.
    namespace : dict, optional
        What it may act on.
    rules : iterable of dict
        ``{"tool", "do", "where"}``; the first that matches speaks.
    **options
        As `llmos_nb.run` takes them; `approve` is ``auto`` where nothing else is said.
    """
    options = {"approve": "auto", **options}

    async def run(home: str) -> Process:
        return await begin(Session(namespace, home), goal, turns, rules, **options).start()

    with tempfile.TemporaryDirectory(prefix="llmos-lesson-") as home:
        return host.to_its_end(lambda: run(home))


def settled_or_wrong(attempt: Any, name: str) -> Process:
    """Return the process that was handed in where it has answered, else say what it waits for."""
    if not isinstance(attempt, Process):
        raise Wrong(f'a process is wanted: await here.process("{name}"); this is {attempt!r:.60}', 1)
    told = f"it waits for you: {attempt.waits_for}" if attempt.state == "waiting" else f"it is {attempt.state}"
    wrong_if(attempt.state != "ended", told, 1)
    wrong_if(attempt.reason != "answered", f"it ended {attempt.reason}, and its work is not done", 2)
    return attempt


def arguments_of(call: Any) -> dict[str, Any]:
    """Return the arguments of a call; none where they were no JSON."""
    found: object = call.arguments
    return found if isinstance(found, dict) else {}


def decisions(process: Process, tool: str = "") -> list[tuple[str, Decider]]:
    """Return what was decided of each call, and by whom; of one tool where it is named."""
    calls, bodies = process.run.state.calls, (e.body for e in process.events)
    decided = [b for b in bodies if isinstance(b, CallDecided)]
    return [(b.what, b.by) for b in decided if not tool or calls[b.call].name == tool]
