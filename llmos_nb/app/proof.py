"""What the options of `export` and `verify` mean, for the `llmos` command and `%agent` alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LOCKS: dict[str, bool | str] = {"index": "index", "installed": True, "none": False}


def exporting(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `Process.export` that flags stand for."""
    how = {k: flags[k] for k in ("clean", "trace", "sign", "crate", "force")}
    return {**how, "lock": _LOCKS[flags["lock"]]}


def proving(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `verify` that flags stand for."""
    how = {k: flags[k] for k in ("level", "fresh", "allowed_signers", "journal")}
    return {**how, "trust": True if flags["trust"] else None}
