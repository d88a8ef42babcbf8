"""Carrying out a command that came by the home, once: what it did and its id are on the record together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from llmos_nb.errors import JournalLocked, LlmosError, UsageError, check_keys
from llmos_nb.journal import events as ev, who
from llmos_nb.process import redo_last, undo_calls
from llmos_nb.process.state import State, resumes
from llmos_nb.session import table
from llmos_nb.session.commands import files
from llmos_nb.session.commands.files import Command, Done
from llmos_nb.tools import reentry
from llmos_nb.views import left_by, standing

SIGNAL: Final = "command"
BEGUN_S, EVERY_S = 1.0, 0.02
_log = logging.getLogger(__name__)


def known(process: Any, command: Command) -> bool:
    """Return whether it is on the record."""
    bodies = (e.body for e in reversed(process.events) if e.k == ev.SignalReceived.kind)
    return any(isinstance(b, ev.SignalReceived) and (b.signal, b.digest) == (SIGNAL, command.id) for b in bodies)


async def carry(process: Any, command: Command) -> Done:
    """Carry a command out on the thread that drives the process, and say what became of it.

    It is not final where somebody else writes the journal at this moment.
    """
    command = replace(command, by="you" if command.by == who() else command.by)
    if known(process, command):
        return Done(True, f"it was carried out before: {stands(process)}")
    before, keys = len(process.events), {t.key for t in command.targets}
    try:
        if (act := VERBS.get(command.verb, _mail if command.verb == "mail" else None)) is None:
            raise UsageError(f"{command.verb}: not a command that reaches a process by its home")
        await act(process, command)
        await _begun(process, keys)
        await process.run.journal.flush()
    except JournalLocked as error:
        return Done(False, str(error), final=False)
    except LlmosError as error:
        return Done(False, f"{type(error).__name__}: {error}")
    fresh = [e.body for e in process.events[before:]]
    said = [words for body in fresh if (words := _happened(body, keys, process.run.state))]
    ok = not any(isinstance(body, ev.SignalReceived) and body.signal == "stale_approval" for body in fresh)
    return Done(ok, "; ".join([*said, stands(process)]))


async def _begun(process: Any, keys: Collection[str]) -> None:
    """Wait a moment until the calls that were approved begin: one that rests on what has changed asks again."""
    calls, until = process.run.state.calls, time.monotonic() + BEGUN_S
    while process.dispatch.driven and any(k in calls and calls[k].status == "approved" for k in keys):
        if time.monotonic() > until:
            return
        await asyncio.sleep(EVERY_S)


def stands(process: Any) -> str:
    """Say how a process stands."""
    return f"process {process.pid}: {standing(process.run.state, driven=not process.cold)}"


def _happened(body: object, keys: Collection[str], s: State) -> str:
    match body:
        case ev.SignalReceived(signal="stale_approval", call=call, why=why):
            return f"{call} is not approved: {why or 'nothing is asked of it now'}"
        case ev.CallDecided(call=call, what="approve", by=by) if by.kind != "mode":
            return f"{call} is approved"
        case ev.QuestionAsked(question=key, text=text) if key in keys:
            return f"{key} asks again, and is not done: {text}"
        case ev.PlanDecided(what="approve"):
            return "the plan is approved"
        case ev.CallUndone(call=call) | ev.CallRedone(call=call):
            stays = left_by(s, body) if isinstance(body, ev.CallUndone) else []
            return "; ".join([f"{call} is {'put' if isinstance(body, ev.CallRedone) else 'taken'} back", *stays])
    return ""


def _noted(process: Any, command: Command) -> None:
    noted = ev.SignalReceived(signal=SIGNAL, by=ev.person(command.by), text=command.verb, digest=command.id)
    if command.via:
        keys = [t.key for t in command.targets] or command.words[:1]
        noted = replace(noted, why=command.via, call=" ".join(keys) if command.verb in _ON_KEYS else None)
    process.run.append(noted)


async def _do(act: Callable[[Any, Command], object], process: Any, command: Command) -> None:
    """Note the command and carry out its act, in its turn."""

    def both() -> None:
        _noted(process, command)
        act(process, command)

    await process.dispatch.hear(both)


def _approve(p: Any, c: Command) -> None:
    how = {"rest": p.approve_rest, "same": p.approve_same}.get(c.options.get("rule", ""), p.approve)
    options = {k: v for k, v in c.options.items() if k != "rule"}
    for key, digest in c.targets:
        step = key.partition(":")
        how(int(step[2]) if step[0] == "step" else key, by=c.by, digest=digest, **options)


_EDITED = ("acts", "arguments", "title", "expect", "code")


def _edit(p: Any, c: Command) -> None:
    changes = {k: c.options[k] for k in _EDITED if c.options.get(k) is not None}
    p.edit(c.words[0], " ".join(c.words[1:]) or None, by=c.by, **changes)


def _named(c: Command) -> str | int:
    """Return the step or call that the first word names."""
    return int(c.words[0]) if c.words[0].isdecimal() else c.words[0]


def _rest(c: Command) -> str:
    return " ".join(c.words[1:])


async def _halt(how: str, process: Any, command: Command) -> None:
    """Stop or kill, and wait until it has come to rest; a kill is noted behind its end, which stands for itself."""
    if how == "stop":
        await process.dispatch.hear(partial(_noted, process, command))
    getattr(process, how)(by=command.by)
    await process.dispatch.there(process.dispatch.idle)
    if how == "kill":
        await process.dispatch.hear(partial(_noted, process, command))
        await kill_children(process.session, process)


async def kill_children(session: Any, process: Any) -> None:
    """End with a process those that it started and that nobody has at hand."""
    for entry in table.entries(session.home):
        if entry.parent == process.pid and not entry.elsewhere:
            child = session.find(entry.pid)
            await child.kill(by=ev.Decider("process", str(process.pid)))
            await kill_children(session, child)


async def _resume(process: Any, command: Command) -> None:
    s = process.run.state
    over = process.state == "ended" and not s.undoing
    if over and not resumes(s):
        raise UsageError(f"process {process.pid} has ended ({process.reason})")
    if s.pause_wanted:
        await process.session.resume(process)
    elif over or process.state == "paused" or s.undoing:
        await process.dispatch.home(partial(process.session.resume, process))
    await process.dispatch.hear(partial(_noted, process, command))


async def _mail(process: Any, command: Command) -> None:
    """Take in what another process sent, which is no command: it is known by its own id."""
    await process.session.parts["mail"].take_in(process, ev.MessageArrived.parse(command.options))


async def _undo(process: Any, command: Command) -> None:
    def act() -> None:
        _noted(process, command)
        if command.verb == "redo":
            redo_last(process.run)
        else:
            undo_calls(process.run, command.options.get("to"))

    await process.dispatch.there(partial(process.dispatch.touched, act))


VERBS: dict[str, Callable[[Any, Command], Awaitable[None]]] = {
    "approve": partial(_do, _approve),
    "reject": partial(_do, lambda p, c: p.reject(_named(c), _rest(c), by=c.by)),
    "skip": partial(_do, lambda p, c: p.skip(_named(c), by=c.by)),
    "retry": partial(_do, lambda p, c: p.retry(_named(c), _rest(c), by=c.by)),
    "add": partial(_do, lambda p, c: p.add(" ".join(c.words), by=c.by, **c.options)),
    "move": partial(_do, lambda p, c: p.move(_named(c), int(c.words[1]), by=c.by)),
    "budget": partial(_do, lambda p, c: p.budget(" ".join(c.words), by=c.by)),
    "edit": partial(_do, _edit),
    "reply": partial(_do, lambda p, c: p.reply(" ".join(c.words), by=c.by)),
    "send": partial(_do, lambda p, c: p.send(" ".join(c.words), by=c.by)),
    "pause": partial(_do, lambda p, c: p.pause(by=c.by)),
    "stop": partial(_halt, "stop"),
    "kill": partial(_halt, "kill"),
    "resolve": partial(_do, lambda p, c: p.resolve(c.words[0], bool(c.options["done"]), by=c.by)),
    "resume": _resume,
    "undo": _undo,
    "redo": _undo,
}
"""What carries out each verb, on the thread that drives the process."""
FURTHER = frozenset(("resume", "send"))
"""Verbs by which a process that has ended goes on."""
LIVE = frozenset(("resume", "undo", "redo"))
"""Verbs that need the interpreter which has the process at hand."""
_ON_KEYS = ("approve", "edit", "reject", "resolve")
_WORDS = {
    **dict.fromkeys(("edit", "reject", "skip", "retry", "move"), "what"),
    **{
        "resolve": "which call",
        "reply": "the answer",
        "send": "the words",
        "add": "the title",
        "budget": "how much",
    },
}
_OPTIONS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "approve": {"without": list, "upto": int, "rule": str},
    "add": {"expect": str, "after": int},
    "edit": {"acts": list, "arguments": dict, "title": str, "expect": str, "code": str},
    "undo": {"to": (int, str)},
    "resolve": {"done": bool},
}


def check(command: Command) -> None:
    """Refuse a command that nobody could carry out.

    Raises
    ------
    UsageError
        Says what is wrong with it.
    """
    verb, options = command.verb, command.options
    if verb not in VERBS:
        raise UsageError(f"{verb}: no such command (there are: {', '.join(VERBS)})")
    if verb in _WORDS and not any(w.strip() for w in command.words):
        raise UsageError(f"{verb}: say {_WORDS[verb]}")
    if verb == "edit" and not (command.words[1:] or any(v is not None for v in options.values())):
        raise UsageError("edit: say the text")
    if verb == "move" and not (command.words[1:] and command.words[1].isdecimal()):
        raise UsageError("move: say the position")
    if verb == "resolve" and "done" not in options:
        raise UsageError("resolve: say whether it is done")
    check_keys(options, known := _OPTIONS.get(verb, {}), f"options of {verb}")
    for key, value in options.items():
        parts = value if isinstance(value, list) else []
        if not isinstance(value, known[key]) or not all(isinstance(v, int | str) for v in parts):
            raise UsageError(f"options of {verb}: {key} {value!r} is not understood")


async def take(root: Path, path: Path, process: Any) -> None:
    """Carry out a command that stands in a home, and leave the answer; what this user did not write here never is."""
    try:
        command = files.read(root, path)
        if command is None:
            files.drop(path)
            forged = ev.SignalReceived(signal=reentry.FORGED, by=ev.Decider("process", "a step"))
            await process.dispatch.hear(partial(process.run.append, forged))
            return
        done = await carry(process, command)
        if done.final:
            files.answer(path, done)
    except LlmosError as error:
        _log.warning("process %s: %s", process.pid, error)
    except Exception as error:
        _log.exception("a command to process %s could not be carried out", process.pid)
        files.answer(path, Done(False, f"it could not be carried out: {type(error).__name__}"))
