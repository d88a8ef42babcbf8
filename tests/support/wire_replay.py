"""A server on loopback that gives recorded wire answers of any provider, in order, and keeps what it was asked.

An answer is plain data: ``status``, ``headers`` and ``body`` (JSON or text), or a stream as ``events``: each is JSON, a
text that is sent word for word, or ``[event name, JSON]``. ``end`` is ``close``, ``drop`` or ``stall``; ``done`` adds the
line with which streams of Chat Completions end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass
class Asked:
    """One request as the server saw it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw) if self.raw else None


class WireReplay:
    """Serves answers in order; a request after the last of them is answered with 500."""

    def __init__(self, answers: Sequence[dict[str, Any]]) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self.arrived, self.gone = asyncio.Event(), asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> WireReplay:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        read = await request.read()
        self.asked.append(
            Asked(
                request.method,
                request.path,
                dict(request.query),
                {k.lower(): v for k, v in request.headers.items()},
                read,
            )
        )
        self.arrived.set()
        if len(self.asked) > len(self.answers):
            return web.json_response({"error": {"message": "no answer is left"}}, status=500)
        answer = self.answers[len(self.asked) - 1]
        try:
            return await self._send(request, answer)
        except (asyncio.CancelledError, ConnectionError):
            self.gone.set()
            raise

    async def _send(self, request: web.Request, answer: dict[str, Any]) -> web.StreamResponse:
        await asyncio.sleep(answer.get("wait_s", 0))
        body = answer.get("body", "")
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        kind = "text/event-stream" if "events" in answer else "application/json"
        headers = {"content-type": kind, **answer.get("headers", {})}
        reply = web.StreamResponse(status=answer.get("status", 200), headers=headers)
        await reply.prepare(request)
        for piece in map(written, answer["events"]) if "events" in answer else [data]:
            await reply.write(piece)
        if answer.get("done"):
            await reply.write(b"data: [DONE]\n\n")
        if answer.get("end") == "drop":
            request.transport.abort()
        elif answer.get("end") == "stall":
            await asyncio.sleep(3600)
        else:
            with contextlib.suppress(ConnectionError):
                await reply.write_eof()
        return reply


def written(event: Any) -> bytes:
    """Return the bytes of an event of a stream."""
    if isinstance(event, str):
        return event.encode()
    name, data = event if isinstance(event, list) else (data_name(event), event)
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(data).encode() + b"\n\n"


def data_name(event: dict[str, Any]) -> str:
    """Return the name of an event, where its data says it, as that of Messages and Responses does."""
    kind = event.get("type")
    return kind if isinstance(kind, str) and "choices" not in event and "candidates" not in event else ""
