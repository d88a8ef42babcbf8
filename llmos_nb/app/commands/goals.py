"""The `%agent goals` command."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from llmos_nb.app.options import Command
from llmos_nb.app.present.front import front_end
from llmos_nb.errors import LlmosError, UsageError, nearest
from llmos_nb.journal import Home, home_of, server_of
from llmos_nb.policy.secrets import redact
from llmos_nb.session import Session, named_tools
from llmos_nb.session.commands import check_home
from llmos_nb.session.goals import Goal, Goals, Waker, goals as book, lacking, zone_of
from llmos_nb.views.text import table


def wake(home: Home, session: Callable[[], Session], late: bool = False) -> bool:
    """Look after the goals of a home from now on, if it is not done; return whether it is of no use to try again.

    Those that come `late`, when the notebook is open, are left to a service, where they name no variables.
    """
    try:
        wanted = list(filter(_concerns, Goals(home).all()))
        served = late and not any(g.needs for g in wanted) and server_of(home)
        if wanted and not served and not (waker := session().parts["goals"]).watches:
            waker.begin()
        return False
    except LlmosError as error:
        print(f"llmos_nb: goals do not wake: {redact(str(error))}", file=sys.stderr)
        return True


def _concerns(goal: Goal) -> bool:
    """Return whether a goal wakes again, or nobody has yet been told that it does not."""
    return goal.state == book.OPEN or (goal.state == book.GIVEN_UP and goal.told is None)


ACTS = ("add", "done", "remove", "wake", "trust")


async def goals(session: Session, command: Command) -> None:
    waker: Waker = session.parts["goals"]
    act, *words = command.words or ["list"]
    if act not in (*ACTS, "list"):
        raise UsageError(_unknown(act))
    if act == "add":
        given = _given(command.flags, session)
        goal = book.add(waker.goals, " ".join(words), session.namespace, now=waker.clock(), **given)
        idle = front_end(session.ip) == "terminal"  # nothing goes on there between two commands
        hint = "; %agent goals wake runs it" if idle and goal.is_due(waker.clock()) else ""
        print(f"goal {goal.n} is written down: {_when(goal, waker)}{hint}")
        waker.begin()
    elif act == "wake":
        await _wake(waker, words)
    elif act == "list":
        await waker.look_back()
        rows = [_row(g, waker) for g in waker.goals.all()]
        print(table(rows, HEADS) if rows else _NONE)
    else:
        _settle(waker, act, words)


def typed(given: Any) -> int:
    """Do the same in a terminal, where nothing wakes: a service does, or a notebook."""
    home = home_of(given.home)
    check_home(home)
    waker: Waker = Session({}, home.root).parts["goals"]
    act, *words = given.words or ["list"]
    if act == "list":
        rows = [_row(g, waker) for g in waker.goals.all()]
        print(table(rows, HEADS) if rows else _NONE.replace("%agent", "llmos"))
    elif act == "add":
        said = {k: v for k, v in vars(given).items() if k not in ("words", "home")}
        flags = _given(said, waker.session)
        goal = book.add(waker.goals, " ".join(words), now=waker.clock(), **flags)
        print(f"goal {goal.n} is written down: {_when(goal, waker)}")
    elif act == "wake":
        _due(waker, goal := _named(waker, act, words))
        print(f"goal {goal.n} is due now")
    elif act in ACTS:
        _settle(waker, act, words)
    else:
        raise UsageError(_unknown(act))
    if server := server_of(home):
        server.wake()
    elif act in ("add", "wake"):
        print("nobody serves this home: llmos serve wakes it, or a notebook that is opened here")
    return 0


def _unknown(act: str) -> str:
    return f"goals {act!r}: unknown{nearest(act, ACTS)}; write {', '.join(ACTS)}, or nothing"


def _given(flags: dict[str, Any], session: Session) -> dict[str, Any]:
    """Return what was said of a goal; an empty schedule is not the same as none, which is due at once."""
    blank = ("check", "tools")
    if empty := [k for k, v in flags.items() if k not in blank and v is not None and not v.strip()]:
        raise UsageError(f"--{empty[0]} '': write what it is to be, or leave it out")
    given = {k: v or "" for k, v in flags.items()}
    names = named_tools.listed(given["tools"])
    if any(":" in name for name in names):
        given["folder"] = str(Path.cwd())
    named_tools.tools_named(session, names, given.get("folder", ""))  # what is not there is said at once
    return given


def _due(waker: Waker, goal: Goal) -> None:
    """Let a goal be due now, also one that is done or was given up."""
    waker.goals.change(goal.n, due=waker.clock(), state=book.OPEN, failures=0, rest=None, told=None)


HEADS = ["goal", "state", "done when", "last", "what"]
_NONE = (
    "no goals yet: %agent goals add \"…\" [--check EXPR] [--every '1 h' | --at 2026-12-01T09:00 | "
    "--cron '0 9 * * mon-fri']"
)


def _settle(waker: Waker, act: str, words: list[str]) -> None:
    goal = _named(waker, act, words)
    if act == "remove":
        waker.goals.remove(goal.n)
    elif act == "trust":
        waker.goals.change(goal.n, signature=book.signature(goal))
        waker.begin()
    else:
        waker.goals.change(goal.n, state=book.DONE, due=None, said="you said so")
    over = "wakes from now on" if goal.state == book.OPEN else f"is trusted, and stays {goal.state}"
    said = {"remove": "is removed; its runs stay", "trust": over, "done": "is done"}
    print(f"goal {goal.n} {said[act]}")


async def _wake(waker: Waker, words: list[str]) -> None:
    """Wake a goal now, or all that is due, and wait until they have settled or wait for somebody."""
    if words:
        _due(waker, _named(waker, "wake", words))
    await waker.look_back()
    await waker.tick()
    await asyncio.gather(*(p.attend(patient=False) for p in waker.at_work))
    await waker.told()  # in a terminal nothing goes on after this until the next command


def _named(waker: Waker, act: str, words: list[str]) -> Goal:
    if len(words) != 1 or not words[0].isdecimal():
        raise UsageError(f"goals {act}: write the number of a goal, as in goals {act} 2")
    return waker.goals.find(int(words[0]))


def _row(goal: Goal, waker: Waker) -> list[str]:
    what = " ".join(goal.goal.split())[:60]
    return [str(goal.n), _when(goal, waker), goal.holds[:40] or "answered" * goal.once, goal.said[:60], what]


def _when(goal: Goal, waker: Waker) -> str:
    """Say when a goal wakes next."""
    if goal.state != book.OPEN:
        return goal.state
    if goal.n in waker.blocked:
        return waker.blocked[goal.n][:60]
    if goal.due is None:
        return f"process {goal.pid}" + ("" if goal.first is not None else ", then when the notebook opens")
    if (wakes := goal.wakes or 0.0) <= waker.clock():
        missing = lacking(goal, waker.session.namespace or {})
        return f"due now, in a notebook that has {missing}" if missing else "due now"
    here = datetime.fromtimestamp(wakes).astimezone()
    there = here.astimezone(zone_of(goal.zone) if goal.zone else None)
    return f"due {there:%Y-%m-%d %H:%M}" + (f" {goal.zone}" if there.utcoffset() != here.utcoffset() else "")
