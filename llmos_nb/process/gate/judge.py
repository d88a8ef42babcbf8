"""The one gate that every call passes: tool, schema, repeats, policy. `run` is its second half."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any

from llmos_nb.errors import BadArguments, UnknownTool
from llmos_nb.policy import APPROVER, Act, Ruling, approval, call_digest, judge, labels
from llmos_nb.policy.authority import Standing
from llmos_nb.process.driver import Run, carries_out
from llmos_nb.process.gate import approvers, compensate
from llmos_nb.process.gate import authority as gate_authority
from llmos_nb.process.gate import labels as gate_labels
from llmos_nb.process.state.decide import Finish, Judge
from llmos_nb.process.state.fold.call import repeat_key
from llmos_nb.tools import Call, Stopped, Tool, bounded, parse_arguments, unknown_tool, validate

SAME_CALLS = 2
NOBODY = "This needs a person and nobody may be asked. "


@carries_out(Finish)
def finish(run: Run, command: Finish) -> None:
    """Take a `final_answer` call as the answer."""
    call = run.state.calls[command.call]
    arguments = call.arguments if isinstance(call.arguments, dict) else {}
    text, size = bounded(str(arguments.get("answer", "")))
    if not text.strip():
        reject(run, call, "schema", "final_answer: answer must be a text")
    else:
        run.append("call.finished", call=call.id, ok=True, result=text, size=size)


def reject(run: Run, call: Call, by: str, why: str) -> None:
    """Record that a call does not run, with the reason for the model."""
    run.append("call.decided", call=call.id, digest="", what="reject", by=by, why=why)


@carries_out(Judge)
def judge_call(run: Run, command: Judge) -> Awaitable[None] | None:
    """Pass one call through the gate up to its decision; where its arguments may name records, look these up first."""
    call = run.state.calls[command.call]
    if _repeated(run, call):
        return None
    try:
        tool = compensate.tool_of(run, call) or find(run.tools, call.name)
        arguments = validate(tool, parse_arguments(call.arguments))
    except (BadArguments, UnknownTool) as error:
        reject(run, call, "schema", str(error))
        return None
    free = run.state.mode == "auto" and not gate_authority.exposed(run)
    if not free and gate_authority.shelves(run, tool):
        return _look_up_and_judge(run, call, tool, arguments)
    run.books.clear()  # what was looked up for an earlier call says nothing of this one
    return _judge(run, call, tool, arguments)


async def _look_up_and_judge(run: Run, call: Call, tool: Tool, arguments: dict[str, Any]) -> None:
    """Look records up and judge; the call waits as it is where Stop comes meanwhile."""
    try:
        await gate_authority.look_up(run, tool)
    except Stopped as stop:
        run.halt("paused", str(stop) or "you")
    if not run.halting and call.status == "proposed" and (asks := _judge(run, call, tool, arguments)):
        await asks


def _judge(run: Run, call: Call, tool: Tool, arguments: dict[str, Any]) -> Awaitable[None] | None:
    """Decide on a call, or ask: the approvers that were handed in, then a person."""
    gate_labels.catch_up(run)
    seen = run.inspected[call.id] = look(run, call, tool, arguments)
    verdict = _verdict(run, call, tool, arguments, seen)
    person = verdict.what == "ask" or verdict.by == "you"
    digest = digest_of(run, call, tool, arguments, seen, person)
    if verdict.what == "ask" and approvers.may_decide(run, tool, seen):
        return ask_approvers(run, call, tool, arguments, seen, verdict.why, digest)
    if verdict.what == "ask":
        ask_human(run, call, verdict.why, seen, digest)
    else:
        what = "approve" if verdict.what == "allow" else "reject"
        extra: dict[str, Any] = {"arguments": arguments} if arguments != call.arguments else {}
        if verdict.by == "words":
            extra["origins"] = origins(seen)
        if seen["looked"]:
            extra["looked"] = seen["looked"]
        run.append(
            "call.decided", call=call.id, digest=digest, what=what, by=verdict.by, why=verdict.why, **extra
        )
    return None


async def ask_approvers(
    run: Run, call: Call, tool: Tool, arguments: dict[str, Any], seen: Mapping[str, Any], why: str, digest: str
) -> None:
    """Let the first approver decide that wants to; else ask a person. What Stop interrupts is judged again."""
    before = (call.status, call.arguments)
    request = approvers.request_of(run, call, arguments, seen, why, digest)
    name, decision, trouble = await approvers.consult(run, request)
    if run.halting or (call.status, call.arguments) != before:
        return
    by, said = f"{APPROVER}{name}", "" if decision is None else approvers.words(decision)
    said = " ".join(w for w in (said, *trouble) if w)
    if decision is None:
        ask_human(run, call, " ".join([why, *trouble]), seen, digest)
    elif decision.what == "reject":
        reject(run, call, by, said)
    elif decision.what == "edit":
        _edit(run, call, tool, dict(decision.arguments or {}), by, said)
    else:
        more = {"arguments": arguments} if arguments != call.arguments else {}
        run.append("call.decided", call=call.id, digest=digest, what="approve", by=by, why=said, **more)


def _edit(run: Run, call: Call, tool: Tool, given: dict[str, Any], by: str, said: str) -> None:
    """Approve a call with an approver's arguments, unless they do not fit or the policy denies the call so."""
    try:
        arguments = validate(tool, given)
    except BadArguments as error:
        seen = look(run, call, tool, call.arguments if isinstance(call.arguments, dict) else {})
        digest = digest_of(run, call, tool, call.arguments, seen, person=True)
        ask_human(run, call, f"It asks because the arguments of {by} do not fit: {error}", seen, digest)
        return
    seen = run.inspected[call.id] = look(run, call, tool, arguments)
    verdict = _verdict(run, call, tool, arguments, seen)
    run.append("call.decided", call=call.id, digest="", what="edit", by=by, why=said, arguments=arguments)
    if verdict.what == "deny":
        reject(run, call, verdict.by, verdict.why)
        return
    digest = digest_of(run, call, tool, arguments, seen, person=True)
    run.append("call.decided", call=call.id, digest=digest, what="approve", by=by, why=said)


def look(run: Run, call: Call, tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
    """Say what a call would do, whether it stands on the user's words, and where its arguments come from."""
    seen = inspect(run, tool, arguments)
    found = gate_authority.standing_of(run, call, tool, arguments)
    looked = [
        source.name for source, shelf in gate_authority.shelves(run, tool).values() if shelf.kind in run.books
    ]
    seen |= {
        "standing": found,
        "origins": partial(gate_authority.origins, run, tool, arguments, found),
        "looked": looked,
    }
    if found is not None and not found.holds and gate_authority.exposed(run):
        seen["risks"] = [*seen.get("risks", ()), ["untrusted data", found.why]]
    return seen


def origins(seen: Mapping[str, Any]) -> dict[str, str]:
    """Say where a call's arguments come from; looked for only where somebody is told, since it reads all results."""
    return dict(seen["origins"]()) if "origins" in seen else {}


def find(tools: Mapping[str, Tool], name: str) -> Tool:
    """Return the tool of exactly this name."""
    if name not in tools:
        raise unknown_tool(name, tools)
    return tools[name]


def _repeated(run: Run, call: Call) -> bool:
    """Refuse the third identical call with nothing new; the fourth asks a person, or ends the process."""
    s = run.state
    count = s.repeats.get(repeat_key(call), 0)
    if count < SAME_CALLS:
        return False
    why = f"the same call was made {count} times with nothing new; use what it gave, or do something else"
    if count > SAME_CALLS and s.mode in ("auto", "never"):
        reject(run, call, "repeat", why)
        run.append("run.ended", reason="failed", detail=f"{call.name} was called again and again", answer=None)
    elif count > SAME_CALLS:
        ask_human(run, call, f"It asks because {why.split(';', maxsplit=1)[0]}.", {}, "")
    else:
        reject(run, call, "repeat", why)
    return True


def ask_human(run: Run, call: Call, why: str, seen: Mapping[str, Any], digest: str) -> None:
    """Ask a person about a call; what they will see is on the record."""
    title = seen.get("title") or f"call {call.name}"
    run.append(
        "question.asked",
        question=call.id,
        kind="approval",
        text=why,
        title=title,
        digest=digest,
        risks=list(seen.get("risks", ())),
        reads=list(seen.get("reads", ())),
        writes=list(seen.get("writes", ())),
        origins=origins(seen),
        **({"looked": seen["looked"]} if seen.get("looked") else {}),
        **{k: seen[k] for k in ("shows", "each_time") if seen.get(k)},
        **approval.bounds(run.state.approval),
    )


def inspect(run: Run, tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Say what this very call would do: level, risks with their sentences, names read and written."""
    seen = _alone(tool, arguments)
    if tool.name in run.state.altered:
        now = f"{altered(tool)}; now: {tool.description[:300]}"
        seen = {**seen, "risks": [["changed tool", now], *seen.get("risks", ())]}
    return gate_labels.risks(run, tool, arguments, seen)


def _alone(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Say what a call would do wherever its words come from."""
    if tool.inspect is not None:
        return dict(tool.inspect(arguments))
    if tool.effect in ("read", "namespace"):
        return {"level": tool.effect}
    what = "writes files" if tool.effect == "write" else "acts outside the namespace"
    declared = f"`{tool.name}` {what}, and Undo cannot take that back"
    return {
        "level": "risky",
        "title": f"call {tool.name}",
        "risks": [["external", declared]],
        "why": f"It asks because {declared}.",
    }


def _verdict(run: Run, call: Call, tool: Tool, arguments: dict[str, Any], seen: Mapping[str, Any]) -> Ruling:
    s = run.state
    level = "read" if tool.name == "ask" else str(seen["level"])
    why = seen.get("why") or " ".join(f"It asks because {r[1]}." for r in list(seen.get("risks", ()))[:1])
    label, outward = labels.context(s.labels), tool.effect in ("write", "external")
    if outward and gate_authority.exposed(run):
        label = label.join(labels.UNTRUSTED)
    found: Standing | None = seen.get("standing")
    vouched = gate_authority.vouched(run, tool, arguments, found)
    stands = None if found is None else found.holds
    kinds = frozenset(str(risk[0]) for risk in seen.get("risks", ()))
    act = Act(
        call.name, arguments, level, (why,) if why else (), call.step, label, outward, vouched, stands, kinds
    )
    mode = "auto" if tool.name == "ask" and s.mode == "step" else s.mode
    granted = s.envelope if gate_authority.by_person(s) else {}
    verdict = judge(act, mode, s.rules, s.rules_used, granted, s.envelope_used, s.at)
    each_time = tool.each_time  # no rule, mode or plan speaks for such a call, only a person
    if verdict.what == "allow" and (each_time or call.name in s.altered):
        why = why if each_time else f"It asks because {altered(tool)}."
        return Ruling("ask", "tools", why) if s.mode != "never" else Ruling("deny", "mode:never", NOBODY + why)
    if verdict.what == "ask" and call.step in s.preapproved and not (label.untrusted or each_time):
        return Ruling("allow", "you", "You approved this step before it began.")
    return verdict


def altered(tool: Tool) -> str:
    """Say that a tool is no longer what its server had said that it was."""
    return f"the MCP server `{tool.server}` says something else of `{tool.name}` than before"


def digest_of(
    run: Run, call: Call, tool: Tool, arguments: object, seen: Mapping[str, Any], person: bool
) -> str:
    """Bind a decision to this call, tool and arguments; a person's also to the versions of the names that it uses.

    What a mode or rule decides is carried out at once, so that nothing need be hashed for it.
    """
    names = {*seen.get("reads", ()), *seen.get("writes", ())}
    versions = run.fingerprint(sorted(names)) if person and not tool.elsewhere else {}
    if person and "state" in seen:  # of what a device would act on, such as files that are to be committed
        versions = {**versions, "*": str(seen["state"])}
    return call_digest(call.id, tool.name, tool.digest, arguments, versions)
