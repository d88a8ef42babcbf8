"""The composition root: models, tools, journal and namespace become processes. The Python API stands on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import UsageError, nearest
from llmos_nb.journal import Home, Journal, home_of, look
from llmos_nb.messages import Message, ToolResult
from llmos_nb.models import Model, resolve
from llmos_nb.policy import Approver, Budget, labels
from llmos_nb.process import Run, briefing, inputs, open_journal, recall
from llmos_nb.process.scheduling import NamespaceLock, Sharing, Sight
from llmos_nb.process.state import State, prompts
from llmos_nb.session import abreast, config, opening, revive, table, toolbox
from llmos_nb.session.notebook import Recorder, recorder_of
from llmos_nb.session.parts import Order, Parts
from llmos_nb.session.process import Process
from llmos_nb.session.protocols import ProcessLike
from llmos_nb.tools import Tool
from llmos_nb.views import visible

if TYPE_CHECKING:
    from llmos_nb.tools.devices.mcp import Servers


class Session:
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
        if hasattr(ip, "events"):
            ip.events.register("post_run_cell", self.sharing.cell)
        self.parts = Parts(self)
        self.on_start: list[Callable[[Process], None]] = []
        self.on_show: list[Callable[[Process], None]] = []
        self.held: list[Process] | None = None
        self._remarks: dict[str, bool] = {}  # by line, whether it is still to be said
        self.notebook: Recorder | None = recorder_of(ip) if ip is not None else None

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
        if parent is None:
            made = self.create(goal, **options)
        else:
            made = self.processes[self.parts["children"].create(parent, goal, **options).pid]
        opening.declare_outputs(made.run, out)
        if source is not None:
            self.parts["mail"].pipe(made, source)
        return made.start()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let the processes that are started inside begin at its end, such as when all of them are shown."""
        outer, self.held = self.held, []
        try:
            yield
        finally:
            begun, self.held = self.held, outer
            for process in begun:
                process.start()

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
        approvers: Iterable[Approver | str] = (),
        ordered: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Process:
        """Make a process with its journal, ready to be driven.

        `variables` and `bind`: what it may see and write (names, globs, ``-`` leaves out); `ordered`: by a service.

        Raises
        ------
        UsageError
            A goal, option, name or model is not understood; nothing was started.
        """
        goal, checked = opening.checked_goal(goal), opening.check_name(check)
        settings, spec = self._settled(model, options)
        chosen = opening.hold_host(_chosen(spec, base_url, settings))
        bounds, price = opening.bounds_of(chosen, settings)
        tables = briefing.attach(goal, self.namespace)
        how, names = opening.how_apart(preview, isolate, self.namespace), self.namespace or {}
        copied = briefing.shown_names(goal, names, variables) if how else []
        handed, servers = toolbox.parted(tools, [names[n] for n in briefing.handed(goal, names)])
        order = Order(settings, chosen, goal, tuple(handed), bind, variables, how, tuple(copied))
        box = self.parts.wraps(order, toolbox.build(self.parts, order))
        seats = toolbox.approvers(approvers, settings, self.sharing.n)
        steps = opening.given_plan(settings.plan, names)
        shown = (self.namespace, variables, settings.show_values, how == "isolate", self._private(settings))
        head = briefing.head(goal, chosen.traits, *shown, settings.prompts)
        journal = self.new_journal(name or goal)
        run = opening.hold_to(self.make_run(journal, State(), chosen, box, settings.call_timeout), settings)
        run.check, run.price, run.owns_model, run.approvers = check, price, isinstance(spec, str | None), seats
        origin = {"parent": None, "pid": self.last_pid, "name": name, "spec": str(spec or ""), "bind": bind}
        given: dict[str, Any] = {"vars": variables, "servers": servers, "order": ordered, "check": checked}
        given |= {"devices": [t for t in handed if isinstance(t, str)], "apart": how, "copied": copied}
        self.record_start(run, settings, goal, bounds, head, tables=tables, **origin, **given)
        opening.record_labels(run, settings.labels, self._labels())
        opening.give_plan(run, steps)
        return self.register(run, briefing.shown_names(goal, names, variables))

    def _private(self, settings: config.Settings) -> list[str]:
        """Return the variables whose values no model is shown."""
        return opening.private_names(self.sharing.labels, settings.labels)

    def _labels(self) -> list[Mapping[str, str]]:
        """Return what is known of names and files: by a person's word, and by the processes of this session."""
        said = (self.sharing.labels, *(p.run.state.labels for p in self.processes.values()))
        return [known for known in said if known]

    def _settled(
        self, model: str | Model | None, options: dict[str, Any]
    ) -> tuple[config.Settings, str | Model | None]:
        """Return the settings of a new process, and what says its model: a name, or the model itself."""
        named = model if isinstance(model, str) else None
        settings = opening.hold_inside(config.load({**options, "model": named}, self.configured))
        return settings, settings.model or None if model is None or named is not None else model

    def make_run(self, journal: Journal, state: State, model: Model, box: dict[str, Tool], timeout_s: float) -> Run:
        """Put together what drives a process of this session."""
        run = Run(journal, state, model, box, self.namespace, call_timeout_s=timeout_s, writes=self.writes)
        run.snapshots, run.sight = self.snapshots, Sight(self.sharing)
        run.fingerprint = self._versions
        if self.notebook is not None:
            run.place = partial(self.notebook.place, run)
        recall.connect(run, self._recall_elsewhere)
        toolbox.connect(run)
        self.parts.connect(run)
        return run

    def _versions(self, names: list[str]) -> dict[str, str]:
        """Return the present versions of variables by their content."""
        from llmos_nb.heap.digest import digest  # it looks at numpy and pandas where they are loaded

        there = self.namespace or {}
        return {n: digest(there[n]) for n in names if n in there}

    async def _recall_elsewhere(self, run: Run, query: str, found: ToolResult | None) -> ToolResult:
        result: ToolResult = await self.parts["memory"].recalled(run, query, found)
        return result

    def record_start(
        self,
        run: Run,
        settings: config.Settings,
        goal: str,
        bounds: Budget,
        head: tuple[Message, ...],
        **more: Any,
    ) -> None:
        """Write the first events of a process."""
        if settings.rules or settings.tools or settings.labels or settings.prompts:
            from llmos_nb.session import config_names  # few have a file that names anything

            there = {n: t for p in self.processes.values() for n, t in p.run.tools.items()} | run.tools
            found = config_names.unmatched(settings, there, self.namespace or {}, self.serves)
            self._remarks = dict.fromkeys(found, True) | self._remarks
        social = self.namespace is not None or not run.tools.keys().isdisjoint(("send", "start_process"))
        if social and not run.model.traits.prefix:
            whose = (more["pid"], more["name"], settings.approve, bounds.limits, datetime.now(UTC))
            head = briefing.introduced(head, prompts.you_are(settings.prompts, *whose))
        opening.record_start(run, settings, goal, bounds, head, self.parts.begun(run, settings), **more)

    def remarks(self) -> list[str]:
        """Return what is to be said of the settings, each once, by whoever presents the processes that began."""
        found = [line for line, new in self._remarks.items() if new]
        self._remarks |= dict.fromkeys(found, False)
        return found

    def new_journal(self, words: str) -> Journal:
        """Make the journal of a new process."""
        folder, self.last_pid = self.home.new(words)
        return open_journal(folder / "journal.jsonl")

    def register(self, run: Run, shown: Iterable[str] = (), cold: bool = False) -> Process:
        """Enter a process into the table; it has seen the variables that its goal was shown with."""
        if run.sight is not None:
            run.sight.saw(shown)
        process = Process(run, self)
        process.cold = cold
        if cold:
            process.dispatch.catch_up = partial(abreast.catch_up, process)
        self.processes[process.pid] = process
        for listener in self.on_start:
            listener(process)
        return process

    def find(self, key: str | int) -> Process:
        """Return a process by pid or name, loading it from the home where it is not at hand; without one, the last."""
        if key == "":
            if (found := self.last()) is None:
                raise UsageError("there is no process yet: start one with %%agent")
            return found
        folder = None
        if isinstance(key, int) or str(key).isdecimal():
            if int(key) in self.processes:
                return self._abreast(self.processes[int(key)])
            folder = self.home.find(int(key))
        for process in reversed(self.processes.values()):
            if process.run.state.name == key and folder is None:
                return self._abreast(process)
        if (folder := folder or table.named(self.home, str(key))) is not None:
            return self._found(folder)
        here = [(p.pid, p.run.state.name) for p in self.processes.values()]
        there = [(g.pid, g.name) for g in look(self.home).unfinished if g.pid not in self.processes]
        known = ", ".join(f"{pid}" + (f" ({visible(name)})" if name else "") for pid, name in (*here, *there))
        raise UsageError(f"process {key!r}: no such process (there are: {known or 'none'})")

    def last(self) -> Process | None:
        """Return the process that came last; where none is at hand, of the home, one that has not ended first."""
        if self.processes:
            return self._abreast(next(reversed(self.processes.values())))
        folder = table.last(self.home)
        return self._found(folder) if folder is not None else None

    def _found(self, folder: Path) -> Process:
        return self.load(folder)

    def _abreast(self, process: Process) -> Process:
        """Return a process as its journal is by now, where somebody else has gone on with it."""
        process.dispatch.ask(process.dispatch.catch_up)
        return process

    def find_live(self, key: str) -> Process:
        """Return the process of a name or number, one that lives before one that has ended."""
        named = [p for p in self.processes.values() if key in (p.run.state.name, str(p.pid))]
        return next((p for p in reversed(named) if p.state != "ended"), None) or self.find(key)

    # coming back

    def load(
        self,
        path: str | os.PathLike[str],
        *,
        tools: Iterable[Any] = (),
        model: str | Model | None = None,
        check: Any = None,
        approvers: Iterable[Approver | str] = (),
    ) -> Process:
        """Load a saved process from its journal, paused."""
        return revive.load(self, path, tools=tools, model=model, check=check, approvers=approvers)

    def replay(self, path: str | os.PathLike[str]) -> Process:
        """Fold a journal and give the process as it was; it cannot be driven."""
        return revive.replay(self, path)

    async def resume(self, process: ProcessLike, model: str | Model | None = None) -> None:
        """Go on with a process.

        Raises
        ------
        UsageError
            It has ended for good, or what waits in it needs variables that this notebook does not have.
        NotTrusted
            Its journal may be a stranger's.
        """
        process.journal.check_maker()
        if process.cold and (names := inputs.lacking(process.run)):
            raise UsageError(f"process {process.pid} {inputs.needs(names)}, then resume")
        if process.cold and (names := inputs.ungiven(process.run)):
            raise UsageError(
                f"process {process.pid} calls {', '.join(names)}: llmos serve goes on with it, which has that"
            )
        await revive.resume(self, process, model)
        await self.parts.resumed(process)

    def choose(self, process: ProcessLike, model: str | Model) -> None:
        """Give a process another model, from its next request on."""
        revive.choose(self, process, model)

    def fork(self, process: ProcessLike, at: int, isolate: bool = False) -> Process:
        """Begin a new process from event `at` of another."""
        return revive.fork(self, process, at, isolate)

    # what parts do for a person

    @property
    def servers(self) -> Servers:
        """The MCP servers of this session."""
        found: Servers = self.parts["mcp"].servers
        return found

    def serves(self, word: str) -> bool:
        """Return whether a word of ``-t`` names an MCP server, or tools of one."""
        return self.servers.named(word)

    def receive(self, name: str, process: Process) -> None:
        """Put a process's answer into a variable, with the label of what it has read."""
        if self.namespace is not None:
            self.namespace[name] = process.answer
            label = labels.context(process.run.state.labels)
            if label != labels.TRUSTED:
                self.sharing.labels = labels.inherited((self.sharing.labels, {name: str(label)}))

    def hide(self, name: str) -> None:
        """Keep the values of a variable, and of what is made of it, from every model."""
        if name not in (names := self.namespace or {}):
            raise UsageError(f"private {name!r}: no such variable{nearest(name, names)}")
        self.sharing.labels = labels.inherited((self.sharing.labels, {name: "private"}))

    @property
    def memory(self) -> Any:
        """What is remembered over runs."""
        return self.parts["memory"].store

    def remember(self, text: str = "", source: Process | None = None) -> str:
        """Keep a text over runs, by default the answer of `source`, and return its name, such as ``m3``."""
        return str(self.parts["memory"].remember(text, source))

    def recall(self, query: str, everywhere: bool = False, limit: int = 5) -> list[Any]:
        """Return what was remembered by its words, the best first; `everywhere` also what former runs said."""
        return list(self.memory.recall(query, everywhere, limit))

    # the record

    def export(
        self, process: ProcessLike | Sequence[ProcessLike], path: Path, *, run: bool = True, **options: Any
    ) -> Path:
        """Write the plain notebook of what survived of one process or of several, and run it to see that it runs."""
        from llmos_nb.session import exporting  # with the first export

        several = list(process) if isinstance(process, Sequence) else [process]
        return exporting.export(self, several, path, run, **options)


def _chosen(spec: str | Model | None, base_url: str | None, settings: config.Settings) -> Model:
    """Return the model of a new process, with the patience and the eyes that the settings give it."""
    found = resolve(spec, base_url=base_url or settings.base_url, stall_s=settings.patience)
    return opening.seeing(found, settings.images)
