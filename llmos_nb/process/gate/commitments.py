"""What a process committed to do outside: which acts stand, and of which calls they speak.

No word of the user's is a permission. On a card the gate says which arguments stand in the user's words, as a hint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmos_nb.journal.events import LabelChanged
from llmos_nb.policy import CONTEXT, labels
from llmos_nb.process.gate.labels import exposed
from llmos_nb.process.run import Run
from llmos_nb.process.state.acts import Commitment
from llmos_nb.process.state.state import State
from llmos_nb.tools import Call, Tool

_PASTED = 16  # characters of a text that stands in a goal by more than chance


def words(run: Run) -> str:
    """Return everything that people said to the process, without what they put in of a variable that is untrusted."""
    said = "\n".join([run.state.words or run.state.goal, *(text for by, text in run.state.told if by.is_person)])
    names = run.namespace or {}
    pasted = (names.get(n) for n in labels.marked(run.state.labels) if labels.of((n,), run.state.labels).untrusted)
    for text in (v for v in pasted if isinstance(v, str) and len(v) >= _PASTED):
        said = said.replace(text, " ")
    return said


def by_person(s: State) -> bool:
    """Return whether the plan that stands was approved by a person, rather than by a mode."""
    return s.plan_status == "approved" and s.plan_by.is_person


# acts


def standing(s: State) -> dict[int, Commitment]:
    """Return the acts that stand, by number: those given to begin with, and those of the plan that was approved."""
    approved = s.plan_status == "approved"
    return {n: a for n, a in list(s.acts.items()) if a.open and (approved or not a.step)}


def binds(s: State, tool: Tool) -> bool:
    """Return whether a call of a tool must fit an act: the process is closed, and what it does leaves the folder."""
    return s.closed and tool.outward and not (tool.effect == "write" and not tool.handed_over)


# where arguments come from, in words


def origins(run: Run, arguments: Mapping[str, Any]) -> dict[str, str]:
    """Say of each argument where it comes from, for a person who is asked."""
    if not (exposed(run) or run.state.closed):
        return {}
    said = words(run)
    return {n: _origin(run, v, said) for n, v in arguments.items() if v not in (None, "", [], {})}


def _origin(run: Run, value: Any, said: str) -> str:
    values = [v for v in _each(value) if v not in (None, "")]
    if values and all(_stands_in(v, said) for v in values):
        return "the model"  # what was said of it there, as "never to ann@x.org", nobody has read
    seen = next((c for c in reversed(run.state.surviving) if any(_stands_in(v, c.result) for v in values)), None)
    if seen is None:
        return "the model’s own words"
    return f"from {seen.id}, `{seen.name}`" + (", which others wrote" if others(run, seen) else "")


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]


def _stands_in(value: Any, text: str) -> bool:
    from llmos_nb.policy.commitments import said  # for a person who is asked

    return len(str(value).strip()) > 1 and said(value, text)


def others(run: Run, call: Call) -> bool:
    """Return whether somebody else may have written what a call gave."""
    bodies = (e.body for e in run.journal.events)
    labelled = [b.why for b in bodies if isinstance(b, LabelChanged) and b.name == CONTEXT and "untrusted" in b.label]
    rose = any(why.startswith(f"{call.id}:") for why in labelled)
    return rose or (call.name in run.tools and run.tools[call.name].source == "untrusted")
