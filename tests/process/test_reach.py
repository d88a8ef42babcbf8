"""What a step may change only inside what it calls, and what it cannot."""

import sys
import types

import pytest

from llmos_nb.policy.code import code_names, inspect_code, plain
from llmos_nb.process.recover import may_change
from llmos_nb.tools.devices.python.execute import filename_of, look_around

DEFINED = """
import json
from functools import partial
import pandas as pd
class Book:
    def __init__(self): self.lines = []
    def add(self, n): total.append(n)
def note(items): items.append(limits['a'])
def by_book(n): book.add(n)
class Quiet: pass
book, total, xs, ys, limits, n, who = Book(), [], [], [[]], {'a': 1}, 3, 'Ann'
df, pair, calls, added, noted = pd.DataFrame({'a': [1]}), (1, [2]), [note], book.add, partial(note, xs)
"""


@pytest.fixture(scope="module")
def namespace():
    made = {"__name__": "__main__"}
    exec(compile(DEFINED, filename_of(DEFINED, DEFINED, "defined", None), "exec"), made)
    return made


@pytest.mark.parametrize(
    ("code", "may"),
    [
        ("note(xs)", ["xs"]),
        ("note(items=ys[0]); note(pair)", ["pair", "ys"]),
        ("book.add(n, who)", ["book", "total"]),
        ("by_book(n)", ["book", "total"]),
        ("df.apply(note)", ["df"]),
        ("[*map(note, [xs])]", ["xs"]),
        ("calls[0](xs)", ["calls", "limits", "xs"]),  # which one that is the text does not tell
        ("added(n)", ["added", "total"]),
        ("noted()", ["limits", "noted"]),
        ("def mine(x): x.append(1)\nmine(xs)", ["xs"]),
        ("mine = lambda x: x.append(1)\nmine(xs)", ["xs"]),
        ("b = Book()\nb.add(xs)", ["total", "xs"]),
        ("book.n = 1\nbook.add(xs)", ["book", "total", "xs"]),
        ("from crm import insert\ninsert(xs)", ["xs"]),
        ("%time 1\nnote(xs)", ["xs"]),
        ("note(gone)", ["gone"]),
        ("gone(xs)", ["xs"]),
        ("print(xs, len(limits)); n + 1", []),
        ("with open('f', 'w') as f: f.write(who); json.dump(limits, f)", []),
        ("import http.client\nc = http.client.HTTPConnection('h')\nc.request('POST', '/', limits)", []),
        ("df.to_csv('f'); df.merge(df)", []),
        ("Quiet(); Book", []),
        ("if", []),
    ],
)
def test_what_is_called_may_change_what_it_gets_and_the_globals_it_uses(namespace, code, may):
    seen = plain(inspect_code(code, look_around(namespace, code_names(code))))
    assert may_change(code, seen, namespace) == may


def test_what_a_module_of_the_users_gets_may_be_changed(namespace, monkeypatch):
    monkeypatch.setitem(sys.modules, "ours", module := types.ModuleType("ours"))
    module.__file__ = "/somewhere/ours.py"
    code = "import ours\nours.put(xs)\nimport json\njson.dumps(limits)"
    seen = plain(inspect_code(code, look_around(namespace, code_names(code))))
    assert may_change(code, seen, {**namespace}) == ["xs"]
