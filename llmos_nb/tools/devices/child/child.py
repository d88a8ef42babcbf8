"""The child device: Python in a process of its own, which gets copies and gives text.

What happens there reaches the parent as words only, so nothing of it can change the user's namespace. A step that
passes its deadline is ended from inside, or with its whole process where it does not react.
"""

from __future__ import annotations

import asyncio
import signal
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from llmos_nb.errors import ToolError
from llmos_nb.heap.plain import decode
from llmos_nb.messages import ToolResult
from llmos_nb.tools.devices.child.answers import behind, looked, result, text
from llmos_nb.tools.devices.child.inputs import Input
from llmos_nb.tools.devices.child.sandbox.sandbox import Protection
from llmos_nb.tools.devices.child.worker import Connection, Frame
from llmos_nb.tools.outcome import Outcome, Stopped, in_thread, unless_stopped
from llmos_nb.tools.protocol import CallContext

_REACH = ("network", "files", "signals")  # what holds a child back from acting outside


def held(frame: Frame, require: bool) -> tuple[str, str, str]:
    """Say what a child is held to, what not, and how it may act outside; it says so before anybody's code runs in it.

    Raises
    ------
    ToolError
        A protection does not hold, and is required.
    """
    found = [Protection(*p) for p in frame["holds"]]
    off = ", ".join(p.how for p in found if not p.holds)
    if off and require:
        raise ToolError(f"a protection that is required does not hold here: {off}")
    reaches = ", ".join(p.how for p in found if not p.holds and p.name in _REACH)
    return ", ".join(p.how for p in found if p.holds), off, reaches


class Running(Protocol):
    """What a child needs of its process; `subprocess.Popen` has it."""

    def poll(self) -> int | None:
        """Return the exit code once it has ended."""
        ...

    def send_signal(self, sig: int) -> None:
        """Signal it."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


def how_ended(process: Running | None, within_s: float) -> str:
    """Wait a moment for the end of a process, and say how it ended; nothing where it has not."""
    until = time.monotonic() + within_s
    while process is not None and time.monotonic() < until:
        code = process.poll()
        if code is not None:
            return f" (signal {-code})" if code < 0 else f" (exit code {code})"
        time.sleep(0.005)  # the pipe is closed a moment before the system knows
    return ""


GRACE_S, GONE_S = 0.8, 1.5  # `invoke` waits a second beyond the deadline
MOST_OUTPUT, MOST_FRAMES = 1 << 20, 100_000


class _Link:
    """One started process and the connection to it.

    Whoever waits for an answer holds the link that was asked: when its process is ended and another one started
    meanwhile, a late thread, or a call that is given up, can neither read from the new process nor end it.
    """

    def __init__(self, connection: Connection, process: Running) -> None:
        self.connection, self.process = connection, process

    def held(self, require: bool) -> tuple[str, str, str]:
        """Read what the process is held to, what not, and how it may act outside."""
        try:
            first = self.connection.take()
        except ValueError as error:
            raise ToolError(str(error)) from error
        if first is None:
            raise ToolError(f"it ended at once{how_ended(self.process, GONE_S)}")
        return held(first[0], require)

    def ask(
        self, frame: Frame, raw: bytes = b"", say: Callable[[str], None] = lambda text: None
    ) -> tuple[Frame, bytes]:
        """Send a frame, and hand on what is printed until its answer comes, as far as a person could read it."""
        room = MOST_OUTPUT
        try:
            self.connection.send({**frame, "bytes": len(raw)}, raw)
            for _ in range(MOST_FRAMES):
                found = self.connection.take()
                if found is None:
                    raise ToolError(f"the child process has ended{how_ended(self.process, GONE_S)}")
                if isinstance(found[0].get("done"), dict):
                    return found[0]["done"], found[1]
                out = text(found[0].get("out"))[:room]
                room -= len(out)
                if out:
                    say(out)
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            raise ToolError(f"the child process has ended ({str(error)[:200]})") from error
        raise ToolError("the child process sent too much and was ended")

    def copy(self, inputs: list[Input]) -> dict[str, str]:
        """Copy inputs; return by name why not, or an empty text."""
        return {i.name: i.why or text(self.ask(i.frame, i.raw)[0].get("error"))[:200] for i in inputs}

    def interrupt(self) -> None:
        """Signal the process to end what it runs."""
        with suppress(OSError, ValueError):  # Windows cannot; it is killed then
            self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End the process at once."""
        with suppress(OSError):
            self.process.kill()
        self.close()

    def close(self) -> None:
        """Close the connection; the process ends with it, or is ended, and the system may forget it."""
        self.connection.close()
        if not how_ended(self.process, GONE_S):
            with suppress(OSError):
                self.process.kill()
            how_ended(self.process, GONE_S)


class Child:
    """A process that runs calls; it is started with the first one.

    Parameters
    ----------
    launch : callable
        Starts the process and returns the connection to it, and the process.
    gather : callable, optional
        Returns what is copied there at the start, as it is then. Such a child begins by saying what it is held to.
    require : bool
        It does not start where a protection does not hold.
    """

    def __init__(
        self,
        launch: Callable[[], tuple[Connection, Running]],
        gather: Callable[[], list[Input]] | None = None,
        *,
        require: bool = False,
    ) -> None:
        self._launch, self._gather, self._require = launch, gather, require
        self._link: _Link | None = None
        self._closing: weakref.finalize[[], Child] | None = None
        self._news = self._holds = self._reaches = ""

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._link is not None

    async def call(self, tool: str, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Run one call there.

        Parameters
        ----------
        tool : str
            ``python``, ``describe`` or ``names``.
        arguments : mapping
            Validated.
        context : CallContext
            Its deadline holds, and is followed by the end of the process.

        Raises
        ------
        Stopped
            The user stopped it; what it had changed there was taken back.
        """
        until = time.monotonic() + context.deadline_s
        try:
            link = await self._started(context.deadline_s)
        except ToolError as error:
            return ToolResult(False, str(error), "ChildEnded")
        if self._reaches:  # nobody here sees when it does
            context.acting(f"child {self._reaches}")
        frame: Frame = {"tool": tool, "arguments": dict(arguments), "call": context.call, "key": context.key}
        frame["deadline_s"] = max(until - time.monotonic(), 0.05)
        outcome = unless_stopped(await self._exchanged(link, frame, context))
        if outcome.error is None:
            return self._with_news(result(outcome.value))
        self._end(link)
        if not outcome.ended:
            late = f"it passed its deadline of {context.deadline_s:g} s and its process was ended"
            return ToolResult(False, f"{late}; the variables made there are gone", "ToolTimeout")
        return ToolResult(False, f"{outcome.error}; the variables made there are gone", "ChildEnded")

    async def look(self, asked: Sequence[Mapping[str, str]], each_s: float, all_s: float) -> list[ToolResult]:
        """Evaluate expressions there, each in a copy of that process: as in `looking.looked`.

        Raises
        ------
        ToolError
            The process ended, or cannot be copied.
        Stopped
            The user stopped it.
        """
        link = await self._started(all_s)
        frame: Frame = {"look": list(asked), "each_s": each_s, "deadline_s": all_s}
        outcome = unless_stopped(await self._exchanged(link, frame, CallContext("look", "look", all_s)))
        if outcome.error is not None:
            self._end(link)
            raise ToolError(str(outcome.error)) from outcome.error
        if outcome.value.get("stopped") is True:
            raise Stopped
        told = outcome.value.get("told")
        if not isinstance(told, list) or len(told) != len(asked):
            raise ToolError(text(outcome.value.get("error")) or "it told nothing")
        return [looked(one) for one in told]

    async def _started(self, deadline_s: float) -> _Link:
        """Return the link to the process; where there is none, start one and copy its inputs.

        Raises
        ------
        ToolError
            It does not start.
        """
        if self._link is not None:
            return self._link
        link = self._link = _Link(*self._launch())
        # unlike `__del__`, it keeps process and pipes out of the cycle that the collector breaks in any order
        self._closing = weakref.finalize(self, link.close)
        self._closing.atexit = False
        if self._gather is not None:
            inputs = self._gather()  # on this thread: nobody changes them meanwhile
            told = await in_thread(lambda: self._fill(link, inputs), deadline_s)
            if told.error is not None:
                self._end(link)
                raise ToolError(f"the child process did not start: {told.error}") from told.error
            self._holds, self._reaches, self._news = told.value
        return link

    def _fill(self, link: _Link, inputs: list[Input]) -> tuple[str, str, str]:
        """Copy the inputs; return what the child is held to, how it may act, and which were copied or not."""
        holds, off, reaches = link.held(self._require)
        faults = link.copy(inputs)
        copied = ", ".join(n for n, why in faults.items() if not why) or "nothing"
        failed = ", ".join(f"{n} ({why})" for n, why in faults.items() if why)
        said = "child process" + (f", not held: {off}" if off else "") + f"; copied: {copied}"
        return holds, reaches, said + (f"; not copied: {failed}" if failed else "")

    async def give(self, inputs: list[Input], deadline_s: float) -> dict[str, str]:
        """Copy more variables there.

        Returns
        -------
        dict
            By name, why one was not copied.

        Raises
        ------
        ToolError
            The child does not start, or ended.
        """
        link = await self._started(deadline_s)
        told = await self._asked(link, lambda: link.copy(inputs), deadline_s)
        return {n: why for n, why in told.items() if why}

    async def value(self, name: str, deadline_s: float) -> Any:
        """Copy the value of a variable from there.

        Raises
        ------
        ToolError
            There is no such variable, its kind does not come back, or what came is no value.
        """
        if (link := self._link) is None:
            raise ToolError("the child process has ended")

        def asked() -> tuple[str, Any]:  # in a thread: it may be large
            found, raw = link.ask({"get": name})
            if why := text(found.get("error")):
                return f"`{name}`: {why[:200]}", None
            try:
                return "", decode(raw)
            except ValueError as error:
                return f"the child sent a value that is not one: {error}"[:200], None

        why, value = await self._asked(link, asked, deadline_s)
        if why:
            raise ToolError(why)
        return value

    async def _asked(self, link: _Link, ask: Callable[[], Any], deadline_s: float) -> Any:
        """Ask in a thread; a process that does not answer is ended."""
        told = await in_thread(ask, deadline_s)
        if told.error is not None:
            self._end(link)
            raise ToolError(str(told.error)) from told.error
        return told.value

    def _with_news(self, result: ToolResult) -> ToolResult:
        news, self._news = self._news, ""
        prefix = f"[{news}]\n"
        facts = {**behind(result.facts, prefix, result.text), "child": self._holds} if news else result.facts
        barred = self._holds and result.error in ("PermissionError", "gaierror")
        why = f"\n(a child has {self._holds})" if barred else ""
        text = (f"{prefix}{result.text}" if news else result.text) + why
        return ToolResult(result.ok, text, result.error, result.parts, result.changes, facts)

    async def _exchanged(self, link: _Link, frame: Frame, context: CallContext) -> Outcome:
        """Exchange in a thread, so that the loop goes on; Stop interrupts the child and waits a moment for it."""
        loop = asyncio.get_running_loop()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(context.on_output, text)

        work = in_thread(lambda: link.ask(frame, say=say)[0], frame["deadline_s"] + GRACE_S)
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            link.interrupt()
            done, _ = await asyncio.wait({task}, timeout=GRACE_S)
            if not done or task.result().error is not None:
                self._end(link)
            raise

    def _end(self, link: _Link) -> None:
        link.kill()
        if self._link is link:
            self._forget()

    def kill(self) -> None:
        """End the process at once."""
        if self._link is not None:
            self._end(self._link)

    def close(self) -> None:
        """Close the connection; the process ends with it."""
        link = self._forget()
        if link is not None:
            link.close()

    def _forget(self) -> _Link | None:
        link, self._link = self._link, None
        if self._closing is not None:
            self._closing.detach()
        return link
