"""Which distributions the code needs: a PEP 723 block for the file's head, and a `pylock.toml` (PEP 751)."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name as normal
from platformdirs import user_cache_path

from llmos_nb.export.dataflow.parsed import nodes, once
from llmos_nb.export.functions import modules_named

_PYTHON = f">={sys.version_info.major}.{sys.version_info.minor}"
Wheels = dict[str, list[dict[str, Any]]]
# Distributions that another one loads by name, so that no import of it stands in code: by method, whoever's it is …
_BY_METHOD = {
    "read_parquet": "pyarrow", "to_parquet": "pyarrow", "read_excel": "openpyxl", "to_excel": "openpyxl",
    "to_markdown": "tabulate", "read_feather": "pyarrow", "to_feather": "pyarrow", "read_hdf": "tables",
    "to_hdf": "tables", "read_xml": "lxml", "read_html": "lxml", "to_latex": "jinja2", "read_orc": "pyarrow",
    "to_xarray": "xarray",
}  # fmt: skip
# … by method where a library is there whose method it is; many others have one of the same name …
_BY_OWNER = {
    "pandas": {"style": "jinja2", "plot": "matplotlib", "hist": "matplotlib", "boxplot": "matplotlib"},
    "duckdb": {"df": "pandas", "fetchdf": "pandas", "pl": "polars", "arrow": "pyarrow", "fetchnumpy": "numpy"},
    "polars": {"to_pandas": "pandas", "to_arrow": "pyarrow", "write_excel": "xlsxwriter", "to_numpy": "numpy"},
}
# … and by a word in a text, such as ``engine="pyarrow"`` or ``"string[pyarrow]"``.
_BY_WORD = ("pyarrow", "openpyxl", "numexpr", "numba", "fastparquet", "xlsxwriter", "lxml", "odfpy", "calamine")


def imported(sources: Iterable[str]) -> set[str]:
    """Return the top-level modules that code imports, the standard library left out."""
    found: set[str] = set()
    sources = list(sources)
    for source in sources:
        used = {getattr(node, "attr", "") for node in nodes(source)}
        found |= {name.partition(".")[0] for name in modules_named(source)}
        found |= {owner for method, owner in _BY_METHOD.items() if method in used and _installed(owner)}
    return (found | _by_name(sources, found)) - sys.stdlib_module_names


def _by_name(sources: Iterable[str], found: set[str]) -> set[str]:
    """Return the modules that the libraries of a notebook load by what is called, or named in a text."""
    used = {getattr(node, "attr", "") for source in sources for node in nodes(source)}
    texts = {v for source in sources for n in nodes(source) if isinstance(v := getattr(n, "value", None), str)}
    methods = {m: owner for library in found & _BY_OWNER.keys() for m, owner in _BY_OWNER[library].items()}
    named = {owner for method, owner in methods.items() if method in used}
    named |= {word for word in _BY_WORD if found and any(word in re.split(r"\W", text) for text in texts)}
    return {name for name in named if _installed(name)}


_owners = cache(metadata.packages_distributions)


def distributions(modules: Iterable[str]) -> list[str]:
    """Return the distributions that modules come from, by their normal names."""
    return sorted({normal(d) for m in modules if (d := _owner(m))})


def _owner(module: str) -> str:
    """Return the distribution of a module: mostly of the same name, which spares a look at all that is installed."""
    return module if _installed(module) else next(iter(_owners().get(module, ())), "")


@once  # each look reads a folder of all that is installed
def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def closure(names: Iterable[str]) -> list[str]:
    """Return distributions with all that they require here, without extras."""
    return list(_closure(frozenset(names)))


@once  # an export asks for its code, for what runs it, and for what was loaded
def _closure(names: frozenset[str]) -> list[str]:
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = normal(todo.pop())
        if name not in found and _installed(name):
            found.add(name)
            todo += _requires(name)
    return sorted(found)


@once
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
    """Return `pylock.toml` as plain data, for what code imports and what was seen to be loaded besides while it ran.

    Every package in it has a file with its hashes, as the standard asks. What has none, since the index was not asked
    or does not have it, stands under ``tool.llmos_nb.pins``, so that the lock does not look more complete than it is.
    """
    known = wheels or {}
    packages: list[dict[str, Any]] = []
    pins: list[dict[str, Any]] = []
    for name in needed(sources, seen):
        (packages if known.get(name) else pins).append(_package(name, known.get(name, [])))
    alone = any(not w["name"].endswith("-none-any.whl") for p in packages for w in p["wheels"])
    made = {"lock-version": "1.0", **({"environments": [_marker()]} if alone else {}), "requires-python": _PYTHON}
    about = {"platform": platform_of(), **({"pins": pins} if pins else {})}
    return {**made, "created-by": "llmos_nb", "packages": packages, "tool": {"llmos_nb": about}}


def _marker() -> str:
    """Return the environments that the files of a lock are for: such as this one."""
    here = {"python_version": ".".join(map(str, sys.version_info[:2])), "sys_platform": sys.platform}
    return " and ".join(f"{k} == {v!r}" for k, v in {**here, "platform_machine": platform.machine()}.items())


def needed(sources: Iterable[str], seen: Iterable[str] = ()) -> list[str]:
    """Return the distributions that code needs, with all that they require; what runs a notebook is not among them."""
    named = distributions(imported(sources))
    runs_it = set(closure(["ipykernel"]))
    return closure([*named, *(d for d in distributions(seen) if d not in runs_it)])


def _package(name: str, wheels: list[dict[str, Any]]) -> dict[str, Any]:
    distribution = metadata.distribution(name)
    tool = {"llmos_nb": {"installed-sha256": record_hash(distribution)}}
    made = {"name": normal(name), "version": distribution.version}
    if not wheels:
        return {**made, **tool["llmos_nb"]}
    return {**made, "wheels": wheels, "tool": tool}


def platform_of() -> dict[str, str]:
    """Say what the code ran on."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "machine": platform.machine(),
    }


BOUND_S = 60.0


def wheels_of(names: Iterable[str], ask: bool = True, bound_s: float = BOUND_S) -> Wheels:
    """Return by name the very files that pip would install here, as `pylock.toml` has them.

    What the index does not have is left out; where it is not to be asked, or not reached in time, all that is not known
    from before.
    """
    wanted = {n: metadata.version(n) for n in names}
    known = _Known()
    found = {n: wheel for n, v in wanted.items() if (wheel := known.get(n, v))}
    lacking = [f"{n}=={v}" for n, v in wanted.items() if n not in found]
    for name, wheel in _asked(lacking if ask else [], time.monotonic() + bound_s).items():
        found[name] = wheel
        known.put(name, wanted[name], wheel)
    return {name: [wheel] for name, wheel in found.items()}


def _asked(pins: list[str], until: float) -> dict[str, dict[str, Any]]:
    """Ask for all at once; where one is not there pip gives none, so then for each half of them."""
    if not pins or (left := until - time.monotonic()) <= 0:
        return {}
    pip = [sys.executable, "-P", "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet"]
    options = ["--only-binary", ":all:", "--disable-pip-version-check", "--retries", "0", "--report", "-"]
    try:
        done = subprocess.run([*pip, *options, *pins], capture_output=True, timeout=left, check=False)  # noqa: S603 - pip itself
    except (OSError, subprocess.SubprocessError):
        return {}
    if done.returncode:
        half, unknown = len(pins) // 2, b"No matching distribution" in done.stderr
        return {**_asked(pins[:half], until), **_asked(pins[half:], until)} if half and unknown else {}
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return {}
    files = {normal(i["metadata"]["name"]): _wheel(i["download_info"]) for i in report["install"]}
    return {name: wheel for name, wheel in files.items() if wheel}


def _wheel(info: dict[str, Any]) -> dict[str, Any]:
    """Return one file of an index; empty for one that lies on this machine, which nobody else could install."""
    where = urlsplit(info["url"])
    hashes = info.get("archive_info", {}).get("hashes", {})
    if where.scheme != "https" or where.username or not hashes:
        return {}
    return {"name": PurePosixPath(unquote(where.path)).name, "url": info["url"], "hashes": hashes}


class _Known:
    """The files that an index gave before: a version that was published never gets other ones of the same name."""

    def __init__(self) -> None:
        tag = f"{sys.implementation.cache_tag}-{platform.system()}-{platform.machine()}".lower()
        self.folder = user_cache_path("llmos_nb", appauthor=False) / "wheels" / tag

    def get(self, name: str, version: str) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            found = json.loads((self.folder / f"{name}-{version}.json").read_text(encoding="utf-8"))
            return found if isinstance(found, dict) and {"name", "url", "hashes"} <= found.keys() else {}
        return {}

    def put(self, name: str, version: str, wheel: dict[str, Any]) -> None:
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / f"{name}-{version}.json").write_text(json.dumps(wheel), encoding="utf-8")
