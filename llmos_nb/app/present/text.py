"""Showing a process as text, and what all ways of showing share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.journal import Event
from llmos_nb.journal.events import ModelRequested, QuestionAsked
from llmos_nb.process.state import State
from llmos_nb.session import Process
from llmos_nb.tools import Stopped
from llmos_nb.tools.devices.python import interruptible
from llmos_nb.views import Block, bundle, page
from llmos_nb.views.panel import DONE, asks_for, has_rest
from llmos_nb.views.text import form, view

Read = Callable[[str], str]
Question = Mapping[str, Any]
END = "."
TYPE = "  it goes where others chose; type the domain as it is sent > "
ANOTHER = "that is another one; nothing was approved"


def prompt_keys(process: Process, key: str, read: Read) -> None:
    """Ask for keys until question `key` is answered, here or elsewhere.

    Parameters
    ----------
    process : Process
        The process that asks.
    key : str
        The question: a call's id, or ``plan:1``.
    read : callable
        Shows a prompt and gives the line typed, as `input` does; at the end of input the question stays open.
    """
    said = ""
    while (question := process.run.state.questions.get(key)) is not None:
        choices = _choices(process, key, question)
        try:
            typed, said = read(f"{said}{_prompt(choices)}"), ""
            if process.run.state.questions.get(key) is not question:
                return  # it was answered elsewhere meanwhile
            if not choices and typed.strip():
                process.reply(typed, key)
            elif not choices:
                said = "  An empty answer tells it nothing; write a few words.\n"
            elif typed.strip() in choices:
                _DO[typed.strip()](process, key, question, read)
            else:
                said = _help(key, choices, typed.strip())
        except (EOFError, KeyboardInterrupt):
            return
        except LlmosError as error:
            said = f"  {error}\n"


HELD = {"a": "allow once", "A": "allow for this process", "r": "refuse"}


def prompt_held(process: Process, key: str, read: Read) -> None:
    """Ask for a key until the question of a step that is held in the middle is answered; its parameters as above.

    The step's code stands on the stack of this thread, so what is said is carried out on the one of the processes.
    """
    said = ""
    while key in process.run.state.questions:
        wanted = asks_for(process.run.state, key)
        choices = {k: does for k, does in HELD.items() if k != "A" or not wanted}
        typed = read(f"{said}{_prompt(choices)}").strip()
        why = read("  why not? > ").strip() if typed == "r" else ""
        if typed == "a" and wanted and read(TYPE).strip() != wanted:
            said = f"  {ANOTHER}\n"
            continue
        acts = {
            "a": lambda: process.approve(key),
            "A": lambda: process.approve_rest(key),
            "r": lambda: process.reject(key, why),  # noqa: B023 - called at once
        }
        if typed in choices:
            process.dispatch.ask(acts[typed])
        else:
            said = _help(key, choices, typed)


def _choices(process: Process, key: str, question: Question) -> dict[str, str]:
    """Return the letters that count here, with what each does; none where words are wanted."""
    if question.get("kind") == "question":
        return {}
    if question.get("kind") == "doubt":
        lost = bool(process.run.state.calls[key].facts.get("lost"))
        return {"d": DONE[lost].lower(), "g": "run it again"}
    if question.get("kind") == "rebuild":
        return {"d": "go on without", "g": "run it again"}
    if key.startswith("plan:"):
        return {"a": "approve the plan", "e": "edit a step", "r": "reject"}
    call = process.run.state.calls[key]
    rest = {"A": "the rest like this"} if has_rest(call, question) else {}
    edit = {"e": "edit"} if call.code else {}
    return {"a": "approve once", **rest, **edit, "r": "reject", "s": "skip"}


def _prompt(choices: Mapping[str, str]) -> str:
    keys = "  ".join(f"[{k}] {v}" for k, v in choices.items())
    return f"  {keys}  [?]\n  > " if choices else "  your answer > "


def _help(key: str, choices: Mapping[str, str], typed: str) -> str:
    if typed != "?":
        return f"  {typed!r} is none of {', '.join(choices)}, ?\n"
    lines = [f"  {k}  {v}" for k, v in choices.items()]
    return "\n".join([*lines, f"  Ctrl-C leaves {key} open; it waits, saved.", ""])


def _target(key: str) -> str:
    return "plan" if key.startswith("plan:") else key


def _edit(p: Process, key: str, question: Question, read: Read) -> None:
    if key.startswith("plan:"):
        number = read("  which step? > ").strip()
        p.edit(int(number) if number.isdecimal() else number, read("  its new title > ").strip())
        return
    lines = [read(f"  the new code, then a line with only {END}\n  | ")]
    while lines[-1].strip() != END:
        lines.append(read("  | "))
    p.edit(key, "\n".join(lines[:-1]))


def _approve(p: Process, key: str, question: Question, read: Read) -> None:
    wanted = asks_for(p.run.state, key)
    if wanted and read(TYPE).strip() != wanted:
        raise UsageError(ANOTHER)
    p.approve(_target(key), digest=question.get("digest", ""))


_DO: dict[str, Callable[[Process, str, Question, Read], Any]] = {
    "a": _approve,
    "A": lambda p, key, question, read: p.approve_rest(key, digest=question.get("digest", "")),
    "e": _edit,
    "r": lambda p, key, question, read: p.reject(_target(key), read("  why not? > ").strip()),
    "s": lambda p, key, question, read: p.skip(key),
    "d": lambda p, key, question, read: p.resolve(key, True),
    "g": lambda p, key, question, read: p.resolve(key, False),
}


BUSY_S = 0.5
_input = input  # while a step runs, the name stands for what refuses to ask


class Shown:
    """One way of showing a process."""

    patient = False
    holding: Callable[[], object] | None = None
    """Says that its cell is at work, where it goes on until all has settled, so that the cells below wait, too."""
    process: Process

    def follow(self, event: Event, state: State) -> None:
        """Say again and again how long the model thinks, from a request until its answer."""
        if isinstance(event.body, ModelRequested):
            loop = asyncio.get_running_loop()
            self._again(loop, event.body.request, state, loop.time())

    def _again(self, loop: asyncio.AbstractEventLoop, request: int, state: State, asked: float) -> None:
        waited = loop.time() - asked
        loop.call_later(self.pause_s(waited), self._beat, loop, request, state, asked)

    def _beat(self, loop: asyncio.AbstractEventLoop, request: int, state: State, asked: float) -> None:
        if state.request == request and self.heard in self.process.run.listeners:
            self.thinks(loop.time() - asked)
            self._again(loop, request, state, asked)

    def pause_s(self, waited_s: float) -> float:
        """Return the seconds until it is said again."""
        return 1.0

    def thinks(self, seconds: float) -> None:
        """Show that the model thinks."""

    def heard(self, event: Event, state: State) -> None:
        """Follow one event."""

    def open(self) -> None:
        """Begin to show."""

    def hold(self, holding: Callable[[], object] | None) -> None:
        """Take in that its cell goes on until it has settled, or does no more."""
        self.holding = holding

    def say_busy(self) -> None:
        """Tell a page that has just come that the cell is at work: what it asked on its way has ended with "idle"."""
        asyncio.get_running_loop().call_later(BUSY_S, self._busy)

    def _busy(self) -> None:
        if self.holding is not None:  # by then it may have ended
            self.holding()

    def close(self) -> None:
        """Show the last state and stop listening."""


class Several(Shown):
    """The processes of a pipe, one below the other.

    Parameters
    ----------
    parts : list of Shown
        How each is shown.
    """

    def __init__(self, parts: list[Shown]) -> None:
        self.parts, self.patient = parts, parts[-1].patient

    def hold(self, holding: Callable[[], object] | None) -> None:
        """Tell the parts."""
        for part in self.parts:
            part.hold(holding)

    def close(self) -> None:
        """Show the last state of each and stop listening."""
        for part in self.parts:
            part.close()


class TextShown(Shown):
    """Text as it happens; in a terminal it also takes the keys of decisions."""

    def __init__(self, process: Process, kind: str, ip: Any, since: int = 0) -> None:
        self.process, self.kind, self.ip, self.since = process, kind, ip, since
        self.view = view.TextView(write=print_raw)
        self.patient = kind == "terminal"

    def open(self) -> None:
        """Print what happens, and what happened before."""
        self.process.dispatch.ask(self._open)

    def _open(self) -> None:
        run = self.process.run
        events = run.journal.events
        self.view.before(events, run.state, **({"most": len(events) - self.since} if self.since else {}))
        others = [x for x in run.listeners if not isinstance(getattr(x, "__self__", None), TextShown)]
        run.listeners[:] = [*others, self.heard]  # in text everything is said once, by who was shown last
        run.on_text = self.view.on_text
        if self.kind == "headless" and getattr(self.ip, "kernel", None) is not None:
            self.view.rich, run.pictures = publish_piece, False  # each where it stands among the text
        if self.patient:
            run.attended, run.ask_here = lambda: True, self.ask_held
        if self.patient and self.process.state == "waiting" and not self.process.cold:
            for key in list(run.state.questions):
                self._ask_soon(key)

    def _ask_soon(self, key: str) -> None:
        self.process.dispatch.visits.post(partial(self.ask, key))

    def heard(self, event: Event, state: State) -> None:
        """Print one event; ask where a terminal can answer."""
        self.view(event, state)
        self.follow(event, state)
        if self.patient and isinstance(event.body, QuestionAsked) and event.body.about != "effect":
            self._ask_soon(event.body.question)

    def pause_s(self, waited_s: float) -> float:
        """Return the seconds until a line says it again: after 10 seconds, 30, a minute, and each minute."""
        return next((step - waited_s for step in (10.0, 30.0) if waited_s < step - 1), 60.0 - waited_s % 60.0)

    def thinks(self, seconds: float) -> None:
        """Print it."""
        self.view.thinks(seconds)

    def ask(self, key: str) -> None:
        """Read the person's decision; a terminal does nothing else meanwhile; Ctrl-C and Ctrl-D stop the process."""
        if key not in self.process.run.state.questions:
            return
        try:
            with interruptible():
                prompt_keys(self.process, key, _input)
            if key in self.process.run.state.questions:
                print("\n  the input has ended, so nobody can decide here")
                self.process.stop()
        except Stopped:
            self.process.stop()

    def ask_held(self, key: str) -> None:
        """Read what a person says of an effect, while its step holds this thread; carried out on the other one."""
        prompt_held(self.process, key, _input)

    def close(self) -> None:
        """Stop printing; a headless notebook keeps the static form."""
        run = self.process.run
        self.process.dispatch.ask(self._leave)
        if self.kind == "headless" and self.ip is not None and getattr(self.ip, "kernel", None) is not None:
            publish_all(bundle.bundle(run.state, run.journal.events))

    def _leave(self) -> None:
        run = self.process.run
        run.listeners[:] = [x for x in run.listeners if x != self.heard]
        if run.on_text == self.view.on_text:  # nobody would print what the streamed text becomes
            run.on_text = lambda text: None
            run.pictures = True


def print_raw(words: str) -> None:
    """Print without adding a newline."""
    print(words, end="", flush=True)


def publish_piece(block: Block) -> None:
    """Display a piece of what a call gave: Markdown, a table, a picture."""
    text = block["markdown"] if block["kind"] == "markdown" else "\n".join(form.blocks([block])).strip("\n")
    if block["kind"] == "image":
        publish_all({block["mime"]: block["data"], "text/plain": text})
    else:
        publish(page.shown(block), text)


def publish(html: str, plain: str, display_id: str | None = None, update: bool = False) -> None:
    """Display a bundle of HTML and text, or put it in place of an earlier one."""
    publish_all({"text/html": html, "text/plain": plain}, display_id, update)


def publish_all(forms: Mapping[str, Any], display_id: str | None = None, update: bool = False) -> None:
    """Display the forms of one thing, by MIME type, or put them in place of an earlier output."""
    from IPython.display import display  # only where IPython is

    where = {"display_id": display_id, "update": update} if display_id else {}
    display(dict(forms), raw=True, **where)
