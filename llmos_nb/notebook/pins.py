"""The files of distributions on the configured package index, with their hashes, asked through pip."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from llmos_nb.notebook.lock import normal

BOUND_S = 60.0


def wheels_of(names: Iterable[str], bound_s: float = BOUND_S) -> dict[str, list[dict[str, Any]]]:
    """Ask the index for the very files that pip would install here.

    Parameters
    ----------
    names : iterable of str
        Distributions; the installed versions are asked for.
    bound_s : float
        Seconds it may take.

    Returns
    -------
    dict
        By name a list of wheels as `pylock.toml` has them; empty where the index was not reached in time.
    """
    wanted = [f"{n}=={metadata.version(n)}" for n in names]
    if not wanted:
        return {}
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet"]
    options = ["--only-binary", ":all:", "--disable-pip-version-check", "--retries", "0", "--report", "-"]
    try:
        done = subprocess.run([*pip, *options, *wanted], capture_output=True, timeout=bound_s, check=True)  # noqa: S603 - pip itself
        report = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    return {normal(i["metadata"]["name"]): [_wheel(i["download_info"])] for i in report["install"]}


def _wheel(info: dict[str, Any]) -> dict[str, Any]:
    """Give one file; a local path stays out of it, as it would say where somebody keeps files."""
    name = PurePosixPath(urlsplit(info["url"]).path).name
    where = {"url": info["url"]} if info["url"].startswith("https://") else {"path": name}
    return {"name": name, **where, "hashes": info["archive_info"]["hashes"]}
