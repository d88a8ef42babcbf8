"""Handing a goal to the service of a home: a command to no process yet, which is carried out once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.journal import Home, server_of, who
from llmos_nb.policy import budget, parse_mode
from llmos_nb.session.commands import WAIT_S, Command, Done, answer_to, check_home, files
from llmos_nb.session.opening import check_name, checked_goal

VERB, NOBODY = "start", 0
OPTIONS = ("name", "model", "approve", "budget", "plan", "check", "acts", "tools")


async def hand_over(home: Home, goal: str, options: Mapping[str, Any], wait_s: float = WAIT_S) -> Done:
    """Hand a goal to the service of a home, and say what became of it.

    Parameters
    ----------
    home : Home
        Whose.
    goal : str
        What is wanted.
    options : mapping
        Of `OPTIONS`, what was given.
    wait_s : float
        Seconds for the answer; a goal that is not begun by then stays, and is begun as soon as the service can.

    Raises
    ------
    UsageError
        Nobody serves the home, or what is asked for is not understood; nothing was handed over.
    CallDenied
        Code of a step asks for it, or a program that such code may have started.
    """
    check_home(home)
    goal = checked_goal(goal)
    check_name(options.get("check"))
    parse_mode(options.get("approve") or "risky", "--approve")
    budget.parse(options.get("budget") or budget.DEFAULT, "--budget")
    if (server := server_of(home)) is None:
        raise UsageError(f"nobody serves {home.root}: llmos serve does, in another terminal (nothing was started)")
    files.tidy(home.root)
    path = files.post(home.root, Command(NOBODY, VERB, (goal,), (), dict(options), by=who()))
    server.wake()
    refused = "the service did not take it: it was not written here"
    return await answer_to(path, wait_s, refused, "noted: it is begun as soon as the service can")
