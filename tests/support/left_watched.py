"""What the steps of a test have left is watched no more once it is over, as in an interpreter that has ended.

As long as code of any step is there, each file that is opened and each variable of the environment that is set has the
whole stack looked at: under pytest that is a hundred frames, and most of what it does between two tests.
"""

import sys

import pytest


def forget(effects, reentry):
    """Forget the steps that were watched, and their code."""
    for known in (effects._last, reentry._codes, reentry._owners, reentry.made):
        known.clear()
    effects.unwatch()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item):
    effects, reentry = (sys.modules.get(f"llmos_nb.tools.{name}") for name in ("effects", "reentry"))
    if effects is not None and reentry is not None and effects._last:
        forget(effects, reentry)
    return (yield)
