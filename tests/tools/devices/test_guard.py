"""Stop and deadline reach synchronous code, whatever it does, and leave signals and timers as they were."""

import contextlib
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given, settings, strategies as st
from promptness import promptly, timed
from waits import until

from llmos_nb.errors import ToolTimeout
from llmos_nb.journal.events import Decider
from llmos_nb.tools import CallContext, Stopped, current_call
from llmos_nb.tools.devices.python import guard, interruptible, stop_main_thread

SOON_S = 1.0


def standing():
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)
    return (*handlers, signal.getitimer(signal.ITIMER_REAL) == (0, 0), sys.gettrace())


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    before = standing()
    yield
    assert standing() == before


def soon(act, seconds=SOON_S):
    """Do what must end soon; on a busy machine, in one of a few tries."""
    return promptly(seconds, lambda: timed(act))


def sleeps():
    time.sleep(60)


def spins():
    while True:
        pass


def regex():
    re.match(r"(a+)+$", "a" * 40 + "b")


def swallows():
    while True:  # no end: the fault that is tested
        try:
            time.sleep(60)
        except:  # noqa: E722 - the fault that is tested
            pass


def swallows_deep():
    def inner():
        with contextlib.suppress(BaseException):
            swallows()

    while True:
        try:
            inner()
        except BaseException:
            continue


def keeps():
    kept = []
    while True:  # no end: the fault that is tested
        try:
            time.sleep(60)
        except BaseException as error:
            kept.append(error)


def waits_for_a_lock():
    threading.Lock().acquire()
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


CODE = [sleeps, spins, regex, swallows, swallows_deep, keeps, waits_for_a_lock]


@pytest.mark.parametrize("code", CODE)
def test_deadline_ends_guarded_code(code):
    def ended():
        with pytest.raises(ToolTimeout, match=r"deadline of 0\.05 s"), interruptible(0.05):
            code()

    soon(ended, 0.05 + SOON_S)


def from_outside(act, ready):
    """Act from another thread as soon as the main thread is inside the code."""

    def work():
        ready.wait()
        act()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("code", [c for c in CODE if c is not regex])  # it keeps every other thread out
def test_stop_ends_guarded_code(code):
    def stopped():
        ready, found = threading.Event(), []
        thread = from_outside(lambda: found.append(stop_main_thread(Decider("person", "ada"))), ready)
        with pytest.raises(Stopped, match="ada"), interruptible(60):
            ready.set()
            code()
        thread.join()
        assert found == [True]

    soon(stopped)


@pytest.mark.parametrize("code", [sleeps, spins])
def test_interrupt_from_outside_counts_as_stop(code):
    def interrupted():
        ready, over = threading.Event(), threading.Event()

        def insist():
            guard.interrupt_main_thread()
            # one that comes just before the code blocks does not wake it
            while not over.wait(0.2):  # no end: `finally` ends it
                guard.interrupt_main_thread()

        old = signal.signal(signal.SIGINT, lambda *_: None)  # who takes what comes too late
        thread = from_outside(insist, ready)
        try:
            with pytest.raises(Stopped, match="an interrupt"), interruptible():
                ready.set()
                code()
        finally:
            over.set()
            thread.join()
            signal.signal(signal.SIGINT, old)

    soon(interrupted)


@pytest.mark.parametrize("code", [spins, swallows, keeps])
def test_a_timer_thread_serves_where_there_is_no_timer(code, monkeypatch):
    monkeypatch.setattr(guard, "new", guard.TimerThread)
    fast = spins if code is spins else code

    def ended():
        with pytest.raises(ToolTimeout), interruptible(0.05):
            fast()

    monkeypatch.setattr(time, "sleep", lambda seconds: threading.Event().wait(0.01))  # no EINTR there
    soon(ended, 0.05 + SOON_S)
    monkeypatch.undo()


def test_keyboard_interrupt_raised_by_the_code_passes_through():
    with pytest.raises(KeyboardInterrupt, match="mine"), interruptible(60):
        raise KeyboardInterrupt("mine")


def test_stop_wins_over_code_that_catches_it():
    with pytest.raises(Stopped), interruptible(60):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ValueError("something else") from None


def test_code_that_ends_well_after_swallowing_is_still_stopped():
    with pytest.raises(Stopped), interruptible(60), contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_value_comes_back_and_errors_go_through():
    with interruptible(60) as deadline:
        value = 1
    assert value == 1 and deadline.until > time.monotonic()
    with pytest.raises(ZeroDivisionError), interruptible(None):
        1 / 0  # noqa: B018


def test_no_signal_is_sent_while_no_code_is_guarded():
    assert stop_main_thread() is False


def test_handlers_and_timers_of_others_come_back():
    rung = []
    old = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with interruptible(60):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.setitimer(signal.ITIMER_REAL, 0)
        until(lambda: rung)
    finally:
        signal.signal(signal.SIGALRM, old)


def test_an_inner_guard_keeps_the_outer_deadline():
    def ended():
        with pytest.raises(ToolTimeout), interruptible(0.05), interruptible(60):
            sleeps()

    soon(ended)


def test_guard_does_nothing_on_another_thread():
    found = []

    def work():
        with interruptible(0.01):
            threading.Event().wait(0.05)
            found.append("ran on")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == ["ran on"]


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 0.004), st.sampled_from(["spin", "sleep", "short", "raise"]))
def test_signal_at_any_moment_leaves_the_guard_intact(deadline, kind):
    before = standing()

    def works():  # a loop beside `with` is not always inside it where a signal comes (CPython's issue 130279)
        if kind == "raise":
            raise LookupError
        until = time.monotonic() + (0.002 if kind == "short" else 5)
        while kind != "sleep" and time.monotonic() < until:
            pass
        if kind == "sleep":
            time.sleep(5)

    try:
        with interruptible(deadline):
            works()
    except (ToolTimeout, LookupError):
        pass
    assert standing() == before


def test_a_stop_that_comes_while_the_timer_is_being_set_does_not_wait_for_the_deadline(monkeypatch):
    real, rings = signal.setitimer, []

    def meanwhile(which, seconds, interval=0.0):
        if seconds > 1:
            signal.raise_signal(signal.SIGINT)
        return real(which, seconds, interval)

    monkeypatch.setattr(guard, "_set_timer", meanwhile)
    with pytest.raises(Stopped), interruptible(60):
        rings.append(signal.getitimer(signal.ITIMER_REAL)[0])
    assert all(0 < seconds <= guard.AGAIN_S for seconds in rings)  # it may have rung before it was looked at
    assert not guard._guards


def test_a_deadline_that_passes_while_its_timer_is_being_set_ends_the_code_and_not_the_guard(monkeypatch):
    real = signal.setitimer

    def slow(which, seconds, interval=0.0):  # as the function that tells of effects, on a busy machine
        found = real(which, seconds, interval)
        time.sleep(0.05 if seconds else 0)
        return found

    monkeypatch.setattr(guard, "_set_timer", slow)
    with pytest.raises(ToolTimeout), interruptible(0.001):
        sleeps()
    assert not guard._guards


DESTROYED = """
import gc
from llmos_nb.tools.devices.python.guard import check_stop, interruptible

class Left:  # as a step that was cancelled and left where it stands
    def __init__(self):
        self.me = self

    def __del__(self):
        with interruptible(60):
            ended.append(self)

ended = []
gc.set_threshold(3)
for _ in range(100):
    Left()
    check_stop()
print(len(ended) > 90)
"""


def test_code_that_is_destroyed_while_the_guards_are_looked_at_is_ended():
    done = subprocess.run([sys.executable, "-c", DESTROYED], capture_output=True, text=True, timeout=30, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_stop_of_one_call_spares_the_code_of_another():
    """Two processes take turns on the main thread: the Stop of one must not end the step of the other."""
    token = current_call.set(CallContext("r1.0", "mine", 60))
    try:
        with interruptible(60):
            assert not stop_main_thread(key="another's")
            spared = sum(range(1000))
        with pytest.raises(Stopped), interruptible(60):
            assert stop_main_thread(key="mine")
            time.sleep(5)
    finally:
        current_call.reset(token)
    assert spared == 499500
