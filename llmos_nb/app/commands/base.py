"""What the `%agent` commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmos_nb.app import verbs
from llmos_nb.app.options import Command, command_help, command_parser
from llmos_nb.app.present.presenter import no_process
from llmos_nb.session import Process, Session


async def carry_out(session: Session, parse: Callable[[str], Command], line: str) -> Any:
    """Read a line and do what it says."""
    command = parse(line)
    if command.verb == "help":
        return say(command_parser(*command.words).format_help() if command.words else command_help())
    return await verbs.find(command.verb, "agent").handler(session, command)


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
