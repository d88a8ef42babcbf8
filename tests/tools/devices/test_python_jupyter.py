"""Steps in a real kernel: Stop, clicks, displays, and a session that stays as it was."""

import ast
import time
from queue import Empty

import pytest
from promptness import promptly

SETUP = """
import asyncio
from llmos_nb.tools.devices.python import capture
from llmos_nb.tools.outcome import Stopped
from llmos_nb.tools.devices.python.device import PythonDevice
from llmos_nb.tools.protocol import CallContext
ip = get_ipython()
device, clicked = PythonDevice(ip.user_ns, ip), asyncio.Event()
ip.kernel.comm_manager.register_target("click", lambda comm, message: clicked.set())

async def wake():  # nothing else wakes this loop, and an interrupt of a cell that awaits is seen when it wakes
    while True:
        await asyncio.sleep(0.05)

async def step(code, seconds=60):
    waking = asyncio.create_task(wake())
    try:
        result = await device.run(code, CallContext("r1.0", "k", seconds, lambda text: print(text, end="", flush=True)))
    except Stopped as stop:
        return f"stopped by {stop}"
    finally:
        waking.cancel()
    return result.error or result.text
"""


class Session:
    """A kernel, and what the front end sees of it."""

    def __init__(self):
        from jupyter_client.manager import start_new_kernel

        self.manager, self.client = start_new_kernel(kernel_name="python3")

    def execute(self, code, when="", act=lambda: None, seconds=20):
        """Run a cell; act when it has printed `when`; give its value, its output, and the seconds after the act."""
        message, acted, value, printed = self.client.execute(code), None, "", ""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                seen = self.client.get_iopub_msg(timeout=1)
            except Empty:
                continue
            if seen["parent_header"].get("msg_id") != message:
                continue
            kind, content = seen["msg_type"], seen["content"]
            printed += content.get("text", "") if kind == "stream" else ""
            value = content["data"]["text/plain"] if kind == "execute_result" else value
            value = content["ename"] if kind == "error" else value
            printed += str(sorted(content["data"])) if kind == "display_data" else ""
            if when and acted is None and when in printed:
                acted = time.monotonic()
                act()
            if kind == "status" and content["execution_state"] == "idle":
                return value, printed, time.monotonic() - (acted or 0)
        raise AssertionError(f"the cell did not end; printed {printed!r}")

    def timed(self, code, act):
        """Run a cell that prints "go", act then; give its value and how long it went on."""
        value, _, seconds = self.execute(code, "go", act)
        return value, seconds


@pytest.fixture(scope="module")
def session():
    pytest.importorskip("ipykernel")
    session = Session()
    session.execute(SETUP)
    yield session
    session.client.stop_channels()
    session.manager.shutdown_kernel(now=True)


def call(code, seconds=60):
    return f"await step({code!r}, {seconds})"


@pytest.mark.out_of_process
@pytest.mark.parametrize(
    "code",
    [
        "print('go'); import time; time.sleep(60)",
        "print('go')\nwhile True: pass",
        "import asyncio\nawait asyncio.sleep(0)\nprint('go')\nwhile True: pass",
        "print('go')\nwhile True:\n    try:\n        import time; time.sleep(60)\n    except: pass",
    ],
)
def test_the_notebooks_stop_ends_a_step(session, code):
    value = promptly(1.0, lambda: session.timed(call(code), session.manager.interrupt_kernel))
    assert value == "'stopped by an interrupt'"
    assert session.execute("1 + 1")[0] == "2"


def test_the_notebooks_stop_ends_an_awaiting_step(session):
    code = "import asyncio\nprint('go')\nawait asyncio.sleep(60)"
    value = promptly(1.0, lambda: session.timed(call(code), session.manager.interrupt_kernel))
    assert value in ("CancelledError", "KeyboardInterrupt", "'stopped by an interrupt'")
    assert session.execute("1 + 1")[0] == "2"


def test_a_click_arrives_while_a_step_awaits(session):
    def click():
        content = {"comm_id": "c1", "target_name": "click", "data": {}}
        session.client.shell_channel.send(session.client.session.msg("comm_open", content))

    code = "clicked.clear()\nprint('go')\nawait clicked.wait()\n'clicked'"
    assert "clicked" in promptly(1.0, lambda: session.timed(call(code), click))


def test_jupyter_shows_images_and_no_html(session):
    code = (
        "from IPython.display import display\n"
        "class T:\n"
        "    def __repr__(self): return 'T'\n"
        "    def _repr_html_(self): return '<script></script>'\n"
        "    def _repr_png_(self): return b'png'\n"
        "display(T()); T()"
    )
    value, printed, _ = session.execute(call(code))
    assert ast.literal_eval(value) == "T\nT" and printed.count("['image/png', 'text/plain']") == 2
    assert "text/html" not in printed


def test_two_steps_at_once_are_kept_apart_in_jupyter(session):
    code = "import asyncio\nfor i in range(3):\n    print({name!r}, i)\n    await asyncio.sleep(0.01)"
    both = " , ".join(f"step({code.format(name=n)!r})" for n in "ab")
    value, _, _ = session.execute(f"await asyncio.gather({both})")
    assert ast.literal_eval(value) == ["a 0\na 1\na 2", "b 0\nb 1\nb 2"]


def test_jupyter_session_is_left_as_it_was(session):
    session.execute("before = (dict(Out), ip.execution_count, __import__('signal').getsignal(2))")
    value, _, _ = session.execute(f"{call('7 * 6')}, {call('exit()')}, {call('input()')}")
    assert ast.literal_eval(value) == ("42", "CallDenied", "CallDenied")
    value, printed, _ = session.execute("42 in Out.values(), before[2] is __import__('signal').getsignal(2)")
    assert value == "(False, True)" and printed == ""


def test_a_failed_step_is_no_error_of_the_cell(session):
    value, printed, _ = session.execute(call("1 / 0"))
    assert value == "'ZeroDivisionError'" and printed == ""
    assert session.execute("import sys; sys.last_type.__name__")[0] == "'ZeroDivisionError'"


def test_inline_figures_are_shown_once(session):
    code = (
        "%matplotlib inline\nimport matplotlib.pyplot as plt\n"
        "plt.bar(['a', 'b'], [1, 2])\nplt.show()\nplt.plot([1, 2]);"
    )
    value, printed, _ = session.execute(call(code), seconds=60)
    assert ast.literal_eval(value) == "figure: 2 bars\nfigure: 1 line"
    assert printed.count("image/png") == 2
