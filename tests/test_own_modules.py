"""A test has its own file among the loaded modules, and those that it uses something of; what its steps left is gone."""

import sys
from types import ModuleType

import own_modules
import test_waits
from waits import until

from llmos_nb.tools import effects, reentry
from llmos_nb.tools.protocol import CallContext

LEFT = compile("1", "<step>", "exec")


def test_a_file_of_tests_of_which_nothing_is_used_is_not_among_the_loaded_modules():
    assert [name for name in sys.modules if name.startswith("test_")] == [__name__]
    assert own_modules.of_tests(test_waits) and not own_modules.of_tests(own_modules)


def test_whose_functions_are_used_is_needed():
    uses = ModuleType("test_uses")
    uses.until = until  # of no file of tests
    assert own_modules.needed(uses) == {}
    uses.looks = next(value for name, value in vars(test_waits).items() if name.startswith("test_"))
    assert own_modules.needed(uses) == {"test_waits": test_waits}


def test_code_of_a_step_is_known_while_its_test_runs():
    with effects.watching(context := CallContext("r1.0", "", 0.0)):
        reentry.mark(LEFT, context)
    assert effects._last and reentry.of_step(LEFT)


def test_and_forgotten_when_it_is_over():
    assert not effects._last and not reentry.of_step(LEFT) and "functions" not in effects._installed
