"""A process in a terminal or a headless run: what happens is printed as it happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmos_nb.journal import Event
from llmos_nb.process.state import State
from llmos_nb.views.counts import Counts
from llmos_nb.views.panel.card import card
from llmos_nb.views.panel.now import allowed, code_of, ended
from llmos_nb.views.panel.steps import rows
from llmos_nb.views.text import form
from llmos_nb.views.text.lines import WIDTH, in_ascii, rule, verbatim, wrap
from llmos_nb.views.wording import count, duration, short, visible, who

RESULT_LINES = 12
OWN = ("plan", "final_answer")


class TextView:
    """Prints a process event by event; give it to the process as a listener.

    Parameters
    ----------
    write : callable
        Takes text and adds no newline.
    width : int
        Columns.
    ascii_only : bool
        Print ASCII characters only.
    """

    def __init__(self, write: Callable[[str], object], width: int = WIDTH, ascii_only: bool = False) -> None:
        self._write, self.width, self._ascii = write, width, ascii_only
        self.counts = Counts()
        self._streamed = ""
        self._fresh, self._blank = True, False

    def __call__(self, event: Event, state: State) -> None:
        """Print what an event means; many mean nothing to a reader."""
        self.counts.heard(event)
        say = _SAY.get(event.k)
        if say is not None:
            self._say(say(self, event, state))
        if event.k in ("run.ended", "call.started"):
            self._streamed = ""

    def on_text(self, text: str) -> None:
        """Print a piece of the model's answer as it arrives."""
        if not self._streamed.strip():
            text = text.lstrip()
        if not text:
            return
        self._streamed += text
        self._put(("  " if self._fresh else "") + visible(text).replace("\n", "\n  "))
        self._fresh = self._blank = False

    def _say(self, lines: list[str]) -> None:
        if not lines:
            return
        if not self._fresh:
            self._put("\n")
        lines = lines[1:] if self._blank and lines[0] == "" else lines
        self._fresh, self._blank = True, lines[-1:] == [""]
        self._put("".join(f"{line.rstrip()}\n" for line in lines))

    def _put(self, text: str) -> None:
        self._write(in_ascii(text) if self._ascii else text)

    def _wrap(self, text: str, indent: str = "  ") -> list[str]:
        return wrap(text, self.width, indent)

    # what events say

    def _started(self, e: Event, s: State) -> list[str]:
        return [rule(who(s), self.width), *self._wrap(s.goal, ""), ""]

    def _planned(self, e: Event, s: State) -> list[str]:
        steps = [raw for raw in e.d["steps"] if raw.get("status", "pending") == "pending"]
        if e.d["by"] == "process" or not steps:
            return []
        again = "" if e.k == "plan.proposed" else "again, " if e.d["by"] == "model" else "edited by you, "
        lines = [f"  plan, {again}{count(len(steps), 'step')}:"]
        for raw in steps:
            row: Any = {"n": raw["n"], "t": raw["title"], "s": "pending", "x": raw.get("expect", "")}
            row["after"] = ", ".join(map(str, raw.get("depends_on", ())))
            lines += form.step(row, self.width)
        return [*lines, ""]

    def _plan_decided(self, e: Event, s: State) -> list[str]:
        if s.plan_by == "process" and e.d["by"] != "you":
            return []
        what = "approved" if e.d["what"] == "approve" else "rejected"
        why = f": {e.d['why']}" if e.d.get("why") else ""
        by = e.d["by"].replace("mode:", "the mode ")
        return self._wrap(f"plan {what} by {by}{why}")

    def _model_failed(self, e: Event, s: State) -> list[str]:
        wait = e.d.get("retry_in_s")
        then = f"; again in {duration(wait)}" if wait is not None and not e.d.get("final") else ""
        return self._wrap(f"! attempt {self.counts.tries} failed: {short(str(e.d['error']), 300)}{then}")

    def _responded(self, e: Event, s: State) -> list[str]:
        """End the line of what was streamed; say words beside calls that were not."""
        words = e.d["text"].strip()
        if e.d["calls"] and words and not self._streamed:
            return self._wrap(f"“{short(words, 400)}”")
        return [""] if not self._fresh else []

    def _asked(self, e: Event, s: State) -> list[str]:
        """Print the card while the question is open; one line where it was answered long ago."""
        if e.d["question"] not in s.questions:
            return self._wrap(f"it asked: {e.d.get('title') or e.d['text']}")
        return ["", *form.card(card(s, e.d["question"]), self.width), ""]

    def _awaited(self, e: Event, s: State) -> list[str]:
        return self._wrap(f"it waits for {e.d['title']}") if e.d["wait"] in s.awaited else []

    def _arrived(self, e: Event, s: State) -> list[str]:
        return self._wrap(f"{e.d['name']} wrote {short(e.d['text'], 200)}")

    def _answered(self, e: Event, s: State) -> list[str]:
        return self._wrap(f"you: {e.d['text']}")

    def _decided(self, e: Event, s: State) -> list[str]:
        if e.d["what"] == "approve":
            return self._wrap(f"{e.d['call']} approved by you") if e.d["by"] == "you" else []
        what = {"reject": "rejected", "skip": "skipped", "edit": "edited"}.get(e.d["what"], e.d["what"])
        name = s.calls[e.d["call"]].name if e.d["call"] in s.calls else ""
        if name in OWN and e.d["by"] == "schema":
            return []
        why = f": {e.d['why']}" if e.d.get("why") else ""
        return self._wrap(f"{e.d['call']} {name} {what} by {e.d['by']}{why}")

    def _call_started(self, e: Event, s: State) -> list[str]:
        call = s.calls[e.d["call"]]
        step = f"step {call.step}, " if call.step else ""
        body = code_of(call)["code"]
        lines = self._wrap(f"▸ {step}{call.id} {call.name}. {allowed(call)}".rstrip(" ."))
        return lines if body.strip() in self._streamed else [*lines, *verbatim(body)]

    def _call_finished(self, e: Event, s: State) -> list[str]:
        call = s.calls[e.d["call"]]
        if call.name in OWN:
            return []
        sign = "→" if e.d["ok"] else "x"
        lines = verbatim(str(e.d["result"]).strip() or "done, no output", "      ", RESULT_LINES)
        return [f"    {sign} {lines[0].strip()}", *lines[1:]]

    def _in_doubt(self, e: Event, s: State) -> list[str]:
        return self._wrap(f"{e.d['call']}: {e.d.get('why') or 'nobody knows whether it was done'}")

    def _integrated(self, e: Event, s: State) -> list[str]:
        row = next((r for r in rows(s, self.counts) if r["n"] == e.d["step"]), None)
        if row is None or (len(s.plan) == 1 and s.plan_by == "process"):
            return []
        row["s"] = "done" if e.d["met"] else "failed"
        for key in ("ev", "x", "note", "after"):
            row.pop(key, None)  # type: ignore[misc]  # the keys are the row's
        return [*form.step(row, self.width), ""]

    def _checked(self, e: Event, s: State) -> list[str]:
        held = "holds" if e.d["held"] else "does not hold"
        return self._wrap(f"check {e.d['check']} {held}" + (f": {e.d['detail']}" if e.d["detail"] else ""))

    def _undone(self, e: Event, s: State) -> list[str]:
        return self._wrap(f"{e.d['call']} " + ("taken back" if e.k == "call.undone" else "put back"))

    def _paused(self, e: Event, s: State) -> list[str]:
        return self._wrap(f"paused: {e.d['why']}. %agent resume {s.pid} goes on")

    def _resumed(self, e: Event, s: State) -> list[str]:
        return self._wrap("goes on")

    def _ended(self, e: Event, s: State) -> list[str]:
        """Print the end as the panel says it; an answer that was read as it came is not said again."""
        if s.status != "ended" or s.n != e.n:
            return self._wrap(f"ended: {e.d['reason']}" + (f" ({e.d['detail']})" if e.d.get("detail") else ""))
        given = (e.d.get("answer") or "").strip()
        seen = ("answer", "lead") if given and given in self._streamed else ()
        found = [b for b in ended(s, self.counts).now if b["kind"] not in seen]
        return ["", *form.blocks(found, self.width)]


_SAY: dict[str, Callable[[TextView, Event, State], list[str]]] = {
    "run.started": TextView._started,
    "plan.proposed": TextView._planned,
    "plan.edited": TextView._planned,
    "plan.decided": TextView._plan_decided,
    "model.failed": TextView._model_failed,
    "model.responded": TextView._responded,
    "question.asked": TextView._asked,
    "question.answered": TextView._answered,
    "call.decided": TextView._decided,
    "call.started": TextView._call_started,
    "message.awaited": TextView._awaited,
    "message.arrived": TextView._arrived,
    "call.finished": TextView._call_finished,
    "call.in_doubt": TextView._in_doubt,
    "step.integrated": TextView._integrated,
    "check.finished": TextView._checked,
    "call.undone": TextView._undone,
    "call.redone": TextView._undone,
    "run.paused": TextView._paused,
    "run.resumed": TextView._resumed,
    "run.ended": TextView._ended,
}
