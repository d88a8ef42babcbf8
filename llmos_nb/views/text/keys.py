"""Single keys that answer what a process asks, for terminals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from llmos_nb.errors import LlmosError
from llmos_nb.views.panel.card import has_rest

Read = Callable[[str], str]
Question = Mapping[str, Any]
END = "."


class Decider(Protocol):
    """The verbs of a process that keys can give."""

    run: Any

    def approve(self, what: str | int = ..., *, digest: str = ...) -> Any:
        """Approve what is asked."""

    def approve_rest(self, call: str, *, digest: str = ...) -> Any:
        """Approve a call and those like it that come."""

    def reject(self, what: str | int = ..., why: str = ...) -> Any:
        """Reject it, with a reason."""

    def skip(self, what: str | int) -> Any:
        """Skip it."""

    def edit(self, what: str | int, text: str | None = ...) -> Any:
        """Edit a step's title or a call's code."""

    def reply(self, text: str, question: str = ...) -> Any:
        """Answer a question."""

    def resolve(self, call: str, done: bool) -> Any:
        """Settle a call in doubt."""


def prompt_keys(process: Decider, key: str, read: Read) -> None:
    """Ask for keys until question `key` is answered, here or elsewhere.

    Parameters
    ----------
    process : Decider
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
            typed = read(f"{said}{_prompt(choices, question)}")
            said = ""
            if process.run.state.questions.get(key) is not question:
                return  # it was answered elsewhere meanwhile
            if question.get("kind") == "question":
                said = _reply(process, key, typed)
            elif typed.strip() in choices:
                _DO[typed.strip()](process, key, question, read)
            else:
                said = _help(key, choices, typed.strip())
        except (EOFError, KeyboardInterrupt):
            return
        except LlmosError as error:
            said = f"  {error}\n"


def _choices(process: Decider, key: str, question: Question) -> dict[str, str]:
    """Return the letters that count here, with what each does."""
    if question.get("kind") == "doubt":
        return {"d": "it was done", "g": "run it again"}
    if question.get("kind") == "rebuild":
        return {"d": "go on without", "g": "run it again"}
    if key.startswith("plan:"):
        return {"a": "approve the plan", "e": "edit a step", "r": "reject"}
    call = process.run.state.calls[key]
    rest = {"A": "the rest like this"} if has_rest(call, question) else {}
    edit = {"e": "edit"} if call.code else {}
    return {"a": "approve once", **rest, **edit, "r": "reject", "s": "skip"}


def _prompt(choices: Mapping[str, str], question: Question) -> str:
    if question.get("kind") == "question":
        return "  your answer > "
    return "  " + "  ".join(f"[{k}] {v}" for k, v in choices.items()) + "  [?]\n  > "


def _reply(p: Decider, key: str, typed: str) -> str:
    if not typed.strip():
        return "  An empty answer tells it nothing; write a few words.\n"
    p.reply(typed, key)
    return ""


def _help(key: str, choices: Mapping[str, str], typed: str) -> str:
    if typed != "?":
        return f"  {typed!r} is none of {', '.join(choices)}, ?\n"
    lines = [f"  {k}  {v}" for k, v in choices.items()]
    return "\n".join([*lines, f"  Ctrl-C leaves {key} open; it waits, saved.", ""])


def _approve(p: Decider, key: str, question: Question, read: Read) -> None:
    p.approve("plan" if key.startswith("plan:") else key, digest=question.get("digest", ""))


def _reject(p: Decider, key: str, question: Question, read: Read) -> None:
    p.reject("plan" if key.startswith("plan:") else key, read("  why not? > ").strip())


def _edit(p: Decider, key: str, question: Question, read: Read) -> None:
    if key.startswith("plan:"):
        number = read("  which step? > ").strip()
        p.edit(int(number) if number.isdecimal() else number, read("  its new title > ").strip())
        return
    lines = [read(f"  the new code, then a line with only {END}\n  | ")]
    while lines[-1].strip() != END:
        lines.append(read("  | "))
    p.edit(key, "\n".join(lines[:-1]))


_DO: dict[str, Callable[[Decider, str, Question, Read], Any]] = {
    "a": _approve,
    "A": lambda p, key, question, read: p.approve_rest(key, digest=question.get("digest", "")),
    "e": _edit,
    "r": _reject,
    "s": lambda p, key, question, read: p.skip(key),
    "d": lambda p, key, question, read: p.resolve(key, True),
    "g": lambda p, key, question, read: p.resolve(key, False),
}
