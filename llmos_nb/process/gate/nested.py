"""Calls of declared tools from a step's own code: each is a call of that tool, with the gate's ruling and a record."""

from __future__ import annotations

import inspect
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from enum import Enum
from functools import partial
from inspect import isawaitable
from types import FrameType, FunctionType
from typing import TYPE_CHECKING, Any, cast

from llmos_nb.errors import EffectRefused, Unreadable
from llmos_nb.journal.events import Decider, ToolCalled, ToolReturned
from llmos_nb.messages import ToolResult
from llmos_nb.policy import TRUSTED, UNTRUSTED, Came, Effect, Ruling, commitments
from llmos_nb.process.gate import labels as gate_labels
from llmos_nb.process.gate.judge import AUTO, look, ruling
from llmos_nb.process.run import EffectGate, Run
from llmos_nb.process.state.state import say
from llmos_nb.tools import (
    CLOSED,
    Call,
    Tool,
    bounded,
    calling,
    current_call,
    functions_of,
    intercepted,
    reentry,
)

if TYPE_CHECKING:
    from llmos_nb.process.gate.effects import Answer

OTHERS = "the step has read what others wrote before"
SHOWN = 300  # characters of a call, as a person is asked; values of an array that is compared
_KNOWN = ("numpy", "decimal", "datetime", "pathlib", "uuid")  # other classes may say what they like


def declared_in(run: Run) -> dict[FunctionType, Tool]:
    """Return the tools of a process by the Python functions behind them; devices are called in no other way."""
    own = (tool for tool in run.tools.values() if tool.runner is None and not tool.elsewhere and not tool.server)
    return {function: tool for tool in own for function in functions_of(tool.fn)}


class Nested:
    """The declared tools that one step may call from its code.

    Parameters
    ----------
    run, call : Run, Call
        The process and the step.
    effects : callable
        Returns the step's gate of effects, which asks.
    """

    def __init__(self, run: Run, call: Call, effects: Callable[[], EffectGate]) -> None:
        self._run, self._call, self._effects = run, call, effects
        self._tools, self._count = declared_in(run), 0
        self._lock = threading.RLock()  # threads share the acts: none is judged before the last is recorded

    def watched(self) -> AbstractContextManager[None]:
        """Intercept calls of them in the code of the step whose context this is."""
        context = current_call.get()
        assert context is not None  # noqa: S101 - a device asks for it while it runs a call
        self._context = context
        return intercepted(self._tools, context, self._enter)

    def _enter(
        self,
        function: FunctionType,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Judge a call, then make it; what it gives is noted, and goes back to the step's code."""
        tool = self._tools[function]
        if tool.outward and self._run.state.closed:  # what is judged is what is sent
            args, kwargs = _settled(args), _settled(kwargs)
        with self._lock:
            self._count = n = self._count + 1
        call = Call(f"{self._call.id}.{n}", tool.name, _arguments(original, args, kwargs), self._call.step)
        if self._run.state.calls[self._call.id].status in CLOSED:
            self._effects().late(_effect(call), partial(self._left, call, tool))
            return original(*args, **kwargs)
        self._look_up(call, tool)
        with self._lock:
            by, act = self._judged(call, tool)
            if tool.effect != "read":
                self._context.acting(f"call {tool.name}")
            called = ToolCalled(
                call=call.id, within=self._call.id, tool=tool.name, arguments=_given(call), by=by, act=act
            )
            self._append(called)
        # what it calls itself is its own business
        try:
            with self._own(call.id, f"{self._context.key}.{n}"):
                value = original(*args, **kwargs)
        except BaseException as error:
            self._done(tool, call, ToolResult(False, bounded(str(error))[0]), type(error).__name__)
            raise
        return self._awaited(tool, call, value) if isawaitable(value) else self._returned(tool, call, value)

    async def _awaited(self, tool: Tool, call: Call, value: Any) -> Any:
        try:
            with self._own(call.id, self._context.key):
                found = await value
        except BaseException as error:
            self._done(tool, call, ToolResult(False, bounded(str(error))[0]), type(error).__name__)
            raise
        return self._returned(tool, call, found)

    @contextmanager
    def _own(self, call: str, key: str) -> Iterator[None]:
        """Have what a tool calls be its own business; what code of the step calls that it was handed is not."""
        context = replace(self._context, call=call, key=key)
        token = current_call.set(context)
        try:
            with calling(context, self._handed):
                yield
        finally:
            current_call.reset(token)

    def _handed(
        self,
        function: FunctionType,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Judge a call that code of the step makes where a tool has called that."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code not in _MADE:
            if reentry.of_step(frame.f_code):
                return self._enter(function, original, args, kwargs)
            frame = frame.f_back
        return original(*args, **kwargs)

    def _returned(self, tool: Tool, call: Call, value: Any) -> Any:
        result = ToolResult(True, bounded(value if isinstance(value, str) else _plain(value))[0], value=value)
        came = Came(UNTRUSTED if tool.source == "untrusted" else TRUSTED)
        came = gate_labels.gave(tool, came, result)
        self._effects().came(came, f"`{tool.name}` gives data from outside")
        self._done(tool, call, result)
        return value

    def _done(self, tool: Tool, call: Call, result: ToolResult, error: str = "") -> None:
        """Note what a call gave, for the record and for acts that name it."""
        run, within = self._run, self._call.id
        if run.state.closed:
            from llmos_nb.process.gate.cover import keep  # few processes commit to anything

            with self._lock:
                keep(run, call.id, tool, _given(call), result)
        self._append(ToolReturned(call=call.id, within=within, ok=result.ok, result=result.text, error=error))

    def _look_up(self, call: Call, tool: Tool) -> None:
        """Make the reads that acts need to judge a call; with no lock held, since they are code of the user's."""
        if self._run.state.closed:
            from llmos_nb.process.gate.cover import look_up_here  # few processes commit to anything

            look_up_here(self._run, call, self._call.id, tool, _given(call))

    def _judged(self, call: Call, tool: Tool) -> tuple[Decider, dict[str, Any] | None]:
        """Return who lets a call through, and the act that it uses.

        Raises
        ------
        EffectRefused
            It may not be made.
        """
        run, arguments = self._run, _given(call)
        seen = look(run, call, tool, arguments)
        verdict, act = ruling(run, call, tool, arguments, seen), None if seen.use is None else dict(seen.use)
        free = verdict == Ruling("allow", AUTO)
        if free and tool.outward and self._effects().exposed:
            verdict = Ruling("ask", verdict.by, f"It asks because `{tool.name}` acts outside, and {OTHERS}.")
        if verdict.what == "ask" and run.state.mode == "step" and tool.effect in ("read", "namespace"):
            return self._call.by, None  # the step was approved as it stands
        effect = _effect(call)
        if verdict.what == "allow":
            return verdict.by, act
        if verdict.what == "ask" and self._effects().attended:
            return self._effects().asked(effect, verdict.why, self._foreign(call, tool)), act
        why = verdict.why if verdict.what == "deny" else say(run.state, "nobody", why=verdict.why)
        raise EffectRefused(f"not allowed: {effect.words('')}. {why}")

    def _foreign(self, call: Call, tool: Tool) -> list[dict[str, str]]:
        """Return the arguments that decide where a call goes and that others wrote."""
        if not (tool.outward and self._effects().exposed):
            return []
        from llmos_nb.process.gate.foreign import foreign  # few processes read what others wrote

        return foreign(self._run, tool, _given(call))

    def _left(self, call: Call, tool: Tool) -> Answer:
        """Judge a call of what the step has left behind: it uses no act, and nobody is asked."""
        from llmos_nb.process.gate.effects import Answer

        seen = look(self._run, call, tool, _given(call))
        verdict = ruling(self._run, call, tool, _given(call), seen)
        exposed = tool.outward and self._effects().exposed and verdict.by == AUTO
        free = verdict.what == "allow" and seen.use is None and not exposed
        return Answer(free, verdict.by, "" if free else "its step has ended, and what is left of one uses no act")

    def _append(self, body: ToolCalled | ToolReturned) -> None:
        reentry.outside().run(self._run.append, body)


def _arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return arguments by name, as plain data."""
    try:
        signature = inspect.signature(function)
        bound = signature.bind(*args, **kwargs)
    except (TypeError, NameError):  # the call will say so itself; an annotation that names what is not there
        given: dict[str, Any] = {**{f"argument {n}": v for n, v in enumerate(args, 1)}, **kwargs}
    else:
        bound.apply_defaults()
        given = dict(bound.arguments)
        given.pop("self", None)
        for name in [n for n, p in signature.parameters.items() if p.kind is p.VAR_KEYWORD]:
            given |= given.pop(name)
    return {name: _data(value) for name, value in given.items()}


_MADE = (Nested._enter.__code__, Nested._awaited.__code__)  # below these is the tool, above them the step


def _effect(call: Call) -> Effect:
    said = ", ".join(f"{k}={v!r}" for k, v in _given(call).items())
    return Effect("call", f"{call.name}({said})"[:SHOWN])


def _given(call: Call) -> dict[str, Any]:
    """Return the arguments of a call that code made, by name: a call of a model may hold what it could not spell."""
    return dict(cast("dict[str, Any]", call.arguments))


def _settled(value: Any) -> Any:
    """Return texts, lists and mappings as copies that nothing changes meanwhile, and that say what they hold."""
    if isinstance(value, str):
        return value if isinstance(value, Enum) else str.__str__(value)
    if isinstance(value, dict):
        return {k: _settled(v) for k, v in dict.items(value)}
    if type(value) is tuple or isinstance(value, list):
        return (list if isinstance(value, list) else tuple)(_settled(v) for v in value)
    return value


def _data(value: Any) -> Any:
    """Return a value as plain data; of what is none, how it shows itself."""
    with suppress(TypeError, ValueError, RecursionError):
        return json.loads(json.dumps(value, allow_nan=False))  # NaN would count as absent
    with suppress(Unreadable):
        small = type(value).__module__ in _KNOWN and getattr(value, "size", 0) <= SHOWN
        if small and (found := commitments.plain(value)) is not None:
            return found
    return f"<{type(value).__name__}> {_plain(value)}"  # equal to no text, whatever it says of itself


def _plain(value: Any) -> str:
    try:
        return bounded(repr(value))[0]
    except Exception:  # a class of the user's own
        return f"<{type(value).__name__}>"
