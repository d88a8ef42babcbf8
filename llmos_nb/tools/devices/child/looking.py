"""Looking at live values: each expression is evaluated in a copy of its own, which is thrown away.

The copy is a fork of the process that holds the values, so that it finds them as they are, random states included, and
whatever an expression does to them, to its process or to its time is lost with it.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

from llmos_nb.heap import Snapshots, hidden
from llmos_nb.heap.content import content
from llmos_nb.policy.code import code_names
from llmos_nb.tools.devices.child.sandbox import libc, preview as confinement
from llmos_nb.tools.devices.child.sandbox.memory import Region, shared
from llmos_nb.tools.devices.child.tables import TABLE, float_format, is_table, markdown_table
from llmos_nb.tools.effects import watching
from llmos_nb.tools.protocol import CallContext, current_call
from llmos_nb.tools.text import safe_text

GRACE_S = 0.5
LONGEST = 4_000  # characters that an expression may give
AGAIN = 4  # a look is taken a second time where the first took this part of its time at most
MOST_READ = 100  # names that are told
TICK_S, IDLE_S = 0.25, 2.0  # of a copy that only waits; what it waits for is not in the copy
WAITS = "it waits for a thread or a lock that its copy does not have; assign its value to a name in a step"
WHERE = "an expression, which only looks"
_CONTEXT = CallContext("look", "look", 0.0)  # of a call that nobody is asked about
Asked = Mapping[str, str]
Told = dict[str, Any]


def looked(namespace: dict[str, Any], asked: Sequence[Asked], each_s: float, all_s: float) -> list[Told]:
    """Evaluate expressions, each in a copy of this process.

    Parameters
    ----------
    namespace : dict
        The live names.
    asked : sequence of mapping
        ``value``, the expression; ``conversion``, ``r``, ``s``, ``a`` or empty; ``spec``, its format.
    each_s, all_s : float
        Seconds that one may take, and all together.

    Returns
    -------
    list of dict
        Of each ``ok``, ``text`` and the ``format`` by which it came about, the names that it ``read`` and what it
        ``changes``; of one that gave nothing, ``error`` and ``text``.
    """
    until = time.monotonic() + all_s
    with watching(_CONTEXT):  # what follows effects is put in place here, once
        regions = [*shared()]
    return [_copy(namespace, one, min(each_s, until - time.monotonic()), regions) for one in asked]


def _copy(namespace: dict[str, Any], asked: Asked, seconds: float, regions: Sequence[Region]) -> Told:
    if seconds <= 0:
        return _failed("ToolTimeout", "the expressions before it took all the time that there was")
    read, write = os.pipe()
    pid = forked()
    if not pid:
        with suppress(BaseException):  # whatever happens, the copy never goes on as its parent
            os.close(read)
            told = json.dumps(_looked(namespace, asked, seconds, regions))
            os.write(write, told.encode("ascii"))
        os._exit(0)
    os.close(write)
    try:
        raw, waits = _read(read, pid, time.monotonic() + seconds + GRACE_S)
    finally:
        os.close(read)
        code = _end(pid)
    if waits:
        return _failed("ToolTimeout", WAITS)
    if code == -signal.SIGALRM:
        return _failed("ToolTimeout", f"it passed its {seconds:.3g} s and was ended")
    with suppress(ValueError):
        if isinstance(told := json.loads(raw), dict):
            return told
    return _ended(code)


def _end(pid: int) -> int:
    """End a copy, and return how it ended: it has ended itself in time, unless it has kept that from happening."""
    with suppress(OSError), confinement.ours():  # a filter may refuse it; then the copy ends with this process
        os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + GRACE_S
    while not (found := os.waitpid(pid, os.WNOHANG))[0]:
        if time.monotonic() > until:
            return -signal.SIGALRM
        time.sleep(0.001)
    return os.waitstatus_to_exitcode(found[1])


def forked() -> int:
    """Fork, with the random state as it was: Python seeds it anew in a copy."""
    state = random.getstate()
    with warnings.catch_warnings(), confinement.ours():
        # other threads may hold locks: the deadline ends a copy that waits for one
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        random.setstate(state)
    return pid


def _failed(error: str, text: str) -> Told:
    return {"ok": False, "text": text, "error": error}


def _ended(code: int) -> Told:
    held = confinement.locked() if code == -signal.SIGSEGV else []
    why = f"; it may have written to shared memory ({', '.join(held)}), which is refused" if held else ""
    return _failed("ChildEnded", f"its copy ended ({f'signal {-code}' if code < 0 else 'with no value'}){why}")


def _read(file: int, pid: int, until: float) -> tuple[bytes, bool]:
    """Read what the copy sends until it ends; and whether it does nothing but wait."""
    parts, used, idle = [], "", 0.0
    ready = select.poll()  # a descriptor may be beyond what `select` takes
    ready.register(file, select.POLLIN | select.POLLHUP)
    while (left := until - time.monotonic()) > 0:
        if ready.poll(min(left, TICK_S) * 1000):
            if not (part := os.read(file, 1 << 16)):
                break
            parts.append(part)
            continue
        before, used = used, _used(pid)
        idle = idle + TICK_S if used and used == before else 0.0
        if idle >= IDLE_S:
            return b"", True
    return b"".join(parts), False


def _used(pid: int) -> str:
    """Return how much of the processor a copy that sleeps has used; empty for one at work, or where nothing tells."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{fields[11]} {fields[12]}" if fields[0] == "S" else ""
    return ""


@contextmanager
def _alone(seconds: float, regions: Sequence[Region]) -> Iterator[None]:
    """Hold a copy to looking, for so many seconds; `regions` is memory that it shares."""
    with suppress(OSError, AttributeError):
        libc.die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the system ends it, whatever code is at work
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    signal.setitimer(signal.ITIMER_REAL, seconds)
    sys.settrace(None)
    confinement.no_effects(WHERE, regions)
    confinement.no_reads(WHERE)
    token = current_call.set(_CONTEXT)
    try:
        with watching(_CONTEXT):
            yield
    finally:
        current_call.reset(token)


class _Noting(dict[str, Any]):
    """A namespace that notes which of its names are read, also by ``globals()`` and ``eval``."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        super().__init__(namespace)
        self.read = set[str]()

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        self.read.add(str(name))
        return value

    def get(self, name: str, default: Any = None) -> Any:
        self.read |= {str(name)} if name in self else set()
        return super().get(name, default)


def _noting(method: str) -> Callable[..., Any]:
    def all_of_it(names: _Noting, *arguments: Any) -> Any:
        names.read.add("*")
        return getattr(dict, method)(names, *arguments)

    return all_of_it


for _method in ("__iter__", "__len__", "__or__", "copy", "items", "keys", "values"):
    setattr(_Noting, _method, _noting(_method))


def _looked(namespace: dict[str, Any], asked: Asked, seconds: float, regions: Sequence[Region]) -> Told:
    try:
        with _alone(seconds, regions):
            value, field = asked["value"].strip(), (asked.get("conversion", ""), asked.get("spec", ""))
            code = compile(value, "<answer>", "eval")
            confinement.no_sharing({n: namespace[n] for n in code.co_names if n in namespace})
            names = _Noting(namespace)
            (text, form, words), changes = _watched(namespace, value, partial(_said, names, code, *field), seconds)
            bound = {n for n, v in dict.items(names) if not hidden(n) and namespace.get(n, names) is not v}
        return {
            "ok": True,
            "text": safe_text(text)[:LONGEST],
            "format": form,
            **({"content": words} if words else {}),
            "read": sorted(names.read)[:MOST_READ],
            "changes": sorted({*changes, *bound}),
        }
    except BaseException as error:  # the copy has nothing else to do: SystemExit costs this expression
        name = type(error).__name__
        if isinstance(error, PermissionError) and (why := confinement.refused()):
            return _failed(name, why)
        words = ""
        with suppress(Exception):
            words = safe_text(str(error))[:LONGEST]
        return _failed(name, f"{name}: {words}" if words else name)


Said = tuple[str, str, str]


def _said(namespace: dict[str, Any], code: CodeType, conversion: str, spec: str) -> Said:
    """Return the text of a value, its format, and of a table its content, since the text has it rounded."""
    value = eval(code, namespace)  # noqa: S307 - in a copy
    text, form = said(value, conversion, spec)
    return text, form, content(value) if form == TABLE else ""


def _watched(namespace: dict[str, Any], code: str, look: Callable[[], Said], seconds: float) -> tuple[Said, list[str]]:
    """Return what a look gives, and what it changes.

    Of what cannot be looked into, such as a generator, a second look tells: it gives something else where the first one
    has changed it. There is none where the first took long.
    """
    names = code_names(code)
    snapshots = Snapshots(namespace)
    before = snapshots.begin(names)
    began = time.monotonic()
    found = look()
    changed = snapshots.changed(before)
    quick = time.monotonic() - began < seconds / AGAIN
    if before.opaque and not changed and quick and look() != found:
        changed = {*before.opaque}
    return found, sorted(changed)


def said(value: Any, conversion: str, spec: str) -> tuple[str, str]:
    """Return the text of a value as an f-string has it, and by which format it came about.

    Without a format, a float is told as `float_format` says, and a frame or a series as a table.
    """
    if conversion:
        value = repr(value) if conversion == "r" else ascii(value) if conversion == "a" else str(value)
    if not (conversion or spec):
        if is_table(value):
            return markdown_table(value), TABLE
        spec = float_format(value)
    return format(value, spec) if spec else str(value), spec
