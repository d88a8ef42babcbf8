"""Syntax of newer Pythons is read as what it is: what it binds, reads and does."""

import sys

import pytest

from llmos_nb.export.dataflow.flow import flow_of_code
from llmos_nb.policy.code import inspect_code

needs_312 = pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
needs_314 = pytest.mark.skipif(sys.version_info < (3, 14), reason="syntax of Python 3.14")
NAMES = [
    ("type X = list[int]", set(), {"X"}),
    ("type X = list[other]", {"other"}, {"X"}),
    ("type X[T] = list[T] | X[T]", set(), {"X"}),
    ("def f[T](x: T) -> T:\n    y: T = x\n    return y", set(), {"f"}),
    ("def f[T: bound, *Ts, **P](x):\n    return given(T, Ts, P)", {"bound", "given"}, {"f"}),
    ("class A[T](base[T]):\n    def m(self, x: T) -> T:\n        return held[T]", {"base", "held"}, {"A"}),
    ("class A[T]: ...\nT = 1\nx = T", set(), {"A", "T", "x"}),
    ("x = f'{'a' + f'{y}'}'", {"y"}, {"x"}),
]


@needs_312
@pytest.mark.parametrize(("code", "reads", "writes"), NAMES)
def test_names_of_new_syntax_are_found(code, reads, writes):
    seen = inspect_code(code)
    assert (set(seen.reads), set(seen.writes)) == (reads, writes) and not seen.risks
    flow = flow_of_code(code)
    late = set[str]().union(*(f.reads for f in flow.late.values()))
    assert ((flow.reads | late) - {"list", "int"}, flow.binds) == (reads, writes)


@needs_312
@pytest.mark.parametrize(
    "code",
    [
        "type X = __import__('os').system('true')",
        "def f[T: __import__('os').system('true')](): pass",
        "class A[T: __import__('os').system('true')]: pass",
        "x = f'{f'{__import__('os').system('true')}'}'",
    ],
)
def test_calls_in_new_syntax_are_found(code):
    assert "__import__" in [r.what for r in inspect_code(code).risks]


@needs_314
def test_a_template_that_deletes_is_found():
    assert [r.kind for r in inspect_code("con.execute(t'delete from {name}')").risks] == ["deletion"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import _interpreters as i\ni.exec(i.create(), words)", "native"),
        ("from concurrent import interpreters\ninterpreters.create().exec(words)", "native"),
        ("from concurrent.futures import InterpreterPoolExecutor as P\nP(2).map(f, xs)", "native"),
        ("import sys\nsys.remote_exec(1, 'a.py')", "native"),
        ("import sys\nsys.monitoring.use_tool_id(1, 'x')", "environment"),
        ("import os\nos.unshare(1)", "environment"),
        ("from pathlib import Path\nPath('a').copy('b')", "file"),
        ("from pathlib import Path\nPath('a').move_into('b')", "file"),
        ("from compression import zstd\nzstd.open('a', 'w')", "file"),
    ],
)
def test_functions_of_newer_pythons_are_known_by_name(code, kind):
    assert {r.kind for r in inspect_code(code).risks} == {kind} and inspect_code(code).level == "risky"


def test_a_copy_of_a_table_is_no_file():
    assert inspect_code("df.copy()").level == "read"
