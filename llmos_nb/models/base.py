"""The one-method protocol that every model implements, and what is known of a model before it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from llmos_nb.messages import Message, Request, Response


@dataclass(frozen=True, slots=True)
class Traits:
    """What a process must know of its model before it asks.

    Parameters
    ----------
    name : str
        As it is shown and recorded.
    plans : bool
        It can propose a plan of several steps; a small model works step by step.
    sees_values : bool
        It runs on this machine, so variables may be described with their values.
    images : bool
        It takes images.
    context_tokens : int
        Longest prompt and answer together, in tokens.
    window_bytes : int
        Bytes of observations kept in the prompt before the oldest are paged out; 0 for a share of the context.
    prefix : tuple of Message
        Its own system message and worked examples, instead of the usual head.
    first : str
        A tool it must use before it may answer (small models answer from nothing otherwise).
    small : bool
        It often misreads the question, so that its code is shown with the value, and no answer is called proven.
    outside : bool
        It is an agent outside that calls by itself: what it thinks costs nothing here, and what it has read is unknown.
    joins : tuple of int, optional
        Of questions over two tables, where that was measured: how many it got right, and of how many.
    """

    name: str
    plans: bool = True
    sees_values: bool = False
    images: bool = False
    context_tokens: int = 128_000
    window_bytes: int = 0
    prefix: tuple[Message, ...] = ()
    first: str = ""
    small: bool = False
    outside: bool = False
    joins: tuple[int, int] | None = None


@runtime_checkable
class Model(Protocol):
    """Something that answers a prompt.

    One call is one attempt: it raises a `ModelError` and never retries by itself, so that the process can
    record and show each attempt. Cancelling the task must close the connection. `on_text` gets text as it
    arrives and is only for showing: what counts is the `Response`. It may have an attribute `code`, which takes the
    code of a call of `python` while its arguments arrive.

    A model may have `slots`, how many requests it takes at once (8 where it does not say), and `endpoint`, a name for
    the place that it shares with others; its own name otherwise, and an empty text for no place at all.
    """

    traits: Traits

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Answer one prompt once."""
        ...


def shown_url(url: str) -> str:
    """Return a URL without user, password and query, fit for errors and journals."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme}://{host}{parts.path}"
