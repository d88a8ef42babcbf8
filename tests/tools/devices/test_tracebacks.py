"""What a model reads of an error: own frames with the failing line and its values, libraries in one line."""

import pytest

from llmos_nb.heap import Snapshots
from llmos_nb.tools import CallContext
from llmos_nb.tools.devices.python import PythonDevice

TESTS = "def total(rows):\n    return sum(rows)\n\ndef test_all():\n    rows = [1, 2]\n    assert total(rows) == 4\n"


@pytest.fixture
def steps():
    namespace, n = {}, iter(range(100))
    device = PythonDevice(namespace, snapshots=Snapshots(namespace))

    async def run(code):
        name = f"r{next(n)}.0"
        return (await device.run(code, CallContext(name, name, 10))).text

    return run


async def test_the_assert_of_a_function_of_an_earlier_step_is_shown_with_its_values(steps):
    await steps(TESTS)
    told = await steps("test_all()")
    assert "> 1 test_all()" in told and "in test_all (step r0.0):" in told
    assert ">" in told and "assert total(rows) == 4" in told
    assert "where rows = list of int, 2 items: 1, 2\nAssertionError" in told


async def test_frames_of_a_file_of_the_users_are_shown_and_those_of_libraries_are_folded(steps, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine_for_tracebacks.py").write_text("import json\n\ndef read(text):\n    return json.loads(text)\n")
    told = await steps("import mine_for_tracebacks\nmine_for_tracebacks.read('{')")
    assert "in read (mine_for_tracebacks.py):" in told and ">" in told and "return json.loads(text)" in told
    assert "where text = '{'" in told and "frames in json, the last in" in told
    assert "decoder.py" not in told and told.count("raw_decode") <= 1


async def test_values_of_attributes_are_told_without_running_their_code(steps):
    ran = "class A:\n    def __init__(self):\n        self.n = 0\n    def inverse(self):\n        return 1 / self.n\n"
    told = await steps(f"{ran}a = A()\na.inverse()")
    assert "self.n = 0" in told
    sly = "class B:\n    @property\n    def n(self):\n        print('ran')\n        return 0\nb = B()\n1 / b.n"
    assert (await steps(sly)).count("ran") == 1


async def test_secrets_are_not_told_as_values(steps):
    await steps("api_key = 'sk-abcdefghijklmnopqrstuvwxyz0123456789'\nother = api_key")
    told = await steps("n = 0\nlen(api_key + other) / n")
    assert "n = 0" in told and "not shown, it looks like a secret" in told and "abcdefghij" not in told


async def test_values_are_those_at_the_error_though_the_step_is_taken_back(steps):
    await steps("x, rows = 5, [1]")
    told = await steps("x = 0\nrows.append(2)\nsum(rows) / x")
    assert "x = 0" in told and "rows = list of int, 2 items: 1, 2" in told
    assert (await steps("x, rows")) == "(5, [1])"


async def test_long_values_and_deep_recursion_stay_short(steps):
    assert len(await steps("x = 'y' * 5000\nx + 1")) < 600
    told = await steps("def f(n):\n    return f(n + 1)\nf(0)")
    assert told.count("return f(n + 1)") <= 6 and len(told) < 1500 and "RecursionError" in told


async def test_the_cause_of_an_error_is_named(steps):
    told = await steps("try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('no a') from e")
    assert told.endswith("ValueError: no a\nfrom KeyError: 'a'")
