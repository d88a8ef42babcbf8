"""One OpenTelemetry span as plain data, and as a line of the protocol's own JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from llmos_nb.journal import Event
from llmos_nb.journal.events import CallStarted, RunStarted
from llmos_nb.models import SCHEMES
from llmos_nb.policy.secrets import vault

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
INTERNAL, CLIENT = 1, 3  # SPAN_KIND_… of the protocol
ERROR = 2  # STATUS_CODE_ERROR
SCOPE = "llmos_nb"
Attributes = dict[str, Any]
HOSTS = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "api.mistral.ai": "mistral_ai",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.x.ai": "x_ai",
    "api.perplexity.ai": "perplexity",
    "api.cohere.com": "cohere",
}
"""What the convention calls who answers at a host."""
PROVIDERS = {
    **{"openai-responses": "openai", "azure": "azure.ai.openai", "mistral": "mistral_ai"},
    **{"gemini": "gcp.gemini", "gemini-openai": "gcp.gemini"},
}
"""The same by the first word of a spec, where that is another."""


@dataclass
class Span:
    """One span; times in nanoseconds since 1970, ids in hexadecimal, `parent_id` empty for a root."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start: int
    end: int = 0
    kind: int = INTERNAL
    attributes: Attributes = field(default_factory=dict)
    events: list[tuple[str, int, Attributes]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    error: str = ""

    def done(self) -> Span:
        """Return it as it is told: with the type of its error, and without the values of secrets."""
        if self.error:
            self.attributes["error.type"] = self.error
        self.name, self.attributes = vault.redact(self.name), vault.plain(self.attributes)
        self.events = [(name, at, vault.plain(facts)) for name, at, facts in self.events]
        return self


def traceparent(events: Sequence[Event], call: str = "") -> str:
    """Return where a child of a process stands: under the call that starts it, or under the process itself."""
    began = next(e for e in reversed(events) if isinstance(e.body, RunStarted))
    started = (e for e in reversed(events) if isinstance(e.body, CallStarted) and e.body.call == call)
    return f"00-{place_of(began)[0]}-{span_id(next(started, began))}-01"


def place_of(began: Event) -> tuple[str, str]:
    """Return the trace of a process, and the span that it stands under: those of its parent, where it has one."""
    above = str((began.d.get("parent") or {}).get("traceparent", "")).split("-")
    return (above[1], above[2]) if len(above) == 4 else (began.hash[:32], "")


def captures() -> bool:
    """Return whether the convention's switch asks for content."""
    return os.environ.get(CAPTURE, "").lower() in ("true", "1", "span_only", "span_and_event")


def provider(spec: str, model: str) -> str:
    """Name who provides a model, by the spec that it was chosen with."""
    if "://" in spec:
        host = urlsplit(spec).hostname or "unknown"
        return next((name for end, name in HOSTS.items() if f".{host}".endswith(f".{end}")), host)
    named = spec or model
    first = named.replace(":", "/").partition("/")[0] if set("/:") & set(named) else "openai"
    return PROVIDERS.get(first, first)


def requested(model: str) -> str:
    """Return the name by which a model is asked for: without the address or the provider that it is known with here."""
    if "://" in model:
        return model.partition("#")[2] or model
    scheme, _, name = model.partition("/")
    return name if name and scheme in SCHEMES and scheme != "openai" else model  # `openai/gpt-oss` is a name


def time_of(at: str) -> int:
    """Return the nanoseconds of a time in milliseconds, exactly."""
    return round(datetime.fromisoformat(at).timestamp() * 1000) * 1_000_000


def span_id(e: Event) -> str:
    """Name the span that an event begins."""
    return sha256(f"span {e.hash}".encode()).hexdigest()[:16]


def text_of(value: Any) -> Any:
    """Return what an attribute can hold: structured values as JSON."""
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)


def message(role: str, words: str, calls: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Return a message in the convention's form."""
    parts = [{"type": "text", "content": words}] if words else []
    return {"role": role, "parts": [*parts, *({"type": "tool_call", **c} for c in calls)]}


def line(span: Span) -> str:
    """Return a span as one line that any collector reads."""
    parts = ((at, name, _attributes(facts)) for name, at, facts in span.events)
    plain: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        **({"parentSpanId": span.parent_id} if span.parent_id else {}),
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": _attributes(span.attributes),
        "events": [{"timeUnixNano": str(at), "name": name, "attributes": facts} for at, name, facts in parts],
        "links": [{"traceId": trace, "spanId": other} for trace, other in span.links],
        "status": {"code": ERROR} if span.error else {},
    }
    scope = {"scope": {"name": SCOPE}, "spans": [plain]}
    resource = {"attributes": _attributes({"service.name": os.environ.get("OTEL_SERVICE_NAME", SCOPE)})}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]})


def _attributes(plain: Attributes) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any(value)} for key, value in plain.items()]


def _any(value: Any) -> dict[str, Any]:
    """Return a value in the protocol's form; whole numbers are texts there."""
    if isinstance(value, list):
        return {"arrayValue": {"values": [_any(v) for v in value]}}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}
