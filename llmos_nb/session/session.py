"""The composition root: models, tools, journal and namespace become processes. The Python API stands on it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import UsageError
from llmos_nb.journal import Blobs, Home, Journal, history, home_of
from llmos_nb.journal.events import PlanProposed
from llmos_nb.models import Model, resolve
from llmos_nb.policy import UNTRUSTED, labels
from llmos_nb.policy.secrets import vault
from llmos_nb.process import (
    Memory,
    Remembered,
    Run,
    ask,
    briefing,
    finish,
    open_journal,
    recall,
    redo_last,
    undo_calls,
)
from llmos_nb.process.gate import judge as gate
from llmos_nb.process.gate import plan as gate_deadline
from llmos_nb.process.gate import plan as gate_plan
from llmos_nb.process.gate import servers as gate_tools
from llmos_nb.process.gate import start as gate_run
from llmos_nb.process.scheduling import NamespaceLock, Sharing, Sight, resource
from llmos_nb.process.state import State
from llmos_nb.session import children, config, isolation, revive, toolbox
from llmos_nb.session.ipc import pipes
from llmos_nb.session.ipc.post import Post
from llmos_nb.session.process import Process
from llmos_nb.session.start import bounds_of, check_goal, check_name, given_plan, record_labels, record_start
from llmos_nb.tools import Tool, current_call
from llmos_nb.tools.devices.mcp import Servers

if TYPE_CHECKING:
    from llmos_nb.session.process import Process


def export(session: Session, process: Process, path: Path, **options: Any) -> Path:
    """Write the plain notebook of what survived."""
    from llmos_nb.export import ExportSource, export  # nbformat is slow to import

    run = process.run
    settings = {"approve": run.state.mode, "budget": run.state.budget.limits, "plan": run.state.planning}
    source = ExportSource(
        goal=run.state.goal,
        name=run.state.name,
        pid=process.pid,
        model=run.state.model,
        settings=settings,
        state=run.state,
        events=history(run.journal.events, run.journal.path),
        tools=run.tools,
        user_cells=toolbox.user_cells(session.ip),
        namespace=session.namespace,
        blobs=run.journal.path.parent / "blobs",
        secrets=vault.values(),
    )
    return export(source, path, **options)


class Remembering(ABC):
    """The long-term memory of a session's home."""

    @property
    @abstractmethod
    def home(self) -> Home:
        """Where the journals and the memory are."""

    @property
    def memory(self) -> Memory:
        """What is remembered over runs."""
        return Memory(self.home)

    def remember(self, text: str = "", source: Process | None = None) -> str:
        """Keep a text over runs and give its name, such as ``m3``.

        Parameters
        ----------
        text : str
            What to keep; by default the answer of `source`.
        source : Process, optional
            Where it comes from: it keeps the label of that process. With none it is the word of whoever calls, and
            untrusted where that is the code of a step.

        Raises
        ------
        UsageError
            There is nothing to keep, or the process had read secret data.
        """
        if source is None:
            inside = current_call.get() is not None
            label = UNTRUSTED if inside else labels.TRUSTED
            return self.memory.remember(text, label=label, by="a step" if inside else "you")
        if not (text or source.answer):
            raise UsageError(f"remember: process {source.pid} has no answer; write what, in quotes")
        s, folder = source.run.state, source.journal.path.parent.name
        label, by = labels.context(s.labels), f"process {s.pid}"
        return self.memory.remember(text or source.answer or "", label=label, run=folder, n=s.n, by=by)

    def recall(self, query: str, everywhere: bool = False, limit: int = 5) -> list[Remembered]:
        """Find what was remembered by its words; `everywhere` also what was said in former runs.

        Parameters
        ----------
        query : str
            Words; nothing in it is an operator.
        everywhere : bool
            Also search the journals of this home.
        limit : int
            How many of each kind.

        Returns
        -------
        list of Remembered
            The best first, each with its label.
        """
        return self.memory.recall(query, everywhere, limit)


EXECUTORS = (ask, gate, gate_deadline, gate_plan, gate_run, gate_tools, finish)  # imported, so registered


class Session(Remembering):
    """Processes over one namespace and one home.

    Parameters
    ----------
    namespace : dict, optional
        The live namespace that processes may act on.
    home : path-like, optional
        Folder of the journals; default ``.llmos`` in the working folder, or ``LLMOS_HOME``.
    ip : InteractiveShell, optional
        IPython, where there is one.
    configured : mapping, optional
        What `%config LLMOS` says.
    """

    def __init__(
        self,
        namespace: dict[str, Any] | None = None,
        home: str | os.PathLike[str] | None = None,
        ip: Any = None,
        configured: Mapping[str, Any] | None = None,
    ) -> None:
        self.namespace, self.ip = namespace, ip
        self.configured: Mapping[str, Any] = configured if configured is not None else {}
        self._home = home
        self.processes: dict[int, Process] = {}
        self.writes = NamespaceLock()
        self.snapshots = toolbox.snapshots(namespace)
        self.sharing = Sharing()
        self.sharing.follow_cells(ip)
        self.servers = Servers(lambda: self.home.root, lambda: config.load({}, self.configured))
        self.post = Post(self)
        self.on_start: list[Callable[[Process], None]] = []

    @property
    def home(self) -> Home:
        """Where the journals are."""
        return home_of(self._home, self.configured)

    # starting

    def start(
        self,
        goal: str,
        *,
        source: Process | None = None,
        out: str = "",
        parent: Process | None = None,
        **options: Any,
    ) -> Process:
        """Start a process; it waits for the answer of `source`, and leaves variables of the types that `out` says.

        With a `parent` it works within that one's rights and budget.
        """
        made = (
            self.create(goal, **options) if parent is None else children.create(self, parent, goal, **options)
        )
        pipes.begin(made, source, out)
        return made.start()

    def create(
        self,
        goal: str,
        *,
        name: str = "",
        model: str | Model | None = None,
        base_url: str | None = None,
        tools: Iterable[Any] = (),
        variables: str = "",
        preview: bool = False,
        isolate: bool = False,
        bind: str = "",
        check: Any = None,
        **options: Any,
    ) -> Process:
        """Make a process with its journal, ready to be driven.

        `variables` and `bind` are what it may see and write: names and globs, ``-`` in front to leave out.

        Raises
        ------
        UsageError
            A goal, option, name or model is not understood; nothing was started.
        """
        check_goal(goal)
        settings = config.load({**options, "model": model if isinstance(model, str) else None}, self.configured)
        spec = settings.model or None if model is None or isinstance(model, str) else model
        chosen = resolve(spec, base_url=base_url or settings.base_url or None)
        bounds, price = bounds_of(chosen, settings)
        tables = briefing.attach(goal, self.namespace)
        how, names = isolation.chosen(preview, isolate, self.namespace), self.namespace or {}
        copied = briefing.shown_names(goal, names, variables) if how else []
        handed, servers = toolbox.parted([*tools, *(names[n] for n in briefing.handed(goal, names))])
        box = toolbox.build(self, settings, chosen, handed, bind, variables)
        box = isolation.put_apart(box, how, self, chosen, copied, bind, settings, goal)
        steps = given_plan(settings.plan, names)
        shown = (self.namespace, variables, settings.show_values)
        head = briefing.head(goal, chosen.traits, *shown, "plan" in box, how == "isolate")
        run = self.make_run(self.new_journal(name or goal), State(), chosen, box, settings.call_timeout)
        resource.bind(run, settings.limits)
        run.check, run.price, run.owns_model = check, price, isinstance(spec, str | None)
        origin = {"parent": None, "pid": self.last_pid, "name": name, "spec": str(spec or ""), "bind": bind}
        checks = {"check": check_name(check), "grounded": settings.grounded, "apart": how, "copied": copied}
        given = {"vars": variables, "servers": servers, "devices": [t for t in handed if isinstance(t, str)]}
        record_start(run, settings, goal, bounds, head, **origin, **checks, **given, tables=tables)
        record_labels(run, settings.labels, [b for p in self.processes.values() if (b := p.run.state.labels)])
        if steps:
            run.append(PlanProposed(version=1, steps=[p.plain() for p in steps], by="you"))
        return self.register(run)

    def make_run(
        self, journal: Journal, state: State, model: Model, box: dict[str, Tool], timeout_s: float
    ) -> Run:
        """Put together what drives a process of this session."""
        run = Run(journal, state, model, box, self.namespace, call_timeout_s=timeout_s, writes=self.writes)
        run.servers = self.servers
        run.snapshots, run.sight = self.snapshots, Sight(self.sharing)
        run.fingerprint = toolbox.fingerprints(self.namespace)
        recall.connect(box, run, self.memory)
        toolbox.connect(run)
        run.listeners.append(self.post.heard)
        self.post.connect(box, run)
        children.connect(self, run)
        isolation.attach(run)
        return run

    def new_journal(self, words: str) -> Journal:
        """Make the journal of a new process."""
        folder, self.last_pid = self.home.new(words)
        return open_journal(folder / "journal.jsonl")

    def register(self, run: Run) -> Process:
        """Enter a process into the table."""
        process = Process(run, self)
        self.processes[process.pid] = process
        for listener in self.on_start:
            listener(process)
        return process

    def find(self, key: str | int) -> Process:
        """Return a process by pid or name, loading it from the home where it is not at hand."""
        if isinstance(key, int) or str(key).isdecimal():
            if int(key) in self.processes:
                return self.processes[int(key)]
            folder = self.home.find(int(key))
            if folder is not None:
                return self.load(folder)
        for process in reversed(self.processes.values()):
            if process.run.state.name == key:
                return process
        known = ", ".join(
            f"{p.pid}" + (f" ({p.run.state.name})" if p.run.state.name else "") for p in self.processes.values()
        )
        raise UsageError(f"process {key!r}: no such process (there are: {known or 'none'})")

    # coming back

    def load(
        self,
        path: str | os.PathLike[str],
        *,
        tools: Iterable[Any] = (),
        model: str | Model | None = None,
        check: Any = None,
    ) -> Process:
        """Load a saved process from its journal, paused."""
        return revive.load(self, path, tools=tools, model=model, check=check)

    def replay(self, path: str | os.PathLike[str]) -> Process:
        """Fold a journal and give the process as it was; it cannot be driven."""
        return revive.replay(self, path)

    async def resume(self, process: Process, model: str | Model | None = None) -> None:
        """Go on with a process."""
        await revive.resume(self, process, model)
        await children.resumed(self, process)

    def fork(self, process: Process, at: int, isolate: bool = False) -> Process:
        """Begin a new process from event `at` of another."""
        return revive.fork(self, process, at, isolate)

    # the namespace and the record

    def undo(self, process: Process, to: int | None) -> None:
        """Take steps back in place."""
        undo_calls(process.run, to)

    def redo(self, process: Process) -> None:
        """Put back what was undone last."""
        redo_last(process.run)

    def export(self, process: Process, path: Path, **options: Any) -> Path:
        """Write the plain notebook of what survived."""
        return export(self, process, path, **options)

    def blobs(self, process: Process) -> Blobs:
        """Payloads beside a process's journal."""
        return Blobs(process.journal.path.parent / "blobs")
