"""Classify what an endpoint sends instead of an answer, in any form, as one of the package's errors."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from typing import Any

from llmos_nb.errors import ContextOverflow, ModelError, ModelProtocol, ModelRefused, ModelUnavailable
from llmos_nb.messages import clean, parsed
from llmos_nb.models.base import shown_url
from llmos_nb.models.catalogue import TABLE

SHOWN, SEARCHED = 300, 4_000
_ABOUT = ("code", "type", "status", "param", "innererror", "metadata", "details")
MOVED, ERRORS = 300, 400  # the first HTTP statuses that lead elsewhere, and that are errors

QUOTA = re.compile(
    r"(?i)insufficient[_ ]quota|exceeded your (current )?quota|credit balance|insufficient (credits|balance|funds)"
    r"|billing[_ ](hard|not)|out of credits|payment required|(spend|usage) limit|no[_ ]credits?\b"
)
DAILY = re.compile(r"(?i)per[_ ]?(day|month|week)\b|PerDay|daily limit|(tokens|requests) per day|\b[RT]PD\b|-per-day")
MINUTELY = re.compile(r"(?i)per[_ -]?(minute|second)|PerMinute|\b[RT]PM\b|rate_limit_exceeded|RateLimitReached")
FILTER = re.compile(
    r"(?i)content[_ ](filter|management policy|policy violation)|ResponsibleAI|\bflagged (as|for)|requires moderation"
    r"|violat\w+ (our|usage|content)|usage (guidelines|polic)|invalid_prompt|data_inspection_failed|sensitive content"
)
LOADING = re.compile(r"(?i)\bis (currently )?loading|loading model|model (is )?(not ready|warming)|starting up")
MALFORMED = re.compile(r"(?i)tool_use_failed|failed to call a function|malformed[_ ]function")
CONTEXT = re.compile(
    r"(?i)context[_ ](length|window|size)|maximum context|context_length_exceeded|prompt is too long"
    r"|too many (input |prompt )?tokens|exceeds? the (available |maximum )?(context|number of tokens|model'?s max)"
    r"|input (is )?(too long|length)|reduce the length|longer than the (model|context|maximum)"
    r"|exceed_context_size|string_above_max_length|token limit|(prompt|inputs?) tokens \+ |request_too_large"
)
TOOLS = re.compile(
    r"(?is)(\b(not|no|cannot|without)\b|n't\b|\bun)\W*support\w*\W+(\w+\W+){0,3}?(tools?|functions?)\b"
    r"|\b(tools?|tool[_ ](use|calls?|choice)|functions?|function[_ ]calling)\b.{0,60}"
    r"(not (be )?(support|enabled|available)|n't support|unsupported|requires? --)"
    r"|no endpoints found that support tool"
)
RATE = re.compile(r"rate[_ ]limit|too many requests|overloaded|at capacity|try again later", re.I)
SERVER = re.compile(r"server[_ ]?error|internal error|unavailable|bad gateway|upstream|time[d ]?-?out", re.I)
KEY = re.compile(r"api[_ ]key|authenticat|unauthori[sz]ed|credentials", re.I)
BAD_KEY = re.compile(
    r"(?i)(api[_ ]key|(access|auth\w*) token|credentials?)\b.{0,30}\b"
    r"(not valid|invalid|expired|incorrect|missing|required)"
    r"|(invalid|incorrect|expired|missing|no) (api[_ ]?key|credentials|authentication)\b|api_key_invalid"
)
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
            text = body if isinstance(body, str) else ""
            return cls(one_line(text), one_line(text, SEARCHED))
        inner = body.get("error", body)
        if not isinstance(inner, Mapping):
            inner = {**body, "message": inner}
        said, code = _message(inner), inner.get("code")
        more = [_plain(inner[k]) for k in _ABOUT if inner.get(k)]
        words = one_line(" ".join([said, *more]), SEARCHED)
        return cls(one_line(said), words, code if isinstance(code, int) and code >= ERRORS else 0)


def _message(inner: Mapping[str, Any]) -> str:
    """Return what is said, with the words of whoever is behind a router."""
    said = next((inner[k] for k in ("message", "detail", "msg", "error") if inner.get(k)), "")
    about = inner.get("metadata")
    behind = parsed(raw, raw) if isinstance(about, Mapping) and isinstance(raw := about.get("raw"), str) else None
    if behind:
        said = f"{_plain(said)}: {Complaint.of(behind).words}"
    return _plain(said)


def _plain(said: object) -> str:
    try:
        return said if isinstance(said, str) else json.dumps(said, default=str)
    except (ValueError, RecursionError):
        return ""


def one_line(text: str, most: int = SHOWN) -> str:
    """Return text as one short line with no tags, fit for an error."""
    plain = " ".join(_TAG.sub(" ", clean(text[:SEARCHED])).split())
    return "".join(c if c.isprintable() else "?" for c in plain[:most]) + ("…" if len(plain) > most else "")


_ASKED = re.compile(
    r"(?i)(?:(?:re)?try (?:your request )?(?:again )?(?:in|after)|retryDelay\W+|wait)\s*"
    r"((?:\d+(?:\.\d+)?\s*[a-z]*\s*)+)"
)
_AMOUNT = re.compile(r"(?i)(\d+(?:\.\d+)?)\s*(m(?:illi)?s[a-z]*|[mhds][a-z]*)?")
_UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0}


def asked_wait_s(words: str) -> float | None:
    """Read how many seconds a text asks to wait: ``retry in 2.5s``, ``try again in 1m26.4s``, ``retryDelay: 34s``."""
    if (found := _ASKED.search(words)) is None:
        return None
    parts = [(float(n), unit.lower()) for n, unit in _AMOUNT.findall(found[1])]
    return sum(n * _unit(unit) for n, unit in parts) if parts else None


def _unit(unit: str) -> float:
    if unit.startswith(("ms", "milli")):
        return 0.001
    return _UNITS.get(unit[:1], 1.0)


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

LOADING_S = 10.0  # a model comes into memory
SERVER_ERRORS = 500

_UNPAID, _FORBIDDEN, _MISSING, _TOO_LARGE, _TOO_MANY = 402, 403, 404, 413, 429
_LIMITED = (400, 413, 429, 503)
_PASSING = (408, 409, 425, 429, 498)  # the last is Groq's, for a tier at capacity


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

    @property
    def by(self) -> str:
        """Who answers: what a provider wants back goes to the same model at the same place alone."""
        return f"{self.url}#{self.model}"


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
    error = _sorted(status, said, wait_s, at, begun)
    error.said = said.words
    return error


def _sorted(status: int, said: Complaint, wait_s: float | None, at: Endpoint, begun: bool) -> ModelError:
    status = said.status if status < ERRORS and said.status else status
    quote = f": {said.text}" if said.text else ""
    wait_s = asked_wait_s(said.words) if wait_s is None else wait_s
    if status in _LIMITED and (limited := _limited(status, said, quote, wait_s, at)) is not None:
        return limited
    hopeless = _barred(status, said, quote, at) or _unfit(status, said, quote, at)
    if hopeless is not None:  # another attempt would not change it
        return hopeless
    if status == _TOO_MANY or (status < ERRORS and said.speaks_of(RATE)):
        return _slower(quote, wait_s, at)
    return _failed(status, said, quote, wait_s, at) if status >= ERRORS or not begun else _broken(quote, at)


def _slower(quote: str, wait_s: float | None, at: Endpoint) -> ModelError:
    error = _patient(f"{at.url} limits the rate of requests{quote}", wait_s)
    error.limited = True
    return error


def _broken(quote: str, at: Endpoint) -> ModelError:
    return ModelUnavailable(f"{at.url} broke off with an error{quote}")


def _failed(status: int, said: Complaint, quote: str, wait_s: float | None, at: Endpoint) -> ModelError:
    """Return the error of a server that may do better next time."""
    if said.speaks_of(LOADING):
        return _patient(f"{at.url} is loading {at.model}{quote}", LOADING_S if wait_s is None else wait_s)
    if status >= ERRORS:
        return _patient(f"{at.url} failed (HTTP {status}){quote}", wait_s)
    if said.speaks_of(SERVER):
        return _broken(quote, at)
    what = f"{at.url} answered with an error in place of an answer{quote}"
    return ModelProtocol(f"{what}; check the model and the base URL")


_NUMBERS = re.compile(r"(?i)limit:? ([\d,]+).{0,40}?requested:? ([\d,]+)")


def _limited(status: int, said: Complaint, quote: str, wait_s: float | None, at: Endpoint) -> ModelError | None:
    """Tell the limit of a minute, which passes, from that of a day, and from money that is spent."""
    minute = said.speaks_of(MINUTELY)
    if status != _TOO_MANY and not minute:
        return None
    numbers = _NUMBERS.search(said.words)
    most, wanted = (int(n.replace(",", "")) for n in numbers.groups()) if numbers else (0, 0)
    if most and wanted > most:
        hint = "no wait makes it fit: take --context to shorten it, a higher tier, or another model"
        return ModelRefused(f"one request is over the rate limit of {at.url}{quote}; {hint}")
    if said.speaks_of(DAILY) and not (minute and wait_s):
        hint = "resume later or choose another model with -m"
        return ModelRefused(f"the quota of {at.url} is used up for now{quote}; {hint}", wait_s)
    spent = said.speaks_of(QUOTA) and ("insufficient" in said.words or not (minute or wait_s))
    return None if spent else _slower(quote, wait_s, at)


def _barred(status: int, said: Complaint, quote: str, at: Endpoint) -> ModelError | None:
    """Return the error of who may not ask, or not this: money, key, filter."""
    if ERRORS <= status < SERVER_ERRORS and status != _TOO_MANY and said.speaks_of(FILTER):
        refused = ModelRefused(f"the content filter of {at.url} refused the prompt{quote}{_categories(said)}")
        refused.filtered = True
        return refused
    if status == _UNPAID or said.speaks_of(QUOTA):
        hint = "add credit there or choose another model with -m"
        return ModelRefused(f"the quota at {at.url} is spent{quote}; {hint}")
    if status == _FORBIDDEN and not said.speaks_of(KEY):
        hint = f"check what {at.key_name} may use, and whether a proxy or firewall stands between"
        return ModelRefused(f"{at.url} refused access (HTTP 403){quote}; {hint}")
    wrong_key = status < SERVER_ERRORS and said.speaks_of(BAD_KEY)
    if status in (401, 403) or (status < ERRORS and said.speaks_of(KEY)) or wrong_key:
        return ModelRefused(f"{at.url} refused the key (HTTP {status}){quote}; check {at.key_name}")
    return None


def _unfit(status: int, said: Complaint, quote: str, at: Endpoint) -> ModelError | None:
    """Return the error of a request that the endpoint cannot take as it is."""
    if status != _TOO_MANY and (status == _TOO_LARGE or said.speaks_of(CONTEXT)):
        return ContextOverflow(f"the prompt is longer than {at.model} takes{quote}")
    if status == _MISSING and not said.speaks_of(TOOLS):
        near = get_close_matches(at.model, TABLE, 1, 0.8)
        meant = f"did you mean {near[0]}? Else " if near and at.model not in TABLE else ""
        hint = f"{meant}check the model's name and the base URL (most end in /v1)"
        return ModelRefused(f"{at.url} does not know {at.model} (HTTP 404){quote}; {hint}")
    if said.speaks_of(MALFORMED):
        return ModelUnavailable(f"{at.model} wrote a call that {at.url} could not read{quote}")
    if said.speaks_of(TOOLS):
        error = ModelProtocol(f"{at.model} takes no tools{quote}; choose a model that can call tools with -m")
    elif ERRORS <= status < SERVER_ERRORS and status not in _PASSING:
        why = quote or "; it did not say why"
        error = ModelProtocol(f"{at.url} did not take the request (HTTP {status}){why}")
    else:
        return None
    error.retryable = False
    return error


_FILTERED = re.compile(r'"(\w+)": \{[^{}]*"filtered": true')


def _categories(said: Complaint) -> str:
    """Name what a content filter found."""
    found = _FILTERED.findall(said.words)
    return f" ({', '.join(found)})" if found else ""


def moved(status: int, to: str, at: Endpoint) -> ModelError:
    """Say where an endpoint sends its requests; a key and a prompt are not carried there unasked."""
    place = shown_url(to) if "://" in to else to or "nowhere"
    return ModelRefused(f"{at.url} sends requests on to {place} (HTTP {status}); set that as the base URL")


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
