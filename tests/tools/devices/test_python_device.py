"""Steps in a namespace: values, errors, deadlines and output; in a plain dict, in IPython, and in a real kernel."""

import asyncio
import builtins
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from promptness import promptly

from llmos_nb.heap import Snapshots
from llmos_nb.journal.events import Decider
from llmos_nb.tools import CallContext, Stopped, current_call
from llmos_nb.tools.devices.python import PythonDevice, capture, stop_main_thread
from llmos_nb.tools.devices.python.display import brief

COUNT = iter(range(10**6))


def context(seconds=30.0, shown=None):
    n = next(COUNT)
    return CallContext(f"r{n}.0", f"key{n}", seconds, (shown if shown is not None else []).append)


def run(device, code, seconds=30.0, shown=None):
    return asyncio.run(device.run(code, context(seconds, shown)))


@pytest.fixture
def device():
    yield PythonDevice({"a": 1})
    capture.uninstall()


@pytest.fixture(scope="module")
def ipython():
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    hook = sys.displayhook, sys.excepthook
    ip = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    yield ip
    capture.uninstall(ip)
    InteractiveShell.clear_instance()
    sys.displayhook, sys.excepthook = hook


# values and errors


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("a + 1", "2"),
        ("print('x'); a", "x\n1"),
        ("'é'", "'é'"),
        ("a\na + 1", "2"),
        ("b = a", "no output"),
        ("a;", "no output"),
        ("None", "no output"),
        ("", "no output"),
        ("import asyncio\nawait asyncio.sleep(0)\na", "1"),
        ("async def f():\n    return 7\nawait f()", "7"),
        ("[i for i in range(3)]", "[0, 1, 2]"),
        ("print('\\x1b[31mred\\x1b[0m')", "red"),
        ("'\\ud800'", r"'\ud800'"),
    ],
)
def test_step_returns_its_last_value_and_output(device, code, text):
    result = run(device, code)
    assert (result.ok, result.text, result.error) == (True, text, "")


def test_a_step_is_read_again_where_another_thread_was_at_it_too(device, monkeypatch):
    failing = [SystemError("AST constructor recursion depth mismatch")] * 2

    def mixed_up(*args, **kwargs):
        if failing:
            raise failing.pop()
        return compile(*args, **kwargs)

    monkeypatch.setattr("llmos_nb.policy.code.names.compile", mixed_up, raising=False)
    assert run(device, "a + 1").text == "2" and not failing


def test_a_frame_of_polars_is_shown_by_all_rows_and_columns_that_fit(device):
    run(
        device,
        "import polars as pl\nt = pl.DataFrame({f'c{i}': [f'text {i} {n}' * 5 for n in range(60)] for i in range(12)})",
    )
    text = run(device, "t").text
    assert all(f"text {i} {n}" in text for i in range(4) for n in range(60)) and "[here are the first" in text
    small = run(device, "t.select('c0', 'c11')").text
    assert "c11" in small and "text 11 59text" in small and "here are" not in small and "shape: (60, 2)" in small
    long = run(device, "pl.DataFrame({'n': range(1000)})").text
    assert "shape: (1_000, 1)" in long and "| 9 " in long and "| 990 " in long and "| 500 " not in long


def test_a_step_writes_the_namespace_and_nothing_else(device):
    run(device, "b = a + 1")
    assert {k: v for k, v in device.namespace.items() if k != "__builtins__"} == {"a": 1, "b": 2}


def test_output_is_shown_as_it_comes(device):
    shown = []
    run(device, "print('one')\na", shown=shown)
    assert "".join(shown) == "one\n1\n"


@pytest.mark.parametrize(
    ("code", "error", "text"),
    [
        (
            "x = 1\nx / 0\ny = 2",
            "ZeroDivisionError",
            "  1 x = 1\n> 2 x / 0\n  3 y = 2\nwhere x = 1\nZeroDivisionError: division by zero",
        ),
        ("x = = 2", "SyntaxError", "> 1 x = = 2\n        ^\nSyntaxError: invalid syntax (line 1)"),
        ("raise SystemExit(3)", "SystemExit", "> 1 raise SystemExit(3)\nSystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "> 1 raise KeyboardInterrupt\nKeyboardInterrupt"),
        ("import asyncio\nraise asyncio.CancelledError", "CancelledError", None),
        ("import asyncio\nawait asyncio.sleep(0)\nraise asyncio.CancelledError", "CancelledError", None),
        ("import asyncio\nawait asyncio.sleep(0)\nraise SystemExit", "SystemExit", None),
        ("def f(n):\n    return f(n + 1)\nf(0)", "RecursionError", None),
        ("class E(Exception):\n    def __str__(self):\n        raise ValueError\nraise E", "E", None),
        ("input('name? ')", "CallDenied", None),
        ("import getpass; getpass.getpass()", "CallDenied", None),
        ("return 1", "SyntaxError", None),
        ("import json; json.loads('{')", "JSONDecodeError", None),
    ],
)
def test_errors_are_reported_briefly(device, code, error, text):
    result = run(device, code)
    assert (result.ok, result.error) == (False, error)
    assert text is None or result.text == text
    assert "python.py" not in result.text and len(result.text) < 1500
    assert run(device, "a").text == "1"


def test_the_failing_line_is_marked_in_functions_too(device):
    result = run(device, "def f():\n    y = 1\n    return y / 0\n\nf()")
    assert "> 5 f()" in result.text and "in f:\n" in result.text and "> 3     return y / 0" in result.text
    assert result.facts["line"] == 5


def test_input_names_the_alternative(device):
    assert "use the tool ask(question)" in run(device, "input()").text
    assert builtins.input.__module__ != "llmos_nb.tools.devices.python.execute"


def test_the_error_is_kept_for_the_debugger(device):
    run(device, "k = 1\nk.missing")
    assert sys.last_type is AttributeError and sys.last_value.name == "missing"
    assert sys.last_traceback.tb_frame.f_globals is device.namespace and sys.last_traceback.tb_lineno == 2


def test_failing_repr_does_not_fail_the_step(device):
    result = run(device, "class R:\n    def __repr__(self):\n        1 / 0\nR()")
    assert result.ok and "its repr raised ZeroDivisionError" in result.text


def test_a_repr_that_never_ends_is_ended(device):
    result = run(device, "class R:\n    def __repr__(self):\n        while True: pass\nr = R()\nr", 0.1)
    assert result.error == "ToolTimeout" and device.namespace["r"] is not None


def test_a_large_value_is_bounded_and_its_size_told(device):
    result = run(device, "big = 'x' * 5_000_000\nbig")
    assert result.facts["size"] == 5_000_003 and len(result.text.encode()) <= 32_768
    assert len(device.namespace["big"]) == 5_000_000


# the deadline and Stop


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(60)",
        "while True: pass",
        "import asyncio\nawait asyncio.sleep(60)",
        "import asyncio\nawait asyncio.sleep(0)\nwhile True: pass",
        "while True:\n    try:\n        import time; time.sleep(60)\n    except: pass",
        "import asyncio\nwhile True:\n    try:\n        await asyncio.sleep(60)\n    except BaseException: pass",
    ],
)
def test_deadline_ends_a_step(device, code):
    def ended():
        began = time.monotonic()
        return run(device, code, 0.1), time.monotonic() - began

    result = promptly(1.5, ended)
    assert result.error == "ToolTimeout" and "deadline of 0.1 s" in result.text and "in_doubt" not in result.facts


def test_a_step_that_swallows_its_end_is_ended_though_the_loop_was_held_up_meanwhile(device):
    code = "import asyncio\nwhile True:\n    try:\n        await asyncio.sleep(60)\n    except BaseException: pass"

    async def held_up():
        asyncio.get_running_loop().call_later(0.2, time.sleep, 0.8)  # past all that is due for its end
        return await device.run(code, context(0.1))

    result = asyncio.run(held_up())
    assert "was ended" in result.text and "in_doubt" not in result.facts


STUBBORN = """
import asyncio
from llmos_nb.tools.devices.python.device import PythonDevice
from llmos_nb.tools.protocol import CallContext
code = "import asyncio\\nwhile True:\\n    try:\\n        await asyncio.sleep(60)\\n    except BaseException: pass"
print(asyncio.run(PythonDevice({}).run(code, CallContext("r", "k", 0.1))).error)
"""


def test_unstoppable_code_does_not_delay_the_end_of_the_session():
    done = subprocess.run([sys.executable, "-c", STUBBORN], capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout, done.stderr) == ("ToolTimeout\n", "")


def stop_soon(device, code, act):
    """Run code that sets `ready`, and act from another thread when it has."""

    def stopped():
        ready = device.namespace["ready"] = threading.Event()

        def work():
            ready.wait()
            act()

        thread = threading.Thread(target=work)
        thread.start()
        began = time.monotonic()
        try:
            with pytest.raises(Stopped):
                run(device, "ready.set()\n" + code)
        finally:
            thread.join()
        return None, time.monotonic() - began

    promptly(1.0, stopped)


@pytest.mark.parametrize(
    "code", ["import time; time.sleep(60)", "import asyncio\nawait asyncio.sleep(0)\nwhile True: pass"]
)
def test_stop_raises_stopped_and_takes_the_step_back(code):
    namespace = {"items": [1], "n": 1}
    device = PythonDevice(namespace, snapshots=Snapshots(namespace))
    stop_soon(device, f"items.append(2); n = 2; new = 3\n{code}", stop_main_thread)
    assert namespace["items"] == [1] and namespace["n"] == 1 and "new" not in namespace
    capture.uninstall()


def test_stop_that_comes_while_a_step_awaits_is_not_lost():
    async def main():
        namespace = {"ready": asyncio.Event(), "go": asyncio.Event()}
        task = asyncio.create_task(PythonDevice(namespace).run("ready.set()\nawait go.wait()\nwent_on = 1", context()))
        await namespace["ready"].wait()
        assert stop_main_thread(Decider("person", "ada")) is True
        namespace["go"].set()
        with pytest.raises(Stopped, match="ada"):
            await task
        assert "went_on" not in namespace and stop_main_thread() is False

    asyncio.run(main())
    capture.uninstall()


def test_cancelling_the_process_takes_the_step_back():
    async def main():
        namespace = {"n": 1, "ready": asyncio.Event()}
        device = PythonDevice(namespace, snapshots=Snapshots(namespace))
        task = asyncio.create_task(device.run("import asyncio\nn = 2\nready.set()\nawait asyncio.sleep(60)", context()))
        await namespace["ready"].wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return namespace["n"]

    assert asyncio.run(main()) == 1
    capture.uninstall()


# around the step


def test_changes_come_from_the_snapshots():
    namespace = {"items": [1], "old": 1}
    store = Snapshots(namespace)
    device = PythonDevice(namespace, snapshots=store)
    here = context()
    result = asyncio.run(device.run("items.append(2); new = 1; del old", here))
    changes = result.changes
    assert (changes["created"], changes["mutated"], changes["deleted"]) == (["new"], ["items"], ["old"])
    assert result.text == "no output; created new; mutated items; deleted old"
    store.undo(here.key)
    assert namespace["items"] == [1] and "new" not in namespace
    capture.uninstall()


def test_a_step_knows_its_call(device):
    device.namespace["who"] = current_call
    here = context()
    assert asyncio.run(device.run("who.get().call", here)).text == repr(here.call)
    assert current_call.get() is None


def test_python_tool_runs_inspects_and_describes_code(device):
    tool = device.tool
    assert (tool.name, tool.effect, tool.repeat, tool.to_code({"code": "a"})) == (
        "python",
        "namespace",
        "once",
        "a",
    )
    assert asyncio.run(tool.runner({"code": "a"}, context())).text == "1"
    assert tool.inspect({"code": "a + 1"})["level"] == "read"
    assert tool.inspect({"code": "import os; os.remove('x')"})["level"] == "risky"


def test_inspection_looks_at_the_live_names(device):
    run(device, "import os as o\nrows = (i for i in range(3))\ndef clean():\n    o.remove('x')")
    assert device.inspect({"code": "o.remove('x')"})["level"] == "risky"
    assert "gives each item once" in device.inspect({"code": "list(rows)"})["why"]


def handlers():
    return (
        signal.getsignal(signal.SIGINT),
        signal.getsignal(signal.SIGALRM),
        signal.getitimer(signal.ITIMER_REAL),
    )


LINES = st.sampled_from(
    [
        "print('x' * 5)", "1 / 0", "import sys; sys.stdout = None", "import sys; sys.stdout.close()", "print = None",
        "raise SystemExit", "raise KeyboardInterrupt", "import asyncio; await asyncio.sleep(0)", "x = y = 1",
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)", "input()", "import builtins; builtins.input = None",
        "import signal; signal.setitimer(signal.ITIMER_REAL, 50)", "def f(): yield\nf()", "raise BaseException('b')",
        "import sys; sys.stderr = sys.stdout", "(((", "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()): print(1)",
    ]
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, max_size=5), st.booleans())
def test_no_program_leaves_the_session_changed(lines, every):
    device = PythonDevice({}, show_values=every)
    try:
        capture.install()
        before = sys.stdout, sys.stderr, builtins.input, handlers()
        run(device, "\n".join(lines))
        assert (sys.stdout, sys.stderr, builtins.input, handlers()) == before
        device.namespace.pop("print", None)
        assert run(device, "print('alive')").text == "alive"
    finally:
        capture.uninstall()


# values for small models


@pytest.fixture
def small():
    pandas = pytest.importorskip("pandas")
    orders = pandas.DataFrame({"city": ["Oslo", "Bergen"] * 20, "amount": [1200.256, 3.14159] * 20})
    yield PythonDevice({"orders": orders}, show_values=True)
    capture.uninstall()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("mean = orders['amount'].mean()", "mean = 601.7"),
        ("1\n2.123456\n'x'", "1\n2.123\n'x'"),
        ("(1, 2.5)", "1\n2.5"),
        ("a, b = 1, 2", "a = 1\nb = 2"),
        ("import math\ndef f(): pass", "no output"),
        (
            "orders['tax'] = orders['amount'] * 2",
            "orders['tax'] =\n0   2400.5\n1    6.283\n2   2400.5\n… 40 rows in all",
        ),
        ("orders.groupby('city')['amount'].mean()", "city\nBergen    3.142\nOslo     1200.3"),
    ],
)
def test_every_value_is_shown(small, code, text):
    assert run(small, code).text == text


def test_values_are_shown_briefly(small):
    text = run(small, "orders\nwide = ['a' * 50] * 100").text
    assert "… 40 rows in all" in text and len(text) < 1500


@given(
    st.recursive(st.none() | st.floats() | st.text(max_size=20), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_a_brief_value_is_bounded(value):
    assert len(brief(value)) <= 602


# in IPython


@pytest.fixture
def live(ipython):
    ipython.user_ns.update(n=20)
    yield PythonDevice(ipython.user_ns, ipython)
    capture.uninstall(ipython)


@pytest.mark.out_of_process
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("%time n + 1", "21"),
        ("!echo hello", "hello"),
        ("x = !echo out\nx[0]", "'out'"),
        ("%%time\nn + 2", "22"),
        ("from IPython.display import display, HTML\ndisplay(HTML('<b>x</b>'))", "**x**"),
    ],
)
def test_magics_and_displays_work_in_a_step(live, code, expected):
    result = run(live, code)
    assert result.ok and expected in result.text


def test_rich_values_go_to_the_user_and_text_to_the_model(ipython):
    bundles = []
    device = PythonDevice(ipython.user_ns, ipython, on_display=bundles.append)
    code = (
        "class T:\n    def __repr__(self): return 'a table'\n    def _repr_html_(self): return '<table></table>'\nT()"
    )
    assert run(device, code).text == "a table"
    assert bundles == [{"text/plain": "a table", "text/html": "<table></table>"}]


def test_failing_rich_repr_is_no_error(live, capsys):
    code = "class T:\n    def __repr__(self): return 'still'\n    def _repr_html_(self): 1 / 0\nT()"
    assert run(live, code).text == "still"
    assert capsys.readouterr() == ("", "")


def test_ipythons_own_names_stay(live):
    before = {k: live.ip.user_ns.get(k) for k in ("_", "__", "Out", "In", "_i", "_ih")}
    count = live.ip.execution_count
    run(live, "41 + 1")
    assert {k: live.ip.user_ns.get(k) for k in before} == before and live.ip.execution_count == count


def test_exit_does_not_end_the_session(live, ipython):
    ipython.ask_exit = lambda: pytest.fail("the session ended")
    try:
        assert run(live, "exit()").error == "CallDenied"
    finally:
        del ipython.ask_exit


def test_the_debugger_of_ipython_starts_in_the_step(live):
    run(live, "k = 1\nk.missing")
    assert live.ip.InteractiveTB.tb.tb_lineno == 2


def test_figures_become_images_with_words(live):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    code = (
        "import matplotlib.pyplot as plt\nplt.bar(['a', 'b', 'c'], [1, 2, 3]); plt.xlabel('city'); plt.ylabel('total')"
    )
    result = run(live, code)
    assert "figure: 3 bars, x label 'city', y label 'total'" in result.text
    (part,) = result.parts
    assert part.data.startswith(b"\x89PNG") and pyplot.get_fignums() == []
