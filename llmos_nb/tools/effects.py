"""What a step does outside, noted where it happens: one audit hook of the interpreter (PEP 578).

It only looks: nothing is refused, unless whoever is told before the first effect says that it may not happen. An effect
belongs to the step whose context it happens in, also in threads that the step starts; what happens in a thread that
nobody knows counts for every step under way. What is noted is a few words (``write /tmp/x``,
``network crm.example:443``), never what was sent. No event tells what is done with a handle that was open before, so a
step that can reach one is taken for one that acts, before it begins. Not seen: native code that opens files by itself;
so whoever asks whether a step had *no* effect looks at its text and its variables, too.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from llmos_nb.errors import CallDenied, JournalError
from llmos_nb.tools import reentry
from llmos_nb.tools.protocol import CallContext, current_call

MOST, MOST_WORDS = 8, 120
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ROOT = f"{Path(__file__).parents[1]}{os.sep}"
_OWN = tuple(_ROOT + room + os.sep for room in ("journal", "tools", "process", "heap"))
_SITES = ("site-packages", "dist-packages")
_STDLIB = tuple({f"{sysconfig.get_path(k)}{os.sep}" for k in ("stdlib", "platstdlib")})
_MACHINERY = (
    _ROOT,
    *(f"{os.sep}{n}{os.sep}" for n in ("ipykernel", "IPython", "tornado", "zmq", "jupyter_client")),
)
_DEVICES = (
    "/dev/null",
    "/dev/tty",
    "/dev/zero",
    "/dev/full",
    "/dev/pts/",
    "/dev/stdout",
    "/dev/stderr",
    "/proc/self/",
)
_LOOKS = ("uname", "ldconfig", "fc-list", "lscpu", "sysctl", "gcc", "cc", "ld", "nvidia-smi", "file", "getconf")
_PASSIVE = (
    "array of", "table of", "more objects", "a figure", "an iterator", "a generator", "a context variable", "a tensor"
)  # fmt: skip
_CACHES = ("XDG_CACHE_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "JOBLIB_TEMP_FOLDER")
HANDLE = "handle"  # what a call holds, and may act by unseen
Said = tuple[str, str]  # what kind of effect, and on what


class Watch:
    """What one call does outside.

    Parameters
    ----------
    context : CallContext
        The call.

    Attributes
    ----------
    effects : list of str
        In the order in which they were first seen, at most `MOST`.
    """

    def __init__(self, context: CallContext) -> None:
        self.context = context
        self.effects: list[str] = []
        self.scratch: set[str] = set()
        self._told = ""  # the kind of what was told
        self._threads = {t.ident for t in threading.enumerate()}

    def note(self, kind: str, what: str) -> None:
        """Note an effect before it happens; the first is told to whoever writes down that the call acts.

        Raises
        ------
        CallDenied, JournalError
            It may not happen, or could not be written down; the next one is not let through either.
        """
        words = f"{kind} {what}".strip()[:MOST_WORDS]
        if words not in self.effects and len(self.effects) < MOST:
            self.effects.append(words)
        if not self._told or (self._told == HANDLE and kind != HANDLE):  # one that may act has acted
            self.context.acting(words)
            self._told = kind

    def holds(self, opaque: Mapping[str, str]) -> None:
        """Note variables that the call can reach, and that may hold a file, a connection or a thread.

        Parameters
        ----------
        opaque : mapping of str to str
            By variable, why a look into it ends: what cannot be looked at.
        """
        for name, why in opaque.items():
            if not why.startswith(_PASSIVE):
                self.note(HANDLE, name)

    def close(self) -> None:
        """Note the threads that were started and go on: what they do is not seen any more."""
        left = [t for t in threading.enumerate() if t.ident not in self._threads]
        if any(not t.name.startswith(("llmos", "asyncio_")) for t in left):  # ours, and idle ones of a loop
            self.note("thread", "left running")


_watches: dict[int, Watch] = {}
_busy: set[int] = set()
_installed: list[bool] = []


@contextmanager
def watching(context: CallContext) -> Iterator[Watch]:
    """Note what a call does outside, wherever its context goes."""
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_heard)
    watch = _watches[id(context)] = Watch(context)
    try:
        yield watch
    finally:
        watch.close()
        _watches.pop(id(context), None)


def _heard(event: str, args: tuple[Any, ...]) -> None:
    """Look at one event of the interpreter; whatever is wrong with it, the event goes on."""
    if not _watches or (read := _EVENTS.get(event)) is None:
        return
    ident = threading.get_ident()
    if ident in _busy:  # our own look at paths and files
        return
    _busy.add(ident)
    try:
        frame = sys._getframe(1)
        for watch in _whose(frame):
            try:
                said = read(args, frame, watch)
            except Exception as error:  # what cannot be read counts
                said = ("other", f"{event} {type(error).__name__}")
            if said is not None and not _by_us(frame):
                watch.note(*said)
    except (CallDenied, JournalError):  # whoever is told says that it may not happen
        raise
    except Exception:  # noqa: S110 - a hook that raises would stop what it only looks at
        pass
    finally:
        _busy.discard(ident)


def _whose(frame: FrameType) -> list[Watch]:
    """Return the steps that an event belongs to."""
    context = current_call.get()
    if context is not None:
        found = _watches.get(id(context))
        return [found] if found is not None else []
    if threading.current_thread() is threading.main_thread() and not reentry.inside():
        return []
    at: FrameType | None = frame
    while at is not None:
        file = at.f_code.co_filename
        if file.startswith(_ROOT) or any(part in file for part in _MACHINERY):
            return []
        at = at.f_back
    return list(_watches.values())


def _caller(frame: FrameType | None) -> str:
    """Return the file of the nearest code that is not of the standard library."""
    while frame is not None:
        file = frame.f_code.co_filename
        library = file.startswith(_STDLIB) and not any(site in file for site in _SITES)
        if not library and not file.startswith(("<frozen", reentry.__file__)):  # which starts threads for steps
            return file
        frame = frame.f_back
    return ""


def _by_us(frame: FrameType) -> bool:
    return _caller(frame).startswith(_OWN)


def _by_library(frame: FrameType) -> bool:
    return any(site in _caller(frame) for site in _SITES)


def _path(given: Any, folder: Any = -1) -> str:
    """Return the real path that is meant; nothing for a descriptor of what is no file."""
    if isinstance(given, int):
        found = ""
        with suppress(OSError):
            found = os.readlink(f"/proc/self/fd/{given}")  # noqa: PTH115 - a look at each write
        return found if found.startswith("/") and not found.startswith(("/dev/", "/memfd:", "/proc/")) else ""
    text = os.fsdecode(os.fspath(given))
    if isinstance(folder, int) and folder >= 0:
        with suppress(OSError):
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)  # noqa: PTH115, PTH118
    return os.path.realpath(text)


def _harmless(path: str, frame: FrameType, watch: Watch) -> bool:
    """Return whether a write is nobody's business: compiled modules, files of tempfile's, caches of libraries."""
    if not path or path.startswith(_DEVICES) or path in watch.scratch:
        return True
    if any(path.startswith(made + os.sep) for made in watch.scratch):
        return True
    if frame.f_code.co_filename.startswith("<frozen importlib"):
        return "__pycache__" in path or ".pyc" in path
    if not _by_library(frame):
        return False
    found = caches()
    return any(f"{path}{os.sep}".startswith(f"{c}{os.sep}") or c.startswith(f"{path}{os.sep}") for c in found)


def caches() -> list[str]:
    """Return the folders in which libraries keep what they can make again, and IPython what it knows of sessions."""
    home = os.path.expanduser("~")  # noqa: PTH111 - a text
    found = [f"{home}{os.sep}{n}" for n in (".cache", ".matplotlib", ".config/matplotlib", ".fontconfig")]
    found += [os.environ[n].rstrip(os.sep) for n in _CACHES if os.environ.get(n)]
    profiles = os.environ.get("IPYTHONDIR", "").rstrip(os.sep) or f"{home}{os.sep}.ipython"
    return [*found, os.path.join(profiles, "profile_default", "db")]  # noqa: PTH118 - texts; nothing there is run


Reader = Callable[[tuple[Any, ...], FrameType, Watch], Said | None]


def _opened(args: tuple[Any, ...], frame: FrameType, watch: Watch) -> Said | None:
    given, mode, flags = args
    by_flags = isinstance(flags, int) and bool(flags & _WRITING)
    if not by_flags and not (isinstance(mode, str) and set(mode) & set("wax+")):
        return None
    path = _path(given)
    if os.path.isdir(path) or _harmless(path, frame, watch):  # noqa: PTH112 - of a folder, an opener follows
        return None
    return "write", path


def _made_by_tempfile(args: tuple[Any, ...], frame: FrameType, watch: Watch) -> None:
    path = _path(args[0])
    if path.startswith(os.path.realpath(tempfile.gettempdir()) + os.sep):
        watch.scratch.add(path)


def _on_paths(kind: str, *places: tuple[int, int]) -> Reader:
    """Read events whose arguments name paths: where each stands, and the descriptor of its folder."""

    def read(args: tuple[Any, ...], frame: FrameType, watch: Watch) -> Said | None:
        for at, folder in places:
            path = _path(args[at], args[folder] if 0 <= folder < len(args) else -1)
            if not _harmless(path, frame, watch):
                return kind, path
        return None

    return read


def _address(args: tuple[Any, ...], frame: FrameType, watch: Watch) -> Said | None:
    to = args[1]
    if isinstance(to, tuple):
        loopback = to[0] in ("127.0.0.1", "::1", "localhost")
        return None if loopback and to[1] == 0 else ("network", f"{to[0]}:{to[1]}")
    return ("network", f"unix:{os.fsdecode(to)}" if isinstance(to, str | bytes) else "") if to else None


def _host(args: tuple[Any, ...], frame: FrameType, watch: Watch) -> Said | None:
    return "network", ":".join(str(a) for a in args[1:3])


def _command(args: tuple[Any, ...], frame: FrameType, watch: Watch) -> Said | None:
    given = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else args[0]
    first = given[0] if isinstance(given, list | tuple) and given else given
    words = os.fsdecode(first) if isinstance(first, str | bytes | os.PathLike) else str(first)
    name = os.path.basename((words.split() or [""])[0])  # noqa: PTH119 - what it is given may be secret
    return None if name in _LOOKS and _by_library(frame) else ("process", name)


def _mapped(args: tuple[Any, ...], frame: FrameType, watch: Watch) -> Said | None:
    number, _, access = args[:3]
    path = _path(number) if number >= 0 and access not in (1, 3) else ""  # read, copy
    return None if _harmless(path, frame, watch) else ("write", path)


def _database(args: tuple[Any, ...], frame: FrameType, watch: Watch) -> Said | None:
    name = os.fsdecode(args[0]) if isinstance(args[0], str | bytes | os.PathLike) else str(args[0])
    memory = name in ("", ":memory:") or name.startswith("file::memory:") or "mode=memory" in name
    if memory or "mode=ro" in name:
        return None
    path = _path(name.removeprefix("file:").partition("?")[0])
    mine = path in watch.scratch or any(path.startswith(f"{s}{os.sep}") for s in watch.scratch)
    return None if mine else ("database", path)


def _always(kind: str) -> Reader:
    return lambda args, frame, watch: (kind, "")


def _by_itself(kind: str) -> Reader:
    """Read events that libraries cause all the time: they count where the step's own code does it."""
    return lambda args, frame, watch: None if _by_library(frame) or not _caller(frame) else (kind, "")


def _executed(args: tuple[Any, ...], frame: FrameType, watch: Watch) -> None:
    """Note nothing: code that a step compiles for itself is code of the step."""
    reentry.adopt(args[0], frame)


_EVENTS: dict[str, Reader] = {
    "exec": _executed,
    "open": _opened,
    "tempfile.mkstemp": _made_by_tempfile,
    "tempfile.mkdtemp": _made_by_tempfile,
    **dict.fromkeys(("os.remove", "os.rmdir", "shutil.rmtree"), _on_paths("delete", (0, 1))),
    "os.rename": _on_paths("write", (0, 2), (1, 3)),
    "os.link": _on_paths("write", (1, 3)),
    **dict.fromkeys(("os.mkdir", "os.chmod"), _on_paths("write", (0, 2))),
    "os.symlink": _on_paths("write", (1, 2)),
    **dict.fromkeys(("os.chown", "os.utime"), _on_paths("write", (0, 3))),
    **dict.fromkeys(("os.truncate", "os.setxattr", "os.removexattr"), _on_paths("write", (0, 9))),
    "mmap.__new__": _mapped,
    **dict.fromkeys(("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"), _address),
    **dict.fromkeys(("http.client.connect", "smtplib.connect", "ftplib.connect", "imaplib.open"), _host),
    **dict.fromkeys(("poplib.connect", "telnetlib.Telnet.open", "nntplib.connect"), _host),
    **dict.fromkeys(("http.client.send", "smtplib.send", "ftplib.sendcmd", "imaplib.send"), _always("network")),
    **dict.fromkeys(("poplib.putline", "webbrowser.open"), _always("network")),
    **dict.fromkeys(("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "pty.spawn"), _command),
    "os.spawn": lambda args, frame, watch: _command(args[1:], frame, watch),
    **dict.fromkeys(("os.fork", "os.forkpty", "os.startfile", "os.startfile/2"), _always("process")),
    **dict.fromkeys(("os.kill", "os.killpg", "signal.pthread_kill"), _always("signal")),
    "sqlite3.connect": _database,
    **dict.fromkeys(("sqlite3.enable_load_extension", "sqlite3.load_extension"), _always("native")),
    **dict.fromkeys(("ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function", "ctypes.cdata"), _by_itself("native")),
    **dict.fromkeys(("syslog.syslog", "syslog.openlog"), _always("write syslog")),
    **dict.fromkeys(("winreg.SetValue", "winreg.DeleteKey", "winreg.CreateKey"), _always("write registry")),
}  # fmt: skip
