"""The cell that seeds what the code draws from."""

from __future__ import annotations

from collections.abc import Iterable

from llmos_nb.notebook.flow_words import NUMPY, PYTHON, TORCH
from llmos_nb.notebook.slice import Piece, read

_CODE = {
    PYTHON: "import random\n\nrandom.seed({seed})",
    NUMPY: "import numpy\n\nnumpy.random.seed({seed})",
    TORCH: "import torch\n\ntorch.manual_seed({seed})",
}


def drawn(sources: Iterable[str]) -> list[str]:
    """Name the global random states that code draws from."""
    lines, late = read([Piece(s, kept=True) for s in sources])
    flows = [*(line.flow for line in lines), *late.values()]
    used = {n for f in flows for n in f.reads | f.mutates}
    return [state for state in _CODE if state in used]


def seeds_code(sources: Iterable[str], recorded: Iterable[str], seed: int = 0) -> str:
    """Give the seed cell's code, empty where nothing draws."""
    states = drawn(sources)
    if not states:
        return ""
    known = set(recorded)
    fresh = [s.strip("$") for s in states if s not in known]
    lines = ["# Seeds, so that every run draws the same."]
    if fresh:
        lines.append(
            f"# The run itself drew from {', '.join(fresh)} without a recorded seed: its own draws were others."
        )
    return "\n".join([*lines, *(_CODE[s].format(seed=seed) for s in states)])
