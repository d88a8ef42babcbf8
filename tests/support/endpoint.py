"""A real OpenAI-compatible endpoint on loopback, that answers by script and has every fault.

Each turn is a dict: the keys of a script's turn (``text, plan, calls, wait_s, fault, usage``), or raw ones:
``status, headers, body`` for any HTTP answer, ``pieces`` (list of bytes) and ``end`` for any stream. ``whole``
answers a stream request with one JSON body, ``split`` cuts the body into pieces of so many bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from llmos_nb.models.scripted import model, wire

RAW = {"status", "headers", "body", "pieces", "end", "whole", "split"}


@dataclass
class Recorded:
    """One request as the endpoint saw it."""

    path: str
    headers: dict[str, str]
    raw: bytes
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.raw)


class Endpoint:
    """Serves turns in order; after the last one it answers 500, or begins again where it is `endless`."""

    def __init__(
        self,
        turns: list[dict[str, Any]],
        models: tuple[str, ...] = ("model-a", "model-b"),
        endless: bool = False,
    ) -> None:
        self.turns, self.endless = list(turns), endless
        self.models = models
        self.requests: list[Recorded] = []
        self.arrived = asyncio.Event()
        self.connections: set[int] = set()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Endpoint:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._list)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": m} for m in self.models]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        seen = Recorded(request.path, dict(request.headers), await request.read())
        self.requests.append(seen)
        self.connections.add(id(request.transport))
        self.arrived.set()
        place = len(self.requests) - 1
        if place >= len(self.turns) and not self.endless:
            return web.json_response({"error": {"message": "the script is over"}}, status=500)
        try:
            return await self._answer(request, self.turns[place % len(self.turns)], seen)
        except (asyncio.CancelledError, ConnectionError):
            seen.gone.set()
            raise

    async def _answer(self, request: web.Request, raw: dict[str, Any], seen: Recorded) -> web.StreamResponse:
        played = played_of(raw, len(seen.raw), seen.body.get("stream", False))
        await asyncio.sleep(raw.get("wait_s", 0))
        response = web.StreamResponse(status=played.status, headers=played.headers)
        if played.end == "unreachable":
            request.transport.abort()
            return response
        if played.end == "close" and len(played.pieces) == 1:
            response.content_length = len(played.pieces[0])
        await response.prepare(request)
        for piece in cut(played.pieces, raw.get("split", 0)):
            await response.write(piece)
        if played.end == "drop":
            request.transport.abort()
        elif played.end == "stall":
            await asyncio.sleep(3600)
        else:
            with contextlib.suppress(ConnectionError):
                await response.write_eof()
        return response


def played_of(raw: dict[str, Any], size: int, stream: bool = True) -> wire.Played:
    """Give what goes over the wire for a turn of either kind."""
    if "pieces" in raw:
        headers = {"content-type": "text/event-stream", **raw.get("headers", {})}
        return wire.Played(tuple(raw["pieces"]), raw.get("status", 200), headers, raw.get("end", "close"))
    if "status" in raw or "body" in raw:
        body = raw.get("body", b"")
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return wire.Played((body,), raw.get("status", 200), raw.get("headers", {}))
    (turn,) = model.parse([{k: v for k, v in raw.items() if k not in RAW}])
    played = wire.play(turn, size)
    if turn.fault or (stream and not raw.get("whole")):
        return played
    return replace(played, pieces=(whole_body(turn, size),), headers={"content-type": "application/json"})


def whole_body(turn: wire.Turn, size: int) -> bytes:
    """Give the answer of a turn as one JSON body, as to a request that does not stream."""
    message: dict[str, Any] = {"role": "assistant", "content": turn.text or None}
    if turn.calls:
        message["tool_calls"] = [wire.whole_call(i, c) for i, c in enumerate(turn.calls)]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if turn.calls else "stop"}
    return json.dumps({"choices": [choice], "usage": wire.usage(turn, size)}).encode()


def cut(pieces: tuple[bytes, ...], size: int) -> list[bytes]:
    """Cut a body into pieces of so many bytes, across events and characters; 0 leaves it as it is."""
    whole = b"".join(pieces)
    return [whole[i : i + size] for i in range(0, len(whole), size)] if size else list(pieces)
