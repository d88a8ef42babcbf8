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
YOU, NOTES = "- You said", "Notes:"


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
                yield f"- {call.id} {_cut(_title(call), TITLE)} -> {_cut(_outcome(call), RESULT)}"


def _answered(call: Call) -> bool:
    return call.name == ASK and call.status == "done"


def said(s: State, gone: Iterable[Group]) -> list[str]:
    """Return what people and the model said in what leaves, word for word; that of people stays to the end."""
    found, spoken = list[str](), say(s, "steer", text="\0").partition("\0")[0]
    for message in (m for g in gone for m in g.messages):
        if message.role == "user" and message.text.startswith(spoken):
            found.append(f"- {_cut(message.text, SAID)}")
        calls = [s.calls[c.id] for c in message.calls if c.id in s.calls]
        if calls and message.text.strip() and not message.text.startswith(NOTES):  # the rule asks for such words
            found.append(f"{YOU} with {calls[0].id}: {_cut(message.text, SAID)}")
        found += [f"- {_cut(f'{_title(c)} -> {c.result}', SAID)}" for c in calls if _answered(c)]
    return found


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
    lines = [x for x in s.context.said if not x.startswith(YOU)][-MOST_SAID:] + _own(s)
    lines += [f"Variables made: {', '.join(f'{n}: {k}' for n, k in sorted(kinds.items()))}."] if kinds else []
    done = [f"{p.n}. {p.title}" for p in s.plan.steps if p.status == "done"]
    if s.plan.steps and s.plan_status == "approved":
        lines.append(f"Plan, done: {'; '.join(done) or 'nothing yet'}. Open:\n{prompts.plan_lines(s, s.plan)}")
    lines += [
        f"- {c.id}: {c.status} by {c.by.describe('the user')}{f': {c.why}' if c.why else ''}" for c in _decided(s)
    ]
    lines += [f"Open question: {q.get('text', '')}" for q in s.questions.values()]
    return lines


def _own(s: State) -> list[str]:
    """Return what the model said last beside its calls, as far as there is room."""
    found, room = [x for x in s.context.said if x.startswith(YOU)], min(NOTED, s.context.max_bytes // 8)
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


def _outcome(call: Call) -> str:
    if "handle" in call.facts:  # what others wrote, which the model is not shown
        return "shown by handle"
    if "private" in call.facts:
        return "not shown, it is private"
    lines = [line.strip() for line in call.result.splitlines() if line.strip()]
    if call.status == "failed":
        return f"failed: {lines[-1] if lines else call.error}"
    said = lines[0] if lines else "no output"
    more = f" (+ {len(lines) - 1} lines)" if len(lines) > 1 else ""
    undone = "undone; it gave " if call.status == "undone" else ""
    return f"{undone}{said[: RESULT - 24]}{more}"


def _cut(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
