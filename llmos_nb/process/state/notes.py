"""What stays in the prompt of work that left it: what the record knows for sure, and what the model noted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from llmos_nb.process.state import prompts
from llmos_nb.process.state.context import Group
from llmos_nb.process.state.state import CONTROL, State
from llmos_nb.tools import Call

TITLE, RESULT, SAID, NOTED = 80, 120, 600, 4_096  # characters of each


def of_page(s: State, gone: Iterable[Group]) -> list[str]:
    """Return the lines of a page: what people said, and each call with its title and one line of what it gave.

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
        if message.role == "user" and message.text.startswith(prompts.steer("")):
            yield f"- {_cut(message.text, SAID)}"
        for wire in message.calls:
            call = s.calls.get(wire.id)
            if call is not None and call.name not in CONTROL:
                yield f"- {call.id} {_cut(_title(call), TITLE)} -> {_cut(_outcome(call), RESULT)}"


def noted(groups: Iterable[Group]) -> str:
    """Return what the model wrote when it was asked for notes the last time; empty where it was not asked."""
    messages = [m for g in groups for m in g.messages]
    asked = (b for a, b in pairwise(messages) if a.text == prompts.COMPACTED and b.role == "assistant")
    return "".join(m.text.strip()[:NOTED] for m in asked if m.text.strip())


def known(s: State, kinds: Mapping[str, str]) -> list[str]:
    """Return what holds now: variables with their types, the plan, decisions of people, what is open.

    Parameters
    ----------
    s : State
        The process.
    kinds : mapping
        Type by name of each variable that it made.
    """
    lines = [f"Variables made: {', '.join(f'{n}: {k}' for n, k in kinds.items())}."] if kinds else []
    done = [f"{p.n}. {p.title}" for p in s.plan.steps if p.status == "done"]
    if s.plan.steps and s.plan_status == "approved":
        lines.append(f"Plan, done: {'; '.join(done) or 'nothing yet'}. Open:\n{prompts.plan_lines(s.plan)}")
    lines += [
        f"- {c.id}: {c.status} by {prompts.who(c.by)}{f': {c.why}' if c.why else ''}" for c in _decided(s)
    ]
    lines += [f"Open question: {q.get('text', '')}" for q in s.questions.values()]
    return lines


def _decided(s: State) -> Iterator[Call]:
    """Yield the calls that a person rejected, skipped or changed."""
    for call in s.calls.values():
        if call.by == "you" and (call.status in ("rejected", "skipped") or call.original is not None):
            yield call


def _title(call: Call) -> str:
    """Return what a call is about: its code's first comment or line, or its arguments."""
    given = call.arguments if isinstance(call.arguments, dict) else {}
    code = str(given["code"]).strip() if "code" in given else ""
    if code:
        first = code.splitlines()[0]
        return f"{call.name}: {first.lstrip('# ').strip() if first.startswith('#') else first}"
    return f"{call.name}({', '.join(f'{k}={v!r}' for k, v in given.items())})"


def _outcome(call: Call) -> str:
    if "handle" in call.facts:  # what others wrote, which the model is not shown
        return "shown by handle"
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
