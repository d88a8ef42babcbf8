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
from typing import Any

from llmos_nb.devices import answers
from llmos_nb.devices.ending import Running, how_ended
from llmos_nb.devices.inputs import Input
from llmos_nb.devices.values import decode
from llmos_nb.devices.worker import Connection, Frame
from llmos_nb.errors import ToolError
from llmos_nb.messages import ToolResult
from llmos_nb.running import Outcome, Stopped, in_thread, unless_stopped
from llmos_nb.tools import CallContext

GRACE_S, GONE_S = 0.8, 1.5  # `invoke` waits a second beyond the deadline
MOST_OUTPUT, MOST_FRAMES = 1 << 20, 100_000


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
        self._news = self._holds = ""

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
        """Copy the inputs; say which, which not and why, and what the child is not held to."""
        off = self._held()
        faults = self._copied(inputs)
        copied = ", ".join(n for n, why in faults.items() if not why) or "nothing"
        failed = ", ".join(f"{n} ({why})" for n, why in faults.items() if why)
        said = "child process" + (f", not held: {off}" if off else "") + f"; copied: {copied}"
        return said + (f"; not copied: {failed}" if failed else "")

    def _held(self) -> str:
        """Read what the child is held to, which it says before anybody's code runs in it; give what it is not."""
        try:
            first = self._connection.take() if self._connection is not None else None
        except ValueError as error:
            raise ToolError(str(error)) from error
        if first is None:
            raise ToolError(f"it ended at once{self._how()}")
        self._holds, off = answers.held(first[0], self._require)
        return off

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
        if not self.alive and (why := await self._start(deadline_s)):
            raise ToolError(f"the child process did not start: {why}")
        told = await in_thread(lambda: self._copied(inputs), deadline_s)
        if told.error is not None:
            self.kill()
            raise ToolError(str(told.error)) from told.error
        return {n: why for n, why in told.value.items() if why}

    def _copied(self, inputs: list[Input]) -> dict[str, str]:
        """Copy inputs; give by name why not, or an empty text."""
        return {i.name: i.why or answers.text(self.ask(i.frame, i.raw).get("error"))[:200] for i in inputs}

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
        facts = {**result.facts, "child": self._holds} if news else result.facts
        why = f"\n(a child has {self._holds})" if result.error in ("PermissionError", "gaierror") else ""
        text = (f"[{news}]\n{result.text}" if news else result.text) + why
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
        how = how_ended(self._process, GONE_S)
        self._process = None if how else self._process
        return how

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
