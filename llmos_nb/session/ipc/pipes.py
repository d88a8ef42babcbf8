"""Pipes: the answer of one process, and the variables it declared, are the input of another, with their labels.

The second is there from the start and waits: its journal says for whom, so that a pipe outlives the kernel. What it is
told comes as one event, after the labels of all that the first one knew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.journal import events
from llmos_nb.journal.events import Decider
from llmos_nb.policy import labels
from llmos_nb.policy.secrets import redact
from llmos_nb.process import Run
from llmos_nb.process.state import State, say
from llmos_nb.session.ipc.deadlock import title
from llmos_nb.session.ipc.mailboxes import arrival
from llmos_nb.session.protocols import ProcessLike
from llmos_nb.tools.devices.namespace import card

_SPANS = re.compile(
    r"``[^\n]*?``|`[^`\n]*`|\"[^\"\n]*\"|“[^”\n]*”|(?<!\w)'[^'\n]*'(?!\w)|\([^()\n]*\)|\[[^\[\]\n]*\]|\{[^{}\n]*\}"
)
_BAR = re.compile(r"(?<=\S) +\| +(?=\S)")
_BEGINS = re.compile(r"\n[ \t]*\|[ \t]+(?=\S)")
_ROW = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)
_ESCAPED = re.compile(r"(?<= )\\\|(?= )")


def stages(goal: str, known: Callable[[str], bool]) -> list[str]:
    r"""Return the stages of a goal: itself where it is no pipe.

    Parameters
    ----------
    goal : str
        The body of a ``%%agent`` cell.
    known : callable
        Whether a text is the name or number of a process.

    Returns
    -------
    list of str
        The texts between the bars; ``\|`` between spaces has become ``|``.
    """
    text = goal.strip()
    bar = _BEGINS if "\n" in text else _BAR
    cuts = [] if _ROW.search(text) else [m.span() for m in bar.finditer(_hidden(text))]
    ends = [0, *(n for cut in cuts for n in cut), len(text)]
    parts = [text[a:b].strip() for a, b in zip(ends[::2], ends[1::2], strict=True)]
    if not all(known(p) or len(p.split()) > 1 for p in parts) or len(parts) == 1:
        return [_ESCAPED.sub("|", goal)]
    return [_ESCAPED.sub("|", p) for p in parts]


def _hidden(text: str) -> str:
    """Blank what stands in code, quotes and brackets, so that places stay the same."""
    while (blank := _SPANS.sub(lambda m: "_" * len(m.group()), text)) != text:
        text = blank
    return text


INPUT = "input"
NAMED = 12
CODE = 3_000  # bytes of what the other ran


def await_input(process: ProcessLike, source: ProcessLike) -> None:
    """Let a process wait for the answer of another."""
    if source is process:
        raise UsageError(f"process {process.pid} cannot be piped into itself")
    told = f"the answer of {title(source.run.state)}"
    process.run.append(events.MessageAwaited(wait=INPUT, what="input", whom=[source.pid], title=told))


async def join(process: ProcessLike, source: ProcessLike) -> None:
    """Let a process that is at hand take the answer of another in; one that is paused goes on."""
    if process.state == "ended":
        ended = f"process {process.pid} has ended ({process.reason})"
        raise UsageError(f"{ended}; write a goal that begins a new one")
    await process.dispatch.hear(lambda: await_input(process, source))
    if process.state == "paused":
        await process.session.resume(process)


def source_of(process: ProcessLike) -> ProcessLike | None:
    """Return the process whose answer this one still waits for; of one that has answered its journal is enough."""
    wait, session = process.run.state.awaited.get(INPUT), process.session
    if wait is None:
        return None
    pid = int(wait["whom"][0])
    folder = None if pid in session.processes else session.home.find(pid)
    if folder is not None and (ended := session.replay(folder)).reason == "answered":
        return ended
    return session.find(pid)


def feed(process: ProcessLike) -> None:
    """Return a process its input where it is there, or end it with the reason why there will be none."""
    source = None
    if process.run.state.status == "running":
        with suppress(LlmosError):  # whoever resumed it says so
            source = source_of(process)
    if source is None or not source.over:
        return
    if source.reason == "answered":
        process.dispatch.post(lambda: _pour(process, source))
        return
    more = f": {source.detail}" if source.detail else ""
    why = f"did not start: {title(source.run.state)} gave no answer ({source.reason}{more})"
    process.dispatch.post(lambda: _refuse(process, why))


def _refuse(process: ProcessLike, why: str) -> None:
    if process.run.state.status == "running":
        process.run.append(events.RunEnded(reason="failed", detail=why, answer=None))


def _pour(process: ProcessLike, source: ProcessLike) -> None:
    """Record the labels, then what came through the pipe."""
    run, s = process.run, source.run.state
    if INPUT not in run.state.awaited:
        return
    for name, text in labels.inherited([s.labels]).items():
        label = labels.of((name,), run.state.labels).join(labels.parse(text))
        if label != labels.of((name,), run.state.labels):
            run.append(events.LabelChanged(name=name, label=str(label), why=f"by {title(s)}"))
    names = left(s, run.namespace or {})
    label = labels.context(s.labels).join(labels.of(names, s.labels))
    told = f"its input, the answer of {title(s)}, is {label}" if label != labels.TRUSTED else ""
    for name, text, why in labels.floated(run.state.labels, labels.Came(label, told), ()):
        run.append(events.LabelChanged(name=name, label=text, why=why))
    text = redact("\n\n".join(filter(None, (source.answer, _did(run, s), _has(run, source, names)))))
    key = f"{s.pid}-{source.journal.events[0].hash[:12]}-pipe"
    if run.sight is not None:  # what the first one changed is no surprise to the second
        run.sight.saw(n for c in s.calls.values() for n in c.changes.names)
    run.append(arrival(s, key, text, str(label), pipe=INPUT))


def _did(run: Run, s: State) -> str:
    """Say what a process was asked and ran, for one that goes on from it; a small model has no room for that."""
    if run.model.traits.prefix:
        return ""
    ran, room = list[str](), CODE
    for call in reversed(s.surviving):
        code = call.arguments.get("code") if isinstance(call.arguments, dict) else None
        if not isinstance(code, str) or (room := room - len(code.encode())) < 0:
            break
        ran.insert(0, code)
    return say(run.state, "piped_goal", goal=s.goal) + (
        say(run.state, "piped_code", code="\n".join(ran)) if ran else ""
    )


def _has(run: Run, source: ProcessLike, names: Sequence[str]) -> str:
    """Describe the variables that a process left; those that the goal describes are only named."""
    goal = f"\n{run.state.context.messages()[-1].text}"
    there = [n for n in names if f"\n{n}: " in goal]
    new = [n for n in names if n not in there]
    shown = card(new, source.run.namespace or {}, run.model.traits.sees_values)
    said = "\n".join(filter(None, (", ".join(there), shown)))
    return say(run.state, "piped_variables", card=said) if said else ""


def left(s: State, namespace: Any) -> list[str]:
    """Name what a process left for the next: what it declared, else what its standing steps made."""
    declared = [n for n, _ in s.outputs]
    made = [n for c in s.surviving for n in (*c.results, *c.rebound)]
    return [n for n in declared or dict.fromkeys(made) if n in namespace and not n.startswith("_")][:NAMED]


# signals


def pass_on(process: ProcessLike, signal: str, by: Decider) -> None:
    """Stop or kill whom a process waits for, too: a pipe is one piece of work."""
    source = source_of(process)
    if source is None or source.state == "ended":
        return
    if signal == "kill":
        source.kill(by=by)
    elif signal == "stop":
        source.stop(by=by)


def readers(table: Mapping[int, ProcessLike], pid: int) -> list[ProcessLike]:
    """Return the processes that wait for the answer of one."""
    waits = ((p, p.run.state.awaited.get(INPUT)) for p in table.values() if p.state != "ended")
    return [p for p, wait in waits if wait is not None and pid in wait["whom"]]


def hold(table: Mapping[int, ProcessLike], pid: int) -> None:
    """Pause those that wait for one that was stopped, and those that wait for them."""
    for reader in readers(table, pid):
        if reader.run.state.status == "running":
            why = f"process {pid}, whose answer it waits for, was stopped"
            reader.dispatch.post(partial(_pause, reader.run, why))
        hold(table, reader.pid)


def _pause(run: Run, why: str) -> None:
    """Pause a process that still waits for its input; by the time this comes it may have gone on, and be at work."""
    if run.state.status == "running" and INPUT in run.state.awaited:
        run.append(events.RunPaused(why=why))


async def go_on(process: ProcessLike) -> None:
    """Resume a part of a pipe and whom it waits for; where that cannot be, say so."""
    try:
        if process.state == "paused":
            await process.session.resume(process)
        source = source_of(process)
        if source is not None and source.state in ("paused", "ended") and source.reason != "answered":
            await process.session.resume(source)
    except LlmosError as error:
        why = f"{process.waits_for} cannot be had: {error}"
        process.dispatch.post(lambda: _pause(process.run, why))
