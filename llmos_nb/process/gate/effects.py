"""The gate of effects: what a step is about to do outside is judged where it happens, and a person asked in place.

The step is held in the middle: it is not run again, since what it did before that would happen twice. A person is asked
past the user's thread, which the step holds (or by the terminal, on that thread); where nobody can be asked, the effect
is refused and the step fails and is taken back. Approvers that were handed in are asked before a person, on a thread of
their own.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from llmos_nb.errors import CallDenied, EffectRefused
from llmos_nb.journal.events import YOU, Decider, EffectDecided, QuestionAsked, SignalReceived
from llmos_nb.policy import (
    TRUSTED,
    UNTRUSTED,
    Came,
    Effect,
    Rule,
    Ruling,
    covered,
    listed,
    rule_on,
    within,
)
from llmos_nb.process.findings import Findings
from llmos_nb.process.gate import approvers
from llmos_nb.process.gate.labels import exposed, joined, moves
from llmos_nb.process.gate.targets import contacted, own, target_of
from llmos_nb.process.run import Run, visit_here
from llmos_nb.process.state.state import say
from llmos_nb.tools import CLOSED, WORKER, Call, kept, places, reentry
from llmos_nb.tools.devices.python import held_up

REASONS = 3
LATE = 20  # places on which what a call has left behind may be decided for good
_ON_DISK = ("write", "delete", "database")
_NOT_IN_COPIES = ("command", "secret")
ENDED = Decider("check", "end of the step")
_OF_SESSION = ("environment", "setting")
MARK = "!"  # between a call's id and the number of its question


class Answer(NamedTuple):
    """What was decided on an effect: whether it may happen, who said so, and why not."""

    allowed: bool
    by: Decider
    why: str = ""


class Effects:
    """The effects of one call that runs.

    Parameters
    ----------
    run : Run
        The process.
    call : Call
        The call.
    seen : Findings
        What the gate found before it was decided on.
    acted : list of str
        What it has done so far, in words; grows meanwhile.
    """

    def __init__(self, run: Run, call: Call, seen: Findings, acted: list[str]) -> None:
        self._run, self._call, self._acted, self._seen = run, call, acted, seen
        self._pid, self._asked, self._lock = os.getpid(), 0, threading.Lock()
        others = call.name in run.tools and run.tools[call.name].source == "untrusted"  # a skill from elsewhere
        self._predicted = seen.predicted if others or _approved(call) else ()  # a person has accepted its rights
        self._folders = [os.path.realpath(Path.cwd()), places()[0]]
        rule = _rule_of(run, call)
        self._free = rule is not None and not rule.risks
        self._rest = rule is not None and bool(rule.risks)
        self.exposed = others or exposed(run)
        self._hosts = set(contacted(run))
        self._decided: dict[tuple[str, str], Answer] = {}
        self._waiting: dict[str, Future[Answer | None]] = {}
        self._after: dict[tuple[str, str], Answer] = {}
        self._over = call.status in CLOSED
        self.brought = Came()
        """What its code took from outside, through declared tools."""

    @reentry.gate
    def permit(self, kind: str, target: str) -> None:
        """Decide on an effect before it happens; called on the step's thread.

        Raises
        ------
        EffectRefused
            It may not happen.
        """
        effect = Effect(str(kind), str(target))
        if os.getpid() != self._pid:  # a copy of the interpreter, which a step was allowed to start
            if kind in _NOT_IN_COPIES and not (answer := self._judged(effect, alone=True)).allowed:
                error = EffectRefused(f"not allowed: {effect.words(self._folders[0])}. {answer.why}".strip())
                error.errno = errno.EACCES  # whoever starts a program in a copy hands it on by that
                raise error
            return
        if self._over:
            self.late(effect, partial(self._judged, effect, alone=True))
            return
        with self._lock:
            answer = self._decided.get(target_of(effect)) or self._judged(effect)
            self._decided[target_of(effect)] = answer
        if not answer.allowed:
            raise EffectRefused(f"not allowed: {effect.words(self._folders[0])}. {answer.why}".strip())
        self._heard(effect)

    def _heard(self, effect: Effect) -> None:
        """Take in that what comes back others may have written; what a program reads nobody sees."""
        if effect.kind == "folder":
            moves(self._run, self._call.id, effect.target)
        if effect.kind == "network":
            self.exposed = True
        elif effect.kind != "process" or effect.target in ("", WORKER):
            return
        self._bring(Came(UNTRUSTED, f"`{self._call.name}` reads {effect.target}"))

    def _bring(self, came: Came) -> None:
        """Add what the call has taken from outside; of many reasons the first ones are said."""
        known = self.brought.why
        told = "" if came.why in known or known.count("; ") >= REASONS else came.why
        self.brought = joined(self.brought, replace(came, why=told))

    def _judged(self, effect: Effect, alone: bool = False) -> Answer:
        s = self._run.state
        known = any((effect.kind, target_of(effect)[1]) == (k, t) for k, t in s.grants)
        known = known or (s.mode == "auto" and not s.closed and target_of(effect) in self._hosts)  # let through before
        verdict = self._run.in_words(partial(
            rule_on, effect, s.mode, exposed=self.exposed, folders=own(self._folders, effect),
            alone=alone or not self.attended, closed=s.closed, outside=s.outside,
            covers=self._free or known or self._foreseen(effect),
        ))  # fmt: skip
        if verdict.what == "ask":
            return self._ask(effect, verdict.why)
        return Answer(verdict.what == "allow", verdict.by, verdict.why)

    def _foreseen(self, effect: Effect) -> bool:
        """Return whether an effect was predicted, and may have been meant by whoever approved steps to come."""
        meant = not self._rest or effect.kind in _OF_SESSION or effect.inside(self._folders)
        return meant and covered(effect, self._predicted, self._folders[0])

    def late(self, effect: Effect, judged: Callable[[], Answer]) -> None:
        """Decide on an effect of what the call has left behind; nobody is asked, and it is written down.

        Raises
        ------
        EffectRefused
            It may not happen.
        """
        s, place = self._run.state, target_of(effect)
        if (answer := self._after.get(place)) is None:
            if s.status == "ended":
                answer = Answer(False, ENDED, f"process {s.pid} has ended; to call it, define it in a cell of your own")
            else:
                answer = judged()
            if len(self._after) < LATE:
                self._after[place] = answer
                what = SignalReceived(
                    signal="late_effect", by=Decider("process", "a step"), call=self._call.id, ok=answer.allowed,
                    why=effect.words(self._folders[0]),
                )  # fmt: skip
                if self._run.relay is not None:
                    self._run.relay.note(partial(self._run.append, what))
        if not answer.allowed:
            left = f"what step {self._call.id} of process {s.pid} has left behind wants to"
            raise EffectRefused(f"not allowed: {left} {effect.words(self._folders[0])}. {answer.why}".strip())

    @property
    def attended(self) -> bool:
        """Whether a person, or an approver of theirs, can be asked while the step runs."""
        return self._run.attended() or self._consults

    @property
    def _consults(self) -> bool:
        tool = self._run.tools.get(self._call.name)
        return tool is not None and approvers.may_decide(self._run, tool, self._seen)

    def _ask(self, effect: Effect, why: str, foreign: list[dict[str, str]] | None = None) -> Answer:
        """Hold the step until somebody has decided; the time that this takes is not the step's."""
        self._asked += 1
        key = f"{self._call.id}{MARK}{self._asked}"
        with held_up():
            if self._consults and approvers.same(self._run):
                answer = self._held(key, lambda: self._consulted(key, effect, why))
                approvers.look(self._run)
                if answer is not None:
                    return answer
            if not self._run.attended():
                return Answer(False, ENDED, say(self._run.state, "nobody", why=why))
            return self._held(key, lambda: self._person(key, effect, why, foreign or [])) or _ENDED

    def _held(self, key: str, ask: Callable[[], None]) -> Answer | None:
        """Hold the step's thread until the question of this key has an answer; None of one that nobody wanted."""
        ticket = self._waiting[key] = Future[Answer | None]()
        if self._over:  # closed meanwhile
            return _ENDED
        try:
            reentry.outside().run(ask)
            return ticket.result()
        finally:
            self._waiting.pop(key, None)

    def _person(self, key: str, effect: Effect, why: str, foreign: list[dict[str, str]]) -> None:
        did = f" So far it has done: {', '.join(self._acted)}." if self._acted else ""
        what = effect.words(self._folders[0])
        line, place = reentry.standing()
        asked = QuestionAsked(
            question=key, about="effect", text=f"{why}{did}", title=what, call=self._call.id, danger=self.exposed,
            effect=[effect.kind, target_of(effect)[1]], risks=[[effect.kind, f"the step wants to {what}"]],
            so_far=self._so_far(), line=line, place=place, foreign=foreign or self._foreign(effect),
        )  # fmt: skip
        self._run.append(asked)
        if self._run.ask_here is not None and threading.current_thread() is threading.main_thread():
            self._run.ask_here(key)

    def _so_far(self) -> list[list[str]]:
        """Return what the step has been let do, and why: ``[kind, target, reason]`` of each; of many, their folders."""
        found: dict[tuple[str, str], list[str]] = {}
        for (kind, target), answer in self._decided.items():
            here = os.path.relpath(target, self._folders[0]) if within(target, self._folders[0]) else target
            why = "foreseen" if self._foreseen(Effect(kind, target)) else "let through"
            if answer.allowed:
                found.setdefault((kind, why), []).append(here)
        return [
            [kind, words, why]
            for (kind, why), targets in found.items()
            for words in (listed(targets, LATE) if kind in _ON_DISK else targets[:LATE])
        ]

    def _foreign(self, effect: Effect) -> list[dict[str, str]]:
        """Return the host or path of an effect where others wrote it."""
        if not self.exposed or effect.kind not in ("network", "write", "delete", "database"):
            return []
        from llmos_nb.process.gate.foreign import traced  # few processes read what others wrote

        target = target_of(effect)[1]
        names = [target] if effect.kind == "network" else [target, os.path.basename(target)]  # noqa: PTH119 - a text
        return next(([found] for name in names if (found := traced(self._run, "", name))), [])

    def _consulted(self, key: str, effect: Effect, why: str) -> None:
        """Ask the approvers beside the step's thread, with none of its code on the stack."""
        what = f"the step wants to {effect.words(self._folders[0])}"
        seen = self._seen.add([(effect.kind, what)], first=True)
        given = self._call.arguments if isinstance(self._call.arguments, dict) else {}
        request = approvers.request_of(self._run, self._call, given, seen, why, "", effect)

        async def consult() -> None:
            answer = None  # a person is asked
            try:
                name, decision, trouble = await approvers.consult(self._run, request, visit_here)
                if decision is not None and decision.what != "edit":  # there is nothing that could be edited
                    why = " ".join(w for w in (approvers.words(decision), *trouble) if w)
                    allowed = decision.what == "approve"
                    answer = self._recorded(key, effect, Answer(allowed, Decider("approver", name), why))
            finally:
                self._settle(key, answer)

        threading.Thread(target=lambda: asyncio.run(consult()), name="llmos-approvers", daemon=True).start()

    def _recorded(self, key: str, effect: Effect, answer: Answer) -> Answer | None:
        """Record what an approver decided, unless the step has ended meanwhile."""
        if key not in self._waiting:
            return None
        self._run.append(EffectDecided(
            question=key, call=self._call.id, effect=[effect.kind, target_of(effect)[1]], scope="once", by=answer.by,
            what="allow" if answer.allowed else "refuse", why=answer.why,
        ))  # fmt: skip
        return answer if answer.allowed else _refusal(answer.by, answer.why)

    @reentry.gate
    def asked(self, effect: Effect, why: str, foreign: list[dict[str, str]] | None = None) -> Decider:
        """Ask about an effect whatever the mode says of it, once each; return who allowed it.

        Parameters
        ----------
        effect : Effect
            What is about to happen.
        why : str
            Why it asks.
        foreign : list of dict, optional
            Values that decide where it goes and that others wrote.

        Raises
        ------
        EffectRefused
            It may not happen.
        """
        effect, why = Effect(str(effect.kind), str(effect.target)), str(why)  # a step may have made up either
        with self._lock:
            known = [effect.kind, effect.target] in self._run.state.grants
            answer = Answer(True, YOU) if known else self._ask(effect, why, foreign)
        if not answer.allowed:
            raise EffectRefused(f"not allowed: {effect.words(self._folders[0])}. {answer.why}".strip())
        return answer.by

    def came(self, came: Came, why: str) -> None:
        """Take in what a tool that the step's code called has given."""
        if came.label != TRUSTED:
            self.exposed = self.exposed or came.label.untrusted
            self._bring(replace(came, why=came.why or why))

    def decided(self, body: EffectDecided) -> None:
        """Let the step go on, or fail, as somebody has decided; on the thread that drives the process.

        Raises
        ------
        CallDenied
            Code of the step decides.
        """
        if reentry.inside():
            raise CallDenied(reentry.DENIED)
        allowed = body.what == "allow"
        self._settle(body.question, Answer(True, body.by) if allowed else _refusal(body.by, body.why))

    def _settle(self, key: str, answer: Answer | None) -> None:
        ticket = self._waiting.pop(key, None)
        if ticket is not None:
            ticket.set_result(answer)

    def close(self) -> None:
        """Refuse what is still asked, and what comes later, since the call has ended."""
        self._over = True
        for key in list(self._waiting):
            self._settle(key, _ENDED)


def _refusal(by: Decider, why: str) -> Answer:
    return Answer(False, by, f"{by.describe('the user')} said no{f': {why}' if why else ''}")


_ENDED = Answer(False, ENDED, "the step has ended")


def unseen(run: Run, seen: Findings, alone: bool) -> Ruling | None:
    """Return what holds a step whose code shows an effect that nothing will tell; None where it may begin."""
    s, folders = run.state, [os.path.realpath(Path.cwd()), places()[0]]
    for kind, told in seen.unseen:
        path = os.path.realpath(os.path.join(folders[0], os.path.expanduser(told)))  # noqa: PTH111, PTH118 - texts
        if kind == "read" and not kept(path):
            continue
        effect = Effect("secret" if kind == "read" else kind, path if told and kind != "network" else told)
        found = rule_on(
            effect, s.mode, covers=False, exposed=exposed(run), folders=own(folders, effect), alone=alone,
            closed=s.closed, outside=s.outside,
        )  # fmt: skip
        if found.what != "allow":
            return found
    return None


def _approved(call: Call) -> bool:
    """Return whether somebody decided on the call who was told what it would do."""
    return call.by.looked or (call.by.in_advance and call.by.kind != "mode")


def _rule_of(run: Run, call: Call) -> Rule | None:
    """Return the rule that let a call through, as its maker has said."""
    n = int(call.by.name) - 1 if call.by.kind == "rule" else -1
    return run.state.rules[n] if 0 <= n < len(run.state.rules) else None
