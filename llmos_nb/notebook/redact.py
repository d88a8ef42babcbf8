"""Secrets stay out of exported files: known values stop the export, and the kept journal is blanked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.notebook.source import ExportSource
from llmos_nb.sensitive import secret_name

_SHORTEST = 8
BLANK = "[redacted]"


def secrets(runs: Iterable[ExportSource]) -> list[str]:
    """Give the values that must not be in the file: those named, and those of the environment that are named so."""
    named = [s for run in runs for s in run.secrets]
    return [s for s in [*named, *(v for k, v in os.environ.items() if secret_name(k))] if len(s) >= _SHORTEST]


def refuse_secrets(texts: Iterable[tuple[str, str]], values: Sequence[str]) -> None:
    """Stop an export that would write a secret.

    Raises
    ------
    UsageError
        Names the cell; the secret itself is not said.
    """
    for where, text in texts:
        if any(value in text for value in values):
            raise UsageError(
                f"{where}: it holds the value of a secret; read it from the environment in that step, then export"
            )


def redacted(value: Any, values: Sequence[str]) -> Any:
    """Copy plain data with secrets and image bytes blanked."""
    if isinstance(value, str):
        for secret in values:
            value = value.replace(secret, BLANK)
        return value
    if isinstance(value, dict):
        return {
            k: f"{len(v) // 2} bytes" if k == "data" and isinstance(v, str) else redacted(v, values)
            for k, v in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(v, values) for v in value]
    return value
