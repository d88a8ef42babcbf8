"""An MCP server behind a URL: streamable HTTP by the SDK's own transport, with what it lacks.

The SDK follows no redirect to another host. It reads an answer of any length, unpacked, says of a refusal not even its
status, and hands everything on: here an answer is bounded and not packed, its status is said, and only what was asked
for passes.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.client import responses
from typing import Any

from llmos_nb.models import proxy_of, shown_url
from llmos_nb.tools.devices.mcp.channel import (
    BROKEN_OFF,
    GRACE_S,
    MOST_LINE,
    MOST_NOISE,
    NOT_TAKEN,
    REFUSED,
    Channel,
    as_message,
    failed,
    leaves,
)
from llmos_nb.tools.text import safe_text

CONNECT_S = 30.0
_REFUSED = "Server returned an error response"  # the SDK's words for a status of 400 and more
_FORGOTTEN = "Session terminated"  # and for one that says that the session is not known
_NOWHERE = "Not Found"  # and for one that knows no such path
_BROKE = ("SSE stream ended", "SSE stream failed")  # and, in front, for an answer that does not come to its end
_HINTS = {401: "; check its headers", 403: "; check its headers", 404: "; is the path of its URL right?"}
# of a server that failed half-way, or of a proxy that waited for it in vain
_UNCLEAR = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT)


class Remote(Channel):
    """The connection to a server behind a URL.

    Parameters
    ----------
    url : str
        Where it listens.
    headers : dict
        Sent with each request, to that host alone.

    Attributes
    ----------
    streams : int
        How often the SDK asked for the stream of what the server says unasked; it gets one.
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        super().__init__()
        # it would write tracebacks into the notebook
        logging.getLogger("mcp").addHandler(logging.NullHandler())
        self.url, self.status, self.streams = url, 0, 0
        self._out: Any = None
        self._saying: set[asyncio.Future[None]] = set()  # a task that nobody holds may be collected
        self._stop = asyncio.Event()
        self._task = asyncio.ensure_future(self._live(dict(headers)))

    async def _live(self, headers: dict[str, str]) -> None:
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        waits = httpx2.Timeout(CONNECT_S, read=None)  # how long an answer takes is the call's own bound
        how: dict[str, Any] = {"headers": {**headers, "accept-encoding": "identity"}, "timeout": waits}
        try:
            async with (  # left to itself the client would send passwords of `~/.netrc`
                httpx2.AsyncClient(transport=_bounded(self), trust_env=False, **how) as client,
                streamable_http_client(self.url, http_client=client, max_sse_event_size=MOST_LINE) as (
                    read,
                    write,
                ),
            ):
                self._out = write
                await self._passing(read, write)
        except BaseException as error:
            cause = next(leaves(error))
            unreached = isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout)
            self.unsent = unreached and len(self._asked) < 2
            self.why = self.why or self._said(cause)
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            self.why = self.why or "the connection to it has ended"
            self.ended.set()
            self._to_session.close()

    def _said(self, cause: BaseException) -> str:
        name, text = type(cause).__name__, (safe_text(str(cause)).strip().splitlines() or [""])[0][:300]
        said = f"{name}: {text}"
        return f"no connection to {shown_url(self.url)} ({text or name})" if "Connect" in name else said

    async def _passing(self, read: Any, write: Any) -> None:
        """Pass messages both ways until one side ends."""
        ways = [asyncio.ensure_future(w) for w in (self._incoming(read), self._outgoing(write), self._stop.wait())]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in done:
                way.result()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _outgoing(self, write: Any) -> None:
        async for sent in self._from_session:
            self._noted(sent)
            await write.send(sent)

    async def _incoming(self, read: Any) -> None:
        async for came in read:
            if isinstance(came, Exception):  # an event that is no message
                self._noise += 64
                continue
            raw = came.message.model_dump(mode="json", by_alias=True, exclude_unset=True)
            if (answer := self._passed(self._clearer(raw), len(json.dumps(raw)))) is not None:
                await self._to_session.send(as_message(answer))
            if self._noise > MOST_NOISE:
                self.why = f"it sent {self._noise:,} bytes that nobody had asked for"
                return

    def _clearer(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Say in the place of the SDK's general words what came, and whether the server has taken the request."""
        words = str(raw["error"].get("message")) if isinstance(raw.get("error"), dict) else ""
        if words == _FORGOTTEN:
            return failed(raw["id"], "it has forgotten this session; the call was not run", NOT_TAKEN)
        if words.startswith(_BROKE):
            return failed(raw["id"], f"its answer broke off ({words})", BROKEN_OFF)
        if (words == _REFUSED and self.status >= 400) or (words == _NOWHERE and self.status == 404):
            told = f"HTTP {self.status} {responses.get(self.status, '')}{_HINTS.get(self.status, '')}"
            return failed(raw["id"], told, BROKEN_OFF if self.status in _UNCLEAR else REFUSED)
        return raw

    def refuses(self, request: Any) -> bool:
        """Return whether the SDK asks again for the stream of what the server says unasked.

        It does so at any time, and a connection that is made while a step is under way counts as the step's.
        """
        self.streams += request.method == "GET"
        return request.method == "GET" and self.streams > 1

    def answered(self, request: Any, answer: Any) -> None:
        """Note the status of an answer to a message, and that the server knows no such session."""
        if request.method != "POST":
            return
        self.status = answer.status_code
        if self.status == 404 and "mcp-session-id" in request.headers:
            self.lost = True
            answer.headers.pop("content-type", None)  # else the SDK gives its words, and not `_FORGOTTEN`

    def _send(self, said: dict[str, Any]) -> None:
        if self._out is not None:
            task = asyncio.ensure_future(_sent(self._out, said))
            self._saying.add(task)
            task.add_done_callback(self._saying.discard)

    def kill(self) -> None:
        """Leave without a word."""
        self._task.cancel()

    async def close(self) -> None:
        """Take leave: the server may forget the session."""
        self._stop.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.wait({self._task}), GRACE_S)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._close_streams()


async def _sent(out: Any, said: dict[str, Any]) -> None:
    with suppress(Exception):  # a connection that has ended meanwhile
        await out.send(as_message(said))


def _bounded(remote: Remote) -> Any:
    """Return a transport of the HTTP client whose answers are bounded, not packed, and whose status is noted."""
    import httpx2

    class Counted(httpx2.AsyncByteStream):
        def __init__(self, inner: Any, most: int) -> None:
            self.inner, self.left = inner, most

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for chunk in self.inner:
                self.left -= len(chunk)
                if self.left < 0:
                    raise httpx2.RemoteProtocolError(f"an answer of more than {MOST_LINE:,} bytes")
                yield chunk

        async def aclose(self) -> None:
            await self.inner.aclose()

    class Bounded(httpx2.AsyncBaseTransport):
        def __init__(self, proxy: str | None) -> None:
            self.inner = httpx2.AsyncHTTPTransport(proxy=proxy)

        async def handle_async_request(self, request: Any) -> Any:
            if remote.refuses(request):
                return httpx2.Response(405, request=request)
            answer = await self.inner.handle_async_request(request)
            remote.answered(request, answer)
            if answer.headers.get("content-encoding", "identity").lower() != "identity":
                await answer.aclose()
                raise httpx2.RemoteProtocolError("its answer is packed, which was not asked for")
            if "text/event-stream" not in answer.headers.get("content-type", ""):  # there each event is bounded
                answer.stream = Counted(answer.stream, MOST_LINE)
            return answer

        async def aclose(self) -> None:
            await self.inner.aclose()

    return Bounded(proxy_of(remote.url))
