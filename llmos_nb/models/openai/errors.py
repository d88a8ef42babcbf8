"""Classify what an endpoint sends instead of an answer, in any form, as one of the package's errors."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from llmos_nb.errors import ContextOverflow, ModelError, ModelProtocol, ModelRefused, ModelUnavailable
from llmos_nb.messages import clean, parsed

SHOWN = 300
ERRORS = 400  # the first HTTP status that is an error

QUOTA = re.compile(
    r"(?i)insufficient[_ ]quota|exceeded your (current )?quota|credit balance|insufficient (credits|balance|funds)"
    r"|billing[_ ](hard|not)|out of credits|payment required"
)
CONTEXT = re.compile(
    r"(?i)context[_ ](length|window|size)|maximum context|context_length_exceeded|prompt is too long"
    r"|too many (input |prompt )?tokens|exceeds? the (available |maximum )?(context|number of tokens|model'?s max)"
    r"|input (is )?(too long|length)|reduce the length|longer than the (model|context|maximum)"
    r"|exceed_context_size|string_above_max_length|token limit"
)
TOOLS = re.compile(
    r"(?is)(\b(not|no|cannot|without)\b|n't\b|\bun)\W*support\w*\W+(\w+\W+){0,3}?(tools?|functions?)\b"
    r"|\b(tools?|tool[_ ](use|calls?|choice)|functions?|function[_ ]calling)\b.{0,60}"
    r"(not (be )?(support|enabled|available)|n't support|unsupported|requires? --)"
    r"|no endpoints found that support tool"
)
RATE = re.compile(r"rate[_ ]limit|too many requests|overloaded|at capacity|try again later", re.I)
SERVER = re.compile(r"server[_ ]?error|internal error|unavailable|bad gateway|upstream|time[d ]?-?out", re.I)
KEY = re.compile(r"api[_ ]key|authenticat|unauthori[sz]ed", re.I)
_TAG = re.compile(r"<(script|style|head)\b.*?</\1\s*>|<[^>]*>", re.I | re.S)


@dataclass(frozen=True, slots=True)
class Complaint:
    """One line to show, all of its words to sort it by, and the endpoint's own status if the body gives one."""

    text: str
    words: str
    status: int = 0

    def speaks_of(self, kind: re.Pattern[str]) -> bool:
        """Return whether the words are of this kind."""
        return kind.search(self.words) is not None

    @classmethod
    def of(cls, body: object) -> Complaint:
        """Read the body of an error: JSON in any of the usual forms, HTML or plain text."""
        if isinstance(body, bytes):
            body = body.decode("utf-8", "replace")
        if isinstance(body, str):
            body = parsed(body, body)
        if isinstance(body, list) and body:
            body = body[0]
        if not isinstance(body, Mapping):
            text = one_line(body) if isinstance(body, str) else ""
            return cls(text, text)
        inner = body.get("error", body)
        if not isinstance(inner, Mapping):
            inner = {**body, "message": inner}
        text, code = _message(inner), inner.get("code")
        more = [one_line(str(inner[k])) for k in ("code", "type") if isinstance(inner.get(k), str | int)]
        return cls(text, " ".join([text, *more]), code if isinstance(code, int) and code >= ERRORS else 0)


def _message(inner: Mapping[str, Any]) -> str:
    said = next((inner[k] for k in ("message", "detail", "msg", "error") if inner.get(k)), "")
    try:
        return one_line(said if isinstance(said, str) else json.dumps(said, default=str))
    except (ValueError, RecursionError):
        return ""


def one_line(text: str) -> str:
    """Return text as one short line with no tags, fit for an error."""
    plain = " ".join(_TAG.sub(" ", clean(text[:4000])).split())
    return "".join(c if c.isprintable() else "?" for c in plain[:SHOWN]) + ("…" if len(plain) > SHOWN else "")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read how many seconds an endpoint asks to wait: ``retry-after-ms``, seconds or a date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if seconds >= 0:
            return seconds
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


LONGEST_WAIT_S = 120.0

_UNPAID, _MISSING, _TOO_LARGE, _TOO_MANY = 402, 404, 413, 429
_PASSING = (408, 409, 425, 429)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What an error says about where it came from.

    Parameters
    ----------
    model : str
        The model's name.
    url : str
        The base URL.
    key_name : str
        The environment variable that holds the key.
    """

    model: str = "the model"
    url: str = "the endpoint"
    key_name: str = "OPENAI_API_KEY"


SOMEWHERE = Endpoint()


def classify(
    status: int, body: object, wait_s: float | None = None, at: Endpoint = SOMEWHERE, begun: bool = False
) -> ModelError:
    """Sort what an endpoint answered instead of an answer.

    Parameters
    ----------
    status : int
        HTTP status; 200 when the error stood in the body of a success.
    body : object
        The body, or what was parsed of it.
    wait_s : float, optional
        Seconds the endpoint asks to wait.
    at : Endpoint, optional
        Names for the hints.
    begun : bool
        Part of an answer had already arrived.

    Returns
    -------
    ModelError
        To be raised by the caller.
    """
    said = Complaint.of(body)
    status = said.status if status < ERRORS and said.status else status
    quote = f": {said.text}" if said.text else ""
    if (hopeless := _hopeless(status, said, quote, at)) is not None:
        return hopeless
    if status == _TOO_MANY or (status < ERRORS and said.speaks_of(RATE)):
        error = _patient(f"{at.url} limits the rate of requests{quote}", wait_s)
        error.limited = True
        return error
    if status >= ERRORS:
        return _patient(f"{at.url} failed (HTTP {status}){quote}", wait_s)
    if begun or said.speaks_of(SERVER):
        return ModelUnavailable(f"{at.url} broke off with an error{quote}")
    what = f"{at.url} answered with an error in place of an answer{quote}"
    return ModelProtocol(f"{what}; check the model and the base URL")


def _hopeless(status: int, said: Complaint, quote: str, at: Endpoint) -> ModelError | None:
    """Return the error that another attempt would not change, if it is one."""
    if status == _UNPAID or said.speaks_of(QUOTA):
        hint = "add credit there or choose another model with -m"
        return ModelRefused(f"the quota at {at.url} is spent{quote}; {hint}")
    if status in (401, 403) or (status < ERRORS and said.speaks_of(KEY)):
        return ModelRefused(f"{at.url} refused the key (HTTP {status}){quote}; check {at.key_name}")
    if status != _TOO_MANY and (status == _TOO_LARGE or said.speaks_of(CONTEXT)):
        return ContextOverflow(f"the prompt is longer than {at.model} takes{quote}")
    if status == _MISSING and not said.speaks_of(TOOLS):
        hint = "check the model's name and the base URL (most end in /v1)"
        return ModelRefused(f"{at.url} does not know {at.model} (HTTP 404){quote}; {hint}")
    if said.speaks_of(TOOLS):
        error = ModelProtocol(f"{at.model} takes no tools{quote}; choose a model that can call tools with -m")
    elif ERRORS <= status < 500 and status not in _PASSING:
        why = quote or "; it did not say why"
        error = ModelProtocol(f"{at.url} did not take the request (HTTP {status}){why}")
    else:
        return None
    error.retryable = False
    return error


def _patient(text: str, wait_s: float | None) -> ModelError:
    """Return an error worth another attempt, unless the endpoint asks for too long a wait."""
    if wait_s is not None and wait_s > LONGEST_WAIT_S:
        text += f"; it asks to wait {wait_s:.0f} s; resume later or choose another model"
        return ModelRefused(text, wait_s)
    return ModelUnavailable(text, wait_s)


def not_json(body: bytes, at: Endpoint) -> ModelProtocol:
    """Say what came instead of an answer."""
    start = body[:4096].lstrip()
    shown = one_line(start.decode("utf-8", "replace"))[:80]
    if not start:
        what = "200 with an empty body; check the base URL"
    elif start.startswith(b"<"):
        what = f"with a web page ({shown}); check the base URL (most end in /v1)"
    else:
        what = f"with broken JSON: {shown!r}"
    return ModelProtocol(f"{at.url} answered {what}")


def from_exception(error: BaseException, at: Endpoint) -> ModelError:
    """Sort an exception of the aiohttp package or of the network, known by its name: none is imported here."""
    name = type(error).__name__
    why = one_line(str(error)) or name
    if "URL" in name.upper():
        said = f"no request could be sent to {at.url}: {why}"
        return ModelRefused(f"{said}; check the base URL and the key")
    if "Connector" in name or "Proxy" in name or name == "ConnectionTimeoutError":
        return ModelUnavailable(f"no connection to {at.url} ({why}); is the server running?")
    if name.endswith("TimeoutError"):
        return ModelUnavailable(f"{at.url} sent nothing in time ({name})")
    return ModelUnavailable(f"the connection to {at.url} broke off ({why})")
