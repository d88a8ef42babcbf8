"""Secrets stay out of exported files: a known value stops the export, and the kept journal has handles instead."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.notebook.source import ExportSource
from llmos_nb.secrets_box import SHORTEST, Box

_HANDLE = re.compile(r"""(["'])<secret ([\w.-]+)>\1""")


def secrets(runs: Iterable[ExportSource]) -> Box:
    """Give a scanner for what must not be in the file: what the runs name, and the environment's secrets."""
    box = Box()
    box.learn()
    named = [s for run in runs for s in run.secrets if len(s) >= SHORTEST]
    for n, value in enumerate(named):
        box.add(f"named-{n + 1}", value)
    return box


def refuse_secrets(texts: Iterable[tuple[str, str]], box: Box) -> None:
    """Stop an export that would write a secret.

    Raises
    ------
    UsageError
        Names the cell; the secret itself is not said.
    """
    for where, text in texts:
        if box.redact(text) != text:
            what = "it holds a secret, or what looks like one"
            raise UsageError(f"{where}: {what}; read it from the environment there, then export")


def from_environment(source: str) -> str:
    """Read from the environment what stands in code as the handle of a secret."""
    if not _HANDLE.search(source):
        return source
    return "import os\n\n" + _HANDLE.sub(lambda m: f'os.environ["{m[2]}"]', source)


def without_pictures(value: Any) -> Any:
    """Copy plain data with the bytes of pictures left out."""
    if isinstance(value, dict):
        return {
            k: f"{len(v) // 2} bytes" if k == "data" and isinstance(v, str) else without_pictures(v)
            for k, v in value.items()
        }
    return [without_pictures(v) for v in value] if isinstance(value, list | tuple) else value
