"""The one gate that every call passes: tool, schema, repeats, policy. `run` is its second half."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from llmos_nb.errors import BadArguments, UnknownTool
from llmos_nb.journal.events import (
    PLAN,
    REPEAT,
    SCHEMA,
    TESTS,
    YOU,
    ActUsed,
    CallDecided,
    CallFinished,
    Decider,
    QuestionAsked,
    RunEnded,
)
from llmos_nb.policy import Act, Ruling, approval, call_digest, judge, labels
from llmos_nb.process.findings import Findings
from llmos_nb.process.gate import (
    approvers,
    commitments,
    compensate,
    conflicts,
    labels as gate_labels,
)
from llmos_nb.process.run import Run
from llmos_nb.process.state import State
from llmos_nb.process.state.decide import Finish, Judge
from llmos_nb.process.state.fold.call import repeat_key
from llmos_nb.process.state.state import say
from llmos_nb.tools import Call, Stopped, Tool, bounded, parse_arguments, unknown_tool, validate

SAME_CALLS = 2
AUTO = Decider("mode", "auto")


def finish(run: Run, command: Finish) -> None:
    """Take a `final_answer` call as the answer."""
    call = run.state.calls[command.call]
    arguments = call.arguments if isinstance(call.arguments, dict) else {}
    text, size = bounded(str(arguments.get("answer", "")))
    if not text.strip():
        reject(run, call, SCHEMA, say(run.state, "no_answer"))
    else:
        run.append(CallFinished(call=call.id, ok=True, result=text, size=size))


def reject(run: Run, call: Call, by: Decider, why: str) -> None:
    """Record that a call does not run, with the reason for the model."""
    run.append(CallDecided(call=call.id, digest="", what="reject", by=by, why=why))


def judge_in_section(run: Run, command: Judge) -> Awaitable[None] | None:
    """Judge a call; one that has to do with the user's objects on their thread, while nothing else happens."""
    if run.relay is None or not _touches(run, run.state.calls[command.call]):
        asks: Awaitable[None] | None = run.in_words(partial(judge_call, run, command))
        return asks
    return _judge_there(run, command)


async def _judge_there(run: Run, command: Judge) -> None:
    await _decided(run, partial(judge_call, run, command))


async def _decided(run: Run, judged: Callable[[], Awaitable[None] | None]) -> None:
    """Judge in a section; whoever is asked after that may take as long as they like."""
    (asks,) = await run.section(lambda: (run.in_words(judged),))
    if asks is not None:
        await asks


def _touches(run: Run, call: Call) -> bool:
    """Return whether judging a call looks at the user's objects: at what code reads, or at what is labelled."""
    tool = run.tools.get(call.name)
    looked_at = tool is not None and tool.inspect is not None
    return looked_at or bool(call.undoes) or bool(labels.marked(run.state.labels))


def judge_call(run: Run, command: Judge) -> Awaitable[None] | None:
    """Pass one call through the gate up to its decision."""
    call = run.state.calls[command.call]
    if _repeated(run, call):
        return None
    try:
        tool = compensate.tool_of(run, call) or find(run.tools, call.name)
        arguments = validate(tool, parse_arguments(call.arguments))
    except (BadArguments, UnknownTool) as error:
        reject(run, call, SCHEMA, str(error))
        return None
    if run.state.planning == "only" and tool.effect != "read" and not call.undoes:
        reject(run, call, PLAN, say(run.state, "only_a_plan"))
        return None
    if run.state.closed and tool.outward and not call.undoes:
        return _look_up_and_judge(run, call, tool, arguments)
    return _judge(run, call, tool, arguments)


async def _look_up_and_judge(run: Run, call: Call, tool: Tool, arguments: dict[str, Any]) -> None:
    """Read what the acts name, and judge; the call waits as it is where Stop comes meanwhile."""
    from llmos_nb.process.gate.cover import look_up  # few processes commit to anything

    try:
        await run.visit(partial(look_up, run, call, tool, arguments))
    except Stopped as stop:
        run.halt("paused", stop.by)
    if not run.halting and call.status == "proposed":
        await _decided(run, partial(_judge, run, call, tool, arguments))


def _judge(run: Run, call: Call, tool: Tool, arguments: dict[str, Any]) -> Awaitable[None] | None:
    """Decide on a call, or ask: the approvers that were handed in, then a person."""
    gate_labels.catch_up(run)
    seen = run.inspected[call.id] = look(run, call, tool, arguments)
    verdict = ruling(run, call, tool, arguments, seen)
    if verdict.what == "ask" and conflicts.sent_back(run, call, tool, seen):
        return None  # a person is not asked about a step that rests on what is no more
    if seen.failing and _fails(run, call, seen, verdict):
        return None
    person = verdict.what == "ask" or verdict.by.is_person
    digest = digest_of(run, call, tool, arguments, seen, person)
    if verdict.what == "ask" and approvers.may_decide(run, tool, seen):
        return ask_approvers(run, call, tool, arguments, seen, verdict.why, digest)
    if verdict.what == "ask":
        changed = conflicts.found(run, tool, seen)
        ask_human(run, call, conflicts.asks(changed) if changed else verdict.why, seen, digest, arguments)
    else:
        use(run, call, seen.use if verdict.what == "allow" else None)
        run.append(
            CallDecided(
                call=call.id,
                digest=digest,
                what="approve" if verdict.what == "allow" else "reject",
                by=verdict.by,
                why=verdict.why,
                arguments=arguments if arguments != call.arguments else None,
            )
        )
    return None


def _fails(run: Run, call: Call, seen: Findings, verdict: Ruling) -> bool:
    """Send a commit back to the model where tests of it fail; what is sent once more as it is goes to whoever decides.

    Those tests may have failed before, or be wrong: no check can tell. What a rule or a person let through stays so.
    """
    state, open_ = seen.state or "", verdict.what == "ask" or (verdict.what == "allow" and verdict.by.kind == "mode")
    if not open_ or any(c.by == TESTS and c.digest == state for c in run.state.calls.values()):
        return False
    why = say(run.state, "tests_fail", tests=seen.failing)
    run.append(CallDecided(call=call.id, digest=state, what="reject", by=TESTS, why=why))
    return True


def use(run: Run, call: Call, which: Mapping[str, Any] | None) -> None:
    """Record that a call which is let through is one of those that an act stands for."""
    if which is not None:
        run.append(ActUsed(call=call.id, **which))


async def ask_approvers(
    run: Run, call: Call, tool: Tool, arguments: dict[str, Any], seen: Findings, why: str, digest: str
) -> None:
    """Let the first approver decide that wants to; else ask a person. What Stop interrupts is judged again."""
    before = (call.status, call.arguments)
    request = approvers.request_of(run, call, arguments, seen, why, digest)
    name, decision, trouble = await approvers.consult(run, request)
    if run.halting or (call.status, call.arguments) != before:
        return
    by, said = Decider("approver", name), "" if decision is None else approvers.words(decision)
    said = " ".join(w for w in (said, *trouble) if w)
    if decision is None:
        ask_human(run, call, " ".join([why, *trouble]), seen, digest, arguments)
    elif decision.what == "reject":
        reject(run, call, by, said)
    elif decision.what == "edit":
        await run.section(
            partial(run.in_words, partial(_edit, run, call, tool, dict(decision.arguments or {}), by, said))
        )
    else:
        changed = arguments if arguments != call.arguments else None
        use(run, call, seen.use)
        run.append(CallDecided(call=call.id, digest=digest, what="approve", by=by, why=said, arguments=changed))


def _edit(run: Run, call: Call, tool: Tool, given: dict[str, Any], by: Decider, said: str) -> None:
    """Approve a call with an approver's arguments, unless they do not fit or the policy denies the call so."""
    try:
        arguments = validate(tool, given)
    except BadArguments as error:
        seen = look(run, call, tool, call.arguments if isinstance(call.arguments, dict) else {})
        digest = digest_of(run, call, tool, call.arguments, seen, person=True)
        ask_human(run, call, f"It asks because the arguments of {by.describe()} do not fit: {error}", seen, digest)
        return
    seen = run.inspected[call.id] = look(run, call, tool, arguments)
    verdict = ruling(run, call, tool, arguments, seen)
    run.append(CallDecided(call=call.id, digest="", what="edit", by=by, why=said, arguments=arguments))
    if verdict.what == "deny":
        reject(run, call, verdict.by, verdict.why)
        return
    digest = digest_of(run, call, tool, arguments, seen, person=True)
    use(run, call, seen.use)
    run.append(CallDecided(call=call.id, digest=digest, what="approve", by=by, why=said))


def look(run: Run, call: Call, tool: Tool, arguments: dict[str, Any]) -> Findings:
    """Say what a call would do, what commitment covers it, and where its arguments come from."""
    seen = inspect(run, tool, arguments)
    covered: dict[str, Any] = {}
    if commitments.binds(run.state, tool) and not call.undoes:  # a person wants that
        from llmos_nb.process.gate.cover import Values, cover  # as above

        covered = cover(run, call.id, tool, arguments, Values(run))
    return seen.add((), trace=partial(commitments.origins, run, arguments), **covered)


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
    why = say(s, "repeated", times=count)
    if count > SAME_CALLS and s.mode in ("auto", "never"):
        reject(run, call, REPEAT, why)
        run.append(RunEnded(reason="failed", detail=f"{call.name} was called again and again", answer=None))
    elif count > SAME_CALLS:
        ask_human(run, call, f"It asks because the same call was made {count} times with nothing new.", Findings(), "")
    else:
        reject(run, call, REPEAT, why)
    return True


def ask_human(
    run: Run, call: Call, why: str, seen: Findings, digest: str, arguments: Mapping[str, Any] | None = None
) -> None:
    """Ask a person about a call, and about its arguments as they fit the tool; what they will see is on the record."""
    run.append(
        QuestionAsked(
            question=call.id,
            about="approval",
            text=why,
            title=seen.title or f"call {call.name}",
            digest=digest,
            risks=[list(risk) for risk in seen.risks],
            reads=list(seen.reads),
            writes=list(seen.writes),
            lent=None if seen.lent is None else list(seen.lent),
            absent=None if seen.absent is None else list(seen.absent),
            origins=seen.origins,
            shows=seen.shows,
            each_time=seen.each_time,
            foreign=_foreign(run, call),
            act=dict(seen.use) if seen.use is not None else None,
            arguments=dict(arguments) if arguments is not None and arguments != call.arguments else None,
            **approval.bounds(run.state.approval),
        )
    )


def _foreign(run: Run, call: Call) -> list[dict[str, str]]:
    """Return the values of a call that decide where it goes and that others wrote."""
    tool = run.tools.get(call.name)
    if tool is None or not tool.outward or not isinstance(call.arguments, dict) or not gate_labels.exposed(run):
        return []
    from llmos_nb.process.gate.foreign import foreign  # few processes read what others wrote

    return foreign(run, tool, call.arguments)


def inspect(run: Run, tool: Tool, arguments: Mapping[str, Any]) -> Findings:
    """Say what this very call would do: level, risks with their sentences, names read and written."""
    seen = _alone(tool, arguments)
    if tool.name in run.state.altered:
        now = f"{altered(tool)}; now: {tool.description[:300]}"
        seen = seen.add([("changed tool", now)], first=True)
    return gate_labels.risks(run, tool, arguments, seen)


def _alone(tool: Tool, arguments: Mapping[str, Any]) -> Findings:
    """Say what a call would do wherever its words come from."""
    if tool.inspect is not None:
        return Findings.of(tool.inspect(arguments))
    if tool.effect in ("read", "namespace"):
        return Findings(tool.effect)
    what = "writes files" if tool.effect == "write" else "acts outside the namespace"
    declared = f"`{tool.name}` {what}, and Undo cannot take that back"
    return Findings("risky", f"call {tool.name}", f"It asks because {declared}.", (("external", declared),))


def ruling(run: Run, call: Call, tool: Tool, arguments: dict[str, Any], seen: Findings) -> Ruling:
    """Return what rules, plan and mode say of a call."""
    s = run.state
    level = "read" if tool.name == "ask" else seen.level
    why = seen.why or " ".join(f"It asks because {sentence}." for _, sentence in seen.risks[:1])
    label, outward = labels.context(s.labels), tool.outward
    if outward and gate_labels.exposed(run):
        label = label.join(labels.UNTRUSTED)
    kinds = frozenset(kind for kind, _ in seen.risks)
    if any(rule.risks for rule in s.rules):
        from llmos_nb.process.gate.targets import elsewhere  # few have approved what is to come

        kinds |= {"elsewhere"} if elsewhere(seen) else set()
    act = Act(
        call.name,
        arguments,
        level,
        (why,) if why else (),
        call.step,
        label,
        outward,
        seen.cover,
        not (run.attended() or call.undoes or approvers.may_decide(run, tool, seen)),
        kinds,
        _as_before(run, tool, arguments),
        tool.gated,
        tool.declared or not tool.handed_over,
    )
    mode = "auto" if tool.name == "ask" and s.mode == "step" else s.mode
    granted = s.envelope if commitments.by_person(s) else {}
    verdict = judge(act, mode, s.rules, s.rules_used, granted, s.envelope_used, s.at)
    if seen.unseen and verdict == Ruling("allow", AUTO):
        from llmos_nb.process.gate.effects import unseen  # few steps use such libraries

        verdict = unseen(run, seen, act.alone) or verdict
    each_time = tool.each_time  # no rule, mode or plan speaks for such a call, only a person
    if verdict.what == "allow" and (each_time or call.name in s.altered):
        why = why if each_time else f"It asks because {altered(tool)}."
        return (
            Ruling("ask", Decider("check", "tools"), why)
            if s.mode != "never"
            else Ruling("deny", Decider("mode", "never"), say(s, "nobody", why=why))
        )
    loose = label.untrusted or each_time or (seen.cover is not None and not seen.cover.runs)
    if verdict.what == "ask" and call.step in s.preapproved and not loose:
        return Ruling("allow", YOU, "You approved this step before it began.")
    if verdict.what == "allow" and s.upto and s.plan.later(call.step, s.upto) and verdict.by.kind != "rule":
        return _beyond(s, call)
    return verdict


def _beyond(s: State, call: Call) -> Ruling:
    """Ask before the first call of a step after the last one that a person approved, unless they have since."""
    if call.step in s.preapproved:
        return Ruling("allow", YOU, "You approved this step before it began.")
    return Ruling("ask", PLAN, f"It asks because you approved the plan up to step {s.upto}.")


def _as_before(run: Run, tool: Tool, arguments: Mapping[str, Any]) -> bool:
    """Return whether a call stays where others' words cannot send it: in the folder, or where a device was before."""
    if tool.runner is None or tool.server:
        return False
    if tool.effect == "write":  # the files of the folder, which keep their labels
        return True
    if not tool.sinks or tool.repeat == "once":
        return False
    given = [arguments.get(name) for name in tool.sinks]
    made = (c.arguments for c in run.state.surviving if c.name == tool.name and isinstance(c.arguments, dict))
    return any([before.get(name) for name in tool.sinks] == given for before in made)


def altered(tool: Tool) -> str:
    """Say that a tool is no longer what its server had said that it was."""
    return f"the MCP server `{tool.server}` says something else of `{tool.name}` than before"


def digest_of(run: Run, call: Call, tool: Tool, arguments: object, seen: Findings, person: bool) -> str:
    """Bind a decision to this call, tool and arguments; a person's also to the versions of the names that it uses.

    What a mode or rule decides is carried out at once, so that nothing need be hashed for it.
    """
    if not person:
        return call_digest(call.id, tool.name, tool.digest, arguments, {})
    from llmos_nb.process.gate.bound import versions  # most calls are decided on by no person

    found = versions(run, tool, arguments, seen)
    digest = call_digest(call.id, tool.name, tool.digest, arguments, found)
    run.rests[call.id] = digest, found
    return digest
