"""MCP servers as drivers: one thread with an event loop for all of them, a process or a connection each.

Nothing here touches the main thread: a server that hangs, floods or dies costs the call that waits for it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from shutil import which
from typing import Any, TypeVar
from urllib.parse import urlsplit

from llmos_nb.errors import ConfigError, ToolError, ToolTimeout
from llmos_nb.journal import host
from llmos_nb.models import shown_url
from llmos_nb.tools import effects
from llmos_nb.tools.devices.mcp.channel import BROKEN_OFF, NOT_TAKEN, Channel, leaves
from llmos_nb.tools.devices.mcp.remote import Remote
from llmos_nb.tools.devices.mcp.wire import Wire
from llmos_nb.tools.text import safe_text

T = TypeVar("T")
# a listing may go on for ever, page by page; what a model is shown of it has to end
MOST_TOOLS, MOST_PAGES = 128, 32
NEEDED = 'MCP servers need the package mcp: pip install "llmos_nb[mcp]"'
_pids: set[int] = set()


class ServerEnded(ToolError):
    """The server's process ended, or could not be started, while it was needed.

    Parameters
    ----------
    message : str
        One line, with what the server said last.
    sent : bool
        A request was under way, and nobody knows whether it took effect.
    """

    def __init__(self, message: str, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


_lock = threading.Lock()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return the event loop on which all servers live."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="llmos-mcp", daemon=True).start()
    host.end_at_exit(_pids)
    return loop


async def _there(work: Coroutine[Any, Any, T]) -> T:
    """Await something on the servers' thread; a cancellation here cancels it there."""
    with _lock:
        loop = _loop()
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


@dataclass
class _Link:
    """A running server with its session."""

    wire: Channel
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    session: Any = None
    host: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Shake hands; the session lives in a task of its own, since only that task may leave it."""
        ready = asyncio.get_running_loop().create_future()
        self.host = asyncio.ensure_future(self._live(ready))
        await self.raced(ready)

    async def _live(self, ready: asyncio.Future[None]) -> None:
        from mcp import ClientSession

        try:
            async with ClientSession(self.wire.read, self.wire.write) as session:
                await session.initialize()
                self.session = session
                if not ready.done():
                    ready.set_result(None)
                await self.stop.wait()
        except Exception as error:
            if not ready.done():
                ready.set_exception(error)
        finally:
            await self.wire.close()
            _pids.discard(self.wire.pid or 0)

    async def raced(self, work: Awaitable[T]) -> T:
        """Await an answer, or the end of the server or of what it answers."""
        task, ended = asyncio.ensure_future(work), asyncio.ensure_future(self.wire.ended.wait())
        try:
            await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
            error = task.exception() if task.done() and not task.cancelled() else None
            code = getattr(getattr(error, "error", None), "code", 0)
            if code in (NOT_TAKEN, BROKEN_OFF):
                raise ServerEnded(str(error), sent=self.session is not None and code == BROKEN_OFF) from error
            if self.wire.ended.is_set() and (not task.done() or task.cancelled() or error):
                raise ServerEnded(self.wire.why, sent=self.session is not None and not self.wire.unsent)
            return task.result()
        finally:
            ended.cancel()
            task.cancel()


class Server:
    """One MCP server.

    Parameters
    ----------
    name : str
        As its tools are prefixed.
    command : sequence of str
        Program and arguments; none for one behind a URL.
    told : callable
        Gives its environment beside the few harmless variables that it inherits, or the headers of its requests;
        asked at each start, so that no secret is kept.
    url : str
        Where it listens.
    """

    def __init__(
        self, name: str, command: Sequence[str], told: Callable[[], Mapping[str, str]] = dict, url: str = ""
    ) -> None:
        self.name, self.command, self.url, self._told = name, tuple(command), url, told
        self._link: _Link | None = None
        self._opening: asyncio.Lock | None = None

    @property
    def pid(self) -> int | None:
        """Its process, where it runs on this machine."""
        return self._link.wire.pid if self._link is not None and self.runs else None

    @property
    def runs(self) -> bool:
        """Whether there is a session with it."""
        wire = self._link.wire if self._link is not None else None
        return wire is not None and not wire.lost and not wire.ended.is_set()

    def __str__(self) -> str:
        return shown_url(self.url) if self.url else " ".join(self.command)

    @property
    def news(self) -> int:
        """How often it has said that its tools are others now."""
        return self._link.wire.news if self._link is not None else 0

    async def listing(self, deadline_s: float) -> list[dict[str, Any]]:
        """Return what the server says of its tools, as plain data; at most 128 of them.

        Raises
        ------
        ConfigError
            The package or the program is not there.
        ToolError
            It did not start, ended, or did not answer in time.
        """
        try:
            return await self._within(self._listing, deadline_s)
        except ToolTimeout:  # a server that cannot say what it has is of no use: the next call starts another
            await self.close()
            raise

    async def call(self, tool: str, arguments: Mapping[str, Any], deadline_s: float) -> dict[str, Any]:
        """Call a tool and give the result as plain data, with ``refused``: what the server asked of us meanwhile.

        Raises
        ------
        EffectRefused
            Code of a step calls it by itself, past the gate, and may not.
        """
        effects.tell(*(("network", urlsplit(self.url).netloc) if self.url else ("process", str(self))))
        return await self._within(lambda: self._call(tool, dict(arguments)), deadline_s)

    async def look(self, deadline_s: float) -> None:
        """Find out whether one behind a URL is still there; `runs` says so."""
        link = self._link
        if link is not None and self.url:
            with suppress(Exception):  # of one that is at work and does not answer nothing is known
                await self._within(lambda: link.raced(link.session.send_ping()), deadline_s)

    async def close(self) -> None:
        """End its process."""
        await _there(self._close())

    async def _within(self, work: Callable[[], Coroutine[Any, Any, T]], deadline_s: float) -> T:
        if find_spec("mcp") is None:  # importing it takes a second, which is not the main thread's
            raise ConfigError(NEEDED)

        async def bounded() -> T:
            try:
                async with asyncio.timeout(deadline_s):
                    return await work()
            except TimeoutError:
                raise ToolTimeout(f"it did not answer within {deadline_s:.3g} s") from None

        return await _there(bounded())

    async def _connected(self) -> _Link:
        self._opening = self._opening or asyncio.Lock()
        async with self._opening:
            if not self.runs:
                await self._close()
            if self._link is None:
                self._link = await self._launched()
            return self._link

    async def _launched(self) -> _Link:
        link = _Link(Remote(self.url, self._told()) if self.url else await self._process())
        try:
            await link.open()
        except BaseException:
            link.wire.kill()
            raise
        return link

    async def _process(self) -> Wire:
        from mcp.client.stdio import get_default_environment

        env, program = {**get_default_environment(), **self._told()}, self.command[0]
        if which(program, path=env.get("PATH")) is None:
            hint = "is it installed, and is the name right?"
            raise ConfigError(f"mcp.{self.name}: no program {program!r} on the path; {hint}")
        wire = await Wire.open(self.command, env)
        _pids.add(wire.process.pid)
        return wire

    async def _listing(self) -> list[dict[str, Any]]:
        link = await self._connected()
        try:
            return await _pages(link)
        except ServerEnded:
            if not link.wire.lost:
                raise
            # one that was restarted does not know the session of before
            return await _pages(await self._connected())

    async def _call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        link = await self._connected()
        link.wire.refused.clear()
        result = _plain(await link.raced(link.session.call_tool(tool, arguments)))
        return {**result, "refused": sorted(link.wire.refused)}

    async def _close(self) -> None:
        link, self._link = self._link, None
        if link is not None and link.host is not None:
            link.wire.why = link.wire.why or "the connection to it was closed"
            link.wire.ended.set()  # of what still waits nobody knows whether it took effect
            link.stop.set()
            if link.wire.pid:  # one that hangs hears no farewell
                link.wire.kill()
            await asyncio.wait({link.host}, timeout=5)


async def _pages(link: _Link) -> list[dict[str, Any]]:
    """Return what a server says of its tools, page by page."""
    from mcp import types

    found, cursor = list[dict[str, Any]](), None
    for _ in range(MOST_PAGES):
        params = types.PaginatedRequestParams(cursor=cursor) if cursor else None
        page = _plain(await link.raced(link.session.list_tools(params=params)))
        found += page["tools"]
        cursor = page.get("nextCursor")
        if not cursor or len(found) >= MOST_TOOLS:
            break
    return found[:MOST_TOOLS]


def _plain(model: Any) -> dict[str, Any]:
    """Return the SDK's type as it stood on the wire."""
    found: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    return found


def said(error: BaseException) -> str:
    """Return an error of a server as one safe line."""
    error = next(leaves(error))  # the SDK's session raises groups
    if type(error).__name__ == "ValidationError":
        return "its answer is not understood"
    return (safe_text(str(error)).strip().splitlines() or [type(error).__name__])[0][:500]
