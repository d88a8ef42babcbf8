"""What stays in the prompt of work that left it: what the record knows for sure, and what the model noted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, pairwise

from llmos_nb.messages import Message
from llmos_nb.process.state import prompts
from llmos_nb.process.state.context import Group
from llmos_nb.process.state.state import CONTROL, State, say
from llmos_nb.tools import Call

TITLE, RESULT, SAID, NOTED = 80, 120, 600, 4_096  # characters of each
ASK, MOST_SAID = "ask", 40
NOTES = "Notes:"


def of_page(s: State, gone: Iterable[Group]) -> list[str]:
    """Return the lines of a page: each call with its title and one line of what it gave.

    Parameters
    ----------
    s : State
        The process, before the groups leave.
    gone : iterable of Group
        What leaves.
    """
    return list(_lines(s, gone))


def _lines(s: State, gone: Iterable[Group]) -> Iterator[str]:
    for message in (m for g in gone for m in g.messages):
        for wire in message.calls:
            call = s.calls.get(wire.id)
            if call is not None and call.name not in CONTROL and not _answered(call):
                yield f"- {call.id} {_cut(_title(call), TITLE)} -> {_cut(_outcome(s, call), RESULT)}"


def _answered(call: Call) -> bool:
    return call.name == ASK and call.status == "done"


def take_words(s: State, gone: Iterable[Group]) -> None:
    """Keep what people and the model said in what leaves, word for word; that of people stays to the end."""
    found, own, spoken = s.context.said, s.context.own_words, say(s, "steer", text="\0").partition("\0")[0]
    for message in (m for g in gone for m in g.messages):
        if message.role == "user" and message.text.startswith(spoken):
            found.append(f"- {_cut(message.text, SAID)}")
        calls = [s.calls[c.id] for c in message.calls if c.id in s.calls]
        if calls and message.text.strip() and not message.text.startswith(NOTES):  # the rule asks for such words
            own.append(f"- {say(s, 'you_said', call=calls[0].id, text=_cut(message.text, SAID))}")
        found += [f"- {_cut(f'{_title(c)} -> {c.result}', SAID)}" for c in calls if _answered(c)]


def ask(s: State) -> None:
    """Ask the model for its notes, beside its next turn, unless it has just been asked."""
    text = s.context.own(say(s, "window_full"))
    if not s.context.window or s.context.window[-1].messages[-1].text != text:
        s.context.add((Message("user", text),), s.n, s.n)


def noted(s: State, groups: Iterable[Group]) -> str:
    """Return what the model wrote when it was asked for notes the last time; empty where it was not asked."""
    messages = [m for g in groups for m in g.messages]
    wanted = say(s, "window_full")
    asked = (b for a, b in pairwise(messages) if a.text == wanted and b.role == "assistant")
    return "".join(m.text.strip()[:NOTED] for m in asked if m.text.strip())


def known(s: State, kinds: Mapping[str, str]) -> list[str]:
    """Return what holds now: what people said, variables with their types, the plan, decisions, what is open.

    Parameters
    ----------
    s : State
        The process.
    kinds : mapping
        Type by name of each variable that it made, in any order: a journal keeps none.
    """
    lines = s.context.said[-MOST_SAID:] + _own(s)
    made = ", ".join(f"{n}: {k}" for n, k in sorted(kinds.items()))
    lines += [say(s, "known_variables", names=made)] if made else []
    done = [f"{p.n}. {p.title}" for p in s.plan.steps if p.status == "done"]
    if s.plan.steps and s.plan_status == "approved":
        ready = "; ".join(done) or say(s, "known_nothing")
        lines.append(say(s, "known_plan", done=ready, open=prompts.plan_lines(s, s.plan)))
    lines += [f"- {_decision(s, c)}" for c in _decided(s)]
    lines += [say(s, "known_question", text=q.get("text", "")) for q in s.questions.values()]
    return lines + ([say(s, "known_notes", text=s.noted)] if s.noted else [])


def _decision(s: State, call: Call) -> str:
    why = f": {call.why}" if call.why else ""
    return say(s, "known_decision", call=call.id, status=call.status, who=call.by.describe("the user"), why=why)


def _own(s: State) -> list[str]:
    """Return what the model said last beside its calls, as far as there is room."""
    found, room = s.context.own_words, min(NOTED, s.context.max_bytes // 8)
    kept = sum(size <= room for size in accumulate(len(x) for x in reversed(found)))
    return found[len(found) - kept :]


def _decided(s: State) -> Iterator[Call]:
    """Yield the calls that a person rejected, skipped or changed."""
    for call in s.calls.values():
        if call.by.is_person and (call.status in ("rejected", "skipped") or call.original is not None):
            yield call


def _title(call: Call) -> str:
    """Return what a call is about: the first telling line of its code, or its arguments."""
    given = call.arguments if isinstance(call.arguments, dict) else {}
    if first := call.subject:
        return f"{call.name}: {first.lstrip('# ').strip() if first.startswith('#') else first}"
    return f"{call.name}({', '.join(f'{k}={v!r}' for k, v in given.items())})"


def _outcome(s: State, call: Call) -> str:
    if "handle" in call.facts:  # what others wrote, which the model is not shown
        return say(s, "line_by_handle")
    if "private" in call.facts:
        return say(s, "line_private")
    lines = [line.strip() for line in call.result.splitlines() if line.strip()]
    if call.status == "failed":
        return say(s, "line_failed", text=lines[-1] if lines else call.error)
    said = lines[0][: RESULT - 24] if lines else say(s, "line_silent")
    more = say(s, "line_more", count=len(lines) - 1) if len(lines) > 1 else ""
    return (say(s, "line_undone", text=said) if call.status == "undone" else said) + more


def _cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
