"""A process in a terminal or a headless run: what happens is printed as it happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from llmos_nb.journal import Event, events as ev
from llmos_nb.messages import Gap
from llmos_nb.process.state import State
from llmos_nb.views.contract import Block
from llmos_nb.views.counts import Counts
from llmos_nb.views.outside import left_by
from llmos_nb.views.panel import output
from llmos_nb.views.panel.card import card
from llmos_nb.views.panel.now import allowed, code_of, ended
from llmos_nb.views.panel.steps import row as row_of
from llmos_nb.views.results import part
from llmos_nb.views.text import form
from llmos_nb.views.text.lines import rule, verbatim, wrap
from llmos_nb.views.timeline import effect_decided
from llmos_nb.views.wording import count, doubt, duration, rebuilt, short, visible, who

RESULT_LINES = 12
SHOWN = 400  # events of what happened before; a screenful or two
ONE_LINE = 40  # characters; a longer reason for a failed attempt is not said again
OWN = ("plan", "final_answer")
_wrap = partial(wrap, indent="  ")


class TextView:
    """Prints a process event by event; give it to the process as a listener.

    Parameters
    ----------
    write : callable
        Takes text and adds no newline.

    Attributes
    ----------
    rich : callable, optional
        Shows a piece of what a call gave that is more than text, in its place; without it all is text.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._put = write
        self.rich: Callable[[Block], object] | None = None
        self.counts = Counts()
        self._streamed = self._failed = ""
        self._answered, self._since = False, list[str]()  # ended, and the words that were said since
        self._fresh, self._blank, self._gap = True, False, False
        self._open = False  # whether the model's words were printed last

    def __call__(self, event: Event, state: State) -> None:
        """Print what an event means; many mean nothing to a reader."""
        self._hear(event)
        if isinstance(event.body, ev.RunEnded):
            self._say(self._ended(event.body, state, event.n))
        elif (say := _SAY.get(type(event.body))) is not None:
            self._say(say(self, event.body, state))
        if event.k in ("run.ended", "call.started"):
            self._streamed = ""
        if event.k == "model.requested":
            self._say([""] if self._open else [])
            self._gap, self._streamed = False, ""

    def before(self, events: Sequence[Event], state: State, most: int = SHOWN) -> None:
        """Print what happened before it was shown: of a run with more events how it began, and the last of them."""
        away = max(len(events) - most, 0)
        for i, event in enumerate(events):
            if 0 < i < away:
                self._hear(event)
                continue
            if i == away and away:
                self._say([*_wrap(f"… {count(away - 1, 'event')}: %agent log {state.pid} --since 0"), ""])
            self(event, state)

    def _hear(self, event: Event) -> None:
        """Take in what is counted, and whether it has ended."""
        self.counts.heard(event)
        self._answered = (self._answered or isinstance(event.body, ev.RunEnded)) and event.k != "run.resumed"

    def on_text(self, text: str) -> None:
        """Print a piece of the model's answer as it arrives, up to an expression: the values are still to come."""
        if not self._streamed.strip():
            text = text if isinstance(text, Gap) else text.lstrip()
        if not text or self._gap:
            return
        self._gap = isinstance(text, Gap)
        if not self._gap:
            self._streamed += text
            self._write(text)

    def _write(self, text: str) -> None:
        said = ("  " if self._fresh else "") + visible(text).replace("\n", "\n  ")
        self._fresh, self._blank, self._open = text.endswith("\n"), False, True
        self._put(said.removesuffix("  ") if self._fresh else said)

    def thinks(self, seconds: float) -> None:
        """Print how long the model has been silent, unless it speaks by now."""
        if not self._open:
            self._say(_wrap(f"… thinking {duration(round(seconds))}"))

    def _say(self, lines: list[str]) -> None:
        if not lines:
            return
        if not self._fresh:
            self._put("\n")
        lines = lines[1:] if self._blank and lines[0] == "" else lines
        self._fresh, self._blank, self._open = True, lines[-1:] == [""], False
        self._put("".join(f"{line.rstrip()}\n" for line in lines))

    # what events say

    def _started(self, b: ev.RunStarted, s: State) -> list[str]:
        acts = [line for act in b.acts or () for line in _wrap(form.act({**act, "by": act.get("by", ev.YOU.plain())}))]
        return [rule(who(s)), *wrap(s.goal), *acts, ""]

    def _resumed(self, b: ev.RunResumed, s: State) -> list[str]:
        """Head a further turn by the words that began it; where it only goes on, say so."""
        said, self._since = self._since, []
        return ["", rule(who(s)), *(line for text in said for line in wrap(text)), ""] if said else _wrap("goes on")

    def _steered(self, b: ev.SignalReceived, s: State) -> list[str]:
        """Keep words that were said after the end: they begin a further turn."""
        if b.signal == "steer" and self._answered:
            self._since.append(str(b.text))
        return []

    def _planned(self, b: ev.PlanProposed | ev.PlanEdited, s: State) -> list[str]:
        steps = [raw for raw in b.steps if raw.get("status", "pending") == "pending"]
        if b.by.kind == "process" or not steps:
            return []
        edited = "again, " if b.by == ev.MODEL else f"edited by {b.by.describe()}, "
        again = "" if isinstance(b, ev.PlanProposed) else edited
        lines = [f"  plan, {again}{count(len(steps), 'step')}:"]
        for raw in steps:
            row: Any = {"n": raw["n"], "t": raw["title"], "s": "pending", "x": raw.get("expect", "")}
            row["after"] = ", ".join(map(str, raw.get("depends_on", ())))
            lines += form.step(row)
            for act in raw.get("acts", ()):
                lines += wrap(form.act(act), "      ")
        return [*lines, ""]

    def _plan_decided(self, b: ev.PlanDecided, s: State) -> list[str]:
        what = "approved" if b.what == "approve" else "rejected"
        told = f"plan {what} by {b.by.describe()}{f': {b.why}' if b.why else ''}"
        told += f", but for act {', '.join(map(str, b.without))}" if b.without else ""
        return _wrap(told) if s.plan_status != "none" else []  # else former versions decided on none

    def _model_failed(self, b: ev.ModelFailed, s: State) -> list[str]:
        wait = b.retry_in_s
        then = f"; again in {duration(wait)}" if wait is not None and not b.final else ""
        why, before = short(str(b.error), 300), self._failed
        self._failed = why
        why = "as before" if why == before and len(why) > ONE_LINE else why
        return _wrap(f"! attempt {self.counts.tries} failed: {why}{then}")

    def _responded(self, b: ev.ModelResponded, s: State) -> list[str]:
        """End the line of what was streamed; say words beside calls that were not."""
        words = b.text.strip()
        if b.calls and words and (self._gap or not self._streamed):
            return _wrap(f"“{short(words, 400)}”")
        return [""] if self._open and not self._gap else []

    def _asked(self, b: ev.QuestionAsked, s: State) -> list[str]:
        """Print the card while the question is open; one line where it was answered long ago."""
        if (asked := card(s, b.question)) is None:
            return _wrap(f"it asked: {b.title or b.text}")
        return ["", *form.card(asked), ""]

    def _decided(self, b: ev.CallDecided, s: State) -> list[str]:
        if b.what == "approve":
            return _wrap(f"{b.call} approved by {b.by.describe()}") if b.by.is_person else []
        what = {"reject": "rejected", "skip": "skipped", "edit": "edited"}.get(b.what, b.what)
        name = s.calls[b.call].name if b.call in s.calls else ""
        why = f": {b.why}" if b.why else ""
        told = f"{b.call} {name} " + (f"not run{why}" if b.by == ev.CONFLICT else f"{what} by {b.by.describe()}{why}")
        return _wrap(told) if name not in OWN or b.by != ev.SCHEMA else []

    def _call_started(self, b: ev.CallStarted, s: State) -> list[str]:
        call = s.calls[b.call]
        step = f"step {call.step}, " if call.step else ""
        body = code_of(call)["code"]
        lines = _wrap(f"▸ {step}{call.id} {call.name}. {allowed(call)}".rstrip(" ."))
        return lines if body.strip() in self._streamed else [*lines, *verbatim(body)]

    def _call_finished(self, b: ev.CallFinished, s: State) -> list[str]:
        call = s.calls[b.call]
        if call.name in OWN:
            return []
        blocks = output.given(part(call))[0] if self.rich is not None and b.ok else []
        if all(block["kind"] == "printed" for block in blocks):
            return _result("→" if b.ok else "x", str(b.result))
        for block in blocks:
            if block["kind"] == "printed":
                self._say(_result("→", block["code"]))
            elif self.rich is not None:
                self.rich(block)
        return []

    def _integrated(self, b: ev.StepIntegrated, s: State) -> list[str]:
        row = row_of(s, b.step, self.counts)
        if row is None:
            return []
        shown: Any = {key: row.get(key, "") for key in ("n", "t", "verdict", "dur", "cost", "held")}
        shown["s"] = "done" if b.met else "failed"
        return [*form.step(shown), ""]

    def _checked(self, b: ev.CheckFinished, s: State) -> list[str]:
        held = "holds" if b.held else "does not hold"
        return _wrap(f"check {b.check} {held}" + (f": {b.detail}" if b.detail else ""))

    def _ended(self, b: ev.RunEnded, s: State, n: int) -> list[str]:
        """Print the end as the panel says it; an answer that was read as it came is not said again, but goes on."""
        if s.status != "ended" or s.n != n:
            return _wrap(f"ended: {b.reason}" + (f" ({b.detail})" if b.detail else ""))
        given = (b.answer or "").strip()
        if self._gap and self._open and given.startswith(self._streamed):
            rest = given.removeprefix(self._streamed)
            line, _, below = ("", "", rest) if self._fresh else rest.partition("\n")
            if line:
                self._write(line)
            self._say(form.blocks([{"kind": "answer", "markdown": below}]))
            self._streamed = given
        seen = ("answer", "lead") if given and given in self._streamed else ()
        return ["", *form.blocks([block for block in ended(s, self.counts).now if block["kind"] not in seen])]


def _result(sign: str, text: str) -> list[str]:
    lines = verbatim(text.strip() or "done, no output", "      ", RESULT_LINES)
    return [f"    {sign} {lines[0].strip()}", *lines[1:]]


B = TypeVar("B")


def _on(cls: type[B], say: Callable[[TextView, B, State], list[str]]) -> tuple[type, Callable[..., list[str]]]:
    return cls, say


_SAY = dict((
    _on(ev.RunStarted, TextView._started),
    _on(ev.PlanProposed, TextView._planned),
    _on(ev.PlanEdited, TextView._planned),
    _on(ev.PlanDecided, TextView._plan_decided),
    _on(ev.ModelFailed, TextView._model_failed),
    _on(ev.ModelResponded, TextView._responded),
    _on(ev.QuestionAsked, TextView._asked),
    _on(ev.QuestionAnswered, lambda v, b, s: _wrap(f"you: {b.text}")),
    _on(ev.EffectDecided, lambda v, b, s: _wrap(effect_decided(b))),
    _on(ev.CallDecided, TextView._decided),
    _on(ev.CallStarted, TextView._call_started),
    _on(ev.MessageAwaited, lambda v, b, s: _wrap(f"it waits for {b.title}")),
    _on(ev.MessageArrived, lambda v, b, s: _wrap(f"{b.name} wrote {short(b.text, 200)}")),
    _on(ev.CallFinished, TextView._call_finished),
    _on(ev.CallInDoubt, lambda v, b, s: _wrap(f"{b.call}: {doubt(b)}")),
    _on(ev.StepIntegrated, TextView._integrated),
    _on(ev.CheckFinished, TextView._checked),
    _on(ev.CallUndone, lambda v, b, s: _wrap("; ".join([f"{b.call} taken back", *left_by(s, b)]))),
    _on(ev.CallRedone, lambda v, b, s: _wrap(f"{b.call} put back")),
    _on(ev.SignalReceived, TextView._steered),
    _on(ev.RunPaused, lambda v, b, s: _wrap(f"paused: {b.why}. %agent resume {s.pid} goes on")),
    _on(ev.RunResumed, TextView._resumed),
    _on(ev.HeapRestored, lambda v, b, s: _wrap(rebuilt(b))),
))  # fmt: skip
