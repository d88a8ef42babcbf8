"""Signals to a process: send, nice, pause, stop, kill. They take effect at its next safe point, also while it waits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from llmos_nb.approval import until_words
from llmos_nb.done import Done
from llmos_nb.errors import UsageError
from llmos_nb.scheduler import Run
from llmos_nb.slots import LEAST_NICE, NICEST

if TYPE_CHECKING:
    from llmos_nb.process import Process


class Signals(ABC):
    """The signals; `Process` says how an act reaches its thread."""

    run: Run

    @property
    @abstractmethod
    def state(self) -> str:
        """``running``, ``waiting``, ``paused`` or ``ended``."""

    @property
    def pid(self) -> int:
        """Number, unique in its home."""
        return self.run.state.pid

    @property
    def parent(self) -> int | None:
        """The pid of the process that started it, or that it was forked from."""
        return (self.run.state.parent or {}).get("pid")

    @property
    def waits_for(self) -> str:
        """What it waits for, in words; an empty text where it waits for nothing."""
        s = self.run.state
        if self.state == "waiting":
            return ", ".join(_wanted(q) for q in (*s.questions.values(), *s.awaited.values()))
        if s.status != "running":
            return s.why
        return ", ".join(str(wait) for wait in self.run.waits.values())

    @property
    def uses(self) -> str:
        """What it uses at this moment: its model, or the tools of the calls that run."""
        s = self.run.state
        if s.settled:
            return ""
        running = [c.name for c in s.open_calls if c.status == "running"]
        return ", ".join([f"the model {self.run.model.traits.name}"] if s.request else running)

    @abstractmethod
    def _do(self, act: Callable[[], object]) -> Done:
        """Carry an act out on the process's own thread."""

    @abstractmethod
    def _halt(self, how: str, by: str) -> Done:
        """End what is under way now."""

    @abstractmethod
    async def _until_settled(self) -> Process:
        """Wait until it ended, paused, or waits for somebody."""

    def start_child(self: Process, goal: str, **options: Any) -> Process:  # type: ignore[misc]  # it is one
        """Start a process within this one's rights and budget; what ends this one ends it."""
        return self.session.start(goal, parent=self, **options)

    def send(self, text: str, *, by: str = "you") -> Done:
        """Tell the process something; it reads it with its next prompt."""
        return self._do(lambda: self.run.append("signal.received", signal="steer", by=by, text=text))

    def nice(self, value: int, *, by: str = "you") -> Done:
        """Set its niceness: -20 goes first, 19 lets all others go first, 0 is what it began with."""
        if isinstance(value, bool) or not isinstance(value, int) or not LEAST_NICE <= value <= NICEST:
            raise UsageError(f"nice {value!r}: must be a whole number from {LEAST_NICE} to {NICEST}")

        def act() -> None:
            self.run.append("signal.received", signal="nice", by=by, value=value)
            for wait in self.run.waits.values():
                if wait.resource is not None:
                    wait.resource.renice(self.run)

        return self._do(act)

    def pause(self, *, by: str = "you") -> Done:
        """Pause after this step."""
        if self.state in ("ended", "paused"):
            return Done(self)
        return self._do(lambda: self.run.append("signal.received", signal="pause", by=by))

    def stop(self, *, by: str = "you") -> Done:
        """Stop now: the unfinished step is taken back and the process paused."""
        return self._halt("paused", by)

    def kill(self, *, by: str = "you") -> Done:
        """End for good."""
        return self._halt("ended", by)


def _wanted(question: Mapping[str, Any]) -> str:
    until = until_words(question).partition(",")[0]
    return str(question.get("title") or question["kind"]) + (f" {until}" if until else "")
