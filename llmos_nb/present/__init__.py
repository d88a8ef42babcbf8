"""How a process is shown where it was started: a panel, a terminal, or a headless run.

The panel's place in the notebook is a static sibling first, then the widget, which is swapped for its static form
when the process has settled, so that a saved notebook still speaks.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from llmos_nb import toolbox
from llmos_nb.errors import ApprovalNeeded, LlmosError, NotAnswered, UsageError
from llmos_nb.front import awaits_clicks, front_end
from llmos_nb.ipc import pipeline, pipes
from llmos_nb.ipc.waits import title
from llmos_nb.present.text import Several, Shown, TextShown, print_raw
from llmos_nb.process import Process
from llmos_nb.session import Session


class Presenter:
    """Starts processes from cells and shows them.

    Parameters
    ----------
    session : Session
        Where they live.
    """

    def __init__(self, session: Session) -> None:
        self.session, self.ip = session, session.ip

    async def run(self, given: argparse.Namespace, goal: str) -> Any:
        """Start what a cell says, show it, and wait for it."""
        begun = await self._begun(given, pipeline.stages(goal, self._is_process))
        process = begun[-1]
        shown = Several([self.show(p) for p in begun])
        if given.bg or not awaits_clicks(self.ip):
            task = asyncio.get_running_loop().create_task(self._background(process, shown, given.out))
            process.watcher = task
            return None
        return await self.follow(process, shown, given.out)

    def _is_process(self, words: str) -> bool:
        """Whether words name a process that is at hand."""
        known = self.session.processes.values()
        return any(words in (p.run.state.name, str(p.pid)) for p in known if words)

    async def _begun(self, given: argparse.Namespace, stages: list[str]) -> list[Process]:
        """Give the processes of a pipe, each waiting for the one before; of a plain goal, one."""
        found: list[Process] = []
        for n, stage in enumerate(stages, 1):
            source = found[-1] if found else None
            if len(stages) > 1 and self._is_process(stage):
                process = self.session.post.find(stage)
                if source is not None:
                    await pipes.join(process, source)
                found.append(process)
            else:
                last = n == len(stages)
                name = given.name if last or not given.name else f"{given.name}-{n}"
                found.append(self._start(given, stage, name, source, given.out if last else ""))
        return found

    def _start(
        self, given: argparse.Namespace, goal: str, name: str, source: Process | None, out: str
    ) -> Process:
        return self.session.start(
            goal,
            source=source,
            out="" if out.isidentifier() else out,
            name=name,
            model=given.model,
            approve=given.approve,
            budget=given.budget,
            plan=given.plan,
            check=given.check,
            tools=toolbox.chosen(self.session.namespace or {}, given.tools, self.session.servers.named),
            variables=given.vars,
            bind=given.bind,
            show_values=given.show_values or None,
            preview=given.dry_run,
            isolate=given.isolate,
            untrusted=given.untrusted,
        )

    async def _background(self, process: Process, shown: Shown, out: str) -> None:
        try:
            await self.follow(process, shown, out, background=True)
        except NotAnswered as error:
            print(f"{type(error).__name__}: {error}")

    async def follow(self, process: Process, shown: Shown, out: str = "", background: bool = False) -> Any:
        """Wait until it has settled; give the answer's variable its value; raise one quiet line otherwise."""
        try:
            await process.attend(patient=shown.patient or background, interruptible=not background)
        finally:
            shown.close()
        if process.reason == "answered":
            if out.isidentifier() and self.session.namespace is not None:
                self.session.namespace[out] = process.answer
            return None
        raise unanswered(process)

    def show(self, process: Process) -> Shown:
        """Draw a process here, live."""
        kind = front_end(self.ip)
        view: Shown
        if kind == "panel":
            from llmos_nb.present.panel import PanelShown  # ipywidgets is slow to import

            view = PanelShown(process)
        else:
            view = TextShown(process, kind, self.ip)
        if kind == "panel":  # in text the result that follows says the same
            process.run.on_output = lambda call, words: print_raw(words)
        view.open()
        return view


def unanswered(process: Process) -> LlmosError:
    """Say in one line how a process settled without an answer, and how to go on."""
    s, p = process.run.state, process.pid
    source = pipes.source_of(process)
    if process.state == "waiting" and source is not None and source.state in ("waiting", "paused"):
        error = unanswered(source)
        return type(error)(
            f"process {p} waits for {title(source.run.state)}: {error}; %agent resume {p} takes up both"
        )
    if process.state == "waiting" and not s.questions:
        mail = " and ".join(w["title"] for w in s.awaited.values())
        return NotAnswered(
            f"process {p} waits for {mail}, and nobody at work can send it (%agent ps; %agent kill {p})"
        )
    if process.state == "waiting":
        key, question = next(iter(s.questions.items()))
        what = {
            "plan": f"%agent approve {p}",
            "question": f'%agent reply {p} "…"',
            "doubt": f"%agent resolve {p} {key} --done",
        }
        command = what.get(question["kind"], f"%agent approve {p}")
        return ApprovalNeeded(
            f"process {p} waits for a person: {question.get('title') or question['text']}. In a notebook: {command}, "
            f"then %agent resume {p} (saved in {process.journal.path})"
        )
    if process.state == "paused":
        return NotAnswered(f"process {p} is paused ({process.detail}); %agent resume {p} goes on")
    return NotAnswered(
        f"process {p} ended: {process.reason}" + (f" ({process.detail})" if process.detail else "")
    )


def no_process() -> UsageError:
    """Say that there is nothing to show."""
    return UsageError("there is no process yet: start one with %%agent")
