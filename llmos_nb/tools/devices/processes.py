"""Asking a person, messages and other processes: the tools' definitions; the process that calls one carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from llmos_nb.errors import ToolRaised
from llmos_nb.journal.events import QuestionAsked
from llmos_nb.tools.devices.context import Site
from llmos_nb.tools.make import as_tool
from llmos_nb.tools.protocol import Tool


def ask(question: str) -> str:
    """Ask the user one short question, and wait for the answer. Only for what neither data nor tools can tell.

    Parameters
    ----------
    question : str
        One question, with the choices if there are any.
    """
    raise ToolRaised("a question is answered by a person, through its process; nothing else can answer it")


@cache
def ask_tool() -> Tool:
    """Return the tool by which a process asks its user."""
    return replace(as_tool(ask, effect="read", repeat="pure", source="own"), code=answered, needs=_asked)


def _asked(call: str, arguments: Mapping[str, Any]) -> QuestionAsked:
    return QuestionAsked(question=call, about="question", text=str(arguments["question"]), title="a question")


def answered(arguments: Mapping[str, Any]) -> str:
    """Return a question as code: the answer as a literal, with the question above it.

    Parameters
    ----------
    arguments : mapping
        The call's arguments; `answer` may stand beside `question` where it is known.
    """
    question = " ".join(str(arguments.get("question", "")).split())
    return f"# asked of the user: {question}\nanswer = {arguments.get('answer')!r}"


def send(to: str | int, message: str) -> str:
    """Send a message to another process; waits where its mailbox is full.

    Parameters
    ----------
    to : str or int
        Name or number of the process, or a shared mailbox such as #tasks.
    message : str
        All that it needs to know; it sees nothing else of you.
    """
    raise ToolRaised("a message goes through its process; nothing else can send it")


def receive(sender: str | int = "") -> str:
    """Take the next message to you, and wait until there is one.

    Parameters
    ----------
    sender : str or int
        Name or number of a process; empty for anybody; or a shared mailbox such as #tasks.
    """
    raise ToolRaised("a message comes through its process; nothing else can take it")


def mail_tools(_: Site) -> list[Tool]:
    """Return the two tools; a message carries its label, so that sending one is no way out and asks nobody."""
    return [
        _waiting(send, lambda a: f"sent to {a.get('to')}: {_line(a.get('message', ''))}"),
        _waiting(receive, lambda a: f"waited for a message from {a.get('sender') or 'anybody'}"),
    ]


def _waiting(fn: Callable[..., str], said: Callable[[Mapping[str, Any]], str]) -> Tool:
    """Make a tool that may be waited for again, and that stands as a comment in an exported notebook."""
    made = as_tool(fn, effect="read", repeat="idempotent", source="own")
    return replace(made, code=lambda arguments: f"# {said(arguments)}")


def _line(words: object) -> str:
    return " ".join(str(words).split())[:200]


START, WAIT = "start_process", "wait_process"


def start_process(goal: str, name: str = "", tools: list[str] | None = None, budget: str = "") -> str:
    """Start a process that works on a part of the goal beside you; it may do no more than you may.

    Parameters
    ----------
    goal : str
        All that it needs to know; it sees nothing else of you.
    name : str
        A short name for it.
    tools : list of str
        Which of your tools it gets; all but those for processes where you name none.
    budget : str
        What it may use up of yours, such as "5 steps, 20k tokens"; a quarter of what is left otherwise.
    """
    raise ToolRaised("a process is started through its parent; nothing else can start it")


def wait_process(process: str | int) -> str:
    """Wait until a process that you started has ended, and get its answer.

    Parameters
    ----------
    process : str or int
        Its name or number.
    """
    raise ToolRaised("a process is waited for by its parent; nothing else can wait for it")


def process_tools(_: Site) -> list[Tool]:
    """Return the two tools; a child has no rights that its parent lacks, so that starting one asks nobody."""
    return [
        _waiting(start_process, lambda a: f"a process was started: {_line(a.get('goal', ''))}"),
        _waiting(wait_process, lambda a: f"waited for process {a.get('process')}"),
    ]


def is_ours(tool: Tool) -> bool:
    """Return whether a tool is one of these, and not a function of the user's that has its name."""
    return getattr(tool.fn, "__module__", "") == __name__
