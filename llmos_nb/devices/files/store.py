"""Contents of files by their hash, beside the journals: what was written, and what stood there before."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from llmos_nb.devices.files.overlay import GONE
from llmos_nb.errors import ToolError


class Store:
    """A folder of contents.

    Parameters
    ----------
    folder : path
        Made when something is put in.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, raw: bytes) -> str:
        """Keep a content and give its hash; on disk before this returns."""
        name = sha256(raw).hexdigest()
        path = self._folder / name
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            replaced(path, raw)
        return name

    def get(self, name: str) -> bytes:
        """Give a content.

        Raises
        ------
        ToolError
            It is not there any more, or not what it was.
        """
        try:
            raw = (self._folder / name).read_bytes()
        except OSError as error:
            raise ToolError(f"the kept content {name[:12]} cannot be read ({error.strerror})") from None
        if sha256(raw).hexdigest() != name:
            raise ToolError(f"the kept content {name[:12]} is not what it was")
        return raw


def replaced(path: Path, raw: bytes) -> None:
    """Put a content in the place of a file in one go, with the file's mode; on disk before this returns."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:32]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        else:
            Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _umask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now


def digest_at(path: Path) -> str:
    """Give the hash of a file; `GONE` where there is none."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return GONE
