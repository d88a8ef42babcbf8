"""What the events of calls do to the state: decided, started, finished, in doubt, undone, asked, answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from llmos_nb.journal import Event, events as ev
from llmos_nb.messages import canonical
from llmos_nb.policy.code import loop_variables
from llmos_nb.process.state import acts, notes
from llmos_nb.process.state.fold import told
from llmos_nb.process.state.fold.heap import heap_decided
from llmos_nb.process.state.news import ask_again, flush_notes, note
from llmos_nb.process.state.prompts import took_long
from llmos_nb.process.state.rebuild import AGAIN, did, in_doubt
from llmos_nb.process.state.state import CONTROL, Note, State, say
from llmos_nb.tools import PASSED, Call

MADE_CHARS = 200  # of a result that a step's code got from a tool, in the state
LONG_S = 300.0  # a decision that took longer is told


def fold_calls(s: State, e: Event) -> None:
    """Take in what happened to a call."""
    match e.body:
        case ev.CallDecided() as b:
            _decided(s, e, b)
        case ev.CallStarted() as b:
            _started(s, e, b)
        case ev.CallFinished() as b:
            _finished(s, e, b)
        case ev.NamesChanged() as b:
            _names(s, b)
        case ev.CallInDoubt() as b:
            call = s.calls[b.call]
            call.status = "in_doubt"
            _drop_effects(s, call)
            call.facts |= {"effects": b.did, "lost": b.lost, "may": b.may} if b.did is not None else {}
            about = {"title": f"whether {call.name} was done", "text": b.why or in_doubt(call)}
            s.questions[call.id] = {"kind": "doubt", **about, "since": e.at}
        case ev.CallResolved() as b:
            _resolved(s, e, b)
        case ev.CallUndone(compensation=by) as b if by:
            _compensated(s, s.calls[b.call], by)
        case ev.CallUndone() | ev.CallRedone() as b:
            _undone(s, b)
        case ev.ToolCalled() as b:
            _called_within(s, b)
        case ev.ToolReturned() as b:
            made = s.calls[b.within].facts.get("made", [])
            next(m for m in made if m["call"] == b.call).update(ok=b.ok, result=b.result[:MADE_CHARS])
        case ev.UndoProposed() as b:
            s.calls[b.call] = Call(b.call, b.name, b.arguments, s.calls[b.undoes].step, undoes=b.undoes)
            s.undoing.append(b.call)


def fold_questions(s: State, e: Event) -> None:
    """Take in what was asked and answered."""
    match e.body:
        case ev.QuestionAsked() as b:
            _asked(s, e, b)
        case ev.QuestionDue() as b if b.question in s.questions:
            s.questions[b.question]["due"] = True
        case ev.QuestionEscalated() as b:
            _escalated(s, e, b)
        case ev.QuestionAnswered() as b:
            _answered(s, e, b)
        case ev.EffectDecided() as b:
            s.questions.pop(b.question, None)
            if b.what == "allow" and b.scope == "process":
                s.grants.append(b.effect)


def _decided(s: State, e: Event, b: ev.CallDecided) -> None:
    call = s.calls[b.call]
    call.by, call.why, call.digest = b.by, b.why, b.digest
    note_delay(s, s.questions.pop(call.id, None), b.by, f"decided on {call.id}", e.at)
    s.awaited.pop(call.id, None)
    if b.what != "approve":
        acts.released(s.acts, call.id)
    if b.what in ("reject", "skip"):
        text = told.refused(s, b.what, b.by, b.why)
        close(s, call, "skipped" if b.what == "skip" else "rejected", e, result=text)
        return
    if b.what == "edit":
        call.original = call.original if call.original is not None else call.arguments
        call.facts.pop("edited_by", None)
        call.facts["edit_why"] = b.why
        if b.by.kind == "approver":
            call.facts["edited_by"] = b.by.name
    call.arguments = b.arguments if b.arguments is not None else call.arguments
    call.status = "proposed" if b.what == "edit" else "approved"
    if b.what == "approve":
        _count_grant(s, call)
        s.upto = call.step if s.upto and s.plan.later(call.step, s.upto) else s.upto  # a person let it run


def note_delay(s: State, asked: Mapping[str, Any] | None, by: ev.Decider, did: str, at: str) -> None:
    """Tell the model that somebody was long in deciding what they were asked."""
    since = str((asked or {}).get("since", ""))
    if not since or not at or not by.looked:
        return
    seconds = (datetime.fromisoformat(at) - datetime.fromisoformat(since)).total_seconds()
    if seconds >= LONG_S:
        note(s, took_long(s, by, did, seconds, at))


def _count_grant(s: State, call: Call, by: int = 1) -> None:
    """Count that a decision used what the plan or a rule grants; ``by=-1`` where the call did not begin."""
    if by < 0:
        acts.released(s.acts, call.id)
    if call.by == ev.PLAN:
        s.envelope_used[call.name] += by
    elif call.by.is_person and call.step in s.preapproved:
        s.preapproved.remove(call.step)
    elif call.by.kind == "rule":
        s.rules_used[int(call.by.name) - 1] += by


def _started(s: State, e: Event, b: ev.CallStarted) -> None:
    call = s.calls[b.call]
    call.status, call.key, call.started = "running", b.key, e.at
    if b.undo:
        call.facts["undo"] = True
    if b.watched:
        call.facts["watched"] = True
    s.spent["calls"] = s.spent.get("calls", 0) + 1


def _called_within(s: State, b: ev.ToolCalled) -> None:
    """Note a call that the code of another makes; it counts for the budget and for rules."""
    made = s.calls[b.within].facts.setdefault("made", [])
    made.append({"call": b.call, "tool": b.tool, "arguments": b.arguments, "by": b.by.plain()})
    s.spent["calls"] = s.spent.get("calls", 0) + 1
    if b.act is not None:
        acts.used(s.acts, b.act["act"], b.call, b.act["item"], b.act.get("items"))
    _count_grant(s, Call(b.call, b.tool, b.arguments, by=b.by))


def _finished(s: State, e: Event, b: ev.CallFinished) -> None:
    call = s.calls[b.call]
    call.ok, call.size, call.error = b.ok, b.size, b.error
    call.images, call.facts = b.images, {**call.facts, **b.facts}
    if "handle" in call.facts:
        s.handled = True
    s.questions.pop(call.id, None)
    s.awaited.pop(call.id, None)
    if "message" in call.facts:
        s.mailbox.pop(call.facts["message"], None)  # else it stood in a shared one
        s.repeats.clear()  # another message is something new, though the call that took it is the same
    if b.ok and not call.undoes:
        s.effects.append(call.id)
        _count_new(s, call)
    if call.name == "final_answer" and b.ok:
        s.checks, s.candidate, s.computed, s.unfilled = {}, b.result, None, []
    close(s, call, "done" if b.ok else "failed", e, result=b.result)


def _drop_effects(s: State, call: Call) -> None:
    """Ask no more about effects of a call that has ended."""
    for key in [k for k, q in s.questions.items() if q.get("call") == call.id]:
        del s.questions[key]


def _count_new(s: State, call: Call) -> None:
    """A call that was not made before is something new: identical ones are counted afresh."""
    key = repeat_key(call)
    if key not in s.repeats:
        s.repeats.clear()
    s.repeats[key] += 1


def repeat_key(call: Call) -> str:
    """Name a call by what it does, to find identical ones."""
    return canonical([call.name, call.arguments])


def close(s: State, call: Call, status: str, e: Event, result: str) -> None:
    """Close a call; when its turn has no open call left, the results enter the prompt in call order."""
    call.status, call.result, call.ended = status, result, e.at
    _drop_effects(s, call)
    if call.undoes and status != "done":
        s.undoing.remove(call.id)
    if call.name not in s.reads:
        _judge_anew(s)
    if call.by == ev.CONFLICT and status == "rejected":
        s.repeats.clear()  # somebody else changed something: the same call is a new one
    elif status in ("failed", "rejected") and call.name not in CONTROL:
        s.repeats[repeat_key(call)] += 1
    turn = s.turn
    if turn is None or call.id not in turn.calls or s.open_calls:
        return
    s.turn, unheard = None, s.todo == "ask"  # somebody spoke, or undid, after the model was asked
    most = s.context.shown_bytes
    calls = [s.calls[i] for i in turn.calls]
    seen = {c.id: told.seen(s, c, most) for c in calls}
    results = tuple(told.result_message(s, c, seen[c.id].text) for c in calls)
    whole = {c.id: c.result for c in calls if seen[c.id].short}
    if s.context.filling:
        s.notes.insert(0, Note(s.context.own(say(s, "memory"))))
    flush_notes(s, (turn.message, *results), turn.first, whole)
    if s.context.asks:
        s.context.asked = "now"
        notes.ask(s)
    s.todo = "integrate" if s.unread else "ask"  # calls of no step are compared with nothing
    if s.candidate and call.name == "final_answer" and not unheard:
        s.todo = "answer"


def _judge_anew(s: State) -> None:
    """Propose again what a mode, rule or plan let through and what has not begun: what it was judged by has changed.

    What a person approved is bound to what they saw, and looked at again when it starts.
    """
    for call in s.open_calls:
        if call.status == "approved" and call.by.in_advance:
            call.status = "proposed"
            _count_grant(s, call, -1)


def _resolved(s: State, e: Event, b: ev.CallResolved) -> None:
    call = s.calls[b.call]
    s.questions.pop(call.id, None)
    if not b.done:
        call.status = "approved"
        return
    call.ok, call.error = not b.lost, "CutOff" if b.lost else ""
    s.effects += [] if call.undoes or b.lost else [call.id]
    names = ", ".join(f"{n} (may be lost)" if n in b.may else n for n in b.lost)
    known = {"did": did(call.facts.get("effects")), "names": names}
    text = say(s, "cut_off" if b.lost else "confirmed", who=b.by.describe("the user"), **known)
    close(s, call, "failed" if b.lost else "done", e, result=text)


def _names(s: State, b: ev.NamesChanged) -> None:
    if b.call in s.calls:
        call = s.calls[b.call]
        call.changes = b.changes
        call.facts |= {PASSED: passed} if (passed := _only_passed(s, call)) else {}
    s.versions.update(b.changes.names)
    for name in b.changes.names:
        s.lost.pop(name, None)
    if b.changes.names:
        s.repeats.clear()


def _only_passed(s: State, call: Call) -> list[str]:
    """Return the names that its loops bound anew, and that nothing but loops had made: they are nobody's result."""
    again = loop_variables(call.code).intersection(call.changes.rebound) if call.changes.rebound else ()
    if not again:
        return []
    kept = {n for c in s.calls.values() if c is not call for n in (*c.results, *c.rebound)}
    return sorted(n for n in again - kept if any(n in c.changes.created for c in s.calls.values()))


def _undone(s: State, b: ev.CallUndone | ev.CallRedone) -> None:
    call = s.calls[b.call]
    undone, stays, by = (True, b.stays, b.by) if isinstance(b, ev.CallUndone) else (False, [], ev.NO_ONE)
    call.status = "undone" if undone else "done" if call.ok else "failed"
    _judge_anew(s)
    s.undone = [i for i in s.undone if i != call.id] + ([call.id] if undone else [])
    s.versions.update(call.changes.names)
    _put_step(s, call)
    s.repeats.clear()
    if by != ev.MODEL:  # it knows, by the result of its call
        _tell(s, told.taken_back(s, call, undone, stays), changes=True)


def _compensated(s: State, call: Call, by: str) -> None:
    """What a compensation took back is no effect any more, and nothing puts it in again."""
    call.status = "undone"
    s.undoing = [i for i in s.undoing if i != by]
    s.repeats.clear()
    _tell(s, say(s, "compensated", call=call.id, tool=call.name))


def _tell(s: State, text: str, changes: bool = False) -> None:
    """Tell the model what was taken back; an answer that could not know of it is not the last word."""
    note(s, text, changes)
    if s.status != "ended":
        ask_again(s)


def _put_step(s: State, call: Call) -> None:
    """Return the ended steps of a call the status of their last one that stands; without one: skipped, or failed."""
    for n in [n for n in call.serves if s.plan.step(n).status in ("done", "failed", "skipped")]:
        served = [c for c in s.calls.values() if n in c.serves]
        calls = [c for c in served if c.changes.names] or [c for c in served if c.ok]
        standing = [c for c in calls if c.status != "undone"]
        without = "skipped" if any(c.ok for c in calls) else "failed"
        well = standing and standing[-1].ok and n not in s.missed  # what a step expected is not compared anew
        s.plan = s.plan.put(n, status=without if not standing else "done" if well else "failed")


def _asked(s: State, e: Event, b: ev.QuestionAsked) -> None:
    s.questions[b.question] = {**{k: v for k, v in e.d.items() if k != "question"}, "since": e.at}
    if b.question == ev.REBUILD:  # it holds all else, so it comes first
        s.questions = {ev.REBUILD: s.questions.pop(ev.REBUILD), **s.questions}
    if (call := s.calls.get(b.question)) is not None:
        call.status, call.digest = "asked", b.digest or ""
        call.arguments = b.arguments if b.arguments is not None else call.arguments
    elif b.question.startswith("plan:"):
        s.plan_status = "asked"


def _escalated(s: State, e: Event, b: ev.QuestionEscalated) -> None:
    question = s.questions[b.question]
    for gone in ("due", "escalate"):
        question.pop(gone, None)
    question |= {k: v for k, v in e.d.items() if k in ("approvers", "until", "then")}


def _answered(s: State, e: Event, b: ev.QuestionAnswered) -> None:
    asked = s.questions.pop(b.question, None)
    if b.question == ev.REBUILD:
        heap_decided(s, again=b.text == AGAIN)
        return
    s.told.append((b.by, b.text))
    s.repeats.clear()
    note_delay(s, asked, b.by, f"answered {b.question}", e.at)
    call = s.calls.get(b.question)
    if call is not None and call.status == "asked":
        call.ok = True
        s.effects.append(call.id)
        close(s, call, "done", e, result=b.text)
