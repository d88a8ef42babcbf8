"""What some code reads outside the namespace, at that moment: files, and the names of environment variables.

Files are seen by an audit hook of the interpreter (PEP 578), which only notes names, sizes and times; contents are
hashed afterwards, beside the user's thread, and only where the file is still the one that was opened. Not seen: native
code that opens files by itself, and environment variables that are not named in the code as a text.
"""

from __future__ import annotations

import os
import re
import secrets
import site
import stat
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

from llmos_nb.errors import CallDenied, JournalError
from llmos_nb.journal import MARK
from llmos_nb.policy import in_folders
from llmos_nb.policy.secrets import secret_name
from llmos_nb.tools import databases
from llmos_nb.tools.acting import SITES
from llmos_nb.tools.caching import caches, places
from llmos_nb.tools.contents import hashed_file
from llmos_nb.tools.events import in_open_folders, opened_in, writes
from llmos_nb.tools.protocol import CallContext, current_call
from llmos_nb.tools.reentry import Standing
from llmos_nb.tools.unheard import plain

MOST = 200  # files
SOON_BYTES = 16 << 20  # of a file that the code writes over or removes after it was read, hashed before that
_READING = ("r", "rb")
_ENVIRON = re.compile(r"""(?:environ(?:\.get|\.setdefault)?|getenv)\s*[\[(]\s*['"](\w+)['"]""")
_ROOT = f"{Path(__file__).parents[1]}{os.sep}"
_HOME = os.path.expanduser("~")  # noqa: PTH111 - a text, compared with texts
_OTHERS = tuple(
    {
        _ROOT,
        *(f"{sysconfig.get_path(k)}{os.sep}" for k in ("stdlib", "platstdlib", "purelib", "platlib")),
        *(f"{p}{os.sep}" for p in (*site.getsitepackages(), site.getusersitepackages())),
        *(f"{p}{os.sep}" for p in sys.path if p.endswith(SITES)),  # of an environment that this one is laid over
        *("/proc/", "/sys/", "/dev/", "/usr/lib/", "/usr/share/fonts/", "/usr/share/zoneinfo/", "/etc/"),
        *(f"{_HOME}/.{n}/" for n in ("cache", "ipython", "jupyter", "matplotlib", "config", "local/share/jupyter")),
    }
)  # what libraries read for themselves
_LEFT_OUT = (".pyc", ".so", ".pyd", f"{os.sep}{MARK}")  # what is compiled, and what tells us a home of our own
_RUNS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.startfile")
_WORD = re.compile(r"[^\s'\"=;&|<>()]+")  # of a command line
_EVENTS = (*_RUNS, "open", "sqlite3.connect", "os.mkdir", "os.remove", "os.rename", "os.link", "os.truncate")


@dataclass
class Reads:
    """What one cell or step read.

    Parameters
    ----------
    files : dict
        By path as it was spelled, and where a relative one started from: size, time of the last change in nanoseconds,
        and the real path.
    written : set of str
        Real paths that it opened for writing, and folders and databases that it made: what it reads of these is no
        input.
    digests : dict
        By real path, the hashes of files that it read and then changed or removed itself.
    databases : set of str
        Real paths of databases of SQLite that it opened: what they hold is no input that could be hashed.
    connected : set of str
        The same, with those that were not there yet.
    beyond : set of str
        Real paths of files that it read when it had read so many that no more is kept of each.
    took : dict of (int, str) to None
        In which line of a step's code what was opened: the real path.
    missed : int
        How many openings could not be noted.
    begun : int
        When it began, in nanoseconds.
    approved : callable
        Returns when somebody who approved it was shown what it would do; 0 where nobody was.
    met : callable
        Told the path of each file that it reads, before that.
    changed : callable
        Told the real path of a file that it is about to use and that has changed between the two; may refuse that.
    """

    files: dict[tuple[str, str], tuple[int, int, str]] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)
    databases: set[str] = field(default_factory=set)
    connected: set[str] = field(default_factory=set)
    beyond: set[str] = field(default_factory=set)
    took: dict[tuple[int, str], None] = field(default_factory=dict)
    missed: int = 0
    begun: int = field(default_factory=time.time_ns)
    approved: Callable[[], int] = lambda: 0
    met: Callable[[str], object] = lambda path: None
    changed: Callable[[str], object] = lambda path: None
    standing: Standing = field(default_factory=Standing)
    _again: dict[tuple[str, int], tuple[object, ...]] = field(default_factory=dict)

    def opened(self, given: Any, mode: Any, flags: Any, frame: FrameType | None = None) -> None:
        """Note a file that is about to be opened, in a folder by its descriptor where the code of `frame` does that."""
        if isinstance(given, int):
            return
        path = os.fsdecode(plain(os.fspath(given)))
        reads = mode in _READING and not self._shown
        state = self._state(path) if reads else None
        place = path, self.standing.line() if state else 0
        if state and self._again.get(place) == state:
            return
        real = os.path.realpath(path)
        if not _anew(mode, flags):
            self.uses(path)
        if mode is None and frame is not None and not os.path.isabs(path) and opened_in(frame) >= 0:  # noqa: PTH117
            for one in in_open_folders(path):
                self._read(one, os.path.realpath(one))
        elif real not in self.written and not _anew(mode, flags):
            self._read(path, real)
        if writes(mode, flags):
            self.changes(real)
            self.written.add(real)
        if not reads:
            self._again.clear()
        elif state and len(self._again) < MOST:
            self._again[place] = state

    def _state(self, path: str) -> tuple[object, ...] | None:
        """Return which file this is, as it is now; None for none.

        A name that the same line of a step reads again and again is looked at once as long as that stays the same: a
        link that leads elsewhere, another working folder and a file that was written or moved are something new.
        """
        try:
            known = os.stat(path)  # noqa: PTH116 - at each opening
        except OSError:
            return None
        start = "" if path.startswith(os.sep) else os.getcwd()  # noqa: PTH109 - as above
        return start, known.st_dev, known.st_ino, known.st_ctime_ns

    def uses(self, path: str) -> None:
        """Tell of a file that is about to be used, and is not the one that it was when the call was approved.

        That is told by the times of the file, and of links and folders on the way to it; what the call has made itself
        is its own.
        """
        if not self._shown:
            return
        real = os.path.realpath(path)
        own = real.startswith(_OTHERS) or real.endswith(_LEFT_OUT) or not self.written.isdisjoint(_way(real))
        if not own and any(self._since(p) for p in {*_way(path), *_way(real)}):
            self.changed(real)

    @cached_property
    def _shown(self) -> int:
        return self.approved()

    def _since(self, path: str) -> bool:
        try:
            known = os.lstat(path)
        except OSError:
            return False
        filled = stat.S_ISDIR(known.st_mode) and known.st_mtime_ns > self._shown  # it is the same folder
        return self._shown < known.st_ctime_ns <= self.begun and not filled

    def runs(self, program: Any, given: Any = (), folder: Any = None) -> None:
        """Look at the files that a program is made of, or is given by its command line."""
        words = [program] if program is not given else []
        words += given if isinstance(given, list | tuple) else [given]
        texts = [os.fsdecode(w) for w in words if isinstance(w, str | bytes | os.PathLike)]
        for text in texts if self._shown else ():
            for word in {text, *_WORD.findall(text)}:
                path = os.path.join(os.fsdecode(folder or ""), word)  # noqa: PTH118 - as the program sees it
                if os.path.isfile(path):  # noqa: PTH113 - a text
                    self.uses(path)

    def changes(self, real: str) -> None:
        """Hash a file that was read, since it is about to be another one or none."""
        known = next((f for f in self.files.values() if f[2] == real), None)
        if known is None or known[0] > SOON_BYTES or real in self.digests:
            return
        one = hashed_file({"path": real, "bytes": known[0], "changed": known[1], "real": real})
        self.digests |= {real: one["sha256"]} if "sha256" in one else {}

    def _read(self, path: str, real: str) -> None:
        if real.startswith(_OTHERS) or real.endswith(_LEFT_OUT):
            return
        self.meets(path, real)
        self._take(real)
        start = "" if os.path.isabs(path) else os.getcwd()  # noqa: PTH109, PTH117 - at each opening
        if (path, start) in self.files:
            return
        try:
            known = os.stat(real)  # noqa: PTH116 - at each opening
        except OSError:
            return
        if len(self.files) >= MOST:
            self.missed += 1
            self.beyond.add(real)
        elif os.path.isfile(real):  # noqa: PTH113 - a text
            self.files[path, start] = (known.st_size, known.st_mtime_ns, real)

    def meets(self, path: str, real: str) -> None:
        """Tell that a file is about to be read, or to get a name by which it will be."""
        kept = (*_OTHERS, *(f"{folder}{os.sep}" for folder in places()[1]))  # by libraries, for themselves
        if real not in self.written and not real.startswith(kept) and os.path.isfile(real):  # noqa: PTH113 - a text
            self.met(path)

    def _take(self, real: str) -> None:
        line = self.standing.line()
        if line and len(self.took) < MOST and os.path.isfile(real):  # noqa: PTH113 - a text
            self.took[line, real] = None

    def plain(self) -> dict[str, Any]:
        """Return it as plain data, contents not yet hashed; of many files their folders, ending as such."""
        others = (*_OTHERS, *(f"{folder}{os.sep}" for folder in caches()))
        known = [(*p, *f) for p, f in self.files.items() if not f[2].startswith(others)]
        files = [
            {"path": p, "bytes": size, "changed": at, "real": real}
            | ({"from": start} if start else {})
            | ({"sha256": self.digests[real]} if real in self.digests else {})
            for p, start, size, at, real in known
        ]
        written = sorted(p for p in self.written if not f"{p}{os.sep}".startswith(others))
        few, filled = len(written) <= MOST, [one for path in sorted(self.connected)[:MOST] if (one := _made(path))]
        found = {
            "files": files,
            "written": written if few else _folders(written),
            "made": [
                *(one for path in written if few and path not in self.connected and (one := _made(path))),
                *({**one, "why": _DATABASE, "database": True} for one in filled if one["changed"] >= self.begun),
            ],
            "beyond": _folders(self.beyond),
            "databases": sorted(self.databases)[:MOST],
            "missed": self.missed,
        }
        return {k: v for k, v in found.items() if v}


def _made(real: str) -> dict[str, Any]:
    """Return a file as code has left it, by its name from here, its content not yet hashed; nothing for none."""
    try:
        known = os.stat(real)  # noqa: PTH116 - a text
    except OSError:
        return {}
    if not stat.S_ISREG(known.st_mode) or Path(real).with_name("journal.jsonl").exists():  # that is of a run itself
        return {}
    path = os.path.relpath(real, os.path.realpath(""))
    return {"path": path, "bytes": known.st_size, "changed": known.st_mtime_ns, "real": real}


def _way(path: str) -> Iterator[str]:
    """Yield a path and the folders on the way to it."""
    at, found = os.path.abspath(path), ""  # noqa: PTH100 - a text
    while at != found:
        yield at
        at, found = os.path.dirname(at), at  # noqa: PTH120 - as above


def _folders(paths: Iterable[str]) -> list[str]:
    return sorted(os.path.join(folder, "") for folder in in_folders(paths, MOST))  # noqa: PTH118 - a text


def _anew(mode: Any, flags: Any) -> bool:
    """Return whether what a file held before cannot be read by whoever opens it so."""
    if isinstance(mode, str):
        return not set(mode) & set("r+") or bool(set(mode) & set("wx"))
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_TRUNC))


_DATABASE = "the bytes of a database are not compared"
_cells: list[Reads] = []  # of the user's cells under way, the innermost last
_steps: dict[int, Reads] = {}
_installed: list[bool] = []
_busy = threading.local()


@contextmanager
def reading(context: CallContext, changed: Callable[[str], object] = lambda path: None) -> Iterator[Reads]:
    """Note what a call reads, wherever its context goes; `changed` is told of what is not as it was approved."""
    install()
    found = _steps[id(context)] = Reads(approved=context.approved, met=context.reads, changed=changed)
    try:
        yield found
    finally:
        _steps.pop(id(context), None)
        found.standing.forget()


def begin_cell() -> Reads:
    """Note from now on what the user's cell reads on the main thread."""
    install()
    _cells.append(Reads())
    return _cells[-1]


def end_cell(reads: Reads) -> None:
    """Note no more."""
    if reads in _cells:
        _cells.remove(reads)


def install() -> None:
    """Put the hook in place, where it is not; it stays."""
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_heard)


def _heard(event: str, args: tuple[Any, ...]) -> None:
    # the first condition ends it when the interpreter ends, which takes the names of modules away before their hooks
    if not (_cells or _steps) or event not in _EVENTS or getattr(_busy, "now", False):
        return
    _busy.now, found = True, None
    try:
        if (found := _whose()) is None:
            return
        _note(found, event, args)
    except (CallDenied, JournalError):  # whoever is told says that it may not happen
        raise
    except Exception:  # a hook that raises would stop what it only looks at
        if found is not None:
            found.missed += 1
    finally:
        _busy.now = False


def _note(found: Reads, event: str, args: tuple[Any, ...]) -> None:
    if event == "open":
        found.opened(args[0], args[1], args[2], sys._getframe(2))
        return
    found._again.clear()
    if event in _RUNS:
        found.runs(*args[: 3 if event == "subprocess.Popen" else 2])
    elif event == "sqlite3.connect":
        path, mode = databases.named(os.fsdecode(args[0]), uri=True)
        if path:
            found.uses(path)
            found.connected.add(path)
            if databases.makes(path, mode):
                found.written.add(path)
            elif os.path.isfile(path):  # noqa: PTH113 - a text
                found.databases.add(path)
            found.meets(path, path)
            found._take(path)
    elif event == "os.mkdir":
        made = os.path.realpath(os.fsdecode(args[0]))
        found.written.update(() if os.path.exists(made) else [made])  # noqa: PTH110 - a text
    else:
        path = os.fsdecode(args[0])
        real = os.path.realpath(path)
        found.uses(path)
        found.changes(real)
        if event in ("os.rename", "os.link"):
            found.meets(path, real)
            found.written.add(os.path.realpath(os.fsdecode(args[1])))


def _whose() -> Reads | None:
    """Return whose code runs here: that of a step, or of the user's cell."""
    if (context := current_call.get()) is not None:
        return _steps.get(id(context))
    on_main = bool(_cells) and threading.current_thread() is threading.main_thread()
    return _cells[-1] if on_main else None


def environ_named(source: str) -> list[dict[str, str]]:
    """Return the environment variables that code names, each with a salted hash of its value; of secrets the name."""
    if "env" not in source:
        return []
    found = []
    for name in dict.fromkeys(_ENVIRON.findall(source)):
        one, value = {"name": name}, os.environ.get(name)
        if value is not None and not secret_name(name):
            salt = secrets.token_hex(8)
            one |= {"salt": salt, "sha256": sha256(f"{salt}{value}".encode()).hexdigest()}
        found.append(one)
    return found
