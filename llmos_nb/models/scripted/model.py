"""Models without a language model: answers from a recorded run, from a script, or the cells of a skill in order."""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
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
            raise ModelRefused(
                f"{self.traits.name} holds {len(self.answers)} answers, and all of them were given"
            )
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
            return [Response(b.text, calls, b.finish, usage, b.cut, b.raw)]
        case CallFinished(facts=facts):
            return [Response(text) for text in facts.get("said", ())]
    return []


VERSION = 1

_KEYS = ("text", "plan", "calls", "wait_s", "fault", "usage")
_USAGE = ("prompt", "completion", "cached")
_NEED_CALLS = FAULTS[FAULTS.index("cut_call") :]


def load(path: str | os.PathLike[str]) -> tuple[Turn, ...]:
    """Read the turns of a script.

    Parameters
    ----------
    path : path-like
        JSON: ``{"version": 1, "turns": [{"text"}, {"plan": […]}, {"calls": [{"name", "arguments"}]}]}``.
        The keys of a turn may stand together, beside ``wait_s``, ``fault`` and ``usage``.

    Returns
    -------
    tuple of Turn
        The turns in order.

    Raises
    ------
    UsageError
        When the file cannot be read or something in it is not understood.
    """
    return parse(_read(path)["turns"], f"script {Path(path)}")


def load_children(path: str | os.PathLike[str]) -> list[tuple[Turn, ...]]:
    """Read the scripts of the processes that a scripted one starts: ``"children": [[turn, …], …]``, in their order."""
    found = _read(path).get("children", [])
    if not isinstance(found, list) or not all(isinstance(turns, list) for turns in found):
        raise UsageError(f"script {Path(path)}: `children` must be a list of lists of turns")
    return [parse(turns, f"script {Path(path)}: child {n}") for n, turns in enumerate(found, 1)]


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
    file = Path(path)
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
    return raw


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
        calls.insert(0, {"name": "plan", "arguments": {"steps": [_step(s, where) for s in plan]}})
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


def _step(raw: object, where: str) -> dict[str, Any]:
    step = _mapping(raw, f"{where}: plan", ("title", "expect", "depends_on"))
    if not isinstance(step.get("title"), str):
        raise UsageError(f"{where}: each step of the plan needs a `title`")
    return dict(step)


def _usage(raw: object, where: str) -> dict[str, int]:
    found = _mapping(raw, f"{where}: usage", _USAGE)
    if any(isinstance(v, bool) or not isinstance(v, int) or v < 0 for v in found.values()):
        raise UsageError(f"{where}: usage counts whole tokens")
    return dict(found)


def _mapping(raw: object, where: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise UsageError(f"{where} must be an object with {', '.join(keys)}")
    for key in raw:
        if key not in keys:
            hint = nearest(str(key), keys) or f"; known are {', '.join(keys)}"
            raise UsageError(f"{where}: key {key!r} is not known{hint}")
    return raw


def _list(turn: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = turn.get(key, [])
    if not isinstance(value, list) or (key in turn and not value):
        raise UsageError(f"{where}: `{key}` must be a list that is not empty")
    return value


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
            name, self.turns = f"script:{os.fspath(source)}", load(source)
            self.children = load_children(source)
        else:
            name, self.turns = "script", parse(source)
            self.children = [parse(turns, f"child {n}") for n, turns in enumerate(children, 1)]
        self.traits = traits or Traits(name, images=True)
        self.position = 0
        self._at = Endpoint("the scripted model", "the script", "the script")

    def child(self, nth: int) -> ScriptedModel:
        """Return the model of the n-th process that this one's process starts, from 0."""
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


_NOT_WELL = ("Error", "Not run")


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
        if last.startswith(_NOT_WELL):
            raise ModelRefused(
                f"the skill stops here, since its last cell did not run: {last.splitlines()[-1][:200]}"
            )
        return await super().respond(request, on_text)
