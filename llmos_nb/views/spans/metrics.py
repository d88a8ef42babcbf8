"""Metrics of requests to models by the conventions for generative AI: their tokens, and how long they took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmos_nb.views.spans.span import CLIENT, SCOPE, Span

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader

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
        self._tokens = meter.create_histogram(
            TOKENS, "{token}", tokens, explicit_bucket_boundaries_advisory=bounds
        )
        bounds = [0.01 * 2**n for n in range(14)]
        seconds = "GenAI operation duration."
        self._seconds = meter.create_histogram(
            SECONDS, "s", seconds, explicit_bucket_boundaries_advisory=bounds
        )

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
