"""What Python calls by itself, where the code looks like no call, acts for the step that has defined it."""

import contextlib
from pathlib import Path

import pytest
from at_work import READ, ran
from turns import python

from llmos_nb.tools.reentry import _BY_ITSELF

SAVE = "open(target, 'w').close()"
COPY = "import copy\ncopy.copy(made)"
PICKLE = "import pickle\npickle.dumps(made, 2)"
HAS = "class Has:\n    field = made\n"
# by special method: what it returns, and the user's cell; the class is `Made`, an object of it `made`
CASES = {
    "get": ("1", f"{HAS}Has().field"),
    "set": ("None", f"{HAS}Has().field = 1"),
    "delete": ("None", f"{HAS}del Has().field"),
    "set_name": ("None", "class Has:\n    field = made"),
    "getattr": ("1", "made.size"),
    "getattribute": ("1", "made.size"),
    "setattr": ("None", "made.size = 1"),
    "delattr": ("None", "del made.size"),
    "init_subclass": ("None", "class Mine(Made): pass"),
    "mro_entries": ("()", "class Mine(made): pass"),
    "class_getitem": ("1", "Made[int]"),
    "prepare": ("{}", "class Mine(Made): pass"),
    "repr": ("''", "repr(made)"),
    "str": ("''", "f'{made}'"),
    "format": ("''", "f'{made:>3}'"),
    "bytes": ("b''", "bytes(made)"),
    "fspath": ("''", "import os\nos.path.join(made, 'x')"),
    "hash": ("1", "{made: 1}"),
    "eq": ("True", "made == 1"),
    "ne": ("True", "made != 1"),
    "lt": ("True", "made < 1"),
    "le": ("True", "made <= 1"),
    "gt": ("True", "made > 1"),
    "ge": ("True", "made >= 1"),
    "bool": ("True", "if made: pass"),
    "len": ("1", "len(made)"),
    "length_hint": ("1", "import operator\noperator.length_hint(made)"),
    "dir": ("[]", "dir(made)"),
    "sizeof": ("1", "import sys\nsys.getsizeof(made)"),
    "class": ("int", "isinstance(made, int)"),
    "doc": ("''", "made.__doc__"),
    "int": ("1", "int(made)"),
    "float": ("1.0", "float(made)"),
    "complex": ("1j", "complex(made)"),
    "index": ("1", "[1, 2][made]"),
    "round": ("1", "round(made)"),
    "trunc": ("1", "import math\nmath.trunc(made)"),
    "floor": ("1", "import math\nmath.floor(made)"),
    "ceil": ("1", "import math\nmath.ceil(made)"),
    "reduce": ("'made'", COPY),
    "reduce_ex": ("'made'", COPY),
    "getstate": ("{}", PICKLE),
    "getnewargs": ("()", PICKLE),
    "getnewargs_ex": ("((), {})", PICKLE),
    "setstate": ("None", f"made.__dict__['size'] = 1\n{COPY}"),
    "copy": ("1", COPY),
    "deepcopy": ("1", "import copy\ncopy.deepcopy(made)"),
    "instancecheck": ("True", "isinstance(1, Made)"),
    "subclasscheck": ("True", "issubclass(int, Made)"),
    "subclasshook": ("True", "issubclass(int, Made)"),
}
OF_CLASS = ("instancecheck", "subclasscheck", "prepare")
PROPERTIES = ("class", "doc")
ABSTRACT = ("subclasshook",)


def defined(method):
    """Return code that defines a class with such a method, and makes an object of it."""
    body = f"def __{method}__(self, *_, **__):\n        {SAVE}\n        return {CASES[method][0]}"
    if method in OF_CLASS:
        return f"class Kind(type):\n    {body}\nMade = type.__new__(Kind, 'Made', (), {{}})\nmade = Made()"
    how = "@property\n    " if method in PROPERTIES else "@classmethod\n    " if method in ABSTRACT else ""
    kind = "(metaclass=abc.ABCMeta)" if method in ABSTRACT else ""
    return f"import abc\nclass Made{kind}:\n    {how}{body}\nmade = Made()"


def cell(space, code):
    with contextlib.suppress(Exception):
        exec(compile(code, "<cell>", "exec"), space)


def test_each_such_method_has_a_case():
    assert {f"__{method}__" for method in CASES} == _BY_ITSELF


@pytest.mark.filterwarnings("ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("method", CASES)
async def test_it_acts_for_the_step(method, work):
    await ran(work, READ, python(defined(method)))
    assert "made" in work
    cell(work, CASES[method][1])
    assert not Path(work["target"]).exists()


@pytest.mark.parametrize("method", CASES)
def test_the_same_of_a_cell_acts(method, work):
    """The counter-example: a cell that does not come to the method would pass the test above."""
    for code in (defined(method), CASES[method][1]):
        cell(work, code)
    assert Path(work["target"]).exists()


@pytest.mark.parametrize("method", ["setattr", "setstate", "round"])
async def test_a_call_of_such_a_method_by_its_name_acts_for_the_step_too(method, work):
    await ran(work, READ, python(defined(method)))
    cell(work, f"Made.__{method}__(made, 'size', 1)")
    assert not Path(work["target"]).exists()
