"""Models without a language model: answers from a recorded run, from a script, or the cells of a skill in order."""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from llmos_nb.errors import ModelRefused, ModelUnavailable, UsageError, nearest
from llmos_nb.journal import history, scan
from llmos_nb.journal.events import Body, CallFinished, ModelResponded
from llmos_nb.messages import Request, Response, ToolCall, Usage
from llmos_nb.models.base import Traits
from llmos_nb.models.openai.errors import ERRORS, Endpoint, classify, retry_after_s
from llmos_nb.models.openai.stream import Accumulator, estimated
from llmos_nb.models.scripted.wire import FAILING, FAULTS, Turn, play


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
        self.answers = [a for e in history(scan(file)[0], file) for a in _answers(e.body)]
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
        """Return the next recorded answer."""
        if self.position >= len(self.answers):
            held = f"{self.traits.name} holds {len(self.answers)} answers"
            raise ModelRefused(f"{held}, and all of them were given")
        answer = self.answers[self.position]
        self.position += 1
        if answer.text:
            on_text(answer.text)
        return answer


def _answers(body: Body) -> list[Response]:
    """Return the answers of an event; those about a text that is kept out stand with the call that asked."""
    match body:
        case ModelResponded() as b:
            calls = tuple(ToolCall(c["name"], c["arguments"]) for c in b.calls)
            usage = Usage(**{k: v for k, v in b.usage.items() if k in Usage.__slots__})
            return [Response(b.text, calls, b.finish, usage, b.cut, b.raw, b.extra)]
        case CallFinished(facts=facts):
            return [Response(text) for text in facts.get("said", ())]
    return []


VERSION = 1

_KEYS = ("text", "plan", "calls", "wait_s", "fault", "usage")
_USAGE = ("prompt", "completion", "cached")
_NEED_CALLS = FAULTS[FAULTS.index("cut_call") :]


def load(file: Path) -> dict[str, Any]:
    """Read a script: its turns, those of each process that a scripted one starts, and what comes after the last.

    Parameters
    ----------
    file : Path
        JSON: ``{"version": 1, "turns": [{"text"}, {"plan": […]}, {"calls": [{"name", "arguments"}]}]}``.
        The keys of a turn may stand together, beside ``wait_s``, ``fault`` and ``usage``; children stand as
        ``"children": [[turn, …], …]``, in their order; ``"after": turn`` answers whatever is asked after the last.

    Returns
    -------
    dict
        With ``turns`` and ``children``, as `parse` takes them, and ``after``, where the script has it.

    Raises
    ------
    UsageError
        When the file cannot be read or is no script.
    """
    try:
        raw = json.loads(file.read_bytes())
    except OSError as error:
        raise UsageError(f"script {file}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"script {file} is not JSON: {error}") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("turns"), list):
        raise UsageError(f'script {file}: write it as {{"version": {VERSION}, "turns": [...]}}')
    if raw.get("version") != VERSION:
        raise UsageError(f"script {file}: version {raw.get('version')!r} is not known; this reads {VERSION}")
    children = raw.get("children", [])
    if not isinstance(children, list) or not all(isinstance(turns, list) for turns in children):
        raise UsageError(f"script {file}: `children` must be a list of lists of turns")
    return {**raw, "children": children}


def parse(turns: Iterable[object], where: str = "script") -> tuple[Turn, ...]:
    """Check turns that are plain data.

    Parameters
    ----------
    turns : iterable of dict
        As they stand in a script.
    where : str
        What the errors begin with.

    Returns
    -------
    tuple of Turn
        The turns in order.
    """
    return tuple(_turn(t, f"{where}: turn {n}") for n, t in enumerate(turns, 1))


def _turn(raw: object, where: str) -> Turn:
    turn = _mapping(raw, where, _KEYS)
    calls = [_call(c, f"{where}: call {n}") for n, c in enumerate(_list(turn, "calls", where), 1)]
    if plan := _list(turn, "plan", where):
        steps = [dict(_mapping(s, f"{where}: plan", ("title", "expect", "depends_on"))) for s in plan]
        if not all(isinstance(s.get("title"), str) for s in steps):
            raise UsageError(f"{where}: each step of the plan needs a `title`")
        calls.insert(0, {"name": "plan", "arguments": {"steps": steps}})
    text, wait_s, fault = turn.get("text", ""), turn.get("wait_s", 0), turn.get("fault", "")
    if not isinstance(text, str):
        raise UsageError(f"{where}: `text` must be a text")
    if isinstance(wait_s, bool) or not isinstance(wait_s, int | float) or not 0 <= wait_s < float("inf"):
        raise UsageError(f"{where}: `wait_s` must be a number of seconds")
    _check_fault(fault, calls, where)
    if not (text or calls or fault):
        raise UsageError(f"{where} says nothing; give it `text`, `plan`, `calls` or a `fault`")
    return Turn(text, tuple(calls), float(wait_s), fault, _usage(turn.get("usage", {}), where))


def _check_fault(fault: object, calls: list[dict[str, Any]], where: str) -> None:
    if not isinstance(fault, str) or (fault and fault not in FAULTS):
        hint = nearest(str(fault), FAULTS) or f"; known are {', '.join(FAULTS)}"
        raise UsageError(f"{where}: no fault is named {fault!r}{hint}")
    if fault in _NEED_CALLS and not calls:
        raise UsageError(f"{where}: the fault `{fault}` needs a turn with `calls`")
    if fault == "object_args" and not all(isinstance(c["arguments"], dict) for c in calls):
        raise UsageError(f"{where}: the fault `object_args` needs arguments that are objects")


def _call(raw: object, where: str) -> dict[str, Any]:
    call = _mapping(raw, where, ("name", "arguments"))
    if not isinstance(call.get("name"), str) or not call["name"]:
        raise UsageError(f"{where} needs a `name`")
    if not isinstance(call.get("arguments", {}), dict | str):
        raise UsageError(f"{where}: `arguments` must be an object, or a text that is sent word for word")
    return {"name": call["name"], "arguments": call.get("arguments", {})}


def _usage(raw: object, where: str) -> dict[str, int]:
    found = _mapping(raw, f"{where}: usage", _USAGE)
    if any(isinstance(v, bool) or not isinstance(v, int) or v < 0 for v in found.values()):
        raise UsageError(f"{where}: usage counts whole tokens")
    return dict(found)


def _mapping(raw: object, where: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise UsageError(f"{where} must be an object with {', '.join(keys)}")
    for key in (k for k in raw if k not in keys):
        hint = nearest(str(key), keys) or f"; known are {', '.join(keys)}"
        raise UsageError(f"{where}: key {key!r} is not known{hint}")
    return raw


def _list(turn: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = turn.get(key, [])
    if not isinstance(value, list) or (key in turn and not value):
        raise UsageError(f"{where}: `{key}` must be a list that is not empty")
    return value


STALL_S = 1.0


Source = str | os.PathLike[str] | Sequence[Any]


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
        A file may also have one turn ``after``: it answers each request after the last of the turns.
    """

    slots, endpoint = math.inf, ""

    def __init__(self, source: Source, traits: Traits | None = None, children: Sequence[Any] = ()) -> None:
        name, where, at, after = "script", "script", "", None
        if isinstance(source, str | os.PathLike):
            name, where = f"script:{os.fspath(source)}", f"script {Path(source)}"
            at = f"{where}: "
            raw = load(Path(source))
            turns, children, after = raw["turns"], raw["children"], raw.get("after")
        else:
            turns = source
        self.turns = parse(turns, where)
        self.after = None if after is None else _turn(after, f"{where}: after")
        self.children = [parse(turns, f"{at}child {n}") for n, turns in enumerate(children, 1)]
        self.traits = traits or Traits(name, images=True)
        self.position = 0
        self._at = Endpoint("the scripted model", "the script", "the script")

    def child(self, nth: int) -> ScriptedModel:
        """Return the model of the n-th process that this one's process starts, from 0."""
        if nth >= len(self.children):
            have = f"{self.traits.name} has turns for {len(self.children)} children"
            raise UsageError(f"{have}; add some to go on")
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
        fails = [t.fault in FAILING for t in self.turns]
        while answers and self.position < len(fails):
            answers -= not fails[self.position]
            self.position += 1
        self.position += sum(takewhile(bool, fails[self.position : self.position + failures]))

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Answer with the next turn, or fail as it says."""
        turn = self.turns[self.position] if self.position < len(self.turns) else self.after
        if turn is None:
            have = "1 turn" if len(self.turns) == 1 else f"{len(self.turns)} turns"
            other = "or name another model: %agent resume P -m SPEC"
            raise ModelRefused(f"{self.traits.name} has only {have}; add one to go on, {other}")
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


class CellsModel(ScriptedModel):
    """Proposes cells in order.

    Parameters
    ----------
    source : path-like
        A script whose turns each run one cell; the last gives the answer.
    """

    def __init__(self, source: str | os.PathLike[str]) -> None:
        super().__init__(source, Traits(f"skill:{Path(source).parent.parent.name}", plans=False))

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Propose the next cell, unless the last one failed or was refused: what follows rests on it."""
        last = next((m.text for m in reversed(request.messages) if m.role == "tool"), "")
        if last.startswith(("Error", "Not run")):
            why = last.splitlines()[-1][:200]
            raise ModelRefused(f"the skill stops here, since its last cell did not run: {why}")
        return await super().respond(request, on_text)
