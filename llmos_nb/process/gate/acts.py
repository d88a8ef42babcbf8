"""Acts at the gate before anything is read: those that a model proposes with its plan, and those of a person."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from llmos_nb.errors import ActError, BadArguments, UsageError
from llmos_nb.journal.events import MODEL, YOU, ActData, Decider
from llmos_nb.policy import tell
from llmos_nb.policy.commitments import Act, Signatures, judged, read, reply, sentence
from llmos_nb.process.gate.commitments import standing, words
from llmos_nb.process.gate.cover import signatures
from llmos_nb.process.gate.labels import exposed
from llmos_nb.process.run import Run
from llmos_nb.process.state.plan import Plan, Step
from llmos_nb.tools import Tool

BY = Decider("check", "acts")  # who sends a plan back whose acts will always ask, once


class Asks(BadArguments):
    """Acts that can be read and will always ask; says why, so that they can be mended."""

    by = BY


def of_plan(run: Run, plan: Plan, by: Decider = MODEL) -> Plan:
    """Return a proposed plan with its acts read, numbered and classed.

    Raises
    ------
    BadArguments
        An act cannot be read, or may not be added; nothing stands yet.
    Asks
        The first time that acts are proposed which will always ask.
    """
    texts = {p.n: [a["text"] for a in p.acts] for p in plan.steps if p.open and p.acts is not None}
    if not run.commits:
        return _with(plan, dict.fromkeys(texts))
    if not texts:
        return _with(plan, _kept(run, plan))
    made = _made(run, [t for each in texts.values() for t in each], by)  # of what is proposed the text alone counts
    stands = {n: tuple(made[t] for t in each) for n, each in texts.items()}
    return _with(plan, {**dict.fromkeys(p.n for p in plan.steps), **stands})  # the rest is given up


def _with(plan: Plan, acts: Mapping[int, tuple[ActData, ...] | None]) -> Plan:
    steps = [replace(p, acts=acts[p.n]) if p.n in acts else p for p in plan.steps]
    return Plan(tuple(steps), plan.version)


def _kept(run: Run, plan: Plan) -> dict[int, tuple[ActData, ...]]:
    """Return the acts of a plan that says nothing of acts: those of steps that it replaces, in its first."""
    first = next((p for p in plan.steps if p.open), None)
    gone = {p.n for p in plan.steps if p.status == "replaced"}
    moved = tuple(a.plain(n) for n, a in standing(run.state).items() if a.step in gone)
    return {first.n: moved} if first is not None and moved else {}


def _made(run: Run, texts: Sequence[str], by: Decider) -> dict[str, ActData]:
    """Return acts by their texts: those that stand keep their numbers, new ones get the next."""
    s, tools, said = run.state, signatures(run.tools), words(run)
    there = {_form(a.text): a.plain(n) for n, a in s.acts.items() if a.open}
    found: dict[str, ActData] = {t: there[_form(t)] for t in texts if _form(t) in there}
    new = [t for t in texts if t not in found]
    if new and by == MODEL and exposed(run):
        raise BadArguments(tell("acts_late", act=repr(new[0])[:80]))
    if twice := next((t for n, t in enumerate(new) if _form(t) in map(_form, new[:n])), ""):
        raise BadArguments(tell("acts_twice", act=repr(twice)[:80]))
    acts = [_read(t, tools) for t in texts]
    if any(isinstance(a, ActError) for a in acts):
        raise BadArguments(tell("acts_unread", reply=reply(acts, tools, said, s.delegate)))
    data = {a.text: _data(n, a, tools, said) for n, a in enumerate(_acts(acts, new), max(s.acts, default=0) + 1)}
    waits = ("open", "invented", *(("delegated",) if s.mode == "auto" and s.delegate == "ask" else ()))
    if by == MODEL and not _sent_back(run) and any(d["kind"] in waits for d in data.values()):
        raise Asks(tell("acts_ask", reply=reply(acts, tools, said, s.delegate)))
    return {**found, **data}


def _read(text: str, tools: Signatures) -> Act | ActError:
    try:
        act = read(text, tools)
    except ActError as error:
        return error
    return act if act.tool.outward else ActError(f"{act.tool.name} does not act outside, and needs no act")


def _acts(found: Iterable[Act | ActError], new: Sequence[str]) -> list[Act]:
    return [a for a in found if isinstance(a, Act) and a.text in new]


def _data(n: int, act: Act, tools: Signatures, said: str) -> ActData:
    verdict = judged(act, tools, said)
    data = {"n": n, "text": act.text, "kind": verdict.kind, "says": sentence(act, tools, said)}
    return cast("ActData", {**data, **{k: v for k in ("why", "choice", "chosen") if (v := getattr(verdict, k))}})


def _form(text: str) -> str:
    """Return an expression in one form, however it is spaced and quoted."""
    try:
        return ast.unparse(ast.parse(text.strip(), mode="eval"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text.strip()


def _sent_back(run: Run) -> bool:
    return any(c.name == "plan" and c.by == BY for c in run.state.calls.values())


def of_person(texts: Iterable[str], tools: Mapping[str, Tool], said: str) -> list[ActData]:
    """Return the acts that a person gives a process; what they write is their word.

    Raises
    ------
    UsageError
        One cannot be read.
    """
    known, found = signatures(tools), list[ActData]()
    for n, text in enumerate(texts, 1):
        act = _read(text, known)
        if isinstance(act, ActError):
            raise UsageError(f"acts {text!r:.80}: {act}")
        found.append(_data(n, act, known, f"{said}\n{text}"))
    return found


def steps_of_person(steps: Iterable[Step], run: Run) -> tuple[Step, ...]:
    """Return the steps of a plan that a person gives, with their acts read."""
    found, n = list[Step](), 0
    for step in steps:
        made = more_of_person(run, [a["text"] for a in step.acts or ()], n)
        found.append(replace(step, acts=None if step.acts is None else made))
        n += len(made)
    return tuple(found)


def more_of_person(run: Run, texts: Iterable[str], before: int = 0) -> tuple[ActData, ...]:
    """Return acts that a person adds, with numbers after those that there are, and after so many more."""
    last = max(run.state.acts, default=0) + before
    made = of_person(texts, run.tools, words(run))
    return tuple(cast("ActData", {**a, "n": a["n"] + last, "by": YOU.plain()}) for a in made)
