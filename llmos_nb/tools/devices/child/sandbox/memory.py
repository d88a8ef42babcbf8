"""Parting a forked process from memory that it shares with files and with other processes.

A fork copies what is private; what is mapped as shared (``np.memmap``, `mmap`, `SharedMemory`) stays one with its
parent's. It is mapped anew as private, in the same place: what reads it finds the same bytes, what writes it writes a
copy.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

MAPS = Path("/proc/self/maps")
MOST_COPIED = 1 << 30  # bytes of one region that no file gives again
_READ, _WRITE, _EXECUTE = 1, 2, 4
_PRIVATE, _FIXED, _ANONYMOUS = 2, 0x10, 0x20
_PLAIN = ("/dev/shm/", "/dev/zero")  # noqa: S108 - memory, and no device's
_CHUNK = 16 << 20
_LINE = re.compile(
    r"(?P<start>[0-9a-f]+)-(?P<end>[0-9a-f]+) r(?P<w>[w-])(?P<x>[x-])s"
    r" (?P<at>[0-9a-f]+) \S+ (?P<inode>\d+) *(?P<path>.*)"
)


class Region(NamedTuple):
    """A stretch of memory that is shared: where it is, how it may be used, and what of which file it shows."""

    start: int
    size: int
    protection: int
    at: int
    inode: int
    path: str


def shared() -> Iterator[Region]:
    """Return the shared stretches that may be written; nothing where the system does not tell."""
    for line in MAPS.read_text(errors="surrogateescape").splitlines() if MAPS.exists() else ():
        if (m := _LINE.fullmatch(line)) and m["w"] == "w":
            start, end = int(m["start"], 16), int(m["end"], 16)
            protection = _READ | _WRITE | (_EXECUTE if m["x"] == "x" else 0)
            yield Region(start, end - start, protection, int(m["at"], 16), int(m["inode"]), m["path"])


def may_be_shared(value: Any) -> bool:
    """Return whether a value shows memory that may be shared, as it says itself: where the system does not tell."""
    from mmap import mmap  # few processes have one

    for _ in range(8):  # an array shows the memory of another one
        if isinstance(value, mmap) or isinstance(getattr(value, "_mmap", None), mmap):
            return True
        value = getattr(value, "base", None)
    return False


def part(regions: Iterable[Region]) -> list[str]:
    """Make private what is shared, as `shared` tells it.

    What cannot be copied, such as a device's memory, can only be read from now on.

    Returns
    -------
    list of str
        What can only be read: writing to it ends the process.
    """
    held = []
    for region in list(regions):
        if not (_from_file(region) or _copied(region)):
            _library().mprotect(ctypes.c_void_p(region.start), ctypes.c_size_t(region.size), _READ)
            held.append(region.path or "memory")
    return held


def _library() -> Any:
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    return library


def _map(start: int, size: int, protection: int, flags: int, file: int = -1, at: int = 0) -> bool:
    place, offset = ctypes.c_void_p(start), ctypes.c_long(at)
    found = _library().mmap(place, ctypes.c_size_t(size), protection, flags | _PRIVATE | _FIXED, file, offset)
    return bool(found == start)


def _from_file(region: Region) -> bool:
    """Map the file again, which copies nothing before it is written; one that is deleted or another now is not it."""
    here = f"/proc/self/map_files/{region.start:x}-{region.start + region.size:x}"
    for path in (here, region.path) if region.inode else ():
        with suppress(OSError, ValueError):
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                same = os.fstat(file).st_ino == region.inode and _is_plain(file)
                if same and _map(region.start, region.size, region.protection, 0, file, region.at):
                    return True
            finally:
                os.close(file)
    return False


def _is_plain(file: int) -> bool:
    return os.path.isfile(f"/proc/self/fd/{file}")  # noqa: PTH113 - a device's memory is no file's


def _copied(region: Region) -> bool:
    """Put a copy in the place of memory that no file gives again; a device's is never read."""
    device = region.path.startswith("/dev/") and not region.path.startswith(_PLAIN)
    if device or region.size > MOST_COPIED:
        return False
    for start in range(region.start, region.start + region.size, _CHUNK):
        size = min(_CHUNK, region.start + region.size - start)
        held = ctypes.string_at(start, size)
        if not _map(start, size, region.protection, _ANONYMOUS):
            return False
        ctypes.memmove(start, held, size)
    return True
