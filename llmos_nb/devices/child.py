"""The child device: Python in a process of its own, which gets copies and gives text.

What happens there reaches the parent as words only, so nothing of it can change the user's namespace. A step that
passes its deadline is ended from inside, or with its whole process where it does not react.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from llmos_nb.devices import answers
from llmos_nb.devices.inputs import Input
from llmos_nb.devices.jail import Protection
from llmos_nb.devices.values import decode
from llmos_nb.devices.worker import Connection, Frame
from llmos_nb.errors import ToolError
from llmos_nb.messages import ToolResult
from llmos_nb.running import Outcome, Stopped, in_thread, unless_stopped
from llmos_nb.tools import CallContext

GRACE_S, GONE_S = 0.5, 1.5  # `invoke` waits a second beyond the deadline
MOST_OUTPUT, MOST_FRAMES = 1 << 20, 100_000


class Running(Protocol):
    """What a child needs of its process; `subprocess.Popen` has it."""

    def poll(self) -> int | None:
        """Give the exit code once it has ended."""
        ...

    def send_signal(self, sig: int) -> None:
        """Signal it."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


class Child:
    """A process that runs calls; it is started with the first one.

    Parameters
    ----------
    launch : callable
        Starts the process and gives it with the connection to it.
    gather : callable, optional
        Gives what is copied there at the start, as it is then. Such a child begins by saying what it is held to.
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
        self._interrupted = False
        self._connection: Connection | None = None
        self._process: Running | None = None
        self._news = ""

    def __del__(self) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._connection is not None

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
        if not self.alive and (why := await self._start(context.deadline_s)):
            return ToolResult(False, f"the child process did not start: {why}", "ChildEnded")
        frame: Frame = {"tool": tool, "arguments": dict(arguments), "call": context.call, "key": context.key}
        self._interrupted = False
        frame["deadline_s"] = max(until - time.monotonic(), 0.05)
        outcome = unless_stopped(await self._exchanged(frame, context))
        if outcome.error is None:
            if outcome.value.get("stopped") and self._interrupted:
                raise Stopped("you")
            return self._with_news(answers.result(outcome.value))
        self.kill()
        if not outcome.ended:
            late = f"it passed its deadline of {context.deadline_s:g} s and its process was ended"
            return ToolResult(False, f"{late}; the variables made there are gone", "ToolTimeout")
        return ToolResult(False, f"{outcome.error}; the variables made there are gone", "ChildEnded")

    async def _start(self, deadline_s: float) -> str:
        """Start it and copy its inputs; give why not, or nothing."""
        self._connection, self._process = self._launch()
        if self._gather is None:
            return ""
        inputs = self._gather()  # on this thread: nobody changes them meanwhile
        told = await in_thread(lambda: self._fill(inputs), deadline_s)
        if told.error is not None:
            self.kill()
            return str(told.error)
        self._news = told.value
        return ""

    def _fill(self, inputs: list[Input]) -> str:
        """Copy the inputs; say which, which not and why, and what the child is held to."""
        holds = self._held()
        faults = {i.name: i.why or str(self.ask(i.frame, i.raw)["error"]) for i in inputs}
        copied = ", ".join(n for n, why in faults.items() if not why) or "nothing"
        failed = ", ".join(f"{n} ({why})" for n, why in faults.items() if why)
        said = f"child process: {holds}; copied: {copied}"
        return said + (f"; not copied: {failed}" if failed else "")

    def _held(self) -> str:
        """Read what the child is held to, which it says before anybody's code runs in it."""
        try:
            first = self._connection.take() if self._connection is not None else None
        except ValueError as error:
            raise ToolError(str(error)) from error
        if first is None:
            raise ToolError(f"it ended at once{self._how()}")
        held = [Protection(*p) for p in first[0]["holds"]]
        off = ", ".join(p.how for p in held if not p.holds)
        if off and self._require:
            raise ToolError(f"a protection that is required does not hold here: {off}")
        on = ", ".join(p.how for p in held if p.holds)
        return on + (f"; not held: {off}" if off else "")

    async def value(self, name: str, deadline_s: float) -> Any:
        """Copy the value of a variable from there.

        Raises
        ------
        ToolError
            There is no such variable, its kind does not come back, or what came is no value.
        """
        told = await in_thread(lambda: self._exchange({"get": name}), deadline_s)
        if told.error is not None:
            self.kill()
            raise ToolError(str(told.error)) from told.error
        found, raw = told.value
        if why := answers.text(found.get("error")):
            raise ToolError(f"`{name}`: {why[:200]}")
        return decode(raw)

    def _with_news(self, result: ToolResult) -> ToolResult:
        news, self._news = self._news, ""
        facts = {**result.facts, "child": news} if news else result.facts
        text = f"[{news}]\n{result.text}" if news else result.text
        return ToolResult(result.ok, text, result.error, result.parts, result.changes, facts)

    async def _exchanged(self, frame: Frame, context: CallContext) -> Outcome:
        """Exchange in a thread, so that the loop goes on; Stop interrupts the child and waits a moment for it."""
        loop = asyncio.get_running_loop()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(context.on_output, text)

        work = in_thread(lambda: self.ask(frame, say=say), frame["deadline_s"] + GRACE_S)
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self.interrupt()
            done, _ = await asyncio.wait({task}, timeout=GRACE_S)
            if not done or task.result().error is not None:
                self.kill()
            raise

    def ask(self, frame: Frame, raw: bytes = b"", say: Callable[[str], None] = lambda text: None) -> Frame:
        """Send a frame and wait for its answer."""
        return self._exchange(frame, raw, say)[0]

    def _exchange(
        self, frame: Frame, raw: bytes = b"", say: Callable[[str], None] = lambda text: None
    ) -> tuple[Frame, bytes]:
        """Send a frame, and hand on what is printed until its answer comes, as far as a person could read it."""
        connection, room = self._connection, MOST_OUTPUT
        if connection is None:
            raise ToolError("the child process has ended")
        try:
            connection.send({**frame, "bytes": len(raw)}, raw)
            for _ in range(MOST_FRAMES):
                found = connection.take()
                if found is None:
                    raise ToolError(f"the child process has ended{self._how()}")
                if isinstance(found[0].get("done"), dict):
                    return found[0]["done"], found[1]
                text = answers.text(found[0].get("out"))[:room]
                room -= len(text)
                if text:
                    say(text)
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            raise ToolError(f"the child process has ended ({str(error)[:200]})") from error
        raise ToolError("the child process sent too much and was ended")

    def _how(self) -> str:
        """Say how it ended, and let the system forget it."""
        until = time.monotonic() + GONE_S
        while self._process is not None and time.monotonic() < until:
            code = self._process.poll()
            if code is not None:
                self._process = None
                return f" (signal {-code})" if code < 0 else f" (exit code {code})"
            time.sleep(0.005)  # the pipe is closed a moment before the system knows
        return ""

    def interrupt(self) -> None:
        """Signal the process to end what it runs."""
        self._interrupted = True
        with suppress(OSError, ValueError):  # Windows cannot; it is killed then
            if self._process is not None:
                self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End the process at once."""
        with suppress(OSError):
            if self._process is not None:
                self._process.kill()
        self.close()

    def close(self) -> None:
        """Close the connection; the process ends with it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._how()
