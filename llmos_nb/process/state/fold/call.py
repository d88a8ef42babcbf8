"""What the events of calls do to the state: decided, started, finished, in doubt, undone, asked, answered."""

from __future__ import annotations

from llmos_nb.journal import Event, canonical
from llmos_nb.messages import Message, Part
from llmos_nb.process.state import prompts
from llmos_nb.process.state.context import RECALL
from llmos_nb.process.state.fold.registry import flush_notes, note, on
from llmos_nb.process.state.state import CONTROL, State
from llmos_nb.tools import NAME_CHANGES, Call, shown


@on("call.decided")
def _decided(s: State, e: Event) -> None:
    call, what = s.calls[e.d["call"]], e.d["what"]
    call.by, call.why, call.digest = e.d["by"], e.d["why"], e.d["digest"]
    s.questions.pop(call.id, None)
    s.awaited.pop(call.id, None)
    if what == "edit":
        call.original = call.original if call.original is not None else call.arguments
        call.arguments, call.status = e.d["arguments"], "proposed"
    elif what == "approve":
        call.status = "approved"
        call.arguments = e.d.get("arguments", call.arguments)
        _count_grant(s, call)
    else:
        text = prompts.refused(what, e.d["by"], e.d["why"])
        close(s, call, "skipped" if what == "skip" else "rejected", e, result=text)


def _count_grant(s: State, call: Call, by: int = 1) -> None:
    """Count that a decision used what the plan or a rule grants; ``by=-1`` where the call did not begin."""
    if call.by == "plan":
        s.envelope_used[call.name] += by
    elif call.by == "you" and call.step in s.preapproved:
        s.preapproved.remove(call.step)
    elif call.by.startswith("rule:"):
        s.rules_used[int(call.by[5:]) - 1] += by


@on("call.started")
def _call_started(s: State, e: Event) -> None:
    call = s.calls[e.d["call"]]
    call.status, call.key, call.started = "running", e.d["key"], e.at
    if e.d.get("undo"):
        call.facts["undo"] = True
    s.spent["calls"] = s.spent.get("calls", 0) + 1


@on("call.finished")
def _call_finished(s: State, e: Event) -> None:
    d, call = e.d, s.calls[e.d["call"]]
    call.ok, call.size, call.error = d["ok"], d["size"], d.get("error", "")
    call.images, call.facts = d.get("images", []), {**call.facts, **d.get("facts", {})}
    if "handle" in call.facts:
        s.handled, s.exposed_at = True, e.n if s.exposed_at < 0 else s.exposed_at
    s.questions.pop(call.id, None)
    s.awaited.pop(call.id, None)
    if s.mailbox.pop(call.facts.get("message", ""), None) is not None:
        s.repeats.clear()  # another message is something new, though the call that took it is the same
    if d["ok"] and not call.undoes:
        s.effects.append(call.id)
        _count_new(s, call)
    if call.name == "final_answer" and d["ok"]:
        s.checks, s.candidate = {}, d["result"]
    close(s, call, "done" if d["ok"] else "failed", e, result=d["result"], ended=e.at)


def _count_new(s: State, call: Call) -> None:
    """A call that was not made before is something new: identical ones are counted afresh."""
    key = repeat_key(call)
    if key not in s.repeats:
        s.repeats.clear()
    s.repeats[key] += 1


def repeat_key(call: Call) -> str:
    """Name a call by what it does, to find identical ones."""
    return canonical([call.name, call.arguments])


def close(s: State, call: Call, status: str, e: Event, result: str, ended: str = "") -> None:
    """Close a call; when its turn has no open call left, the results enter the prompt in call order."""
    call.status, call.result, call.ended = status, result, ended or e.at
    if call.undoes and status != "done":
        s.undoing.remove(call.id)
    if call.name not in s.reads:
        _judge_anew(s)
    if status in ("failed", "rejected") and call.name not in CONTROL:
        s.repeats[repeat_key(call)] += 1
    turn = s.turn
    if turn is None or call.id not in turn.calls or s.open_calls:
        return
    s.turn = None
    results = tuple(_result_message(s.calls[i]) for i in turn.calls)
    short = (s.calls[i] for i in turn.calls if "handle" not in s.calls[i].facts)
    whole = {c.id: c.result for c in short if _seen(c) != c.result}
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
        if call.status == "approved" and call.by != "you":
            call.status = "proposed"
            _count_grant(s, call, -1)


def _result_message(call: Call) -> Message:
    parts = tuple(
        Part("image", i.get("text", ""), i["mime"], bytes.fromhex(i["data"]))
        for i in call.images
        if "data" in i and "handle" not in call.facts
    )
    return Message("tool", prompts.result(call, _seen(call)), call=call.id, parts=parts)


def _seen(call: Call) -> str:
    """Return what the model sees of a result; what it recalled it sees word for word."""
    if "handle" in call.facts:
        return prompts.by_handle(call)
    return call.result if call.name == RECALL else shown(call.id, call.result, call.size)


@on("call.in_doubt")
def _in_doubt(s: State, e: Event) -> None:
    call = s.calls[e.d["call"]]
    call.status = "in_doubt"
    s.questions[call.id] = {"kind": "doubt", "text": e.d.get("why") or prompts.in_doubt(call)}


@on("call.resolved")
def _resolved(s: State, e: Event) -> None:
    call = s.calls[e.d["call"]]
    s.questions.pop(call.id, None)
    if e.d["done"]:
        call.ok = True
        s.effects += [] if call.undoes else [call.id]
        close(s, call, "done", e, result=prompts.confirmed(e.d["by"]))
    else:
        call.status = "approved"


@on("names.changed")
def _names(s: State, e: Event) -> None:
    changes = {k: v for k, v in e.d.items() if k != "call"}
    if e.d["call"] in s.calls:
        s.calls[e.d["call"]].changes = changes
    for kind in NAME_CHANGES:
        s.versions.update(e.d[kind])
    if any(e.d[k] for k in NAME_CHANGES):
        s.repeats.clear()


@on("call.undone", "call.redone")
def _undone(s: State, e: Event) -> None:
    call = s.calls[e.d["call"]]
    undone = e.k == "call.undone"
    if "compensation" in e.d:
        _compensated(s, call, e.d["compensation"])
        return
    call.status = "undone" if undone else "done" if call.ok else "failed"
    _judge_anew(s)
    s.undone = [i for i in s.undone if i != call.id] + ([call.id] if undone else [])
    for kind in NAME_CHANGES:
        s.versions.update(call.changes.get(kind, ()))
    _put_step(s, call)
    s.repeats.clear()
    note(s, prompts.undone(call, undone, e.d.get("stays", ())))


def _compensated(s: State, call: Call, by: str) -> None:
    """What a compensation took back is no effect any more, and nothing puts it in again."""
    call.status = "undone"
    s.undoing = [i for i in s.undoing if i != by]
    s.repeats.clear()
    note(s, prompts.compensated(call))


@on("undo.proposed")
def _undo_proposed(s: State, e: Event) -> None:
    undone = s.calls[e.d["undoes"]]
    call = Call(e.d["call"], e.d["name"], e.d["arguments"], undone.step, undoes=undone.id)
    s.calls[call.id] = call
    s.undoing.append(call.id)


def _put_step(s: State, call: Call) -> None:
    """Return an ended step the status of its last call that stands; where none does, it was skipped, or failed."""
    if not call.step or s.plan.step(call.step).status not in ("done", "failed", "skipped"):
        return
    calls = [c for c in s.calls.values() if c.step == call.step and any(c.changes.get(k) for k in NAME_CHANGES)]
    standing = [c for c in calls if c.status != "undone"]
    if standing:
        status = "done" if standing[-1].ok else "failed"
    else:
        status = "skipped" if any(c.ok for c in calls) else "failed"
    s.plan = s.plan.put(call.step, status=status)


@on("question.asked")
def _asked(s: State, e: Event) -> None:
    key = e.d["question"]
    s.questions[key] = {k: v for k, v in e.d.items() if k != "question"}
    if key in s.calls:
        s.calls[key].status = "asked"
        s.calls[key].digest = e.d.get("digest", "")
    elif key.startswith("plan:"):
        s.plan_status = "asked"


@on("question.due")
def _due(s: State, e: Event) -> None:
    if e.d["question"] in s.questions:
        s.questions[e.d["question"]]["due"] = True


@on("question.escalated")
def _escalated(s: State, e: Event) -> None:
    question = s.questions[e.d["question"]]
    for gone in ("due", "escalate"):
        question.pop(gone, None)
    question |= {k: e.d[k] for k in ("approvers", "until", "then") if k in e.d}


@on("question.answered")
def _question_answered(s: State, e: Event) -> None:
    s.questions.pop(e.d["question"], None)
    s.told.append((e.d.get("by", ""), e.d["text"]))
    s.repeats.clear()
    call = s.calls.get(e.d["question"])
    if call is not None and call.status == "asked":
        call.ok = True
        s.effects.append(call.id)
        close(s, call, "done", e, result=e.d["text"])
