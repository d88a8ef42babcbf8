"""Asking the person: the tool's definition; its process records the question and brings the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from llmos_nb.errors import ToolRaised
from llmos_nb.journal.events import QuestionAsked
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
    made = as_tool(ask, effect="read", repeat="pure")
    return replace(made, code=answered, needs=_asked)


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
