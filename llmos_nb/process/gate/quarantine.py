"""Others' words kept out of the prompt: shown by handle, and read by a model that has no tools and gives typed values.

The planner sees that there is a text, and how large it is. What it wants to know of it, it asks with `read`: the text
goes to a call of the model that can do nothing, and what comes back is a number, a day, a choice, too little to give an
order. The values are untrusted still. In Python the whole object stands under the handle's name.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from llmos_nb.errors import ModelError
from llmos_nb.journal.events import BudgetSettled
from llmos_nb.messages import Message, Request, Response, ToolResult
from llmos_nb.models import cost
from llmos_nb.policy import DATA, Came, is_prose, labels
from llmos_nb.policy.secrets import vault
from llmos_nb.process.run import Run
from llmos_nb.process.scheduling.resource import endpoint
from llmos_nb.process.state.decide import Start
from llmos_nb.process.state.state import say
from llmos_nb.tools import Call, CallContext, Tool, preview
from llmos_nb.tools.schema import accepts

READ = "read"
_OWN = (READ, "ask")
_LARGEST, _ANSWER, _TRIES = 48_000, 256, 2
_TYPES: dict[str, tuple[dict[str, Any], str]] = {
    "int": ({"type": "integer"}, "a whole number"),
    "float": ({"type": "number"}, "a number"),
    "bool": ({"type": "boolean"}, "true or false"),
    "date": ({"type": "string", "format": "date"}, 'a day as "2024-05-31"'),
    "email": ({"type": "string", "maxLength": 254}, "an address of mail, as a text"),
    "choice": ({"type": "string"}, "one of these texts"),
    "text": ({"type": "string", "maxLength": DATA}, f"a text of at most {DATA} characters, on one line"),
}
_SCHEMA = {
    "type": "object",
    "properties": {
        "handle": {"type": "string"},
        "question": {"type": "string"},
        "type": {"type": "string", "enum": list(_TYPES)},
        "choices": {"type": "array", "items": {"type": "string"}, "description": "for a choice"},
    },
    "required": ["handle", "question", "type"],
    "additionalProperties": False,
}

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")

# kept out


async def withheld(run: Run, call: Call, tool: Tool, came: Came, result: ToolResult) -> ToolResult:
    """Return a result by handle where others may have written it, and it is more than data; the object keeps a name."""
    if not run.state.quarantine or not came.label.untrusted or tool.name in _OWN or _recalled(result):
        return result
    value = result.text if result.value is None else result.value
    if not (result.parts or len(result.text) > DATA or is_prose(value)):
        return result
    if tool.elsewhere or run.tools.get("python", tool).elsewhere:
        return _by_handle(result, _keep(run.held, run, tool, value), value)
    shared = tool.effect == "namespace"  # it has its turn at the namespace already
    async with contextlib.nullcontext() if shared or run.namespace is None else run.writes.turn(run, Start(call.id)):
        handle = _keep(run.held if run.namespace is None else run.namespace, run, tool, value)
    return _by_handle(result, handle, value, variable=run.namespace is not None)


def _by_handle(result: ToolResult, handle: str, value: object, variable: bool = False) -> ToolResult:
    kind = "text" if isinstance(value, str) else type(value).__name__
    facts = {"handle": handle, "kind": kind, **({"variable": True} if variable else {})}
    return replace(result, facts={**result.facts, **facts})


def _recalled(result: ToolResult) -> bool:
    """Return whether these are words that stood in the prompt before: nothing was ever there that is kept out."""
    return str(result.facts.get("why", "")).startswith("it recalled page")


def _keep(taken: dict[str, Any], run: Run, tool: Tool, value: object) -> str:
    """Put an object under a name of its own."""
    stem = re.sub(r"\W", "_", "output" if tool.name == "python" else tool.name)
    used = {c.facts.get("handle") for c in run.state.calls.values()}
    n = next(n for n in range(1, len(used) + len(taken) + 2) if f"{stem}_{n}" not in {*taken, *used})
    taken[f"{stem}_{n}"] = value
    return f"{stem}_{n}"


def restored(run: Run) -> None:
    """Put texts that were kept out back under their names, in a new kernel, where the journal has them whole."""
    for call in run.state.surviving:
        if "variable" not in call.facts or call.facts.get("kind") != "text" or run.namespace is None:
            continue
        if len(call.result.encode()) == call.size:
            run.namespace.setdefault(str(call.facts["handle"]), call.result)


# read


def read_tool() -> Tool:
    """Return the tool; it is bound to the process that it belongs to."""
    about = "Ask a question about a text that is shown by handle; gives one typed value."
    return Tool(READ, about, _SCHEMA, lambda **_: "", "read", "pure", digest=READ, bind=_bind, as_code=_as_code)


def _as_code(call: Call) -> str:
    """Return a question as code: with no model at hand, the value that was answered."""
    given = call.arguments if isinstance(call.arguments, dict) else {}
    asked = f"read of {given.get('handle')}: {given.get('question')}"
    comment = "\n".join(f"# {line}" for line in asked.splitlines())
    return f"{comment}\nread_{call.id.replace('.', '_')} = {json.loads(call.result)!r}"


def _bind(run: Run) -> Tool:
    async def runner(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        return await _read(run, context.call, **arguments)

    return replace(run.tools[READ], runner=runner)


async def _read(
    run: Run, call: str, handle: str, question: str, type: str, choices: list[str] | None = None
) -> ToolResult:
    """Ask the model about a text, with no tools; twice at most, where what it says is of another type."""
    text = _text(run, handle)
    if text is None:
        known = ", ".join(_handles(run)) or "none"
        return ToolResult(False, f"read: {handle!r:.80} is no handle; there are {known}", "UnknownHandle")
    if type == "choice" and not choices:
        return ToolResult(False, "read: a choice needs choices", "BadArguments")
    wanted = _TYPES[type][1] + (f": {json.dumps(choices)}" if type == "choice" else "")
    asked = say(run.state, "quarantine_ask", question=question, wanted=wanted, text=text)
    messages = Message("system", say(run.state, "quarantine")), Message("user", asked)
    request = run.hidden.request(vault.request(Request(messages, max_tokens=_ANSWER)))
    said: list[str] = []
    while len(said) < _TRIES:
        try:
            response = await _answered(run, call, request)
        except ModelError as error:
            return ToolResult(False, f"read: {error}"[:300], "ModelError", facts={"said": said})
        if response is None:
            why = "read: the text does not fit what is left of the budget"
            return ToolResult(False, why, "Budget", facts={"said": said})
        said.append(response.text)
        fits, value = _typed(type, choices or (), response.text)
        if fits:
            facts = {"said": said, "label": "untrusted", "why": f"it read {handle}"}
            return ToolResult(True, json.dumps(value), facts=facts)
    return ToolResult(False, f"read: the answer was not {_TYPES[type][1]}", "NoValue", facts={"said": said})


def _handles(run: Run) -> list[str]:
    """Name what may be read: what was kept out, and untrusted variables; nothing secret."""
    kept = [str(c.facts["handle"]) for c in run.state.calls.values() if "handle" in c.facts]
    known = run.state.labels
    named = [n for n in labels.marked(known) if n in (run.namespace or {})]
    return [n for n in dict.fromkeys([*kept, *named]) if not labels.of((n,), known).secret]


def _text(run: Run, handle: str) -> str | None:
    """Return what a handle stands for as text: the object where it is at hand, else what the journal has of it."""
    if handle not in _handles(run):
        return None
    there = {**(run.namespace or {}), **run.held}
    if handle in there:
        return preview(there[handle], _LARGEST)[0]
    return next(c.result for c in run.state.calls.values() if c.facts.get("handle") == handle)


async def _answered(run: Run, call: str, request: Request) -> Response | None:
    """Ask once, in turn at the model's endpoint and within the budget; None where it does not fit."""
    size = sum(len(m.encoded) for m in request.messages)
    if run.state.left("tokens") < size // 4 + _ANSWER:
        return None
    async with endpoint(run.model, run.limits).turn(run, Start(call), run.state.left("s")):
        if run.limits.pace is not None:
            await run.limits.pace()
        response = await run.model.respond(request, lambda text: None)
    used = response.usage
    amounts: dict[str, float] = {"tokens": used.charged}
    if run.price:
        amounts["$"] = cost(run.price, used)
    run.append(BudgetSettled(request=run.state.requests, amounts=amounts))
    return response


def _typed(kind: str, choices: list[str] | tuple[()], said: str) -> tuple[bool, Any]:
    """Read an answer as a value of a type; null is one of each."""
    text = re.sub(r"^```\w*\s*|\s*```$", "", said.strip())
    try:
        value = json.loads(text, parse_constant=str)  # NaN and the infinities are no numbers
    except (ValueError, RecursionError):
        value = text
    if value is None:
        return True, None
    if not accepts(_TYPES[kind][0], value):
        return False, None
    return _MORE.get(kind, lambda v, c: True)(value, choices), value


def _is_day(value: str, _: object) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


_MORE: dict[str, Any] = {
    "date": _is_day,
    "email": lambda value, _: value.isascii() and _EMAIL.fullmatch(value) is not None,
    "choice": lambda value, choices: value in choices,
    "text": lambda value, _: value.isprintable(),
}
