"""A command on its way: a small file in the home, which only this user can write, read and authenticate.

It stands there until it is on the record of its process, so that it is not lost; the record names it, so that it is
not carried out twice. Who carries it out leaves the answer beside it.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from llmos_nb.errors import CallDenied, JournalUnwritable
from llmos_nb.journal import Home, mac
from llmos_nb.messages import canonical, now

SUFFIX, ANSWER, MOST_BYTES = ".command", ".answer", 8_000_000
WAIT_S, KEPT_S = 10.0, 60.0  # so long somebody waits for an answer, and so long one stands that nobody took


class Target(NamedTuple):
    """What is approved: its key, and the digest of what was shown."""

    key: str
    digest: str = ""


class Done(NamedTuple):
    """What became of a command: whether it was carried out, in words, and whether that is final."""

    ok: bool
    said: str
    final: bool = True


@dataclass(frozen=True)
class Command:
    """What a person wants of a process.

    Parameters
    ----------
    pid : int
        Of the process.
    verb : str
        As in ``%agent``.
    words : tuple of str
        What stands behind the process.
    targets : tuple of Target
        Of ``approve``, what is approved.
    options : mapping
        Plain values by name.
    by : str
        Who.
    id : str
        Of its own; the time comes first.
    at : str
        ISO 8601 time.
    via : str
        What it was said to, where that was no notebook: ``terminal`` or ``HTTP``.
    """

    pid: int
    verb: str
    words: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    by: str = "you"
    id: str = field(default_factory=lambda: f"{time.time_ns():020}-{secrets.token_hex(8)}")
    at: str = field(default_factory=now)
    via: str = ""


def folder_of(root: Path) -> Path:
    """Return where the commands of a home stand."""
    return Home(root).commands


def post(root: Path, command: Command) -> Path:
    """Put a command into the home.

    Raises
    ------
    CallDenied
        Code of a step calls it.
    JournalUnwritable
        The home cannot be written.
    """
    from llmos_nb.tools import reentry  # slow to import, and a terminal mostly looks

    if reentry.inside():
        raise CallDenied(reentry.DENIED)
    folder = folder_of(root)
    path = folder / f"{command.pid}-{command.id}{SUFFIX}"
    told = asdict(command)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _write(path, {**told, "mac": _mac(root, told)})
    except OSError as error:
        raise JournalUnwritable(f"cannot write {path}: {error.strerror or error}") from error
    return path


def pending(root: Path) -> Iterator[tuple[int, Path]]:
    """Yield the commands of a home with the pids of their processes, the oldest first; nothing is read."""
    try:
        names = os.listdir(folder_of(root))  # noqa: PTH208 - several times a second, and the names are all that is wanted
    except OSError:
        return
    for name in sorted(names, key=lambda n: n.partition("-")[2]):
        pid = name.partition("-")[0]
        if name.endswith(SUFFIX) and pid.isdecimal():
            yield int(pid), folder_of(root) / name


def read(root: Path, path: Path) -> Command | None:
    """Read a command; None where this user did not write it on this machine, for this home and this process."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(fd, "rb") as file:
            stat = os.fstat(file.fileno())
            if os.name != "nt" and (stat.st_uid != os.getuid() or stat.st_mode & 0o077):
                return None
            raw = json.loads(file.read(MOST_BYTES))
        given = raw.pop("mac")
        if not hmac.compare_digest(given, _mac(root, raw)) or {*raw, "via"} != {f.name for f in fields(Command)}:
            return None
        raw |= {"words": tuple(raw["words"]), "targets": tuple(Target(*t) for t in raw["targets"])}
        command = Command(**raw)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return command if path.name == f"{command.pid}-{command.id}{SUFFIX}" else None


def answer(path: Path, done: Done) -> None:
    """Leave an answer in the place of a command, while whoever sent it waits for one."""
    with suppress(OSError, ValueError):
        if time.time() - int(path.name.split("-")[1]) / 1e9 < WAIT_S - 0.5:  # who comes late finds none
            _write(path.with_suffix(ANSWER), {"ok": done.ok, "said": done.said})
    drop(path)


def drop(path: Path) -> None:
    """Take a command away."""
    with suppress(OSError):
        path.unlink()


def answered(path: Path) -> Done | None:
    """Take the answer to a command, once it is there."""
    file = path.with_suffix(ANSWER)
    try:
        raw = json.loads(file.read_bytes())
        done = Done(bool(raw["ok"]), str(raw["said"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    drop(file)
    return done


def tidy(root: Path) -> None:
    """Take away answers that nobody came for."""
    before = time.time() - KEPT_S
    for file in folder_of(root).glob(f"*{ANSWER}"):
        with suppress(OSError):
            if file.stat().st_mtime < before:
                file.unlink()


def _write(path: Path, told: Mapping[str, Any]) -> None:
    """Write a file that is there whole or not at all, for this user alone."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(canonical(dict(told)).encode())
        os.fsync(file.fileno())
    draft.replace(path)


def _mac(root: Path, told: Mapping[str, Any]) -> str:
    return mac(f"command {os.path.realpath(root)} {canonical(dict(told))}")
