"""An agent outside as a model: `respond` is where what it calls by itself meets what a process asks.

A process asks its model what to call next, and is given what the agent has called since. Its next request bears the
results, as a model is shown them (bounded, redacted, by handle), and these go back to whoever called. So neither the
loop nor the gate nor the journal knows of it. All of it lives on the thread that drives processes.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from llmos_nb.messages import Message, Part, Request, Response, ToolCall
from llmos_nb.models.base import Traits

ANSWER = "final_answer"
LINGER_S = 0.003  # calls that come so close together are one turn, so that reads among them run side by side


@dataclass(frozen=True, slots=True)
class Told:
    """What an agent is told of a call.

    Parameters
    ----------
    ok : bool
        It was done.
    text : str
        What it gave, or why it was not done.
    images : tuple of Part
        What it drew.
    news : tuple of str
        What people and others did meanwhile.
    """

    ok: bool
    text: str
    images: tuple[Part, ...] = ()
    news: tuple[str, ...] = ()


class Wanted:
    """A call of an agent's, until it is told what became of it.

    Parameters
    ----------
    name : str
        The tool.
    arguments : dict
        As the agent gave them.

    Attributes
    ----------
    call : str
        Its id in the process, once it has one.
    doing : str
        What its agent said it was about, where that is not among the arguments.
    told : Future
        What the agent is told; cancelled where nobody waits for it.
    """

    def __init__(self, name: str, arguments: dict[str, Any]) -> None:
        self.name, self.arguments, self.call, self.doing = name, arguments, "", ""
        self.told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()

    def tell(self, told: Told) -> bool:
        """Tell the agent; return whether anybody still waits for it."""
        if self.told.done():
            return False
        self.told.set_result(told)
        return True


class OutsideModel:
    """Answers with what an agent calls by itself.

    Parameters
    ----------
    name : str
        Who it is, as it is shown and recorded.
    done : callable
        Returns whether a call of the process was done.
    """

    slots, endpoint = math.inf, ""

    def __init__(self, name: str, done: Callable[[str], bool] = lambda call: True) -> None:
        # what it remembers is its own affair: nothing need leave the window of the process for it
        self.traits = Traits(name, images=True, context_tokens=1_000_000, outside=True)
        self.done = done
        self.given: list[Wanted] = []  # what the process was given, in order, until there is something to tell
        self._inbox: list[Wanted] = []
        self._came = asyncio.Event()
        self._answer: Wanted | None = None
        self._last: Message | None = None  # of the request before
        self._news: list[str] = []

    def __str__(self) -> str:
        return f"outside: {self.traits.name}"  # by which no model is found: nobody here can call this one

    def put(self, wanted: Wanted) -> None:
        """Take a call in."""
        self._inbox.append(wanted)
        self._came.set()

    def withdraw(self, wanted: Wanted) -> None:
        """Let nobody wait for a call; one that the process was not given yet is not made."""
        self._inbox = [w for w in self._inbox if w is not wanted]
        wanted.told.cancel()

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Give results back, and wait for what the agent calls next."""
        self.deliver(request.messages)
        if self._answer is not None:  # it does not stand: what was said of it is news
            said, self._news, answer, self._answer = self._news, [], self._answer, None
            answer.tell(Told(False, "\n".join(said)))
        await self.asked(request)
        while not self._inbox:
            self._came.clear()
            await self._came.wait()
            await asyncio.sleep(LINGER_S)
        if self._inbox[0].name == ANSWER:
            self._answer = self._inbox.pop(0)
            return Response(str(self._answer.arguments.get("answer", "")))
        count = next((i for i, w in enumerate(self._inbox) if w.name == ANSWER), len(self._inbox))
        self.given += self._inbox[:count]
        fresh, self._inbox = self._inbox[:count], self._inbox[count:]
        return Response(self.said(), calls=tuple(ToolCall(w.name, self.placed(w)) for w in fresh))

    async def asked(self, request: Request) -> None:
        """Hear that the process waits for calls."""

    def said(self) -> str:
        """Return what the agent has said beside its calls, once."""
        return ""

    def placed(self, wanted: Wanted) -> dict[str, Any]:
        """Return the arguments of a call as the process is given them."""
        return wanted.arguments

    def named(self, calls: Sequence[str]) -> None:
        """Note the ids that the process gave to the calls of the last response."""
        for wanted, call in zip(self.given[-len(calls) :], calls, strict=True):
            wanted.call = call

    def settle(self, told: Callable[[Wanted], Told], over: bool) -> None:
        """Tell all that wait; where it is not `over`, what the process was given may still go on."""
        for wanted in (*self.given, *self._inbox, *([self._answer] if self._answer else [])):
            wanted.tell(told(wanted))
        self._inbox, self._answer = [], None
        if over:
            self.given = []

    def deliver(self, messages: Sequence[Message]) -> None:
        """Tell the agent what became of its calls, and what people said since."""
        fresh = _since(messages, self._last)
        if self._last is not None:
            self._news += [m.text for m in fresh if m.role == "user" and not m.parts]
        self._last = messages[-1]
        results = {m.call: m for m in fresh if m.role == "tool"}
        ended, self.given = _parted(self.given, results)
        for wanted in ended:
            self._tell(wanted, results[wanted.call])

    def _tell(self, wanted: Wanted, shown: Message) -> None:
        images = tuple(p for p in shown.parts if p.kind == "image" and p.data)
        told = Told(self.done(wanted.call), shown.text, images, tuple(self._news))
        if wanted.tell(told):
            self._news = []
        else:
            self._news.append(f"{wanted.call} ({wanted.name}), for which nobody waited, gave: {shown.text}")


def _since(messages: Sequence[Message], last: Message | None) -> Sequence[Message]:
    """Return the messages behind the last one of the request before; all where it has left the prompt."""
    at = next((i for i in range(len(messages) - 1, -1, -1) if messages[i] == last), -1)
    return messages[at + 1 :]


def _parted(given: Sequence[Wanted], results: Collection[str]) -> tuple[list[Wanted], list[Wanted]]:
    """Return the calls that have a result, and the others."""
    return [w for w in given if w.call in results], [w for w in given if w.call not in results]
