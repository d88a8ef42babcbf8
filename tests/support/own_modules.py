"""Of the files of tests, each test has its own among the loaded modules, and those whose functions and classes it uses.

They stand in no library, and so count as the user's own code: before a step whose text does not tell what it may reach,
all that they hold is looked at. A process of the tests has loaded some three hundred of them, a notebook hardly any.
"""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
_all = {}


def of_tests(module):
    """Whether a module is a file of tests."""
    path = Path(getattr(module, "__file__", None) or "/")
    return path.match("test_*.py") and TESTS in path.parents


def needed(module):
    """Return the files of tests that one of them needs, by name."""
    names = {module.__name__, *(getattr(value, "__module__", None) for value in vars(module).values())}
    return {name: _all[name] for name in names & _all.keys()}


@pytest.hookimpl(trylast=True)
def pytest_collection_finish():
    _all.update({name: module for name, module in sys.modules.items() if of_tests(module)})
    for name in _all:
        del sys.modules[name]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    """Give a test its modules back, until its fixtures are torn down."""
    there = needed(item.module)
    sys.modules.update(there)
    try:
        return (yield)
    finally:
        for name in there:
            sys.modules.pop(name, None)
