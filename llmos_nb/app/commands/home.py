"""The `llmos` commands that look at the processes of a home and steer them, whichever interpreter has them at hand."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.app import listing, options
from llmos_nb.app.options import names_something
from llmos_nb.app.present.report import EVERY_S
from llmos_nb.app.verbs import step_or_call
from llmos_nb.errors import UsageError
from llmos_nb.journal import Event, Home, history, home_of, pid_of, scan, who
from llmos_nb.process import saved
from llmos_nb.process.state import State
from llmos_nb.session import table
from llmos_nb.session.commands import Command, Done, Target
from llmos_nb.views import page, standing
from llmos_nb.views.panel import card
from llmos_nb.views.report import words
from llmos_nb.views.text import form

if TYPE_CHECKING:
    from llmos_nb.session import Session

SHORTEST, SAID = 8, 12  # characters of a digest that are asked for at least, and that are said


def top(given: Any) -> int:
    """Show what each process has used, the busiest first; in a terminal again and again until somebody stops it."""
    home, left = home_of(given.home), given.n or (0 if sys.stdout.isatty() else 1)
    while True:
        print(words(listing.top_report(home)))
        left -= 1
        if left == 0:
            return 0
        time.sleep(EVERY_S)
        print()


def tree(given: Any) -> int:
    print(words(listing.tree_report(home_of(given.home), given.all)))
    return 0


class Seen:
    """A process of a home as its journal is now.

    Parameters
    ----------
    home : Home
        Whose.
    key : str
        Pid or name; empty for the last that has not ended.
    """

    def __init__(self, home: Home, key: str) -> None:
        self.home, self.folder = home, table.find(home, key)
        self.path = self.folder / "journal.jsonl"
        own = scan(self.path)[0]
        self.state: State = saved.folded(own, self.path)
        self.events: list[Event] = history(own, self.path)

    @property
    def pid(self) -> int:
        """Its number."""
        return self.state.pid

    def targets(self, what: str) -> list[Target]:
        """Return what it asks to be approved and `what` names, each with the digest of what is shown if it has one."""
        from llmos_nb.process import decisions  # slow to import, and a terminal mostly looks

        calls, keys = self.state.calls, decisions.open_keys(self.state, what)
        return [Target(key, calls[key].digest if key in calls else "") for key in keys]


def show(given: Any) -> int:
    """Show a process as its journal is now, with the commands that answer what it asks."""
    seen = Seen(home_of(given.home), given.process)
    step = given.step and page.step(seen.state, step_or_call(given.step), seen.events)[1]
    print(step or shown(seen, "llmos"))
    return 0


def shown(seen: Seen, by: str) -> str:
    """Return a process as its journal is now, whoever has it at hand, with the commands that answer what it asks."""
    entry = table.one(seen.home, seen.folder)
    stands = f"\n  {entry.state}" + (f", at hand: {entry.place}" if entry.place else "")
    shown = page.plain(seen.state, seen.events)
    return "\n".join((shown, stands, *(f"  {line}" for line in _answers(seen, by))))


def _answers(seen: Seen, by: str) -> Iterator[str]:
    """Yield the commands that answer what a process asks; those of a terminal are bound to what is shown."""
    for key, digest in seen.targets("all") if seen.state.questions else ():
        bound = f" --digest {digest[:SAID]}" if digest else " --yes"
        yield f"{by} approve {seen.pid} {key}{bound if by == 'llmos' else ''}"
        yield f'{by} reject {seen.pid} {key} "why"'
    for key, question in seen.state.questions.items():
        if question["kind"] == "question":
            yield f'{by} reply {seen.pid} "answer"'
        if question["kind"] in ("doubt", "rebuild"):
            yield f"{by} resolve {seen.pid} {key} --done (it took effect) or --again (it is run again)"


def approve(given: Any) -> int:
    """Approve what was shown: here, before a yes is asked for, or earlier, as its digest says."""
    seen = Seen(home_of(given.home), given.process)
    if not (targets := seen.targets(given.what)):
        print(f"process {seen.pid} asks for no approval of {given.what}: {standing(seen.state)}")
        return 1
    if given.digest:
        _check_digest(seen, targets, given.digest)
    elif not given.yes and not _confirmed(seen, targets):
        print("nothing is approved")
        return 1
    options = {k: v for k, v in (("without", given.without), ("upto", given.upto)) if v}
    return _sent(seen.home, seen.folder, Command(seen.pid, "approve", (), tuple(targets), options))


def _check_digest(seen: Seen, targets: list[Target], given: str) -> None:
    if len(given) < SHORTEST:
        raise UsageError(f"llmos approve: --digest wants at least {SHORTEST} characters")
    if len(targets) != 1 or not targets[0].digest.startswith(given):
        shown = ", ".join(f"{k} {d[:SAID]}".rstrip() for k, d in targets)
        raise UsageError(
            f"llmos approve: what process {seen.pid} asks is not what was shown under {given} any more (now: "
            f"{shown}): look at it again, by llmos show {seen.pid}"
        )


def _confirmed(seen: Seen, targets: list[Target]) -> bool:
    """Show what is asked and have a person say yes."""
    for key, _ in targets:
        asked = card(seen.state, key)
        print("\n".join(form.card(asked) if asked else [f"  {key}"]))
    if not sys.stdin.isatty():
        raise UsageError(
            f"llmos approve: nobody is here to say yes; say --digest, as llmos show {seen.pid} shows it, or --yes"
        )
    return input("Approve? [y/N] ").strip().lower() in ("y", "yes")


def _steer(verb: str, given: Any) -> int:
    """Carry out a verb that is no approval."""
    home = home_of(given.home)
    if verb == "resume" and given.all:
        return _resume_all(home)
    words = tuple(getattr(given, "words", ()))
    if verb == "send" and not given.process and len(words) == 1 and (other := _named(home, words[0])):
        raise UsageError(f'llmos send: say the words, as in llmos send {words[0]} "use the median" ({other})')
    folder = table.find(home, given.process)
    options: dict[str, Any] = {"to": given.to} if verb == "undo" and given.to is not None else {}
    if verb == "resolve":
        options = _settled("llmos resolve", given.done, given.again)
    if verb == "reject" and not names_something(words):
        words = ("all", *words)
    return _sent(home, folder, Command(pid_of(folder.name), verb, words, (), options))


def _named(home: Home, word: str) -> str:
    """Say which process a word names; nothing where it names none."""
    folder = table.named(home, word) or (home.find(int(word)) if word.isdecimal() else None)
    return f"{word} is process {pid_of(folder.name)}" if folder else ""


def _settled(command: str, done: bool, again: bool) -> dict[str, Any]:
    """Return what is said of a call in doubt: one of the two."""
    if done == again:
        raise UsageError(f"{command}: say --done (it took effect) or --again (run it again)")
    return {"done": done}


reject, edit, reply, send, resolve = (partial(_steer, verb) for verb in ("reject", "edit", "reply", "send", "resolve"))
pause, stop, kill, resume, undo, redo = (
    partial(_steer, verb) for verb in ("pause", "stop", "kill", "resume", "undo", "redo")
)


def _resume_all(home: Home) -> int:
    """Resume what is paused and at hand somewhere; of the rest, say where that is done."""
    left = [e for e in table.entries(home) if e.status in ("paused", "interrupted")]
    if not left:
        print(f"nothing is paused or interrupted in {home.root}")
    codes = [0]
    for e in left:
        if e.owner:
            codes.append(_sent(home, e.folder, Command(e.pid, "resume")))
        else:
            print(
                f"process {e.pid} is at hand nowhere: %agent resume {e.pid} in a notebook goes on with it, or llmos "
                "serve where a service began it"
            )
            codes.append(1)
    return max(codes)


def _sent(home: Home, folder: Path, command: Command) -> int:
    """Send a command by whoever is here, and say what became of it."""
    from llmos_nb.session.commands import deliver  # slow to import, and a terminal mostly looks

    done: Done = asyncio.run(deliver(home, folder, replace(command, by=who(), via="terminal")))
    print(done.said, file=sys.stdout if done.ok else sys.stderr)
    return 0 if done.ok else 1


async def delivered(session: Session, given: options.Command) -> str:
    """Have a `%agent` command carried out by the other interpreter that has its process at hand; say what became of it.

    Raises
    ------
    UsageError
        It was refused there.
    """
    from llmos_nb.session.commands import deliver  # as above

    process = session.find(given.process)
    folder = process.journal.path.parent
    words, flags = tuple(given.words[1:]), given.flags
    targets: tuple[Target, ...] = ()
    if given.verb == "approve":
        words, targets = (), tuple(Seen(session.home, str(process.pid)).targets(words[0] if words else "all"))
    if given.verb == "reject" and not names_something(words):
        words = ("all", *words)
    chosen = {k: flags[k] for k in ("without", "upto", "to", "acts") if flags.get(k) not in (None, [], 0)}
    if given.verb == "resolve":
        chosen = _settled("%agent resolve", flags["done"], flags["again"])
    wanted = Command(process.pid, given.verb, words, targets, chosen, by=who())
    done = await deliver(session.home, folder, wanted, nested=True)
    if not done.ok:
        raise UsageError(done.said.removeprefix("UsageError: "))  # as it is named there
    return done.said
