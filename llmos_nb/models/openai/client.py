"""The model behind an OpenAI-compatible endpoint: its URL and key, its requests, its streamed answers."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from llmos_nb.errors import ModelError, ModelProtocol, ModelRefused, ModelUnavailable
from llmos_nb.messages import Message, Request, Response, compact
from llmos_nb.models.base import Traits, shown_url
from llmos_nb.models.catalogue import context_tokens, takes_images
from llmos_nb.models.openai import history
from llmos_nb.models.openai.errors import ERRORS, MOVED, classify, moved, retry_after_s
from llmos_nb.models.openai.lift import lifted
from llmos_nb.models.openai.network import Remote, checked_url, from_exception, proxy_of, trusted, under
from llmos_nb.models.openai.quirks import COMPLETION, Learnt, Provider, learnt, provider_of, ways_of
from llmos_nb.models.openai.stream import Accumulator, estimated

OFFICIAL = "https://api.openai.com/v1"
OLLAMA = "http://localhost:11434/v1"
_NEAR = 0.02  # of the silence that is borne: so much sooner may it end
_LINGER_S = 0.25  # how long to wait for the end of the connection once the answer is whole
_ACCOUNT = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}


def _close(client: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Close the connections of a model that nobody closed, from any thread; its loop may have ended."""
    closing = client.close()
    if loop.is_running():
        asyncio.run_coroutine_threadsafe(closing, loop)
        return
    with suppress(StopIteration):
        closing.send(None)
    closing.close()


@dataclass(frozen=True)
class _Loaded:
    """The connections of one event loop, with the errors that only their package knows."""

    client: Any
    failed: type[Exception]
    loop: asyncio.AbstractEventLoop


class OpenAIModel(Remote):
    """A model behind an OpenAI-compatible endpoint.

    Parameters
    ----------
    name, base_url, api_key, label, key_name, stall_s, extra
        As of `Remote`. An empty name is the first one that the endpoint lists; the URL usually ends in ``/v1`` and is
        OpenAI's own by default, the label ``openai/NAME``.
    connect_s : float
        Bound on the time to connect.
    traits : Traits, optional
        What a process must know of it; the name is filled in.
    provider : Provider, optional
        Whose endpoint it is; by default that of the URL's host.
    """

    def __init__(
        self,
        name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        label: str = "",
        key_name: str = "OPENAI_API_KEY",
        connect_s: float = 10.0,
        traits: Traits | None = None,
        provider: Provider | None = None,
        **more: Any,
    ) -> None:
        base_url = checked_url(base_url or OFFICIAL)
        self.connect_s, self.provider = connect_s, provider or provider_of(base_url)
        self._trial: set[str] = set()  # ways that no answer has proven yet
        self._loaded: _Loaded | None = None
        self._proxy: str | None = None
        self.traits = traits or Traits("", context_tokens=0)
        self._context = self.traits.context_tokens  # 0: that of its name
        super().__init__(name, base_url, api_key, label, key_name, **more)

    def _name_it(self, name: str) -> None:
        super()._name_it(name)
        label = self._label or f"openai/{name or 'default'}"
        self.traits = replace(self.traits, name=label, context_tokens=self._context or context_tokens(name))
        self.traits = replace(self.traits, images=self.traits.images or takes_images(name))
        self._sent_last: tuple[tuple[Message, ...], bytes] = (), b""
        self._start = b'{"model":' + compact(name) + b',"messages":['
        self._own = ways_of(self.provider, name)

    @property
    def _learnt(self) -> Learnt:
        return learnt(self._at.by)

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Answer one prompt once, streamed.

        Parameters
        ----------
        request : Request
            The prompt; its messages and tools are sent as they were encoded.
        on_text : callable
            Gets text as it arrives.

        Returns
        -------
        Response
            The whole answer.

        Raises
        ------
        ModelError
            When the attempt failed, with what to do.
        """
        size = 0
        try:
            loaded = await self._ready()
            body = self.body(request)
            size = len(body)
            response = estimated((await self._exchange(loaded, body, on_text)).finish(), size)
        except ModelError as error:
            if error.filtered:
                return estimated(Response(str(error), finish="refused"), size)
            raise self._told(error, request) from error.__cause__
        self._trial.clear()
        return lifted(response, request)

    def body(self, request: Request) -> bytes:
        """Return the bytes of a request, joined from parts that were encoded before.

        Parameters
        ----------
        request : Request
            The prompt.

        Returns
        -------
        bytes
            One JSON object.
        """
        ways = self._own | self._learnt.ways
        parts = [self._start, self._joined(request.messages, ways & history.OURS), b"]"]
        if request.tools:
            tools = history.lean(request.tools) if "schema" in ways else request.tools_encoded
            parts += (b',"tools":', tools)
        if request.max_tokens is not None and (bound := self._bound(ways)):
            parts.append(b',"%s":%d' % (bound.encode(), request.max_tokens))
        if extra := {k: v for k, v in self._extra.items() if k not in ways}:
            parts += (b",", compact(extra)[1:-1])
        if "stream" not in ways:
            parts.append(b',"stream":true')
            if "stream_options" not in ways:
                parts.append(b',"stream_options":{"include_usage":true}')
        return b"".join([*parts, b"}"])

    def _joined(self, messages: tuple[Message, ...], ways: frozenset[str]) -> bytes:
        """Return the messages as they stand in a request; where they go on from those of the last one, so does this."""
        if ways:
            return b",".join(history.encoded(messages, ways, self._at.by))
        before, known = self._sent_last
        if messages[: len(before)] != before:
            before, known = (), b""
        fresh = history.encoded(messages[len(before) :], ways, self._at.by)
        joined = b",".join([known, *fresh] if before else fresh)
        self._sent_last = messages, joined
        return joined

    def _bound(self, ways: frozenset[str]) -> str:
        """Return by which name the endpoint knows the bound on an answer; some know the one, some the other."""
        names = (self.provider.bound, COMPLETION, "max_tokens")
        return next((n for n in names if n not in ways), "")

    async def _exchange(self, loaded: _Loaded, body: bytes, on_text: Callable[[str], None]) -> Accumulator:
        """Send a request and take in its answer; leaving this in any way closes the connection."""
        answer = Accumulator(on_text, self._at)
        patience = self.patience
        try:
            async with asyncio.timeout(patience.first_s) as limit:
                reply = await self._sent(loaded, "POST", "/chat/completions", body)
                try:
                    while piece := await reply.content.readany():
                        answer.feed(piece)
                        if answer.done and reply.content.at_eof():
                            break
                        left_s = _LINGER_S if answer.done else patience.after(answer.begun)
                        due, at = loaded.loop.time() + left_s, limit.when() or 0.0
                        if not at <= due < at + _NEAR * left_s:  # no new timer for each piece
                            limit.reschedule(due)
                finally:
                    reply.close()
        except (TimeoutError, loaded.failed, OSError) as error:
            if not answer.done:
                raise self._trouble(error, loaded, answer.begun) from error
        return answer

    async def _sent(self, loaded: _Loaded, how: str, path: str, body: bytes | None = None) -> Any:
        """Send a request; return its reply, unless that is an error."""
        url, go = under(self.base_url, path), loaded.client.request
        reply = await go(how, url, data=body, proxy=self._proxy, allow_redirects=False)
        if MOVED <= reply.status < ERRORS:
            reply.close()
            raise moved(reply.status, reply.headers.get("location", ""), self._at)
        if reply.status >= ERRORS:
            async with reply:
                said = await reply.read()
            raise classify(reply.status, said, retry_after_s(reply.headers), self._at)
        return reply

    def _trouble(self, error: Exception, loaded: _Loaded, begun: bool = False) -> ModelError:
        """Say what broke a request off; after silence the next one is given more time."""
        if isinstance(error, loaded.failed) or not isinstance(error, TimeoutError):
            return from_exception(error, self._at, self._proxy)
        return ModelUnavailable(f"{self._at.url} sent nothing for {self.patience.ended(begun):g} s")

    async def _ready(self) -> _Loaded:
        """Return the client of this event loop; its package is slow to import, so that happens in a thread."""
        loop = asyncio.get_running_loop()
        if self._loaded is None or self._loaded.loop is not loop:
            if "aiohttp" not in sys.modules:
                await asyncio.to_thread(importlib.import_module, "aiohttp")
            self._loaded = self._load(loop)
        if not self.name:
            self._name_it(await self._first_listed(self._loaded))
        return self._loaded

    def _load(self, loop: asyncio.AbstractEventLoop) -> _Loaded:
        import aiohttp  # it is slow to import

        self._proxy = proxy_of(self.base_url)
        if self._proxy and urlsplit(self._proxy).scheme not in ("http", "https"):
            why = f"{shown_url(self._proxy)} is no HTTP proxy"
            raise ModelRefused(f"no client for {self._at.url}: {why}; check the base URL and proxies")
        headers = {name: os.environ[key] for key, name in _ACCOUNT.items() if os.environ.get(key)}
        headers["Content-Type"] = "application/json"
        if self.provider.key_header:
            headers[self.provider.key_header] = self._key
        elif "@" not in urlsplit(self.base_url).netloc:  # who is named in the URL logs in by that
            headers["Authorization"] = f"Bearer {self._key}"
        trust = trusted() if self.base_url.startswith("https:") else True
        bounds = aiohttp.ClientTimeout(total=None, sock_connect=self.connect_s)  # silence is bounded elsewhere
        connector = aiohttp.TCPConnector(limit=0, ssl=trust)
        how: dict[str, Any] = {"headers": headers, "timeout": bounds, "cookie_jar": aiohttp.DummyCookieJar()}
        client = aiohttp.ClientSession(connector=connector, **how)
        weakref.finalize(self, _close, client, loop)
        return _Loaded(client, aiohttp.ClientError, loop)

    async def _first_listed(self, loaded: _Loaded) -> str:
        try:
            async with (
                asyncio.timeout(self.patience.between_s),
                await self._sent(loaded, "GET", "/models") as reply,
            ):
                return str(json.loads(await reply.read())["data"][0]["id"])
        except (TimeoutError, loaded.failed, OSError) as error:
            raise self._trouble(error, loaded) from error
        except (ValueError, LookupError, TypeError) as error:
            raise ModelRefused(f"{self._at.url} lists no models; name one with -m URL#NAME") from error

    def _told(self, error: ModelError, request: Request) -> ModelError:
        """Take another way where an endpoint refuses this one, and keep the key out of the error's text."""
        before = set(self._learnt.ways)
        if _may_adapt(error):
            messages = [m.extra for m in request.messages if m.extra is not None and m.extra.get("by") == self._at.by]
            opaque = {k for extra in messages for k in extra.get("message", ())}
            if self._learnt.adapt(error.said, self._own | before, self._extra, opaque):
                self._trial |= self._learnt.ways - before
                error.retryable = error.adapted = True
                error.retry_in_s = 0.0
            elif isinstance(error, ModelProtocol):  # what did not help is not kept
                self._learnt.ways -= self._trial
                self._trial.clear()
        return self._without_key(error)

    async def aclose(self) -> None:
        """Close the connections that are kept open between requests."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None and loaded.loop is asyncio.get_running_loop():
            await loaded.client.close()


def _may_adapt(error: ModelError) -> bool:
    """Return whether an error says that this request is not taken, and another way might be."""
    routed = isinstance(error, ModelRefused) and "endpoints found that support" in error.said
    return routed or (isinstance(error, ModelProtocol | ModelUnavailable) and bool(error.said) and not error.limited)
