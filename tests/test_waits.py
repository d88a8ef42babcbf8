"""No wait of the tests and the benchmarks is without an end, and one that ends for nothing names what did not come."""

import ast
from pathlib import Path

import pytest
from waits import turns_while, until, until_async

TESTS = Path(__file__).parent
CLOCKS = frozenset(("monotonic", "perf_counter", "thread_time", "time", "timeout", "look"))
PAUSES = frozenset(("sleep", "wait", "wait_for", "wait_for_timeout"))
ENDLESS = "# no end: "  # behind it stands why


def called(node):
    """Return the names of what a piece of code calls, but for what a function in it does when it is called."""
    found, left = set(), [node]
    while left:
        node = left.pop()
        if isinstance(node, ast.Call):
            found.add(getattr(node.func, "attr", getattr(node.func, "id", "")))
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            left += ast.iter_child_nodes(node)
    return found


def pauses(loop):
    return bool(called(loop) & PAUSES) or any(isinstance(n, ast.Await) for n in ast.walk(loop))


def unbounded(text):
    """Return the lines of loops that wait and look at no clock: `waits.py` has one for each of them.

    A loop waits where it sleeps or awaits. Where it stands in an ``asyncio.timeout``, that ends it.
    """
    tree, lines = ast.parse(text), text.splitlines()
    within = [n for n in ast.walk(tree) if isinstance(n, ast.AsyncWith) and called(n.items[0]) & CLOCKS]
    ends = {id(n) for block in within for n in ast.walk(block)}
    loops = [n for n in ast.walk(tree) if isinstance(n, ast.While) and pauses(n)]
    open_ = [n for n in loops if id(n) not in ends and not called(n) & CLOCKS]
    return [n.lineno for n in open_ if ENDLESS not in lines[n.lineno - 1]]


def test_every_loop_that_waits_has_an_end():
    files = [p for p in sorted(TESTS.rglob("*.py")) if "while" in (text := p.read_text()) and unbounded(text)]
    found = [f"{p.relative_to(TESTS)}:{line}" for p in files for line in unbounded(p.read_text())]
    assert not found, f"bound them by until, until_async or turns_while of tests/support/waits.py: {found}"


@pytest.mark.parametrize(
    "text",
    [
        "while not done():\n    time.sleep(0.1)\n",
        "while not over.wait(0.2):\n    signal()\n",
        "async def f():\n    while p.state != 'ended':\n        await asyncio.sleep(0)\n",
        "async def f():\n    while p.state == 'waiting':\n        await p.approve('all')\n",
        "while not found():\n    assert server.poll() is None\n    sleep(1)\n",
        "while True:\n    page.wait_for_timeout(50)\n    def later():\n        return monotonic()\n",
    ],
)
def test_a_wait_without_an_end_is_found(text):
    assert len(unbounded(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "while monotonic() < ends:\n    time.sleep(0.1)\n",
        "while not done():\n    assert time.monotonic() < ends\n    sleep(1)\n",
        "while left:\n    left.pop()\n",
        "while True:  # no end: the fault that is tested\n    sleep(1)\n",
        "async def f():\n    async with asyncio.timeout(9):\n        while go():\n            await step()\n",
        "for _ in range(9):\n    sleep(1)\n",
    ],
)
def test_a_wait_with_an_end_is_not(text):
    assert unbounded(text) == []


async def test_what_did_not_come_is_named():
    with pytest.raises(AssertionError, match=r"within 0\.01 s it did not come: a bird"):
        until(lambda: False, "a bird", seconds=0.01)
    with pytest.raises(AssertionError, match=r"did not come: await until_async\(lambda: None, seconds=0\.01\)"):
        await until_async(lambda: None, seconds=0.01)
    with pytest.raises(AssertionError, match="after 3 turns it goes on: it asks"):
        list(turns_while(lambda: True, "it asks", 3))


def test_turns_end_with_their_condition():
    left = [1, 2, 3]
    assert [left.pop() for _ in turns_while(lambda: left, "something is left", 3)] == [3, 2, 1]
    assert not list(turns_while(lambda: left, "something is left"))
