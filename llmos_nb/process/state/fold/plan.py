"""What the events of the plan do to the state: proposed, edited, decided, and each step integrated."""

from __future__ import annotations

from llmos_nb.journal import Event, events as ev
from llmos_nb.process.state import acts, prompts
from llmos_nb.process.state.fold.call import close, note_delay, repeat_key
from llmos_nb.process.state.fold.model import serve
from llmos_nb.process.state.news import ask_again, note
from llmos_nb.process.state.plan import Plan, Step, parse_steps
from llmos_nb.process.state.state import CONTROL, SERVES, State, say
from llmos_nb.tools import Call

VERSION = "version"  # of a plan, as its model proposed it: a person's edits count on
DROPPED = "dropped"  # steps of a plan whose expectation went with the title that they had


def fold_plan(s: State, e: Event) -> None:
    """Take in what happened to the plan."""
    match e.body:
        case ev.PlanProposed() | ev.PlanEdited() as b:
            _planned(s, b)
        case ev.PlanDecided() as b:
            _plan_decided(s, e, b)
        case ev.StepIntegrated() as b:
            _integrated(s, b)
        case ev.ActUsed() as b:
            acts.used(s.acts, b.act, b.call, b.item, b.items)
        case ev.ActsMoved() as b:
            for n in b.acts:
                s.acts[n].open = False


INVENTOR = ev.Decider("process")


def _planned(s: State, b: ev.PlanProposed | ev.PlanEdited) -> None:
    if b.by == INVENTOR:
        s.invented = b.steps[0]["title"] if b.steps else ""
        return
    before = s.plan
    s.plan = Plan(tuple(_step(raw) for raw in b.steps if not _is_invented(s, raw)), b.version)
    acts.planned(s.acts, b.steps, b.by)
    if b.call or isinstance(b, ev.PlanProposed):
        s.plan_status, s.plan_call, s.plan_by = "proposed", b.call, b.by
        if b.call in s.calls:
            s.calls[b.call].facts[VERSION] = b.version
    elif s.plan_status == "asked":
        if proposal := s.calls.get(s.plan_call):
            proposal.facts[DROPPED] = [*proposal.facts.get(DROPPED, ()), *s.plan.unexpected(before)]
        asked = next(k for k in s.questions if k.startswith("plan:"))
        s.questions[f"plan:{s.plan.version}"] = s.questions.pop(asked)
    else:
        if s.plan_status == "none":  # a person gives a process that works without a plan one
            s.plan_status, s.plan_by = "approved", b.by
        s.closed = s.closed or (s.plan_status == "approved" and _closes(s))
        note(s, prompts.plan_edited(s, b.by, _newly_rejected(before, s.plan), s.plan.unexpected(before)))
        if not s.request and not s.turn:
            ask_again(s)


def _closes(s: State) -> bool:
    return s.plan.commits or any(a.open for a in s.acts.values())


def _is_invented(s: State, raw: ev.StepData) -> bool:
    """Return whether a step is the one that a former version gave a process without a plan, as nobody changed it."""
    return bool(s.invented) and raw["n"] == 1 and raw["title"] == s.invented


def _newly_rejected(before: Plan, after: Plan) -> list[Step]:
    known = {p.n for p in before.steps if p.status == "rejected"}
    return [p for p in after.steps if p.status == "rejected" and p.n not in known]


def _step(raw: ev.StepData) -> Step:
    (step,) = parse_steps([raw], raw["n"], range(1, raw["n"]))
    changes = {"status": raw.get("status", "pending"), "hint": raw.get("hint", ""), "why": raw.get("why", "")}
    return Plan((step,)).put(step.n, **changes).steps[0]


def _plan_decided(s: State, e: Event, b: ev.PlanDecided) -> None:
    if s.plan_status == "none":  # the decision of a mode on the step that a former version invented
        return
    note_delay(s, s.questions.pop(f"plan:{b.version}", None), b.by, "decided on the plan", e.at)
    approved = b.what == "approve"
    s.plan_status = "approved" if approved else "rejected"
    if approved:
        s.plan_seen = s.plan_seen or s.plan_by != ev.MODEL or b.by.is_person
        s.envelope, s.plan_by = dict(b.envelope), b.by
        s.upto = b.upto if b.by.is_person else s.upto
        acts.decided(s.acts, b.by, b.without)
        s.closed = s.closed or _closes(s)
        s.envelope_used.clear()
    else:
        acts.refused(s.acts)
    if not approved and not b.why:
        s.ending = ("rejected", "the plan was rejected")
    proposal = s.calls.get(s.plan_call)
    edited = proposal is not None and proposal.facts.get(VERSION) != b.version
    beside = [c for c in s.open_calls if c.name not in CONTROL] if proposal is not None else []
    serving = [c for c in beside if approved and not _unwanted(s, c)]
    dropped = proposal.facts.get(DROPPED, ()) if proposal is not None else ()
    text = prompts.plan_decided(s, approved, b.why, edited, begun=bool(serving), dropped=dropped)
    if proposal is not None:
        serve(s, serving)
        close(s, proposal, "done" if approved else "rejected", e, result=text)
        for call in (c for c in beside if c not in serving):
            close(s, call, "rejected", e, result=say(s, "not_run", why=say(s, "unwanted")))
            s.repeats.pop(repeat_key(call))
    elif not approved:
        note(s, text)
        s.todo = "ask"


def _unwanted(s: State, call: Call) -> bool:
    """Return whether a person left out of the plan all that a call beside it was to serve."""
    said = [s.plan.step(n).status for n in call.facts.get(SERVES, ()) if n in s.plan]
    return bool(said) and all(status in ("skipped", "rejected") for status in said)


def _integrated(s: State, b: ev.StepIntegrated) -> None:
    s.unread = [n for n in s.unread if n != b.step] if b.step in s.unread else []
    s.todo = "integrate" if s.unread else "ask"
    if not b.step or (s.invented and b.step not in s.plan):
        return
    s.evidence[b.step] = b.evidence
    s.seen_in[b.step] = [c.id for c in s.calls_for(b.step)]
    s.compared.pop(b.step, None)
    s.missed.pop(b.step, None)
    if b.compared:
        (s.compared if b.met else s.missed)[b.step] = b.compared
    s.plan = s.plan.put(b.step, status=b.status or ("done" if b.met else "failed"))
    s.step = b.step
    if b.detail:
        note(s, b.detail)
    elif b.met and not s.unread and len(s.plan) > 1 and (following := s.current):
        note(s, prompts.next_step(s, following))


def settle_plan(s: State, reason: ev.Reason) -> None:
    """Close the plan of a run that answered: what its calls did is done, what no call served was skipped."""
    for step in s.plan.steps if reason == "answered" and s.plan_status == "approved" else ():
        served = [c.status for c in s.calls.values() if step.n in c.serves]
        if step.open and not served:
            s.plan = s.plan.put(step.n, status="skipped")
        elif step.status == "running" and all(status == "done" for status in served):
            s.plan = s.plan.put(step.n, status="done")
