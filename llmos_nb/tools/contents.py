"""Hashes of the files that some code has read or made, and why one has none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path
from typing import Any

HASHED_BYTES = 4 << 30  # of larger files only the size is kept
_FILES = ("files", "made")


def hashed(reads: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was read with the hashes of the files; a file that changed meanwhile has none, and says so."""
    found = {of: [hashed_file(dict(one), of == "made") for one in reads[of]] for of in _FILES if of in reads}
    return {**reads, **found}


# How files begin whose format may hold when they were written: archives (sheets and arrays among them), PDF, HDF5.
_DATED = (b"PK\x03\x04", b"\x1f\x8b", b"%PDF", b"\x89HDF")
_HEAD, _DRAWING = 1 << 10, b"<svg"  # in which programs that draw say it, behind a head


def hashed_file(one: dict[str, Any], made: bool = False) -> dict[str, Any]:
    """Return what is known of a file with the hash of its content, or with the reason why there is none."""
    changed, size = one.pop("changed", None), one["bytes"]
    if "sha256" in one or "why" in one:  # it was hashed before the code changed it, or is not to be
        one.pop("real", None)
        return one
    try:
        with Path(one.pop("real", one["path"])).open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest() if size <= HASHED_BYTES else ""
            known = os.fstat(file.fileno())
            if made and file.seek(0) == 0 and ((head := file.read(_HEAD)).startswith(_DATED) or _DRAWING in head):
                one["dated"] = True
    except OSError:
        return {**one, "why": "it was gone when its content was to be hashed"}
    if (known.st_size, known.st_mtime_ns) != (size, changed):
        return {**one, "why": "it was changed before its content was hashed"}
    return {**one, "sha256": digest} if digest else {**one, "why": "it is too large to be hashed"}


def unhashed(reads: Mapping[str, Any], why: str) -> dict[str, Any]:
    """Return what was read without the hashes of the files, and why."""
    kept = ("path", "bytes", "from", "sha256")
    told = {of: [{k: one[k] for k in kept if k in one} | {"why": why} for one in reads.get(of, ())] for of in _FILES}
    return {**reads, **{of: files for of, files in told.items() if files}}
