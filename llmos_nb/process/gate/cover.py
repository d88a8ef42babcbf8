"""Whether a call fits an act that stands: by values that the gate reads itself, on the record.

What acts name is the result of a call, by value, or a read that the gate makes within the call that it judges. The
model is not shown it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from llmos_nb.errors import ActError, BadArguments, Unreadable
from llmos_nb.journal.events import Decider, ToolCalled, ToolReturned
from llmos_nb.messages import ToolResult, canonical, parsed
from llmos_nb.policy import Cover, is_prose
from llmos_nb.policy.commitments import Act, Fit, Misfit, Reader, Signature, Use, first_fit, judged, plain, read
from llmos_nb.process.gate.commitments import binds, standing, words
from llmos_nb.process.run import Run
from llmos_nb.process.state.acts import Commitment
from llmos_nb.process.state.state import CONTROL, State
from llmos_nb.tools import (
    Call,
    CallContext,
    Outcome,
    Tool,
    bounded,
    called,
    captured,
    current_call,
    reentry,
    unguarded,
    validate,
    value_of,
)
from llmos_nb.tools.devices import is_ours
from llmos_nb.tools.devices.python import interruptible
from llmos_nb.tools.schema import conform, types_of

MOST = 64  # reads for one call
BY = Decider("commitment")  # who lets a read of the gate's own through


def signatures(tools: Mapping[str, Tool]) -> dict[str, Signature]:
    """Return what acts may name: tools that act outward, and reads that the user handed over."""
    found = (t for t in tools.values() if t.name not in CONTROL and (t.outward or t.handed_over))
    return {t.name: _signature(t) for t in found if t.outward or (t.effect == "read" and not is_ours(t))}


def _signature(tool: Tool) -> Signature:
    fields = tool.schema.get("properties", {})
    return Signature(
        tool.name, tuple(fields), tool.outward, tool.source == "untrusted" or not tool.declared,
        None if tool.sinks is None else frozenset(tool.sinks),
        None if tool.facts == ("*",) else frozenset(tool.facts), frozenset(tool.schema.get("required", ())),
        {n: f["default"] for n, f in fields.items() if isinstance(f, Mapping) and "default" in f},
        {n: types for n, f in fields.items() if (types := types_of(tool.schema, f))}, partial(_fitted, tool.schema),
    )  # fmt: skip


def _fitted(schema: Mapping[str, Any], name: str, value: Any) -> tuple[Any, str]:
    """Return a value as a call's argument, and what is wrong with it."""
    made, faults = conform({**schema, "required": []}, {name: value})
    return made.get(name, value), "; ".join(f.removeprefix(f"{name}: ") for f in faults)


class Missing(Exception):
    """A value that an act needs has not been read."""

    def __init__(self, tool: Tool, arguments: dict[str, Any]) -> None:
        super().__init__(tool.name)
        self.tool, self.arguments = tool, arguments

    def called(self, key: str, within: str) -> ToolCalled:
        """Return the read, for the record, within the call that is judged."""
        return ToolCalled(call=key, within=within, tool=self.tool.name, arguments=self.arguments, by=BY)


def keep(run: Run, call: str, tool: Tool, arguments: Mapping[str, Any], result: ToolResult) -> None:
    """Keep what a call gave as data, where acts may name it; what was read before something acted is old."""
    if tool.outward:
        for key in [k for k in run.gave if k.startswith("[")]:
            del run.gave[key]
    if result.ok and tool.effect != "namespace" and (tool.runner is None or tool.server):
        _put(run, _key(tool, arguments) if tool.effect == "read" else call, result)


def _put(run: Run, key: str, result: ToolResult) -> None:
    try:
        run.gave[key] = plain(_data(result.text if result.value is None else result.value))
    except Exception as error:  # a class of the user's own
        run.gave[key] = Unreadable(f"what it gave is no plain data ({error})"[:200])


def _data(value: Any) -> Any:
    """Return a value; of a text that is a list or a mapping in JSON, what it says."""
    return parsed(value, value) if isinstance(value, str) and value[:1] in "[{" else value


def _key(tool: Tool, arguments: Mapping[str, Any]) -> str:
    """Return what two calls of a read have in common that give the same: what is empty may say more than nothing."""
    fields = tool.schema.get("properties", {})
    defaults = {k: f["default"] for k, f in fields.items() if isinstance(f, Mapping) and "default" in f}
    given = {k: v for k, v in arguments.items() if k not in defaults or canonical(v) != canonical(defaults[k])}
    return canonical([tool.name, given])


class Values:
    """The reader of a process's acts.

    Parameters
    ----------
    run : Run
        The process.
    asks : bool
        A read that has not been made is `Missing`, rather than unreadable.
    """

    def __init__(self, run: Run, asks: bool = False) -> None:
        self.run, self.asks = run, asks
        self.prose: set[str] = set()
        """Reads that are believed for data, and gave prose."""

    def __call__(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Return the value of a read, or of the last call of a tool with these arguments.

        Raises
        ------
        Unreadable
            There is none.
        """
        if (tool := self.run.tools.get(name)) is None:
            raise Unreadable(f"there is no tool {name}")
        if tool.effect != "read":
            return self._made(name, arguments)
        try:
            given = validate(tool, dict(arguments))
        except BadArguments as error:
            raise Unreadable(str(error)) from None
        key = _key(tool, given)
        if key not in self.run.gave and self.asks:
            raise Missing(tool, given)
        value = _readable(self.run.gave.get(key, Unreadable(f"{name} could not be read")))
        if tool.source == "trusted" and is_prose(value):
            self.prose.add(name)
        return value

    def _made(self, name: str, given: Mapping[str, Any]) -> Any:
        for key, of, its, result in _calls(self.run.state):
            if of == name and canonical({k: its.get(k) for k in given}) == canonical(dict(given)):
                return _readable(self.run.gave.get(key, _data(result)))
        raise Unreadable(f"{name} has not run")


def _calls(s: State) -> Iterator[tuple[str, str, dict[str, Any], str]]:
    """Return the calls that were done and stand, the last first, with those that the code of a step made."""
    for call in reversed([*s.surviving, *(c for c in s.calls.values() if c.status == "running")]):
        for made in reversed(call.facts.get("made") or ()):
            if made.get("ok"):
                yield made["call"], made["tool"], made["arguments"], made.get("result", "")
        if call.status == "done":
            yield call.id, call.name, call.arguments if isinstance(call.arguments, dict) else {}, call.result


def _readable(value: Any) -> Any:
    if isinstance(value, Unreadable):
        raise value
    return value


def found(run: Run, call: str, tool: Tool, arguments: Mapping[str, Any], reader: Reader) -> tuple[int, Fit | Misfit]:
    """Return the number of the act that a call fits, or of the nearest, and how it fits."""
    known, acts = signatures(run.tools), dict[int, Act]()
    for n, a in standing(run.state).items():
        try:
            acts[n] = read(a.text, known)
        except ActError:  # of a tool that is no more
            continue
    uses = [_use(run.state.acts[n], call) for n in acts]
    fit = first_fit([*acts.values()], uses, tool.name, arguments, reader, words(run))
    return (0 if fit.act is None else [*acts][fit.act]), fit


def _use(act: Commitment, call: str) -> Use:
    items = [item for by, item in act.uses if by != call]
    return Use(None if act.items is None else tuple(act.items), tuple(i for i in items if i is not None), len(items))


def cover(run: Run, call: str, tool: Tool, arguments: Mapping[str, Any], reader: Values) -> dict[str, Any]:
    """Return what the commitments say of a call, as fields of `Findings`; nothing where they do not speak of it."""
    if not binds(run.state, tool):
        return {}
    n, fit = found(run, call, tool, arguments, reader)
    if isinstance(fit, Misfit):
        return {"cover": Cover(0, False, _differs(n, fit, run.state.quarantine))}
    act = run.state.acts[n]
    first = act.items is None and fit.use.items is not None
    use = {"act": n, "item": fit.item, **({"items": list(fit.use.items or ())} if first else {})}
    why = _asks(run.state, act.kind, act, act.why) or _prosaic(run, act, reader)
    why = why or ("its words are to come from one read alone" if fit.quarantined else "")
    asks = f"It asks because of act {n} of the plan, {act.says}: {why}."
    return {"cover": Cover(n, not why, asks), "use": use}


def _differs(n: int, misfit: Misfit, quarantine: bool) -> str:
    """Say in what a call differs from the nearest act; what the act yields may be others' words, and is not said."""
    if not n:
        return f"It asks because {misfit.why}, and nothing else goes out."
    where = f"`{misfit.argument}` = {misfit.given!r:.80}: " if misfit.argument else ""
    why = "it is not what the act says" if quarantine and misfit.argument else misfit.why
    return f"It asks because no act of the plan covers it; of act {n}, the nearest, {where}{why}."


def _prosaic(run: Run, act: Commitment, reader: Values) -> str:
    """Say why an act asks that rests on prose of a source which is believed for data alone; nothing where none does."""
    if not reader.prose or act.kind != "bound":
        return ""
    tools = signatures(run.tools)
    tools |= {n: replace(tools[n], untrusted=True) for n in reader.prose if n in tools}
    found = judged(read(act.text, tools), tools, words(run))
    return _asks(run.state, found.kind, act, found.why)


def _asks(s: State, kind: str, act: Commitment, why: str) -> str:
    """Say why a call that fits an act of a class asks all the same; nothing where it runs."""
    if kind in ("open", "invented"):
        return why
    if s.mode == "never" and not act.approved:
        return "in this mode only acts that you gave count"
    if kind == "delegated" and not (act.approved or s.delegate == "allow"):
        return why
    return ""


def lacks(run: Run, call: Call, tool: Tool, arguments: Mapping[str, Any]) -> Missing | None:
    """Return a read that must be made before a call can be judged."""
    if not binds(run.state, tool):
        return None
    try:
        found(run, call.id, tool, arguments, Values(run, asks=True))
    except Missing as missing:
        return missing
    return None


async def look_up(run: Run, call: Call, tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Make the reads that the acts need to judge a call; each is on the record within it."""
    _forget_failures(run)
    for n in range(1, MOST + 1):
        if (missing := lacks(run, call, tool, arguments)) is None:
            return
        key = f"{call.id}.read{n}"
        run.append(missing.called(key, call.id))
        context = CallContext(key, key, run.call_timeout_s)
        outcome = await value_of(missing.tool, missing.arguments, context, interruptible)
        run.append(_took(run, missing, outcome, key, call.id))


def look_up_here(run: Run, call: Call, within: str, tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Make them in the middle of the step `within`, on its thread: what must be awaited cannot be read there."""
    _forget_failures(run)
    for n in range(1, MOST + 1):
        if (missing := lacks(run, call, tool, arguments)) is None:
            return
        key = f"{call.id}.read{n}"
        reentry.outside().run(run.append, missing.called(key, within))
        token = current_call.set(None)  # the gate calls, not the code of the step
        try:
            outcome = captured(partial(_here, missing), run.call_timeout_s, unguarded)
        finally:
            current_call.reset(token)
        reentry.outside().run(run.append, _took(run, missing, outcome, key, within))


def _forget_failures(run: Run) -> None:
    """Let what could not be read for an earlier call be read anew."""
    for key in [k for k, v in run.gave.items() if isinstance(v, Unreadable)]:
        del run.gave[key]


def _here(missing: Missing) -> Any:
    tool = missing.tool
    if tool.runner is not None or iscoroutinefunction(tool.fn):
        raise Unreadable("it cannot be read in the middle of a step")
    return called(tool, missing.arguments, "")


def _took(run: Run, missing: Missing, outcome: Outcome, key: str, within: str) -> ToolReturned:
    """Keep what a read gave, and return it for the record."""
    at, value, error = _key(missing.tool, missing.arguments), outcome.value, outcome.error
    result = value if isinstance(value, ToolResult) else ToolResult(True, "", value=value)
    if error is None and result.ok:
        _put(run, at, result)
    else:
        why = f"{type(error).__name__}: {error}" if error is not None else result.text
        run.gave[at] = Unreadable(f"{missing.tool.name} failed: {why}"[:200])
    kept = run.gave[at]
    bad = "Unreadable" if isinstance(kept, Unreadable) else ""
    text = kept if isinstance(kept, str) else str(kept) if bad else canonical(kept)
    return ToolReturned(call=key, within=within, ok=not bad, result=bounded(text)[0], error=bad)
