"""Programs that a step starts: which of them, what their command lines spell, and when that is nobody's business."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from types import FrameType
from typing import Any

from llmos_nb.journal import Home
from llmos_nb.tools.acting import SITES, by_library, caller, importing, in_stdlib, of_package

WORKER = "python, a worker of a pool"
_LOOKS = ("uname", "fc-list", "lscpu", "sysctl", "nvidia-smi", "getconf")  # as libraries call them
_BUILDS = ("ldconfig", "gcc", "cc", "ld", "file")  # the standard library's own search for what is installed
_PLAIN = re.compile(r"[\w .,:=/-]+")  # no line of a shell's
_TEXTS = (str, bytes, os.PathLike)
Said = tuple[str, str]  # what kind of effect, and on what
OURS = re.compile(r"(?:^|/)llmos_nb/(?:export\.key|trust\.json)|/service/http\.token$")  # keys of this package
_STEERING = ("commands", "interpreters", "service")


def steers(path: str) -> bool:
    """Return whether a path is where a home keeps the commands of people, and whom they reach."""
    for folder in (path, path.rpartition(os.sep)[0]):
        if folder.endswith(_STEERING):
            home = Home(Path(folder).parent)
            if Path(folder) in (home.commands, home.interpreters, home.service) and home.marked:
                return True
    return False


_TOLD = re.compile(rf"{'|'.join(_STEERING)}|export\.key|trust\.json|http\.token")
_BETWEEN = r"\s'\"`=:;&|<>(){},"
_SPELT = re.compile(rf"""(?=(?:^|[{_BETWEEN}])(?:'([^']+)'|"([^"]+)"|((?:\\ |[^{_BETWEEN}])+)))""")


def _spelt(line: str, folder: str) -> set[Said]:
    """Return what a command line spells of where homes keep commands, and of the keys for them, wherever it stands."""
    line = os.path.expandvars(line)
    spelt = _SPELT.findall(line) + _SPELT.findall(line.replace('"', "").replace("'", ""))
    words = {line, *(w.replace("\\ ", " ") for found in spelt for w in found)}
    words |= {w.rpartition("@")[2] for w in words}  # a file whose content is sent, of curl and others
    words = {os.path.expanduser(w) for w in words}  # noqa: PTH111 - texts
    homes = [at for w in words if Home(Path(at := os.path.join(folder, w))).marked]  # noqa: PTH118 - `cd .llmos; …`
    told = [w for w in words if _TOLD.search(w)]
    found = {os.path.realpath(os.path.join(at, w)) for at in (folder, *homes) for w in told}  # noqa: PTH118 - texts
    keys = {p for p in found if OURS.search(p.replace("\\", "/")) and os.path.isfile(p)}  # noqa: PTH113 - as above
    return {("secret", p) for p in keys} | {("command", p) for p in found - keys if steers(p)}


def command(args: tuple[Any, ...], frame: FrameType, made: object) -> Said | list[Said] | None:
    """Read that a program is started; what it is given may be secret."""
    given = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else args[0]
    first = given[0] if isinstance(given, list | tuple) and given else given
    words = os.fsdecode(first) if isinstance(first, str | bytes | os.PathLike) else str(first)
    name = os.path.basename((words.split() or [""])[0])  # noqa: PTH119 - a text
    bare = args[0] in (given, first) and _PLAIN.fullmatch(words) and words.startswith(name)
    bare = bare and all(map(_as_ever, args[3:4]))
    asked = bare and given == [first, "--version"] and importing(frame) and _installed(name)
    looks = bare and name in _LOOKS and by_library(frame)
    if asked or looks or (name in (*_LOOKS, *_BUILDS) and _by_platform(frame)):
        return None
    lines = [os.fsdecode(w) for w in (given if isinstance(given, list | tuple) else [given]) if isinstance(w, _TEXTS)]
    folder = os.path.realpath(next((os.fsdecode(f) for f in args[2:3] if isinstance(f, _TEXTS)), ""))
    told = {said for line in lines if _TOLD.search(line) for said in _spelt(line, folder)}
    return [*sorted(told | ({("command", folder)} if steers(folder) else set())), ("process", name)]


def _as_ever(given: Any) -> bool:
    """Return whether programs are looked for where they always are, by the variables that one is given, if any."""
    return given is None or given is os.environ or (type(given) is dict and given.get("PATH") == os.environ.get("PATH"))


def _installed(name: str) -> bool:
    """Return whether a program is none of the working folder, where a step may have written it."""
    found, here = shutil.which(name), os.path.realpath("").rstrip(os.sep) + os.sep
    return not found or here == os.sep or not os.path.abspath(found).startswith(here)  # noqa: PTH100 - a text


def _by_platform(frame: FrameType | None) -> bool:
    """Return whether the standard library's own code asks what machine this is."""
    while frame is not None and frame.f_code.co_filename.endswith(f"{os.sep}subprocess.py"):
        frame = frame.f_back
    asks = (f"{os.sep}platform.py", f"{os.sep}ctypes{os.sep}util.py")
    return frame is not None and in_stdlib(frame) and frame.f_code.co_filename.endswith(asks)


def worker(args: tuple[Any, ...], frame: FrameType, made: object) -> Said | None:
    """Read that a pool starts a worker, where nobody sees what it is given: only a library's own work goes on."""
    by = frame.f_back
    if by is not None and by.f_code.co_name == "_execute_child" and in_stdlib(by):
        return None  # `subprocess` has said so itself
    starter = caller(frame, *of_package("joblib"))  # which starts workers for whoever asks it to
    return None if any(site in starter for site in SITES) else ("process", WORKER)
