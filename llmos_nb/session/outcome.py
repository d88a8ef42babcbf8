"""How a process settled without an answer, in one line that says how to go on."""

from __future__ import annotations

from typing import Any

from llmos_nb.errors import ApprovalNeeded, LlmosError, NotAnswered
from llmos_nb.session.ipc import pipes
from llmos_nb.session.ipc.deadlock import title
from llmos_nb.session.protocols import ProcessLike
from llmos_nb.views import closed


def unanswered(process: ProcessLike) -> LlmosError:
    """Return an error that says in one line how a process settled without an answer, and how to go on."""
    s, p = process.run.state, process.pid
    source = pipes.source_of(process)
    if process.state == "waiting" and source is not None and source.state in ("waiting", "paused"):
        error = unanswered(source)
        both = f"{error}; %agent resume {p} takes up both"
        return type(error)(f"process {p} waits for {title(source.run.state)}: {both}")
    if process.state == "waiting" and not s.questions:
        mail = " and ".join(w["title"] for w in s.awaited.values())
        why = "nobody at work can send it"
        return NotAnswered(f"process {p} waits for {mail}, and {why} (%agent ps; %agent kill {p})")
    if process.state == "waiting":
        key, question = next(iter(s.questions.items()))
        what = {
            "plan": f"%agent approve {p}",
            "question": f'%agent reply {p} "…"',
            "doubt": f"%agent resolve {p} {key} --done",
            "rebuild": f"%agent resolve {p} {key} --done (goes on without) or --again (runs it again)",
        }
        asked = closed(str(question.get("title") or question["text"]))
        command = what.get(question["kind"], f"%agent approve {p}")
        if len(s.questions) > 1:  # to approve all of them is no answer to what is said of one
            rest = [f"{q.get('title') or q['kind']} ({k})" for k, q in s.questions.items()]
            asked = closed(", ".join(rest))
            command = f"{command} {key}" if command == f"%agent approve {p}" else command
        return ApprovalNeeded(
            f"process {p} waits for a person: {asked} In a notebook: {command}, "
            f"then %agent resume {p} (saved in {process.journal.path})"
        )
    if process.state == "paused":
        return NotAnswered(f"process {p} is paused ({process.detail}); %agent resume {p} goes on")
    detail = f" ({process.detail})" if process.detail else ""
    return NotAnswered(f"process {p} ended: {process.reason}{detail}")


def forms(process: ProcessLike, **_: object) -> dict[str, Any]:
    """Return a process as a notebook shows it under a cell: the panel where a page can draw it, else HTML and text."""
    from llmos_nb.views import bundle  # only where one is shown

    run = process.run
    return process.dispatch.ask(lambda: bundle.bundle(run.state, run.journal.events))
