"""The words of a run, each with the label that the process had when they were said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from llmos_nb import labels
from llmos_nb.chain import Event, history
from llmos_nb.secrets.box import redact
from llmos_nb.stubs import bounded


def passages(events: Sequence[Event], path: Path, last: int = -1) -> Iterator[tuple[object, ...]]:
    """Give the words of a run after event `last`, with the label that the process had when they were said.

    Yields
    ------
    tuple
        ``(text, at, run, n, label, by)``.
    """
    label, run = labels.TRUSTED, path.parent.name
    inherited = history(events, path)
    first = len(inherited) - len(events)
    for i, e in enumerate(inherited):
        if e.k == "label.changed" and e.d["name"] == labels.CONTEXT:
            label = labels.parse(e.d["label"])
        if i < first or e.n <= last or label.secret:
            continue
        for by, text in _said(e):
            if text.strip():
                yield redact(bounded(text)[0]), e.at, run, e.n, str(label), by


def _said(e: Event) -> Iterator[tuple[str, str]]:
    """Give who said what in an event."""
    d = e.d
    if e.k == "run.started":
        yield "you", str(d["goal"])
    elif e.k == "model.responded":
        code = [c["arguments"].get("code", "") for c in d["calls"] if isinstance(c["arguments"], dict)]
        yield "the model", "\n".join([d["text"], *map(str, code)])
    elif e.k == "call.finished":
        yield f"call {d['call']}", str(d["result"])
    elif e.k == "question.answered" or d.get("signal") == "steer":
        yield str(d.get("by", "")), str(d.get("text", ""))
