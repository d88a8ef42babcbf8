"""Values that others wrote, and that decide where a call goes: a person who is asked is shown them as such."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from llmos_nb.policy.commitments import live, said
from llmos_nb.process.gate.commitments import others, words
from llmos_nb.process.run import Run
from llmos_nb.tools import Call, Tool

MOST, CHARS = 8, 400


def foreign(run: Run, tool: Tool, arguments: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the values of a call's arguments that decide where it goes and that others wrote.

    Such a value stands in what a call gave whose words are others', and not in the user's. Of a tool of which nobody
    has said which arguments decide, these are addresses, links, accounts and telephone numbers. One of these that
    nothing shows counts, too: others' words may say how to put it together.

    Returns
    -------
    list of dict
        ``argument``, ``value``, ``call`` and ``source`` of each, at most `MOST`.
    """
    names = arguments if tool.sinks is None else [n for n in tool.sinks if n in arguments]
    texts = ((name, text) for name in names for text in _texts(arguments[name]))
    decide = [(n, t) for n, t in texts if tool.sinks is not None or (live(t) and len(t.split()) == 1)]
    return [found for name, text in decide if (found := traced(run, name, text) or _composed(run, name, text))][:MOST]


def traced(run: Run, argument: str, text: str) -> dict[str, str]:
    """Return where a value came from that others wrote; nothing where it stands in the user's words, or nowhere."""
    if len(text.strip()) < 2 or said(text, words(run)):
        return {}
    made = (c for c in _newest(run) if _stands_in(text, c) and others(run, c))
    if (call := next(made, None)) is None:
        return {}
    return {"argument": argument, "value": text[:CHARS], "call": call.id, "source": source(call)}


def _newest(run: Run) -> list[Call]:
    calls = [*run.state.surviving, *(c for c in run.state.calls.values() if c.status == "running")]
    return calls[::-1]


def _composed(run: Run, argument: str, text: str) -> dict[str, str]:
    """Return what a model has read that others wrote before it made an address of its own; else nothing."""
    shown = "\n".join(m.text for m in run.state.context.head)
    if not live(text) or said(text, words(run)) or text in shown or any(_stands_in(text, c) for c in _newest(run)):
        return {}
    if (call := next((c for c in _newest(run) if others(run, c)), None)) is None:
        return {}
    made_up = f"the model, after it read {source(call)}"
    return {"argument": argument, "value": text[:CHARS], "call": call.id, "source": made_up}


def source(call: Call) -> str:
    """Say what a call read: the one file, the host, or the tool."""
    files = [str(f.get("path", "")) for f in call.facts.get("outside", {}).get("files", ())]
    effects = (str(e).partition(" ") for e in call.facts.get("effects") or ())
    hosts = list(dict.fromkeys(to.rpartition(":")[0] or to for kind, _, to in effects if kind == "network"))
    found = hosts or [PurePath(f).name for f in files if f]
    return found[0] if len(found) == 1 else f"`{call.name}`"


def _stands_in(text: str, call: Call) -> bool:
    made = "\n".join(str(m.get("result", "")) for m in call.facts.get("made", ()))
    return said(text, call.result) or said(text, made) or text in call.result


def _texts(value: Any) -> Iterator[str]:
    """Return the texts of a value; a number says how much, and not where."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
