"""What front end there is, and what it can do."""

from __future__ import annotations

import argparse
import asyncio
from html import escape
from typing import Any

from llmos_nb.app.present.front import awaits_clicks, busy, front_end
from llmos_nb.app.present.text import Several, Shown, TextShown, publish
from llmos_nb.errors import NotAnswered
from llmos_nb.journal import Event
from llmos_nb.policy.secrets import redact
from llmos_nb.process import briefing
from llmos_nb.process.state import State
from llmos_nb.session import Process, Session, outcome, toolbox
from llmos_nb.session.ipc import pipes

_LOOK = "white-space:pre-wrap;font-family:monospace;color:var(--jp-error-color1,#c62828)"
_MARK, _BEFORE = "_llmos_line", "_llmos_line_before"


class Line:
    """The line of one process.

    Parameters
    ----------
    process : Process
        What settled.
    error : NotAnswered
        What is said of it.
    """

    def __init__(self, process: Process, error: BaseException) -> None:
        self.process, self.text = process, redact(f"{type(error).__name__}: {error}")
        self.display_id = f"llmos-{process.pid}-{id(self):x}-line"
        self._stood = _stands(process.run.state)
        setattr(error, _MARK, self)

    def show(self) -> None:
        """Show it, unless the process has gone on meanwhile."""
        self.process.dispatch.ask(self._follow)

    def _follow(self) -> None:
        run = self.process.run
        if _stands(run.state) == self._stood:
            publish(f'<div style="{_LOOK}">{escape(self.text)}</div>', self.text, self.display_id)
            run.listeners.append(self.heard)

    def heard(self, event: Event, state: State) -> None:
        """Take the line away once the process does not stand any more as it says."""
        if _stands(state) != self._stood:
            publish("", "", self.display_id, update=True)
            self.process.run.listeners[:] = [x for x in self.process.run.listeners if x != self.heard]


def line_of(error: BaseException) -> Line | None:
    """Return the line that an error carries."""
    found: Line | None = getattr(error, _MARK, None)
    return found


def _stands(s: State) -> tuple[str, str, bool]:
    return s.status, s.reason, s.waiting or s.expecting


def install(ip: Any) -> None:
    """Have IPython show the errors that carry a line by it; all others it shows as before."""
    others, before = ip.custom_exceptions, ip.CustomTB
    if before is getattr(ip, _MARK, None):
        return

    def shown(ip: Any, kind: Any, error: Any, trace: Any, tb_offset: Any = None) -> Any:
        if (line := line_of(error)) is not None:
            ip._last_traceback = [line.text]  # what the reply to the front end says
            line.show()
        elif isinstance(error, others):
            return before(kind, error, trace, tb_offset)
        else:
            ip.showtraceback((kind, error, trace), tb_offset=tb_offset)
        return None

    ip.set_custom_exc((NotAnswered, *others), shown)
    setattr(ip, _MARK, ip.CustomTB)  # somebody may put another handler in its place
    setattr(ip, _BEFORE, (others, before))


def uninstall(ip: Any) -> None:
    """Have IPython show errors as before, unless somebody has put another handler in the place of ours."""
    ours, before = (vars(ip).pop(name, None) for name in (_MARK, _BEFORE))
    if ours is not None and ip.CustomTB == ours:
        ip.custom_exceptions, ip.CustomTB = before


Given = argparse.Namespace
_AS_GIVEN = ("model", "approve", "budget", "plan", "check", "bind", "isolate", "untrusted", "context")


def _names_only(given: Given) -> bool:
    """Return whether a line says nothing of its process but the name, and whether to wait for it."""
    return all(key in ("name", "bg") or value in (None, "", False) for key, value in vars(given).items())


class Presenter:
    """Starts processes from cells and shows them.

    Parameters
    ----------
    session : Session
        Where they live.
    """

    def __init__(self, session: Session) -> None:
        self.session, self.ip = session, session.ip

    async def run(self, given: Given, goal: str) -> Any:
        """Start what a cell says, show it, and wait for it."""
        for words in briefing.misspelt(goal, self.session.namespace or {}):
            print(words)
        stages = pipes.stages(goal, self._is_process) if "|" in goal else [goal]
        if len(stages) == 1 and (answered := self._answered(given.name, goal)) is not None:
            if _names_only(given):
                return await self.ask_further(answered, goal.strip(), given.bg)
            pid = answered.pid
            print(f'process {pid} ({given.name}) has answered; another begins: %agent send {pid} "…" asks it further')
        with self.session.together():
            begun = await self._begun(given, stages)
            process = begun[-1]
            for words in self.session.remarks():
                print(words)
            for p in begun:
                for words in briefing.mostly_wrong(p.run.state.goal, self.session.namespace or {}, p.run.model.traits):
                    print(words)
            shown = Several([self.show(p) for p in begun if p is process or p.state != "ended"])
        return await self.attend(process, shown, given.out, given.bg)

    def _answered(self, name: str, goal: str) -> Process | None:
        """Return the last process of a name, where it has answered; None to a cell that runs again: it begins anew."""
        named = [p for p in self.session.processes.values() if name and p.run.state.name == name]
        again = any(p.run.state.goal.strip() == goal.strip() for p in named)
        return named[-1] if named and named[-1].reason == "answered" and not again else None

    async def ask_further(self, process: Process, text: str, bg: bool = False) -> Any:
        """Begin a further turn of a process that has ended, and show it here."""
        process.dispatch.adopt(self.ip)  # or what it prints would go to the cell in which it was begun
        told = len(process.events)
        process.send(text)
        if process.cold:
            await self.session.resume(process)
        return await self.attend(process, self.show(process, told), bg=bg)

    async def attend(self, process: Process, shown: Shown, out: str = "", bg: bool = False) -> Any:
        """Follow a process in the cell; in the background where that is wanted, or where a cell that awaits is deaf."""
        if bg or not awaits_clicks(self.ip):
            work = self._background(process, shown, out)
            process.watcher = asyncio.get_running_loop().create_task(work)
            if front_end(self.ip) == "terminal":  # between cells no event loop runs there
                p = process.run.state.name or process.pid
                print(f"  its steps run while a cell runs; %agent show {p} follows it")
            return None
        return await self.follow(process, shown, out)

    def _is_process(self, words: str) -> bool:
        """Whether words name a process that is at hand."""
        known = self.session.processes.values()
        return any(words in (p.run.state.name, str(p.pid)) for p in known if words)

    async def _begun(self, given: Given, stages: list[str]) -> list[Process]:
        """Return the processes of a pipe, each waiting for the one before; of a plain goal, one."""
        found: list[Process] = []
        for n, stage in enumerate(stages, 1):
            source = found[-1] if found else None
            if len(stages) > 1 and self._is_process(stage):
                found.append(self.session.find_live(stage))
                if source is not None:
                    await pipes.join(found[-1], source)
            else:
                last = n == len(stages)
                name = given.name if last or not given.name else f"{given.name}-{n}"
                acts = given.acts if last else None  # each counts once, and not once for each process of a pipe
                found.append(self._start(given, stage, name, source, given.out if last else "", acts))
        return found

    def _start(
        self, given: Given, goal: str, name: str, source: Process | None, out: str, acts: list[str] | None
    ) -> Process:
        return self.session.start(
            goal,
            acts=acts,
            source=source,
            out="" if out.isidentifier() else out,
            name=name,
            tools=toolbox.chosen(self.session.namespace or {}, given.tools, self.session.serves),
            variables=given.vars,
            show_values=given.show_values or None,
            preview=given.dry_run,
            **{option: getattr(given, option) for option in _AS_GIVEN},
        )

    async def _background(self, process: Process, shown: Shown, out: str) -> None:
        try:
            await self.follow(process, shown, out, background=True)
        except NotAnswered as error:
            if (line := line_of(error)) is not None:
                line.show()
            else:
                print(f"{type(error).__name__}: {error}")

    async def follow(self, process: Process, shown: Shown, out: str = "", background: bool = False) -> Any:
        """Wait until it has settled; give the answer's variable its value; raise one quiet line otherwise."""
        shown.hold(None if background else busy(self.ip))
        try:
            await process.attend(patient=shown.patient or background, interruptible=not background)
        finally:
            shown.hold(None)
            shown.close()
        if process.reason == "answered":
            if out.isidentifier():
                self.session.receive(out, process)
            return None
        error = outcome.unanswered(process)
        if front_end(self.ip) == "panel":
            install(self.ip)
            Line(process, error)
        raise error

    def show(self, process: Process, since: int = 0) -> Shown:
        """Draw a process here, live; as text with what happened from event `since` on."""
        view: Shown
        if (kind := front_end(self.ip)) == "panel":
            from llmos_nb.app.present.panel import PanelShown  # ipywidgets is slow to import

            view = PanelShown(process)
        else:
            view = TextShown(process, kind, self.ip, since)
        view.open()
        for listener in self.session.on_show:
            listener(process)
        return view
