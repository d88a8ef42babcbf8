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
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from filelock import FileLock, Timeout

from llmos_nb.errors import JournalLocked, LlmosError, UsageError, check_keys
from llmos_nb.journal import let_go
from llmos_nb.journal.events import Decider
from llmos_nb.messages import canonical
from llmos_nb.policy import budget, parse_mode
from llmos_nb.policy.secrets import vault
from llmos_nb.process.scheduling import NamespaceLock
from llmos_nb.process.state import resumes
from llmos_nb.session import config
from llmos_nb.session.batch.cap import Cap, cap_of
from llmos_nb.session.process import Process
from llmos_nb.session.session import Session
from llmos_nb.session.tightening import bounded, known_model, stricter
from llmos_nb.tools.devices import is_offered

Spec = Mapping[str, Any]
Result = dict[str, Any]
KEYS = ("id", "goal", "model", "approve", "budget", "tools", "inputs", "home", "plan", "check", "acts")
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
        config.check_acts(spec.get("acts") or [])
        parse_mode(spec.get("approve") or "risky")
        budget.parse(spec.get("budget") or budget.DEFAULT)
        json.dumps(spec.get("inputs"), allow_nan=True)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{place}: inputs must be plain JSON ({error})") from error


def powers(specs: Iterable[Spec]) -> list[str]:
    """Say what specs of a file ask for beyond a goal: what only a file may that its user trusts, each once."""
    return list(dict.fromkeys(words for spec in specs for words in _powers(spec)))


def _powers(spec: Spec) -> Iterator[str]:
    model, mode, home = spec.get("model") or "", spec.get("approve") or "risky", spec.get("home")
    if known_model(model) != model:
        yield f"has {model} answer"
    if stricter(parse_mode(mode), "risky") != mode:
        yield f"lets steps run in the mode {mode}"
    if (amounts := spec.get("budget")) and bounded(amounts) != amounts:
        yield f"spends {amounts}"
    if home and not Path(home).resolve().is_relative_to(Path.cwd()):
        yield f"keeps its runs in {home}"
    if spec.get("check"):
        yield f"evaluates {spec['check']}"
    yield from (f"lets {act} go out unasked" for act in (*(spec.get("acts") or ()), *_planned(spec)))
    yield from (f"imports {tool}" for tool in spec.get("tools") or () if not is_offered(tool))


def _planned(spec: Spec) -> Iterator[Any]:
    """Return the acts of the plan that a spec gives among its inputs."""
    steps = (spec.get("inputs") or {}).get(spec.get("plan"))
    for step in steps if isinstance(steps, list) else ():
        acts = step.get("acts") if isinstance(step, dict) else None
        yield from acts if isinstance(acts, list) else ()


BATCH = Decider("process", "the batch")
PATIENCE_S = 30.0
_LOOK_S = 0.1
_WORK = ("goal", "tools", "inputs", "plan", "check")  # what makes it another run; model and bounds may change

# steps of all threads take turns: streams, working folder, environment and random state are shared by them
_steps = NamespaceLock()
_live: list[tuple[str, Process]] = []


def run_one(spec: Spec, batch: str = "", retry: str = "", cap: Mapping[str, Any] | None = None) -> Result:
    """Run one spec until it is settled and give its result; whatever goes wrong is in the result.

    Parameters
    ----------
    spec : mapping
        Checked, with an absolute `home`.
    batch : str
        Which batch it belongs to, for `stop`.
    retry : str
        Of `RETRY`: which end without an answer it goes on from.
    cap : mapping, optional
        What the whole batch may use up, as `cap_of` reads it.
    """
    try:
        return asyncio.run(_run(spec, batch, retry, cap_of(cap)))
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
    work = [spec.get(k) or None for k in _WORK] + [acts for acts in (spec.get("acts"),) if acts]
    return sha256(canonical(work).encode()).hexdigest()[:16]


async def _run(spec: Spec, batch: str, retry: str, cap: Cap | None) -> Result:
    tools = [n if is_offered(n) else function_named(n) for n in spec.get("tools") or ()]
    session = Session(dict(spec.get("inputs") or {}), spec["home"])
    session.writes = _steps
    session.home.prepare()
    place = place_of(spec)
    async with _alone(place, spec["id"]):
        process = _found(session, place, spec, tools)
        over = process is not None and process.state == "ended" and not retries(process.reason, retry)
        if not over and cap is not None and cap.over:
            return result_of(spec, state="paused", detail=f"not begun: {cap.why}")
        process = process or _made(session, place, spec, tools)
        if cap is not None:
            cap.follow(process, partial(stop, batch, Decider("process", cap.why)))
        entry = (batch, process)
        _live.append(entry)
        try:
            await _go_on(session, process, spec, retry)
            await process.attend(patient=False)
        finally:
            _live.remove(entry)
            let_go(process.journal.path)  # whoever comes next goes on with it, as this worker does nothing more
    return _result(spec, process)


def function_named(name: str, folder: str = "") -> Any:
    """Import ``module:function``; a module that stands in `folder`, from there.

    Raises
    ------
    UsageError
        There is no such function, or the module is here already from elsewhere.
    """
    module, _, function = name.partition(":")
    try:
        return getattr(_imported(module, folder), function)
    except (ImportError, AttributeError, ValueError) as error:
        hint = f"write module:function, of a module that is installed or stands in {folder or Path.cwd()}"
        raise UsageError(f"tools {name!r}: {error}; {hint}") from error


def _imported(module: str, folder: str) -> ModuleType:
    top = Path(folder, module.partition(".")[0])
    if not folder or not (top.is_dir() or top.with_suffix(".py").exists()):
        return import_module(module)
    sys.path.insert(0, folder)
    try:
        found = import_module(module)
    finally:
        sys.path.remove(folder)
    if (file := found.__file__) and not Path(file).is_relative_to(folder):
        raise UsageError(f"tools: there is a module {module} here already, {file}; give yours another name")
    return found


def place_of(spec: Spec) -> Path:
    """Return the place of a spec in its home."""
    return Path(spec["home"]) / "batch" / _folder(spec["id"])


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


RETRY = ("failed", "budget", "all")


def retries(reason: str | None, retry: str) -> bool:
    """Return whether a run that ended so, without an answer, is to go on."""
    return bool(retry) and reason != "answered" and retry in ("all", reason)


async def _go_on(session: Session, process: Process, spec: Spec, retry: str) -> None:
    """Begin to drive a run, or go on with it, also after such an end as is to be tried again."""
    s = process.run.state
    if not process.cold:
        process.start()
    elif process.state != "ended" or (retries(process.reason, retry) and resumes(s)):
        more = budget.parse(spec.get("budget") or budget.DEFAULT).limits
        raised = {u: n - s.budget.limits[u] for u, n in more.items() if n > s.budget.limits.get(u, n)}
        if process.state == "ended" and raised:
            await process.budget(str(budget.Budget(raised)), by=BATCH)
        await session.resume(process)


def known_run(place: Path) -> dict[str, Any]:
    """Return what is noted of the run of a spec; nothing where it has none."""
    note = place / "run.json"
    return dict(json.loads(note.read_text(encoding="utf-8"))) if note.exists() else {}


def _found(session: Session, place: Path, spec: Spec, tools: list[Any]) -> Process | None:
    """Load the run that this spec has; None where it has none."""
    if not (known := known_run(place)):
        return None
    was = f"id {spec['id']!r} was run"
    if known["spec"] != digest_of(spec):
        raise UsageError(f"{was} for something else in {session.home.root}; give it another id or home")
    if "deleted" in known:
        raise UsageError(f"{was}, and its run deleted on {known['deleted']}; give it another id")
    journal = session.home.root / known["journal"]
    if not journal.exists() or not journal.stat().st_size:  # the worker was lost before the first event
        return None
    return session.load(journal, tools=tools, model=spec.get("model"))


def _made(session: Session, place: Path, spec: Mapping[str, Any], tools: list[Any]) -> Process:
    """Make the run; where it stands is on disk before anything of it happens."""
    options = {k: spec[k] for k in ("model", "approve", "budget", "plan", "check", "acts") if spec.get(k)}
    process = session.create(spec["goal"], name=spec["id"][:64], tools=tools, **options)
    journal = process.journal.path.relative_to(session.home.root).as_posix()
    write_whole(place / "run.json", json.dumps({"spec": digest_of(spec), "journal": journal}))
    return process


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}.new")
    with draft.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)


def stop(batch: str = "", by: Decider = BATCH) -> int:
    """Stop what runs here, of one batch or of all: each run pauses, saved. From any thread."""
    found = [p for b, p in list(_live) if batch in ("", b)]
    for process in found:
        process.stop(by=by)
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
