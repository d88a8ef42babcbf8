"""The spans of whole journals: as a list, as a file, as rows to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from llmos_nb.chain import Event
from llmos_nb.errors import UsageError
from llmos_nb.trace import Spans
from llmos_nb.trace.span import Span, captures, line


def spans_of(events: Sequence[Event], content: bool | None = None) -> list[Span]:
    """Give the spans of one process, children before their parent.

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
    """Give the spans as rows, each under its parent: name, seconds, tokens, error."""
    rows: list[tuple[str, float, int, str]] = []

    def add(span: Span, depth: int) -> None:
        tokens = sum(span.attributes.get(f"gen_ai.usage.{side}_tokens", 0) for side in ("input", "output"))
        rows.append(("└ " * depth + span.name, (span.end - span.start) / 1e9, tokens, span.error))
        for child in sorted((s for s in spans if s.parent_id == span.span_id), key=lambda s: s.start):
            add(child, depth + 1)

    for root in (s for s in spans if not s.parent_id):
        add(root, 0)
    return rows
