"""Which files a child sees: what Python needs to run, the chosen ones for reading, and a folder of its own."""

from __future__ import annotations

import os
import shutil
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from llmos_nb.tools.devices.child.sandbox.landlock import LOOK, NAMES, OWN, RUN, USE

_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store")
_READ = (
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/timezone", "/etc/mime.types",
    "/etc/fonts", "/etc/ssl/certs", "/etc/alternatives", "/sys/devices/system", "/sys/fs/cgroup",
)  # fmt: skip
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_PARTS = ("bin", "lib", "lib64", "include", "share", "etc", "pyvenv.cfg", "DLLs", "Lib")
_PROC = ("cpuinfo", "meminfo", "stat", "filesystems", "sys/vm/overcommit_memory", "sys/kernel/osrelease")


_OWN = Path(__file__).resolve().parents[5]  # where this package is imported from


def path_before() -> str:
    """Return where a child may import from before it is held: nowhere in the working folder, which may be a stranger's.

    An interpreter runs a `sitecustomize` that it finds there.
    """
    here, path = Path.cwd().resolve(), [Path(p).resolve() for p in sys.path if p]
    return os.pathsep.join(str(p) for p in path if p == _OWN or not p.is_relative_to(here))


def allowed(folder: str, chosen: Iterable[str], path: Iterable[str], proc: bool) -> Iterator[tuple[str, int]]:
    """Return the paths that a child may reach, with what it may do there.

    Parameters
    ----------
    folder : str
        Its own.
    chosen : iterable of str
        Files and folders that it may read.
    path : iterable of str
        Where it imports from.
    proc : bool
        Whether ``/proc`` shows its own processes only.
    """
    yield folder, OWN
    yield from ((path, LOOK) for path in chosen)
    python = _interpreter()
    yield from ((path, RUN) for path in (*_SYSTEM, *python))
    yield from ((path, LOOK) for path in _READ)
    yield from ((path, USE) for path in _DEVICES)
    yield from [("/proc", LOOK), ("/dev/shm", OWN)] if proc else [(f"/proc/{p}", LOOK) for p in _PROC]  # noqa: S108 - its own
    for place in dict.fromkeys((*path, *sys.path)):
        if place and Path(place).is_dir() and not place.startswith(tuple(python)):  # not Python's own
            yield place, NAMES
            yield from ((str(p), LOOK) for p in _importable(Path(place)))


def _interpreter() -> set[str]:
    """Return the folders of Python and what is installed for it; never a whole prefix, which may be a home."""
    roots = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    parts = {str(Path(root, part)) for root in roots for part in _PARTS}
    installed = {*sysconfig.get_paths().values()} - roots
    packages = {*site.getsitepackages(), site.getusersitepackages()}
    return {*parts, *installed, *packages, sys.executable, str(Path(sys.executable).resolve())}


def _importable(place: Path) -> Iterator[Path]:
    """Return what can be imported from a folder: modules and packages, and nothing that lies beside them."""
    with suppress(OSError):
        for path in place.iterdir():
            if path.suffix in (".py", ".so", ".pyd") or (path / "__init__.py").exists():
                yield path


def furnish(folder: Path, chosen: Iterable[str], root: Path) -> None:
    """Put links to the chosen files into a child's folder, as they lie beneath `root`; it then works there."""
    for name in chosen:
        with suppress(ValueError, OSError):
            link = folder / Path(name).relative_to(root)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(name)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matplotlib"
    with suppress(OSError):  # to look through all fonts takes seconds
        (folder / ".matplotlib").mkdir()
        for file in cache.glob("fontlist*.json"):
            shutil.copy(file, folder / ".matplotlib")


_KEPT = ("PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")
_KEPT_FROM = (
    "LC_", "OMP_", "OPENBLAS_", "MKL_", "NUMEXPR_", "PYTHONDONTWRITE", "PYTHONUTF8", "PYTHONWARN", "CONDA_PREFIX",
)  # fmt: skip


def environment(folder: str) -> dict[str, str]:
    """Return the environment of a child: what programs need to run, and no more of its parent's."""
    kept = {k: v for k, v in os.environ.items() if k in _KEPT or k.startswith(_KEPT_FROM)}
    places = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), folder)
    return {**kept, **places, "MPLCONFIGDIR": str(Path(folder, ".matplotlib")), "MPLBACKEND": "agg"}
