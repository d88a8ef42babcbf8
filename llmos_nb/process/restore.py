"""Rebuilding the namespace in a new interpreter, as `state.rebuild` decides: no effect happens twice unasked."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from llmos_nb.errors import CallDenied, LlmosError, SnapshotConflict
from llmos_nb.journal.events import NO_ONE, REBUILD, YOU, Decider, HeapRestored, QuestionAsked, SignalReceived
from llmos_nb.messages import ToolResult
from llmos_nb.process import values
from llmos_nb.process.gate.quarantine import restored
from llmos_nb.process.recover import missing_inputs, standing
from llmos_nb.process.run import Run
from llmos_nb.process.state.decide import RunAgain
from llmos_nb.process.state.rebuild import Made, effects, harmless, last_digests, plan, question
from llmos_nb.tools import Call, CallContext, Tool, contents, invoke
from llmos_nb.tools.devices.python import interruptible

_ASKING = ("risky", "plan", "step")


@dataclass
class _Found:
    """What came back so far; `there` are the variables that there were before, and `place` is where that is.

    `again` says of each call that ran again what is known of that run.
    """

    place: dict[str, Any] | None = None
    there: frozenset[str] = frozenset()
    stored: list[str] = field(default_factory=list)
    rerun: list[str] = field(default_factory=list)
    again: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    differs: set[str] = field(default_factory=set)

    def right(self, names: Iterable[str]) -> None:
        """Note names that are as they were."""
        for name in names:
            self.missing.pop(name, None)
            self.differs.discard(name)


async def rebuild(run: Run) -> None:
    """Bring back what the surviving steps had made, and record what came back and how.

    Raises
    ------
    LlmosError
        Names the inputs that only the user's own cells had made.
    """
    restored(run)
    if missing := missing_inputs(run):
        names = ", ".join(f"`{n}`" for n in missing)
        raise LlmosError(f"process {run.state.pid} needs {names}, made by your own cells; run them first, then resume")
    calls = standing(run)
    wanted, steps = last_digests(calls), _steps(run, calls)
    apart = any(t.worker is not None for t in run.tools.values())
    here = [n for n in wanted if n in (run.namespace or {})]
    right = {n for n, d in run.fingerprint(here).items() if d == wanted[n]}
    found = _Found(run.place().get("place"), frozenset(run.namespace or ()))
    hows = plan(steps, wanted, right) if not apart else ["rerun" if s.harmless else "stored" for s in steps]
    for step, how in zip(steps, hows, strict=True):
        call = run.state.calls[step.call]
        if how == "rerun":
            await _rerun(run, call, step, found)
        elif how == "stored":
            _read(run, call, step, step.written, found)
    found.missing = {n: c for n, c in found.missing.items() if n in wanted or apart}
    _record(run, found)


def _steps(run: Run, calls: Iterable[Call]) -> list[Made]:
    """Return what is known of steps of the namespace."""
    found = []
    for call in calls:
        tool, changes = run.tools.get(call.name), call.changes
        if tool is None or tool.effect != "namespace" or not isinstance(call.arguments, dict):
            continue
        seen = dict(tool.inspect(call.arguments)) if tool.inspect else {}
        written, deleted = set(changes.written), set(changes.deleted)
        apart = {n for n in call.facts.get("apart", ()) if isinstance(n, str)}
        around = any((changes.random, changes.cwd, changes.environ, changes.figures, changes.settings))
        refs = changes.values or {}
        found.append(
            Made(
                call.id,
                frozenset(written | apart),
                frozenset(deleted),
                frozenset({*changes.created, *changes.rebound}),
                frozenset(n for n in written if n in refs and values.there(run, refs[n])),
                frozenset(n for n in seen.get("reads", ()) if isinstance(n, str)),
                around,
                harmless(call),
            )
        )
    return found


async def _rerun(run: Run, call: Call, step: Made, found: _Found) -> None:
    """Run a step again that did nothing outside, and compare; what it needs and is gone keeps it from running."""
    needs = step.reads | (step.written - step.whole)
    apart = run.tools[call.name].worker is not None or call.facts.get("contained")
    acting = _let if apart else _refuse
    result = None if needs & found.missing.keys() else await _invoked(run, call, acting)
    if result is None or not result.ok:
        if result is not None and run.snapshots is not None:
            with suppress(SnapshotConflict):  # it changed nothing that could be taken back
                run.snapshots.undo(call.key)
        _read(run, call, step, step.written, found)
        return
    found.rerun.append(call.id)
    digests = call.changes.digests or {}
    now = run.fingerprint([n for n in step.written if n in (run.namespace or {})])
    other = {n for n in step.written & digests.keys() if now.get(n) != digests[n]}
    found.right(step.written - other)
    mend = other & step.stored
    found.again[call.id] = await _facts(call, result, now, mend)
    _read(run, call, step, frozenset(mend), found)
    found.differs |= other - mend


async def _facts(
    call: Call, result: ToolResult, digests: Mapping[str, str], mended: Collection[str] = ()
) -> dict[str, Any]:
    """Return what is known of a run of a call that had run before; a name that is mended is as it was then."""
    was, told = call.facts.get("content") or {}, result.facts
    known: dict[str, Any] = {k: told[k] for k in ("quiet", "random") if k in told}
    if isinstance(now := told.get("content", {}), dict) and "outputs" in told:
        known["content"] = {**now, **{n: was[n] for n in mended if n in was}}
    if outside := told.get("outside"):
        known["outside"] = await asyncio.to_thread(contents.hashed, outside)
    if told.get("outputs") == [] and not told.get("size") and not result.parts:
        known["outputs"] = []
    first = call.changes.digests or {}
    return {**known, "digests": {**digests, **{n: first[n] for n in mended if n in first}}}


def _refuse(words: str) -> None:
    raise CallDenied(f"a step that is run again to have its variables may not act outside: {words}")


def _let(words: str) -> None:
    """Let a step begin: a person said so, or it runs in a child that might act, and did not when it ran first."""


async def _invoked(run: Run, call: Call, acting: Any) -> ToolResult:
    tool: Tool = run.tools[call.name]
    context = CallContext(call.id, call.key, run.call_timeout_s, acting=acting, mode=run.state.mode)
    assert isinstance(call.arguments, dict)  # noqa: S101 - else it is none of the steps
    return await invoke(tool, call.arguments, context, interruptible)


def _read(run: Run, call: Call, step: Made, names: frozenset[str], found: _Found) -> None:
    """Bind the stored values of a step, so that it can be undone; what has none is missing."""
    namespace, digests, refs = run.namespace, call.changes.digests or {}, call.changes.values or {}
    good: dict[str, Any] = {}
    for name in sorted(names, key=lambda n: "same" in refs.get(n, {})):
        known: Mapping[str, Any] = {**(namespace or {}), **good}
        fits, value = values.value_of(run, refs[name], digests[name], known) if name in step.stored else (False, None)
        if fits:
            good[name] = value
        else:
            found.missing[name] = call.id
            found.differs |= {name} & found.there & (namespace or {}).keys()  # the user's: it is left as it is
    away = {*step.deleted, *found.missing} - found.differs
    gone = [n for n in away if namespace is not None and n in namespace]
    if namespace is not None and (good or gone):
        before = run.snapshots.begin((*good, *gone)) if run.snapshots is not None else None
        namespace.update(good)
        for name in gone:
            del namespace[name]
        if before is not None:
            run.snapshots.end(before, call.key)
    found.right([*good, *step.deleted])
    found.stored += [call.id] if good else []


def _record(run: Run, found: _Found, by: Decider = NO_ONE) -> None:
    """Record what came back, and ask about what is missing where somebody may be there to say."""
    s = run.state
    calls = {c: s.calls[c] for c in found.missing.values()}
    pending = bool(s.again) or REBUILD in s.questions
    worth = {n: c for n, c in found.missing.items() if _is_data(calls[c], n) and (pending or n not in s.lost)}
    asks = bool(worth) and not by and s.mode in _ASKING
    run.append(
        HeapRestored(
            stored=list(dict.fromkeys(found.stored)),
            rerun=found.rerun,
            again=found.again,
            missing=found.missing,
            differs=sorted(found.differs),
            acted={c: effects(call) or [] for c, call in calls.items()},
            asks=asks,
            by=by,
            place=found.place,
        )
    )
    if found.differs:
        names = ", ".join(f"`{n}`" for n in sorted(found.differs))
        run.append(SignalReceived(signal="rebuilt_differently", by=Decider("process"), names=names))
    if asks:
        text, title = question(calls, worth, found.differs)
        run.append(QuestionAsked(question=REBUILD, about="rebuild", text=text, title=title))


def _is_data(call: Call, name: str) -> bool:
    """Return whether a variable was more than a handle on something, such as a connection, which is opened anew."""
    return not (call.changes.digests or {}).get(name, "").startswith("opaque:")


async def run_again(run: Run, command: RunAgain) -> None:
    """Run calls again that acted outside, as a person said, whose answer is on disk before."""
    async with run.writes.turn(run, command):
        await run.journal.flush()
        _record(run, await run.visit(partial(_run_again, run, command.calls)), by=YOU)


async def _run_again(run: Run, calls: Collection[str]) -> _Found:
    lost, found = dict(run.state.lost), _Found(run.place().get("place"))
    for step in [s for s in _steps(run, run.state.surviving) if s.call in calls]:
        result = await _invoked(run, run.state.calls[step.call], _let)
        if result.ok:
            found.rerun.append(step.call)
            now = run.fingerprint([n for n in step.written if n in (run.namespace or {})])
            found.again[step.call] = await _facts(run.state.calls[step.call], result, now)
            lost = {n: c for n, c in lost.items() if c != step.call or n not in (run.namespace or {})}
    found.missing = lost
    return found
