"""What the events of the model do to the state: attempts, answers, pages, money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llmos_nb.journal import Event, events as ev
from llmos_nb.messages import Extra, Message, ToolCall, canonical
from llmos_nb.process.state import notes, prompts
from llmos_nb.process.state.news import flush_notes, note
from llmos_nb.process.state.plan import Step
from llmos_nb.process.state.state import CONTROL, SERVES, Note, State, say
from llmos_nb.tools import Call, Turn

MAX_NUDGES = {"empty": 1, "length": 4, "cut": 3}


def fold_model(s: State, e: Event) -> None:
    """Take in what the model was asked and said, and what it cost."""
    match e.body:
        case ev.ModelRequested() as b:
            s.requests = s.request = b.request
            s.todo, s.retry_in_s = "", 0.0
            s.model, s.endpoint = b.model or s.model, s.endpoint if b.endpoint is None else b.endpoint
            s.small = b.small if b.model else s.small
        case ev.ModelFailed() as b:
            _failed(s, b)
        case ev.ModelResponded() as b:
            _responded(s, e, b)
        case ev.ContextPaged() as b:
            _paged(s, b)
        case ev.BudgetReserved(child=int(pid), amounts=amounts):
            s.children[pid] = dict(amounts)
        case ev.BudgetSettled() as b:
            if b.child is not None:
                s.children[b.child] = {}
            _settled(s, b.amounts)


def _paged(s: State, b: ev.ContextPaged) -> None:
    """Move the oldest messages to a page; but for a small window, notes of what is known for sure stay."""
    context, gone = s.context, s.context.going(b.groups, b.stay)
    s.shrink = False
    if context.small:
        context.evict(b.groups, b.stay, b.label)
        return
    s.noted = notes.noted(s, gone) or s.noted
    notes.take_words(s, gone)
    asked = context.asked == "answered"
    context.evict(b.groups, b.stay, b.label, notes.of_page(s, gone), "\n".join(notes.known(s, b.variables)))
    if not asked:  # there was no room for it before
        notes.ask(s)


def _failed(s: State, b: ev.ModelFailed) -> None:
    s.request, s.todo = 0, "ask"
    if s.turn is None:
        flush_notes(s, ())
    s.failures += 1
    s.failed_kinds[b.error_kind] += 1
    s.retry_in_s = b.retry_in_s or 0.0
    if b.shrink:
        s.shrink = True
    elif b.final:
        unfilled = f"{'; '.join(s.unfilled)}; told so, it gave no other answer: " if s.unfilled else ""
        unmet = s.candidate and not all(found["held"] for found in s.checks.values())
        s.ending = ("unverified" if unmet else "failed", f"{unfilled}{b.error}")


def _responded(s: State, e: Event, b: ev.ModelResponded) -> None:
    held, s.notes = (s.notes, []) if s.turn is None else ([], s.notes)
    asked = s.todo == "ask"  # somebody spoke while it was answering
    s.request, s.failures, s.responses = 0, 0, s.responses + 1
    s.context.asked = "answered" if s.context.asked else ""
    _settled(s, b.settled or {})
    s.notes += held  # what was said meanwhile stands behind the answer, which could not know it
    s.failed_kinds.clear()
    if b.finish == "refused":
        s.ending = ("refused", b.text or "the model refused")
    elif b.calls:
        named = ((f"r{s.responses}.{i}", c) for i, c in enumerate(b.calls))
        _begin_turn(s, e.n, b, [_call(i, c, e.n) for i, c in named])
    else:
        _text_only(s, b)
    if s.turn is None and s.notes:
        flush_notes(s, ())
        s.todo = "ask" if asked else s.todo


def _begin_turn(s: State, n: int, b: ev.ModelResponded, calls: Sequence[Call]) -> None:
    """Open a turn: all its calls must close before their results enter the prompt, in call order."""
    acts = [c for c in calls if c.name not in CONTROL]
    if acts:
        s.spent["steps"] = s.spent.get("steps", 0) + 1
    if not any(c.name == "plan" for c in calls):  # else they serve that plan, once it is approved
        serve(s, acts)
    s.calls.update((c.id, c) for c in calls)
    wire = tuple(ToolCall(c.name, raw["arguments"], c.id) for c, raw in zip(calls, b.calls, strict=True))
    s.turn = Turn(Message("assistant", b.text, wire, extra=_untouched(b)), [c.id for c in calls], n)
    s.partial, s.candidate = "", ""
    if b.cut:
        s.notes.append(Note(say(s, "cut")))


def _call(key: str, raw: ev.ProposedCall, n: int) -> Call:
    """Return a call as it will be judged: the argument that says which steps it serves stands beside the others."""
    given = raw["arguments"]
    if "step" not in raw or not isinstance(given, dict):
        return Call(key, raw["name"], given, facts={"n": n})
    given = {k: v for k, v in given.items() if k != SERVES}
    return Call(key, raw["name"], given, facts={"n": n, SERVES: raw["step"]})


def serve(s: State, acts: Sequence[Call]) -> None:
    """Begin the steps that calls say they serve; a call that names none that there is serves the first open one."""
    first = s.current.n if s.current and s.planned else 0
    known = [p.n for p in s.plan.steps if p.status != "replaced" and not _dropped(s, p)] if s.planned else []
    for call in acts:
        said = [n for n in call.facts.pop(SERVES, ()) if n in known]
        call.step, *call.also = said or [first]
    s.unread = list(dict.fromkeys(n for call in acts for n in call.serves))
    for n in s.unread:
        s.plan = s.plan.put(n, status="running")
    s.step = s.unread[-1] if s.unread else s.step


def _dropped(s: State, step: Step) -> bool:
    """Whether a step was rejected itself; where one of its calls was, that may be made otherwise."""
    return step.status == "rejected" and not any(step.n in c.serves for c in s.calls.values())


def _text_only(s: State, b: ev.ModelResponded) -> None:
    """An answer without calls: the final one, or one that was cut off, or nothing."""
    text = b.text
    if b.cut:
        _nudge(s, "cut", say(s, "cut"), ("truncated", "a call was cut off again and again"), text)
    elif b.finish == "length" and text:
        s.partial += text
        _nudge(s, "length", say(s, "go_on"), ("truncated", "the answer was cut off again and again"), text)
    elif not (s.partial + text).strip():
        _nudge(s, "empty", say(s, "empty"), ("empty", "the model said nothing, twice"), text)
    else:
        offer_answer(s, s.partial + text, text, _untouched(b))


def _untouched(b: ev.ModelResponded) -> Extra | None:
    """Return what goes back to the provider, unless a secret was taken out of it: no signature fits it then."""
    return b.extra if b.extra and "<secret " not in b.text + canonical(b.extra) else None


def offer_answer(s: State, answer: str, said: str, extra: Extra | None = None) -> None:
    """Take a text as the candidate for the answer; its checks run next."""
    s.candidate, s.partial, s.checks, s.todo = answer, "", {}, "answer"
    s.computed, s.unfilled = None, []
    s.context.add((Message("assistant", said, extra=extra),), s.n, s.n)


def _nudge(s: State, kind: str, text: str, end: tuple[ev.Reason, str], said: str) -> None:
    s.nudges[kind] += 1
    s.todo = "ask"
    if s.nudges[kind] > MAX_NUDGES[kind]:
        s.ending = end
        s.answer = s.partial or None
        return
    said_first = (Message("assistant", said),) if said else ()
    s.context.add((*said_first, Message("user", text)), s.n, s.n)


def _settled(s: State, amounts: Mapping[str, float]) -> None:
    for unit, amount in amounts.items():
        s.spent[unit] = s.spent.get(unit, 0) + amount
    near = s.budget.near(s.spent)
    if near and not s.warned:
        s.warned = True
        note(s, prompts.budget_near(s, near))
