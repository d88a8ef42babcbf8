"""What passes between an MCP server and a session of the SDK, whichever way it goes: only what was asked for.

A server is not trusted here: what is no answer to a request of ours is counted and dropped, and what the server asks of
us (sampling, elicitation, roots) is refused and noted.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from typing import Any

from llmos_nb.tools.text import safe_text

# bytes: of an answer that is read whole, and of what nobody asked for, before the server is ended
MOST_LINE, MOST_NOISE = 16 << 20, 64 << 20
GRACE_S = 1.0
# codes of errors that are made here, of a request: refused; not taken; taken, and its answer broke off
REFUSED, NOT_TAKEN, BROKEN_OFF = -32_603, -31_098, -31_099


class Channel(ABC):
    """Two streams for a session of the SDK, and what is let through between them and a server.

    Attributes
    ----------
    ended : asyncio.Event
        Set once the server is gone; `why` says in a line what happened.
    lost : bool
        What comes next needs another connection, whatever still waits on this one.
    unsent : bool
        The end is known to have come before the request that waited was sent.
    news : int
        How often the server has said that its tools are others now.
    refused : Counter
        What the server asked of us, by method.
    pid : int or None
        Its process, where it is one of this machine that we have started.
    """

    pid: int | None = None

    def __init__(self) -> None:
        import anyio  # with the SDK

        self.ended = asyncio.Event()
        self.why, self.news, self.unsent, self.lost = "", 0, False, False
        self.refused: Counter[str] = Counter()
        self._asked: dict[int | str, str] = {}
        self._noise = 0
        self._to_session, self.read = anyio.create_memory_object_stream[Any](0)
        self.write, self._from_session = anyio.create_memory_object_stream[Any](0)

    @abstractmethod
    def kill(self) -> None:
        """End the server, or the connection to it, at once."""

    @abstractmethod
    async def close(self) -> None:
        """End the server, or take leave of it."""

    def _close_streams(self) -> None:
        """Give back the streams of the session."""
        for stream in (self._to_session, self.read, self.write, self._from_session):
            stream.close()

    @abstractmethod
    def _send(self, said: dict[str, Any]) -> None:
        """Send the server a message that is no session's."""

    def _noted(self, sent: Any) -> dict[str, Any]:
        """Return a message of the session as it goes over the wire; a request is one whose answer is let through."""
        raw: dict[str, Any] = sent.message.model_dump(mode="json", by_alias=True, exclude_unset=True)
        if "method" in raw and "id" in raw:
            self._asked[raw["id"]] = raw["method"]
        return raw

    def _passed(self, message: dict[str, Any], size: int, cut: bool = False) -> dict[str, Any] | None:
        """Return a message that answers a request of ours; count the rest, answer what must be answered."""
        key, method = message.get("id"), message.get("method")
        if method is None and isinstance(key, int | str) and key in self._asked:
            asked, self._noise = self._asked.pop(key), 0
            if cut and asked != "tools/call":
                return failed(key, f"an answer of {size:,} bytes; {MOST_LINE:,} are read")
            return _without_output_schemas(message)
        self._noise += max(size, 64)  # a flood of empty messages counts, too
        self.news += method == "notifications/tools/list_changed"
        if isinstance(method, str) and isinstance(key, int | str):
            self._answer(method, key)
        return None

    def _answer(self, method: str, key: int | str) -> None:
        """Answer a ping; refuse all else that a server asks of us."""
        said: dict[str, Any] = {"jsonrpc": "2.0", "id": key, "result": {}}
        if method != "ping":
            self.refused[safe_text(method)[:60]] += 1
            said = failed(key, "refused: this client does nothing for a server", -32601)
        self._send(said)


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Return the errors that stand in a group of errors, one by one; one that is no group, itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def failed(key: int | str, message: str, code: int = REFUSED) -> dict[str, Any]:
    """Return an error as it goes over the wire."""
    return {"jsonrpc": "2.0", "id": key, "error": {"code": code, "message": message}}


def _without_output_schemas(message: dict[str, Any]) -> dict[str, Any]:
    """Take away what the SDK would check results with: a server's schema may name addresses to be fetched."""
    match message:
        case {"result": {"tools": list(tools)}}:
            for tool in tools:
                if isinstance(tool, dict):
                    tool.pop("outputSchema", None)
    return message


def as_message(raw: dict[str, Any]) -> Any:
    """Return a message as the SDK's type; one that is no JSON-RPC becomes an error for whoever asked."""
    from mcp import types
    from mcp.shared.message import SessionMessage

    read = types.jsonrpc_message_adapter.validate_python
    try:
        return SessionMessage(read(raw))
    except ValueError:
        return SessionMessage(read(failed(raw["id"], "the server's answer is not understood")))
