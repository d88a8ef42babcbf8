"""The place of one agent at the notebook: one process of its at a time, begun with its first call.

It lives on the thread that drives processes. A call that a person has to decide on is told so after a while, and its
result is fetched by another: clients give up on what is silent for a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any

from llmos_nb.errors import LlmosError
from llmos_nb.journal import Event
from llmos_nb.journal.events import Decider, ModelResponded, RunEnded, RunPaused
from llmos_nb.models.outside import ANSWER, OutsideModel, Told, Wanted
from llmos_nb.policy.secrets import redact
from llmos_nb.process import ask, decisions
from llmos_nb.process.state import State
from llmos_nb.session.process import Process

WAIT = "wait"
PATIENCE_S, BEAT_S = 45.0, 5.0  # clients wait for a minute, and some for less without a sign
MOST_OPEN = 32
Beat = Callable[[str], Awaitable[None]]
Begin = Callable[[OutsideModel, Callable[[Process], object]], Awaitable[object]]
_STANDS = {
    "asked": "waits for the person's decision in the notebook",
    "running": "is running",
    "waits": "waits for the person's answer",
    "in_doubt": "waits for the person to say whether it was done",
}


class Desk:
    """One agent's place.

    Parameters
    ----------
    agent : str
        Who it is, as it is shown and recorded.
    begin : callable
        ``begin(model, made)``: makes a process of a model, gives it to `made`, and starts it.
    """

    def __init__(self, agent: str, begin: Begin) -> None:
        self.agent, self._begin = agent, begin
        self.process: Process | None = None
        self.heard = 0  # how often the agent was heard of
        self._model: OutsideModel | None = None
        self._tickets = count(1)
        self._open: dict[str, Wanted] = {}  # by ticket: what the agent was not told yet
        self._beginning: asyncio.Task[None] | None = None

    async def call(self, name: str, arguments: dict[str, Any], beat: Beat) -> Told:
        """Carry a call out; `beat` is told now and then how it stands."""
        if name == WAIT:
            return await self._waited(arguments.get("ticket"), beat)
        if (why := self._refused()) is not None:
            return Told(False, why)
        if name == ANSWER and not isinstance(arguments.get("answer"), str):
            return Told(False, f"{ANSWER}: answer: expected a string")
        wanted, ticket = Wanted(name, arguments), str(next(self._tickets))
        self._at_work().put(wanted)
        self._open[ticket] = wanted
        try:
            return await self._told(ticket, wanted, beat)
        except asyncio.CancelledError:
            self._withdraw(ticket, wanted)
            raise

    def leave(self, why: str) -> None:
        """The agent has gone: its process pauses, with all that it did."""
        if self.process is not None and self.process.state in ("running", "waiting"):
            self.process.dispatch.halt_here("paused", Decider("process", f"{self.agent}, which {why}"))

    def _refused(self) -> str | None:
        """Say why no call is taken now."""
        self._open = {n: w for n, w in self._open.items() if not w.told.cancelled()}
        if sum(not w.told.done() for w in self._open.values()) >= MOST_OPEN:
            return f"Not run: {MOST_OPEN} calls of yours are open; wait for their results"
        p = self.process
        if p is not None and p.state == "paused" and p.run.model is self._model:
            return f"Not run: process {p.pid} is paused ({p.detail}); the person has to say %agent resume {p.pid}"
        return None

    def _at_work(self) -> OutsideModel:
        """Return what the process is given calls by; a new one begins where there is none, or it is over."""
        p = self.process
        if self._model is None or (p is not None and (p.state == "ended" or p.run.model is not self._model)):
            self.process, self._model = None, OutsideModel(self.agent, self._done)
            self._beginning = asyncio.get_running_loop().create_task(self._begun(self._model))
        return self._model

    async def _begun(self, model: OutsideModel) -> None:
        try:
            await self._begin(model, self._made)
        except Exception as error:  # whatever the settings or the disk say of it: the agent is told
            said = str(error) if isinstance(error, LlmosError) else f"{type(error).__name__}: {error}"
            told = Told(False, redact(f"Not run: no process could be begun: {said}"))
            model.settle(lambda _: told, over=True)
            self._model = None

    def _made(self, process: Process) -> None:
        self.process = process
        process.run.listeners.append(self._heard)

    def _done(self, call: str) -> bool:
        return self.process is not None and self.process.run.state.calls[call].status == "done"

    def _heard(self, event: Event, state: State) -> None:
        model, process = self._model, self.process
        if model is None or process is None or process.run.model is not model:
            return
        match event.body:
            case ModelResponded(calls=[_, *_]) if state.turn is not None:
                model.named(state.turn.calls)
            case RunPaused(why=why):
                model.settle(partial(self._left, f"the process is paused ({why}); the person has to resume it"), False)
            case RunEnded(reason=reason, detail=detail):
                model.deliver(ask.build(process.run)[0].messages)
                why = f"the process has ended ({reason}{f': {detail}' if detail else ''})"
                model.settle(partial(self._left, why, answer=state.answer), True)

    _heard.kinds = (ModelResponded.kind, RunPaused.kind, RunEnded.kind)  # type: ignore[attr-defined]

    def _left(self, why: str, wanted: Wanted, answer: str | None = None) -> Told:
        """Say what became of a call of which the process tells nothing more."""
        if wanted.name == ANSWER and answer is not None:
            return Told(True, answer)
        return (
            Told(True, f"It was done; {why}")
            if wanted.call and self._done(wanted.call)
            else Told(False, f"Not done: {why}")
        )

    async def _waited(self, ticket: object, beat: Beat) -> Told:
        """Wait for the result of an earlier call: the one of this ticket, else the oldest."""
        key = next(iter(self._open), "") if ticket is None else str(ticket)
        if (wanted := self._open.get(key)) is None:
            return Told(False, f"no call of yours waits{'' if ticket is None else f' under ticket {ticket}'}")
        return await self._told(key, wanted, beat)

    async def _told(self, ticket: str, wanted: Wanted, beat: Beat) -> Told:
        """Wait until there is something to tell, and no longer than clients do."""
        clock = asyncio.get_running_loop().time
        until = clock() + PATIENCE_S
        while not wanted.told.done() and (left := until - clock()) > 0:
            await asyncio.wait([wanted.told], timeout=min(left, BEAT_S))
            if not wanted.told.done():
                with suppress(Exception):  # nobody reads it any more: its end comes as a cancellation
                    await beat(self._stands(wanted))
        if wanted.told.done():
            self._open.pop(ticket, None)
            return wanted.told.result()
        return Told(True, f"{self._stands(wanted)}. Nothing is lost: call {WAIT}(ticket={ticket}) for its result")

    def _stands(self, wanted: Wanted) -> str:
        """Say how a call stands."""
        if self.process is None:
            return f"{wanted.name} begins once the cell that runs in the notebook has ended"
        s = self.process.run.state
        call = s.calls.get(wanted.call)
        if call is not None and call.status in _STANDS:
            return f"{wanted.call} ({wanted.name}) {_STANDS[call.status]}"
        if s.questions:
            return f"{wanted.name} waits behind {', '.join(s.questions)}, on which the person has to decide"
        return f"{wanted.call or wanted.name} waits for its turn"

    def _withdraw(self, ticket: str, wanted: Wanted) -> None:
        """Take a call back that the agent gave up: where a person is asked about it, that question goes."""
        self._open.pop(ticket, None)
        if self._model is not None:
            self._model.withdraw(wanted)
        p = self.process
        if p is not None and wanted.call in p.run.state.questions:
            by = Decider("process", self.agent)
            p.dispatch.post(decisions.reject, p.run, wanted.call, "it was withdrawn", by)
