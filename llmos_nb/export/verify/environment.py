"""A new environment from a notebook's lock, without this package."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from platformdirs import user_cache_path

from llmos_nb.errors import LlmosError
from llmos_nb.export.lock import record_hash

BOUND_S = 900.0
READS_LOCKS = Version("26.1")  # the pip that installs a pylock.toml


def environment(about: Mapping[str, Any]) -> tuple[str, dict[str, int], str]:
    """Make (or find again) the environment of a lock; return its interpreter, and in counts and words what it holds.

    Raises
    ------
    LlmosError
        There is no lock, it is not valid, pip could not install it, or what it installed is not what the lock says.
    """
    if "pylock" not in about:
        raise LlmosError("the notebook has no lock; export it again with lock=True")
    lock = read_lock(about["pylock"])
    home = user_cache_path("llmos_nb", appauthor=False) / "environments"
    folder = home / sha256(f"{sys.version}\n{about['pylock']}".encode()).hexdigest()[:16]
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, python, about["pylock"], lock)
        (folder / "ready").touch()
    _check(folder, lock.all)
    counts = {"packages": len(lock.all), "hashes": len(lock.hashed)}
    return str(python), counts if lock.all else {"interpreters": 1}, _said(lock)


@dataclass(frozen=True)
class Lock:
    """A lock that was read."""

    hashed: list[dict[str, Any]]  # packages with files and hashes
    pins: list[dict[str, Any]]  # those of which only name and version are known

    @property
    def all(self) -> list[dict[str, Any]]:
        """All packages."""
        return [*self.hashed, *self.pins]

    @property
    def lacks(self) -> str:
        """Which pins lack hashes, in words; empty where none does."""
        if not self.pins:
            return ""
        if not self.hashed:
            return f"none of the {len(self.all)} packages of the lock has the hash of a file"
        names = ", ".join(f"{p['name']} {p['version']}" for p in self.pins)
        return f"{len(self.pins)} of {len(self.all)} packages of the lock lack hashes: {names}"


def read_lock(text: str) -> Lock:
    """Read a `pylock.toml`, and check it against the standard, this Python and this machine."""
    try:
        plain = tomllib.loads(text)
        _validate(plain)
        pins = plain.get("tool", {}).get("llmos_nb", {}).get("pins", [])
        made = Lock([dict(p) for p in plain["packages"] if p.get("wheels")], [dict(p) for p in pins])
        # locks of former versions had packages with neither files nor hashes
        bare = [dict(p) for p in plain["packages"] if not p.get("wheels")]
        fits = SpecifierSet(plain.get("requires-python", "")).contains(platform.python_version(), prereleases=True)
        fits = fits and any(Marker(m).evaluate() for m in plain.get("environments", ["python_version > '0'"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LlmosError(f"the lock is not a valid pylock.toml: {str(error).splitlines()[0]}") from error
    if not fits:
        raise LlmosError(f"the lock is for another Python or machine: {'; '.join(plain.get('environments', ()))}")
    return Lock(made.hashed, [*made.pins, *bare])


def _validate(plain: Mapping[str, Any]) -> None:
    """Check the form with the reference reader of the standard, where `packaging` is new enough to have it."""
    try:
        from packaging.pylock import Pylock, PylockValidationError  # since packaging 26
    except ImportError:
        return
    hashed = [p for p in plain["packages"] if p.get("wheels")]
    try:
        Pylock.from_dict({**plain, "packages": hashed})
    except PylockValidationError as error:
        raise ValueError(str(error)) from error


def _said(lock: Lock) -> str:
    where = "in a new environment without llmos_nb"
    if not lock.all:
        return f"the lock names no package, and Python fits; {where}"
    return f"{where}; {lock.lacks}" if lock.pins else f"from the lock, {where}"


def _make(folder: Path, python: Path, text: str, lock: Lock) -> None:
    _run([sys.executable, "-P", "-m", "venv", "--without-pip", str(folder)])
    pip = [sys.executable, "-P", "-m", "pip", "--python", str(python)]
    pip += ["install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    if lock.hashed:
        _run([*pip, *_hashed(folder, text, lock)])
    if lock.pins:
        wanted = folder / "pins.txt"
        wanted.write_text("\n".join(f"{p['name']}=={p['version']}" for p in lock.pins) + "\n", encoding="utf-8")
        _run([*pip, "--requirement", str(wanted)])
    # The kernel is what runs the notebook, not a part of it: the version of here, with what it needs.
    pip.remove("--no-deps")
    _run([*pip, f"ipykernel=={metadata.version('ipykernel')}"])


def _hashed(folder: Path, text: str, lock: Lock) -> list[str]:
    """Return what tells pip to install by hashes: the lock itself, where this pip reads such."""
    if Version(metadata.version("pip")) >= READS_LOCKS:
        wanted = folder / "pylock.toml"
        wanted.write_text(text, encoding="utf-8")
        return ["--requirement", str(wanted)]
    wanted = folder / "requirements.txt"
    wanted.write_text("\n".join(map(_requirement, lock.hashed)) + "\n", encoding="utf-8")
    return ["--require-hashes", "--requirement", str(wanted)]


def _requirement(package: Mapping[str, Any]) -> str:
    found = [f"--hash={k}:{v}" for w in package["wheels"] for k, v in w["hashes"].items()]
    return " ".join([f"{package['name']}=={package['version']}", *found])


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
        mine = package.get("tool", {}).get("llmos_nb", package)
        known = mine.get("installed-sha256")
        found = installed.get(package["name"])
        if found is None or (known and record_hash(found) != known):
            what = "is not there" if found is None else "has other files than it had in the run"
            raise LlmosError(f"{package['name']} {package['version']} {what}")
