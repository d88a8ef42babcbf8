"""OpenTelemetry spans of a process, made of its journal: ``invoke_agent``, ``chat``, ``execute_tool``.

Pure: events in, spans out, after the fact or event by event. Ids come of the journal's hashes, so that one journal
gives one trace, however often it is told. Content is left out unless the convention's own switch asks for it.
Spans follow the semantic conventions for generative AI; what these have no word for is ``llmos.…``.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from llmos_nb.journal import Event, events as ev
from llmos_nb.views.spans.span import (
    CLIENT,
    Span,
    message,
    place_of,
    provider,
    requested,
    span_id,
    text_of,
    time_of,
)

_ASKED = ("gen_ai.provider.name", "gen_ai.request.model", "server.address", "server.port")
_GOOD = ("answered", "forked")
_KEPT = (
    *(f"gen_ai.{part}" for part in ("operation.name", "agent", "conversation", "provider", "request")),
    "server.",
)
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
        self._done: list[Span] = []
        self._last = 0
        self._tokens = {"input": 0, "output": 0}
        self._answers = self._tries = 0
        self._calls: dict[str, tuple[str, Any]] = {}
        self._model, self._own, self._over = "", "", False

    def heard(self, e: Event) -> list[Span]:
        """Take one event in and give the spans that it ends."""
        self._done, at = [], time_of(e.at)
        if isinstance(e.body, ev.RunStarted):
            self._started(e, e.body)
        elif self._root is not None:
            self._act(e, self._root, at)
        if self._root is not None and e.k in _NOTED:
            said = {**e.d, "by": getattr(e.body, "by", ev.NO_ONE).describe()}
            facts = {f"llmos.{key}": text_of(said[key]) for key in _NOTED[e.k] if key in e.d}
            self._root.events.append((e.k, at, facts))
        self._last = at
        return self._done

    def rest(self) -> list[Span]:
        """Return what is still open, as it stands: of a process that goes on, or that broke off."""
        self._done = []
        self._end_all(self._last)
        if self._root is not None and not self._over:
            self._close(self._root, self._last)
        return self._done

    def _act(self, e: Event, root: Span, at: int) -> None:
        match e.body:
            case ev.RunEnded() as b:
                self._ended(root, b, at)
            case ev.RunResumed():
                self._resumed(e, root, at)
            case ev.ModelRequested() as b:
                self._requested(e, root, b)
            case ev.ModelResponded() as b:
                self._responded(b, at)
            case ev.ModelFailed(error_kind=kind):
                self._end("chat", at, kind or "error")
            case ev.CallDecided(call=call, arguments=given) if given is not None and call in self._calls:
                self._calls[call] = (self._calls[call][0], given)
            case ev.CallStarted() as b:
                self._call_started(e, root, b)
            case ev.CallFinished(call=call) as b if call in self._open:
                self._tell(self._open[call], "gen_ai.tool.call.result", b.result)
                self._end(call, at, "" if b.ok else b.error or "error")
            case ev.CallInDoubt(call=call):
                self._end(call, at, "in_doubt")

    # the run

    def _started(self, e: Event, b: ev.RunStarted) -> None:
        parent = self._root
        self._open.clear()  # of a fork's parent, which tells its own
        self._model, name = requested(b.model), b.name
        self._own, (trace, above) = e.hash[:32], place_of(e)
        root = Span(f"invoke_agent {name}".strip(), trace, span_id(e), above, time_of(e.at))
        root.attributes = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.id": self._own,
            "gen_ai.conversation.id": self._own,
            "gen_ai.provider.name": provider(b.spec or "", b.model),
            "gen_ai.request.model": self._model,
            "llmos.pid": b.pid,
            **({"gen_ai.agent.name": name} if name else {}),
        }
        self._tell(root, "gen_ai.input.messages", [message("user", b.goal)])
        self._begin(root, parent)

    def _begin(self, root: Span, before: Span | None) -> None:
        root.links = [(before.trace_id, before.span_id)] if before is not None else []
        self._root, self._over, self._tokens = root, False, {"input": 0, "output": 0}

    def _ended(self, root: Span, b: ev.RunEnded, at: int) -> None:
        self._end_all(at)
        root.attributes["llmos.reason"] = b.reason
        root.error = "" if b.reason in _GOOD else b.reason
        if b.answer:
            self._tell(root, "gen_ai.output.messages", [message("assistant", b.answer)])
        self._close(root, at)

    def _resumed(self, e: Event, root: Span, at: int) -> None:
        """What was under way broke off with the last event before; the time until now belongs to nobody."""
        self._end_all(self._last, "crash")
        if self._over:
            again = Span(root.name, root.trace_id, span_id(e), root.parent_id, at)
            again.attributes = {k: v for k, v in root.attributes.items() if k.startswith((*_KEPT, "llmos.pid"))}
            self._begin(again, root)

    def _close(self, root: Span, end: int) -> None:
        root.end, self._over = end, True
        root.attributes |= {f"gen_ai.usage.{side}_tokens": count for side, count in self._tokens.items()}
        self._done.append(root.done())

    # the model

    def _ask(self, root: Span, b: ev.ModelRequested) -> None:
        """Note who is asked from here on, and where."""
        if b.model:
            self._model = root.attributes["gen_ai.request.model"] = requested(b.model)
            if "://" in b.model:
                root.attributes["gen_ai.provider.name"] = provider(b.model, "")
        if b.endpoint:
            at = urlsplit(b.endpoint)
            port = at.port or {"https": 443, "http": 80}.get(at.scheme, 0)
            root.attributes |= {"server.address": at.hostname or "", "server.port": port}

    def _requested(self, e: Event, root: Span, b: ev.ModelRequested) -> None:
        self._tries += 1
        self._ask(root, b)
        span = Span(f"chat {self._model}", root.trace_id, span_id(e), root.span_id, time_of(e.at), kind=CLIENT)
        span.attributes = {
            "gen_ai.operation.name": "chat",
            **{k: root.attributes[k] for k in _ASKED if k in root.attributes},
            "gen_ai.conversation.id": self._own,
            "llmos.request": b.request,
            "llmos.attempt": self._tries,
        }
        self._open["chat"] = span

    def _responded(self, b: ev.ModelResponded, at: int) -> None:
        self._answers, self._tries = self._answers + 1, 0
        self._calls |= {f"r{self._answers}.{i}": (c["name"], c["arguments"]) for i, c in enumerate(b.calls)}
        counts = {"input": b.usage.get("prompt", 0), "output": b.usage.get("completion", 0)}
        for side, count in counts.items():
            self._tokens[side] += count
        if (span := self._open.get("chat")) is None:
            return
        span.attributes |= {f"gen_ai.usage.{side}_tokens": count for side, count in counts.items()}
        if b.usage.get("cached"):
            span.attributes["gen_ai.usage.cache_read.input_tokens"] = b.usage["cached"]
        span.attributes["gen_ai.response.finish_reasons"] = [b.finish]
        said = {f"gen_ai.response.{k}": b.raw[k] for k in ("id", "model") if isinstance(b.raw.get(k), str)}
        span.attributes |= said
        self._tell(span, "gen_ai.output.messages", [message("assistant", b.text, b.calls)])
        self._end("chat", at)

    # calls

    def _call_started(self, e: Event, root: Span, b: ev.CallStarted) -> None:
        name, arguments = self._calls.get(b.call, ("unknown", {}))
        span = Span(f"execute_tool {name}", root.trace_id, span_id(e), root.span_id, time_of(e.at))
        span.attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": b.call,
            "llmos.epoch": b.epoch,
        }
        self._tell(span, "gen_ai.tool.call.arguments", arguments)
        self._open[b.call] = span

    # both

    def _end(self, key: str, at: int, error: str = "") -> None:
        if (span := self._open.pop(key, None)) is not None:
            span.end, span.error = max(at, span.start), error
            self._done.append(span.done())

    def _end_all(self, at: int, error: str = "") -> None:
        for key in list(self._open):
            self._end(key, at, error)

    def _tell(self, span: Span, key: str, value: Any) -> None:
        if self._content:
            span.attributes[key] = text_of(value)
