"""What each audit event of the interpreter says of an effect: its kind, and on what; what is nobody's business is none.

A reader gets the event's arguments, the frame that caused it and what the step has made so far.
"""

from __future__ import annotations

import linecache
import logging
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from types import CodeType, FrameType
from typing import Any, Protocol

from llmos_nb.policy.code import UNHEARD, ordinary
from llmos_nb.tools import connections, databases, naming, natives, reentry, unheard
from llmos_nb.tools.acting import (
    SITES,
    bears_ours,
    by_library,
    caller,
    file_of,
    in_stdlib,
    libraries,
    libraries_name,
    loaded,
    names_folder,
    of_package,
)
from llmos_nb.tools.caching import places
from llmos_nb.tools.call import HANDLE
from llmos_nb.tools.commands import Said, command, worker
from llmos_nb.tools.keys import KEPT, holds_kept, kept
from llmos_nb.tools.logs import logged

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGING = frozenset("wax+")
_DEVICES = (
    "/dev/null", "/dev/tty", "/dev/zero", "/dev/full", "/dev/pts/", "/dev/stdout", "/dev/stderr", "/proc/self/"
)  # fmt: skip
_OPEN = "/proc/self/fd"
_SHARED = f"{os.sep}joblib_memmapping_folder_{os.getpid()}_"  # arrays for the workers of a pool, removed with it


class Made(Protocol):
    """What a step has made so far."""

    scratch: set[str]
    hosts: dict[str, str]


def _path(given: Any, folder: Any = -1, follows: bool = True) -> str:
    """Return the real path that is meant, of a link that itself is meant its own; nothing for what is no file."""
    if isinstance(given, int):
        found = ""
        with suppress(OSError):
            found = os.readlink(f"/proc/self/fd/{given}")  # noqa: PTH115 - a look at each write
        return found if found.startswith("/") and not found.startswith(("/dev/", "/memfd:", "/proc/")) else ""
    text = os.fsdecode(os.fspath(given))
    if isinstance(folder, int) and folder >= 0:
        with suppress(OSError):
            text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)  # noqa: PTH115, PTH118
    place, name = os.path.split(text)
    if follows or name in ("", os.curdir, os.pardir):
        return os.path.realpath(text)
    return os.path.join(os.path.realpath(place), name)  # noqa: PTH118


def _harmless(path: str, frame: FrameType, made: Made) -> bool:
    """Return whether a write is nobody's business: compiled modules, files of tempfile's, caches of libraries."""
    if not path or path.startswith(_DEVICES) or scratch(path, made):
        return True
    if loaded(frame):  # what it has compiled of that very file
        return "__pycache__" in path or ".pyc" in path
    if not by_library(frame):
        return False
    if _SHARED in path:
        return True
    _, found = places()
    at = next((c for c in found if f"{path}{os.sep}".startswith(f"{c}{os.sep}")), None)
    if at is None or at == path:  # or it is a folder on the way to one
        return any(f"{c}{os.sep}".startswith(f"{path}{os.sep}") for c in found)
    shared = os.path.basename(at) in (".cache", "matplotlib", ".matplotlib")  # noqa: PTH119 - a text
    return not shared or any(one in path[len(os.path.dirname(at)) :].lower() for one in libraries(frame))  # noqa: PTH120


Reader = Callable[[tuple[Any, ...], FrameType, Made], Said | list[Said] | None]


def writes(mode: Any, flags: Any) -> bool:
    """Return whether a file is opened for more than reading."""
    by_flags = isinstance(flags, int) and bool(flags & _WRITING)
    return by_flags or (isinstance(mode, str) and not _CHANGING.isdisjoint(mode))


def opened_in(frame: FrameType) -> int:
    """Return the descriptor of the folder in which `os.open` opens a file, which its event does not say; -1 for none.

    Where no function of ours stands before that one, code that spells the argument counts as if it gave one.
    """
    if file_of(frame.f_code) != unheard.__file__:
        return 0 if names_folder(frame) else -1
    given = frame.f_locals.get("kwargs", {}).get("dir_fd")
    return given if isinstance(given, int) else -1


def opens_kept(given: object, mode: object, frame: FrameType) -> str:
    """Return the path of a file of keys that is opened, also in a folder by its descriptor; empty for any other."""
    if kept(given):
        return os.path.abspath(os.fsdecode(given))  # type: ignore[arg-type]  # noqa: PTH100 - at each opening
    if mode is not None or not isinstance(given, str | bytes) or given[:1] in ("/", b"/") or opened_in(frame) < 0:
        return ""
    return next(filter(kept, in_open_folders(os.fsdecode(given))), "")


def in_open_folders(name: str) -> list[str]:
    """Return where a relative name may lead that is opened in a folder by its descriptor."""
    fds = os.listdir(_OPEN) if os.path.isdir(_OPEN) else ()  # noqa: PTH112, PTH208
    folders = {os.getcwd(), *(_path(int(fd)) for fd in fds)}  # noqa: PTH109
    return [os.path.join(folder, name) for folder in folders if os.path.isdir(folder)]  # noqa: PTH112, PTH118


def _whose_key(path: str, frame: FrameType) -> Said | None:
    place = path.replace("\\", "/")
    keepers = next((names for pattern, names in KEPT if pattern.search(place)), ())
    opener = caller(frame).replace("\\", "/")
    return None if any(f"/{name}/" in opener for name in keepers) else ("secret", path)


def _opened(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | list[Said] | None:
    if key := opens_kept(args[0], args[1], frame):
        said = _whose_key(key, frame)
        return [said, ("write", said[1])] if said is not None and writes(*args[1:]) else said
    folder = opened_in(frame) if args[1] is None else -1
    unknown = folder == 0 or (folder > 0 and not os.path.isdir(_OPEN))  # noqa: PTH112 - of a system that does not tell
    if unknown and not os.path.isabs(os.fsdecode(args[0])):  # noqa: PTH117 - a text
        return "write", f"{os.fsdecode(args[0])} in a folder that is known when it runs"
    path = _path(args[0], folder)
    while file_of(frame.f_code) == unheard.__file__ and frame.f_back is not None:
        frame = frame.f_back
    if os.path.isdir(path) or _harmless(path, frame, made):  # noqa: PTH112 - of a folder, an opener follows
        return None
    return "write", path


def _made_by_tempfile(args: tuple[Any, ...], frame: FrameType, made: Made) -> None:
    path = _path(args[0])
    if path.startswith(places()[0] + os.sep) and file_of(frame.f_code) == tempfile.__file__:  # anybody may say so
        made.scratch.add(path)


def _on_paths(kind: str, *places: tuple[int, int], folder: bool = False, follows: bool = False) -> Reader:
    """Read events whose arguments name paths: where each stands, and the descriptor of its folder.

    Where a `folder` is to be made and stands already, nothing happens; of another one the path ends as such. What
    `follows` links does it to where they lead, else to the links.
    """
    end = os.sep if folder else ""

    def read(args: tuple[Any, ...], frame: FrameType, made: Made) -> list[Said]:
        found = (_path(args[at], args[of] if 0 <= of < len(args) else -1, follows) for at, of in places)
        there = [p for p in found if not (_harmless(p, frame, made) or (folder and os.path.isdir(p)))]  # noqa: PTH112
        return [*(("secret", path) for path in there if kept(path)), *((kind, path + end) for path in there)]

    return read


def _linked(args: tuple[Any, ...], frame: FrameType, made: Made) -> list[Said]:
    """Read that a link is made; one to a folder of keys is another name of each of them."""
    path, to = _path(args[1], args[2], follows=False), os.fsdecode(args[0])
    place = os.path.realpath(os.path.join(os.path.dirname(path), to))  # noqa: PTH118, PTH120 - texts
    told = kept(place) or holds_kept(place)
    return [
        *([("secret", place)] if told else []),
        *([] if _harmless(path, frame, made) else [("write", path)]),
    ]


def _by_descriptor(name: str) -> Reader:
    """Read what the step's own code writes to a descriptor, which may have been there before."""

    def read(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
        number = unheard.written(name, *args)
        if not connections.itself(frame):
            return None
        if unheard.is_connection(number):
            return "network", "an open connection"
        path = _path(number)
        if not path and unheard.is_pipe(number):
            return HANDLE, "a pipe"
        return None if _harmless(path, frame, made) else ("write", path)

    return read


def _native(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read what native code is about to do, as its library has said."""
    kind, target = args
    if kind == "network":
        return kind, target
    path = _path(target)
    return None if _harmless(path, frame, made) else (kind, path)


def _logged(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read that a line goes to a log: the step's own code writes to its file; by another handler it may act unseen."""
    handler = args[0]
    if issubclass(type(handler), logging.FileHandler) and not by_library(frame) and caller(frame):
        path = _path(handler.baseFilename)
        return None if _harmless(path, frame, made) else ("write", path)
    return logged(args, frame, made)


def _first_path(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read a call that makes what its first argument names."""
    given = args[0][0] if args[0] else next(iter(args[1].values()), "")
    path = _path(given or "~", args[1].get("dir_fd") or -1)
    return None if _harmless(path, frame, made) else ("write", path)


def _moved(args: tuple[Any, ...], frame: FrameType, made: Made) -> list[Said]:
    """Read that the working folder becomes another: what is written there from then on is the user's own."""
    path = _path(args[0]) or str(args[0])
    return [*([("secret", path)] if holds_kept(path) else []), ("folder", path)]


def _set(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read that a variable of the environment is set by which others are steered."""
    name = os.fsdecode(args[0])
    by = caller(frame, *of_package("IPython"))  # its magics only do what they are told
    own = bool(by) and not any(site in by for site in SITES)
    return ("environment", name) if unheard.STEERS.match(name) or (own and not ordinary(name)) else None


def _mapped(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    number, _, access = args[:3]
    path = _path(number) if number >= 0 and access not in (1, 3) else ""  # read, copy
    return None if _harmless(path, frame, made) else ("write", path)


def _database(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read that a database is opened in a way that does not tell what is written: it may be."""
    name = os.fsdecode(args[0]) if isinstance(args[0], str | bytes | os.PathLike) else str(args[0])
    path, mode = databases.named(name, uri=True)
    harmless = not path or mode == "ro" or databases.told() or scratch(path, made)
    return None if harmless else ("database", path)


def _imported(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read that a step imports a library whose acts nobody hears, by a name that its text does not have.

    Of one that the text names, what it does is judged before the step begins.
    """
    root = str(args[0]).partition(".")[0]
    if root not in UNHEARD:
        return None
    natives.follow(root)
    while frame.f_back is not None and (file_of(frame.f_code).startswith("<frozen") or in_stdlib(frame)):
        frame = frame.f_back  # of importlib
    hidden = root not in "".join(linecache.getlines(frame.f_code.co_filename))
    return ("native", root) if reentry.of_step(frame.f_code) and hidden else None


def scratch(path: str, made: Made) -> bool:
    """Return whether a path is a temporary one that the step has made."""
    return path in made.scratch or any(path.startswith(f"{one}{os.sep}") for one in made.scratch)


def _always(kind: str, what: str = "") -> Reader:
    return lambda args, frame, made: (kind, what)


def _by_itself(kind: str) -> Reader:
    """Read events that libraries cause all the time: they count where the step's own code does it."""
    return lambda args, frame, made: None if by_library(frame) or not caller(frame) else (kind, "")


def _by_step(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read that the step's own code has itself told of all that anybody does."""
    by = frame.f_back if file_of(frame.f_code) == unheard.__file__ else frame
    return ("native", "") if by is not None and reentry.of_step(by.f_code) else None


def _ordered(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read that the step's own code gives an order to a device or a terminal, such as to type into it."""
    return None if by_library(frame) or not caller(frame) else ("setting", "ioctl")


def _process_wide(kind: str, name: str) -> Reader:
    """Read a call that changes the whole process; a library whose code names the function knows what it does."""

    def read(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
        by = frame.f_back
        known = by is not None and name in by.f_code.co_names and (in_stdlib(by) or by_library(by))
        return None if known else (kind, "" if kind == "signal" else name)

    return read


def _message(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read that a step sends the page a message past what shows its output: HTML there may send, and run scripts."""
    sender = frame.f_back
    if sender is not None and sender.f_code.co_name == "send_response":
        sender = sender.f_back
    return ("other", "send the page a message") if sender and reentry.of_step(sender.f_code) else None


def _run(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read that code is about to run: what a step compiles is code of the step, by whatever name."""
    code = args[0]
    if isinstance(code, CodeType) and not reentry.of_step(code) and not loaded(frame):
        if bears_ours(code) and not bears_ours(caller(frame)):
            return "native", ""
        reentry.adopt(code, frame, sure=libraries_name(code.co_filename) and not by_library(frame))
    return None


def _put(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read that a function gets code that was made apart from it; one that is no step's is called as it was before."""
    code = args[1] == "__code__"
    if code and not reentry.of_step(args[0].__code__) and not bears_ours(frame.f_code):
        naming.take(args[0])
    return _run(args[2:], frame, made) if code else None


def _written_by_hand(args: tuple[Any, ...], frame: FrameType, made: Made) -> Said | None:
    """Read that code is put together: by the name of a file it would count as of whoever wrote that."""
    named = bears_ours(args[1]) or (libraries_name(args[1]) and not by_library(frame))
    return ("native", "") if named and not bears_ours(caller(frame)) else None


EVENTS: dict[str, Reader] = {
    "exec": _run,
    "function.__new__": _run,
    "object.__setattr__": _put,
    "code.__new__": _written_by_hand,
    "open": _opened,
    "tempfile.mkstemp": _made_by_tempfile,
    "tempfile.mkdtemp": _made_by_tempfile,
    **dict.fromkeys(("os.remove", "os.rmdir", "shutil.rmtree"), _on_paths("delete", (0, 1))),
    "os.chdir": _moved,
    **dict.fromkeys(("os.putenv", "os.unsetenv"), _set),
    "os.rename": _on_paths("write", (0, 2), (1, 3)),
    "os.link": _on_paths("write", (0, 2), (1, 3), follows=True),  # another name for the same file
    "os.mkdir": _on_paths("write", (0, 2), folder=True),
    "os.chmod": _on_paths("write", (0, 2), follows=True),
    "os.symlink": _linked,
    **dict.fromkeys(("os.chown", "os.utime"), _on_paths("write", (0, 3), follows=True)),
    **dict.fromkeys(("os.truncate", "os.setxattr", "os.removexattr"), _on_paths("write", (0, 9), follows=True)),
    "mmap.__new__": _mapped,
    "llmos.native": _native,
    "socket.__new__": connections.begun,
    "socket.bind": connections.bound,
    "llmos.send": connections.sent,
    **dict.fromkeys(("socket.connect", "socket.sendto", "socket.sendmsg"), connections.connected),
    **dict.fromkeys(("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"), connections.looked_up),
    **dict.fromkeys(("http.client.connect", "smtplib.connect", "ftplib.connect", "imaplib.open"), connections.host),
    **dict.fromkeys(("poplib.connect", "telnetlib.Telnet.open", "nntplib.connect"), connections.host),
    **dict.fromkeys(
        ("http.client.send", "smtplib.send", "ftplib.sendcmd", "imaplib.send", "poplib.putline"), connections.said
    ),
    "webbrowser.open": lambda args, frame, made: ("network", str(args[0])),
    **dict.fromkeys(("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "pty.spawn"), command),
    "os.spawn": lambda args, frame, made: command(args[1:], frame, made),
    **dict.fromkeys(("os.forkpty", "os.startfile", "os.startfile/2"), _always("process", "unnamed")),
    "os.fork": _always("process"),
    **dict.fromkeys(("os.kill", "os.killpg", "signal.pthread_kill"), _always("signal")),
    **dict.fromkeys(
        ("llmos.mkfifo", "llmos.mknod", "llmos.write_history_file", "llmos.append_history_file"), _first_path
    ),
    **{f"llmos.{name}": _by_descriptor(name) for name in unheard.WRITES},
    **{
        f"llmos.{name.lstrip('_')}": _process_wide(kind, name)
        for kind, of in (("setting", unheard.SETTINGS), ("signal", unheard.ENDS))
        for names in of.values()
        for name in names.split()
    },
    **dict.fromkeys(("resource.setrlimit", "resource.prlimit"), lambda args, frame, made: ("setting", "setrlimit")),
    "llmos.fork_exec": worker,
    "llmos.create": _always("process", "tcl"),
    "llmos.shm_unlink": lambda args, frame, made: ("delete", f"shared memory {args[0][0]}"),
    "fcntl.ioctl": _ordered,
    "socket.sethostname": lambda args, frame, made: ("setting", "sethostname"),
    "llmos.message": _message,
    "llmos.log": _logged,
    "llmos.zmq": lambda args, frame, made: None if args[0].startswith("inproc:") else ("network", args[0]),
    "sqlite3.connect": _database,
    "sqlite3.connect/handle": lambda args, frame, made: databases.opened(args[0]),
    "import": _imported,
    **dict.fromkeys(
        ("sqlite3.enable_load_extension", "sqlite3.load_extension", "llmos.interpreter", "sys.remote_exec"),
        _always("native"),
    ),
    **dict.fromkeys(("sys.settrace", "llmos.setprofile", "sys.addaudithook"), _by_step),
    **dict.fromkeys(("ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function", "ctypes.cdata"), _by_itself("native")),
    **dict.fromkeys(("syslog.syslog", "syslog.openlog"), _always("write syslog")),
    **dict.fromkeys(("winreg.SetValue", "winreg.DeleteKey", "winreg.CreateKey"), _always("write registry")),
}  # fmt: skip
