"""A model that follows a script: for tests, lessons and demonstrations, with every fault a real one can have.

Faults of a turn (`"fault": NAME`), as a real endpoint would show them:

- the attempt fails: ``unreachable, drop, stall, no_finish, server_error, http_500, http_429, wait_600, quota,
  bad_key, no_model, no_tools, overflow, html, error_200, no_choices, broken_json``;
- an odd answer: ``empty, length, refused``, and with calls ``cut_call, badjson, list_args, null_args, nan_args,
  object_args, same_index, same_ids``.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

from llmos_nb.errors import ModelRefused, ModelUnavailable, UsageError
from llmos_nb.messages import Request, Response
from llmos_nb.models import script
from llmos_nb.models.base import Traits
from llmos_nb.models.complaint import ERRORS, retry_after_s
from llmos_nb.models.faults import Endpoint, classify
from llmos_nb.models.stream import Accumulator, estimated
from llmos_nb.models.wire import FAILING, Turn, play

STALL_S = 1.0


class ScriptedModel:
    """Answers with the turns of a script, one a request.

    Parameters
    ----------
    source : path-like or list of dict
        The script's file, or its turns.
    traits : Traits, optional
        What a process must know of it; ``script:FILE`` by default.
    children : sequence of list of dict
        The turns of each process that a scripted one starts, in their order; a file has them as ``children``.
    """

    slots, endpoint = math.inf, ""

    def __init__(
        self,
        source: str | os.PathLike[str] | Sequence[Any],
        traits: Traits | None = None,
        children: Sequence[Sequence[Any]] = (),
    ) -> None:
        if isinstance(source, str | os.PathLike):
            name, self.turns = f"script:{os.fspath(source)}", script.load(source)
            self.children = script.children(source)
        else:
            name, self.turns = "script", script.parse(source)
            self.children = [script.parse(turns, f"child {n}") for n, turns in enumerate(children, 1)]
        self.traits = traits or Traits(name, images=True)
        self.position = 0
        self._at = Endpoint("the scripted model", "the script", "the script")

    def child(self, nth: int) -> ScriptedModel:
        """Give the model of the n-th process that this one's process starts, from 0."""
        if nth >= len(self.children):
            raise UsageError(
                f"{self.traits.name} has turns for {len(self.children)} children; add some to go on"
            )
        made = ScriptedModel([], self.traits)
        made.turns = self.children[nth]
        return made

    def seek(self, answers: int, failures: int = 0) -> None:
        """Go to the turn after so many answers and, after the last of them, so many failed attempts.

        Parameters
        ----------
        answers : int
            Answers that the process has.
        failures : int
            Failed attempts since the last one.
        """
        self.position = 0
        while answers and self.position < len(self.turns):
            answers -= self.turns[self.position].fault not in FAILING
            self.position += 1
        while failures and self.position < len(self.turns) and self.turns[self.position].fault in FAILING:
            failures -= 1
            self.position += 1

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Answer with the next turn, or fail as it says."""
        if self.position >= len(self.turns):
            have = len(self.turns)
            raise ModelRefused(
                f"{self.traits.name} has only {have} turn{'s' if have != 1 else ''}; add one to go on"
            )
        turn = self.turns[self.position]
        self.position += 1
        await asyncio.sleep(turn.wait_s)
        return await self._play(turn, sum(len(m.encoded) for m in request.messages), on_text)

    async def _play(self, turn: Turn, prompt_bytes: int, on_text: Callable[[str], None]) -> Response:
        """Take in the bytes of a turn as if they came from an endpoint."""
        played, answer = play(turn, prompt_bytes), Accumulator(on_text, self._at)
        if played.end == "unreachable":
            raise ModelUnavailable("no connection to the script (connection refused); is the server running?")
        if played.status >= ERRORS:
            raise classify(played.status, played.pieces[0], retry_after_s(played.headers), self._at)
        for piece in played.pieces:
            answer.feed(piece)
            await asyncio.sleep(0)
        if played.end == "stall":
            await asyncio.sleep(STALL_S)
            raise ModelUnavailable(f"the script sent nothing for {STALL_S:g} s")
        if played.end == "drop":
            raise ModelUnavailable("the connection to the script broke off")
        return estimated(answer.finish(), prompt_bytes)
