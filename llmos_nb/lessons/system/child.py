"""The process in which a learner's `mini.py` runs: ``python -I -S child.py``, driven by lines of JSON.

It imports nothing of this package. Models, tools and people are only asked for here, by a line to the process that
judges, which answers, or kills. The standard output of the learner's code goes to the standard error, and its standard
input is empty.
"""

from __future__ import annotations

import _thread
import builtins
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

MOST_BYTES = 2 << 30
_INSTALLED = (os.path.dirname(os.__file__), str(Path(__file__).parents[2]), "<frozen")  # noqa: PTH120 - a prefix
_DEAF = (signal.SIG_IGN, signal.SIG_DFL)  # with these, `interrupt_main` comes to nothing
_LATER = 0x20 | 0x80 | 0x200  # of a code: it makes a generator, or what is awaited


class Watch:
    """Interrupt the main thread where it computes for long and says nothing.

    Parameters
    ----------
    seconds : float
        How much of the processor's time it has, each time.
    alone : bool
        No other thread can look on: every line of code that is not installed looks at the clock itself.
    """

    def __init__(self, seconds: float, alone: bool = False) -> None:
        self.seconds, self.clock, self.over = seconds, _clock(), threading.Event()
        self.since, self.found, self._alone, self._before = self.clock(), False, alone, sys.gettrace()
        if alone:
            sys.settrace(self._look_here)
        else:
            # as in a program that was begun in the background, or that an interrupt ends: this one would do nothing
            self._handler = signal.getsignal(signal.SIGINT)
            if self._handler in _DEAF:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            threading.Thread(target=self._look, daemon=True).start()

    def end(self) -> None:
        """Watch no more."""
        self.over.set()
        if self._alone:
            sys.settrace(self._before)
        elif self._handler in _DEAF:
            signal.signal(signal.SIGINT, self._handler)

    def begin(self) -> None:
        """Count anew."""
        self.since = self.clock()

    def _look(self) -> None:
        while not self.over.wait(0.05):
            if self.clock() - self.since > self.seconds:
                self.found = True
                self.begin()
                _thread.interrupt_main()

    def _look_here(self, frame: Any, event: str, argument: object) -> Any:
        if frame.f_code.co_filename.startswith(_INSTALLED):
            return None
        if self.clock() - self.since > self.seconds:
            self.found = True
            self.begin()
            raise KeyboardInterrupt
        return self._look_here


def _clock() -> Callable[[], float]:
    """Return the clock of the main thread's time at work: others may compute meanwhile."""
    with suppress(AttributeError, OSError):  # a system without clocks of threads, or a browser
        clock = time.pthread_getcpuclockid(threading.main_thread().ident or 0)
        return lambda: time.clock_gettime(clock)
    return time.process_time


def main() -> None:
    """Read a job, load the file, make the processes, do what the job says, tell how things stand."""
    given, out = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    builtins.input = no_input
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _bound_memory()
    job = json.loads(given.readline())
    watch, synced = Watch(job["computes"]), _note_syncs()
    journals = [Path(told["journal"]) for told in job["processes"] if "journal" in told]

    def say(kind: str, **more: Any) -> Any:
        on_disk = [path.stat() for path in journals if path.exists()]
        loose = any(found.st_size > synced.get((found.st_dev, found.st_ino), 0) for found in on_disk)
        out.write(json.dumps({"kind": kind, "loose": loose, **more}, default=repr) + "\n")
        out.flush()
        reply = json.loads(given.readline())
        watch.begin()
        if "error" in reply:
            raise OSError(reply["error"])
        return reply["value"]

    play(job, say)


def play(job: dict[str, Any], say: Any) -> None:
    """Do what a job says, and say what came of it."""
    try:
        _play(job, say)
    except KeyboardInterrupt as error:
        say("stuck", where=_where(job, error))
    except Exception as error:
        text = f"{type(error).__name__}: {error}{_where(job, error)}"
        say("raised", text=text, type=type(error).__name__)


def _where(job: dict[str, Any], error: BaseException) -> str:
    """Name the functions of the learner's file, and the line, in which something was raised."""
    own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == "mini.py"]
    lines, names = job["source"].splitlines(), " > ".join(f.name for f in own)
    return f" (in {names}: {lines[(own[-1].lineno or 1) - 1].strip()})" if own else ""


def no_input(prompt: object = "") -> str:
    """Raise, in the place of `input`, for which a check has nobody who answers."""
    raise RuntimeError("nobody answers input() here: p.ask(question, call) asks a person")


def _bound_memory() -> None:
    """Let a text without end raise MemoryError, where the system can do that."""
    if sys.platform != "win32":
        import resource

        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _note_syncs() -> dict[tuple[int, int], int]:
    """Return how much of each file was brought to the disk, as `os.fsync` will note it."""
    noted: dict[tuple[int, int], int] = {}

    def noting(sync: Any) -> Any:
        def synced(file: Any) -> None:
            sync(file)
            found = os.fstat(file if isinstance(file, int) else file.fileno())
            noted[found.st_dev, found.st_ino] = found.st_size

        return synced

    for name in ("fsync", "fdatasync"):
        if hasattr(os, name):
            setattr(os, name, noting(getattr(os, name)))
    return noted


def _load(job: dict[str, Any]) -> dict[str, Any]:
    mini: dict[str, Any] = {"__name__": "mini"}
    exec(compile(job["source"], "mini.py", "exec", dont_inherit=True), mini)  # noqa: S102 - the learner's own file, in a process of its own
    return mini


def _play(job: dict[str, Any], say: Any) -> None:
    mini, made = _load(job), dict[int, Any]()
    while len(made) < len(job["processes"]):
        for n, told in enumerate(job["processes"]):
            if n not in made and (told.get("source") is None or told["source"] in made):
                made[n] = _process(mini, say, n, told, made)
    held = {n: list(p.names.values()) for n, p in made.items()}
    for verb, *rest in job["do"]:
        if verb == "anew":  # what is no event is forgotten
            mini = _load(job)
            for n, p in made.items():
                made[n] = _process(mini, say, n, job["processes"][n], made)
                made[n].events[:] = p.events
        _do(mini, say, made, verb, rest)
    say("done", facts=[_facts(mini, made[n], held[n]) for n in sorted(made)])


def _process(mini: dict[str, Any], say: Any, n: int, told: dict[str, Any], made: dict[int, Any]) -> Any:
    options: dict[str, Any] = {k: told[k] for k in ("names", "acts", "journal", "window") if k in told}
    if told.get("source") is not None:
        options["source"] = made[told["source"]]
    if told.get("ask", True):
        options["ask"] = lambda question, call: say("ask", p=n, question=question, call=call)
    tools = [_tool(mini, say, n, made, spec) for spec in told.get("tools", ())]

    def model(messages: Any, tools: Any) -> Any:
        return say("model", p=n, messages=messages, tools=tools)

    p = mini["Process"](told["goal"], model, tools, **options)
    p.budget = told.get("budget", p.budget)
    return p


def _tool(mini: dict[str, Any], say: Any, n: int, made: dict[int, Any], spec: dict[str, Any]) -> Any:
    def effect(**arguments: Any) -> Any:
        kinds = [e["k"] for e in made[n].events]
        return say("tool", p=n, name=spec["name"], arguments=arguments, kinds=kinds)

    names = [p.partition(":")[0].partition("=")[0] for p in spec["parameters"]]
    handed = ", ".join(f"{a}={a}" for a in names)
    code = f"def {spec['name']}({', '.join(spec['parameters'])}):\n    return effect({handed})"
    scope: dict[str, Any] = {"effect": effect}
    exec(compile(code, "tool", "exec", dont_inherit=True), scope)  # noqa: S102 - a signature that we wrote
    made_tool = scope[spec["name"]]
    return mini["tool"](**spec["facts"])(made_tool) if "facts" in spec else made_tool


def _named(mini: dict[str, Any], name: str) -> Any:
    """Return a function of the learner's file, of which a call does something."""
    if name not in mini:
        raise NameError(f"there is no {name} in it")
    if getattr(getattr(mini[name], "__code__", None), "co_flags", 0) & _LATER:
        raise TypeError(f"{name} does nothing when it is called: no yield in it, and no async before it")
    return mini[name]


def _do(mini: dict[str, Any], say: Any, made: dict[int, Any], verb: str, rest: list[Any]) -> None:
    if verb == "schedule":
        _named(mini, "schedule")([made[n] for n in rest])
    elif verb == "step":
        say("stepped", p=rest[0], value=bool(_named(mini, "step")(made[rest[0]])))
    elif verb == "record":
        mini["record"](made[rest[0]], rest[1], **rest[2])
    elif verb == "undo":
        _named(mini, "undo")(made[rest[0]], rest[1])
    elif verb == "facts":
        say("facts", facts=_facts(mini, made[rest[0]], []))
    elif verb == "again":  # the same events make the same state
        say("again", same=_state(mini, made[rest[0]]) == _state(mini, made[rest[0]]))


def _state(mini: dict[str, Any], p: Any) -> str:
    return json.dumps(mini["fold"](p.events), sort_keys=True, default=repr)


def _facts(mini: dict[str, Any], p: Any, held: list[Any]) -> dict[str, Any]:
    kinds = [e["k"] for e in p.events]
    return {"state": mini["fold"](p.events), "names": p.names, "held": held, "kinds": kinds}


if __name__ == "__main__":
    main()
