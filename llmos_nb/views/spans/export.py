"""Spans on their way: to an OpenTelemetry exporter, after the fact or while a process runs (extra `otel`)."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.journal import Event, history
from llmos_nb.process import Run
from llmos_nb.process.state import State
from llmos_nb.views.spans.span import CLIENT, SCOPE, Span, captures, line
from llmos_nb.views.spans.spans import Spans

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter


LAST_WORDS_S = 3.0
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_processors: list[SpanProcessor] = []


def send_to(exporter: SpanExporter | None) -> None:
    """Send all spans from now on to this exporter; None for the one that the environment names."""
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    close()
    if exporter is not None:
        _processors.append(BatchSpanProcessor(exporter))


def processor() -> SpanProcessor:
    """Return what sends spans; made at its first use.

    Raises
    ------
    ConfigError
        A package is missing, or nobody said where spans go.
    """
    if _processors:
        return _processors[0]
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        how = f"set {_ENDPOINTS[0]} to the collector's address, or write spans with %agent trace P FILE"
        raise ConfigError(f"trace: {how}")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise ConfigError('trace needs the extra `otel`: pip install "llmos_nb[otel]"') from error
    send_to(OTLPSpanExporter())
    return _processors[0]


def flush() -> None:
    """Wait until all that ended is sent."""
    for one in _processors:
        one.force_flush()


@atexit.register
def close() -> None:
    """Send what is left, and stop sending."""
    while _processors:
        # on a thread of its own, as a collector may be gone for good
        ends = threading.Thread(target=_processors.pop().shutdown, daemon=True)
        ends.start()
        ends.join(LAST_WORDS_S)


def follow(run: Run) -> None:
    """Send the spans of a process as they end; what ended before is not sent again."""
    to, made = processor(), Spans(captures())
    for event in history(run.journal.events, run.journal.path):
        made.heard(event)

    def heard(event: Event, state: State) -> None:
        for span in made.heard(event):
            to.on_end(readable(span))

    run.listeners.append(heard)


def send(spans: Sequence[Span]) -> None:
    """Send spans after the fact."""
    to = processor()
    for span in spans:
        to.on_end(readable(span))
    flush()


def readable(span: Span) -> ReadableSpan:
    """Return a span as the SDK's exporters take it, with the ids that it has."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event as SpanEvent, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, SpanKind, Status, StatusCode

    service = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": SCOPE}
    return ReadableSpan(
        span.name,
        context=_context(span.trace_id, span.span_id),
        parent=_context(span.trace_id, span.parent_id) if span.parent_id else None,
        resource=Resource.create(service),
        attributes=span.attributes,
        events=[SpanEvent(name, facts, at) for name, at, facts in span.events],
        links=[Link(_context(*ids)) for ids in span.links],
        kind=SpanKind.CLIENT if span.kind == CLIENT else SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR if span.error else StatusCode.UNSET),
        start_time=span.start,
        end_time=span.end,
        instrumentation_scope=InstrumentationScope(SCOPE),
    )


def _context(trace_id: str, span_id: str) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    sampled = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=sampled)


def spans_of(events: Sequence[Event], content: bool | None = None) -> list[Span]:
    """Return the spans of one process, children before their parent.

    Parameters
    ----------
    events : sequence of Event
        Its whole history; of a fork with what came before, which is told by its parent's own journal.
    content : bool, optional
        Whether content is told; by default as the environment says.
    """
    made = Spans(captures() if content is None else content)
    found = [span for event in events for span in made.heard(event)] + made.rest()
    own = next(e.hash[:32] for e in reversed(events) if e.k == "run.started")
    return [span for span in found if span.trace_id == own]


def write(path: Path, histories: Iterable[Sequence[Event]]) -> str:
    """Write spans as JSON lines in the protocol's own form (OTLP), which a collector reads; say what was written."""
    lines = [line(span) for events in histories for span in spans_of(events)]
    try:
        path.write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    return f"written: {len(lines)} spans, {path}"


def tree(spans: Sequence[Span]) -> list[tuple[str, float, int, str]]:
    """Return the spans as rows, each under its parent: name, seconds, tokens, error."""
    rows: list[tuple[str, float, int, str]] = []

    def add(span: Span, depth: int) -> None:
        tokens = sum(span.attributes.get(f"gen_ai.usage.{side}_tokens", 0) for side in ("input", "output"))
        rows.append(("└ " * depth + span.name, (span.end - span.start) / 1e9, tokens, span.error))
        for child in sorted((s for s in spans if s.parent_id == span.span_id), key=lambda s: s.start):
            add(child, depth + 1)

    for root in (s for s in spans if not s.parent_id):
        add(root, 0)
    return rows
