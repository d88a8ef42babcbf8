"""What was met where the gate of acts was played: as a user, as a model and as code that obeys what it reads."""

import asyncio
import inspect
import queue
import threading

import pytest
from notebook_driver import Notebook
from test_attacks import EVIL, FRIEND, MANIFEST, PAY, World, plan
from turns import call, python, same_as_folded
from waits import until_async

import llmos_nb as llmos
from llmos_nb.app.options import parse_cell
from llmos_nb.app.present import presenter
from llmos_nb.journal.events import SignalReceived, ToolCalled
from llmos_nb.models.scripted import ScriptedModel

DONE = {"text": "done"}
ACT = f'wire(to="{FRIEND}", amount=50)'
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*no tool of this name:UserWarning"),  # the settings are those of all tests
]


@pytest.fixture(autouse=True)
def manifest(tmp_path):
    (tmp_path / "llmos.toml").write_text(MANIFEST)


class Bank:
    """A tool that keeps what it was called with where no step takes it back."""

    def __init__(self, path):
        self.path = path

    def tool(self):
        path = self.path

        def wire(to: str, amount: float, limit: float | None = 100, fee: float = 0) -> str:
            """Send money."""
            with path.open("a") as file:
                file.write(f"{to} {amount:g} {limit} {fee}\n")
            return "sent"

        return wire

    @property
    def sent(self):
        return self.path.read_text().splitlines() if self.path.exists() else []


@pytest.fixture
def bank(tmp_path):
    return Bank(tmp_path / "sent.txt")


async def run(bank, *turns, words=PAY, act=ACT, approve="auto", **names):
    wire = bank.tool()
    tools = [*World().tools(), llmos.tool(effect="external")(wire)]
    model = ScriptedModel([plan(act), call("read_mail"), *turns, DONE])
    return await llmos.run(words, model=model, tools=tools, approve=approve, namespace={"wire": wire} | names)


IN_THREADS = {
    "threads": "import threading\nts = [threading.Thread(target=pay) for _ in range(4)]\n[t.start() for t in ts]\n[t.join() for t in ts]",
    "a pool": "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(4) as p: list(p.map(lambda _: pay(), range(4)))",
}


@pytest.mark.parametrize("way", IN_THREADS)
async def test_threads_of_a_step_share_the_acts_of_the_process(bank, way):
    code = f"def pay():\n    try: wire({FRIEND!r}, 50)\n    except PermissionError: pass\n{IN_THREADS[way]}"
    proc = await run(bank, python(code))
    made = [e.body.call for e in proc.events if isinstance(e.body, ToolCalled) and e.body.tool == "wire"]
    assert bank.sent == [f"{FRIEND} 50 100 0"] and len(made) == 1 and same_as_folded(proc)


@pytest.mark.parametrize("more", [{"limit": None}, {"limit": 7}])
async def test_none_where_the_default_says_something_is_an_argument_that_the_act_does_not_name(bank, more):
    proc = await run(bank, call("wire", to=FRIEND, amount=50, **more))
    assert bank.sent == [] and "`limit`" in proc.run.state.calls["r3.0"].why


async def test_none_is_let_out_where_the_act_says_it(bank):
    act = f'wire(to="{FRIEND}", amount=50, limit=None)'
    await run(bank, call("wire", to=FRIEND, amount=50, limit=None), act=act)
    assert bank.sent == [f"{FRIEND} 50 None 0"]


@pytest.mark.parametrize("fee", ["float('nan')", "float('inf')", "__import__('decimal').Decimal('nan')"])
async def test_number_that_is_none_does_not_count_as_left_out(bank, fee):
    await run(bank, python(f"wire({FRIEND!r}, 50, fee={fee})"))
    assert bank.sent == []


ALIKE = {
    "text": f"class Alike(str):\n    def __format__(self, how): return {EVIL!r}\n    __str__ = lambda self: {EVIL!r}\n"
    f"wire(Alike({FRIEND!r}), 50)",
    "object": f"class Alike:\n    def __repr__(self): return {FRIEND!r}\n    def __format__(self, how): return {EVIL!r}\n"
    "wire(Alike(), 50)",
    "array": f"class Alike:\n    def tolist(self): return {FRIEND!r}\n    def __format__(self, how): return {EVIL!r}\n"
    "wire(Alike(), 50)",
}


@pytest.mark.parametrize("kind", ALIKE)
async def test_value_that_says_of_itself_to_be_another_sends_nothing_else(bank, kind):
    await run(bank, python(ALIKE[kind]))
    assert bank.sent == ([f"{FRIEND} 50 100 0"] if kind == "text" else [])


async def test_array_of_what_is_no_data_is_no_value_that_an_act_says(bank):
    proc = await run(bank, python(f"import numpy\nwire(numpy.array([object()]), {FRIEND!r})"))
    assert bank.sent == [] and "EffectRefused" in proc.run.state.calls["r3.0"].result


@pytest.mark.parametrize("amount", ["numpy.int64(50)", "numpy.float64(50)", "decimal.Decimal(50)"])
async def test_number_of_a_table_is_the_number_that_the_act_says(bank, amount):
    await run(bank, python(f"import numpy, decimal\nwire({FRIEND!r}, {amount})"))
    assert bank.sent == [f"{FRIEND} 50 100 0"]


LATER = {
    "thread": "import threading\nt = threading.Thread(target=later)\nt.start()",
    "timer": "import threading\ndef again():\n    go.wait(20)\n    t = threading.Timer(0, later)\n    t.start()\n    t.join()\nt = threading.Timer(0, again)\nt.start()",
    "pool": "from concurrent.futures import ThreadPoolExecutor\nown = ThreadPoolExecutor(1)\nt = own.submit(later)",
}


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("way", LATER)
async def test_what_a_step_has_left_behind_uses_no_act(bank, way, ends):
    go, tried = threading.Event(), queue.SimpleQueue()
    code = (
        "def later():\n    go.wait(20)\n    for _ in range(3):\n"
        f"        try: tried.put(wire({FRIEND!r}, 50))\n        except PermissionError as error: tried.put(str(error))\n"
        f"{LATER[way]}"
    )
    more = [] if ends else [call("ask", question="What now?")]
    proc = await run(bank, python(code), *more, go=go, tried=tried)
    assert proc.run.state.calls["r3.0"].status == "done"
    go.set()
    said = [await asyncio.to_thread(tried.get, timeout=20) for _ in range(3)]
    assert bank.sent == [] and all("has left behind" in s for s in said)
    late = await until_async(lambda: [e for e in proc.events if isinstance(e.body, SignalReceived)], every=0)
    await proc.journal.flush()
    assert [e.body.ok for e in late] == [False] and proc.run.state.acts[1].uses == [] and same_as_folded(proc)


async def test_what_a_step_has_left_behind_may_call_what_runs_unasked(bank):
    """The counter-example: a gate that stops all that is late would pass the test above."""
    go, tried = threading.Event(), queue.SimpleQueue()
    code = f"import threading\ndef later():\n    go.wait(20)\n    tried.put(wire({FRIEND!r}, 50))\nthreading.Thread(target=later).start()"
    wire = bank.tool()
    model = ScriptedModel([python(code), call("ask", question="What now?")])
    names = {"wire": wire, "go": go, "tried": tried}
    await llmos.run(PAY, model=model, tools=[wire], approve="auto", namespace=names)
    go.set()
    assert await asyncio.to_thread(tried.get, timeout=20) == "sent" and len(bank.sent) == 1
    assert wire.__code__.co_name == "wire"


HANDED = {
    "lambda": "look(lambda: wire({to!r}, 50))",
    "function of its name": "def keep(): return wire({to!r}, 50)\nlook(keep)",
    "async": "async def keep(): return wire({to!r}, 50)\nawait wait(keep)",
}


@pytest.mark.parametrize(("to", "sent"), [(EVIL, []), (FRIEND, [f"{FRIEND} 50 100 0"])])
@pytest.mark.parametrize("way", HANDED)
async def test_code_of_a_step_that_a_tool_calls_back_is_the_steps(bank, way, to, sent):
    @llmos.tool(effect="read", source="own")
    def look(keep: object = None):
        return keep()

    @llmos.tool(effect="read", source="own")
    async def wait(keep: object = None):
        return await keep()

    wire = bank.tool()
    model = ScriptedModel([plan(ACT), python(HANDED[way].format(to=to)), DONE])
    names = {"wire": wire, "look": look, "wait": wait}
    tools = [llmos.tool(effect="external")(wire), look, wait]
    proc = await llmos.run(PAY, model=model, tools=tools, approve="auto", namespace=names)
    assert bank.sent == sent and len(proc.run.state.acts[1].uses) == len(sent)


async def test_what_a_tool_calls_itself_is_its_own_business(bank):
    wire = bank.tool()

    @llmos.tool(effect="external", sinks=["to"])
    def settle(to: str):
        return wire(to, 50)

    model = ScriptedModel([plan(f'settle(to="{FRIEND}")'), python(f"settle({FRIEND!r})"), DONE])
    tools = [settle, llmos.tool(effect="external")(wire)]
    await llmos.run(PAY, model=model, tools=tools, approve="auto", namespace={"settle": settle})
    assert bank.sent == [f"{FRIEND} 50 100 0"]


async def test_task_that_a_step_has_left_uses_no_act_within_the_next_one(bank):
    go = asyncio.Event()
    left = (
        f"import asyncio\nasync def later():\n    await go.wait()\n    wire({FRIEND!r}, 50)\n"
        "t = asyncio.get_running_loop().create_task(later())"
    )
    after = "go.set()\nprint(await asyncio.gather(t, return_exceptions=True))"
    proc = await run(bank, python(left), python(after), go=go)
    assert bank.sent == [] and "has left behind" in proc.run.state.calls["r4.0"].result


# as a model that has read


@pytest.mark.parametrize("folder", ["", "spam", None, "inbox"])
async def test_read_with_an_empty_argument_is_not_the_read_that_an_act_names(folder):
    paid = []

    @llmos.tool(effect="read", source="untrusted", facts="*")
    def receipt(folder: str = "inbox"):
        return {"account": FRIEND if folder == "inbox" else EVIL, "total": 50}

    @llmos.tool(effect="external")
    def settle(to: str, amount: float):
        paid.append(to)

    look = call("receipt") if folder is None else call("receipt", folder=folder)
    act = "settle(to=receipt().account, amount=receipt().total)"
    turns = [
        plan(act),
        look,
        call("settle", to=EVIL, amount=50),
        look,
        call("settle", to=FRIEND, amount=50),
        DONE,
    ]
    await llmos.run("Pay it.", model=ScriptedModel(turns), tools=[receipt, settle], approve="auto")
    assert paid == [FRIEND]


async def test_act_that_stands_twice_goes_back_with_what_to_write(bank):
    proc = await llmos.run(
        "Send X1 5, twice.",
        model=ScriptedModel([plan('wire(to="X1", amount=5)', "wire(to='X1', amount=5)"), DONE]),
        tools=[llmos.tool(effect="external")(bank.tool())],
        approve="auto",
    )
    assert "at_most(2" in proc.run.state.calls["r1.0"].result and proc.run.state.acts == {}


@pytest.mark.parametrize("declared", [True, False])
async def test_only_of_a_tool_that_nobody_declared_it_is_said_how_to_call_it_a_read(bank, declared):
    wire = llmos.tool(effect="external")(bank.tool()) if declared else bank.tool()
    turns = [call("read_mail"), call("wire", to=EVIL, amount=1), DONE]
    tools = [*World().tools(), wire]
    proc = await llmos.run(PAY, model=ScriptedModel(turns), tools=tools, approve="auto")
    made = proc.run.state.calls["r2.0"]
    assert made.status == "rejected" and ("only reads" in made.why) is not declared


@pytest.mark.parametrize("declared", [True, False])
async def test_card_of_a_tool_that_nobody_declared_says_how_to_call_it_a_read(bank, declared):
    wire = llmos.tool(effect="external")(bank.tool()) if declared else bank.tool()
    turns = [call("wire", to=FRIEND, amount=1), DONE]
    proc = await llmos.run(PAY, model=ScriptedModel(turns), tools=[wire], approve="risky")
    (asked,) = (e.d for e in proc.events if e.k == "question.asked")
    assert ("only reads, say so" in asked["text"]) is not declared


# as a user, in a notebook


TOOLS = """
import llmos_nb as llmos
sent = []
@llmos.tool(effect="external")
def pay(to: str, amount: float) -> str:
    "Pay."
    sent.append([to, amount])
    return "paid"
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    with Notebook(tmp_path_factory.mktemp("book")) as book:
        assert book.run(TOOLS).status == "ok"
        yield book


@pytest.mark.parametrize("goal", ["Pay it.", "Look at it. | Pay it."])
def test_acts_on_the_line_of_a_cell_hold_once_and_in_the_mode_never(book, goal):
    given = call("pay", to=FRIEND, amount=50)
    model = book.script(given, call("pay", to=EVIL, amount=50), given, DONE)
    act = f"--acts \"pay(to='{FRIEND}', amount=50)\""
    book.run("sent.clear()")
    book.run(f"%%agent p -a never -t pay -m {model} {act}\n{goal}")
    assert book.value("sent") == f"[['{FRIEND}', 50]]"


def test_acts_of_a_step_are_edited_and_listed_on_the_command_line(book):
    steps = [{"title": "look"}, {"title": "pay", "acts": [f"pay(to='{FRIEND}', amount=50)"]}]
    model = book.script(call("plan", steps=steps), call("pay", to=EVIL, amount=7), DONE)
    book.run("sent.clear()")
    given = f"--acts \"pay(to='{FRIEND}', amount='50')\""
    shown = book.run(f"%%agent q -a risky -t pay -m {model} {given}\nPay {FRIEND} 50.").text
    assert "act 1 (bound, by you): pay to" in " ".join(shown.split())
    assert "UsageError" in book.run("%agent edit q 2").error  # it says neither a title nor acts
    assert "expected a number" in book.run(f"%agent edit q 2 --acts \"pay(to='{EVIL}', amount='x')\"").error
    assert book.run(f"%agent edit q 2 --acts \"pay(to='{EVIL}', amount=7)\"").status == "ok"
    listed = " ".join(book.run("%agent plan q").text.split())
    assert "2. [pending] pay act 3 (bound, by you): pay to" in listed and "act 1 (bound, by you)" in listed
    book.run("%agent approve q plan")
    book.run("import asyncio\nwhile not sent:\n    await asyncio.sleep(0)")
    assert book.value("sent") == f"[['{EVIL}', 7]]"


def test_each_option_of_a_cell_reaches_the_process():
    known = vars(parse_cell("")).keys() - {"help"}
    source = inspect.getsource(presenter)
    assert [o for o in known if o not in presenter._AS_GIVEN and f"given.{o}" not in source] == []
