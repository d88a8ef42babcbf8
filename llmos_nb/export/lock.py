"""Which distributions the code needs: a PEP 723 block for the file's head, and a `pylock.toml` (PEP 751)."""

from __future__ import annotations

import ast
import json
import platform
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from packaging.utils import canonicalize_name as normal

from llmos_nb.export.functions import modules_named

_PYTHON = f">={sys.version_info.major}.{sys.version_info.minor}"
Wheels = dict[str, list[dict[str, Any]]]
# Distributions that another one loads by name, so that no import of it stands in code.
_BY_METHOD = {
    "read_parquet": "pyarrow", "to_parquet": "pyarrow", "read_excel": "openpyxl", "to_excel": "openpyxl",
    "to_markdown": "tabulate", "read_feather": "pyarrow", "to_feather": "pyarrow", "read_hdf": "tables",
    "to_hdf": "tables", "read_xml": "lxml", "read_html": "lxml",
}  # fmt: skip


def imported(sources: Iterable[str]) -> set[str]:
    """Return the top-level modules that code imports, the standard library left out."""
    found: set[str] = set()
    for source in sources:
        used = {getattr(node, "attr", "") for node in ast.walk(ast.parse(source))}
        found |= {name.partition(".")[0] for name in modules_named(source)}
        found |= {owner for method, owner in _BY_METHOD.items() if method in used and _installed(owner)}
    return found - sys.stdlib_module_names


_owners = cache(metadata.packages_distributions)


def distributions(modules: Iterable[str]) -> list[str]:
    """Return the distributions that modules come from, by their normal names."""
    return sorted({normal(d) for m in modules if (d := _owner(m))})


def _owner(module: str) -> str:
    """Return the distribution of a module: mostly of the same name, which spares a look at all that is installed."""
    return module if _installed(module) else next(iter(_owners().get(module, ())), "")


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def closure(names: Iterable[str]) -> list[str]:
    """Return distributions with all that they require here, without extras."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = normal(todo.pop())
        if name not in found and _installed(name):
            found.add(name)
            todo += _requires(name)
    return sorted(found)


def _requires(name: str) -> list[str]:
    from packaging.requirements import Requirement  # only for the lock

    wanted = map(Requirement, metadata.requires(name) or ())
    return [r.name for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]


def script_block(sources: Iterable[str]) -> str:
    """Return the PEP 723 block: what the code imports, in the versions it was run with."""
    pins = [f'#     "{n}=={metadata.version(n)}",' for n in distributions(imported(sources))]
    wanted = ["# dependencies = [", *pins, "# ]"] if pins else ["# dependencies = []"]
    return "\n".join(["# /// script", f'# requires-python = "{_PYTHON}"', *wanted, "# ///"])


def record_hash(distribution: metadata.Distribution) -> str:
    """Hash what a distribution installed, by its RECORD; what the installer itself writes is left out."""
    record = distribution.read_text("RECORD") or ""
    lines = [line for line in record.splitlines() if "sha256=" in line and not _by_installer(line)]
    return sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _by_installer(line: str) -> bool:
    path, own = line.partition(",")[0], (".pyc", "INSTALLER", "REQUESTED", "RECORD", "direct_url.json")
    return path.startswith(("../", "/")) or path.endswith(own)


def pylock(sources: Iterable[str], wheels: Wheels | None = None, seen: Iterable[str] = ()) -> dict[str, Any]:
    """Return `pylock.toml` as plain data.

    Parameters
    ----------
    sources : iterable of str
        The code.
    wheels : dict, optional
        By distribution, the files of an index with their hashes; see `pins`.
    seen : iterable of str
        Modules that were loaded while it ran, though no import of them stands in the code.
    """
    return {
        "lock-version": "1.0",
        "created-by": "llmos_nb",
        "requires-python": _PYTHON,
        "packages": [_package(n, (wheels or {}).get(n, [])) for n in needed(sources, seen)],
        "tool": {"llmos_nb": {"platform": platform_of()}},
    }


def needed(sources: Iterable[str], seen: Iterable[str] = ()) -> list[str]:
    """Return the distributions that code needs, with all that they require; what runs a notebook is not among them."""
    named = distributions(imported(sources))
    runs_it = set(closure(["ipykernel"]))
    return closure([*named, *(d for d in distributions(seen) if d not in runs_it)])


def _package(name: str, wheels: list[dict[str, Any]]) -> dict[str, Any]:
    tool = {"llmos_nb": {"installed-sha256": record_hash(metadata.distribution(name))}}
    found = {"wheels": wheels} if wheels else {}
    return {"name": name, "version": metadata.version(name), **found, "tool": tool}


def platform_of() -> dict[str, str]:
    """Say what the code ran on."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "machine": platform.machine(),
    }


BOUND_S = 60.0


def wheels_of(names: Iterable[str], bound_s: float = BOUND_S) -> Wheels:
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
    """Return one file; a local path stays out of it, as it would say where somebody keeps files."""
    name = PurePosixPath(urlsplit(info["url"]).path).name
    where = {"url": info["url"]} if info["url"].startswith("https://") else {"path": name}
    return {"name": name, **where, "hashes": info["archive_info"]["hashes"]}
