"""The Python API: `run`, `start`, `load`, `replay`, `verify`, `run_batch`."""

from __future__ import annotations

import asyncio
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.models import Model
from llmos_nb.policy import Approver
from llmos_nb.session.process import Process
from llmos_nb.session.session import Session

_sessions: dict[tuple[int, str], Session] = {}


def session_of(namespace: dict[str, Any] | None, home: str | os.PathLike[str] | None) -> Session:
    """Return the session of a namespace and a home; the notebook's own where it is the same namespace.

    Raises
    ------
    UsageError
        The namespace is no dict.
    """
    if namespace is not None and not isinstance(namespace, dict):
        raise UsageError(f"namespace {namespace!r:.60}: must be a dict of variables, such as globals()")
    if not home and (own := _of_notebook(namespace)) is not None:
        return own
    key = (id(namespace), str(home or ""))
    if key not in _sessions:
        _sessions[key] = Session(namespace, home)
    return _sessions[key]


def _of_notebook(namespace: dict[str, Any] | None) -> Session | None:
    """Return the session whose commands a notebook has, where these are its variables and the extension is loaded."""
    ip = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if namespace is None or ip is None or ip.user_ns is not namespace:
        return None
    found: Session | None = getattr(ip.magics_manager.registry.get("AgentMagics"), "session", None)
    return found


# fmt: off
async def run(
    goal: str, *, model: str | Model | None = None, base_url: str | None = None,
    tools: Iterable[Callable[..., Any] | str] = (), namespace: dict[str, Any] | None = None, approve: str | None = None,
    plan: str | None = None, budget: str | None = None, check: str | Callable[..., Any] | None = None,
    approvers: Iterable[Approver | str] = (), home: str | os.PathLike[str] | None = None,
    call_timeout: float | None = None, **more: Any,
) -> Process:
    """Run a process until it ends, pauses, or waits for somebody who is not there.

    Parameters
    ----------
    goal : str
        What is wanted; names in backticks are variables of `namespace`.
    model : str or Model, optional
        ``openai/NAME``, ``ollama/NAME``, ``URL#NAME``, ``local``, ``acp:COMMAND``, ``script:FILE``, ``replay:FILE``.
    base_url : str, optional
        Of an OpenAI-compatible endpoint.
    tools : iterable of callable
        Functions it may call; plain ones count as external and once.
    namespace : dict, optional
        Live variables that it may read and write, such as ``globals()``.
    approve, plan : str, optional
        ``risky, plan, step, auto, never`` (default risky); ``auto, only, none`` or the name of a variable with steps.
    budget : str, optional
        As in ``"20 steps, 50k tokens, $0.50, 3 min"``.
    check : str or callable, optional
        An expression over the namespace and `answer`, or a function of (answer, namespace), that must hold.
    approvers : iterable of Approver or str, optional
        Objects with a method ``async def decide(request)``, or names of installed ones: asked in order wherever rules
        and mode say that a call asks, before a person is.
    home : path-like, optional
        Folder of the journals.
    call_timeout : float, optional
        Deadline of one call, in seconds; default 120.

    Returns
    -------
    Process
        `proc.reason` says how it ended. What the model, a tool or the network did never raises; what was typed and
        is not understood raises `UsageError`, and nothing was started.
    """
    process = start(
        goal, model=model, base_url=base_url, tools=tools, namespace=namespace, approve=approve, plan=plan,
        budget=budget, check=check, approvers=approvers, home=home, call_timeout=call_timeout, **more,
    )
    return await process.attend(patient=False)
# fmt: on


def start(
    goal: str,
    *,
    namespace: dict[str, Any] | None = None,
    home: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Process:
    """Start a process on the running event loop and give it at once; takes what `run` takes."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(
            "start() needs a running event loop; in a plain script use asyncio.run(llmos_nb.run(…))"
        ) from None
    session = session_of(namespace, home)
    process = session.start(goal, **options)
    for line in session.remarks():
        warnings.warn(line, stacklevel=2)
    return process


def load(
    path: str | os.PathLike[str],
    *,
    tools: Iterable[Callable[..., Any] | str] = (),
    namespace: dict[str, Any] | None = None,
    model: str | Model | None = None,
    check: str | Callable[..., Any] | None = None,
    approvers: Iterable[Approver | str] = (),
) -> Process:
    """Load a process from its journal, paused; ``await proc.resume()`` goes on."""
    session = session_of(namespace, None)
    return session.load(path, tools=tools, model=model, check=check, approvers=approvers)


def replay(path: str | os.PathLike[str]) -> Process:
    """Fold a journal and give the process as it was; nothing runs, no network, no model."""
    return Session(None).replay(path)


def verify(path: str | os.PathLike[str], **options: Any) -> Any:
    """Prove an exported notebook: opens, unchanged, signed, runs, same, same twice."""
    from llmos_nb.export.verify import verify as prove  # nbformat is slow to import

    return prove(Path(path), **options)
