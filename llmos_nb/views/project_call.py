"""What a pending call would do: its arguments and where they come from, the names that it reads and writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmos_nb.state import Call, State
from llmos_nb.views.panel_state import Argument, Button, Table, Words
from llmos_nb.views.project_words import hidden, listed, marked, ref

Question = Mapping[str, Any]
"""What the gate recorded with the question; any key may be missing."""
_SECTIONS = ("created", "rebound", "mutated")


def arguments(s: State, call: Call, question: Question) -> list[Argument]:
    """Give the arguments as fields, each with its origin."""
    given = call.arguments if isinstance(call.arguments, dict) else {}
    schemas, sinks = question.get("schema", {}), question.get("sinks", ())
    made: list[Argument] = []
    for name, value in given.items():
        one: Argument = {"name": name, "value": value, "origin": _origin(s, call, name, question)}
        if name in schemas:
            one["schema"] = dict(schemas[name])
        if name in sinks:
            one["sink"] = "where it goes"
        made.append(one)
    return made


def _origin(s: State, call: Call, name: str, question: Question) -> Words:
    """Say where an argument comes from: recorded by the gate, typed by you, your goal, a step, or the model."""
    if name in question.get("origins", {}):
        return marked(str(question["origins"][name]))
    value = call.arguments[name] if isinstance(call.arguments, dict) else ""
    if isinstance(call.original, dict) and call.original.get(name) != value:
        return "typed by you"
    text = str(value).strip()
    if len(text) > 1 and re.search(rf"(?<!\w){re.escape(text)}(?!\w)", s.goal):
        return "your goal, word for word"
    seen = next((c for c in reversed(s.surviving) if len(text) > 1 and text in c.result), None)
    return [f"step {seen.step}, " if seen.step else "", ref(seen)] if seen else "the model"


def reads_writes(s: State, call: Call, question: Question) -> Table | None:
    """List what the call reads and writes, with before and after, and where each comes from."""
    rows = [
        _touched(s, call, access, raw) for access in ("reads", "writes") for raw in question.get(access, ())
    ]
    if not rows:
        return None
    heads = ["access", "name", "before → after", "where it comes from"]
    return {"caption": "What this call reads and writes", "heads": heads, "rows": rows}


def _touched(s: State, call: Call, access: str, raw: Any) -> list[Words | Button]:
    """Give one row; `raw` is a name, ``[name, change, origin]`` or a mapping of these."""
    if isinstance(raw, str):
        raw = [raw]
    known = (
        dict(raw) if isinstance(raw, Mapping) else dict(zip(("name", "change", "origin"), raw, strict=False))
    )
    name = str(known.get("name", ""))
    made = next(
        (c for c in reversed(s.surviving) if any(name in c.changes.get(k, ()) for k in _SECTIONS)), None
    )
    change = known.get("change") or _change(s, access, name)
    origin: Words = (
        marked(str(known["origin"])) if known.get("origin") else _made_by(made, access, name in s.versions)
    )
    if label := s.labels.get(name):
        origin = [*([origin] if isinstance(origin, str) else origin), f", {label}"]
    return [access, [["`", name]], change, origin]


def _change(s: State, access: str, name: str) -> str:
    if access == "reads":
        return "unchanged"
    return "changed" if name in s.versions else "new or changed"


def _made_by(made: Call | None, access: str, known: bool) -> Words:
    if made is not None:
        return [f"step {made.step}, " if made.step else "", ref(made)]
    return "this call" if access == "writes" and not known else "there before the process"


def unseen(call: Call) -> list[list[str]]:
    """Warn of characters that do not show, or that make the text read otherwise than it runs."""
    texts = call.arguments.values() if isinstance(call.arguments, dict) else [call.arguments]
    found = hidden("".join(t for t in texts if isinstance(t, str)))
    why = f"{listed(found)}: what runs may not be what you read"
    return [["hidden characters", why]] if found else []
