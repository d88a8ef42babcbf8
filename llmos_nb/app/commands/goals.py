"""The `%agent goals` command."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import datetime

from llmos_nb.app.options import Command
from llmos_nb.app.present.front import front_end
from llmos_nb.errors import LlmosError, UsageError, nearest
from llmos_nb.journal import Home
from llmos_nb.policy.secrets import redact
from llmos_nb.session import Session
from llmos_nb.session.goals import Goal, Goals, Waker, goals as book
from llmos_nb.views.text import table


def wake(home: Home, session: Callable[[], Session]) -> bool:
    """Look after the goals of a home from now on; return whether there is no need to try again."""
    try:
        return any(g.state == "open" for g in Goals(home).all()) and session().parts["goals"].begin()
    except LlmosError as error:
        print(f"llmos_nb: goals do not wake: {redact(str(error))}", file=sys.stderr)
        return True


ACTS = ("add", "done", "remove", "wake", "trust")


async def goals(session: Session, command: Command) -> None:
    waker: Waker = session.parts["goals"]
    act, *words = command.words or ["list"]
    if act not in (*ACTS, "list"):
        known = f"write {', '.join(ACTS)}, or nothing"
        raise UsageError(f"%agent goals {act!r}: unknown{nearest(act, ACTS)}; {known}")
    if act == "add":
        given = {k: v or "" for k, v in command.flags.items()}
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
        print(table(rows, ["goal", "state", "done when", "last", "what"]) if rows else _NONE)
    else:
        _settle(waker, act, words)


_NONE = "no goals yet: %agent goals add \"…\" [--check EXPR] [--every '1 h' | --at 2026-12-01T09:00]"


def _settle(waker: Waker, act: str, words: list[str]) -> None:
    goal = _named(waker, act, words)
    if act == "remove":
        waker.goals.remove(goal.n)
    elif act == "trust":
        waker.goals.change(goal.n, signature=book.signature(goal))
        waker.begin()
    else:
        waker.goals.change(goal.n, state="done", due=None, said="you said so")
    said = {"remove": "is removed; its runs stay", "trust": "wakes from now on", "done": "is done"}
    print(f"goal {goal.n} {said[act]}")


async def _wake(waker: Waker, words: list[str]) -> None:
    """Wake a goal now, or all that is due, and wait until they have settled or wait for somebody."""
    if words:
        goal = _named(waker, "wake", words)
        waker.goals.change(goal.n, due=waker.clock(), state="open")
    await waker.look_back()
    await waker.tick()
    await asyncio.gather(*(p.attend(patient=False) for p in waker.at_work))


def _named(waker: Waker, act: str, words: list[str]) -> Goal:
    if len(words) != 1 or not words[0].isdecimal():
        raise UsageError(f"%agent goals {act}: write the number of a goal (%agent goals lists them)")
    return waker.goals.find(int(words[0]))


def _row(goal: Goal, waker: Waker) -> list[str]:
    what = " ".join(goal.goal.split())[:60]
    return [str(goal.n), _when(goal, waker), goal.holds[:40] or "answered" * goal.once, goal.said[:60], what]


def _when(goal: Goal, waker: Waker) -> str:
    """Say when a goal wakes next."""
    if goal.state == "done":
        return "done"
    if goal.n in waker.blocked:
        return waker.blocked[goal.n][:60]
    if goal.due is None:
        return f"process {goal.pid}" + ("" if goal.first is not None else ", then when the notebook opens")
    if goal.due <= waker.clock():
        return "due now"
    return f"due {datetime.fromtimestamp(goal.due).astimezone().strftime('%Y-%m-%d %H:%M')}"
