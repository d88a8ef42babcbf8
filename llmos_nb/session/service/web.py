"""The process table of a home over HTTP: on this machine alone, and only to whoever knows the token.

A page in a browser reaches it by no trick: a request that bears an origin, or another name of the host than its own, is
refused, and there are no headers that would let a page read an answer.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiohttp import web

from llmos_nb.errors import LlmosError, UsageError, check_keys
from llmos_nb.journal import Home, history, pid_of, scan, who
from llmos_nb.policy import approval
from llmos_nb.policy.secrets import redact
from llmos_nb.process import saved
from llmos_nb.process.state import State
from llmos_nb.session import table
from llmos_nb.session.commands import Command, Done, Target, check, deliver
from llmos_nb.session.service.orders import OPTIONS, hand_over
from llmos_nb.views import page

HOST, MOST_BYTES = "127.0.0.1", 1_000_000
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Shape = tuple[str, Callable[[Any], bool]]  # in words, and whether a value is so
_log = logging.getLogger(__name__)
_unread = logging.Logger("aiohttp", logging.CRITICAL)  # what is no HTTP is answered so, and is no error of ours


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _seen(value: Any) -> bool:
    return isinstance(value, list) and all(_texts(v) and len(v) == len(Target._fields) for v in value)


TEXT: Shape = ("a text", lambda value: isinstance(value, str))
TEXTS: Shape = ("a list of texts", _texts)
_ONE = r"/processes/{key:(?!\.)[^/]+}"  # a pid or a name
ASKED: dict[str, Shape] = {
    "words": TEXTS,
    "targets": ('a list such as [["r2.0", "DIGEST"]]', _seen),
    "options": ("an object", lambda value: isinstance(value, dict)),
}
BEGUN: dict[str, Shape] = {"goal": TEXT, **dict.fromkeys(OPTIONS, TEXT), "acts": TEXTS, "tools": TEXTS}


def token_file(home: Home) -> Path:
    """Return where the token stands while the home is served over HTTP."""
    return home.service / "http.token"


class Table:
    """Serves the process table of a home; it lives on the thread that drives the processes, and never waits there.

    Parameters
    ----------
    home : Home
        Whose.
    """

    def __init__(self, home: Home) -> None:
        self.home, self.port = home, 0
        self._token = b""  # its digest: what steps of this interpreter can look up must not serve them
        app = web.Application(middlewares=[self._guarded], client_max_size=MOST_BYTES)
        app.router.add_get("/processes", self._list)
        app.router.add_get(_ONE, self._show)
        app.router.add_post(f"{_ONE}/{{verb}}", self._act)
        app.router.add_post("/start", self._start)
        self._runner = web.AppRunner(app, access_log=None, logger=_unread)

    async def begin(self, port: int) -> None:
        """Listen, and write the token for this user alone.

        Raises
        ------
        UsageError
            The port is taken, or none.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, port).start()
        except (OSError, OverflowError) as error:
            raise UsageError(f"llmos serve: --http {port}: {getattr(error, 'strerror', '') or error}") from None
        self.port = self._runner.addresses[0][1]
        file = token_file(self.home)
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(token := secrets.token_urlsafe(32))
        self._token = sha256(token.encode()).digest()

    async def end(self) -> None:
        """Listen no more; the token is good for nothing."""
        await self._runner.cleanup()
        token_file(self.home).unlink(missing_ok=True)

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let through who knows the token and is no page; say in one line what is wrong."""
        if (refused := self._refused(request)) is not None:
            return refused
        try:
            return await handler(request)
        except web.HTTPException as error:
            return _said(error.status, error.reason)
        except UsageError as error:
            return _said(400, redact(str(error)))
        except LlmosError as error:
            return _said(409, redact(f"{type(error).__name__}: {error}"))
        except Exception as error:
            _log.exception("%s %s", request.method, request.path)
            return _said(500, f"{type(error).__name__}: the log of the service says more")

    def _refused(self, request: web.Request) -> web.Response | None:
        scheme, _, known = request.headers.get("Authorization", "").partition(" ")
        if request.host not in (f"{HOST}:{self.port}", f"localhost:{self.port}") or "Origin" in request.headers:
            return _said(403, "this is for programs of this machine, and for no page")
        given = sha256(known.strip().encode("utf-8", "surrogateescape")).digest()
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, self._token):
            return _said(401, f"the token stands in {token_file(self.home)}: Authorization: Bearer TOKEN")
        return None

    async def _list(self, request: web.Request) -> web.StreamResponse:
        found = await asyncio.to_thread(table.entries, self.home, "all" in request.query)
        return web.json_response([_plain(e) for e in found], headers=_HEADERS)

    async def _show(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(await asyncio.to_thread(self._shown, request.match_info["key"]), headers=_HEADERS)

    def _shown(self, key: str) -> dict[str, Any]:
        """Return a process as its journal is now, with what it asks."""
        folder = table.find(self.home, key)
        own, path = scan(folder / "journal.jsonl")[0], folder / "journal.jsonl"
        state, events = saved.folded(own, path), history(own, path)
        asks = [_asked(state, key) for key in state.questions]
        shown = page.plain(state, events)
        return {**_plain(table.one(self.home, folder)), "asks": asks, "answer": state.answer, "shown": shown}

    async def _act(self, request: web.Request) -> web.StreamResponse:
        """Send a command, as `llmos` does; an approval names what was shown."""
        verb, given = request.match_info["verb"], await _body(request, ASKED)
        words, targets = tuple(given.get("words", ())), tuple(Target(*t) for t in given.get("targets", ()))
        if verb == "approve" and not targets:
            raise UsageError('approve: say what was shown, as in {"targets": [["r2.0", "DIGEST"]]}')
        check(command := Command(0, verb, words, targets, given.get("options", {}), by=who(), via="HTTP"))
        folder = await asyncio.to_thread(table.find, self.home, request.match_info["key"])
        if verb == "approve":
            await asyncio.to_thread(self._check_seen, folder, targets)
        return _done(await deliver(self.home, folder, replace(command, pid=pid_of(folder.name))))

    def _check_seen(self, folder: Path, targets: tuple[Target, ...]) -> None:
        """Refuse an approval of a call without the digest of what was shown."""
        path = folder / "journal.jsonl"
        calls = saved.folded(scan(path)[0], path).calls
        if blind := [t.key for t in targets if not t.digest and t.key in calls]:
            raise UsageError(f"approve {', '.join(blind)}: say the digest of what was shown")

    async def _start(self, request: web.Request) -> web.StreamResponse:
        given = await _body(request, BEGUN)
        return _done(await hand_over(self.home, given.pop("goal", ""), given))


def _plain(e: table.Entry) -> dict[str, Any]:
    """Return a process as it stands for whoever asks, who has none at hand."""
    return {**e.plain, "elsewhere": bool(e.owner or e.driver)}


def _asked(state: State, key: str) -> dict[str, Any]:
    question = state.questions[key]
    told = {k: v for k, v in question.items() if k in ("kind", "text", "title", "since")}
    digest = state.calls[key].digest if key in state.calls else ""
    return {"key": key, "digest": digest, "wants": approval.wanted(question), **told}


async def _body(request: web.Request, shapes: Mapping[str, Shape]) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise UsageError("send JSON, with Content-Type: application/json")
    try:
        given = await request.json()
    except (ValueError, RecursionError):
        raise UsageError("this is no JSON") from None
    if not isinstance(given, dict):
        raise UsageError("send an object")
    check_keys(given, tuple(shapes), request.path)
    for key, value in given.items():
        said, holds = shapes[key]
        if not holds(value):
            raise UsageError(f"{key}: must be {said}")
    return given


_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _said(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status, headers=_HEADERS)


def _done(done: Done) -> web.Response:
    told = {"ok": done.ok, "said": done.said, "final": done.final}
    return web.json_response(told, status=200 if done.ok else 409, headers=_HEADERS)
