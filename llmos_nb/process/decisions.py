"""What people decide about a run: its calls, its plan, its rules, its questions. Each decision is an event.

A call, a step or a plan that is asked about has a key: a call's id, ``step:N`` or ``plan:VERSION``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from llmos_nb.errors import SnapshotConflict, UsageError
from llmos_nb.journal import events as ev, who
from llmos_nb.policy import Rule, approval, in_advance, parse_rule
from llmos_nb.policy.code import inspect_code
from llmos_nb.process.gate.plan import decide_plan
from llmos_nb.process.run import Run
from llmos_nb.process.state.plan import Plan
from llmos_nb.process.state.rebuild import AGAIN, WITHOUT
from llmos_nb.process.state.state import State


def named(run: Run, by: ev.Decider) -> ev.Decider:
    """Return whoever is at this machine their name, where it matters who approves; nobody but a person does."""
    if not by.is_person:
        raise UsageError(f"{by.describe()} approves nothing here: only a person does")
    s = run.state
    return ev.Decider("person", who()) if by == ev.YOU and (s.requester or s.approval) else by


def open_keys(s: State, what: str | int) -> list[str]:
    """Return the keys of what is asked and that `what` names: a call's id, a step's number, ``plan`` or ``all``."""
    open_ = [k for k, q in s.questions.items() if q["kind"] in ("approval", "plan", "effect")]
    if what == "all":
        return open_
    if what == "plan":
        return [k for k in open_ if k.startswith("plan:")]
    if isinstance(what, int) or str(what).isdecimal():
        of = {k: s.questions[k].get("call") or k for k in open_}
        calls = [k for k in open_ if of[k] in s.calls and s.place(s.calls[of[k]]) == int(what)]
        if not calls and not s.plan.steps:
            raise UsageError(f"step {what}: there is no plan (asked: {', '.join(open_) or 'nothing'})")
        return calls or ([f"step:{what}"] if s.plan.step(int(what)).status == "pending" else [])
    effects = [k for k in open_ if k == what or s.questions[k].get("call") == what]
    if effects:
        return effects
    if str(what).startswith("plan:"):
        raise UsageError("the plan is another one by now: look at it again")
    if what not in s.calls:
        raise UsageError(f"call {what!r}: no such call (asked: {', '.join(open_) or 'nothing'})")
    return [str(what)] if what in open_ else []


def asked(run: Run, what: str | int) -> list[str]:
    """Return the same; a call that is not asked about any more is put on the record."""
    found = open_keys(run.state, what)
    if not found and what in run.state.calls:
        stale(run, str(what), ev.YOU, "", "nothing is asked of it now")
    return found


def approve(
    run: Run,
    what: str | int,
    by: ev.Decider,
    digest: str,
    arguments: dict[str, Any] | None,
    without: Sequence[int] = (),
    upto: int = 0,
) -> None:
    """Approve all that `what` names; of a plan, its acts but those left out, and its steps up to one."""
    if upto:
        run.state.plan.step(upto)
    if unknown := [n for n in without if n not in run.state.acts]:
        raise UsageError(f"act {unknown[0]}: no such act (acts: {', '.join(map(str, run.state.acts)) or 'none'})")
    for key in asked(run, what):
        approve_one(run, key, by, digest, arguments, without, upto)


def approve_one(
    run: Run,
    key: str,
    by: ev.Decider,
    digest: str = "",
    arguments: dict[str, Any] | None = None,
    without: Sequence[int] = (),
    upto: int = 0,
) -> None:
    """Approve what stands under a key, unless it is not what was seen, too late, or another's to approve.

    Parameters
    ----------
    digest : str
        What was seen when it was approved; empty where nobody compares.
    arguments : dict, optional
        Edited arguments; the call passes the policy again.
    without : sequence of int
        Of a plan: the acts that are not approved.
    upto : int
        Of a plan: the last step that is; 0 for all.
    """
    s, by = run.state, named(run, by)
    why = s.refuses(by, key)
    question = s.questions.get(key, {})
    if question.get("until") and approval.late(question):
        why = "its deadline has passed"
        run.append(ev.QuestionDue(question=key))
    if why:
        stale(run, key, by, digest, why)
    elif key.startswith("plan:"):
        decide_plan(run, "approve", by, without=without, upto=upto)
    elif key.startswith("step:"):
        run.append(ev.SignalReceived(signal="approve_step", by=by, step=int(key[5:])))
    elif question.get("kind") == "effect":
        decide_effect(run, key, "allow", by)
    elif digest and digest != s.calls[key].digest:
        stale(run, key, by, digest, "it is not what was seen any more")
    elif arguments is not None:
        edit_call(run, key, arguments, by)
    else:
        if question.get("act"):
            run.append(ev.ActUsed(call=key, **question["act"]))
        run.append(ev.CallDecided(call=key, digest=s.calls[key].digest, what="approve", by=by, why=""))


def decide_effect(
    run: Run,
    key: str,
    what: Literal["allow", "refuse"],
    by: ev.Decider,
    why: str = "",
    scope: Literal["once", "process"] = "once",
) -> None:
    """Decide on what a step that is held is about to do outside; ``process`` speaks for later steps, too."""
    question = run.state.questions[key]
    call = str(question["call"])
    decided = ev.EffectDecided(
        question=key, call=call, effect=list(question["effect"]), what=what, scope=scope, by=by, why=why
    )
    run.append(decided)
    if call in run.gates:
        run.gates[call].decided(decided)


def stale(run: Run, key: str, by: ev.Decider, digest: str, why: str) -> None:
    """Put an approval that does not count on the record."""
    run.append(ev.SignalReceived(signal="stale_approval", by=by, call=key, why=why, digest=digest))


def rule_for_rest(run: Run, call: str) -> dict[str, Any]:
    """Return the terms of a rule for later calls of the same tool that bear no other kind of risk."""
    found, question = run.state.calls.get(call), run.state.questions.get(call, {})
    held = question.get("kind") == "effect"
    if held and question["effect"][0] != "delete":
        return {}
    kinds = sorted({str(risk[0]) for risk in question.get("risks", ())})
    if held or found is None or not in_advance(found.name, kinds):
        raise UsageError(f"call {call}: nothing like it can be approved in advance")
    return {"risks": kinds}


def rule_for_same(run: Run, call: str) -> dict[str, Any]:
    """Return the terms of a rule for later calls of the same tool with exactly these arguments."""
    found = run.state.calls.get(call)
    if found is None or call not in run.state.questions or not isinstance(found.arguments, dict):
        raise UsageError(f"call {call!r}: it does not wait for you")
    return {"where": dict(found.arguments), "exact": True}


def approve_by_rule(
    run: Run, call: str, digest: str, by: ev.Decider, terms_of: Callable[[Run, str], dict[str, Any]]
) -> None:
    """Approve a call, and calls to come by a rule of the terms that `terms_of` gives for it."""
    terms = terms_of(run, call)
    if run.state.questions.get(call, {}).get("kind") == "effect":
        by = named(run, by)
        if why := run.state.refuses(by, call):
            stale(run, call, by, digest, why)
        else:
            decide_effect(run, call, "allow", by, scope="process")
        return
    found = run.state.calls[call]
    approve_one(run, call, by, digest)
    if found.status == "approved":  # a stale approval makes no rule either
        rule = parse_rule({"tool": found.name, "do": "allow", "by": by.name, **terms}).plain()
        run.append(ev.PolicyChanged(rule=rule, by=by))


def reject(run: Run, what: str | int, why: str, by: ev.Decider) -> None:
    """Reject all that `what` names, with a reason for the model."""
    for key in asked(run, what):
        _refuse(run, key, "reject", why, by)


def _refuse(run: Run, key: str, what: Literal["reject", "skip"], why: str, by: ev.Decider) -> None:
    if key.startswith("plan:"):
        decide_plan(run, "reject", by, why)
    elif key.startswith("step:"):
        new_plan(run, run.state.plan.reject(int(key[5:]), why), by)
    elif run.state.questions.get(key, {}).get("kind") == "effect":
        decide_effect(run, key, "refuse", by, why)
    else:
        run.append(ev.CallDecided(call=key, digest="", what=what, by=by, why=why))


def skip(run: Run, what: str | int, by: ev.Decider) -> None:
    """Skip a call that is asked about, or a step with its calls that have not begun."""
    if isinstance(what, int):
        s = run.state
        waiting = [c for c in s.open_calls if c.status in ("asked", "waits") and s.place(c) == what]
        keys = [c.id for c in waiting]
    else:
        keys = [k for k in asked(run, what) if not k.startswith("step:")]
    for key in keys:
        _refuse(run, key, "skip", "", by)
    if not keys and str(what).isdecimal():
        new_plan(run, run.state.plan.skip(int(what)), by)


def edit_call(run: Run, key: str, arguments: dict[str, Any], by: ev.Decider) -> None:
    """Change the arguments of a call that waits; it passes the policy again."""
    call = run.state.calls.get(key)
    if call is None or call.status not in ("asked", "approved"):
        raise UsageError(f"call {key!r}: only a call that waits can be edited")
    if call.name == "python":
        _check_code(key, str(arguments.get("code") or ""))
    run.append(ev.CallDecided(call=key, digest="", what="edit", by=by, why="", arguments=arguments))


def _check_code(what: str, code: str) -> None:
    """Refuse a person's code that is no Python: they can mend it at once, and the model is told nothing of it."""
    fault = next((r for r in inspect_code(code).risks if r.kind == "syntax"), None)
    if fault is not None:
        raise UsageError(f"{what}: line {fault.line} is no Python ({fault.what}); nothing was changed")


def new_plan(run: Run, plan: Plan, by: ev.Decider) -> None:
    """Put another plan in the place of the present one."""
    before = {p.n: p.code for p in run.state.plan.steps}
    for step in (p for p in plan.steps if p.code and p.code != before.get(p.n)):
        _check_code(f"step {step.n}", step.code)
    run.append(ev.PlanEdited(version=plan.version, steps=plan.plain(), by=by))


def question_for(run: Run, question: str) -> str:
    """Return the key of the question that a reply answers: the one named, or the oldest."""
    open_ = [k for k, q in run.state.questions.items() if q["kind"] == "question"]
    if (question and question not in open_) or not open_:
        asked = ", ".join(open_keys(run.state, "all"))
        hint = f"; it waits for approval of {asked}" if asked else ""
        raise UsageError(f"process {run.state.pid} asks nothing that a reply could answer{hint}")
    return question or open_[0]


def reply(run: Run, question: str, text: str, by: ev.Decider) -> None:
    """Answer a question."""
    run.append(ev.QuestionAnswered(question=question, text=text, by=by))


def check_doubt(run: Run, call: str) -> None:
    """Refuse to settle a call that is not in doubt, or a rebuild that nobody asks about."""
    if call == ev.REBUILD and call in run.state.questions:
        return
    if call not in run.state.calls or run.state.calls[call].status != "in_doubt":
        raise UsageError(f"call {call!r} is not in doubt")


def brought_back(run: Run, call: str) -> bool:
    """Return whether variables of a call in doubt may have come back with a rebuild."""
    return call in run.state.calls and bool(run.state.calls[call].changes.names)


def resolve(run: Run, call: str, done: bool, by: ev.Decider) -> None:
    """Say of a call in doubt whether it was done; of a rebuild, whether it goes on without what is missing."""
    if call == ev.REBUILD:
        run.append(ev.QuestionAnswered(question=ev.REBUILD, text=WITHOUT if done else AGAIN, by=by))
        return
    if not done and run.snapshots is not None and brought_back(run, call):
        with suppress(SnapshotConflict):  # what it had changed came back with the rebuild, if at all
            run.snapshots.undo(run.state.calls[call].key)
    known = run.state.calls[call].facts if done else {}
    gone = {kind: list(known.get(kind, ())) for kind in ("lost", "may")}
    run.append(ev.CallResolved(call=call, done=done, by=by, **gone))


def parsed_rule(run: Run, terms: Mapping[str, Any], by: ev.Decider) -> Rule:
    """Return the rule of these terms, where whoever says so may make it."""
    if terms["do"] == "allow" and (refused := run.state.refuses(named(run, by))):
        raise UsageError(f"process {run.state.pid}: {refused}")
    return parse_rule(terms, terms["do"])


def add_rule(run: Run, rule: Rule, by: ev.Decider) -> None:
    """Let a rule speak from now on."""
    run.append(ev.PolicyChanged(rule=rule.plain(), by=by))


def rule_at(run: Run, n: int) -> Rule:
    """Return a rule by its place in the list."""
    rules = run.state.rules
    if not 0 <= n < len(rules):
        raise UsageError(f"rule {n}: there are {len(rules)} rules")
    return rules[n]


def revoke(run: Run, n: int, rule: Rule, by: ev.Decider) -> None:
    """Take a rule back."""
    run.append(ev.PolicyChanged(rule=rule.plain(), by=by, revoke=n))
