"""Lesson 01, the loop: the model only proposes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.lessons.core import Wrong, callable_or_wrong, list_or_wrong, wrong_if
from llmos_nb.lessons.models import call, settle

KINDS = ("model.requested", "model.responded", "call.decided", "call.started", "call.finished", "run.ended")
MOST_REQUESTS = 40
GOAL = "Double a number."


class EndlessLoop(BaseException):
    """A loop asked the model without an end; no `except Exception` of the loop may hide it."""


class Proposer:
    """A scripted model in its plainest form: messages in, a proposal out. It can do nothing by itself.

    Parameters
    ----------
    turns : iterable of dict
        ``{"call": name, "arguments": {…}}`` or ``{"answer": text}``; the last one is repeated.
    """

    def __init__(self, turns: Iterable[dict[str, Any]]) -> None:
        self.turns = list(turns)
        self.seen: list[list[dict[str, Any]]] = []

    def __call__(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """Propose what comes next."""
        self.seen.append([dict(m) for m in messages])
        if len(self.seen) > MOST_REQUESTS:
            raise EndlessLoop
        return dict(self.turns[min(len(self.seen), len(self.turns)) - 1])


def double(n: int) -> int:
    """Double a number."""
    return 2 * n


def judge_order(attempt: Any, seed: int) -> str:
    """Compare with the order in a real run."""
    turns = [call("double", n=seed), {"text": f"It is {2 * seed}."}]
    process = settle(f"Double {seed}.", turns, tools=[double])
    happened = list(dict.fromkeys(e.k for e in process.events if e.k in KINDS))
    given = list_or_wrong(attempt, "kinds of event")
    if unknown := [k for k in given if k not in KINDS]:
        raise Wrong(f"{unknown[0]!r} is none of the {len(KINDS)} kinds: {', '.join(sorted(KINDS))}", 1)
    wrong_if(sorted(given) != sorted(KINDS), f"each of the {len(KINDS)} kinds must stand there once", 1)
    place = next((i for i, (a, b) in enumerate(zip(given, happened, strict=True)) if a != b), None)
    if place is None:
        return "the gate decides between the proposal and the effect; the model takes part in two of six"
    if given.index("call.started") < given.index("call.decided"):
        raise Wrong("a call started before anybody had decided on it: nothing runs without a decision", 2)
    if given.index("call.decided") < given.index("model.responded"):
        raise Wrong("something was decided before the model had proposed it", 2)
    raise Wrong(f"place {place + 1} is not {given[place]}", 3)


def judge_script(attempt: Any, seed: int) -> str:
    """Run the script and look for one refused call, one that ran, and an answer."""
    try:
        process = settle(f"Double {seed}.", attempt, tools=[double])
    except (UsageError, TypeError) as error:
        raise Wrong(f"this is no script: {error}", 1) from None
    calls = [c for c in process.run.state.calls.values() if c.name != "plan"]
    refused = [c for c in calls if c.status == "rejected"]
    done = [c for c in calls if c.status == "done"]
    wrong_if(not refused, "no call was refused: the model proposed nothing that the gate had to stop", 2)
    wrong_if(not done, f"no call ran after the refusal. The model was told: {refused[0].result}", 2)
    if calls.index(done[-1]) < calls.index(refused[0]):
        raise Wrong("the call that works comes before the one that does not; nothing was repaired", 3)
    wrong_if(process.reason != "answered", f"the process ended {process.reason}: {process.detail}", 3)
    gave, answer = done[-1].result, str(process.answer)
    told = f"{done[-1].name} gave {gave}, and your script answers “{answer}”: answer with what came back"
    wrong_if(not re.search(rf"(?<!\d){re.escape(gave)}(?!\d)", answer), told, 3)
    return f"the model was told “{refused[0].result}” and repaired its call"


def judge_loop(attempt: Any, seed: int) -> str:
    """Try a loop: it acts, feeds back, survives faults, and ends."""
    loop = callable_or_wrong(attempt, "loop(propose, tools, goal, most)")
    _acts_and_feeds_back(loop, seed)
    _survives(loop, {"call": "dubble", "arguments": {"n": 1}}, "a tool that does not exist", "dubble")
    for error in (OSError, ValueError, ZeroDivisionError):
        what = f"a tool that raises {error.__name__}"
        _survives(loop, {"call": "fail", "arguments": {}}, what, "the sensor is broken", error)
    _ends(loop)
    return "it acts, feeds back, survives faults, and ends. Ours adds a decision and a journal"


def _acts_and_feeds_back(loop: Callable[..., Any], seed: int) -> None:
    ran: list[int] = []

    def twice(n: int) -> int:
        ran.append(n)
        return 2 * n + 1000

    numbers = [seed, seed + 300]
    propose = Proposer([*({"call": "twice", "arguments": {"n": n}} for n in numbers), {"answer": "done"}])
    answer = _run(loop, propose, {"twice": twice}, 10)
    told = f"the model was asked {len(propose.seen)} times and proposed twice(…), and it never ran: call the tool"
    wrong_if(not ran, told, 1)
    wrong_if(len(propose.seen) < 2, "the model was asked only once; after acting it must be asked again", 1)
    told = "the tool ran, but its result is not among the messages of the next request: no feedback"
    wrong_if(str(2 * seed + 1000) not in str(propose.seen[1]), told, 2)
    told = f"the model proposed two calls, one after the other, and twice(…) ran {len(ran)} times"
    wrong_if(ran != numbers, told, 1)
    wrong_if(answer != "done", f"the model answered 'done', and your loop gave {answer!r}", 1)
    last = str(propose.seen[-1])
    wrong_if(GOAL not in last, "the goal is not among the messages of each request: the model cannot know it", 2)
    lost = [n for n in numbers if str(2 * n + 1000) not in last]
    wrong_if(lost, "the last request lacks an earlier result: the model remembers nothing but what you send", 2)


def _survives(loop: Callable[..., Any], turn: dict[str, Any], what: str, told: str, error: type = OSError) -> None:
    def fail() -> None:
        raise error("the sensor is broken")

    propose = Proposer([turn, {"answer": "done"}])
    try:
        _run(loop, propose, {"fail": fail}, 10)
    except Exception as raised:
        why = f"{what} ended your loop with {type(raised).__name__}; tell the model instead"
        raise Wrong(why, 3) from None
    if len(propose.seen) < 2 or told not in str(propose.seen[1]):
        raise Wrong(f"after {what} the model was not told what went wrong", 3)


def _ends(loop: Callable[..., Any]) -> None:
    for most in (5, 3):
        propose = Proposer([{"call": "twice", "arguments": {"n": 1}}])
        answer = _run(loop, propose, {"twice": double}, most)
        told = f"with most={most} it asked {len(propose.seen)} times: {most} are the most"
        wrong_if(len(propose.seen) > most, told, 3)
        told = f"with most={most} and no answer in {most} requests it gave {answer!r}; it must end with None"
        wrong_if(answer is not None, told, 3)
    propose = Proposer([*([{"call": "twice", "arguments": {"n": 1}}] * 7), {"answer": "done"}])
    gave = _run(loop, propose, {"twice": double}, 8)
    told = f"with most=8 and an answer in the 8th request, it asked {len(propose.seen)} times and gave {gave!r}"
    wrong_if(gave != "done", told, 3)


def _run(loop: Callable[..., Any], propose: Proposer, tools: dict[str, Any], most: int) -> Any:
    try:
        return loop(propose, tools, GOAL, most)
    except EndlessLoop:
        raise Wrong(f"it asked the model {MOST_REQUESTS} times and went on: nothing bounds it", 3) from None
