"""A new environment from a notebook's lock, without this package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from platformdirs import user_cache_path

from llmos_nb.errors import LlmosError
from llmos_nb.export.lock import record_hash

BOUND_S = 900.0


def environment(about: Mapping[str, Any]) -> tuple[str, str]:
    """Make (or find again) the environment of a lock.

    Parameters
    ----------
    about : mapping
        The notebook's record, with `pylock`.

    Returns
    -------
    python : str
        Its interpreter.
    detail : str
        What was installed, in words.

    Raises
    ------
    LlmosError
        There is no lock, pip could not install it, or what it installed is not what the lock says.
    """
    if "pylock" not in about:
        raise LlmosError("the notebook has no lock; export it again with lock=True")
    lock = tomllib.loads(about["pylock"])
    packages = lock.get("packages", [])
    home = user_cache_path("llmos_nb", appauthor=False) / "environments"
    folder = home / sha256(f"{sys.version}\n{about['pylock']}".encode()).hexdigest()[:16]
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, python, packages)
        (folder / "ready").touch()
    _check(folder, packages)
    return str(python), f"{len(packages)} packages from the lock, in a new environment without llmos_nb"


def _make(folder: Path, python: Path, packages: Sequence[Mapping[str, Any]]) -> None:
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    pip += ["install", "--quiet", "--disable-pip-version-check"]
    hashed = bool(packages) and all(p.get("wheels") for p in packages)
    wanted = folder / "requirements.txt"
    wanted.write_text("\n".join(_requirement(p, hashed) for p in packages) + "\n", encoding="utf-8")
    if packages:
        _run([*pip, "--no-deps", *(["--require-hashes"] if hashed else []), "--requirement", str(wanted)])
    # The kernel is what runs the notebook, not a part of it: the version of here, with what it needs.
    _run([*pip, f"ipykernel=={metadata.version('ipykernel')}"])


def _requirement(package: Mapping[str, Any], hashed: bool) -> str:
    pin = f"{package['name']}=={package['version']}"
    found = [f"--hash={k}:{v}" for w in package.get("wheels", ()) for k, v in w["hashes"].items()]
    return " ".join([pin, *found]) if hashed else pin


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND_S, check=False)  # noqa: S603 - our own words and pins
    except (OSError, subprocess.SubprocessError) as error:
        raise LlmosError(f"{' '.join(command[1:4])}: {error}") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise LlmosError(f"the lock could not be installed: {''.join(said)}")


def _check(folder: Path, packages: Sequence[Mapping[str, Any]]) -> None:
    """Compare what was installed with what the lock says was."""
    places = [str(p) for p in folder.glob("Lib/site-packages" if os.name == "nt" else "lib/*/site-packages")]
    installed = {canonicalize_name(d.metadata["Name"]): d for d in metadata.distributions(path=places)}
    if "llmos-nb" in installed:
        raise LlmosError("the new environment has llmos_nb in it, which an exported notebook must do without")
    for package in packages:
        known = package.get("tool", {}).get("llmos_nb", {}).get("installed-sha256")
        found = installed.get(package["name"])
        if found is None or (known and record_hash(found) != known):
            what = "is not there" if found is None else "has other files than it had in the run"
            raise LlmosError(f"{package['name']} {package['version']} {what}")
