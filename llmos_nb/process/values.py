"""Values of the names that steps change, beside the journal: what a new interpreter reads, rather than run them again.

A value is written where it is plain data (`llmos_nb.heap.plain`), once for each content, and never where it is secret.
"""

from __future__ import annotations

import json
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from llmos_nb.heap.digest import digest
from llmos_nb.heap.plain import decode, encode, text_of
from llmos_nb.journal import Blobs, Journal, first, reference
from llmos_nb.journal.events import Changes, RunStarted
from llmos_nb.messages import ToolResult
from llmos_nb.policy import labels
from llmos_nb.policy.secrets import vault
from llmos_nb.process.findings import Findings
from llmos_nb.process.state.state import State

MB = 1 << 20
Packed = bytes | dict[str, Any]
_ATOMS = (type(None), bool, int, float, complex, str, bytes)
FORETOLD = "(by its code)"  # an effect that the code would have, and that nobody can see
_UNSEEN = ("file", "deletion", "process", "network", "not undoable", "unread")  # of native code, the text says it alone


class Holder(Protocol):
    """A process, as far as its values go: a `Run`."""

    journal: Journal
    state: State
    namespace: dict[str, Any] | None

    @property
    def values(self) -> Values:
        """Its values."""


@dataclass(eq=False)
class Values:
    """What of a process's values stands beside its journal.

    Parameters
    ----------
    value_bytes, run_bytes : int
        Bounds of one value, and of all; 0 keeps none.
    """

    value_bytes: int = 16 * MB
    run_bytes: int = 64 * MB
    refs: dict[str, dict[str, Any]] = field(default_factory=dict)  # by digest, the oldest first
    current: dict[str, str] = field(default_factory=dict)  # by name, the digest of what it holds now
    packed: dict[str, dict[str, Packed]] = field(default_factory=dict)  # by call, until its end is recorded
    folders: list[Path] = field(default_factory=list)  # where payloads stand: its own, and those of its parents
    used: int = 0

    def look_back(self, run: Holder) -> None:
        """Know what was written before this interpreter began."""
        if self.folders:
            return
        self.folders = list(_folders(run))
        for call in run.state.calls.values():
            digests = call.changes.digests or {}
            self.current |= digests
            for name, ref in (call.changes.values or {}).items():
                if "blob" in ref and name in digests and (self.folders[0] / str(ref["blob"])).exists():
                    self.refs[digests[name]] = ref
        self.used = sum(int(r["size"]) for r in self.refs.values())

    def room(self, size: int) -> bool:
        """Make room by deleting values that no name holds any more; tell whether there is room."""
        if self.used + size <= self.run_bytes:
            return True
        held = set(self.current.values())
        for old in [d for d in self.refs if d not in held]:
            ref = self.refs.pop(old)
            self.used -= int(ref["size"])
            Blobs(self.folders[0]).forget(ref)
        return self.used + size <= self.run_bytes


def observed(run: Holder, call: str, seen: Findings, result: ToolResult) -> ToolResult:
    """Copy what a step has changed, at the moment when it ends, and add to its effects what cannot be seen."""
    changes = Changes.parse(result.changes or {})
    if changes.digests and run.values.value_bytes and run.namespace is not None:
        run.values.look_back(run)
        names = [n for n in changes.written if n in changes.digests]
        run.values.packed[call] = _packed(run.namespace, names, changes.digests, run.values)
    effects = result.facts.get("effects")
    if not isinstance(effects, list):
        return result
    told = [f"{k} {FORETOLD}" for k in dict.fromkeys(k for k, _ in seen.risks) if k in _UNSEEN]
    result.facts["effects"] = [*effects, *told]
    return result


def _packed(
    namespace: Mapping[str, Any], names: list[str], digests: Mapping[str, str], known: Values
) -> dict[str, Packed]:
    found: dict[str, Packed] = {}
    holders = {id(v): n for n, v in namespace.items() if n not in names}
    for name in names:
        value, content = namespace.get(name), digests[name]
        same = holders.get(id(value)) if type(value) not in _ATOMS else None
        holders.setdefault(id(value), name)
        if isinstance(value, ModuleType):
            found[name] = {"module": value.__name__}
        elif same is not None and not same.startswith("_"):
            found[name] = {"same": same}
        elif content in known.refs:
            found[name] = known.refs[content]
        elif ":" not in content:
            try:
                found[name] = encode(value, known.value_bytes)
            except (TypeError, ValueError, RecursionError, OverflowError):
                continue
    return found


def kept(run: Holder, call: str, changes: Changes) -> Changes:
    """Have a step's values written beside the journal, and say where each stands; nothing secret is."""
    packed = run.values.packed.pop(call, {})
    run.values.current |= changes.digests or {}
    for name in changes.deleted:
        run.values.current.pop(name, None)
    values: dict[str, dict[str, Any]] = {}
    for name, value in packed.items():
        if _secret(run, name) or (isinstance(value, bytes) and _holds_secret(value)):
            continue
        ref = value if isinstance(value, dict) else _written(run, value, (changes.digests or {})[name])
        if ref is not None:
            values[name] = ref
    return replace(changes, values=values) if values else changes


def _secret(run: Holder, name: str) -> bool:
    return labels.of((name,), run.state.labels).secret or labels.context(run.state.labels).secret


def private(run: Holder, table: Any) -> bool:
    """Return whether the first rows of a table are not to stand in the journal."""
    return isinstance(table, str) and _secret(run, str(json.loads(table).get("name", "")))


def _holds_secret(raw: bytes) -> bool:
    return vault.dirty(text := text_of(raw)) and vault.plain(found := json.loads(text)) != found


def _written(run: Holder, raw: bytes, content: str) -> dict[str, Any] | None:
    known = run.values.refs.get(content)
    if known is not None:
        return known
    if not run.values.room(len(raw)):
        return None
    run.values.used += len(raw)
    ref = run.values.refs[content] = reference(raw, "application/json")
    run.journal.keep(ref["blob"], raw)
    return ref


def _folders(run: Holder) -> Iterator[Path]:
    """Return where payloads stand: beside the journal, and beside those that it was forked from."""
    path = run.journal.path
    while True:
        yield path.parent / "blobs"
        began = first(path).body if path.exists() else None
        parent = began.parent if isinstance(began, RunStarted) else None
        if not parent or "at" not in parent:
            return
        path = path.parent / str(parent["path"])


def _holds(run: Holder, ref: Mapping[str, Any]) -> Path | None:
    run.values.look_back(run)
    return next((f for f in run.values.folders if (f / Path(str(ref["blob"])).name).exists()), None)


def there(run: Holder, ref: Mapping[str, Any]) -> bool:
    """Return whether a value can be read, as far as a look tells."""
    return "blob" not in ref or _holds(run, ref) is not None


def value_of(run: Holder, ref: dict[str, Any], wanted: str, names: Mapping[str, Any]) -> tuple[bool, Any]:
    """Read a value; it counts only where its digest is the recorded one.

    Returns
    -------
    tuple of (bool, object)
        Whether it is what it was, and the value.
    """
    try:
        if "module" in ref:
            found: Any = _module(str(ref["module"]))
        elif "same" in ref:
            found = names[str(ref["same"])]
        else:
            folder = _holds(run, ref)
            raw = Blobs(folder).get(ref) if folder is not None else None
            if raw is None:
                return False, None
            found = decode(raw)
    except Exception:  # deleted, damaged, of another platform, or a library that is not here: it is not there
        return False, None
    return digest(found) == wanted, found


def _module(name: str) -> ModuleType:
    """Return a module of a library; one of the user's own is not imported, since it may do anything."""
    root = name.partition(".")[0]
    if name not in sys.modules and root not in sys.stdlib_module_names:
        spec, sites = find_spec(root), tuple(sysconfig.get_path(k) for k in ("purelib", "platlib"))
        if spec is None or not str(spec.origin).startswith(sites):
            raise ImportError(f"{name} is no library")
    return import_module(name)
