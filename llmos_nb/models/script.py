"""Scripts: a file of turns, read with an error that names the place."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError, nearest
from llmos_nb.models.wire import FAULTS, Turn

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


def children(path: str | os.PathLike[str]) -> list[tuple[Turn, ...]]:
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
