"""Real notebooks' code as input: a sample of the documentation's cells as steps, undone, redone, compared.

All of them: ``python tests/benchmarks/bench_undo.py --docs``.
"""

from __future__ import annotations

import random
import warnings

import pytest
from docstring_code import cells, run

# the library's own sums take twenty seconds there
LONG = ("sklearn.gaussian_process", "sklearn.feature_extraction.image")


@pytest.mark.parametrize("package", ["pandas", "sklearn"])
@pytest.mark.filterwarnings("ignore")
def test_documentation_cells_are_undone_and_redone(package):
    pytest.importorskip(package)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        every = [(name, code) for name, code in cells(package) if not name.startswith(LONG)]
        assert len(every) > 100
        sample = random.Random(20).sample(every, 25)
        assert [wrong for name, code in sample if (wrong := run(name, code))] == []
