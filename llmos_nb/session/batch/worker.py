"""One run of a batch, as a spec asks for it and a worker does it: begun once, then taken up from its journal.

The home must be reachable by all workers. There each spec has a place of its own, with a lock and the name of its
run. The lock belongs to the operating system, so that it ends with the worker that held it, however that worker died.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from hashlib import sha256
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from llmos_nb.errors import JournalLocked, LlmosError, UsageError, check_keys
from llmos_nb.messages import canonical
from llmos_nb.policy import budget, parse_mode
from llmos_nb.policy.secrets import vault
from llmos_nb.process.scheduling import NamespaceLock
from llmos_nb.session.process import Process
from llmos_nb.session.session import Session
from llmos_nb.tools.devices import is_offered

Spec = Mapping[str, Any]
Result = dict[str, Any]
KEYS = ("id", "goal", "model", "approve", "budget", "tools", "inputs", "home", "plan", "check")
_TEXTS = ("model", "approve", "budget", "home", "plan", "check")


def read_specs(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON lines; empty lines are left out.

    Raises
    ------
    UsageError
        Names file and line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not (found := [(f"{path}:{n}", line) for n, line in enumerate(lines, 1) if line.strip()]):
        hint = 'write a line a run, as in {"id": "a", "goal": "…"}'
        raise UsageError(f"{path}: there is no spec in it; {hint}")
    return check_specs([_object(line, place) for place, line in found], [place for place, _ in found])


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place}: not JSON ({error})") from error
    if not isinstance(raw, dict):
        raise UsageError(f"{place}: must be an object with id, goal and more, not {line.strip()[:40]!r}")
    return raw


def check_specs(specs: Iterable[Spec], places: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Check all specs before any is run; an id stands once."""
    listed = [dict(spec) for spec in specs]
    seen: dict[str, str] = {}
    for spec, place in zip(listed, places or (f"spec {i}" for i in count(1)), strict=False):
        check_spec(spec, place)
        if spec["id"] in seen:
            raise UsageError(f"{place}: the id {spec['id']!r} stands at {seen[spec['id']]} already")
        seen[spec["id"]] = place
    return listed


def check_spec(spec: Spec, place: str) -> None:
    """Check the keys and values of a spec."""
    check_keys(spec, KEYS, place)
    for key in ("id", "goal"):
        if not isinstance(spec.get(key), str) or not spec[key].strip():
            raise UsageError(f"{place}: {key} must be a text that is not empty")
    for key in _TEXTS:
        if spec.get(key) is not None and not isinstance(spec[key], str):
            raise UsageError(f"{place}: {key} must be a text, not {spec[key]!r}")
    tools, inputs = spec.get("tools") or [], spec.get("inputs") or {}
    good = isinstance(tools, list | tuple) and all(isinstance(t, str) for t in tools)
    if not good or not all(":" in t or is_offered(t) for t in tools):
        raise UsageError(f'{place}: tools must be a list such as ["module:function", "sql"], not {tools!r}')
    if not isinstance(inputs, dict) or not all(isinstance(n, str) and n.isidentifier() for n in inputs):
        raise UsageError(f"{place}: inputs must be an object of names and values")
    try:
        parse_mode(spec.get("approve") or "risky")
        budget.parse(spec.get("budget") or budget.DEFAULT)
        json.dumps(spec.get("inputs"), allow_nan=True)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{place}: inputs must be plain JSON ({error})") from error


PATIENCE_S = 30.0
_LOOK_S = 0.1
_WORK = ("goal", "tools", "inputs", "plan", "check")  # what makes it another run; model and bounds may change

# steps of all threads take turns: streams, working folder, environment and random state are shared by them
_steps = NamespaceLock()
_live: list[tuple[str, Process]] = []


def run_one(spec: Spec, batch: str = "") -> Result:
    """Run one spec until it is settled and give its result; whatever goes wrong is in the result.

    Parameters
    ----------
    spec : mapping
        Checked, with an absolute `home`.
    batch : str
        Which batch it belongs to, for `stop`.
    """
    try:
        return asyncio.run(_run(spec, batch))
    except JournalLocked as error:
        return result_of(spec, state="running", detail=str(error))
    except LlmosError as error:
        return result_of(spec, reason="failed", detail=str(error))
    except Exception as error:  # of the modules that hold its tools
        return result_of(spec, reason="failed", detail=f"{type(error).__name__}: {error}")


def result_of(spec: Spec, state: str = "ended", **facts: Any) -> Result:
    """Return a result as plain JSON in which no secret stands."""
    known = {"id": spec["id"], "state": state, "reason": None, "answer": None, "detail": "", **facts}
    return dict(vault.plain({**known, "spec": digest_of(spec)}))


def digest_of(spec: Mapping[str, Any]) -> str:
    """Name the work that a spec asks for."""
    return sha256(canonical([spec.get(k) or None for k in _WORK]).encode()).hexdigest()[:16]


async def _run(spec: Mapping[str, Any], batch: str) -> dict[str, Any]:
    tools = [t if is_offered(t) else _function(t) for t in spec.get("tools") or ()]
    session = Session(dict(spec.get("inputs") or {}), spec["home"])
    session.writes = _steps
    place = session.home.root / "batch" / _folder(spec["id"])
    async with _alone(place, spec["id"]):
        process = await _taken_up(session, place, spec, tools) or _begun(session, place, spec, tools)
        entry = (batch, process)
        _live.append(entry)
        try:
            await process.attend(patient=False)
        finally:
            _live.remove(entry)
    return _result(spec, process)


def _function(name: str) -> Any:
    """Import ``module:function``."""
    module, _, function = name.partition(":")
    try:
        return getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        hint = "write module:function, of a module on the worker's path"
        raise UsageError(f"tools {name!r}: {error}; {hint}") from error


def _folder(name: str) -> str:
    """Name the place of a spec: readable, and another one for every other id."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24]
    return f"{slug}-{sha256(name.encode()).hexdigest()[:8]}".lstrip("-")


@contextlib.asynccontextmanager
async def _alone(place: Path, name: str) -> AsyncIterator[None]:
    """Hold the place of a spec; a worker that was given up but lives gets time to finish.

    Raises
    ------
    JournalLocked
        It is still at work.
    """
    place.mkdir(parents=True, exist_ok=True)
    lock, waited = FileLock(str(place / "lock"), thread_local=False), 0.0
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            if waited >= PATIENCE_S:
                raise JournalLocked(f"run {name!r} is at work elsewhere; run the batch again later") from None
        await asyncio.sleep(_LOOK_S)
        waited += _LOOK_S
    try:
        yield
    finally:
        lock.release()


async def _taken_up(session: Session, place: Path, spec: Mapping[str, Any], tools: list[Any]) -> Process | None:
    """Load the run that this spec has, and go on where it had not ended; None where it has none."""
    note = place / "run.json"
    if not note.exists():
        return None
    known = json.loads(note.read_text(encoding="utf-8"))
    was = f"id {spec['id']!r} was run"
    if known["spec"] != digest_of(spec):
        raise UsageError(f"{was} for something else in {session.home.root}; give it another id or home")
    if "deleted" in known:
        raise UsageError(f"{was}, and its run deleted on {known['deleted']}; give it another id")
    journal = session.home.root / known["journal"]
    if not journal.exists() or not journal.stat().st_size:  # the worker was lost before the first event
        return None
    process = session.load(journal, tools=tools, model=spec.get("model"))
    if process.state != "ended":
        await session.resume(process)
    return process


def _begun(session: Session, place: Path, spec: Mapping[str, Any], tools: list[Any]) -> Process:
    """Begin the run; where it stands is on disk before anything of it happens."""
    options = {k: spec[k] for k in ("model", "approve", "budget", "plan", "check") if spec.get(k)}
    process = session.create(spec["goal"], name=spec["id"][:64], tools=tools, **options)
    journal = process.journal.path.relative_to(session.home.root).as_posix()
    write_whole(place / "run.json", json.dumps({"spec": digest_of(spec), "journal": journal}))
    return process.start()


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}.new")
    with draft.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)


def stop(batch: str = "") -> int:
    """Stop what runs here, of one batch or of all: each run pauses, saved. From any thread."""
    found = [p for b, p in list(_live) if batch in ("", b)]
    for process in found:
        process.stop(by="the batch")
    return len(found)


def quiet(seconds: float) -> bool:
    """Wait until nothing runs here any more, at most so long; tell whether it is so."""
    until = time.monotonic() + seconds
    while _live and time.monotonic() < until:
        time.sleep(_LOOK_S)
    return not _live


def _result(spec: Mapping[str, Any], process: Process) -> dict[str, Any]:
    facts = {n: getattr(process, n) for n in ("state", "reason", "answer", "detail", "pid")}
    facts |= {"journal": str(process.journal.path), "spent": dict(process.run.state.spent)}
    if questions := process.run.state.questions:
        told = ((key, q["kind"], q.get("title") or q["text"]) for key, q in questions.items())
        facts["waits_for"] = [dict(zip(("question", "kind", "text"), t, strict=True)) for t in told]
    return result_of(spec, **facts)
