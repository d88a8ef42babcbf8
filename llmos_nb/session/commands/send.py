"""Sending a command to a process of the home: to the interpreter that has it at hand, or where none has, at once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from llmos_nb.errors import CallDenied, NotTrusted, UsageError
from llmos_nb.journal import HOW, Home, among_ancestors, driver_of, first, holder_of, server_of
from llmos_nb.journal.events import RunStarted
from llmos_nb.session.commands import files
from llmos_nb.session.commands.carry import EVERY_S, FURTHER, LIVE, carry, check
from llmos_nb.session.commands.files import WAIT_S, Command, Done
from llmos_nb.tools import reentry


async def deliver(home: Home, folder: Path, command: Command, wait_s: float = WAIT_S, nested: bool = False) -> Done:
    """Bring a command to its process, and say what became of it.

    Parameters
    ----------
    home : Home
        Where the process is.
    folder : Path
        Of the run.
    command : Command
        What is wanted.
    wait_s : float
        Seconds for the answer; what is not answered by then stays, and is carried out when its interpreter can.
    nested : bool
        It is asked for in a notebook, which may have been started by another interpreter.

    Raises
    ------
    CallDenied
        Code of a step asks for it, or a program that such code may have started.
    NotTrusted
        The home may be a stranger's.
    UsageError
        Nobody could carry it out.
    """
    check_home(home, nested)
    check(command)
    files.tidy(home.root)
    path = files.post(home.root, command)
    journal = folder / "journal.jsonl"
    until = time.monotonic() + wait_s
    while (holder := holder_of(journal)) is None and not driver_of(journal):
        further = command.verb in FURTHER and order_of(folder) is not None
        if holder := server_of(home) if further else None:
            break
        done = await _here(home, path, command)
        if done.ok or done.final:
            return done
        if time.monotonic() > until:  # else somebody took it meanwhile, as a service does that begins
            files.drop(path)
            return done
        await asyncio.sleep(EVERY_S)
    if holder is not None:
        holder.wake()
    refused = f"process {command.pid} did not take it: it was not written here"
    late = f"noted for process {command.pid}: carried out as soon as its interpreter can"
    return await answer_to(path, wait_s, refused, late)


def order_of(folder: Path) -> dict[str, Any] | None:
    """Return what a service was handed over as a run; None where no service began it."""
    body = first(folder / "journal.jsonl").body
    return body.order if isinstance(body, RunStarted) else None


async def answer_to(path: Path, wait_s: float, refused: str, late: str) -> Done:
    """Wait for the answer to a command: `refused` is said where it was taken away, `late` where nothing came of it."""
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        there = path.exists()
        if (done := files.answered(path)) is not None:
            return done
        if not there:
            return Done(False, refused)
        await asyncio.sleep(EVERY_S)
    return Done(True, late, final=False)


def check_home(home: Home, nested: bool = False) -> None:
    """Refuse to steer processes of a stranger's home, or by a program that code of a step may have started."""
    if reentry.inside():
        raise CallDenied(reentry.DENIED)
    if not home.made_here:
        raise NotTrusted(f"{home.root} was not made here: {HOW}")
    if not nested and (above := among_ancestors(home.root)) is not None:
        raise CallDenied(
            f"this program was started by {above.words}, where processes run, as a step may have done: say it in "
            "a terminal, or there by %agent"
        )


async def _here(home: Home, path: Path, command: Command) -> Done:
    """Carry a command out with nobody's help, where that needs nothing of an interpreter; else leave it there."""
    from llmos_nb.session.session import Session  # of a command to another interpreter nothing is loaded

    pid = command.pid
    if command.verb == "resume":
        files.drop(path)
        raise UsageError(
            f"process {pid} is at hand nowhere: %agent resume {pid} in a notebook goes on with it, or llmos serve "
            "where a service began it"
        )
    if command.verb in LIVE:
        return Done(True, f"noted for process {pid}: carried out when it is resumed", final=False)
    try:
        done = await carry(Session(None, home.root).find(pid), command)
    except Exception:
        files.drop(path)  # whoever sent it is told
        raise
    if done.final:
        files.drop(path)
    if done.ok and command.verb == "send":  # that it ended says nothing of them
        return done._replace(said=f"noted for process {pid}: read when it is resumed")
    return done
