"""Single keys that answer what a process asks, for terminals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.session import Process
from llmos_nb.views.panel import DONE, asks_for, has_rest

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
