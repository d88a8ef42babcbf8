"""The table of executors: each command that `decide` can give is carried out by one function."""

import sys

from llmos_nb.process.driver import EXECUTORS
from llmos_nb.process.state.decide import Command


def test_each_command_has_an_executor_that_takes_a_run_and_that_command():
    there = vars(sys.modules[Command.__module__]).values()
    known = {c for c in there if isinstance(c, type) and issubclass(c, Command)} - {Command}
    assert set(EXECUTORS) == known and len(known) > 10
    taken = {kind: list(f.__annotations__.items())[:2] for kind, f in EXECUTORS.items()}
    assert taken == {kind: [("run", "Run"), ("command", kind.__name__)] for kind in EXECUTORS}
