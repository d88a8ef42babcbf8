"""An export that a front end written in JavaScript has opened and saved: nothing of it counts as changed, but what was."""

import json
import math
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st
from process_runs import ProcessRun

from llmos_nb.export import export
from llmos_nb.export.cells import portable, read, write
from llmos_nb.export.verify import seal as seals, verify
from llmos_nb.messages import canonical


def written(number):
    """Write a number as JavaScript does (ECMAScript, Number::toString)."""
    number = float(number)
    if not math.isfinite(number):
        return "null"
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    k, n, text = len(digits), len(digits) + exponent, "".join(map(str, digits))
    if number == 0:
        return "0"
    if k <= n <= 21:
        told = text + "0" * (n - k)
    elif 0 < n <= 21:
        told = f"{text[:n]}.{text[n:]}"
    elif -6 < n <= 0:
        told = f"0.{'0' * -n}{text}"
    else:
        told = f"{text[0]}{'.' if k > 1 else ''}{text[1:]}e{'+' if n > 0 else '-'}{abs(n - 1)}"
    return "-" * sign + told


def stringified(value):
    """Write plain data as JavaScript does, with the keys in another order than ours."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{stringified(v)}" for k, v in reversed(value.items())) + "}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(stringified, value))}]"
    return written(value) if isinstance(value, int | float) and not isinstance(value, bool) else json.dumps(value)


@pytest.fixture
def path(tmp_path, monkeypatch):
    """An export whose record holds numbers of every kind."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    run = ProcessRun("Do a thing", tmp_path)
    run.begin()
    run.step("x = 1.5\nprint('a')\nx")
    run.end("done")
    path = export(run.source(), tmp_path / "out" / "x.ipynb")
    book = read(path)
    book["metadata"]["llmos_nb"]["numbers"] = [0.0, -0.0, 2.0, 1e-9, 1e16, 1e20, 1e21, 2**60, 0.1, 7, True, None]
    seals.seal(book)
    return write(book, path)


def saved(path, change=lambda book: None):
    """Save a notebook as a front end does: other keys, texts in one, its name of the interpreter, no last newline."""
    book = read(path)
    book["metadata"]["kernelspec"]["display_name"] = "Python 3 (ipykernel)"
    book["metadata"]["language_info"]["version"] = "3.99"
    for cell in book["cells"]:
        cell["metadata"] |= {"trusted": True, "collapsed": False, "scrolled": True}
    change(book)
    path.write_text(stringified(book), encoding="utf-8")
    return verify(path, "unchanged")


@given(st.floats() | st.integers() | st.integers(min_value=2**53, max_value=10**23))
def test_number_is_the_same_after_javascript_has_read_and_written_it(number):
    kept = portable(number)
    again = json.loads(stringified(kept))
    assert canonical(again) == canonical(kept) and canonical(portable(again)) == canonical(kept)
    assert isinstance(kept, str) or kept is None or math.isclose(kept, number, rel_tol=1e-15)


def test_export_that_was_opened_and_saved_is_unchanged(path):
    report = saved(path)
    assert [str(d) for d in report.differences] == [] and report.reached == "unchanged"


CHANGES = {
    "number": lambda book: book["metadata"]["llmos_nb"]["numbers"].__setitem__(2, 3),
    "tolerance": lambda book: book["metadata"]["llmos_nb"]["tolerance"].update(rel=0.5),
    "large": lambda book: book["metadata"]["llmos_nb"]["numbers"].__setitem__(7, str(2**60 + 1)),
    "interpreter": lambda book: book["metadata"]["kernelspec"].update(name="evil"),
    "source": lambda book: book["cells"][-1].update(source="x = 2"),
    "role": lambda book: book["cells"][-1]["metadata"]["llmos_nb"].update(role="note"),
    "tag": lambda book: book["cells"][-1]["metadata"].update(tags=["raises-exception"]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_before_it_was_saved_is_found(path, what):
    assert not saved(path, CHANGES[what]).ok


def test_seal_of_an_earlier_version_holds_as_it_was_written(path, monkeypatch):
    book = read(path)
    book["metadata"]["llmos_nb"]["tolerance"]["image"] = 2.0
    monkeypatch.setattr(seals, "portable", lambda value: value)
    seals.seal(book)
    write(book, path)
    assert '"image": 2.0' in path.read_text("utf-8") and verify(path, "unchanged").ok
