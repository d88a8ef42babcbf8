"""Calls of the files device in an exported notebook: a commit writes its files, the rest is said in a comment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmos_nb.devices.files.store import Store
from llmos_nb.errors import ToolError

if TYPE_CHECKING:
    from llmos_nb.state import Call


def said(name: str, arguments: Mapping[str, Any]) -> str:
    """Say a call that reaches nobody else."""
    path = arguments.get("path") or arguments.get("pattern") or ""
    return f"# {name} {path!r}" if path else f"# {name}"


def of_call(store: Store, call: Call) -> str:
    """Give a call as code, from what it did."""
    committed = call.facts.get("committed")
    if not committed:
        return said(call.name, call.arguments if isinstance(call.arguments, dict) else {})
    lines = ["from pathlib import Path", ""]
    for path, wanted, _ in committed:
        lines += _deleted(path) if not wanted else _written(path, store, wanted)
    return "\n".join(lines)


def _deleted(path: str) -> list[str]:
    return [f"Path({path!r}).unlink(missing_ok=True)"]


def _written(path: str, store: Store, wanted: str) -> list[str]:
    try:
        text = store.get(wanted).decode("utf-8")
    except (ToolError, UnicodeDecodeError) as error:
        return [f"# {path}: {error}"]
    folder, _, _ = path.rpartition("/")
    made = [f"Path({folder!r}).mkdir(parents=True, exist_ok=True)"] if folder else []
    return [*made, f"Path({path!r}).write_bytes({text!r}.encode())"]
