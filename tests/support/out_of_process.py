"""Which tests start a kernel, a page or another program: ``pytest --in-process``, and so `scripts/check`, leaves them out.

A test counts as one where it, a fixture of its or a helper that one of them calls names something of `STARTS`; where only
the package starts something, it bears the marker ``out_of_process``. A test that has neither and starts a program all the
same fails there, with the advice to mark it. A fork that does not become another program is no program.
"""

import sys
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import pytest

TESTS = Path(__file__).parent.parent
# Modules whose use starts something, and functions of the package that always do.
STARTS = frozenset(
    (
        "forked", "killed", "kill_series", "llmos_nb.export.verify.execute", "llmos_nb.export.verify.verify", "local_weights",
        "multiprocessing", "nbclient", "nbclient.client", "notebook_driver", "page_driver", "papermill", "pexpect", "programs",
        "real_runs.live", "real_runs.run", "served", "subprocess",
    )
)  # fmt: skip
STARTED = frozenset(("subprocess.Popen", "os.forkpty", "os.posix_spawn", "os.exec"))
_known: dict[object, bool] = {}


def starts(value):
    """Whether a function, a class or a module of the tests starts something, by the names in its code."""
    if isinstance(value, ModuleType):
        return value.__name__ in STARTS
    if getattr(value, "__module__", None) in STARTS:
        return True
    if not isinstance(value, FunctionType | type) or not _ours(value.__module__):
        return False
    if value not in _known:
        _known[value] = False  # while it is looked at: it may call itself
        _known[value] = any(map(_function_starts, _functions(value)))
    return _known[value]


@cache
def _ours(module):
    return TESTS in Path(getattr(sys.modules.get(module), "__file__", None) or "/").parents


def _functions(value):
    if isinstance(value, FunctionType):
        return [value]
    found = [getattr(m, "fget", None) or getattr(m, "__func__", m) for m in vars(value).values()]
    return [f for f in found if isinstance(f, FunctionType)]


@cache
def _function_starts(function):
    function = getattr(function, "__wrapped__", function)
    return any(starts(function.__globals__.get(name)) for name in _names(function.__code__))


def _names(code):
    """Return every name that code uses, also that of the functions in it."""
    inner = (c for c in code.co_consts if isinstance(c, CodeType))
    return {*code.co_names, *(name for c in inner for name in _names(c))}


def is_out_of_process(item):
    """Whether a test, or a fixture that it uses, starts something."""
    if item.path.parent.name == "browser" or item.get_closest_marker("out_of_process"):
        return True
    fixtures = [d.func for defs in item._fixtureinfo.name2fixturedefs.values() for d in defs]
    found = [getattr(f, "__wrapped__", f) for f in (item.function, *fixtures)]
    return any(isinstance(f, FunctionType) and _function_starts(f) for f in found)


def pytest_addoption(parser):
    parser.addoption("--in-process", action="store_true", help="only the tests that start no other program")


def pytest_configure(config):
    if config.getoption("in_process"):
        config.pluginmanager.register(InProcess(), "in-process")


class InProcess:
    """Leaves the others out, and watches that none of those that are left starts a program."""

    def __init__(self):
        self.started = []
        sys.addaudithook(self._note)

    def _note(self, event, args):
        if STARTED and event in STARTED:  # at the end of Python names of modules are gone
            self.started.append(f"{event} {args[1] if event == 'subprocess.Popen' else next(iter(args), '')}"[:200])

    def pytest_sessionstart(self):
        """Learn beforehand what the package learns once by a program: whether tests of a workspace can be jailed."""
        from llmos_nb.tools.devices.programs.pytest import unheld

        unheld()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        left = {item for item in items if is_out_of_process(item)}
        config.hook.pytest_deselected(items=[*left])
        items[:] = [item for item in items if item not in left]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        self.started.clear()
        found = yield
        if self.started:
            pytest.fail(f"it starts a program: mark it out_of_process ({self.started[0]})", pytrace=False)
        return found
