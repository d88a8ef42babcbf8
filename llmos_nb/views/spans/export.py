"""Spans on their way: to an OpenTelemetry exporter, after the fact or while a process runs (extra `otel`)."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import ConfigError, LlmosError, UsageError
from llmos_nb.journal import Event, history
from llmos_nb.models import shown_url
from llmos_nb.process import Run
from llmos_nb.process.state import State
from llmos_nb.views.spans.span import CLIENT, SCOPE, Span, captures, line, place_of
from llmos_nb.views.spans.spans import Spans

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult


LAST_WORDS_S = 3.0
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
MOST = 512  # spans a request
_log = logging.getLogger(__name__)
_ways: list[tuple[Counting, SpanProcessor, Metrics | None]] = []


class Counting:
    """An exporter that counts what it could not deliver, and says so once.

    Parameters
    ----------
    exporter : SpanExporter
        Delivers.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter, self.lost = exporter, 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver spans."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        result = self.exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            if not self.lost:
                _log.warning(
                    "the collector does not take spans: %%agent trace P --send sends them again, and FILE writes them"
                )
            self.lost += len(spans)
        return result

    def shutdown(self) -> None:
        """End it, and say how many it did not deliver in all."""
        self.exporter.shutdown()
        if self.lost:
            _log.warning("the collector did not take %d spans", self.lost)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Deliver what it holds."""
        return bool(self.exporter.force_flush(timeout_millis))


def send_to(exporter: SpanExporter | None, reader: MetricReader | None = None) -> None:
    """Send all spans from now on to this exporter, and metrics by this reader; None for what the environment names."""
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    close()
    if exporter is not None:
        counting: Any = Counting(exporter)
        _ways.append((counting, BatchSpanProcessor(counting), None if reader is None else Metrics(reader)))


def _way() -> tuple[Counting, SpanProcessor, Metrics | None]:
    """Return what sends spans; made at its first use.

    Raises
    ------
    ConfigError
        A package is missing, or nobody said where spans go.
    """
    if _ways:
        return _ways[0]
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        how = f"set {_ENDPOINTS[0]} to the collector's address, or write spans with %agent trace P FILE"
        raise ConfigError(f"trace: {how}")
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    except ImportError as error:
        raise ConfigError('trace needs the extra `otel`: pip install "llmos_nb[otel]"') from error
    general = os.environ.get(_ENDPOINTS[0]) or os.environ.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
    reader = PeriodicExportingMetricReader(OTLPMetricExporter()) if general else None
    send_to(OTLPSpanExporter(), reader)
    return _ways[0]


def flush() -> None:
    """Wait until all that ended is sent."""
    for _, one, _ in _ways:
        one.force_flush()


@atexit.register
def close() -> None:
    """Send what is left, and stop sending."""
    while _ways:
        # on a thread of its own, as a collector may be gone for good
        _, spans, metrics = _ways.pop()
        for end in (spans.shutdown, *([metrics.close] if metrics is not None else [])):
            ends = threading.Thread(target=end, daemon=True)
            ends.start()
            ends.join(LAST_WORDS_S)


def follow(run: Run) -> None:
    """Send the spans of a process as they end; what ended before is not sent again."""
    (_, to, metrics), made = _way(), Spans(captures())
    for event in history(run.journal.events, run.journal.path):
        made.heard(event)

    def heard(event: Event, state: State) -> None:
        for span in made.heard(event):
            to.on_end(readable(span))
            if metrics is not None:
                metrics.record(span)

    run.listeners.append(heard)


def send(spans: Sequence[Span]) -> str:
    """Send spans after the fact, and say that they are delivered.

    Raises
    ------
    LlmosError
        Says how many are not.
    """
    to, _, _ = _way()
    before = to.lost
    for at in range(0, len(spans), MOST):
        to.export([readable(span) for span in spans[at : at + MOST]])
    if lost := to.lost - before:
        where = next((shown_url(os.environ[name]) for name in _ENDPOINTS if os.environ.get(name)), "the collector")
        raise LlmosError(f"{where} did not take {lost} of {len(spans)} spans")
    return f"sent: {len(spans)} spans"


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
    own = place_of(next(e for e in reversed(events) if e.k == "run.started"))[0]
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

    known = {s.span_id for s in spans}
    for root in (s for s in spans if s.parent_id not in known):
        add(root, 0)
    return rows


TOKENS, SECONDS = "gen_ai.client.token.usage", "gen_ai.client.operation.duration"
_ABOUT = (
    *("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model"),
    *("server.address", "server.port"),
)


class Metrics:
    """Records what the spans of requests say.

    Parameters
    ----------
    reader : MetricReader
        Reads them, and sends them where they go.
    """

    def __init__(self, reader: MetricReader) -> None:
        from opentelemetry.sdk.metrics import MeterProvider

        self._provider = MeterProvider([reader], shutdown_on_exit=False)
        meter = self._provider.get_meter(SCOPE)
        bounds = [float(4**n) for n in range(14)]
        tokens = "Number of input and output tokens used."
        self._tokens = meter.create_histogram(TOKENS, "{token}", tokens, explicit_bucket_boundaries_advisory=bounds)
        bounds = [0.01 * 2**n for n in range(14)]
        seconds = "GenAI operation duration."
        self._seconds = meter.create_histogram(SECONDS, "s", seconds, explicit_bucket_boundaries_advisory=bounds)

    def record(self, span: Span) -> None:
        """Record a span that has ended; those of calls and processes are none of a model."""
        if span.kind != CLIENT:
            return
        about = {k: span.attributes[k] for k in _ABOUT if k in span.attributes}
        failed = {"error.type": span.error} if span.error else {}
        self._seconds.record((span.end - span.start) / 1e9, {**about, **failed})
        for side in ("input", "output"):
            if count := span.attributes.get(f"gen_ai.usage.{side}_tokens"):
                self._tokens.record(count, {**about, "gen_ai.token.type": side})

    def close(self) -> None:
        """Send what is left, and end."""
        self._provider.shutdown()
