"""Starting a child: an interpreter in a folder of its own, held to a jail before it runs a word of anybody's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from llmos_nb.tools.devices.child.child import Child
from llmos_nb.tools.devices.child.inputs import Input, as_input
from llmos_nb.tools.devices.child.sandbox import cgroup, filesystem, limits
from llmos_nb.tools.devices.child.sandbox.sandbox import Protection
from llmos_nb.tools.devices.child.worker import Connection

MOST_FRAME = 96 << 20


@dataclass(frozen=True)
class Setup:
    """How children are started.

    Parameters
    ----------
    show_values : bool
        As in `PythonDevice`.
    files : tuple of str
        Files and folders that a child may read, as they are named from the working folder.
    require : bool
        Refuse to run where a protection does not hold, instead of saying so.
    memory, disk : int
        Bytes; 0 for the usual.
    without : tuple of str
        Protections to leave out, so that a test can show what each of them stops.
    """

    show_values: bool = False
    files: tuple[str, ...] = ()
    require: bool = False
    memory: int = 0
    disk: int = 0
    without: tuple[str, ...] = ()


class Spawned(subprocess.Popen[bytes]):
    """A process with its folder, which goes when the process has ended.

    Parameters
    ----------
    folder, group : str
        Its folder and its control group.
    command : list of str
        Program and arguments.
    **how
        As `subprocess.Popen` takes it.
    """

    def __init__(self, folder: str, group: str, command: list[str], **how: Any) -> None:
        super().__init__(command, **how)
        self._group, self._clean = group, weakref.finalize(self, _cleaned, folder, group)

    def poll(self) -> int | None:
        """Return the exit code once it has ended."""
        code = super().poll()
        if code is not None:
            self._clean()
        return code

    def kill(self) -> None:
        """End it at once, with all that it has started."""
        if self.poll() is None and hasattr(os, "killpg"):
            with suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
            cgroup.ended(self._group)
        super().kill()


def _cleaned(folder: str, group: str) -> None:
    cgroup.removed(group)
    shutil.rmtree(folder, ignore_errors=True)


def spawned(setup: Setup) -> tuple[Connection, Spawned]:
    """Start an interpreter, in a session of its own.

    Parameters
    ----------
    setup : Setup
        How.

    Returns
    -------
    tuple
        The connection and the process.
    """
    folder = tempfile.mkdtemp(prefix="llmos-child-")
    chosen = [str(Path(f).resolve()) for f in setup.files if Path(f).exists()]
    jail = {"folder": folder, "root": str(Path.cwd()), "chosen": chosen, "memory": setup.memory}
    jail |= {"disk": setup.disk or limits.MOST_DISK, "without": setup.without, "group": _group(setup)}
    jail |= {"path": [str(Path(p).absolute()) for p in sys.path if p]}
    asked = {"show": setup.show_values, "jail": jail, "parent": os.getpid()}
    try:
        process = Spawned(
            folder, str(jail["group"]), [sys.executable, "-P", "-m", "llmos_nb.tools.devices.child", json.dumps(asked)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
            env={**filesystem.environment(folder), "PYTHONPATH": filesystem.path_before()},
        )  # fmt: skip
    except OSError:
        _cleaned(folder, str(jail["group"]))
        raise
    reading, writing = cast(BinaryIO, process.stdout), cast(BinaryIO, process.stdin)
    return Connection(reading, writing, MOST_FRAME), process


def _group(setup: Setup) -> str:
    """Make a control group for a child, with what holds the processes that watch over it."""
    bounds = setup.memory or limits.usual_memory(), limits.PROCESSES + limits.WATCHING
    return "" if {"memory", "processes"} & {*setup.without} else cgroup.made(*bounds)


def protections(setup: Setup) -> list[Protection]:
    """Start a child that runs nothing, and give what it is held to here."""
    connection, process = spawned(setup)
    try:
        first = connection.take()
        return [Protection(*p) for p in first[0]["holds"]] if first is not None else []
    finally:
        connection.close()
        process.kill()
        process.wait()


def isolated(namespace: Mapping[str, Any], names: Iterable[str], setup: Setup | None = None) -> Child:
    """Make a child that starts with copies of some variables.

    Parameters
    ----------
    namespace : mapping
        The parent's.
    names : iterable of str
        Which are copied; those that look like secrets are not.
    setup : Setup, optional
        How it is started.
    """
    wanted, how = list(names), setup or Setup()

    def gather() -> list[Input]:
        return [as_input(n, namespace[n]) for n in wanted if n in namespace]

    return Child(lambda: spawned(how), gather, require=how.require)
