"""Holding a child process to what it may do, with what the system offers; what does not hold is said, never assumed.

Linux has all of it without any special right: namespaces (a network, processes and mounts of its own), Landlock (which
files), a filter of system calls, limits. Elsewhere limits hold as far as the system has them, and an audit hook refuses
what Python's own modules do on the network; C code that speaks for itself gets past that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from llmos_nb.tools.devices.child.sandbox import (
    cgroup,
    filesystem,
    init,
    landlock,
    libc,
    limits,
    namespaces,
    seccomp,
)

_BY = ("limits", "a control group")
NAMES = ("network", "files", "processes", "signals", "memory", "disk", "calls", "rights", "parent")


@dataclass(frozen=True)
class Protection:
    """One thing that a child is held to, or not, with how, in words for a person."""

    name: str
    holds: bool
    how: str


@dataclass(frozen=True)
class Jail:
    """What a child is to be held to.

    Parameters
    ----------
    folder : str
        Its own folder, which is empty; an empty text for none.
    root : str
        The folder that relative names of the chosen files stand for.
    chosen : tuple of str
        Absolute paths that it may read.
    memory, disk : int
        Bytes of memory, of all its processes together, and of what it writes; 0 for the usual.
    without : tuple of str
        Protections to leave out, of `NAMES`: so that a test can show what each of them stops.
    group : str
        A control group with the bounds, made for it; an empty text for none.
    path : tuple of str
        Where it will import from.
    """

    folder: str = ""
    root: str = ""
    chosen: tuple[str, ...] = ()
    memory: int = 0
    disk: int = limits.MOST_DISK
    without: tuple[str, ...] = ()
    group: str = ""
    path: tuple[str, ...] = ()

    def close(self, closing: tuple[int, ...] = (), parent: int = 0) -> tuple[list[Protection], bool]:
        """Hold this process to it, for good.

        It may go on as another process, with the one that was started watching over it.

        Parameters
        ----------
        closing : tuple of int
            Descriptors that only the child needs.
        parent : int
            The process with which this one is to end.

        Returns
        -------
        list of Protection
            What holds now, and what does not.
        bool
            Whether all processes that this one can see are its own.
        """
        if hasattr(os, "nice"):
            os.nice(2)  # whatever runs here, the parent comes first
        memory = self.memory or limits.usual_memory()
        grouped = cgroup.entered(self.group)
        left = namespaces.enter("network" not in self.without, "processes" not in self.without)
        ends, may = "ends with its parent", "may outlive a parent that is killed"
        dying = self._tried("parent", lambda: libc.die_with_parent(parent), ends, may)
        if "processes" in left:
            init.fork_inside(sys.maxsize if "memory" in self.without else memory, closing)
        made = frozenset[str]()
        if libc.LINUX and self.folder:
            disk, closed = 0 if "disk" in self.without else self.disk, "files" not in self.without
            made = namespaces.furnish(self.folder, disk, closed=closed, processes="processes" in left)
        bounded = self._bounded(left, made)
        if grouped and "processes" in left:  # else what is started could outlive a parent that is killed
            bounded = limits.PROCESSES
        if self.folder:
            filesystem.furnish(Path(self.folder), self.chosen, Path(self.root))
            os.chdir(self.folder)
        held = [self._memory(memory, left, grouped), self._disk(made), self._rights()]
        held += [files := self._files("proc" in made), self._signals(left, files)]
        filtered = self._filter(bool(bounded), "closed" in made)
        held += [self._processes(bounded, filtered, grouped), filtered, dying]
        return [self._network(left, filtered), *held], "processes" in left

    def _tried(self, name: str, act: Any, how: str, otherwise: str) -> Protection:
        if name in self.without:
            return Protection(name, False, f"{otherwise}: switched off")
        try:
            act()
        except (OSError, AttributeError, KeyError) as error:
            why = (isinstance(error, OSError) and error.strerror) or str(error)
            return Protection(name, False, f"{otherwise}: {why if libc.LINUX else 'only Linux can'}")
        return Protection(name, True, how)

    def _bounded(self, left: Iterable[str], made: Iterable[str]) -> int:
        """Bound the processes where all end with the child; give how many there can be, or 0 for any number."""
        ids = "proc" in made and namespaces.bound_ids(limits.PROCESSES)
        if limits.bound_processes(limits.PROCESSES, "processes" in left):
            return limits.PROCESSES
        return max(limits.PROCESSES, namespaces.FEWEST) if ids else 0

    def _network(self, left: Iterable[str], filtered: Protection) -> Protection:
        if "network" in left or filtered.holds:
            return Protection("network", True, "no network")
        if "network" not in self.without:
            sys.addaudithook(refuse_network)
        return Protection("network", False, "no network through Python's own modules only")

    def _files(self, proc: bool) -> Protection:
        def restrict() -> None:
            if not self.folder:
                raise OSError("it has no folder of its own")
            landlock.restrict(filesystem.allowed(self.folder, self.chosen, self.path, proc))

        sees = "no files but its own folder, Python and the chosen ones"
        return self._tried("files", restrict, sees, "reads and writes all of your files")

    def _signals(self, left: Iterable[str], files: Protection) -> Protection:
        apart = "processes" in left or (files.holds and landlock.version() >= 6)
        return Protection("signals", apart, "no signals to others" if apart else "may signal your processes")

    def _processes(self, bounded: int, filtered: Protection, grouped: bool) -> Protection:
        if bounded:
            how = f"at most {bounded} processes, which end with it (by {_BY[grouped]})"
            return Protection("processes", True, how)
        if filtered.holds and "processes" not in self.without:
            return Protection("processes", True, "no further processes")
        return Protection("processes", False, "any number of processes, which may outlive it")

    def _filter(self, processes: bool, closed: bool) -> Protection:
        starts, about = processes or "processes" in self.without, closed or "files" in self.without
        act = partial(seccomp.refuse, processes=starts, about_files=about)
        return self._tried("calls", act, "no sockets, tracing, mounts or keys", "every system call")

    def _memory(self, most: int, left: Iterable[str], grouped: bool) -> Protection:
        holds = "memory" not in self.without and limits.bound("AS", most)
        together = " together" if grouped or "processes" in left else ""
        how = f"at most {most >> 20:,} MiB of memory{together} (by {_BY[grouped]})"
        return Protection("memory", holds, how if holds else "no bound on memory")

    def _disk(self, made: Iterable[str]) -> Protection:
        if "disk" in self.without:
            return Protection("disk", False, "no bound on what it writes")
        each = limits.bound_rest(self.disk)
        if "disk" in made:
            return Protection("disk", True, f"at most {self.disk >> 20:,} MiB of files")
        said = f"writes at most {self.disk >> 20:,} MiB a file, and any number of files"
        return Protection("disk", False, said if each else "no bound on what it writes")

    def _rights(self) -> Protection:
        def give_up() -> None:
            libc.no_new_privileges()
            libc.drop_capabilities()

        return self._tried("rights", give_up, "no special rights", "your special rights")


_ACTS = "connect bind sendto sendmsg getaddrinfo gethostbyname"
NETWORK = frozenset(f"socket.{act}" for act in _ACTS.split())


def refuse_network(event: str, _: tuple[Any, ...]) -> None:
    """Refuse, as an audit hook, what Python's own modules do on the network."""
    if event in NETWORK:
        raise PermissionError(f"{event} is refused: this process has no network")


def close_network() -> None:
    """Take the network away from this process, as far as the system grants it; for a preview."""
    with suppress(OSError, AttributeError):
        namespaces.enter(network=True, processes=False)
