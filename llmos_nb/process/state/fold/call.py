"""What the events of calls do to the state: decided, started, finished, in doubt, undone, asked, answered.

What the model is told of a call stands at the end.
"""

from __future__ import annotations

from collections.abc import Iterable

from llmos_nb.journal import Event
from llmos_nb.journal.events import (
    CallDecided,
    CallFinished,
    CallInDoubt,
    CallRedone,
    CallResolved,
    CallStarted,
    CallUndone,
    NamesChanged,
    QuestionAnswered,
    QuestionAsked,
    QuestionDue,
    QuestionEscalated,
    UndoProposed,
)
from llmos_nb.messages import Message, Part, canonical
from llmos_nb.policy import APPROVER
from llmos_nb.process.state.context import RECALL
from llmos_nb.process.state.fold.heap import heap_decided
from llmos_nb.process.state.prompts import who
from llmos_nb.process.state.rebuild import AGAIN, REBUILD
from llmos_nb.process.state.state import CONTROL, State, flush_notes, note
from llmos_nb.tools import Call, shown


def fold_calls(s: State, e: Event) -> None:
    """Take in what happened to a call."""
    match e.body:
        case CallDecided() as b:
            _decided(s, e, b)
        case CallStarted() as b:
            _started(s, e, b)
        case CallFinished() as b:
            _finished(s, e, b)
        case NamesChanged() as b:
            _names(s, b)
        case CallInDoubt() as b:
            call = s.calls[b.call]
            call.status = "in_doubt"
            s.questions[call.id] = {"kind": "doubt", "text": b.why or _say_in_doubt(call), "since": e.at}
        case CallResolved() as b:
            _resolved(s, e, b)
        case CallUndone(compensation=by) as b if by:
            _compensated(s, s.calls[b.call], by)
        case CallUndone() | CallRedone() as b:
            _undone(s, b)
        case UndoProposed() as b:
            s.calls[b.call] = Call(b.call, b.name, b.arguments, s.calls[b.undoes].step, undoes=b.undoes)
            s.undoing.append(b.call)


def fold_questions(s: State, e: Event) -> None:
    """Take in what was asked and answered."""
    match e.body:
        case QuestionAsked() as b:
            _asked(s, e, b)
        case QuestionDue() as b if b.question in s.questions:
            s.questions[b.question]["due"] = True
        case QuestionEscalated() as b:
            _escalated(s, e, b)
        case QuestionAnswered() as b:
            _answered(s, e, b)


def _decided(s: State, e: Event, b: CallDecided) -> None:
    call = s.calls[b.call]
    call.by, call.why, call.digest = b.by, b.why, b.digest
    s.questions.pop(call.id, None)
    s.awaited.pop(call.id, None)
    if b.what in ("reject", "skip"):
        text = _say_refused(b.what, b.by, b.why)
        close(s, call, "skipped" if b.what == "skip" else "rejected", e, result=text)
        return
    if b.what == "edit":
        call.original = call.original if call.original is not None else call.arguments
        call.facts.pop("edited_by", None)
        if b.by.startswith(APPROVER):
            call.facts["edited_by"] = b.by
    call.arguments = b.arguments if b.arguments is not None else call.arguments
    call.status = "proposed" if b.what == "edit" else "approved"
    if b.what == "approve":
        _count_grant(s, call)


def _count_grant(s: State, call: Call, by: int = 1) -> None:
    """Count that a decision used what the plan or a rule grants; ``by=-1`` where the call did not begin."""
    if call.by == "plan":
        s.envelope_used[call.name] += by
    elif call.by == "you" and call.step in s.preapproved:
        s.preapproved.remove(call.step)
    elif call.by.startswith("rule:"):
        s.rules_used[int(call.by[5:]) - 1] += by


def _started(s: State, e: Event, b: CallStarted) -> None:
    call = s.calls[b.call]
    call.status, call.key, call.started = "running", b.key, e.at
    if b.undo:
        call.facts["undo"] = True
    if b.watched:
        call.facts["watched"] = True
    s.spent["calls"] = s.spent.get("calls", 0) + 1


def _finished(s: State, e: Event, b: CallFinished) -> None:
    call = s.calls[b.call]
    call.ok, call.size, call.error = b.ok, b.size, b.error
    call.images, call.facts = b.images, {**call.facts, **b.facts}
    if "handle" in call.facts:
        s.handled, s.exposed_at = True, e.n if s.exposed_at < 0 else s.exposed_at
    s.questions.pop(call.id, None)
    s.awaited.pop(call.id, None)
    if s.mailbox.pop(call.facts.get("message", ""), None) is not None:
        s.repeats.clear()  # another message is something new, though the call that took it is the same
    if b.ok and not call.undoes:
        s.effects.append(call.id)
        _count_new(s, call)
    if call.name == "final_answer" and b.ok:
        s.checks, s.candidate, s.computed = {}, b.result, None
    close(s, call, "done" if b.ok else "failed", e, result=b.result)


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
    if call.undoes and status != "done":
        s.undoing.remove(call.id)
    if call.name not in s.reads:
        _judge_anew(s)
    if call.by == "conflict" and status == "rejected":
        s.repeats.clear()  # somebody else changed something: the same call is a new one
    elif status in ("failed", "rejected") and call.name not in CONTROL:
        s.repeats[repeat_key(call)] += 1
    turn = s.turn
    if turn is None or call.id not in turn.calls or s.open_calls:
        return
    s.turn = None
    most = s.context.shown_bytes
    results = tuple(_result_message(s.calls[i], most) for i in turn.calls)
    short = (s.calls[i] for i in turn.calls if "handle" not in s.calls[i].facts)
    whole = {c.id: c.result for c in short if _seen(c, most) != c.result}
    flush_notes(s, (turn.message, *results), turn.first, whole)
    acted = any(s.calls[i].name not in CONTROL for i in turn.calls)
    s.todo = "integrate" if acted else "ask"
    if s.candidate and call.name == "final_answer":
        s.todo = "answer"


def _judge_anew(s: State) -> None:
    """Propose again what a mode, rule or plan let through and what has not begun: what it was judged by has changed.

    What a person approved is bound to what they saw, and looked at again when it starts.
    """
    for call in s.open_calls:
        if call.status == "approved" and call.by.startswith(("plan", "words", "mode:", "rule:")):
            call.status = "proposed"
            _count_grant(s, call, -1)


def _result_message(call: Call, most: int) -> Message:
    parts = tuple(
        Part("image", i.get("text", ""), i["mime"], bytes.fromhex(i["data"]))
        for i in call.images
        if "data" in i and "handle" not in call.facts
    )
    return Message("tool", _say_result(call, _seen(call, most)), call=call.id, parts=parts)


def _seen(call: Call, most: int) -> str:
    """Return what the model sees of a result, in at most so many bytes; what it recalled it sees word for word."""
    if "handle" in call.facts:
        return _say_handle(call)
    return call.result if call.name == RECALL else shown(call.id, call.result, call.size, most)


def _resolved(s: State, e: Event, b: CallResolved) -> None:
    call = s.calls[b.call]
    s.questions.pop(call.id, None)
    if b.done:
        call.ok = True
        s.effects += [] if call.undoes else [call.id]
        close(s, call, "done", e, result=_say_confirmed(b.by))
    else:
        call.status = "approved"


def _names(s: State, b: NamesChanged) -> None:
    if b.call in s.calls:
        s.calls[b.call].changes = b.changes
    s.versions.update(b.changes.names)
    for name in b.changes.names:
        s.lost.pop(name, None)
    if b.changes.names:
        s.repeats.clear()


def _undone(s: State, b: CallUndone | CallRedone) -> None:
    call = s.calls[b.call]
    undone, stays = isinstance(b, CallUndone), b.stays if isinstance(b, CallUndone) else []
    call.status = "undone" if undone else "done" if call.ok else "failed"
    _judge_anew(s)
    s.undone = [i for i in s.undone if i != call.id] + ([call.id] if undone else [])
    s.versions.update(call.changes.names)
    _put_step(s, call)
    s.repeats.clear()
    note(s, _say_undone(call, undone, stays))


def _compensated(s: State, call: Call, by: str) -> None:
    """What a compensation took back is no effect any more, and nothing puts it in again."""
    call.status = "undone"
    s.undoing = [i for i in s.undoing if i != by]
    s.repeats.clear()
    note(s, _say_compensated(call))


def _put_step(s: State, call: Call) -> None:
    """Return the ended steps of a call the status of their last one that stands; without one: skipped, or failed."""
    for n in call.serves:
        _put_one(s, n)


def _put_one(s: State, n: int) -> None:
    if s.plan.step(n).status not in ("done", "failed", "skipped"):
        return
    calls = [c for c in s.calls.values() if n in c.serves and c.changes.names]
    standing = [c for c in calls if c.status != "undone"]
    if standing:
        status = "done" if standing[-1].ok else "failed"
    else:
        status = "skipped" if any(c.ok for c in calls) else "failed"
    s.plan = s.plan.put(n, status=status)


def _asked(s: State, e: Event, b: QuestionAsked) -> None:
    s.questions[b.question] = {**{k: v for k, v in e.d.items() if k != "question"}, "since": e.at}
    if b.question == REBUILD:  # it holds all else, so it comes first
        s.questions = {REBUILD: s.questions.pop(REBUILD), **s.questions}
    if b.question in s.calls:
        s.calls[b.question].status = "asked"
        s.calls[b.question].digest = b.digest or ""
    elif b.question.startswith("plan:"):
        s.plan_status = "asked"


def _escalated(s: State, e: Event, b: QuestionEscalated) -> None:
    question = s.questions[b.question]
    for gone in ("due", "escalate"):
        question.pop(gone, None)
    question |= {k: v for k, v in e.d.items() if k in ("approvers", "until", "then")}


def _answered(s: State, e: Event, b: QuestionAnswered) -> None:
    s.questions.pop(b.question, None)
    if b.question == REBUILD:
        heap_decided(s, again=b.text == AGAIN)
        return
    s.told.append((b.by, b.text))
    s.repeats.clear()
    call = s.calls.get(b.question)
    if call is not None and call.status == "asked":
        call.ok = True
        s.effects.append(call.id)
        close(s, call, "done", e, result=b.text)


# what the model is told of a call


def _say_refused(what: str, by: str, why: str) -> str:
    """Say that a call did not run."""
    if by in ("schema", "repeat", "budget", "tools"):
        return f"Error: {why}"
    if by == "conflict":
        return f"Not run: {why}"
    verb = "skipped" if what == "skip" else "rejected"
    return f"Not run: {verb} by {who(by)}" + (f": {why}" if why else ".")


def _say_result(call: Call, text: str) -> str:
    """Return the result of a call as the model is shown it."""
    editor = "The approver" if "edited_by" in call.facts else "The user"
    edited = (
        "" if call.original is None or call.by == "schema" else f"({editor} edited this call before it ran.) "
    )
    if call.status == "failed":
        return f"Error: {edited}{text}"
    return edited + (text or "done, no output")


def _say_handle(call: Call) -> str:
    """Say of a result that others may have written that it is there."""
    handle, kind = call.facts["handle"], call.facts.get("kind", "text")
    error = f"{call.error} with " if call.error else ""
    variable = f" In Python it is the variable {handle}." if "variable" in call.facts else ""
    ask = f"read(handle={handle!r}, question=…, type=…) asks about it."
    return f"{error}{handle}: untrusted {kind}, {call.size:,} bytes, not shown.{variable} {ask}"


def _say_in_doubt(call: Call) -> str:
    """Ask whether a call that was under way when the process broke off took effect."""
    return f"{call.name} was under way when the process broke off; nobody knows whether it took effect."


def _say_confirmed(by: str) -> str:
    """Say that a call in doubt was done."""
    return f"It was done ({who(by)} confirmed it); its result is not known."


def _say_undone(call: Call, back: bool, stays: Iterable[str] = ()) -> str:
    """Say that a call's effects were taken back or put in again, and what could not be."""
    names = sorted(set(call.changes.names))
    what = f" ({', '.join(names)})" if names else ""
    verb, when = ("undid", "before") if back else ("redid", "after")
    rest = f", except for {', '.join(stays)}" if stays else ""
    return f"The user {verb} call {call.id}{what}. The namespace is as it was {when} it{rest}."


def _say_compensated(call: Call) -> str:
    """Say that what a call did outside was taken back."""
    return f"The user had call {call.id} ({call.name}) taken back; what it did outside is undone."
