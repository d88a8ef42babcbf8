"""Functions of the standard library that ours stand in front of: above all those that raise no audit event."""

from __future__ import annotations

import _imp
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache, wraps
from types import BuiltinFunctionType, ModuleType
from typing import Any

INTERPRETERS = ("_interpreters", "_xxsubinterpreters")  # from Python 3.13 on, and before
SETTINGS = {  # what changes the interpreter for all that runs in it, or what the system lets it do
    "os": """umask nice setpriority setsid setpgid setpgrp setuid setgid seteuid setegid setreuid setregid setresuid
        setresgid setgroups initgroups chroot unshare setns sched_setaffinity sched_setscheduler sched_setparam dup2
        closerange""",
    "signal": "alarm setitimer pthread_sigmask siginterrupt set_wakeup_fd",
    "faulthandler": "disable dump_traceback_later register unregister",
    "locale": "setlocale",
    "time": "tzset clock_settime clock_settime_ns",
    "atexit": "_clear _run_exitfuncs",
}
ENDS = {
    "os": "_exit abort",
    "signal": "raise_signal pidfd_send_signal",
}  # these end this process, or another one
_IN_C = {"os": ("os", "posix"), "signal": ("signal", "_signal"), "locale": ("locale", "_locale")}
WRITES = ("write", "writev", "pwrite", "pwritev", "sendfile", "splice", "copy_file_range")
_CALLS = {
    **dict.fromkeys(
        ("os", "posix"),
        ("mkfifo", "mknod", "open", *WRITES),
    ),
    "_posixsubprocess": ("fork_exec",),  # of multiprocessing and joblib
    "subprocess": ("_fork_exec",),  # the same function
    # another interpreter of this process has hooks of its own: nobody hears what code does there
    **dict.fromkeys(INTERPRETERS, ("create", "run_string", "exec", "run_func", "call")),
    "readline": ("write_history_file", "append_history_file"),
    "_posixshmem": ("shm_unlink",),
    "sys": ("setprofile",),  # its own event does not tell it from a profiler in C, which calls nobody
    "_tkinter": ("create",),  # an interpreter of another language, which opens files and starts programs by itself
}
_MAKERS = ("create_builtin", "create_dynamic")  # of modules of C
_LATER = ("_posixshmem", "_tkinter")  # these are heard when somebody imports them
STEERS = re.compile(r"LLMOS_|OPENAI_|.*_(?:BASE_URL|ENDPOINT|API_KEY)$", re.I)  # where prompts and keys go
_TO = ("fd", "out_fd", "dst", "fd_dst")
_SECOND = ("splice", "copy_file_range")  # these write to what they name second


_placed: list[tuple[Any, str, object, object]] = []


def place(owner: Any, name: str, made: Any) -> None:
    """Put a function of ours in the place of another, until `restore`."""
    conceal(made)
    if (real := getattr(owner, name)) in os.supports_dir_fd:
        os.supports_dir_fd.add(made)
    _placed.append((owner, name, made, real))
    setattr(owner, name, made)


def conceal(made: Any) -> None:
    """Have a function that stands before another not lead to it, and tell how it is called."""
    real = vars(made).pop("__wrapped__", None)
    if real is not None and (signature := _signature(real)) is not None:
        made.__signature__ = signature


@lru_cache(maxsize=512)  # they are some two hundred
def _signature(real: Callable[..., Any]) -> inspect.Signature | None:
    """Return how a function is called; that of one in C is read from its documentation, word by word."""
    with suppress(ValueError, TypeError):
        return inspect.signature(real)
    return None


def restore() -> None:
    """Put back what stood there, unless somebody else has put something in front since."""
    while _placed:
        owner, name, made, real = _placed.pop()
        if getattr(owner, name) is made:
            setattr(owner, name, real)


def _calls() -> Iterator[tuple[str, Sequence[str]]]:
    """Yield what is heard: a module, and functions of it."""
    yield from _CALLS.items()
    for of in (SETTINGS, ENDS):
        yield from ((m, calls.split()) for n, calls in of.items() for m in _IN_C.get(n, (n,)))


def follow() -> None:
    """Have these calls heard from now on by whoever looks them up in their module when it calls them."""
    for name, calls in _calls():
        if name in _LATER and name not in sys.modules:
            continue
        with suppress(ImportError):  # of another system
            module = importlib.import_module(name)
            for call in calls:
                if hasattr(module, call):
                    place(module, call, _heard(module, call))
    for name in _MAKERS:
        place(_imp, name, _making(getattr(_imp, name)))
    if (zmq := sys.modules.get("zmq.sugar.socket")) is not None:
        for call in ("connect", "bind"):
            place(zmq.Socket, call, telling(getattr(zmq.Socket, call), "llmos.zmq", _address))
    if (session := sys.modules.get("jupyter_client.session")) is not None:
        place(session.Session, "send", telling(session.Session.send, "llmos.message"))


def _address(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str]:
    given = (args[1:2] or (kwargs.get("addr", ""),))[0]
    return (given.decode() if isinstance(given, bytes) else str(given),)


def telling(
    real: Callable[..., Any], event: str, said: Callable[..., tuple[Any, ...]] = lambda *given: given
) -> Callable[..., Any]:
    """Return a function that raises an audit event, and does the same as another one."""

    @wraps(real)
    def call(*args: Any, **kwargs: Any) -> Any:
        args = tuple(os.fspath(a) if isinstance(a, os.PathLike) else a for a in args)  # what is judged is what is used
        sys.audit(event, *said(args, kwargs))
        return real(*args, **kwargs)

    return call


def _making(real: Callable[..., ModuleType]) -> Callable[..., ModuleType]:
    """Have the functions of a module of C heard that is made once more, or for the first time."""

    @wraps(real)
    def make(*args: Any) -> ModuleType:
        made = real(*args)
        name = made.__name__.rpartition(".")[2]
        for call in (call for of, calls in _calls() if of == name for call in calls):
            if isinstance(getattr(made, call, None), BuiltinFunctionType):
                place(made, call, _heard(made, call))
        return made

    return make


def _heard(module: ModuleType, name: str) -> Callable[..., Any]:
    kind = "interpreter" if module.__name__ in INTERPRETERS else name.lstrip("_")
    call = telling(getattr(module, name), f"llmos.{kind}")
    call.__module__ = module.__name__  # where a pickle finds it
    return call


def written(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Return the descriptor that a call writes to, and -1 for none."""
    at = int(name in _SECOND)
    found = args[at] if len(args) > at else next((kwargs[n] for n in _TO if n in kwargs), -1)
    return found if isinstance(found, int) else -1


def is_connection(descriptor: int) -> bool:
    """Return whether a descriptor is that of a connection."""
    return _leads_to(descriptor).startswith("socket:")


def is_pipe(descriptor: int) -> bool:
    """Return whether a descriptor is that of a pipe to another program, and not where this one prints."""
    place = _leads_to(descriptor)
    if descriptor in (1, 2) or not place.startswith("pipe:"):
        return False
    return [_leads_to(int(fd)) for fd in os.listdir("/proc/self/fd")].count(place) == 1  # noqa: PTH208 - as above


def _leads_to(descriptor: int) -> str:
    with suppress(OSError):
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - a look at each write
    return ""


def steering() -> dict[str, str]:
    """Return the variables of the environment that say where prompts and keys go, as they stand now."""
    return {name: value for name, value in os.environ.items() if STEERS.match(name)}


def plain(given: Any) -> Any:
    """Return an argument of an event with exact texts: one of a class of its own would act when it is looked at."""
    kind = type(given)
    if issubclass(kind, str):
        return str.__str__(given)
    if issubclass(kind, bytes):
        return bytes.__getitem__(given, slice(None))
    return kind(map(plain, given)) if kind in (tuple, list) else given
