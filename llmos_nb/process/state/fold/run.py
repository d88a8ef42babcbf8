"""What the events of the run and its messages do to the state."""

from __future__ import annotations

from collections import Counter
from typing import cast

from llmos_nb.journal import Event, events as ev
from llmos_nb.messages import Message, Part, ToolCall
from llmos_nb.policy import Budget, Mode, labels, parse_rule
from llmos_nb.process.state import acts, prompts
from llmos_nb.process.state.context import Context
from llmos_nb.process.state.fold.plan import settle_plan
from llmos_nb.process.state.news import ask_again, flush_notes, note
from llmos_nb.process.state.state import State, say

FAILED = 12  # expressions that are told to the model when they gave nothing
MAX_CHECK_FAILS = {"grounded": 1}  # a check that former versions made


def fold_run(s: State, e: Event) -> None:  # noqa: C901 - one a kind
    """Take in what happened to the run as a whole."""
    match e.body:
        case ev.RunStarted() as b:
            s.version = b.version
            _forked(s, b) if b.parent and "at" in b.parent else _started(s, b)
        case ev.PolicyLoaded() as b:
            s.tools, s.mode = dict(b.tools), cast("Mode", b.mode or s.mode)
            s.reads, s.in_turn = list(b.reads or ()), list(b.in_turn or ())
            s.rules = [parse_rule(r) for r in b.rules]
            s.requester, s.approval = b.requester, b.approval
        case ev.PolicyChanged() as b:
            _rule(s, b)
        case ev.ToolsChanged() as b:
            _tools(s, b)
        case ev.SignalReceived() as b:
            _signal(s, b)
        case ev.CheckFinished() as b:
            _checked(s, b)
        case ev.AnswerComputed() as b:
            _computed(s, b)
        case ev.LabelChanged() as b:
            _label(s, e, b)
        case ev.OutputsDeclared() as b:
            s.outputs = b.outputs
            note(s, say(s, "outputs", names=", ".join(": ".join(o) for o in s.outputs)))
        case ev.RunPaused() as b:
            s.status, s.why, s.pause_wanted = "paused", b.why, False
        case ev.RunResumed() as b:
            _resumed(s, b)
        case ev.RunEnded() as b:
            s.status, s.reason, s.detail, s.answer = "ended", b.reason, b.detail, b.answer
            s.heard = len(s.told)
            s.todo = "answer" if b.reason == "answered" else s.todo  # former versions answered whatever was said
            settle_plan(s, b.reason)
            s.questions = {k: q for k, q in s.questions.items() if k in s.undoing}


def _started(s: State, b: ev.RunStarted) -> None:
    s.goal, s.name, s.pid, s.model, s.parent = b.goal, b.name, b.pid, b.model, b.parent
    s.mode, s.planning = cast("Mode", b.mode or "risky"), b.plan or "auto"
    s.servers, s.quarantine, s.words = b.servers or "", b.quarantine, b.words or ""
    s.check, s.prompts, s.outside = b.check or "", dict(b.prompts or {}), b.outside
    s.budget, s.remembers = Budget(dict(b.budget)), bool(b.remembers)
    s.acts, s.delegate = acts.given(b.acts) if b.acts else {}, b.delegate or "ask"
    s.closed = bool(b.closed or s.acts)
    s.context = Context(tuple(map(_message, b.head or ())), b.window_bytes or 16_384)
    s.context.heading = say(s, "earlier_work")


def _forked(s: State, b: ev.RunStarted) -> None:
    """Go on from what was folded of the parent, with nothing of it under way."""
    s.pid, s.parent, s.status, s.reason, s.detail, s.answer = b.pid, b.parent, "running", "", "", None
    s.ending, s.request, s.failures, s.pause_wanted = None, 0, 0, False
    s.children = {}  # they are the parent's
    s.connected = False
    s.todo = s.todo or "ask"


def _message(raw: ev.HeadMessage) -> Message:
    calls = tuple(ToolCall(c["name"], c["arguments"], c.get("id", "")) for c in raw.get("calls", ()))
    parts = tuple(Part(p["kind"], p["text"], p["mime"], bytes.fromhex(p["data"])) for p in raw.get("parts", ()))
    return Message(raw["role"], raw["text"], calls, raw.get("call", ""), parts)


def _rule(s: State, b: ev.PolicyChanged) -> None:
    if (gone := b.revoke) is not None:
        s.rules = [r for i, r in enumerate(s.rules) if i != gone]
        s.rules_used = Counter({i - (i > gone): n for i, n in s.rules_used.items() if i != gone})
    else:
        s.rules = [parse_rule(b.rule), *s.rules]
        s.rules_used = Counter({i + 1: n for i, n in s.rules_used.items()})


def _tools(s: State, b: ev.ToolsChanged) -> None:
    new, altered, gone = b.added or {}, b.altered or {}, b.gone or []
    s.connected = s.connected or b.connected
    s.tools |= b.digests or {}
    kept_reads = [n for n in s.reads if n not in (*new, *altered, *gone)]
    s.reads = list(dict.fromkeys([*kept_reads, *(b.reads or ())]))
    s.served |= {**new, **altered}
    for name in gone:
        s.tools.pop(name, None)
        s.served.pop(name, None)
    kept = [n for n in s.altered if n not in (*gone, *b.accepted)]
    s.altered = list(dict.fromkeys([*kept, *altered]))
    if s.requests and (new or altered or gone):
        note(s, prompts.tools_changed(s, new, altered, gone))


def _resumed(s: State, b: ev.RunResumed) -> None:
    if b.epoch != s.epoch:
        s.again = []  # nobody knows how far it came: it is asked anew
        s.questions = {k: q for k, q in s.questions.items() if q["kind"] != "effect"}  # nothing is held any more
    if s.reason in ev.FURTHER:
        _further(s)
    s.status, s.epoch, s.why, s.pause_wanted = "running", b.epoch, "", False
    s.reason, s.detail, s.ending, s.failures, s.request = "", "", None, 0, 0
    s.failed_kinds.clear()
    s.connected = False
    if s.turn is None:
        flush_notes(s, ())
    s.todo = s.todo or ("ask" if s.turn is None else "")  # else the end of the turn says what comes
    s.planning = "auto" if s.planning == "only" else s.planning


def _further(s: State) -> None:
    """Begin another turn: what was answered stands beside it, and none of its checks counts for the next answer."""
    if s.answer:
        asked = [text for _, text in s.told[s.heard :]]  # what was said while it ran heads no turn
        s.former.append({"answer": s.answer, "then": "\n".join(asked)})
    s.answer, s.candidate, s.partial, s.checks, s.computed, s.unfilled = None, "", "", {}, None, []
    s.check_fails.clear()
    s.nudges.clear()


def _signal(s: State, b: ev.SignalReceived) -> None:
    match b:
        case ev.SignalReceived(signal="pause" | "resume"):
            s.pause_wanted = b.signal == "pause"
        case ev.SignalReceived(signal="steer", text=str(text)):
            s.repeats.clear()
            s.told.append((b.by, text))
            note(s, say(s, "steer", text=text))
            ask_again(s)
        case ev.SignalReceived(signal="approve_step", step=int(step)):
            s.preapproved.append(step)
        case ev.SignalReceived(signal="nice", value=int(value)):
            s.nice = value
        case ev.SignalReceived(signal="budget", amounts=dict(amounts)):
            s.budget, s.warned = s.budget.plus(Budget(amounts)), False


def _checked(s: State, b: ev.CheckFinished) -> None:
    s.checks[b.check] = {"held": b.held, "detail": b.detail}
    if b.held:
        return
    s.check_fails[b.check] += 1
    if s.check_fails[b.check] > MAX_CHECK_FAILS.get(b.check, 2):
        s.ending = ("unverified", b.detail)
        return
    note(s, prompts.check_failed(s, b.check, b.detail))
    s.todo = "ask"


def _computed(s: State, b: ev.AnswerComputed) -> None:
    """Take the values in; what fails is told to the model once, and stands in the answer as its code."""
    s.candidate, s.computed, s.unfilled = b.answer, b.values, list(b.errors)
    s.computed_over = [c.id for c in s.surviving]
    if b.errors and not s.nudges["expression"]:
        s.nudges["expression"] += 1
        note(s, say(s, "not_computed", errors=_few(b.errors)))
        s.todo = "ask"


def _few(errors: list[str]) -> str:
    """Name the first of them: the model mends the others by their example."""
    more = f"; and {len(errors) - FAILED} more" if len(errors) > FAILED else ""
    return "; ".join(errors[:FAILED]) + more


def _label(s: State, e: Event, b: ev.LabelChanged) -> None:
    s.labels[b.name] = b.label
    if b.name == labels.CONTEXT and labels.parse(b.label).untrusted:
        s.untrusted_since = s.untrusted_since or b.why


# messages


def fold_messages(s: State, e: Event) -> None:
    """Take in what was sent, what arrived in the mailbox, and what is waited for."""
    match e.body:
        case ev.MessageSent() as b:
            s.posted[b.id] = b.to
        case ev.MessageArrived() as b if b.id not in s.arrived:
            _arrived(s, b)
        case ev.MessageAwaited() as b:
            s.awaited[b.wait] = {**{k: v for k, v in e.d.items() if k != "wait"}, "since": e.at}
            if b.wait in s.calls:
                s.calls[b.wait].status = "waits"
        case ev.MessageReady(wait=key):
            s.awaited.pop(key, None)
            if key in s.calls:
                s.calls[key].status = "approved"


def _arrived(s: State, b: ev.MessageArrived) -> None:
    """Put it into the mailbox; what came through a pipe is told at once, since the process began with it."""
    s.arrived[b.id] = b.sender
    if b.pipe:
        s.awaited.pop(b.pipe, None)
        s.piped.append({"from": b.sender, "name": b.name, "text": b.text})
        note(s, prompts.piped(s, b.name, b.text, b.label))
        ask_again(s)
    else:
        s.mailbox[b.id] = {"from": b.sender, "name": b.name, "label": b.label, "text": b.text, "size": b.size}
