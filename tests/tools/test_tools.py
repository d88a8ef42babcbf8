"""Functions as tools: declared, digested, and run so that nothing they do breaks the process."""

import asyncio
import contextlib
import functools
import inspect
import threading
import time
from contextvars import ContextVar

import pytest
from hypothesis import given, strategies as st

from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.messages import ToolResult
from llmos_nb.tools import CallContext, Stopped, Tool, as_tool, current_call, invoke, preview, put_on, tool
from llmos_nb.tools.devices import ask_tool
from llmos_nb.tools.devices.python import interruptible
from llmos_nb.tools.make import source_of

CONTEXT = CallContext("r1.0", "key-1", 5.0)
SOON = CallContext("r1.0", "key-1", 0.1)


def run(fn, arguments=None, context=CONTEXT, guard=None, **manifest):
    made = fn if isinstance(fn, Tool) else as_tool(fn, **{"name": "f", **manifest})
    return invoke(made, arguments or {}, context, guard)


# declared


def plain(n: int) -> int:
    """Double it."""
    return 2 * n


def test_with_no_decorator_a_function_acts_outside_and_runs_once():
    made = as_tool(plain)
    assert (made.name, made.description, made.effect, made.repeat, made.source) == (
        "plain",
        "Double it.",
        "external",
        "once",
        "trusted",
    )
    sent = made.wire["function"]["parameters"]
    assert {**sent, "additionalProperties": False} == made.schema and "additionalProperties" not in sent
    assert made.to_code({"n": 3}) == "plain(n=3)"


def test_place_of_a_plain_tool_is_here_or_a_thread_as_declared():
    assert (as_tool(plain).place, as_tool(plain, thread=True).place) == ("here", "thread")
    threaded = put_on(as_tool(plain), {"thread": True})
    assert threaded.thread and threaded.place == "thread" and threaded.declared
    assert put_on(threaded, {"thread": False}).place == "main"
    assert threaded.digest == as_tool(plain, thread=True).digest != as_tool(plain).digest


def test_source_is_read_again_where_that_failed_within_the_interpreter(monkeypatch):
    failing, source = [SystemError("of the interpreter")] * 3, inspect.getsource

    def read(layer):
        if failing:
            raise failing.pop()
        return source(layer)

    def fresh(n: int) -> int:
        return n

    monkeypatch.setattr("llmos_nb.tools.make.inspect.getsource", read)
    assert "return n" in source_of(fresh) and failing == []
    failing[:] = [SystemError("of the interpreter")] * 20

    def broken(n: int) -> int:
        return n

    with pytest.raises(SystemError):
        source_of(broken)


def test_decorator_returns_the_function_with_and_without_parentheses():
    def f(to: str): ...

    assert tool(f) is f and tool()(f) is f
    assert tool(effect="read", repeat="pure", sinks=("to",), source="untrusted", thread=True)(f) is f
    made = as_tool(f)
    assert (made.effect, made.repeat, made.sinks, made.source, made.thread) == (
        "read",
        "pure",
        ("to",),
        "untrusted",
        True,
    )
    assert as_tool(functools.partial(f, to="x")).effect == "read"
    lowered = as_tool(f, effect="write", name="g", description="Other.")
    assert (lowered.effect, lowered.repeat, lowered.name, lowered.description) == (
        "write",
        "pure",
        "g",
        "Other.",
    )


def test_methods_keep_what_their_function_declares():
    class Box:
        @tool(effect="read")
        def look(self): ...

    assert as_tool(Box().look).effect == "read"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"effects": "read"}, "unknown key 'effects'; did you mean effect"),
        ({"effect": "reads"}, "effect = 'reads' must be 'read' or"),
        ({"repeat": "twice"}, "must be 'pure' or"),
        ({"sinks": "to"}, "must be a list"),
        ({"sinks": ("m",)}, "sinks names 'm', which is not an argument of plain"),
    ],
)
def test_a_wrong_key_is_named(options, said):
    with pytest.raises(ConfigError, match=said):
        as_tool(plain, **options)
    if "which is not" not in said:
        with pytest.raises(ConfigError, match=said):
            tool(**options)


def test_object_that_cannot_be_a_tool_is_refused():
    with pytest.raises(UsageError, match="plain name"):
        as_tool(lambda n: n)
    with pytest.raises(UsageError, match="plain name"):
        as_tool(3)
    with pytest.raises(UsageError, match=r"llmos\.toml"):
        tool(effect="read")(len)
    assert as_tool(lambda n: n, name="same").name == "same"


def defined(source, **space):
    exec(source, space)
    return space["f"]


def test_digest_changes_only_with_code_keys_and_schema():
    def made(source, **manifest):
        return as_tool(defined(source), **manifest).digest

    base = made("def f(n: int): return n + 1")
    assert base == made("def f(n: int): return n + 1") and len(base) == 64
    others = [
        made("def f(n: int): return n + 2"),
        made("def f(n: int): return n - 1"),
        made("def f(n: int): return abs(n + 1)"),
        made("def f(n: str): return n + 1"),
        made("def f(n: int):\n def g(): return 2\n return n + 1"),
        made("def f(n: int): return n + 1", effect="read"),
        made("def f(n: int): return n + 1", sinks=("n",)),
        made("def f(n: int): return n + 1", undo=plain),
    ]
    assert len({base, *others}) == len(others) + 1
    assert as_tool(plain).digest == as_tool(plain).digest
    assert as_tool(functools.partial(plain, n=1)).digest != as_tool(functools.partial(plain, n=2)).digest


def test_the_digest_sees_through_a_wrapper_to_both_layers():
    def wrapped(source):
        code = f"@functools.wraps(plain)\ndef f(*a, **k): return {source}"
        return as_tool(defined(code, functools=functools, plain=plain)).digest

    assert wrapped("plain(*a)") != wrapped("plain(*a) + 1")


# run


async def test_sync_async_partial_and_awaitable_results_run():
    async def later(n: int) -> int:
        await asyncio.sleep(0)
        return n + 1

    assert (await run(plain, {"n": 3})).text == "6"
    assert (await run(later, {"n": 3})).text == "4"
    assert (await run(functools.partial(plain, n=4))).text == "8"
    assert (await run(functools.partial(lambda do, n: do(n), later), {"n": 1})).text == "2"


async def test_call_context_is_set_inside_and_cleared_afterwards():
    def where(idempotency_key):
        return [current_call.get().call, idempotency_key]

    async def there():
        await asyncio.sleep(0)
        return current_call.get().call

    assert (await run(where)).text == (await run(where, thread=True)).text == '["r1.0","key-1"]'
    assert (await run(there)).text == "r1.0"
    assert current_call.get() is None


OWN = [
    ValueError("bad"),
    SystemExit(3),
    KeyboardInterrupt("mine"),
    asyncio.CancelledError("mine"),
    StopIteration(),
    GeneratorExit(),
]


class Base(BaseException):
    """An exception of the user's own that no `except Exception` catches."""


@pytest.mark.parametrize("error", [*OWN, Base("base")], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("how", ["sync", "guarded", "thread", "async"])
async def test_any_exception_of_a_tool_becomes_a_result(error, how):
    error = type(error)(*error.args)

    def f():
        raise error

    async def g():
        await asyncio.sleep(0)
        raise error

    if how == "async" and isinstance(error, StopIteration):
        error = ValueError("a coroutine cannot raise StopIteration")
    result = await run(
        g if how == "async" else f, guard=interruptible if how == "guarded" else None, thread=how == "thread"
    )
    assert not result.ok and result.error == type(error).__name__
    assert result.text.startswith(result.error)
    assert "raise error" in result.facts["traceback"] and "running.py" not in result.facts["traceback"]
    assert "in_doubt" not in result.facts


async def test_an_error_whose_text_raises_still_gives_a_result():
    class Broken(Exception):
        def __str__(self):
            raise RuntimeError

    def f():
        raise Broken

    assert (await run(f)).text == "Broken: its text raised RuntimeError"


async def test_cancelling_the_task_ends_the_tool_and_propagates():
    ended = asyncio.Event()
    began = asyncio.Event()

    async def f():
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(run(f))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_what_a_tool_gave_is_given_although_its_task_is_cancelled_before_it_goes_on_with_that():
    async def f():
        asyncio.get_running_loop().call_soon(task.cancel)  # it comes before whoever waits hears of the end
        return "done"

    task = asyncio.create_task(run(f))
    assert (await task).text == "done"


async def test_deadline_ends_an_async_tool():
    ended = []

    async def f():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    result = await run(f, context=SOON)
    assert (result.ok, result.error, ended) == (False, "ToolTimeout", [True])
    assert "in_doubt" not in result.facts and "0.1 s and was ended" in result.text


async def test_async_tool_that_does_not_end_is_in_doubt():
    stop = asyncio.Event()
    left = asyncio.Event()

    async def f():
        while not stop.is_set():  # no end: the fault that is tested
            with contextlib.suppress(asyncio.CancelledError):
                await stop.wait()
        left.set()

    result = await run(f, context=SOON)
    assert result.error == "ToolTimeout" and result.facts["in_doubt"] is True
    stop.set()
    await left.wait()


async def test_a_thread_that_hangs_is_in_doubt_and_the_loop_goes_on():
    release, ticks = threading.Event(), 0

    async def count():
        nonlocal ticks
        while True:  # no end: it is cancelled below
            ticks += 1
            await asyncio.sleep(0)  # each turn of the loop, however long a busy machine takes for one

    beside = asyncio.create_task(count())
    result = await run(release.wait, context=SOON, thread=True)
    beside.cancel()
    release.set()
    assert result.error == "ToolTimeout" and result.facts["in_doubt"] is True
    assert ticks >= 3


async def test_a_guard_ends_a_hanging_sync_tool_and_a_hanging_repr():
    class Slow:
        def __repr__(self):
            while True:  # no end: the fault that is tested
                time.sleep(0.01)

    result = await run(lambda: time.sleep(60), context=SOON, guard=interruptible)
    assert result.error == "ToolTimeout" and "in_doubt" not in result.facts
    result = await run(Slow, guard=lambda seconds: interruptible(min(seconds, 0.1)))
    assert result.ok and result.text == "<Slow: no preview, its repr raised ToolTimeout>"


async def test_stop_by_the_user_propagates():
    class Stop:
        def __init__(self, seconds): ...
        def __enter__(self): ...
        def __exit__(self, *error):
            raise Stopped

    with pytest.raises(Stopped):
        await run(plain, {"n": 1}, guard=Stop)

    async def runner(arguments, context):
        raise Stopped

    with pytest.raises(Stopped):
        await run(Tool("f", "", {}, plain, runner=runner))


async def test_a_device_runs_its_own_way_and_its_errors_are_results():
    async def runner(arguments, context):
        if arguments["n"] == 0:
            raise ZeroDivisionError("n")
        return ToolResult(True, f"{arguments['n']} {context.key} {current_call.get().call}")

    device = Tool("f", "", {}, plain, runner=runner)
    assert (await run(device, {"n": 1})).text == "1 key-1 r1.0"
    assert (await run(device, {"n": 0})).error == "ZeroDivisionError"


async def test_thread_tools_run_together_with_the_contexts_variables():
    name = ContextVar("name", default="none")
    name.set("ours")
    barrier = threading.Barrier(8, timeout=5)

    def f():
        barrier.wait()
        return name.get()

    results = await asyncio.gather(*(run(f, thread=True) for _ in range(8)))
    assert [r.text for r in results] == ["ours"] * 8


async def test_one_failure_does_not_touch_its_siblings():
    async def f(n: int):
        await asyncio.sleep(0)
        return 1 // n

    results = await asyncio.gather(*(run(f, {"n": n}) for n in (1, 0, 1)))
    assert [r.ok for r in results] == [True, False, True]


async def test_question_tool_runs_no_code_and_exports_its_answer():
    asked = ask_tool()
    assert (asked.name, asked.effect, asked.repeat) == ("ask", "read", "pure")
    assert not (await run(asked, {"question": "Which?"})).ok
    assert (
        asked.to_code({"question": "Which\none?", "answer": "this"})
        == "# asked of the user: Which one?\nanswer = 'this'"
    )


# previews


class Raising:
    def __repr__(self):
        raise SystemError("no")


class Evil:
    @property
    def __class__(self):
        raise RuntimeError

    def __repr__(self):
        return "evil"


CIRCLE: list = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is\n", "as it is\n"),
        ({"a": [1, None, "ü"]}, '{"a":[1,null,"ü"]}'),
        ([float("nan"), 1.5], "[null,1.5]"),
        (None, "None"),
        (3.5, "3.5"),
        ("a\x1b[31mred\x1b[0m\x07", "ared\\x07"),
        ("\x1b]0;title\x07x", "x"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("\ud800", "?"),
        (b"\x00\xff", "<2 bytes: 00 ff>"),
        (bytes(100), f"<100 bytes: {'00 ' * 63}00 …>"),
        ("\u202egnp.exe", "\\x202egnp.exe"),
        (Raising(), "<Raising: its repr raised SystemError>"),
        (CIRCLE, "[[...]]"),
        ({"s": {2, 1}}, '{"s":[1,2]}'),
        ({(1, 2): 3}, "{(1, 2): 3}"),
    ],
)
async def test_previews_are_safe_text(value, text):
    result = await run(lambda: value)
    assert result.ok and result.text == text


async def test_an_object_that_lies_about_its_class_has_a_preview():
    assert (await run(Evil)).text == "evil"
    assert (await run(lambda: [Evil()])).text == "[evil]"


async def test_numpy_numbers_are_numbers():
    numpy = pytest.importorskip("numpy")
    assert (await run(lambda: numpy.float64(2.5))).text == "2.5"
    assert (await run(lambda: {"n": numpy.int64(3), "x": numpy.float32("nan")})).text == '{"n":3,"x":null}'


async def test_value_of_100_mb_is_bounded_in_time_with_its_true_size():
    began = time.perf_counter()
    result = await run(lambda: "x" * 100_000_000 + "end")
    assert time.perf_counter() - began < 5
    assert len(result.text.encode()) <= 32_768 and result.facts["size"] == 100_000_003
    assert result.text.startswith("xxx") and result.text.endswith("end") and "bytes left out" in result.text


@given(
    st.text(min_size=1) | st.binary() | st.recursive(st.floats() | st.text(), st.lists),
    st.integers(200, 400),
    st.integers(1, 600),
)
def test_any_value_has_a_bounded_preview_that_can_be_sent(value, limit, times):
    text, size = preview(value * times if isinstance(value, str | bytes) else value, limit)
    assert len(text.encode("utf-8")) <= limit
    assert size >= 0 and not any(ord(c) < 32 and c not in "\n\t" for c in text)
