"""What the `%agent` commands do: each finds its process, calls a verb, and shows."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from llmos_nb.app import proof
from llmos_nb.app.cells import put
from llmos_nb.app.commands.trust import adopt
from llmos_nb.app.listing import stands
from llmos_nb.app.options import Command, names_something
from llmos_nb.app.present.front import front_end
from llmos_nb.app.present.presenter import Presenter
from llmos_nb.app.present.text import TextShown
from llmos_nb.app.verbs import step_or_call
from llmos_nb.errors import LlmosError, NotAnswered, UsageError
from llmos_nb.journal import history
from llmos_nb.journal.events import CallDecided, CallRedone, CallUndone, PlanDecided, SignalReceived
from llmos_nb.policy import parse_rule
from llmos_nb.policy.secrets import SecretStr, handle, vault
from llmos_nb.process import beyond_undo, inputs
from llmos_nb.session import Process, Session, abreast, api, exporting, table
from llmos_nb.session.commands import kill_children
from llmos_nb.tools import Call
from llmos_nb.views import left_by, visible
from llmos_nb.views.text import diff as difference


async def approve(session: Session, command: Command) -> None:
    process = session.find(command.process)
    what = command.words[1] if len(command.words) > 1 else "all"
    before, lacks = len(process.events), inputs.lacking(process.run) if process.cold else []
    flags = command.flags
    await _shown_here(session, process)
    process.approve(step_or_call(what), without=flags["without"], upto=flags["upto"])
    fresh = [e.body for e in process.events[before:]]
    for body in fresh:
        match body:
            case SignalReceived(signal="stale_approval", call=call, why=why):
                print(f"{call}: not counted, {why or 'it is not asked'}")
            case CallDecided(call=call, what="approve", by=by) if process.cold and by.kind != "mode":
                print(f"{call} is approved, and has not run")
            case PlanDecided(what="approve") if process.cold:
                print("the plan is approved, and nothing of it has run")
    if not fresh:
        print(f"process {process.pid} asks for no approval")
    if lacks:
        print(f"process {process.pid} {inputs.needs(lacks)}")
    _tell(process)


async def _shown_here(session: Session, process: Process) -> None:
    """Show what a process that waits does from here on, where no panel and no other cell would show it."""
    if process.state != "waiting" or process.cold or front_end(session.ip) == "panel":
        return
    if not any(isinstance(getattr(x, "__self__", None), TextShown) for x in process.run.listeners):
        presenter = Presenter(session)
        await presenter.attend(process, presenter.show(process, len(process.events)), bg=True)


def _tell(process: Process, noted: str = "noted") -> None:
    """Say where a process stands after a command; `noted` is what became of the command where nothing drives it."""
    p, reason = process.pid, process.reason
    if process.state == "ended":
        print(f"process {p} is killed" if reason == "killed" else f"process {p} is ended ({reason})")
    elif process.cold:
        print(f"process {p} ({stands(process)}): {noted}; %agent resume {p} goes on")
    else:
        print(f"process {p} is {stands(process)}")


def _words(command: Command, at: int) -> str:
    return " ".join(command.words[at:])


def _edit(process: Process, command: Command) -> None:
    """Edit a step's title, or the code of a call; or what a step commits to."""
    text, acts = _words(command, 2), command.flags["acts"]
    if acts is not None and not command.words[1].isdecimal():
        raise UsageError(f"%agent edit: --acts belongs to the number of a step, not to {command.words[1]!r}")
    process.edit(command.words[1], text or None, **({} if acts is None else {"acts": acts}))


ACTS: dict[str, Callable[[Process, Command], Any]] = {
    "reject": lambda p, c: p.reject(
        c.words[1] if names_something(c.words[1:]) else "all",
        _words(c, 2 if names_something(c.words[1:]) else 1),
    ),
    "edit": _edit,
    "add": lambda p, c: p.add(_words(c, 1)),
    "move": lambda p, c: p.move(_number(c, 1), _number(c, 2)),
    "skip": lambda p, c: p.skip(step_or_call(c.words[1])),
    "retry": lambda p, c: p.retry(_number(c, 1), _words(c, 2)),
    "reply": lambda p, c: p.reply(_words(c, 1)),
    "send": lambda p, c: p.send(_words(c, 1)),
    "pause": lambda p, c: p.pause(),
    "stop": lambda p, c: p.stop(),
    "kill": lambda p, c: p.kill(),
    "nice": lambda p, c: p.nice(_niceness(c)),
    "budget": lambda p, c: p.budget(_words(c, 1)),
}


LETS_GO = frozenset(("reject", "edit", "skip", "retry", "reply"))
"""Verbs that answer what a process asks: it goes on."""


def _niceness(command: Command) -> int:
    word = command.words[1]
    if not re.fullmatch(r"[+-]?\d+", word):
        raise UsageError(f"%agent nice: {word!r} is not a whole number; write for example +5 or -5")
    return int(word)


def _number(command: Command, at: int) -> int:
    word = command.words[at]
    if not word.isdecimal():
        raise UsageError(f"%agent {command.verb}: {word!r} is not the number of a step")
    return int(word)


async def act(session: Session, command: Command) -> Any:
    process = session.find(command.process)
    if command.verb == "send" and process.state == "ended":
        return await Presenter(session).ask_further(process, _words(command, 1))
    if process.cold:  # one that another interpreter drives is not said to stand still
        with process.journal.held():
            pass
    if command.verb in LETS_GO:
        await _shown_here(session, process)
    done = ACTS[command.verb](process, command)
    if command.verb in ("stop", "kill"):
        await done  # so that what is said next is how it stands
    if command.verb == "kill":
        await kill_children(session, process)
    state = process.run.state
    if command.verb == "budget" and process.reason == "budget" and not state.budget.over(state.spent):
        return print(f"process {process.pid}: the budget is raised; %agent resume {process.pid} goes on")
    return _tell(process, "it does not run" if command.verb in ("stop", "pause") else "noted")


async def resolve(session: Session, command: Command) -> None:
    if command.flags["done"] == command.flags["again"]:
        raise UsageError("%agent resolve: say --done (it took effect) or --again (run it again)")
    process = session.find(command.process)
    await _shown_here(session, process)
    process.resolve(command.words[1], done=command.flags["done"])
    _tell(process)


async def resume(session: Session, command: Command) -> Any:
    if command.flags["all"]:
        return await _resume_all(session, command)
    process = session.find(command.process)
    if command.flags["adopt"]:
        process = adopt(session, process, command.flags["yes"])
    if _answered(process) or not await _went_on(session, process, command):
        whom = ""
        if named := command.flags.get("model"):
            session.choose(process, named)
            whom = f" of {process.run.model.traits.name}"
        print(f'process {process.pid} has answered; %agent send {process.pid} "…" asks further{whom}')
    presenter = Presenter(session)
    return await presenter.attend(process, presenter.show(process), bg=command.flags["bg"])


def _answered(process: Process) -> bool:
    return process.reason == "answered" and not process.run.state.undoing


async def _went_on(session: Session, process: Process, command: Command) -> bool:
    """Resume a process, unless an approval has let it go on to its answer in this very moment."""
    try:
        await _go_on(session, process, command)
    except UsageError:
        if not _answered(process):
            raise
        return False
    return True


async def _go_on(session: Session, process: Process, command: Command) -> None:
    """Resume a process; what its goal speaks of and this notebook lacks is said before anything is asked."""
    spoken = inputs.spoken(process.run) if process.cold else []
    await session.resume(process, command.flags.get("model"))
    if spoken:
        print(f"process {process.pid} {inputs.needs(spoken)}, if it is still needed")


async def _resume_all(session: Session, given: Command) -> None:
    """Resume what is unfinished in the home, parents first, and say of each in one line how it stands then."""
    if given.words:
        raise UsageError("%agent resume: name a process, or say --all")
    left = {e.pid: e for e in table.entries(session.home) if not e.elsewhere}
    begun, failed, bg = list[Process](), dict[int, str](), given.flags["bg"]
    for pid in [p for p, e in left.items() if e.parent not in left]:  # a child goes on with its parent
        try:
            process = session.find(pid)
            if process.cold or process.state == "paused":
                await _go_on(session, process, given)
            begun.append(process)
        except LlmosError as error:
            failed[pid] = str(error) if str(error).startswith("process ") else f"process {pid}: {error}"
    if not left:
        print("nothing is unfinished in this home")
    failed |= await _attended(session, begun, bg)
    told = {p.pid: f"process {p.pid} ({p.run.state.name or p.run.state.goal:.40}): {stands(p)}" for p in begun}
    for _, words in sorted((told | failed).items()):
        print(" ".join(words.split()))
    if failed and not bg:
        raise NotAnswered(f"{len(failed)} of {len(left)} are not answered; %agent ps shows how they stand")


async def _attended(session: Session, begun: list[Process], bg: bool) -> dict[int, str]:
    """Show from now on what processes do, and follow all of them; return what became of those that did not answer."""
    presenter = Presenter(session)
    following = [presenter.attend(p, presenter.show(p, len(p.events)), bg=bg) for p in begun]
    ends = await asyncio.gather(*following, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException) and not isinstance(end, LlmosError):
            raise end
    return {p.pid: str(e) for p, e in zip(begun, ends, strict=True) if isinstance(e, LlmosError)}


async def fork(session: Session, command: Command) -> None:
    if command.flags["at"] is None:
        raise UsageError("%agent fork: say where, with --at N (%agent log shows the events)")
    child = session.find(command.process).fork(at=command.flags["at"], isolate=command.flags["isolate"])
    print(f"process {child.pid} stands at event {command.flags['at']}; %agent resume {child.pid} goes on")


async def diff(session: Session, command: Command) -> None:
    one, two = (session.find(w) for w in command.words)
    print(difference(*(history(p.events, p.journal.path) for p in (one, two))))


async def replay(session: Session, command: Command) -> None:
    process = api.replay(command.words[0])
    Presenter(session).show(process).close()


async def export(session: Session, command: Command) -> None:
    processes, file = _asked_for(session, command)
    named = file or f"{processes[0].run.state.name or 'process'}-{processes[0].pid}.ipynb"
    saved = exporting.save(session, processes, Path(named), **proof.exporting(command.flags))
    print(saved.unproved if command.flags["no_run"] else await asyncio.to_thread(saved.prove))


def _asked_for(session: Session, command: Command) -> tuple[list[Process], str]:
    """Return the processes whose results are wanted, and the file: ``P [FILE]``, or ``[FILE] --of P,P``."""
    if not (several := command.flags["of"]):
        return [_one(session, command)], _words(command, 1)
    pids = [word.strip() for word in several.split(",") if word.strip()]
    words = command.words[1:] if command.words and command.words[0] in (*pids, "") else command.words
    return [session.find(pid) for pid in pids], " ".join(words)


def _one(session: Session, command: Command) -> Process:
    """Return the process that is asked for; where several are named in its place, the error says how that is done."""
    try:
        return session.find(command.process)
    except UsageError as error:
        if "," not in command.process:
            raise
        how = f"%agent export {_words(command, 1)}".rstrip()
        raise UsageError(f"{command.process!r} names several processes: say {how} --of {command.process}") from error


async def cells(session: Session, command: Command) -> None:
    process = session.find(command.process)
    if not put(process):
        print(f"process {process.pid} has no step that would be a cell")


async def verify(session: Session, command: Command) -> None:
    print(visible(api.verify(command.words[0], **proof.proving(command.flags)).text()))


async def rule(session: Session, command: Command) -> None:
    live = [p for p in session.processes.values() if p.state != "ended" and not abreast.whereabouts(p)]
    where = dict(_condition(command, text) for text in command.flags["where"])
    rule = {"tool": command.words[0], "do": command.verb, "where": where}
    how = {k: command.flags[k] for k in ("count", "until")}
    parse_rule({**rule, **how}, f"%agent {command.verb}")  # said once, before any process has it
    for process in live:
        process.rule(command.words[0], command.verb, **how, **where)
    said = "".join(f", {k} = {v!r}" for k, v in where.items())
    print(
        f"{command.verb} {command.words[0]}{said}: in {len(live)} live processes; "
        "for all that come, write it under [[policy.rules]] in llmos.toml"
    )


def _condition(command: Command, text: str) -> tuple[str, Any]:
    """Read ``to=ann@x.org`` or ``amount=50``: an argument and its value, as JSON where it is that."""
    name, mark, value = text.partition("=")
    if not mark or not name.isidentifier():
        raise UsageError(f"%agent {command.verb}: --where {text!r} must be ARGUMENT=VALUE")
    if name in ("tool", "do", "by", "count", "until", "only", "self"):
        raise UsageError(f"%agent {command.verb}: a condition on {name!r} goes under [[policy.rules]] in llmos.toml")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


async def secret(session: Session, command: Command) -> None:
    name = command.words[0]
    value = (session.namespace or {}).get(name, os.environ.get(name))
    value = value.reveal() if isinstance(value, SecretStr) else value
    vault.add(name, str(value) if value is not None else getpass.getpass(f"{name}: "))
    print(f"{handle(name)} stands for its value from now on, in prompts, journals, exports and errors")


async def private(session: Session, command: Command) -> None:
    session.hide(name := command.words[0])
    print(f"`{name}`: models see its type and columns; its values, and what is made of them, stay with you")


async def undo(session: Session, command: Command) -> None:
    process = session.find(command.process)
    mark, known = len(process.events), set(process.run.state.calls)
    done = process.undo(command.flags.get("to")) if command.verb == "undo" else process.redo()
    if process.run.state.settled:
        await done  # until what acted outside is asked for, or taken back
    for event in process.events[mark:]:
        if isinstance(b := event.body, CallUndone | CallRedone):
            call, stays = process.run.state.calls[b.call], list[str]()
            if isinstance(b, CallUndone) and (call.beyond or b.stays):
                stays = left_by(process.run.state, b)
            told = "put back" if isinstance(b, CallRedone) else "taken back"
            print("; ".join([f"{told}: {_named_undo(call)}", *stays]))
    if command.verb == "undo":
        _tell_outside(process, known)


def _named_undo(call: Call) -> str:
    """Name a call and what it changed."""
    changed = ", ".join(f"`{n}`" for n in sorted(set(call.changes.names)))
    return f"{call.id} {call.name}{changed and f' ({changed})'}"


def _tell_outside(process: Process, known: Collection[str]) -> None:
    """Say what became of what acted outside: taken back, asked for, or not to be taken back."""
    s = process.run.state
    for call in (c for c in s.calls.values() if c.undoes and c.id not in known):
        asks = f"acted outside: %agent approve {process.pid} {call.id} has its tool take it back"
        became = {
            "done": "was taken back by its tool",
            "failed": f"stays: {call.result}",
            "rejected": f"stays: {call.why}",
        }
        print(f"{call.undoes} ({s.calls[call.undoes].name}) {became.get(call.status, asks)}")
    if stays := beyond_undo(process.run, s.surviving):
        print(f"{stays}; it stays as it is")
