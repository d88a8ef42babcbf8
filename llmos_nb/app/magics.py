"""The magics: parse, call the session, show.

`%%agent` is awaited: a transformer puts ``await`` before the magic call, and the magic returns a coroutine.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from traitlets import Bool, Float, Int, Unicode
from traitlets.config import Configurable

from llmos_nb.app import options
from llmos_nb.app.present.presenter import front_end
from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.journal import home_of, there
from llmos_nb.policy.secrets import redact

if TYPE_CHECKING:
    from llmos_nb.session import Session

_CALL = re.compile(r"^(\s*(?:[\w.]+\s*=\s*)?)(get_ipython\(\)\.run_(?:cell|line)_magic\('agent',)")
_TIMERS = re.compile(r"\s*%%(time|timeit|capture|prun)\b")


class LLMOS(Configurable):
    """Settings by ``%config LLMOS.name = value``; the call goes before, environment and llmos.toml behind."""

    model = Unicode("", help="model spec").tag(config=True)
    base_url = Unicode("", help="an OpenAI-compatible endpoint").tag(config=True)
    approve = Unicode("", help="approval mode").tag(config=True)
    budget = Unicode("", help="as in '20 steps, $0.50'").tag(config=True)
    plan = Unicode("", help="auto, only, none or a variable").tag(config=True)
    call_timeout = Float(0.0, help="seconds a call may take").tag(config=True)
    quarantine = Bool(False, help="show what others may have written by handle").tag(config=True)
    untrusted = Unicode("", help="Python after untrusted data was read: ask or child").tag(config=True)
    show_values = Bool(False, help="describe variables with values to any model").tag(config=True)
    grounded = Bool(True, help="check answers for numbers never observed").tag(config=True)
    trace = Bool(False, help="send spans to the OpenTelemetry collector of the environment").tag(config=True)
    home = Unicode("", help="folder of the journals").tag(config=True)
    scheduler = Unicode("", help="who comes next: las, priority, fcfs or rr").tag(config=True)
    slots = Int(0, help="requests that a model's endpoint gets at once").tag(config=True)
    requests_per_minute = Float(0.0, help="requests that an endpoint gets in a minute").tag(config=True)

    def given(self) -> dict[str, Any]:
        """Return what was set."""
        found = {n: getattr(self, n) for n in self.class_trait_names(config=True)}
        return {k: v for k, v in found.items() if v != self.traits()[k].default_value}


class _Configured(dict[str, Any]):
    """What `%config LLMOS` says now, looked at when a process starts."""

    def __init__(self, config: LLMOS) -> None:
        super().__init__()
        self.config = config

    def items(self) -> Any:
        return self.config.given().items()

    def get(self, key: str, default: Any = None) -> Any:
        return self.config.given().get(key, default)


@magics_class
class AgentMagics(Magics):
    """``%%agent`` and ``%agent``."""

    def __init__(self, ip: Any, config: LLMOS) -> None:
        super().__init__(ip)
        self.ip, self.configured, self.woken = ip, _Configured(config), False

    @cached_property
    def session(self) -> Session:
        """The processes of this notebook; made at the first use, so that loading the extension costs little."""
        from llmos_nb.session import Session, api

        session = Session(self.ip.user_ns, ip=self.ip, configured=self.configured)
        api.adopt(session)
        return session

    def pids(self) -> list[int]:
        """Return the processes that this notebook holds."""
        return list(vars(self)["session"].processes) if "session" in vars(self) else []

    def wake(self) -> None:
        """Look after persistent goals, where there are any and an event loop runs; all else works without them.

        Done when the extension is loaded and when a process is started, not by a command: `%agent undo` needs no goals.
        """
        home = home_of(None, self.configured)
        if self.woken or not there(home):
            return
        from llmos_nb.session.goals import Goals

        try:
            if not any(g.state == "open" for g in Goals(home).all()):
                return
        except LlmosError as error:
            self.woken = True
            print(f"llmos_nb: goals do not wake: {redact(str(error))}", file=sys.stderr)
            return
        self.woken = self.session.parts["goals"].begin()

    @no_var_expand
    @line_cell_magic
    def agent(self, line: str = "", cell: str | None = None) -> Any:
        """Start a process (`%%agent`, the goal is the body) or steer one (`%agent ps`, `%agent approve 1`).

        `%%agent --help` and `%agent --help` list everything.
        """
        _explain_blocking(self.ip)
        if cell is None:
            return self._guarded(self._steer(line))
        return self._guarded(self._start(line, cell))

    async def _steer(self, line: str) -> Any:
        from llmos_nb.app.commands import carry_out

        return await carry_out(self.session, options.parse_command, line)

    async def _start(self, line: str, cell: str) -> Any:
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


def quiet(error: LlmosError) -> LlmosError:
    """Make an error render as its one line, without a traceback."""
    line = redact(f"{type(error).__name__}: {error}")
    error._render_traceback_ = lambda: [line]  # type: ignore[attr-defined]  # IPython's documented hook
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
    first = next(
        (i for i, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), None
    )
    if first is None:
        return lines
    if _TIMERS.match(lines[first]) and any(line.startswith("%%agent") for line in lines[first + 1 : first + 3]):
        word = _TIMERS.match(lines[first]).group(1)  # type: ignore[union-attr]  # matched above
        return [f"%agent --under %%{word}\n"]
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
    config = LLMOS(parent=ip)
    ip.configurables[:] = [c for c in ip.configurables if type(c).__name__ != "LLMOS"] + [config]
    magics = AgentMagics(ip, config)
    ip.register_magics(magics)
    unload(ip)
    ip.input_transformers_cleanup.append(tidy)
    ip.input_transformers_post.append(awaited)
    if front_end(ip) == "panel":
        threading.Thread(target=_prepare, name="llmos-prepare", daemon=True).start()
    magics.wake()
    if Path("llmos.toml").exists() or os.environ.get("LLMOS_ORG_CONFIG"):
        threading.Thread(target=_keep_house, args=(magics,), name="llmos-prune", daemon=True).start()


def _keep_house(magics: AgentMagics) -> None:
    """Delete in the background what retention says; the session is not made for that."""
    import_module("llmos_nb.app.commands.store").keep_house(magics.configured, magics.pids)


def _prepare() -> None:
    """Import and compile in the background what the first process will need."""
    import_module("llmos_nb.app.commands")
    import_module("llmos_nb.views.loop.loop").prepare()


def unload(ip: Any) -> None:
    """Take the transformers away, and the timer of goals."""
    if (waking := sys.modules.get("llmos_nb.session.goals.waker")) is not None:
        waking.stop_all()
    for hooks in (ip.input_transformers_cleanup, ip.input_transformers_post):
        hooks[:] = [h for h in hooks if getattr(h, "__module__", "") != __name__]
