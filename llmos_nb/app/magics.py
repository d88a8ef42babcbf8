"""The magics: parse, call the session, show.

`%%agent` is awaited: a transformer puts ``await`` before the magic call, and the magic returns a coroutine.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from llmos_nb.app.notice import unfinished
from llmos_nb.app.present.front import front_end
from llmos_nb.app.present.queued import Queued
from llmos_nb.app.traits import LLMOS
from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.journal import Home, home_of, host, look
from llmos_nb.policy.secrets import redact

if TYPE_CHECKING:
    from llmos_nb.app.completion import AtHand
    from llmos_nb.app.lab.panels import Panels
    from llmos_nb.app.lab.processes import Service
    from llmos_nb.session import Process, Session

_CALL = re.compile(r"^(\s*(?:[\w.]+\s*=\s*)?)(get_ipython\(\)\.run_(?:cell|line)_magic\('agent',)")
PATIENCE_S = 0.03  # for reading journals that are not in the home's index, when the extension loads
GOALS_S = 20.0  # between two looks for goals that somebody added elsewhere
_TIMERS = re.compile(r"\s*%%(time|timeit|capture|prun)\b")


class Configured(dict[str, Any]):
    """What `%config LLMOS` says now, looked at when a process starts."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config

    def _set(self) -> dict[str, Any]:
        found = {n: (getattr(self.config, n), t) for n, t in self.config.traits(config=True).items()}
        return {n: value for n, (value, trait) in found.items() if value != trait.default_value}

    def items(self) -> Any:
        """Return what is set now."""
        return self._set().items()

    def get(self, key: str, default: Any = None) -> Any:
        """Return one of them."""
        return self._set().get(key, default)


@magics_class
class AgentMagics(Magics):
    """``%%agent`` and ``%agent``."""

    def __init__(self, ip: Any, config: Any) -> None:
        super().__init__(ip)
        self.ip, self.configured, self.woken = ip, Configured(config), False
        self.unsaid = ""
        self.queued: Queued | None = None  # where a line can be said in a cell before it runs
        self.panels: Panels | None = None  # where pages of a front end may draw them
        self.pages: Service | None = None  # where a front end may show all processes beside the cells
        self.early = False  # whether the cell that loads the extension is under way
        self.again: asyncio.TimerHandle | None = None  # the next look for goals

    @cached_property
    def session(self) -> Session:
        """The processes of this notebook; made at the first use, so that loading the extension costs little."""
        from llmos_nb.session import Session

        session = Session(self.ip.user_ns, ip=self.ip, configured=self.configured)
        if self.pages is not None:
            self.pages.follow(session)
        return session

    def processes(self) -> dict[int, Process]:
        """Return the processes that this notebook holds, without making its session."""
        return vars(self)["session"].processes if "session" in vars(self) else {}

    def hear_no_cells(self) -> None:
        """Tell the processes of this notebook no more what its cells change."""
        with suppress(ValueError, KeyError):  # it was never heard of
            self.ip.events.unregister("post_run_cell", vars(self)["session"].sharing.cell)

    def known(self) -> dict[tuple[str, str], None]:
        """Return number and name of the processes of this notebook, and of what is unfinished in the home."""
        here = [(str(p.pid), p.run.state.name) for p in self.processes().values()]
        there = [(str(g.pid), g.name) for g in look(home_of(None, self.configured), PATIENCE_S).unfinished]
        return dict.fromkeys([*here, *there])

    def at_hand(self, kind: type[AtHand]) -> AtHand:
        """Return what there is to be named on our lines."""

        def calls(key: str) -> list[str]:
            named = [p for p in self.processes().values() if key in (str(p.pid), p.run.state.name)]
            return [c.id for p in named for c in p.run.state.open_calls]

        return kind(lambda: (w for named in self.known() for w in named if w), self.ip.user_ns, calls)

    def wake(self, late: bool = False) -> None:
        """Look after persistent goals, where there are any and an event loop runs; all else works without them.

        Done when the extension loads and when a cell starts a process, never for a command.
        """
        home = home_of(None, self.configured)
        if not self.woken and home.remembers:
            from llmos_nb.app.commands.goals import wake

            self.woken = wake(home, lambda: self.session, late)

    def keep_awake(self) -> None:
        """Look for goals now and again and again, where an event loop runs: a terminal may add some meanwhile."""
        late = self.again is not None
        with suppress(RuntimeError):
            self.again = asyncio.get_running_loop().call_later(GOALS_S, self.keep_awake)
        self.wake(late)

    def record(self) -> None:
        """Record the notebook's cells from now on, where the settings do not say otherwise."""
        from llmos_nb.session import notebook

        fixed = _recording()

        def wanted() -> bool:
            return bool(self.configured.get("record", fixed))

        notebook.follow(self.ip, lambda: home_of(None, self.configured), wanted, _unless_steering)

    def look(self) -> None:
        """Say in one line what is unfinished in the home; of thousands not looked at before, with the next command."""
        home = home_of(None, self.configured)
        if not home.made_here:
            from llmos_nb.session import trust  # few homes need it

            trust.tell(Path.cwd(), home)
            return
        if not home.runs.is_dir():
            return
        found = look(home, PATIENCE_S)
        if found.whole:
            self.unsaid = unfinished(home, found)
            self.tell()
        else:
            host.beside(self._look_on, home, name="llmos-index")

    def _look_on(self, home: Home) -> None:
        self.unsaid = unfinished(home, look(home))

    def tell(self) -> None:
        """Say what is to be said, once."""
        said, self.unsaid = self.unsaid, ""
        if said:
            print(said)

    @no_var_expand
    @line_cell_magic
    def agent(self, line: str = "", cell: str | None = None) -> Any:
        """Start a process (`%%agent`, the goal is the body) or steer one (`%agent ps`, `%agent approve 1`).

        `%%agent --help` and `%agent --help` list everything.
        """
        _explain_blocking(self.ip)
        self.tell()
        work = self._guarded(self._steer(line) if cell is None else self._start(line, cell))
        return at_once(work, line) if self.early and not _is_awaited(self.ip) else work

    async def _steer(self, line: str) -> Any:
        from llmos_nb.app import options

        return await options.carry_out(self.session, line)

    async def _start(self, line: str, cell: str) -> Any:
        from llmos_nb.app import options

        given = options.parse_cell(line)
        if given.help:
            print(options.cell_parser().format_help())
            return None
        from llmos_nb.app.present.presenter import Presenter

        self.wake()
        return await Presenter(self.session).run(given, cell)

    async def _guarded(self, work: Any) -> Any:
        """Show our own errors as one quiet line, and raise them so that Run All stops there."""
        try:
            return await work
        except LlmosError as error:
            raise quiet(error) from None


def _is_awaited(ip: Any) -> bool:
    """Return whether the code of the cell that calls the magic awaits: it does where our transformer has seen it."""
    at = sys._getframe()
    while at is not None and at.f_globals is not ip.user_global_ns:
        at = at.f_back  # type: ignore[assignment]
    return at is not None and bool(at.f_code.co_flags & inspect.CO_COROUTINE)


def at_once(work: Coroutine[Any, Any, Any], line: str) -> Any:
    """Carry out what nothing awaits, as in the cell that loads the extension; what has to wait is refused.

    Raises
    ------
    UsageError
        It waits for something. What it began goes on where it is, in the process.
    """
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    work.close()
    raise quiet(UsageError(f"%agent {line}: in the cell that loads llmos_nb nothing can wait; write it in the next"))


def quiet(error: LlmosError) -> LlmosError:
    """Make an error render as its one line, without a traceback."""
    from llmos_nb.views import visible  # slow to import, and most lines are right

    line = visible(redact(f"{type(error).__name__}: {error}"))
    error._render_traceback_ = lambda: [line]  # type: ignore[attr-defined]  # IPython's documented hook
    error.__context__ = None  # one with a group of errors behind it would be shown past the hook
    return error


def _explain_blocking(ip: Any) -> None:
    """Say what to do where nothing would await the magic."""
    if not ip.autoawait:
        raise quiet(UsageError("%%agent needs top-level await: run %autoawait asyncio first"))


def awaited(lines: list[str]) -> list[str]:
    """Put ``await`` before the calls of our magic (runs after IPython's own transforms)."""
    return [_CALL.sub(r"\1await \2", line) for line in lines]


def tidy(lines: list[str]) -> list[str]:
    """Take comments above `%%agent` away, and give an empty body a line, so that IPython sees a cell magic."""
    told = (i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#"))
    if (first := next(told, None)) is None:
        return lines
    timer = _TIMERS.match(lines[first])
    if timer and any(line.startswith("%%agent") for line in lines[first + 1 : first + 3]):
        return [f"%agent --under %%{timer.group(1)}\n"]
    if not lines[first].startswith("%%agent") or lines[first].rstrip().endswith("?"):
        return lines
    rest = lines[first:]
    return rest if len(rest) > 1 else [rest[0].rstrip("\n") + "\n", "\n"]


tidy.has_side_effects = True  # type: ignore[attr-defined]  # IPython looks for it: not to be run for is_complete


def load(ip: Any) -> None:
    """Register magics, transformers and settings."""
    previous = ip.magics_manager.magics["cell"].get("agent")
    if previous is not None and not isinstance(getattr(previous, "__self__", None), AgentMagics):
        print("llmos_nb: %%agent was already registered by another package and is replaced", file=sys.stderr)
    unload(ip)
    config = LLMOS(parent=ip)
    ip.configurables.append(config)
    magics = AgentMagics(ip, config)
    ip.register_magics(magics)
    _until_the_cell_ends(ip, magics)
    ip.input_transformers_cleanup.append(tidy)
    ip.input_transformers_post.append(awaited)
    magics.record()
    if getattr(ip, "Completer", None) is not None:
        ip.Completer.custom_matchers.append(_matcher(magics))
    if front_end(ip) == "panel":
        from llmos_nb.app.lab import panels, processes  # only where pages may listen

        magics.panels = panels.Panels(lambda: magics.session)
        magics.panels.begin()
        magics.pages = processes.offer(ip, lambda: home_of(None, magics.configured))
        magics.queued = Queued(ip.kernel, magics.processes)
        magics.queued.begin()
        host.beside(_prepare, name="llmos-prepare")
    magics.keep_awake()
    magics.look()
    if Path("llmos.toml").exists() or os.environ.get("LLMOS_ORG_CONFIG"):
        host.beside(_keep_house, magics, name="llmos-prune")


def _until_the_cell_ends(ip: Any, magics: AgentMagics) -> None:
    """Note when the cell that loads the extension has ended, or the first one begins that was written after it."""

    def ended(_: Any) -> None:
        magics.early = False
        for name in ("pre_run_cell", "post_run_cell"):
            with suppress(ValueError):
                ip.events.unregister(name, ended)

    magics.early = True
    for name in ("pre_run_cell", "post_run_cell"):
        ip.events.register(name, ended)


def _matcher(magics: AgentMagics) -> Any:
    """Return a matcher for IPython's completer; on our lines it speaks alone."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    def agent_matcher(context: Any) -> Any:
        from llmos_nb.app import completion  # with the first TAB: it needs the table of verbs

        above = context.full_text.split("\n")[: context.cursor_line]
        text = "\n".join([*above, context.text_until_cursor])
        word, found = completion.complete(text, magics.at_hand(completion.AtHand)) or ("", [])
        kind = "instance" if text.removesuffix(word).endswith("`") else "magic"
        made = [SimpleCompletion(c, type=kind) for c in found]
        return {"completions": made, "suppress": bool(made), **({"matched_fragment": word} if made else {})}

    return context_matcher()(agent_matcher)


def _unless_steering(hook: Callable[[Any], None]) -> Callable[[Any], None]:
    """Leave out cells that are one line of ours, such as ``%agent undo``: they hold no code."""

    def called(about: Any) -> None:
        source = str(getattr(getattr(about, "info", about), "raw_cell", "") or "").strip()
        if not source.startswith("%agent") or "\n" in source:
            hook(about)

    return called


def _recording() -> bool:
    """Return what environment and files say of the record; what is wrong with them is said when a process starts."""
    from llmos_nb.session import config

    try:
        return config.load().record
    except LlmosError:
        return True


def _keep_house(magics: AgentMagics) -> None:
    """Delete in the background what retention says; the session is not made for that."""
    from llmos_nb.app.commands.prune import keep_house

    keep_house(magics.configured, magics.processes)


def _prepare() -> None:
    """Import and compile in the background what the first process will need."""
    from llmos_nb.app import completion, options
    from llmos_nb.views.loop import prepare

    completion.complete("%%agent -m ", completion.AtHand(tuple))  # front ends wait a second for the first TAB
    for verb in ("approve", "show"):  # their modules hold most handlers
        resolve_name(options.find(verb, "agent").run)
    prepare()


_ENDS: dict[str, Callable[[Any, Any], object]] = {
    "session.notebook.recorder": lambda module, ip: module.leave(ip),
    "session.goals.waker": lambda module, _: module.stop_all(),
    "tools.effects": lambda module, _: module.unwatch(),
    "app.lab.processes": lambda module, _: module.withdraw(),
    "app.present.clicks": lambda module, _: module.restore(),
    "tools.devices.python.capture": lambda module, ip: module.uninstall(ip),
    "app.present.presenter": lambda module, ip: module.uninstall(ip),
    "session.door.part": lambda module, ip: module.shut_all(),
    "tools.naming": lambda module, ip: module.forget(ip),
}
"""What modules have put in place, where they were loaded."""


def unload(ip: Any) -> None:
    """Take away the magics, settings, hooks, the timer of goals, and all that stands before streams and libraries."""
    magics = getattr(ip.magics_manager.magics["cell"].get("agent"), "__self__", None)
    if isinstance(magics, AgentMagics):
        for kind in ip.magics_manager.magics.values():
            del kind["agent"]
        if not any(p.state == "running" for p in magics.processes().values()):  # what is at work hears of cells
            magics.hear_no_cells()
        if magics.panels is not None:
            magics.panels.end()
        if magics.queued is not None:
            magics.queued.end()
        if magics.again is not None:
            magics.again.cancel()
    for name, end in _ENDS.items():
        if (module := sys.modules.get(f"llmos_nb.{name}")) is not None:
            end(module, ip)
    matchers = getattr(getattr(ip, "Completer", None), "custom_matchers", [])
    ip.configurables[:] = [c for c in ip.configurables if type(c).__name__ not in ("LLMOS", "AgentMagics")]
    for hooks in (ip.input_transformers_cleanup, ip.input_transformers_post, matchers):
        hooks[:] = [h for h in hooks if not getattr(h, "__module__", "").startswith("llmos_nb.app.")]
