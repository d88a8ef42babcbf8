"""What the adapters of providers' own packages share: client, patience, errors, and answers that come in parts."""

from __future__ import annotations

import asyncio
import importlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Any, ClassVar

from llmos_nb.errors import ModelError, ModelRefused, ModelUnavailable
from llmos_nb.messages import Extra, Finish, Message, Part, Request, Response, ToolCall, Usage, clean
from llmos_nb.models.base import Traits
from llmos_nb.models.catalogue import context_tokens
from llmos_nb.models.openai.calls import Writing, parse
from llmos_nb.models.openai.errors import ERRORS, MOVED, Endpoint, classify, moved, retry_after_s
from llmos_nb.models.openai.lift import lift_plan
from llmos_nb.models.openai.network import Remote, from_exception, is_loopback, proxy_of
from llmos_nb.models.openai.stream import estimated

_THEIRS = ("openai", "anthropic", "google", "httpx", "httpx2", "httpcore", "httpcore2", "anyio")
"""Packages whose errors say what became of a request."""


class Answer(ABC):
    """Takes the events of one answer as they come.

    Parameters
    ----------
    show : callable
        Gets text as it arrives.
    at : Endpoint
        Names for the errors.
    """

    def __init__(self, show: Callable[[str], None], at: Endpoint) -> None:
        self.show, self.at, self.code = show, at, Writing(show)
        self.begun, self.finish, self.usage = False, "", Usage()
        self.raw: dict[str, Any] = {}
        self.items: list[dict[str, Any]] = []  # what the answer is made of, in order

    @abstractmethod
    def take(self, event: dict[str, Any]) -> None:
        """Take one event."""

    @abstractmethod
    def whole(self) -> Response:
        """Return the answer, after the last event."""

    def say(self, text: str) -> None:
        """Show a piece of the text."""
        if text:
            self.show(clean(text))

    def made(
        self, finish: Finish, texts: Iterable[str], calls: Iterable[tuple[str, Any]], parts: list[Any] | None
    ) -> Response:
        """Put an answer together; of one that was cut off, a call that is not whole is dropped.

        Parameters
        ----------
        finish : {"stop", "length", "refused"}
            Why it ended.
        texts : iterable of str
            What was said.
        calls : iterable of (str, object)
            Name, and arguments as an object or as text.
        parts : list, optional
            What goes back to the provider, in order; None where it wants nothing back.
        """
        text = "".join(texts)
        if finish == "refused":
            said = f"the content filter of {self.at.url} stopped the answer ({self.finish})"
            return Response(text or said, (), finish, self.usage, raw=self.raw)
        found = [(name, parse(given or "{}") if isinstance(given, str) else given, given) for name, given in calls]
        kept = [c for c in found if finish != "length" or c[1] is not None]
        made = tuple(ToolCall(n, clean(str(said)) if given is None else given) for n, given, said in kept)
        cut = len(kept) < len(found)
        extra: Extra | None = {"by": self.at.by, "message": {"parts": parts}} if parts and not cut else None
        return Response(clean(text), made, finish, self.usage, cut, self.raw, extra)

    def broken(self) -> ModelUnavailable:
        """Return the error of an answer that ended before its end."""
        return ModelUnavailable(f"the answer of {self.at.url} broke off before its end")


class NativeModel(Remote, ABC):
    """A model that is asked by its provider's own package.

    Parameters
    ----------
    name, base_url, api_key, label, key_name, stall_s, extra
        As of `Remote`; the URL is the provider's own by default.
    """

    URL: ClassVar[str]
    PLACE: ClassVar[str]  # the environment variable of another URL
    KEYS: ClassVar[tuple[str, ...]]  # the environment variables of the key
    PACKAGE: ClassVar[tuple[str, str]]  # what is imported, and the extra that installs it
    ANSWER: ClassVar[type[Answer]]  # what takes the events

    def __init__(
        self,
        name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        label: str = "",
        key_name: str = "",
        **more: Any,
    ) -> None:
        super().__init__(name, base_url or self.URL, api_key, label, key_name or self.KEYS[0], **more)
        self.traits = Traits(label or name, images=True, context_tokens=context_tokens(name))
        self._client: tuple[Any, asyncio.AbstractEventLoop] | None = None

    @classmethod
    def needs(cls) -> str:
        """Say which package is needed, and how it is installed."""
        name, extra = cls.PACKAGE
        return f'{cls.__name__} needs the package {name}: pip install "llmos_nb[{extra}]"'

    @abstractmethod
    def client(self, package: Any, key: str, how: dict[str, Any]) -> Any:
        """Return the client of the package; `how` is for its HTTP client."""

    @abstractmethod
    def events(self, client: Any, request: Request) -> AsyncGenerator[dict[str, Any], None]:
        """Send a prompt, and give the events of the answer as plain data."""

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Answer one prompt once, streamed."""
        size = sum(len(m.encoded) for m in request.messages) + len(request.tools_encoded)
        answer = self.ANSWER(on_text, self._at)
        try:
            await self._exchange(await self._ready(), request, answer)
            response = estimated(answer.whole(), size)
        except ModelError as error:
            if error.filtered:
                return estimated(Response(str(error), finish="refused"), size)
            self._without_key(error)
            raise
        return lift_plan(response) if any(t["function"]["name"] == "plan" for t in request.tools) else response

    async def _exchange(self, client: Any, request: Request, answer: Answer) -> None:
        """Send a prompt and take its answer in; leaving this in any way closes the connection."""
        patience, loop = self.patience, asyncio.get_running_loop()
        try:
            async with (
                asyncio.timeout(patience.first_s) as limit,
                aclosing(self.events(client, request)) as events,
            ):
                async for event in events:
                    answer.take(event)
                    limit.reschedule(loop.time() + patience.after(answer.begun))
        except ModelError:
            raise
        except TimeoutError as error:
            waited = patience.ended(answer.begun)
            raise ModelUnavailable(f"{self._at.url} sent nothing for {waited:g} s") from error
        except Exception as error:
            if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in _THEIRS:
                raise
            raise self._sorted(error, answer.begun) from error

    def _sorted(self, error: Exception, begun: bool) -> ModelError:
        """Sort an error of the package, by what it says of the answer; its classes are not imported here."""
        reply = getattr(error, "response", None)
        status = getattr(error, "status_code", None) or getattr(error, "code", None)
        headers = getattr(reply, "headers", None) or {}
        if not isinstance(status, int):
            body = getattr(error, "body", None)
            here = classify(200, body, at=self._at, begun=begun) if body else None
            return here or from_exception(error, self._at, proxy_of(self.base_url))
        if MOVED <= status < ERRORS:
            return moved(status, headers.get("location", ""), self._at)
        said = getattr(error, "body", None) or getattr(error, "details", None) or str(error)
        return classify(status, said, retry_after_s(headers), self._at, begun)

    async def _ready(self) -> Any:
        """Return the client of this event loop; its package is slow to import, so that happens in a thread."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._client[1] is not loop:
            try:
                package = await asyncio.to_thread(importlib.import_module, self.PACKAGE[0])
            except ImportError as error:
                raise ModelRefused(self.needs()) from error
            how_http = {"follow_redirects": False, "trust_env": not is_loopback(self.base_url)}
            self._client = self.client(package, self._key, how_http), loop
        return self._client[0]

    def mine(self, message: Message) -> list[dict[str, Any]]:
        """Return what this model wants back with a message, in order; nothing where another one gave it."""
        extra = message.extra
        if extra is None or extra.get("by") != self._at.by:
            return []
        return list(extra.get("message", {}).get("parts") or ())

    async def aclose(self) -> None:
        """Close the connections that are kept open between requests."""
        held, self._client = self._client, None
        if held is not None and held[1] is asyncio.get_running_loop():
            await self.close(held[0])

    async def close(self, client: Any) -> None:
        """Close a client."""
        await client.close()


class Streamed(NativeModel):
    """A model whose package is of one make with OpenAI's: its client and its streams are used alike."""

    CLIENT: ClassVar[str]  # the name of the package's client

    def client(self, package: Any, key: str, how: dict[str, Any]) -> Any:
        """Return the client of the package; each attempt is one request."""
        http = package.DefaultAsyncHttpxClient(**how)
        make = getattr(package, self.CLIENT)
        return make(api_key=key, base_url=self.base_url, max_retries=0, timeout=None, http_client=http)

    @abstractmethod
    def asked(self, client: Any) -> Any:
        """Return the part of the client that takes prompts."""

    @abstractmethod
    def body(self, request: Request) -> dict[str, Any]:
        """Return the parameters of a request."""

    async def events(self, client: Any, request: Request) -> AsyncGenerator[dict[str, Any], None]:
        """Send a prompt, and give the events of the answer."""
        async with await self.asked(client).create(**self.body(request), stream=True) as stream:
            async for event in stream:
                yield event.to_dict()


def system_of(request: Request) -> str:
    """Return what stands in the system messages of a prompt."""
    return "\n\n".join(m.text for m in request.messages if m.role == "system")


def pictures(message: Message) -> list[Part]:
    """Return the images of a message that are at hand."""
    return [p for p in message.parts if p.kind == "image" and p.data]


def arguments(call: ToolCall) -> dict[str, Any]:
    """Return the arguments of a call as they go back: those that were no object are none."""
    return call.arguments if isinstance(call.arguments, dict) else {}


def parted(message: Message, parts: list[dict[str, Any]]) -> list[tuple[dict[str, Any], str, ToolCall | None]]:
    """Return each part of an answer with the text or the call that belongs there; what is opaque stands alone.

    Parameters
    ----------
    message : Message
        An answer, whose text and calls are not stored again with its parts.
    parts : list of dict
        In order: ``{"chars": n}`` for a stretch of the text, ``{"call": true}`` for a call, and what is opaque. Where
        there are none, the text and the calls.
    """
    parts = parts or [
        *([{"chars": len(message.text)}] if message.text else []),
        *({"call": True} for _ in message.calls),
    ]
    found: list[tuple[dict[str, Any], str, ToolCall | None]] = []
    calls, at = iter(message.calls), 0
    for part in parts:
        text = message.text[at : at + part.get("chars", 0)]
        at += len(text)
        call = next(calls, None) if part.get("call") else None
        if text or call is not None or not ("chars" in part or "call" in part) or len(part) > 1:
            found.append((part, text, call))
    return found
