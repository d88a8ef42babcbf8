"""The local model's weights for tests: in CI they must be there, elsewhere a test without them is skipped.

As a program it fetches them and has the model read its instructions, which the first test to ask it would wait for.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
from pathlib import Path

import pytest

from llmos_nb.errors import LlmosError
from llmos_nb.models.local import LocalModel, weights
from llmos_nb.models.local.fetch import pull_with_bar

NAME = "0.5b"


def weights_or_skip(name: str = NAME) -> Path:
    """Give the verified weights; with ``CI=true`` fetch them, or fail."""
    strict = os.environ.get("CI", "").casefold() in ("1", "true", "yes")
    if importlib.util.find_spec("xllamacpp") is None:
        _missing("xllamacpp is not installed", strict)
    found = weights.find(name)
    if found is None and strict:
        try:
            return pull_with_bar(name)
        except LlmosError as error:
            pytest.fail(f"CI needs the local model's weights: {error}")
    if found is None:
        _missing(f"the weights of {name} are not in {weights.folder()}: llmos model pull {name}", strict)
    assert found is not None
    return found


def _missing(why: str, strict: bool) -> None:
    if strict:
        pytest.fail(f"CI needs the local model: {why}")
    pytest.skip(why)


if __name__ == "__main__":
    pull_with_bar(NAME)
    asyncio.run(LocalModel(NAME).warm_up())
