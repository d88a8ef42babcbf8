"""A model that gives the recorded answers of a journal again, while tools run."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from llmos_nb.chain import Event, history, read
from llmos_nb.errors import ModelRefused, UsageError
from llmos_nb.messages import Request, Response, ToolCall, Usage
from llmos_nb.models.base import Traits


class ReplayModel:
    """Answers with what a model answered once, in order.

    Parameters
    ----------
    path : path-like
        A journal, or the folder of a run that holds ``journal.jsonl``.
    """

    slots, endpoint = math.inf, ""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        file = Path(path)
        file = file / "journal.jsonl" if file.is_dir() else file
        if not file.is_file():
            raise UsageError(f"replay:{path}: there is no journal; give the path of a journal.jsonl")
        self.answers = [a for e in history(read(file), file) for a in _answers(e)]
        self.traits = Traits(f"replay:{path}", images=True)
        self.position = 0

    def seek(self, answers: int, failures: int = 0) -> None:
        """Go on after so many answers; failed attempts are not replayed.

        Parameters
        ----------
        answers : int
            Answers that the process has.
        failures : int
            Taken so that every model can be sought alike.
        """
        self.position = answers

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Give the next recorded answer."""
        if self.position >= len(self.answers):
            raise ModelRefused(
                f"{self.traits.name} holds {len(self.answers)} answers, and all of them were given"
            )
        answer = self.answers[self.position]
        self.position += 1
        if answer.text:
            on_text(answer.text)
        return answer


def _answers(event: Event) -> list[Response]:
    """Give the answers of an event; those about a text that is kept out stand with the call that asked."""
    if event.k == "model.responded":
        return [_answer(event.d)]
    said = (event.d.get("facts") or {}).get("said", ()) if event.k == "call.finished" else ()
    return [Response(text) for text in said]


def _answer(d: Mapping[str, Any]) -> Response:
    calls = tuple(ToolCall(c["name"], c["arguments"]) for c in d["calls"])
    usage = {k: v for k, v in (d.get("usage") or {}).items() if k in Usage.__slots__}
    return Response(d["text"], calls, d["finish"], Usage(**usage), bool(d.get("cut")), dict(d.get("raw") or {}))
