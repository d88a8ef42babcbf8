"""`%agent trust` and `llmos trust`: what a folder or a file would do, said in words, and whether it may."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmos_nb.app.options import Command
from llmos_nb.errors import NotTrusted, UsageError
from llmos_nb.journal import Home, Journal, home_of
from llmos_nb.session import Process, Session, adoption, trust as decisions
from llmos_nb.views import moment


async def trust(session: Session, command: Command) -> None:
    path = Path(" ".join(command.words) or ".").expanduser()
    decide(path, session.home if not command.words else home_in(path), command.flags)


def typed(given: Namespace) -> int:
    path = Path(given.path or ".").expanduser()
    decide(path, home_of() if not given.path else home_in(path), vars(given))
    return 0


def home_in(folder: Path) -> Home:
    """Return the home that stands in a folder, or the folder itself where it is one."""
    return Home(folder if (folder / "runs").is_dir() else folder / ".llmos")


def decide(path: Path, home: Home, flags: Mapping[str, Any]) -> None:
    """Do what the command asks for, and say what came of it."""
    if flags["list"]:
        rows = [f"{where}, since {moment(at)}" for where, at in decisions.listed()]
        print("\n".join(rows) or "nothing is trusted beyond what was made here")
    elif flags["forget"]:
        home.give_up()
        known = decisions.forget(path)
        print(f"{path.resolve()} is trusted no more" if known else f"{path.resolve()} was not in the list")
    elif not path.exists():
        raise UsageError(f"trust {path}: there is no such folder or file")
    elif path.is_file():
        if confirmed(path, adoption.specs(path), flags["yes"]):
            decisions.grant_file(path)
    elif confirmed(path, adoption.claims(path, home), flags["yes"]):
        adoption.take_over(path, home)


def confirmed(path: Path, claims: list[str], yes: bool) -> bool:
    """Say what is asked for, ask a person, and return whether the answer is yes."""
    if not claims:
        print(f"{path.resolve()} asks for nothing that needs trust")
        return False
    print(f"{path.resolve()} would, once it is trusted:")
    print("\n".join(f"  {line}" for line in claims))
    if not yes and not answered("trust it? [y/N] "):
        print("not trusted; nothing is changed")
        return False
    print("trusted, as it stands now; `llmos trust --forget` takes that back")
    return True


def answered(question: str) -> bool:
    """Ask a person.

    Raises
    ------
    NotTrusted
        Nobody is there.
    """
    from IPython.core.error import StdinNotImplementedError  # slow to import

    try:
        return input(question).strip().lower() in ("y", "yes")
    except (EOFError, OSError, StdinNotImplementedError):
        raise NotTrusted("nobody is there to ask; --yes says that you have read this") from None


def adopt(session: Session, process: Process, yes: bool) -> Process:
    """Take a process over whose journal was not made here, once a person has seen what would run; return it anew."""
    journal: Journal = process.journal
    if journal.made_here:
        return process
    if not confirmed(journal.path, adoption.steps(journal), yes):
        raise NotTrusted(f"process {process.pid} is not adopted")
    adoption.take_over_run(journal)
    return session.load(journal.path)
