"""What the `%agent` commands share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from llmos_nb.app.options import Command
from llmos_nb.app.present.presenter import no_process
from llmos_nb.session import Process, Session

Handler = Callable[[Session, Command], Awaitable[Any]]
HANDLERS: dict[str, Handler] = {}


def handles(*verbs: str) -> Callable[[Handler], Handler]:
    """Register the handler of commands."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(verbs, handler))
        return handler

    return register


async def carry_out(session: Session, parse: Callable[[str], Command], line: str) -> Any:
    """Read a line and do what it says."""
    command = parse(line)
    return await HANDLERS[command.verb](session, command)


def say(words: str) -> None:
    """Print for the reader."""
    print(words)


def pick(session: Session, command: Command) -> Process:
    """Return the process a command names, or the last one."""
    if command.words:
        return session.find(command.words[0])
    if not session.processes:
        raise no_process()
    return next(reversed(session.processes.values()))
