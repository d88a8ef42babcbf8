"""The end of a benchmark: what held is printed and written, and is its exit code."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def conclude(found: dict[str, Any], held: Mapping[str, bool], show: Callable[[dict[str, Any]], None], out: Path) -> int:
    """Print a table and what held, write both, and return 1 where something did not hold."""
    show(found)
    for what, ok in held.items():
        print(f"  {'held    ' if ok else 'NOT held'}  {what}")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({**found, "held": held}, indent=1))
    return 0 if all(held.values()) else 1
