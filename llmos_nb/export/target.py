"""The file that an export is written to, and what stands there already."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from llmos_nb.errors import UsageError
from llmos_nb.export.verify.seal import KEY

_OF_A_STEP = re.compile(r"^# %% \[r\d+\.\d+\]$", re.M)
SUPPLEMENT = "Made from the journal of the run, which holds each decision with its time; times are in UTC."


def target_of(path: str | os.PathLike[str]) -> Path:
    """Return the file for a name: without a suffix, a notebook."""
    return Path(path) if Path(path).suffix else Path(f"{path}.ipynb")


def check_free(target: Path) -> None:
    """Look whether an export may take a file's place: only that of an unsigned export, unless forced."""
    if (standing := _standing(target)) != "":
        raise UsageError(
            f"{target} is there already, and is {standing}: take another name, or say --force (force=True)"
        )


def _standing(target: Path) -> str:
    """Return what would be lost; empty for nothing, or an export that was not signed."""
    try:
        text = target.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError):
        return "no export"
    if not text.strip():
        return ""
    if target.suffix == ".ipynb":
        return _notebook(text)
    known = _OF_A_STEP.search(text) if target.suffix == ".py" else SUPPLEMENT in text
    return "" if known else "no export"


def _notebook(text: str) -> str:
    try:
        about = json.loads(text)["metadata"][KEY]
        return "signed" if isinstance(about.get("signature"), Mapping) else ""
    except (ValueError, LookupError, TypeError, AttributeError):
        return "no export"
