"""What a test leaves behind that would interrupt the next one: a guard of running code, a call that has begun.

A guard rings at its deadline on the main thread, wherever that is by then: in another test, or in pytest itself. The
test which left one is named, and what it left is disarmed.
"""

import contextlib
import sys

import pytest


def silence(guard):
    """Let no guard ring any more: what holds it may end by itself, such as a task when its loop is closed."""
    for left in reversed(guard._guards):  # each puts back the handler that it has found
        left._armed = False
        left._alarm.stop()


def disarm(guard):
    """End what is left; say what that was."""
    found = [f"a guard of the call {g.key!r}" for g in guard._guards]
    found += [f"the call {b.key!r}, which has begun" for b in guard._begun]
    for left in reversed(guard._guards[:]):
        with contextlib.suppress(Exception):  # such as `Stopped`: nobody is there to hear it
            left.__exit__(None, None, None)
    guard._begun.clear()
    return found


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item):
    """Fail the test that left something once all of its fixtures are torn down."""
    guard = sys.modules.get("llmos_nb.tools.devices.python.guard")
    if guard is None:
        return (yield)
    silence(guard)
    try:
        return (yield)
    finally:
        if found := disarm(guard):
            pytest.fail(f"{item.nodeid} left {' and '.join(found)}", pytrace=False)
