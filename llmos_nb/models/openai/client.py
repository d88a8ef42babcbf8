"""The model behind an OpenAI-compatible endpoint: its URL and key, its requests, its streamed answers."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import ssl
import sys
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from llmos_nb.errors import ConfigError, ModelError, ModelProtocol, ModelRefused, ModelUnavailable
from llmos_nb.messages import Request, Response, ToolCall, compact
from llmos_nb.models.base import Traits, shown_url
from llmos_nb.models.catalogue import context_tokens
from llmos_nb.models.openai.errors import ERRORS, Endpoint, classify, from_exception, retry_after_s
from llmos_nb.models.openai.stream import Accumulator, estimated, parse

OFFICIAL = "https://api.openai.com/v1"
OLLAMA = "http://localhost:11434/v1"
NO_KEY = "none"


def checked_url(url: str) -> str:
    """Return a base URL without its last slash, or say what is wrong with it."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return url.rstrip("/")
    raise ConfigError(f"base URL {url!r} is not one; write it as http://HOST:PORT/v1")


def same_origin(one: str, other: str) -> bool:
    """Return whether two URLs lead to the same server."""
    a, b = urlsplit(one), urlsplit(other)
    return (a.scheme, a.hostname, a.port) == (b.scheme, b.hostname, b.port)


def is_loopback(url: str) -> bool:
    """Return whether a URL stays on this machine."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*)\n[ \t]*```", re.S)


def lift_plan(response: Response) -> Response:
    """Turn an answer whose whole text is ``{"plan": [{"title", …}]}`` into a call of `plan`.

    Parameters
    ----------
    response : Response
        Any answer.

    Returns
    -------
    Response
        The same answer where it is no plan; otherwise one call ``plan(steps=[…])`` in place of the text.
    """
    text = response.text.strip()
    if response.calls or response.finish != "stop" or '"plan"' not in text:
        return response
    fenced = _FENCE.fullmatch(text)
    value = parse(fenced[1] if fenced else text) or {}
    steps = value.get("plan")
    if value.keys() != {"plan"} or not isinstance(steps, list) or not steps:
        return response
    good = all(isinstance(s, dict) and isinstance(s.get("title"), str) for s in steps)
    return replace(response, text="", calls=(ToolCall("plan", {"steps": steps}),)) if good else response


_LINGER_S = 0.25  # how long to wait for the end of the connection once the answer is whole
_SENT_BY_DEFAULT = frozenset({"stream_options", "tool_choice", "max_tokens"})
_ACCOUNT = {"OPENAI_ORG_ID": "OpenAI-Organization", "OPENAI_PROJECT_ID": "OpenAI-Project"}
LONGEST_STALL_S = 300.0


def proxy_of(url: str) -> str | None:
    """Return the proxy through which the environment has a URL fetched; None for none."""
    parts, known = urlsplit(url), getproxies()
    found = known.get(parts.scheme) or known.get("all")
    if not found or proxy_bypass(parts.hostname or ""):
        return None
    return found if "://" in found else f"http://{found}"


def trusted() -> ssl.SSLContext:
    """Return the certificates of this machine; where Python knows of none, those of `certifi`, if it is there."""
    context, where = ssl.create_default_context(), ssl.get_default_verify_paths()
    if os.name != "nt" and not (where.cafile or where.capath):
        with suppress(ImportError):
            context.load_verify_locations(importlib.import_module("certifi").where())
    return context


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


class OpenAIModel:
    """A model behind an OpenAI-compatible endpoint.

    Parameters
    ----------
    name : str
        The model's name at the endpoint; empty for the first one that the endpoint lists.
    base_url : str, optional
        Where it is, usually ending in ``/v1``; OpenAI's own by default.
    api_key : str, optional
        The key; local servers need none.
    label : str
        How it is shown and recorded; ``openai/NAME`` by default.
    key_name : str
        The environment variable that holds the key, for hints.
    stall_s : float
        An attempt fails after so many seconds without a byte; the next one is given four times as long, since a model
        that thinks is silent, too.
    connect_s : float
        Bound on the time to connect.
    extra : dict, optional
        More parameters of the request, such as ``{"temperature": 0}``.
    traits : Traits, optional
        What a process must know of it; the name is filled in.
    """

    slots = 8

    def __init__(
        self,
        name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        label: str = "",
        key_name: str = "OPENAI_API_KEY",
        stall_s: float = 12.0,
        connect_s: float = 10.0,
        extra: Mapping[str, Any] | None = None,
        traits: Traits | None = None,
    ) -> None:
        self.base_url = checked_url(base_url or OFFICIAL)
        self.stall_s, self.connect_s = stall_s, connect_s
        self._key = (api_key or NO_KEY).strip()
        if not self._key.isascii() or not self._key.isprintable() or " " in self._key:
            raise ConfigError(f"{key_name} holds characters that no key has; paste it again")
        self._extra = compact(dict(extra or {}))[1:-1]
        self._label, self._key_name = label, key_name
        self._sends = set(_SENT_BY_DEFAULT)
        self._loaded: _Loaded | None = None
        self._proxy: str | None = None
        self.traits = traits or Traits("", images=self.base_url == OFFICIAL, context_tokens=0)
        self._context = self.traits.context_tokens
        self._name_it(name)

    @property
    def endpoint(self) -> str:
        """Where its requests go: what they share with those of other models there."""
        return shown_url(self.base_url)

    def _name_it(self, name: str) -> None:
        self.name = name
        label = self._label or f"openai/{name or 'default'}"
        self.traits = replace(self.traits, name=label, context_tokens=self._context or context_tokens(name))
        self._at = Endpoint(name or "the model", shown_url(self.base_url), self._key_name)
        self._start = b'{"model":' + compact(name) + b',"messages":['

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
        try:
            loaded = await self._ready()
            body = self.body(request)
            response = estimated((await self._exchange(loaded, body, on_text)).finish(), len(body))
            plans = any(t.get("function", {}).get("name") == "plan" for t in request.tools)
            return lift_plan(response) if plans else response
        except ModelError as error:
            raise self._told(error) from error.__cause__

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
        parts = [self._start, b",".join([m.encoded for m in request.messages]), b"]"]
        if request.tools:
            parts += (b',"tools":', request.tools_encoded)
            if request.must_answer and "tool_choice" in self._sends:
                parts.append(b',"tool_choice":"none"')
        if request.max_tokens is not None:
            # OpenAI's own models know the bound on the answer only by its new name
            old = "max_tokens" in self._sends and self.base_url != OFFICIAL
            parts.append(b',"%s":%d' % (b"max_tokens" if old else b"max_completion_tokens", request.max_tokens))
        if self._extra:
            parts += (b",", self._extra)
        parts.append(b',"stream":true')
        if "stream_options" in self._sends:
            parts.append(b',"stream_options":{"include_usage":true}')
        return b"".join([*parts, b"}"])

    async def _exchange(self, loaded: _Loaded, body: bytes, on_text: Callable[[str], None]) -> Accumulator:
        """Send a request and take in its answer; leaving this in any way closes the connection."""
        answer = Accumulator(on_text, self._at)
        try:
            async with asyncio.timeout(self.stall_s) as limit:
                reply = await self._sent(loaded, "POST", "/chat/completions", body)
                try:
                    while piece := await reply.content.readany():
                        answer.feed(piece)
                        limit.reschedule(loaded.loop.time() + (_LINGER_S if answer.done else self.stall_s))
                finally:
                    reply.close()
        except (TimeoutError, loaded.failed, OSError) as error:
            if not answer.done:
                raise self._trouble(error, loaded) from error
        return answer

    async def _sent(self, loaded: _Loaded, how: str, path: str, body: bytes | None = None) -> Any:
        """Send a request; return its reply, unless that is an error."""
        reply = await loaded.client.request(how, self.base_url + path, data=body, proxy=self._proxy)
        if reply.status >= ERRORS:
            async with reply:
                said = await reply.read()
            raise classify(reply.status, said, retry_after_s(reply.headers), self._at)
        return reply

    def _trouble(self, error: Exception, loaded: _Loaded) -> ModelError:
        """Say what broke a request off; after silence the next one is given more time."""
        if isinstance(error, loaded.failed) or not isinstance(error, TimeoutError):
            return from_exception(error, self._at)
        waited, self.stall_s = self.stall_s, min(self.stall_s * 4, LONGEST_STALL_S)
        return ModelUnavailable(f"{self._at.url} sent nothing for {waited:g} s")

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
        if "@" not in urlsplit(self.base_url).netloc:  # who is named in the URL logs in by that
            headers["Authorization"] = f"Bearer {self._key}"
        trust = trusted() if self.base_url.startswith("https:") else True
        patience = aiohttp.ClientTimeout(total=None, sock_connect=self.connect_s)  # `stall_s` bounds silence
        connector = aiohttp.TCPConnector(limit=0, ssl=trust)
        how: dict[str, Any] = {"headers": headers, "timeout": patience, "cookie_jar": aiohttp.DummyCookieJar()}
        client = aiohttp.ClientSession(connector=connector, **how)
        weakref.finalize(self, _close, client, loop)
        return _Loaded(client, aiohttp.ClientError, loop)

    async def _first_listed(self, loaded: _Loaded) -> str:
        try:
            async with asyncio.timeout(self.stall_s), await self._sent(loaded, "GET", "/models") as reply:
                return str(json.loads(await reply.read())["data"][0]["id"])
        except (TimeoutError, loaded.failed, OSError) as error:
            raise self._trouble(error, loaded) from error
        except (ValueError, LookupError, TypeError) as error:
            raise ModelRefused(f"{self._at.url} lists no models; name one with -m URL#NAME") from error

    def _told(self, error: ModelError) -> ModelError:
        """Learn from an error what this endpoint does not take, and keep the key out of its text."""
        text = str(error)
        if isinstance(error, ModelProtocol) and not error.retryable:
            named = {sent for sent in self._sends if sent in text}
            self._sends -= named
            error.retryable = bool(named)
        if self._key != NO_KEY and self._key in text:
            error.args = (text.replace(self._key, "…"),)
        return error

    async def aclose(self) -> None:
        """Close the connections that are kept open between requests."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None and loaded.loop is asyncio.get_running_loop():
            await loaded.client.close()
