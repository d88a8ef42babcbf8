"""What the `%agent` commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from llmos_nb.app import verbs
from llmos_nb.app.options import Command, command_help, command_parser
from llmos_nb.app.present.presenter import no_process
from llmos_nb.errors import JournalLocked
from llmos_nb.journal import driver_of
from llmos_nb.journal.events import RunPaused, RunResumed, RunStarted
from llmos_nb.session import Process, Session
from llmos_nb.views import standing


async def carry_out(session: Session, parse: Callable[[str], Command], line: str) -> Any:
    """Read a line and do what it says."""
    command = parse(line)
    if command.verb == "help":
        return say(command_parser(*command.words).format_help() if command.words else command_help())
    try:
        return await verbs.find(command.verb, "agent").handler(session, command)
    except JournalLocked as error:
        raise JournalLocked(
            f"{error}: it runs in another notebook; do it there (nothing was changed)"
        ) from None


def say(words: str) -> None:
    """Print for the reader."""
    print(words)


def pick(session: Session, command: Command) -> Process:
    """Return the process a command names, or the last one: of this notebook, or else of the home."""
    key = command.words[0] if command.words else ""
    if not key and session.last() is None:
        raise no_process()
    return session.find(key)


def stands(process: Process) -> str:
    """Say how a process stands: by what is at hand, or where it is at work elsewhere or broke off, by its journal."""
    s = process.run.state
    if not process.cold:
        return standing(s)
    kept = (e.body for e in reversed(process.events))
    last = next((b for b in kept if isinstance(b, RunPaused | RunResumed | RunStarted)), None)
    if s.status == "paused" and not isinstance(last, RunPaused):  # it is held here; in the journal it goes on
        s = replace(s, status="running")
    return standing(s, elsewhere=bool(driver_of(process.journal.path)), driven=False)
