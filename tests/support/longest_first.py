"""The order of the tests: files with the longest ones first, so that at the end no process waits for one of them alone.

A process that is idle takes tests over from the end of another's; what stands first is begun at once.
"""

from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
# Files and folders with a test, or a fixture, of ten seconds or more; in this order.
LONGEST = (
    "test_passes.py",  # most of it waits
    "notebooks",
    "browser",
    "session/test_batch_job.py",
    "session/test_service.py",
    "test_second_try.py",
)


@cache
def place(path):
    """Return what a file is sorted by."""
    found = (n for n, name in enumerate(LONGEST) if path == (at := TESTS / name) or at in path.parents)
    return next(found, len(LONGEST)), path


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Put the tests in one order for all processes."""
    items.sort(key=lambda item: place(item.path))
