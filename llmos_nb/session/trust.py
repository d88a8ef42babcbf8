"""Which folders and files a person has trusted: kept outside every folder, bound to what they say.

Of a folder that is not trusted, `llmos.toml` only tightens, and what a home holds that was not made here does nothing.
That is said once, in one line.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.errors import CallDenied, StoreError
from llmos_nb.journal import HOW, Home
from llmos_nb.messages import now
from llmos_nb.tools import reentry

Decisions = dict[str, dict[str, Any]]  # by absolute path
VARIABLE = "LLMOS_TRUST"
_told: dict[Path, str] = {}


def trusted(folder: Path, tables: Mapping[str, Any]) -> bool:
    """Return whether a person has trusted these tables of a folder's `llmos.toml`, just as they stand."""
    seen = _decisions().get(str(folder.resolve()), {}).get("tables", {})
    return _named(folder) or all(seen.get(name) == digest(table) for name, table in tables.items())


def changed(folder: Path, tables: Mapping[str, Any]) -> list[str]:
    """Name the tables that are not as they were trusted; none of a folder that never was."""
    seen = _decisions().get(str(folder.resolve()), {}).get("tables")
    return [n for n, table in tables.items() if seen.get(n) != digest(table)] if seen is not None else []


def whole(file: Path) -> bool:
    """Return whether a person has trusted a file, just as it stands."""
    seen = _decisions().get(str(file.resolve()), {})
    return _named(file) or seen.get("sha256") == sha256(file.read_bytes()).hexdigest()


def _named(path: Path) -> bool:
    """Return whether the environment trusts a folder in which it stands, whatever it says: for images and services."""
    roots = filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))
    return any(path.resolve().is_relative_to(Path(root).resolve()) for root in roots)


def digest(table: Any) -> str:
    """Hash a table of a file."""
    return sha256(json.dumps(table, sort_keys=True, default=str).encode()).hexdigest()


def grant(folder: Path, tables: Mapping[str, Any]) -> None:
    """Trust tables of a folder's `llmos.toml`, as they stand."""
    _change(lambda d: d.update({str(folder.resolve()): _noted(tables={n: digest(t) for n, t in tables.items()})}))


def grant_file(file: Path) -> None:
    """Trust a file, as it stands."""
    _change(lambda d: d.update({str(file.resolve()): _noted(sha256=sha256(file.read_bytes()).hexdigest())}))


def forget(path: Path) -> bool:
    """Trust a folder, with the tasks in it, or a file no more, and return whether it was."""
    named = (str(path.resolve()), str(path.resolve() / "*.toml"))
    return any(_change(lambda d: [d.pop(name, None) for name in named]))


def listed() -> list[tuple[str, str]]:
    """Return what is trusted, and since when."""
    return [(path, str(one.get("at", ""))) for path, one in sorted(_decisions().items())]


def _noted(**what: Any) -> dict[str, Any]:
    return {"at": now(), **what}


def tell(folder: Path, home: Home, names: Iterable[str] = (), tables: Mapping[str, Any] | None = None) -> None:
    """Say once in one line what of a folder and its home is left aside, and what to do about it."""
    folder, found = folder.resolve(), digest(tables) if tables else ""
    if folder in _told and (not tables or _told[folder] == found):
        return
    _told[folder] = found
    news = " any more: it has changed" if tables and changed(folder, tables) else ""
    left = [f"{', '.join(names)} (llmos.toml)"] if tables else []
    if not home.made_here and (things := holdings(home)):
        left.append(f"{', '.join(things)} ({home.root.name})")
    if left:
        print(f"llmos: this folder is not trusted{news}; left aside: {'; '.join(left)}. {HOW}", file=sys.stderr)


def holdings(home: Home) -> list[str]:
    """Name what stands in a home; nothing is opened."""
    runs = sum(1 for _ in home.runs.glob("*/journal.jsonl"))
    found = [f"{runs} process{'es' if runs > 1 else ''}"] if runs else []
    beside = {
        "memory.db": "goals and memories",
        "mcp.json": "MCP servers",
        "skills": "skills",
        "mail": "mailboxes",
    }
    return [*found, *(words for name, words in beside.items() if (home.root / name).exists())]


# the file of decisions


def _file() -> Path:
    from jupyter_core.paths import jupyter_config_dir  # slow to import, and few need it

    return Path(jupyter_config_dir(), "llmos_nb", "trust.json")


def _decisions() -> Decisions:
    """Read what was decided; a file that others could have written says nothing."""
    try:
        stat = _file().stat()
        if os.name != "nt" and (stat.st_uid != os.getuid() or stat.st_mode & 0o022):
            return {}
        found = json.loads(_file().read_bytes())["trusted"]
        return {str(path): dict(one) for path, one in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _change(act: Callable[[Decisions], Any]) -> Any:
    """Change the decisions, readable by this user alone.

    Raises
    ------
    CallDenied
        Code of a step calls it.
    StoreError
        They cannot be written.
    """
    if reentry.inside():
        raise CallDenied(reentry.DENIED)
    from filelock import FileLock  # slow to import

    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(file.with_suffix(".lock")), mode=0o600):
            decisions = _decisions()
            given = act(decisions)
            draft = file.with_suffix(f".{os.getpid()}.tmp")
            draft.touch(mode=0o600)
            draft.write_text(json.dumps({"version": 1, "trusted": decisions}, indent=1), encoding="utf-8")
            draft.replace(file)
    except OSError as error:
        raise StoreError(f"cannot write {file}: {error.strerror or error}") from error
    _told.clear()
    return given
