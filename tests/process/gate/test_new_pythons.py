"""What newer versions of Python added by which code could act unseen: it is judged as anything else is."""

import asyncio
import contextvars
import importlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from turns import python, same_as_folded

import llmos_nb as llmos
from llmos_nb.errors import EffectRefused
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.tools import reentry
from llmos_nb.tools.events import EVENTS

NAME = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
WRITES = "import os; os.close(os.open({target!r}, os.O_CREAT | os.O_WRONLY))"
# spelled so that nothing of it shows in the code
HIDDEN = "held = []\nfor name in ('_inter' + 'preters', '_xxsub' + 'interpreters'):\n    try: held.append(__import__(name))\n    except ImportError: pass\nm = held[0]\n"
ACTS = {
    "an interpreter of the step's own": HIDDEN + "getattr(m, 'run_' + 'string')(getattr(m, 'cre' + 'ate')(), words)",
    "an interpreter that is there": HIDDEN + "getattr(m, 'run_' + 'string')(there, words)",
    "a function held before": "run(there, words)",
}  # fmt: skip


@pytest.fixture
def interpreters():
    module = importlib.import_module(NAME)
    before = {str(one) for one in module.list_all()}
    yield module
    for one in module.list_all():
        if str(one) not in before:
            module.destroy(one[0] if isinstance(one, tuple) else one)


@pytest.fixture
def space(tmp_path, interpreters):
    return {
        "there": interpreters.create(),
        "words": WRITES.format(target=str(tmp_path / "touched")),
        "target": str(tmp_path / "touched"),
        "run": lambda *given: interpreters.run_string(*given),
    }


async def ran(tmp_path, space, code, approve):
    model = ScriptedModel([python(code), {"text": "done"}])
    process = await llmos.run(
        "Try it.", model=model, namespace=space, approve=approve, plan="none", home=tmp_path / "home"
    )
    assert same_as_folded(process)
    return process.run.state.calls["r1.0"]


@pytest.mark.parametrize("mode", ["risky", "never", "auto"])
@pytest.mark.parametrize("name", ACTS)
async def test_code_for_another_interpreter_of_this_process_is_refused(tmp_path, space, name, mode):
    call = await ran(tmp_path, space, ACTS[name], mode)
    assert not (tmp_path / "touched").exists()
    assert call.status in ("failed", "rejected", "asked")
    assert call.status != "failed" or "native code" in call.result


@pytest.mark.parametrize("name", ACTS)
async def test_without_the_functions_in_front_it_happens_unseen(tmp_path, space, name, monkeypatch):
    """The counter-example: no event tells of it by itself."""
    monkeypatch.delitem(EVENTS, "llmos.interpreter")
    call = await ran(tmp_path, space, ACTS[name], "risky")
    assert (tmp_path / "touched").exists() and call.status == "done"
    assert [words for words in call.facts["effects"] if not words.startswith("handle ")] == []


async def test_interpreters_are_the_users_own_beside_a_step(tmp_path, space, interpreters):
    await ran(tmp_path, space, "x = 1", "risky")
    interpreters.run_string(space["there"], space["words"])
    assert (tmp_path / "touched").exists()


@pytest.fixture
def pool(monkeypatch):
    """One of the shape that pools of interpreters have from Python 3.14 on: of threads, with another class."""
    kind = type("InterpreterPoolExecutor", (ThreadPoolExecutor,), {})
    monkeypatch.setitem(sys.modules, "concurrent.futures.interpreter", SimpleNamespace(InterpreterPoolExecutor=kind))
    with kind(1) as made:
        yield made


def called_by():
    return sys._getframe(1).f_code.co_name


async def test_a_pool_of_interpreters_gets_of_a_step_nothing(tmp_path, pool):
    space = {"pool": pool, "called_by": called_by}
    call = await ran(tmp_path, space, "x = pool.submit(called_by).result()", "auto")
    assert call.status in ("failed", "rejected", "asked") and "x" not in space
    with ThreadPoolExecutor(1) as threads:
        call = await ran(tmp_path, space | {"pool": threads}, "x = pool.submit(called_by).result()", "auto")
    assert call.status == "done"


async def test_a_pool_of_interpreters_gets_of_the_user_what_can_be_pickled(tmp_path, pool):
    await ran(tmp_path, {}, "x = 1", "risky")
    assert pool.submit(called_by).result() != "acting_for"
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(called_by).result() == "acting_for"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="from Python 3.12 on")
async def test_what_a_step_left_to_be_told_of_each_call_stays_the_steps(tmp_path):
    """`sys.monitoring` needs no function of ours in front: the code of the step stands on the stack."""

    def bait():
        return 1

    target = str(tmp_path / "touched")
    space = {"target": target}
    code = (
        "import sys\nm = sys.monitoring\nm.use_tool_id(4, 'x')\n"
        "def told(code, *_):\n    if code.co_name == 'bait': open(target, 'w').close()\n"
        "_ = m.register_callback(4, m.events.PY_START, told)\nm.set_events(4, m.events.PY_START)"
    )
    process = llmos.Session(space, tmp_path / "home").create(
        "Try it.", model=ScriptedModel([python(code), {"text": "done"}]), plan="none", approve="risky"
    )
    try:
        await process.start()
        assert process.run.state.calls["r1.0"].status == "asked"  # it changes the session
        await process.approve("all")
        assert process.run.state.calls["r1.0"].status == "done"
        with pytest.raises(EffectRefused):
            bait()
    finally:
        sys.monitoring.set_events(4, 0)
        sys.monitoring.free_tool_id(4)
    assert bait() == 1 and not (tmp_path / "touched").exists()


class InContext(threading.Thread):
    """A thread as each is from Python 3.14 on: what it runs has a context of its own, with nothing in it."""

    _context = None

    def start(self):
        if self._context is None:
            self._context = contextvars.Context()
        super().start()

    def run(self):
        self._context.run(super().run)


@pytest.mark.skipif(sys.version_info < (3, 13), reason="as threads are begun from Python 3.13 on")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("kind", [InContext, threading.Thread])
async def test_thread_with_a_context_of_its_own_stays_the_steps_after_it(tmp_path, kind, monkeypatch):
    made = {}
    exec("def later(go, path):\n    go.wait(20)\n    open(path, 'w').close()", made)
    target = tmp_path / "touched"
    space = {"Thread": kind, "later": made["later"], "target": str(target)}
    for held in (
        True,
        False,
    ):  # the counter-example: without what puts it there, it acts freely once the step is over
        if not held:
            monkeypatch.setattr(reentry, "_into_context", lambda *_: None)
        space["go"] = threading.Event()
        call = await ran(tmp_path, space, "t = Thread(target=later, args=(go, target))\nt.start()", "auto")
        assert call.status == "done", call.result
        space["go"].set()
        await asyncio.to_thread(space.pop("t").join)
        assert target.exists() is (not held and kind is InContext and sys.version_info < (3, 14))
