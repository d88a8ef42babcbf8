"""What a pending call would do: its arguments and where they come from, the names that it reads and writes."""

from __future__ import annotations

from collections.abc import Mapping

from llmos_nb.policy import in_advance, until_words, who_words
from llmos_nb.process.state import Commitment, State
from llmos_nb.tools import Call
from llmos_nb.views.contract import Argument, Button, Card, Table, Words
from llmos_nb.views.panel.acts import NO_ACT, commits, may_do, planned, promise
from llmos_nb.views.panel.calls import edited_lines
from llmos_nb.views.panel.danger import Question, put_in
from llmos_nb.views.panel.held import at_its_line, held
from llmos_nb.views.wording import count, hidden, listed, marked, plain, ref, sentence, short, upper

APPROVE: Button = {"label": "Approve", "verb": "approve", "key": "A", "main": True}
EDIT: Button = {"label": "Edit", "verb": "edit", "key": "E"}
REJECT: Button = {"label": "Reject", "verb": "reject", "key": "R"}
MOST_BUT = 3  # buttons that leave one act out
SKIP: Button = {"label": "Skip", "verb": "skip", "key": "S"}


def arguments(s: State, call: Call, question: Question) -> list[Argument]:
    """Return the arguments as fields, each with its origin."""
    given = call.arguments if isinstance(call.arguments, dict) else {}
    return [{"name": n, "value": v, "origin": _origin(s, call, n, question)} for n, v in given.items()]


def _origin(s: State, call: Call, name: str, question: Question) -> Words:
    """Say where an argument comes from: recorded by the gate, typed by you, a step, or the model."""
    if name in question.get("origins", {}):
        return marked(str(question["origins"][name]))
    value = call.arguments[name] if isinstance(call.arguments, dict) else ""
    if isinstance(call.original, dict) and call.original.get(name) != value:
        return "typed by you"
    text = str(value).strip()
    seen = next((c for c in reversed(s.surviving) if len(text) > 1 and text in c.result), None)
    return [f"step {seen.step}, " if seen.step else "", ref(seen)] if seen else "the model"


def reads_writes(s: State, call: Call, question: Question) -> Table | None:
    """List what the call reads and writes, with before and after, and where each comes from."""
    both = {*question.get("reads", ())} & {*question.get("writes", ())}
    kept, absent = question.get("lent"), question.get("absent") or ()
    used = [("reads", n) for n in question.get("reads", ()) if n not in both]
    used += [("reads, writes" if n in both else "writes", n) for n in question.get("writes", ())]
    rows: list[list[Words | Button]] = [
        [how, [["`", name]], "–", "was not there when this was asked"]
        if name in absent
        else _touched(s, how, name, kept is not None and name not in kept)
        for how, name in used
    ]
    heads = ["access", "name", "before → after", "where it comes from"]
    return {"caption": "What this call reads and writes", "heads": heads, "rows": rows} if rows else None


def _touched(s: State, access: str, name: str, kept: bool) -> list[Words | Button]:
    """Return one row; `kept` says that the code does nothing with the name by which it could change."""
    made = next((c for c in reversed(s.surviving) if name in c.changes.written), None)
    change = "changed" if name in s.versions else "new or changed"
    if access == "reads":
        change = "no change seen" if kept else "–"  # what a call does with it is known when it has run
    origin = _made_by(made, access, name in s.versions)
    if label := s.labels.get(name):
        origin = [*([origin] if isinstance(origin, str) else origin), f", {label}"]
    return [access, [["`", name]], change, origin]


def _made_by(made: Call | None, access: str, known: bool) -> Words:
    if made is not None:
        return [f"step {made.step}, " if made.step else "", ref(made)]
    return "this call" if access == "writes" and not known else "not made by this process"


def unseen(call: Call) -> list[list[str]]:
    """Warn of characters that do not show, or that make the text read otherwise than it runs."""
    texts = call.arguments.values() if isinstance(call.arguments, dict) else [call.arguments]
    found = hidden("".join(t for t in texts if isinstance(t, str)))
    why = f"{listed(found)}: what runs may not be what you read"
    return [["hidden characters", why]] if found else []


def card(s: State, key: str = "") -> Card | None:
    """Return the card of an open question (the first where none is named), or None where nobody is asked."""
    key = key or next(iter(s.questions), "")
    if (question := s.questions.get(key)) is None:
        return None
    made = put_in(s, question, _KINDS.get(question.get("kind", ""), _approval)(s, key, question))
    side = f"1 of {count(len(s.questions), 'question')}"
    return {**made, "side": side} if len(s.questions) > 1 else made


def announced(made: Card) -> str:
    """Say a card in one line, for the live region."""
    buttons = [b for b in made.get("buttons", ()) if b.get("key", "") in ("A", "E", "R")]
    keys = [f"{b['key']} to {b['verb'].split('_')[0]}" for b in buttons]
    press = f" Press {', '.join(keys[:-1])} or {keys[-1]}." if len(keys) > 1 else ""
    if found := made.get("danger"):
        came = plain(found["came"])
        return f"Danger. {sentence(made['title'])} {came} Reject has the focus. The letter A does nothing."
    return f"Waiting for you. {sentence(made['title'])}{press}"


def wants(s: State, key: str, question: Question) -> str:
    """Say what is wanted: ``step 3 wants to replace a file``."""
    if key.startswith("plan:"):
        return f"a plan of {count(len([p for p in s.plan.steps if p.open]), 'step')}"
    call = s.calls.get(str(question.get("call") or key))
    step = f"step {call.step}" if call is not None and call.step else "it"
    what = question.get("title") or (f"call {call.name}" if call else "go on")
    doubt = f"whether {call.name if call else 'a call'} was done is not known"
    doubt = f"{step} was cut off" if call is not None and "lost" in call.facts else doubt
    said = {"question": f"{step} asks you something", "doubt": doubt}
    return said.get(question.get("kind", ""), f"{step} wants to {what}")


def below(s: State) -> Words:
    """Say that the cells below wait for this one, and how they would not."""
    how = f"With `--bg` in its first line they run meanwhile, `%agent approve {s.pid}` too."
    return marked(f"Cells below run when this one has ended: decide here, or in the sidebar. {how}")


# a plan


def _plan(s: State, key: str, question: Question) -> Card:
    why = sentence(question.get("text") or "It asks because the plan is to be approved first")
    why += _terms(question)
    cover = "Change the steps first if you like: the plan you approve is the one you see."
    acts = {n: a for n, a in s.acts.items() if a.open}
    if acts:
        cover += " Everything else that goes out will be asked."
    elif (told := promise(s, acts)) == NO_ACT:
        why += f" {told}"
    buttons: list[Button] = [{**APPROVE, "more": "the plan"}, *_all_but(acts), EDIT, REJECT]
    return {
        "title": "Approve the plan?",
        "why": why,
        "call": key,  # so that the version which was seen is what is approved
        "plan": planned(s, acts),
        "table": commits(acts) if acts else may_do(s),
        "buttons": buttons,
        "cover": cover,
    }


def _all_but(acts: Mapping[int, Commitment]) -> list[Button]:
    """Return a button for each act that others have a say in, and that is not all that the plan commits to."""
    loose = [n for n, a in acts.items() if a.kind != "bound"] if len(acts) > 1 else []
    return [{"label": f"Approve all but {n}", "verb": "approve", "data": {"without": [n]}} for n in loose[:MOST_BUT]]


# a call


def _approval(s: State, key: str, question: Question) -> Card:
    call = s.calls[key]
    why = sentence(question.get("text") or "It asks because this mode asks here")
    made: Card = {
        "title": upper(wants(s, key, question)),
        "why": marked(why + _missed(s) + _terms(question)),
        "call": key,
        "digest": call.digest or question.get("digest", ""),
        "buttons": _buttons(call, question),
        "cover": _cover(call, question),
    }
    if call.step:
        made["step"] = call.step
    risks = [*question.get("risks", ()), *unseen(call)]
    if len(risks) > 1 or not all(str(text) in why for _, text in risks):  # the sentence above may say it all
        made["risks"] = [(str(kind), marked(str(text))) for kind, text in risks]
    _what(s, call, question, made)
    table = reads_writes(s, call, question)
    return {**made, "table": table} if table is not None else made


def _missed(s: State) -> str:
    """Say of the step before the question that it was not as expected."""
    return f" Step {s.step} was not as expected: `{s.missed[s.step]}`." if s.step in s.missed else ""


def _terms(question: Question) -> str:
    """Say who must approve and until when it waits, where that is settled."""
    said = (who_words(question), f"It waits {words}" if (words := until_words(question)) else "")
    return "".join(f" {upper(sentence(s))}" for s in said if s)


def _what(s: State, call: Call, question: Question, made: Card) -> None:
    """Put the code, or the arguments as a form, into the card."""
    own: list[str | int] = ["`", call.id]  # no link: what it would lead to is this card
    if question.get("shows"):
        made |= {"code": str(question["shows"]), "lang": "diff", "cap": ["What would change"]}
    elif not call.code:
        made["args"] = arguments(s, call, question)
    elif not call.proposed:
        made |= {"code": call.code, "lang": "python", "cap": ["Python, written by the model in ", own]}
    else:
        cap: Words = [f"Python, {count(edited_lines(call), 'line')} changed by you since ", own]
        made |= {"code": call.code, "lang": "python", "model_code": call.proposed, "cap": cap}


def _buttons(call: Call, question: Question) -> list[Button]:
    if call.proposed:
        version = {"code" if isinstance(call.original, str) else "arguments": call.original}
        restore = {"restore": True, **version}
        first: list[Button] = [{**APPROVE, "more": "my version"}]
        first.append({"label": "Model’s version", "verb": "check_edit", "data": restore})
    else:
        first = [APPROVE]
        if has_rest(call, question):
            first.append({"label": "Approve the rest like this", "verb": "approve_rest", "key": "⇧ A"})
        elif has_same(call, question):
            first.append({"label": "Always for these arguments", "verb": "approve_same"})
    return [*first, *([] if question.get("shows") else [EDIT]), REJECT, SKIP]


def has_rest(call: Call, question: Question) -> bool:
    """Whether a rule can be stated for calls like this: not where one goes out, deletes, or bears no named risk."""
    return not _asked_anew(question) and in_advance(call.name, _risk_kinds(question))


def has_same(call: Call, question: Question) -> bool:
    """Whether a rule can be stated for this very call again: for one whose arguments say all that it does."""
    return not _asked_anew(question) and not call.code and isinstance(call.arguments, dict)


def _asked_anew(question: Question) -> bool:
    """Whether each such call is another one: a device asks each time, or shows what only this one would do."""
    return bool(question.get("each_time") or question.get("shows") or question.get("foreign"))


def _risk_kinds(question: Question) -> list[str]:
    return sorted({str(kind) for kind, _ in question.get("risks", ())})


def _cover(call: Call, question: Question) -> Words:
    digest = call.digest or question.get("digest", "")
    what = "this call" if call.code else "these arguments"
    bound: Words = [" (", ["`", f"{digest[:4]} {digest[4:6]}"], ")"] if digest else []
    once: Words = [f"Approve counts once, for exactly {what}", *bound, ". "]
    if call.proposed:
        return [*once, "The journal keeps both versions."]
    if call.code and not _risk_kinds(question):  # the mode asks, not a risk: there is nothing to be bound to
        return once
    if not has_rest(call, question) and has_same(call, question):
        same = f"“Always for these arguments” covers every further {call.name} call of this process with exactly these"
        return [*once, f"{same}; take it back under More, Rules."]
    if not has_rest(call, question):
        what = "Deletions" if "deletion" in _risk_kinds(question) else "Calls that go out"
        return [*once, f"{what} cannot be approved in advance."]
    kinds = ", ".join(_risk_kinds(question))
    rest = f"every further {call.name} call of this process that bears no other risk than {kinds}, in this folder"
    return [*once, f"“The rest like this” covers {rest}; take it back under More, Rules."]


# a question of the model's, and a call in doubt


def _question(s: State, key: str, question: Question) -> Card:
    call = s.calls.get(key)
    step = call.step if call is not None else 0
    made: Card = {
        "title": f"Step {step} asks you" if step else "It asks you",
        "why": "It asks because it cannot find this out itself. It reads your answer and goes on.",
        "question": str(question.get("text", "")),
        "call": key,
        "buttons": [],
    }
    return made | {"step": step} if step else made


DONE = ("It was done", "Its effects stand; go on without")  # the second where variables of it are lost


def _doubt(s: State, key: str, question: Question) -> Card:
    call = s.calls[key]
    cover = f"Run it again sends the same key ({short(call.key, 40)}), so a tool that knows keys does it once."
    if call.facts.get("watched"):
        cover = "Run it again runs all of its code anew: what it has done outside happens a second time."
    lost = bool(call.facts.get("lost"))
    made: Card = {
        "title": upper(wants(s, key, question)),
        "why": marked(sentence(question.get("text", ""))),
        "call": key,
        "buttons": [
            {"label": DONE[lost], "verb": "resolve", "main": True, "data": {"done": True}},
            {"label": "Run it again", "verb": "resolve", "data": {"done": False}},
        ],
        "cover": cover if call.key else "",
    }
    _what(s, call, question, made)
    return made


def _rebuild(s: State, key: str, question: Question) -> Card:
    return {
        "title": "The session was started anew",
        "why": marked(sentence(question.get("text", ""))),
        "call": key,
        "buttons": [
            {"label": "Go on without", "verb": "resolve", "main": True, "data": {"done": True}},
            {"label": "Run it again", "verb": "resolve", "data": {"done": False}},
        ],
    }


def _effect(s: State, key: str, question: Question) -> Card:
    call = s.calls[question["call"]]
    made = held(call, key, question, upper(wants(s, key, question)))
    _what(s, call, {}, made)
    return at_its_line(made)


_KINDS = {
    "plan": _plan, "approval": _approval, "question": _question, "doubt": _doubt, "rebuild": _rebuild,
    "effect": _effect,
}  # fmt: skip
