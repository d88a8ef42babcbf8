"""The second half of the gate: an approved call is run, intent first, and what came of it recorded."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import JournalError
from llmos_nb.journal import Acts
from llmos_nb.journal.events import (
    BUDGET,
    CallFinished,
    CallInDoubt,
    CallResolved,
    CallStarted,
    Changes,
    NamesChanged,
)  # fmt: skip
from llmos_nb.messages import ToolResult
from llmos_nb.policy import Came, call_digest
from llmos_nb.policy.secrets import Stream, redact, vault
from llmos_nb.process import values
from llmos_nb.process.findings import Findings
from llmos_nb.process.gate import approvers, conflicts, labels as gate_labels, quarantine, servers as gate_tools
from llmos_nb.process.gate.judge import altered, ask_approvers, ask_human, digest_of, inspect, look, reject
from llmos_nb.process.recover import only_namespace
from llmos_nb.process.run import EffectGate, Run, visit_here
from llmos_nb.process.state.decide import Start
from llmos_nb.tools import (
    HANDLE,
    RECORDED,
    Call,
    CallContext,
    Stopped,
    Tool,
    at_once,
    bound_to_thread,
    bounded,
    contents,
    invoke,
)
from llmos_nb.tools.devices.python import Begun, interruptible

if TYPE_CHECKING:
    from llmos_nb.process.gate.nested import Nested


async def start(run: Run, command: Start) -> None:
    """Run an approved call: intent on disk, effect, result."""
    call = run.state.calls[command.call]
    tool = None if call.undoes else run.tools.get(call.name)
    if tool is None or tool.server:  # a server may say something else of it by now
        tool = await gate_tools.current(run, call)
    if tool is None:
        return
    arguments = call.arguments if isinstance(call.arguments, dict) else {}
    if _over_budget(run, call) or _waits(run, call, tool, arguments):
        return
    if tool.effect == "namespace" and (seen := run.inspected.get(call.id)) is not None:
        await conflicts.turn(run, command, tool, seen)
    async with _turn(run, command, tool):
        if call.status != "approved" or run.halting or _over_budget(run, call):
            return
        checked = partial(_checked, run, call, tool, arguments)
        may, *again = await run.section(checked) if _rests(call, tool) else checked()
        if may:
            await _begin(run, call, tool, arguments)
    if again:
        await _ask_again(run, call, tool, arguments, *again)


def _rests(call: Call, tool: Tool) -> bool:
    """Return whether an approval rests on something that may have changed since: on objects, or a server's words."""
    shared = tool.effect == "namespace" and not tool.elsewhere
    return shared or bool(tool.server) or bool(call.digest and call.by.looked)


def _checked(run: Run, call: Call, tool: Tool, arguments: dict[str, Any]) -> tuple[Any, ...]:
    """Return whether an approved call may begin as things are now; where it asks again, what is asked."""
    shared = tool.effect == "namespace"
    if shared and conflicts.sent_back(run, call, tool, _inspected(run, call, tool, arguments)):
        return (False,)
    if (again := _stale(run, call, tool, arguments)) is not None:
        return False, *again
    asks = (shared and _conflicts(run, call, tool, arguments)) or (
        bool(tool.server) and gate_tools.unseen(run, call, tool, arguments)
    )
    return (not asks,)


async def _begin(run: Run, call: Call, tool: Tool, arguments: dict[str, Any]) -> None:
    """Write the intent to disk, then run."""
    key = call.key or f"{run.state.pid}-{run.journal.events[0].hash[:12]}-{call.id}"
    undo, watched = tool.undo is not None, tool.effect == "namespace"
    run.append(CallStarted(call=call.id, key=key, epoch=run.state.epoch, undo=undo, watched=watched))
    await _run_tool(run, call, tool, arguments)


def _waits(run: Run, call: Call, tool: Tool, arguments: dict[str, Any]) -> bool:
    """Record what a call must have before it can run: a person's answer, a message, room for one."""
    wanted = tool.needs(call.id, arguments) if tool.needs is not None else None
    if wanted is not None:
        run.append(wanted)
    return wanted is not None


def _turn(run: Run, command: Start, tool: Tool) -> contextlib.AbstractAsyncContextManager[Any]:
    """The namespace lock for what may write the namespace; nothing for the rest."""
    shared = tool.effect == "namespace" and not tool.elsewhere
    return run.writes.turn(run, command) if shared else contextlib.nullcontext()


def _stale(run: Run, call: Call, tool: Tool, arguments: dict[str, Any]) -> tuple[str, Findings, str] | None:
    """Return why a call asks again, where what a person or an approver approved has changed since."""
    if not call.digest or call.by.in_advance:
        return None
    if tool.inspect is None and call.digest == call_digest(call.id, tool.name, tool.digest, arguments, {}):
        return None  # it rests on the tool and these arguments alone
    seen = look(run, call, tool, arguments)
    asked, before = run.rests.get(call.id, ("", {}))
    digest = digest_of(run, call, tool, arguments, seen, person=True)
    if digest == call.digest:
        del run.rests[call.id]
        return None
    from llmos_nb.process.gate.bound import changed  # most approvals hold

    what = changed(run, seen, before if asked == call.digest else {}, run.rests[call.id][1])
    why = altered(tool) if tool.name in run.state.altered else f"{what} since {call.by.describe()} approved it"
    return f"It asks again because {why}.", seen, digest


async def _ask_again(
    run: Run, call: Call, tool: Tool, arguments: dict[str, Any], why: str, seen: Findings, digest: str
) -> None:
    """Ask those who approved: an approver once more, after that a person."""
    run.inspected[call.id] = seen
    theirs = call.by.kind == "approver" and call.id not in run.approvers.repeated
    if theirs and approvers.may_decide(run, tool, seen):
        run.approvers.repeated.add(call.id)
        await ask_approvers(run, call, tool, arguments, seen, why, digest)
    else:
        ask_human(run, call, why, seen, digest)


def _conflicts(run: Run, call: Call, tool: Tool, arguments: dict[str, Any]) -> bool:
    """Let a person decide where a call would write, once more, what somebody else has changed meanwhile."""
    seen = _inspected(run, call, tool, arguments)
    found = {} if call.by.is_person else conflicts.found(run, tool, seen)
    if not found:
        return False
    digest = digest_of(run, call, tool, arguments, seen, person=True)
    ask_human(run, call, conflicts.asks(found), seen, digest)
    return True


def _inspected(run: Run, call: Call, tool: Tool, arguments: dict[str, Any]) -> Findings:
    """Return what the gate found when it judged the call, or finds now."""
    return run.inspected.get(call.id) or inspect(run, tool, arguments)


def _over_budget(run: Run, call: Call) -> bool:
    for unit in () if call.undoes else run.state.budget.limits:  # what is taken back was paid for
        if unit != "steps" and run.state.left(unit) <= 0:
            reject(run, call, BUDGET, f"the budget of {unit} is used up")
            return True
    return False


async def _run_tool(run: Run, call: Call, tool: Tool, arguments: dict[str, Any]) -> None:
    """Invoke once the intent is on disk, and record; Stop takes a step back and leaves an outside effect in doubt."""
    left = math.inf if call.undoes else run.state.left("s")
    shown = Stream(partial(run.on_output, call.id))
    acted: list[str] = []

    def acting(words: str) -> None:
        Acts(run.journal.path.parent).note(call.key, redact(words))  # on disk before it happens
        acted.extend(() if words.startswith(HANDLE) else (words,))

    gate = _gate_of_effects(run, call, tool, arguments, acted)
    seconds = min(run.call_timeout_s, max(left, 0.05))
    context = CallContext(
        call.id, call.key, seconds, shown, acting, lambda kind, target: gate().permit(kind, target),
        _tools_within(run, call, gate), run.state.mode, run.state.closed,
        partial(gate_labels.exposed, run, call.id), partial(gate_labels.meets, run, call.id, gate), run.pictures,
        partial(approvers.looked_at, run, call, run.inspected.get(call.id)),
    )  # fmt: skip
    visit, begun = visit_here if tool.beside else run.visit, Begun(call.key)
    try:
        work = partial(_begun if tool.beside else _at_once, run, tool, arguments, context, begun)
        seen, came, result = await visit(work, run.journal)
        if bound_to_thread(tool, result):  # a read that may be repeated, with an object of the user's thread
            tool = run.tools[tool.name] = replace(tool, place="main")
            seen, came, result = await run.visit(partial(_at_once, run, tool, arguments, context, begun))
    except Stopped as stop:
        run.halt("paused", stop.by)
        _cut_off(run, call, tool, acted)
    except (asyncio.CancelledError, JournalError):
        if begun.entered:
            _cancelled(run, call, tool, acted)
        else:
            record(run, call, tool, ToolResult(False, "stopped before it ran; nothing happened", "Stopped"))
        raise
    else:
        shown.end()
        result = await _with_hashes(result)
        result = await quarantine.withheld(run, call, tool, came, result)
        gate_labels.settle_labels(run, call, came, result, seen)
        record(run, call, tool, result)
        if begun.by:  # it was stopped once its code had ended
            run.halt("paused", begun.by)
    finally:
        if (made := run.gates.get(call.id)) is not None:  # it stays, for what the call leaves behind
            made.close()


def _gate_of_effects(
    run: Run, call: Call, tool: Tool, arguments: dict[str, Any], acted: list[str]
) -> Callable[[], EffectGate]:
    """Return what gives the gate of a call's effects, on its thread; it is made with the first one."""
    seen = run.inspected.get(call.id)
    run.gates.pop(call.id, None)  # of an earlier attempt

    def gate() -> EffectGate:
        if call.id not in run.gates:
            from llmos_nb.process.gate.effects import Effects  # most calls have none

            run.gates[call.id] = Effects(run, call, seen or inspect(run, tool, arguments), acted)
        return run.gates[call.id]

    return gate


def _tools_within(
    run: Run, call: Call, gate: Callable[[], EffectGate]
) -> Callable[[], contextlib.AbstractContextManager[object]]:
    """Return what intercepts the process's own tools in the code of a step, also in threads that it starts."""

    @cache
    def nested() -> Nested:
        from llmos_nb.process.gate.nested import Nested  # as above

        return Nested(run, call, gate)

    def within() -> contextlib.AbstractContextManager[object]:
        own = any(t.runner is None and not t.elsewhere and not t.server for t in run.tools.values())
        return nested().watched() if own else contextlib.nullcontext()

    return within


async def _with_hashes(result: ToolResult) -> ToolResult:
    """Hash what a call read and wrote, beside both threads; it is done, so a stop that comes meanwhile is not its."""
    outside = result.facts.get("outside", {})
    if not (outside.get("files") or outside.get("made")):
        return result
    work = asyncio.ensure_future(asyncio.to_thread(contents.hashed, outside))
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.shield(work)
    if not work.done():
        outside = contents.unhashed(outside, "the process was stopped before its content was hashed")
    return replace(result, facts={**result.facts, "outside": work.result() if work.done() else outside})


def _at_once(*call: Any) -> Any:
    """Invoke a call; one that awaits nothing needs no task."""
    return at_once(_begun(*call))


async def _begun(
    run: Run, tool: Tool, arguments: dict[str, Any], context: CallContext, begun: Begun
) -> tuple[Findings, Came, ToolResult]:
    """Invoke a call so that Stop finds it from here on; one that came before is found here."""
    with begun:
        if run.halting:
            raise Stopped(run.halting[1])
        return await _invoked(run, tool, arguments, context)


async def _invoked(
    run: Run, tool: Tool, arguments: dict[str, Any], context: CallContext
) -> tuple[Findings, Came, ToolResult]:
    """Invoke a call, with what it reads before and what it has brought after; where the user's objects live."""
    seen = run.inspected.pop(context.call, None) or inspect(run, tool, arguments)
    gate_labels.catch_up(run)
    came = gate_labels.reading(run, tool, arguments, seen)
    if tool.gated and came.label.untrusted and gate_labels.in_hand(run, tool, arguments, seen):
        context.reads("")
    handed = arguments if tool.effect == "namespace" else vault.resolve(arguments)
    if tool.effect == "namespace" and not tool.elsewhere:
        approvers.look(run)
    place = run.place()
    result = await invoke(_noted(run, tool, arguments, seen, context.call), handed, context, guard=interruptible)
    result = replace(result, facts={**result.facts, **place})
    gate_labels.learn(run, arguments, result)
    if run.state.closed:
        from llmos_nb.process.gate.cover import keep  # few processes commit to anything

        keep(run, context.call, tool, arguments, result)
    if (gate := run.gates.get(context.call)) is not None:
        came = gate_labels.joined(came, gate.brought)
    if tool.gated:
        came = gate_labels.joined(came, gate_labels.took(run, tool, seen, result))
    came = gate_labels.brought(gate_labels.gave(tool, came, result), result)
    return seen, came, gate_labels.withheld(run, run.state.calls[context.call], tool, came, result)


def _noted(run: Run, tool: Tool, arguments: dict[str, Any], seen: Findings, call: str) -> Tool:
    """Have a device's step noted in the very turn of the event loop in which it ends; a cell may run in the next.

    For the same reason it is compared once more in the turn in which it begins.
    """
    inner, sight = tool.runner, run.sight
    if inner is None or sight is None or tool.elsewhere:
        return tool
    described = [str(arguments["name"])] if tool.name == "describe" else []

    async def runner(given: Mapping[str, Any], context: CallContext) -> ToolResult:
        if (late := conflicts.late(run, run.state.calls[call], tool, seen)) is not None:
            return late
        result = await inner(given, context)
        looked = [*seen.names, *described]
        sight.ran(Changes.parse(result.changes or {}).names, looked, run.state.pid)
        return values.observed(run, context.call, seen, result)

    return replace(tool, runner=runner)


def _cut_off(run: Run, call: Call, tool: Tool, acted: list[str]) -> None:
    """Say that a call was cut off; what it did outside before that is not taken back, and may not be done again.

    One that nobody meant begins anew later, where nothing of it is left.
    """
    if run.anew and not acted and (tool.repeat != "once" or only_namespace(run, tool, call)):
        run.append(CallResolved(call=call.id, done=False, by=run.halted_by))
        return
    back = "; what it had changed was taken back" if tool.effect == "namespace" else ""
    stands = f". It had begun to act outside, which stands: {', '.join(acted)}" if acted else ""
    facts = {"effects": acted} if acted else {}
    record(run, call, tool, ToolResult(False, run.stopped_by + back + stands, "Stopped", facts=facts))


def _cancelled(run: Run, call: Call, tool: Tool, acted: list[str]) -> None:
    if tool.effect in ("read", "namespace") or tool.repeat != "once":
        _cut_off(run, call, tool, acted)
    else:
        why = f"{tool.name} was stopped under way; nobody knows whether it took effect."
        run.append(CallInDoubt(call=call.id, why=why))


def record(run: Run, call: Call, tool: Tool, result: ToolResult) -> None:
    """Record what a call gave, bounded, with the names that it changed."""
    if result.facts.get("in_doubt") and tool.repeat == "once":
        why = f"nobody knows whether {tool.name} took effect: {result.text}"
        run.append(CallInDoubt(call=call.id, why=why))
        return
    if result.changes and any(result.changes.values()):
        changes = values.kept(run, call.id, Changes.parse(result.changes))
        run.append(NamesChanged(call=call.id, changes=changes))
    long = len(result.text) > RECORDED // 4  # a value must not be cut in two before the journal looks for it
    text, size = bounded(redact(result.text) if long else result.text)
    hidden = ("in_doubt", "table") if values.private(run, result.facts.get("table")) else ("in_doubt",)
    facts = {k: v for k, v in result.facts.items() if k not in hidden}
    noted = "code" in facts or tool.name == "python"  # a device may say it itself, where it runs
    if result.ok and not noted and tool.effect == "namespace" and tool.code is not None:
        facts |= _as_code(tool, call)
    run.append(
        CallFinished(
            call=call.id,
            ok=result.ok,
            result=text,
            size=int(facts.get("size", size)),
            error=result.error,
            images=[_image(p) for p in result.parts if p.kind == "image" and p.data],
            facts=facts,
        )
    )


def _as_code(tool: Tool, call: Call) -> dict[str, Any]:
    """Return a call that bound names as code, for an export from the journal, where no device stands by any more."""
    try:
        code = tool.to_code(call.arguments) if isinstance(call.arguments, dict) else ""
    except Exception:  # what another package's device does
        return {}
    return {"code": code} if 0 < len(code) <= RECORDED else {}


def _image(part: Any) -> dict[str, Any]:
    return {"mime": part.mime, "text": part.text, "data": part.data.hex()}
