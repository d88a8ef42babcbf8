"""The door of a notebook: opened by a person, from a cell, and closed with the interpreter at the latest."""

from __future__ import annotations

import asyncio
import atexit
import os
import re
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from llmos_nb.errors import CallDenied, ConfigError, UsageError
from llmos_nb.journal import host
from llmos_nb.models.outside import OutsideModel
from llmos_nb.process import serving, undo_tool
from llmos_nb.process.state import prompts
from llmos_nb.session import config, toolbox
from llmos_nb.session.door import files, words
from llmos_nb.session.door.desk import WAIT, Desk
from llmos_nb.session.parts import Order, Part
from llmos_nb.session.process import Process
from llmos_nb.session.session import Session
from llmos_nb.session.threads import Visits, runtime
from llmos_nb.tools import Call, reentry

if TYPE_CHECKING:
    from llmos_nb.session.door.http import McpServer

_opened: WeakSet[Door] = WeakSet()
MOST = 200  # processes: an agent that goes round and round must not fill the disk
NEEDED = 'a door needs the package mcp: pip install "llmos_nb[mcp]"'


class Door(Part):
    """Lets agents of this machine work on the notebook's variables, each with a process of its own.

    Parameters
    ----------
    session : Session
        Of the notebook.

    Attributes
    ----------
    place : Place or None
        Where it is, while it is open.
    """

    session: Session

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.place: files.Place | None = None
        self._server: McpServer | None = None
        self._file: Path | None = None
        self._visits = Visits()
        self._tools: tuple[Any, ...] = ()
        self._begun = 0
        self._settings: dict[str, Any] = {}
        self._names: dict[str, Any] = {"variables": "", "bind": ""}
        self._shown: Callable[[Process], object] = lambda process: None

    async def open(
        self,
        tools: Iterable[Any] = (),
        shown: Callable[[Process], object] = lambda process: None,
        *,
        variables: str = "",
        bind: str = "",
        **settings: Any,
    ) -> files.Place:
        """Open it, with the loop and the cell of the caller as the place of all steps; return where it is.

        Parameters
        ----------
        tools : iterable
            Functions and devices that agents may call beside the usual ones.
        shown : callable
            Shows a process that has begun.
        variables, bind, **settings
            Of each process, as `Session.create` takes them.

        Raises
        ------
        CallDenied
            Code of a step calls it.
        ConfigError
            The package mcp is not installed.
        """
        if reentry.inside():
            raise CallDenied(reentry.DENIED)
        if self.place is not None:
            return self.place
        if find_spec("mcp") is None:
            raise ConfigError(NEEDED)
        if host.ALONE:
            raise UsageError("a door: nothing can listen in a browser")
        self._tools, self._shown, self._settings = (*tools, undo_tool()), shown, settings
        self._names = {"variables": variables, "bind": bind}
        reentry.acquaint()
        self._visits.settle(asyncio.get_running_loop(), threading.get_ident())
        self._visits.context = reentry.outside()
        server = self._made()
        await runtime().run(server.begin)
        self.place = files.Place(os.getpid(), server.port, server.token, str(Path.cwd()))
        self._begun, self._server, self._file = 0, server, files.write(self.session.home, self.place)
        atexit.register(self._file.unlink, missing_ok=True)
        _opened.add(self)
        return self.place

    async def close(self) -> None:
        """Close it: agents that are at work pause."""
        if (ending := self.shut()) is not None:
            await asyncio.wrap_future(ending)

    def shut(self) -> Future[None] | None:
        """Do the same without waiting; return what to wait for, where it was open."""
        if reentry.inside():
            raise CallDenied(reentry.DENIED)
        server, self._server, self.place = self._server, None, None
        if server is None or self._file is None:
            return None
        self._file.unlink(missing_ok=True)
        return asyncio.run_coroutine_threadsafe(server.end(), runtime().loop)

    @property
    def agents(self) -> list[Desk]:
        """Who has come in."""
        return [*self._server.desks.values()] if self._server is not None else []

    def _made(self) -> McpServer:
        from llmos_nb.session.door.http import McpServer  # the SDK takes a while

        settings = config.load(self._settings, self.session.configured)
        order = Order(settings, OutsideModel("an agent"), words.GOAL, self._tools, self._names["bind"])
        box = self.session.parts.wraps(order, toolbox.build(self.session.parts, order))
        commits = settings.approve != "never" and serving.may_commit(box.values())
        reads = [n for n, t in box.items() if t.effect == "read"]
        said = words.WHOLE + words.ENDS + prompts.system(settings.prompts, self.session.namespace is not None)
        return McpServer(self._desk, words.wired(box.values(), commits, settings.prompts), [*reads, WAIT], said, told)

    def _desk(self, name: str) -> Desk:
        return Desk(f"{name}, by MCP", partial(self._begin, name))

    async def _begin(self, name: str, model: OutsideModel, made: Callable[[Process], object]) -> None:
        """Make a process and start it, on the thread of the user's objects."""
        await self._visits(partial(self._start, name, model, made))

    def _start(self, name: str, model: OutsideModel, made: Callable[[Process], object]) -> None:
        if self._begun >= MOST:
            raise UsageError(f"{MOST} processes have begun here; the person has to close this door and open it anew")
        self._begun += 1
        called = re.sub(r"\W+", "-", name).strip("-")
        process = self.session.create(
            words.GOAL, name=called, model=model, tools=self._tools, **self._names, **self._settings
        )
        made(process)
        process.start()
        self._shown(process)


def shut_all() -> None:
    """Close every door of this interpreter."""
    for door in list(_opened):
        door.shut()


def told(desk: Desk, name: str) -> Any:
    """Return what stands under the name of a resource: nothing that the agent's own results did not show."""
    p = desk.process
    if p is None:
        return {"state": "it begins with your first call"}
    s = p.run.state
    if name == "plan":
        steps = [{"n": x.n, "title": x.title, "expect": x.expect, "status": x.status} for x in s.plan.steps]
        return {"status": s.plan_status, "steps": steps}
    if name == "process":
        found = {"process": p.pid, "state": p.state, "reason": s.reason, "waits_for": p.waits_for, "mode": s.mode}
        return {**found, "budget": s.budget.limits, "spent": s.spent, "journal": str(p.journal.path)}
    return [_plain(c) for c in s.calls.values()]


def _plain(c: Call) -> dict[str, Any]:
    """Return a call without what it gave."""
    by = c.by.describe("the person")
    known = {"call": c.id, "tool": c.name, "step": c.step, "status": c.status, "by": by, "why": c.why}
    return {**known, "changed": list(c.changes.names)}
