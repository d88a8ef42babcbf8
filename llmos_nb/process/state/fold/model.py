"""What the events of the model do to the state: attempts, answers, pages, money."""

from __future__ import annotations

from typing import Any

from llmos_nb.journal import Event
from llmos_nb.messages import Message, ToolCall
from llmos_nb.process.state import prompts
from llmos_nb.process.state.fold.registry import note, on
from llmos_nb.process.state.state import CONTROL, State
from llmos_nb.tools import Call, Turn

MAX_NUDGES = {"empty": 1, "length": 4, "cut": 3}


@on("model.requested")
def _requested(s: State, e: Event) -> None:
    s.requests = s.request = e.d["request"]
    s.todo, s.retry_in_s = "", 0.0


@on("model.failed")
def _model_failed(s: State, e: Event) -> None:
    d = e.d
    s.request, s.todo = 0, "ask"
    s.failures += 1
    s.failed_kinds[d.get("kind", "")] += 1
    s.retry_in_s = d.get("retry_in_s") or 0.0
    if d.get("shrink"):
        s.shrink = True
    elif d.get("final"):
        s.ending = (
            ("unverified", s.candidate and d["error"])
            if s.candidate
            else (d.get("reason", "failed"), d["error"])
        )


@on("model.responded")
def _responded(s: State, e: Event) -> None:
    d = e.d
    s.request, s.failures, s.responses = 0, 0, s.responses + 1
    s.failed_kinds.clear()
    calls = [
        Call(f"r{s.responses}.{i}", c["name"], c["arguments"], facts={"n": e.n})
        for i, c in enumerate(d["calls"])
    ]
    if d["finish"] == "refused":
        s.ending = ("refused", d["text"] or "the model refused")
    elif calls:
        _begin_turn(s, e, calls)
    else:
        _text_only(s, d)


def _begin_turn(s: State, e: Event, calls: list[Call]) -> None:
    """Open a turn: all its calls must close before their results enter the prompt, in call order."""
    step = s.current
    acts = [c for c in calls if c.name not in CONTROL]
    if acts:
        s.spent["steps"] = s.spent.get("steps", 0) + 1
    if step and acts and s.plan_status == "approved" and not any(c.name == "plan" for c in calls):
        s.step = step.n
        s.plan = s.plan.put(step.n, status="running")
        for call in acts:
            call.step = step.n
    s.calls.update((c.id, c) for c in calls)
    wire = tuple(ToolCall(c.name, c.arguments, c.id) for c in calls)
    s.turn = Turn(Message("assistant", e.d["text"], wire), [c.id for c in calls], e.n)
    s.partial, s.candidate = "", ""
    if e.d.get("cut"):
        s.notes.append(prompts.CUT)


def _text_only(s: State, d: dict[str, Any]) -> None:
    """An answer without calls: the final one, or one that was cut off, or nothing."""
    text = d["text"]
    if d.get("cut"):
        _nudge(s, "cut", prompts.CUT, ("truncated", "a call was cut off again and again"), text)
    elif d["finish"] == "length" and text:
        s.partial += text
        _nudge(s, "length", prompts.GO_ON, ("truncated", "the answer was cut off again and again"), text)
    elif not (s.partial + text).strip():
        _nudge(s, "empty", prompts.EMPTY, ("empty", "the model said nothing, twice"), text)
    else:
        offer_answer(s, s.partial + text, text)


def offer_answer(s: State, answer: str, said: str) -> None:
    """Take a text as the candidate for the answer; its checks run next."""
    s.candidate, s.partial, s.checks, s.todo = answer, "", {}, "answer"
    s.context.add((Message("assistant", said),), s.n, s.n)


def _nudge(s: State, kind: str, text: str, end: tuple[str, str], said: str) -> None:
    s.nudges[kind] += 1
    s.todo = "ask"
    if s.nudges[kind] > MAX_NUDGES[kind]:
        s.ending = end
        s.answer = s.partial or None
        return
    said_first = (Message("assistant", said),) if said else ()
    s.context.add((*said_first, Message("user", text)), s.n, s.n)


@on("context.paged")
def _context_paged(s: State, e: Event) -> None:
    s.context.evict(e.d["groups"], e.d.get("stay", ()), e.d.get("label", ""))
    s.shrink = False


@on("budget.reserved")
def _reserved(s: State, e: Event) -> None:
    if "child" in e.d:
        s.children[e.d["child"]] = dict(e.d["amounts"])


@on("budget.settled")
def _settled(s: State, e: Event) -> None:
    if "child" in e.d:
        s.children[e.d["child"]] = {}
    for unit, amount in e.d["amounts"].items():
        s.spent[unit] = s.spent.get(unit, 0) + amount
    near = s.budget.near(s.spent)
    if near and not s.warned:
        s.warned = True
        note(s, prompts.budget_near(s.budget, near))
