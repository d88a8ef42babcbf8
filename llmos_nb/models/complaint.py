"""What an endpoint said when it did not answer: in any form, sorted by its words."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from llmos_nb.messages import clean

SHOWN = 300
ERRORS = 400  # the first HTTP status that is an error

QUOTA = re.compile(
    r"insufficient[_ ]quota|exceeded your (current )?quota|credit balance|insufficient (credits|balance|funds)"
    r"|billing[_ ](hard|not)|out of credits|payment required",
    re.I,
)
CONTEXT = re.compile(
    r"context[_ ](length|window|size)|maximum context|context_length_exceeded|prompt is too long"
    r"|too many (input |prompt )?tokens"
    r"|exceeds? the (available |maximum )?(context|number of tokens|model'?s max)"
    r"|input (is )?(too long|length)|reduce the length|longer than the (model|context|maximum)"
    r"|exceed_context_size|string_above_max_length|token limit",
    re.I,
)
TOOLS = re.compile(
    r"(\b(not|no|cannot|without)\b|n't\b|\bun)\W*support\w*\W+(\w+\W+){0,3}?(tools?|functions?)\b"
    r"|\b(tools?|tool[_ ](use|calls?|choice)|functions?|function[_ ]calling)\b.{0,60}"
    r"(not (be )?(support|enabled|available)|n't support|unsupported|requires? --)"
    r"|no endpoints found that support tool",
    re.I | re.S,
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
        """Tell whether the words are of this kind."""
        return kind.search(self.words) is not None

    @classmethod
    def of(cls, body: object) -> Complaint:
        """Read the body of an error: JSON in any of the usual forms, HTML or plain text."""
        if isinstance(body, bytes):
            body = body.decode("utf-8", "replace")
        if isinstance(body, str):
            body = _parsed(body)
        if isinstance(body, list) and body:
            body = body[0]
        if isinstance(body, Mapping):
            return cls._of_mapping(body)
        text = one_line(body) if isinstance(body, str) else ""
        return cls(text, text)

    @classmethod
    def _of_mapping(cls, body: Mapping[str, Any]) -> Complaint:
        inner = body.get("error", body)
        if not isinstance(inner, Mapping):
            inner = {**body, "message": inner}
        text = _message(inner)
        code = inner.get("code")
        more = [one_line(str(inner[k])) for k in ("code", "type") if isinstance(inner.get(k), str | int)]
        return cls(text, " ".join([text, *more]), code if isinstance(code, int) and code >= ERRORS else 0)


def _message(inner: Mapping[str, Any]) -> str:
    said = next((inner[k] for k in ("message", "detail", "msg", "error") if inner.get(k)), "")
    try:
        return one_line(said if isinstance(said, str) else json.dumps(said, default=str))
    except (ValueError, RecursionError):
        return ""


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def one_line(text: str) -> str:
    """Give text as one short line with no tags, fit for an error."""
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
