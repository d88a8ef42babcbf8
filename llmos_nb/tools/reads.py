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
import sys
import sysconfig
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

from llmos_nb.policy.secrets import secret_name
from llmos_nb.tools import effects
from llmos_nb.tools.protocol import CallContext, current_call

MOST = 200  # files
HASHED_BYTES = 4 << 30  # of larger files only the size is kept
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ENVIRON = re.compile(r"""(?:environ(?:\.get|\.setdefault)?|getenv)\s*[\[(]\s*['"](\w+)['"]""")
_ROOT = f"{Path(__file__).parents[1]}{os.sep}"
_HOME = os.path.expanduser("~")  # noqa: PTH111 - a text, compared with texts
_OTHERS = tuple(
    {
        _ROOT,
        *(f"{sysconfig.get_path(k)}{os.sep}" for k in ("stdlib", "platstdlib", "purelib", "platlib")),
        *(f"{p}{os.sep}" for p in (*site.getsitepackages(), site.getusersitepackages())),
        *("/proc/", "/sys/", "/dev/", "/usr/lib/", "/usr/share/fonts/", "/usr/share/zoneinfo/", "/etc/"),
        *(
            f"{_HOME}/.{n}/"
            for n in ("cache", "ipython", "jupyter", "matplotlib", "config", "local/share/jupyter")
        ),
    }
)  # what libraries read for themselves
_COMPILED = (".pyc", ".so", ".pyd")


@dataclass
class Reads:
    """What one cell or step read.

    Parameters
    ----------
    files : dict
        By path as it was spelled: size, time of the last change in nanoseconds, and the real path.
    written : set of str
        Real paths that it opened for writing: what it reads of these is no input.
    """

    files: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)

    def opened(self, given: Any, mode: Any, flags: Any) -> None:
        """Note a file that is about to be opened."""
        if isinstance(given, int):
            return
        path = os.fsdecode(os.fspath(given))
        real = os.path.realpath(path)
        by_flags = isinstance(flags, int) and bool(flags & _WRITING)
        if by_flags or (isinstance(mode, str) and set(mode) & set("wax+")):
            self.written.add(real)
        elif len(self.files) < MOST and path not in self.files and real not in self.written:
            self._read(path, real)

    def _read(self, path: str, real: str) -> None:
        if real.startswith(_OTHERS) or real.endswith(_COMPILED):
            return
        try:
            known = os.stat(real)  # noqa: PTH116 - at each opening
        except OSError:
            return
        if os.path.isfile(real):  # noqa: PTH113 - a text
            self.files[path] = (known.st_size, known.st_mtime_ns, real)

    def plain(self) -> dict[str, Any]:
        """Return it as plain data, contents not yet hashed."""
        others = (*_OTHERS, *(f"{folder}{os.sep}" for folder in effects.caches()))
        known = [(p, *f) for p, f in self.files.items() if not f[2].startswith(others)]
        files = [{"path": p, "bytes": size, "changed": at, "real": real} for p, size, at, real in known]
        written = sorted(p for p in self.written if not p.startswith(others))[:MOST]
        return {k: v for k, v in (("files", files), ("written", written)) if v}


_cells: list[Reads] = []  # of the user's cells under way, the innermost last
_steps: dict[int, Reads] = {}
_installed: list[bool] = []
_busy = threading.local()


@contextmanager
def reading(context: CallContext) -> Iterator[Reads]:
    """Note what a call reads, wherever its context goes."""
    install()
    found = _steps[id(context)] = Reads()
    try:
        yield found
    finally:
        _steps.pop(id(context), None)


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
    if event != "open" or not (_cells or _steps) or getattr(_busy, "now", False):
        return
    _busy.now = True
    try:
        context = current_call.get()
        if context is not None:
            if (found := _steps.get(id(context))) is not None:
                found.opened(*args)
        elif _cells and threading.current_thread() is threading.main_thread():
            _cells[-1].opened(*args)
    except Exception:  # noqa: S110 - a hook that raises would stop what it only looks at
        pass
    finally:
        _busy.now = False


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


def hashed(reads: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was read with the hashes of the files; a file that changed meanwhile has none, and says so."""
    files = [_hashed(dict(one)) for one in reads.get("files", ())]
    return {**reads, **({"files": files} if files else {})}


def _hashed(one: dict[str, Any]) -> dict[str, Any]:
    changed, size = one.pop("changed", None), one["bytes"]
    try:
        with Path(one.pop("real", one["path"])).open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest() if size <= HASHED_BYTES else ""
            known = os.fstat(file.fileno())
    except OSError:
        return {**one, "why": "it was gone when its content was to be hashed"}
    if (known.st_size, known.st_mtime_ns) != (size, changed):
        return {**one, "why": "it was changed before its content was hashed"}
    return {**one, "sha256": digest} if digest else {**one, "why": "it is too large to be hashed"}


def unhashed(reads: Mapping[str, Any], why: str) -> dict[str, Any]:
    """Return what was read without the hashes of the files, and why."""
    files = [{"path": one["path"], "bytes": one["bytes"], "why": why} for one in reads.get("files", ())]
    return {**reads, "files": files}
