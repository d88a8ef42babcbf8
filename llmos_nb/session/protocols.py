"""What the features of a session need of it, and of the processes in it.

`Session` and `Process` satisfy these; whatever serves them names only these, so that no import goes in a circle.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from llmos_nb.heap import Snapshots
    from llmos_nb.journal import Home, Journal
    from llmos_nb.journal.events import Decider
    from llmos_nb.messages import Message
    from llmos_nb.models import Model
    from llmos_nb.policy import Budget
    from llmos_nb.process import Run
    from llmos_nb.process.scheduling import Sharing
    from llmos_nb.process.state import State
    from llmos_nb.session.config import Settings
    from llmos_nb.session.dispatch import Dispatch
    from llmos_nb.session.notebook import Recorder
    from llmos_nb.tools import Tool


class ProcessLike(Protocol):
    """A process as features see it."""

    run: Run
    cold: bool
    dispatch: Dispatch

    @property
    def session(self) -> SessionLike:
        """Where it lives."""

    @property
    def pid(self) -> int:
        """Number, unique in its home."""

    @property
    def state(self) -> str:
        """``running``, ``waiting``, ``paused`` or ``ended``."""

    @property
    def over(self) -> bool:
        """Whether it has ended, and its end is on disk: only then is written elsewhere what follows from it."""

    @property
    def reason(self) -> str | None:
        """Why it ended; None while it has not."""

    @property
    def detail(self) -> str:
        """More about why it ended or paused."""

    @property
    def answer(self) -> str | None:
        """The answer, once there is one."""

    @property
    def journal(self) -> Journal:
        """Its journal."""

    @property
    def waits_for(self) -> str:
        """What it waits for, in words."""

    def start(self) -> ProcessLike:
        """Begin to drive on the running loop."""

    def pause(self, *, by: str | Decider = "you") -> object:
        """Pause after this step."""

    def stop(self, *, by: str | Decider = "you") -> object:
        """Stop now."""

    def kill(self, *, by: str | Decider = "you") -> object:
        """End for good."""

    def export(self, path: str | Path, **options: Any) -> Path:
        """Write what survived as a plain notebook."""


class SessionLike(Protocol):
    """A session as features see it."""

    namespace: dict[str, Any] | None
    ip: Any
    configured: Mapping[str, Any]
    snapshots: Snapshots | None
    sharing: Sharing
    notebook: Recorder | None
    last_pid: int

    @property
    def processes(self) -> Mapping[int, ProcessLike]:
        """All processes by pid."""

    @property
    def home(self) -> Home:
        """Where the journals are."""

    def start(self, goal: str, **options: Any) -> ProcessLike:
        """Start a process."""

    def create(self, goal: str, **options: Any) -> ProcessLike:
        """Make a process, ready to be driven."""

    def make_run(self, journal: Journal, state: State, model: Model, box: dict[str, Tool], timeout_s: float) -> Run:
        """Put together what drives a process."""

    def record_start(
        self, run: Run, settings: Settings, goal: str, bounds: Budget, head: tuple[Message, ...], **more: Any
    ) -> None:
        """Write the first events of a process."""

    def new_journal(self, words: str) -> Journal:
        """Make the journal of a new process."""

    def register(self, run: Run, shown: Iterable[str] = (), cold: bool = False) -> ProcessLike:
        """Enter a process into the table."""

    def find(self, key: str | int) -> ProcessLike:
        """Return a process by pid or name."""

    def find_live(self, key: str) -> ProcessLike:
        """Return the process of a name or number, one that lives before one that has ended."""

    def load(
        self,
        path: str | os.PathLike[str],
        *,
        tools: Iterable[Any] = (),
        model: str | Model | None = None,
        check: Any = None,
    ) -> ProcessLike:
        """Load a saved process from its journal, paused."""

    def replay(self, path: str | os.PathLike[str]) -> ProcessLike:
        """Return the process of a journal as it was."""

    def resume(self, process: ProcessLike, model: str | Model | None = None) -> Awaitable[None]:
        """Go on with a process."""

    def fork(self, process: ProcessLike, at: int, isolate: bool = False) -> ProcessLike:
        """Begin a new process from event `at` of another."""

    def export(
        self, process: ProcessLike | Sequence[ProcessLike], path: Path, *, run: bool = True, **options: Any
    ) -> Path:
        """Write the plain notebook of what survived."""
