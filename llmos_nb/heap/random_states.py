"""Global random states: noted before some code, compared after it, and put into plain data."""

from __future__ import annotations

import base64
import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

# Global random generators by name: module, how to read, how to set.
GENERATORS: dict[str, tuple[str, Callable[[Any], Any], Callable[[Any, Any], object]]] = {
    "random": ("random", lambda m: m.getstate(), lambda m, s: m.setstate(s)),
    "numpy": ("numpy.random", lambda m: m.get_state(legacy=False), lambda m, s: m.set_state(s)),
    "torch": ("torch", lambda m: m.get_rng_state(), lambda m, s: m.set_rng_state(s)),
}
_SMALL = ("random", "numpy")  # torch's is too large to look at before each cell


def noted(names: Iterable[str] = _SMALL) -> dict[str, Any]:
    """Return the present states of the generators whose modules are loaded."""
    known = ((name, *GENERATORS[name]) for name in names)
    loaded = ((name, sys.modules.get(module), get) for name, module, get, _ in known)
    return {name: get(module) for name, module, get in loaded if hasattr(module, "__name__")}


def put(name: str, state: Any) -> None:
    """Set a generator to a state that `noted` gave."""
    module, _, set_ = GENERATORS[name]
    set_(sys.modules.get(module), state)


def drawn(before: Mapping[str, Any], now: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return of the states noted before some code, as plain data, those that are others now.

    Parameters
    ----------
    before : mapping
        From `noted`, or the states of an `Ambient`.
    now : mapping, optional
        The states after it; by default the present ones.
    """
    after = noted() if now is None else now
    moved = {n: s for n, s in before.items() if n in after and not _same(s, after[n])}
    return {n: plain for n, s in moved.items() if (plain := _plain(n, s)) is not None}


def _same(one: Any, other: Any) -> bool:
    """Compare two states of one generator."""
    if one is other:
        return True
    if isinstance(one, dict) and isinstance(one.get("state"), dict) and "key" in one["state"]:
        mine, theirs = one["state"], other.get("state", {})
        rest = all(one.get(k) == other.get(k) for k in ("bit_generator", "has_gauss", "gauss"))
        return rest and mine["pos"] == theirs.get("pos") and bool((mine["key"] == theirs["key"]).all())
    if isinstance(one, tuple | dict):
        return bool(one == other)
    return False


def _plain(name: str, state: Any) -> dict[str, Any] | None:
    """Return a state of the Mersenne Twister as plain data; None for any other generator."""
    if name == "random":
        version, keys, gauss = state
        return {"version": version, "keys": _packed(keys[:-1]), "at": keys[-1], "gauss": gauss}
    if name == "numpy" and state.get("bit_generator") == "MT19937":
        inner = state["state"]
        has, gauss = int(state["has_gauss"]), float(state["gauss"])
        return {"keys": _packed(inner["key"].tolist()), "at": int(inner["pos"]), "has": has, "gauss": gauss}
    return None


def _packed(keys: Any) -> str:
    """Return numbers of 32 bits as text, the lowest byte of each first."""
    return base64.b64encode(struct.pack(f"<{len(keys)}I", *keys)).decode()


def unpacked(states: Mapping[str, Any]) -> dict[str, Any]:
    """Return recorded states as lists: ``random`` as `getstate` gives it, ``numpy`` as ``[keys, at, has, gauss]``."""
    found: dict[str, Any] = {}
    for name, state in states.items():
        raw = base64.b64decode(state["keys"])
        keys = list(struct.unpack(f"<{len(raw) // 4}I", raw))
        if name == "random":
            found[name] = [state["version"], [*keys, state["at"]], state["gauss"]]
        elif name == "numpy":
            found[name] = [keys, state["at"], state["has"], state["gauss"]]
    return found
