"""OpenTelemetry spans of a process, made of its journal: ``invoke_agent``, ``chat``, ``execute_tool``.

Pure: events in, spans out, after the fact or event by event. Ids come of the journal's hashes, so that one journal
gives one trace, however often it is told. Content is left out unless the convention's own switch asks for it.
Spans follow the semantic conventions for generative AI; what these have no word for is ``llmos.…``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmos_nb.journal import Event
from llmos_nb.journal.events import (
    CallDecided,
    CallFinished,
    CallInDoubt,
    CallStarted,
    ModelFailed,
    ModelRequested,
    ModelResponded,
    RunEnded,
    RunResumed,
    RunStarted,
)
from llmos_nb.views.spans.span import CLIENT, Span, message, provider, span_id, text_of, time_of

_GOOD = ("answered", "forked")
_NOTED = {
    "call.decided": ("call", "what", "by"),
    "plan.decided": ("version", "what", "by"),
    "call.in_doubt": ("call",),
    "call.resolved": ("call", "done", "by"),
    "call.undone": ("call",),
    "question.asked": ("question", "kind"),
    "context.paged": ("page",),
    "step.integrated": ("step", "met"),
    "check.finished": ("check", "held"),
    "run.paused": (),
    "run.resumed": ("epoch",),
    "heap.restored": ("stored", "rerun", "missing"),
}


class Spans:
    """Makes the spans of one process; give it every event of its history, in order.

    Parameters
    ----------
    content : bool
        Whether goals, answers, arguments and results are told, too.
    """

    def __init__(self, content: bool = False) -> None:
        self._content = content
        self._root: Span | None = None
        self._open: dict[str, Span] = {}
        self._last = 0
        self._tokens = {"input": 0, "output": 0}
        self._answers = self._tries = 0
        self._calls: dict[str, tuple[str, Any]] = {}
        self._model, self._over = "", False

    def heard(self, e: Event) -> list[Span]:
        """Take one event in and give the spans that it ends."""
        done = _ACTS[type(e.body)](self, e, e.body) if type(e.body) in _ACTS else []
        if self._root is not None and e.k in _NOTED:
            facts = {f"llmos.{key}": text_of(e.d[key]) for key in _NOTED[e.k] if key in e.d}
            self._root.events.append((e.k, time_of(e.at), facts))
        self._last = time_of(e.at)
        return done

    def rest(self) -> list[Span]:
        """Return what is still open, as it stands: of a process that goes on, or that broke off."""
        found = [self._end(key, self._last, "") for key in list(self._open)]
        if self._root is None or self._over:
            return found
        self._over = True
        return [*found, self._close(self._root, self._last)]

    # the run

    def _started(self, e: Event, b: RunStarted) -> list[Span]:
        parent = self._root
        self._open.clear()  # of a fork's parent, which tells its own
        self._model, name = b.model, b.name
        root = Span(f"invoke_agent {name}".strip(), e.hash[:32], span_id(e), "", time_of(e.at))
        root.attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.id": root.trace_id,
            "gen_ai.conversation.id": root.trace_id,
            "gen_ai.provider.name": provider(b.spec or "", self._model),
            "gen_ai.request.model": self._model,
            "llmos.pid": b.pid,
            **({"gen_ai.agent.name": name} if name else {}),
        }
        self._tell(root, "gen_ai.input.messages", [message("user", b.goal)])
        return self._begin(root, parent)

    def _begin(self, root: Span, before: Span | None) -> list[Span]:
        root.links = [(before.trace_id, before.span_id)] if before is not None else []
        self._root, self._over, self._tokens = root, False, {"input": 0, "output": 0}
        return []

    def _ended(self, e: Event, b: RunEnded) -> list[Span]:
        done = [self._end(key, time_of(e.at), "") for key in list(self._open)]
        if self._root is None:
            return done
        root = self._root
        root.attributes["llmos.reason"] = b.reason
        root.error = "" if b.reason in _GOOD else b.reason
        if b.answer:
            self._tell(root, "gen_ai.output.messages", [message("assistant", b.answer)])
        self._over = True
        return [*done, self._close(root, time_of(e.at))]

    def _resumed(self, e: Event, b: RunResumed) -> list[Span]:
        """What was under way broke off with the last event before; the time until now belongs to nobody."""
        root, done = self._root, [self._end(key, self._last, "crash") for key in list(self._open)]
        if root is not None and self._over:
            again = Span(root.name, root.trace_id, span_id(e), "", time_of(e.at))
            kept = (
                "gen_ai.operation.name",
                "gen_ai.agent",
                "gen_ai.conversation",
                "gen_ai.provider",
                "gen_ai.request",
                "llmos.pid",
            )
            again.attributes = {k: v for k, v in root.attributes.items() if k.startswith(kept)}
            self._begin(again, root)
        return done

    def _close(self, root: Span, end: int) -> Span:
        root.end = end
        for side, count in self._tokens.items():
            root.attributes[f"gen_ai.usage.{side}_tokens"] = count
        return root.done()

    # the model

    def _requested(self, e: Event, b: ModelRequested) -> list[Span]:
        root = self._root
        if root is None:
            return []
        self._tries += 1
        span = Span(f"chat {self._model}", root.trace_id, span_id(e), root.span_id, time_of(e.at), kind=CLIENT)
        asked = {k: root.attributes[k] for k in ("gen_ai.provider.name", "gen_ai.request.model")}
        ids = {
            "gen_ai.conversation.id": root.trace_id,
            "llmos.request": b.request,
            "llmos.attempt": self._tries,
        }
        span.attributes = {"gen_ai.operation.name": "chat", **asked, **ids}
        self._open["chat"] = span
        return []

    def _responded(self, e: Event, b: ModelResponded) -> list[Span]:
        self._answers, self._tries = self._answers + 1, 0
        for i, call in enumerate(b.calls):
            self._calls[f"r{self._answers}.{i}"] = (call["name"], call["arguments"])
        usage = b.usage
        counts = {"input": usage.get("prompt", 0), "output": usage.get("completion", 0)}
        for side, count in counts.items():
            self._tokens[side] += count
        if "chat" not in self._open:
            return []
        span = self._open["chat"]
        span.attributes |= {f"gen_ai.usage.{side}_tokens": count for side, count in counts.items()}
        if usage.get("cached"):
            span.attributes["gen_ai.usage.cache_read.input_tokens"] = usage["cached"]
        span.attributes["gen_ai.response.finish_reasons"] = [b.finish]
        self._tell(span, "gen_ai.output.messages", [message("assistant", b.text, b.calls)])
        return [self._end("chat", time_of(e.at), "")]

    def _failed(self, e: Event, b: ModelFailed) -> list[Span]:
        return [self._end("chat", time_of(e.at), b.error_kind or "error")] if "chat" in self._open else []

    # calls

    def _call_decided(self, e: Event, b: CallDecided) -> list[Span]:
        if b.arguments is not None and b.call in self._calls:
            self._calls[b.call] = (self._calls[b.call][0], b.arguments)
        return []

    def _call_started(self, e: Event, b: CallStarted) -> list[Span]:
        root, key = self._root, b.call
        if root is None:
            return []
        name, arguments = self._calls.get(key, ("unknown", {}))
        span = Span(f"execute_tool {name}", root.trace_id, span_id(e), root.span_id, time_of(e.at))
        span.attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": key,
            "llmos.epoch": b.epoch,
        }
        self._tell(span, "gen_ai.tool.call.arguments", arguments)
        self._open[key] = span
        return []

    def _call_finished(self, e: Event, b: CallFinished) -> list[Span]:
        key = b.call
        if key not in self._open:
            return []
        self._tell(self._open[key], "gen_ai.tool.call.result", b.result)
        return [self._end(key, time_of(e.at), "" if b.ok else b.error or "error")]

    def _in_doubt(self, e: Event, b: CallInDoubt) -> list[Span]:
        key = b.call
        return [self._end(key, time_of(e.at), "in_doubt")] if key in self._open else []

    # both

    def _end(self, key: str, at: int, error: str) -> Span:
        span = self._open.pop(key)
        span.end, span.error = max(at, span.start), error
        return span.done()

    def _tell(self, span: Span, key: str, value: Any) -> None:
        if self._content:
            span.attributes[key] = text_of(value)


_ACTS: dict[type, Callable[[Spans, Event, Any], list[Span]]] = {
    RunStarted: Spans._started,
    RunEnded: Spans._ended,
    RunResumed: Spans._resumed,
    ModelRequested: Spans._requested,
    ModelResponded: Spans._responded,
    ModelFailed: Spans._failed,
    CallDecided: Spans._call_decided,
    CallStarted: Spans._call_started,
    CallFinished: Spans._call_finished,
    CallInDoubt: Spans._in_doubt,
}
