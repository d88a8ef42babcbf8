"""Undo, redo and fork on the shared namespace, in place and on the record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import takewhile
from typing import Any

from llmos_nb.errors import SnapshotConflict, UsageError
from llmos_nb.heap import Snapshots
from llmos_nb.journal.events import MODEL, NO_ONE, YOU, CallRedone, CallUndone, Decider, RunEnded, UndoProposed
from llmos_nb.messages import ToolResult
from llmos_nb.process.gate import compensate
from llmos_nb.process.run import Run
from llmos_nb.process.state.state import State, say
from llmos_nb.tools import Call, CallContext, Tool


def undoable(run: Run) -> list[Call]:
    """Return the calls that changed something and stand, in the order in which they ended.

    A call that raised in the middle is among them: what it did before stands, too.
    """
    return list(filter(changed, _standing(run.state)))


def changed(call: Call) -> bool:
    """Return whether a call changed anything that the undo store keeps."""
    return call.changes.undoable


def _standing(s: State) -> list[Call]:
    return sorted((c for c in s.calls.values() if c.status in ("done", "failed")), key=lambda c: c.ended)


def _lookers(run: Run, calls: Sequence[Call]) -> list[Call]:
    """Return the later calls that changed nothing and read what `calls` made: what they showed is no longer so."""
    names, found = {n for c in calls for n in c.changes.names}, []
    for call in _standing(run.state):
        tool = run.tools.get(call.name)
        if tool is None or tool.inspect is None or tool.effect != "namespace" or changed(call):
            continue
        if call.ended < calls[0].ended or not isinstance(call.arguments, dict):
            continue
        if names & set(dict(tool.inspect(call.arguments)).get("reads", ())):
            found.append(call)
    return found


def out_of_reach(run: Run) -> list[str]:
    """Return the calls of which an Undo could only fail: they, or what came after them, cannot be taken back here.

    Their steps ran in an interpreter that has ended, or so long ago that their snapshots were dropped.
    """
    calls = undoable(run)
    lost = [i for i, call in enumerate(calls) if not _within_reach(run, call)]
    return [c.id for c in calls[: lost[-1] + 1]] if lost else []


def redo_within_reach(run: Run) -> bool:
    """Return whether what was undone last can be put back here; True where nothing was."""
    gone = [run.state.calls[i] for i in reversed(run.state.undone)]
    last = takewhile(lambda c: _unit(run.state, c) == _unit(run.state, gone[0]), gone)
    return all(_within_reach(run, call) for call in filter(changed, last))


def _within_reach(run: Run, call: Call) -> bool:
    if call.changes.files:
        tool = run.tools.get(call.name)
        return tool is not None and tool.revert is not None
    return run.snapshots is not None and run.snapshots.holds(call.key)


def undo_calls(run: Run, to: int | str | None, by: Decider = YOU) -> None:
    """Take back the last step that changed something, or `to` and all after it.

    That is the number of a step, the id of a call, or, without a plan, the number of an answer. The namespace is
    taken back at once; what acted outside is asked for, where its tool declares `undo=`.

    Raises
    ------
    SnapshotConflict
        Names what somebody changed since; nothing is taken back.
    UsageError
        There is nothing to undo.
    """
    if run.state.undoing:
        compensate.settle_unfinished(run)
    calls, standing = undoable(run), _standing(run.state)
    ways_back = {t.name for t in run.tools.values() if t.undo is not None}
    acted = [c for c in standing if c.name in ways_back and compensate.can(run, c)]
    if to is None:
        last = next((_unit(run.state, c) for c in reversed(standing) if c.changes.seen or c in acted), None)
        first = next((i for i, c in enumerate(calls) if _unit(run.state, c) == last), len(calls))
        acted = [c for c in acted if _unit(run.state, c) == last]
    elif isinstance(to, str):
        since = _changing(run, to, [*calls, *acted]).ended
        first = next((i for i, c in enumerate(calls) if c.ended >= since), len(calls))
        acted = [c for c in acted if c.ended >= since]
    else:
        first = next((i for i, c in enumerate(calls) if run.state.place(c) >= to), len(calls))
        acted = [c for c in acted if run.state.place(c) >= to]
    wanted = calls[first:]
    if any(c.changes.seen for c in wanted):
        take_back(run, wanted, by)
    elif not acted:
        why = beyond_undo(run, standing)
        why = f"; {why}" if why else ""
        raise UsageError(f"process {run.state.pid}: no step that changed the namespace is left to undo{why}")
    for call in reversed(acted):
        compensate.propose(run, call, by)


UNDO = "undo"
_OF_CALL = {"call": {"type": "string", "description": "Id of a call of yours, such as r2.0: it and all after it"}}


def undo_tool(run: Run | None = None) -> Tool:
    """Return the tool by which an agent takes back what it did itself: a call as any other."""

    async def runner(arguments: Mapping[str, Any], _: CallContext) -> ToolResult:
        assert run is not None  # noqa: S101 - it is bound before anything calls it
        before = len(run.journal.events)
        try:
            await run.section(partial(undo_calls, run, arguments.get("call") or None, MODEL))
        except (SnapshotConflict, UsageError) as error:
            return ToolResult(False, str(error), type(error).__name__)
        done = [e.body for e in run.journal.events[before:]]
        gone = ", ".join(b.call for b in done if isinstance(b, CallUndone))
        asked = ", ".join(b.undoes for b in done if isinstance(b, UndoProposed))
        said = [say(run.state, "taken_back", calls=gone)] if gone else []
        said += [say(run.state, "taken_back_outside", calls=asked)] if asked else []
        return ToolResult(True, "; ".join(said))

    about = "Take back the last call of yours that changed variables, or `call` and all after it."
    return Tool(
        UNDO, about, {"type": "object", "properties": _OF_CALL}, undo_calls, "read", "once", place="thread",
        digest="undo:1", runner=runner, bind=undo_tool,
    )  # fmt: skip


def _changing(run: Run, key: str, calls: Iterable[Call]) -> Call:
    """Return a call by its id, where it is one that can be taken back."""
    found = next((c for c in calls if c.id == key), None)
    if found is None:
        known = "there is no such call" if key not in run.state.calls else "it changed nothing that Undo keeps"
        raise UsageError(f"process {run.state.pid}: call {key!r} cannot be undone: {known}")
    return found


def beyond_undo(run: Run, calls: Iterable[Call]) -> str:
    """Say which calls acted outside and declare no way back."""
    acted = (c for c in calls if compensate.outside(run, c))
    stay = [c for c in acted if not (compensate.can(run, c) or compensate.under_way(run, c))]
    names = ", ".join(f"{c.id} ({c.name})" for c in stay)
    return names and f"{names} acted outside and its tool declares no undo=, so it cannot be taken back"


def _unit(s: State, call: Call) -> object:
    """Name what one Undo takes back: a step, or one answer of a model that works without a plan."""
    return call.step if call.step and len(s.plan.steps) > 1 else call.id.partition(".")[0]


def take_back(run: Run, calls: Sequence[Call], by: Decider = YOU) -> None:
    """Take calls back, the last first: all of them or none."""
    said = NO_ONE if by == YOU else by
    store = _free_store(run)
    facts: list[tuple[Call, list[str]]] = []
    for call in reversed(calls):
        try:
            found = store.undo(call)
        except SnapshotConflict as error:
            for earlier, _ in reversed(facts):
                store.redo(earlier)
            why = str(error).replace(call.key, call.id)
            raise SnapshotConflict(f"{why}; nothing was taken back") from None
        facts.append((call, found["stays"]))
    for looker in reversed(_lookers(run, calls)):
        run.append(CallUndone(call=looker.id, by=said))
    for call, stays in facts:
        run.append(CallUndone(call=call.id, stays=stays, by=said))


def redo_last(run: Run) -> None:
    """Put back what the last Undo took: a step, or one answer of a model without a plan.

    Raises
    ------
    SnapshotConflict
        Names what somebody changed since; nothing is put back.
    UsageError
        Nothing was undone.
    """
    s = run.state
    gone = [s.calls[i] for i in reversed(s.undone)]
    if not gone:
        raise UsageError(f"process {s.pid}: nothing was undone")
    store, unit = _free_store(run), _unit(s, gone[0])
    wanted = list(takewhile(lambda c: _unit(s, c) == unit, gone))
    for done, call in enumerate(wanted):
        if not changed(call):
            continue
        try:
            store.redo(call)
        except SnapshotConflict as error:
            for earlier in filter(changed, reversed(wanted[:done])):
                store.undo(earlier)
            why = str(error).replace(call.key, call.id)
            raise SnapshotConflict(f"{why}; nothing was put back") from None
    for call in wanted:
        run.append(CallRedone(call=call.id))


class _Undo:
    """Takes calls back by whoever can: the undo store of the namespace, or the device that changed something."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def undo(self, call: Call) -> dict[str, Any]:
        """Take a call back, and say what stays."""
        if call.changes.files:
            self._of_device(call, again=False)
            return {"stays": []}
        return self._snapshots().undo(call.key)

    def redo(self, call: Call) -> None:
        """Put a call back."""
        if call.changes.files:
            self._of_device(call, again=True)
        else:
            self._snapshots().redo(call.key)

    def _of_device(self, call: Call, again: bool) -> None:
        tool = self._run.tools.get(call.name)
        act = None if tool is None else tool.reapply if again else tool.revert
        if act is None:
            raise SnapshotConflict(f"call {call.key} cannot be undone: its device is not here")
        try:
            act(call)
        except SnapshotConflict as error:
            raise SnapshotConflict(f"call {call.key} cannot be undone: {error}") from None

    def _snapshots(self) -> Snapshots:
        if self._run.snapshots is None:
            raise UsageError(f"process {self._run.state.pid} has no steps in your namespace that could be undone")
        return self._run.snapshots  # type: ignore[no-any-return]  # a Run does not know what keeps its snapshots


def _free_store(run: Run) -> _Undo:
    """Return what takes calls back, at a moment when no step is writing the namespace."""
    if run.writes.held:
        raise UsageError("a step is running in the namespace: stop it, or wait until it ends, then undo")
    return _Undo(run)


def fork_in_place(run: Run, then: State, at: int, cold: bool) -> None:
    """Take the namespace back to a state of the process and end it as ``forked``."""
    with run.journal.held():
        if not cold:
            travel(run, then)
        if run.state.status != "ended":
            run.append(RunEnded(reason="forked", detail=f"forked at event {at}", answer=None))


def travel(run: Run, then: State) -> None:
    """Take back what did not stand in a state of the process, and put back what stood and is undone."""
    later, gone = _apart(run, then)
    if later:
        take_back(run, later)
    for call in gone:
        _free_store(run).redo(call)
        run.append(CallRedone(call=call.id))


def _apart(run: Run, then: State) -> tuple[list[Call], list[Call]]:
    """Return the calls that stand and did not then, and those that stood and do not now."""
    stood = {c.id for c in _standing(then)}
    later = [c for c in undoable(run) if c.id not in stood]
    gone = [run.state.calls[i] for i in reversed(run.state.undone) if i in stood]
    return later, [c for c in gone if changed(c)]


@contextmanager
def visiting(run: Run, then: State) -> Iterator[None]:
    """Show the namespace as it was in a state of the process, for as long as nothing else runs; nothing is recorded.

    Raises
    ------
    SnapshotConflict
        Somebody changed since what would be taken back; nothing was changed.
    """
    later, gone = ([c for c in calls if not c.changes.files] for calls in _apart(run, then))
    store, done = _free_store(run), list[tuple[Call, bool]]()
    try:
        for call, back in [*((c, True) for c in reversed(later)), *((c, False) for c in gone)]:
            (store.undo if back else store.redo)(call)
            done.append((call, back))
        yield
    finally:
        for call, back in reversed(done):
            (store.redo if back else store.undo)(call)
