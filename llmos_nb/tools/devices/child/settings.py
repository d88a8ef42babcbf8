"""The `[child]` table of `llmos.toml`: what a child process may read and use, and whether all protections must hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmos_nb.errors import ConfigError, UsageError, nearest

UNTRUSTED = ("ask", "child")
_UNITS = {"mb": 1 << 20, "gb": 1 << 30}


@dataclass(frozen=True)
class Confinement:
    """How child processes are held.

    Parameters
    ----------
    require : bool
        None runs where a protection does not hold on this machine.
    files : tuple of str
        Files, folders and globs that a child may read, beside those that the goal names.
    memory, disk : int
        Bytes; 0 for the usual.
    """

    require: bool = False
    files: tuple[str, ...] = ()
    memory: int = 0
    disk: int = 0

    def within(self, org: Confinement) -> Confinement:
        """Hold to an organisation's: its demand, its files alone where it names any, and the smaller sizes."""
        pairs = ((self.memory, org.memory), (self.disk, org.disk))
        sizes = [min(mine or top, top or mine) for mine, top in pairs]
        return Confinement(self.require or org.require, org.files or self.files, *sizes)


ANY = Confinement()


def parse_confinement(raw: Mapping[str, Any], where: str) -> Confinement:
    """Read the table.

    Raises
    ------
    ConfigError
        Names the key and what it may hold.
    """
    known = tuple(Confinement.__dataclass_fields__)
    for key in raw:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}{nearest(key, known)}")
    files, require = raw.get("files", []), raw.get("require", False)
    if not isinstance(files, list) or not all(isinstance(f, str) for f in files):
        raise ConfigError(f"{where}: files = {files!r}: must be a list of paths")
    if not isinstance(require, bool):
        raise ConfigError(f"{where}: require = {require!r}: must be true or false")
    sizes = (_bytes(raw.get(k, 0), f"{where}: {k}") for k in ("memory", "disk"))
    return Confinement(require, tuple(files), *sizes)


def _bytes(text: Any, where: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *(mb|gb)", str(text).lower())
    if text == 0 or (found and float(found[1]) > 0):
        return int(float(found[1]) * _UNITS[found[2]]) if found else 0
    raise ConfigError(f"{where} = {text!r}: must be a size, as in '4 GB' or '500 MB'")


def parse_untrusted(text: str, where: str) -> str:
    """Read what becomes of Python after an untrusted read: ``ask`` or ``child``."""
    if text not in UNTRUSTED:
        raise UsageError(f"{where} {text!r}: must be one of {', '.join(UNTRUSTED)}{nearest(text, UNTRUSTED)}")
    return text
