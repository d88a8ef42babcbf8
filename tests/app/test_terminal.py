"""IPython in a real terminal: decisions by single letters, Ctrl-C stops."""

import json
import sys
import time
from collections import deque
from pathlib import Path

import pytest
from turns import python
from waits import until

pexpect = pytest.importorskip("pexpect")
PLAN = {"plan": [{"title": "make x"}, {"title": "make y"}]}


@pytest.fixture
def terminal(tmp_path):
    turns = [PLAN, python("x = 40\nx"), python("y = x + 2\ny"), {"text": "y is 42"}]
    (tmp_path / "s.json").write_text(json.dumps({"version": 1, "turns": turns}))
    command = [
        sys.executable,
        "-m",
        "IPython",
        "--simple-prompt",
        "--no-banner",
        "--colors=NoColor",
        f"--ipython-dir={tmp_path}",
    ]
    child = pexpect.spawn(
        command[0], command[1:], cwd=str(tmp_path), encoding="utf-8", timeout=30, dimensions=(50, 120)
    )
    child.expect_exact("In [1]:")
    child.sendline("%load_ext llmos_nb")
    child.expect_exact("In [2]:")
    yield child
    child.close(force=True)


def press_control_c(child):
    """Press Ctrl-C once the prompt is read: a signal between a prompt and its read is seen when the read ends."""
    stat, seen = Path(f"/proc/{child.pid}/stat"), deque(maxlen=6)

    def idle():
        if not stat.exists():
            return True
        fields = stat.read_text().rpartition(")")[2].split()
        seen.append((fields[0], *fields[11:13]))  # its state, and the time that it has used
        return len(seen) == 6 and len({*seen}) == 1 and seen[0][0] == "S"

    until(idle, "a program that does nothing", rest=lambda: time.sleep(0.05))
    child.sendintr()


def start(child):
    child.sendline("%%agent one -m script:s.json")
    child.sendline("Make y 42.")
    child.sendline("")
    child.sendline("")


def test_a_plan_is_approved_by_a_letter(terminal):
    start(terminal)
    terminal.expect("approve")
    terminal.expect("> ")
    terminal.sendline("a")
    terminal.expect("y is 42")
    terminal.expect(r"In \[\d+\]:")
    terminal.sendline("print(x + y)")
    terminal.expect("82")


def test_control_c_stops_and_resume_goes_on(terminal):
    start(terminal)
    terminal.expect("approve")
    terminal.expect("> ")
    press_control_c(terminal)
    terminal.expect("is paused")
    terminal.expect(r"In \[\d+\]:")
    terminal.sendline("%agent approve one")
    terminal.expect(r"In \[\d+\]:")
    terminal.sendline("%agent resume one")
    terminal.expect("y is 42")


def test_the_end_of_the_input_pauses_a_process_that_asks(terminal):
    start(terminal)
    terminal.expect("approve")
    terminal.expect("> ")
    terminal.sendeof()
    terminal.expect("the input has ended")
    terminal.expect(r"process 1 is paused .*; %agent resume 1 goes on")
    terminal.expect(r"In \[\d+\]:")
    terminal.sendline("print(6 * 7)")
    terminal.expect("42")


def test_a_background_process_says_how_it_is_followed_and_is_shown_once(terminal):
    terminal.sendline("%%agent one -a auto --bg -m script:s.json")
    terminal.sendline("Make y 42.")
    terminal.sendline("")
    terminal.sendline("")
    terminal.expect_exact("%agent show one follows it")
    terminal.expect(r"In \[\d+\]:")
    terminal.sendline("%agent show one")
    terminal.expect("y is 42")
    terminal.expect(r"In \[\d+\]:")
    said = terminal.before
    terminal.sendline("print(x + y)")
    terminal.expect("82")
    assert "y is 42" not in said


def test_a_goal_that_woke_is_decided_where_it_is_shown(terminal):
    terminal.sendline('%agent goals add "Make y 42." -m script:s.json')
    terminal.expect("goal 1 is written down: due now; %agent goals wake runs it")
    terminal.expect(r"In \[\d+\]:")
    terminal.sendline("%agent goals wake")
    terminal.expect("goal 1: process 1 waits for a person")
    terminal.expect(r"In \[\d+\]:")
    terminal.sendline("%agent show 1")
    terminal.expect("approve")
    terminal.expect("> ")
    terminal.sendline("a")
    terminal.expect("y is 42")


def hold(terminal, tmp_path):
    """Start a process whose step is held before it writes a file that its code did not show."""
    turns = [
        python("import builtins\ngetattr(builtins, 'op' + 'en')('made.txt', 'w').close()"),
        {"text": "all done"},
    ]
    (tmp_path / "s.json").write_text(json.dumps({"version": 1, "turns": turns}))
    terminal.sendline("%%agent one --plan none -m script:s.json")
    terminal.sendline("Make a file.")
    terminal.sendline("")
    terminal.sendline("")
    terminal.expect("allow once")
    terminal.expect("> ")


@pytest.mark.parametrize(("letter", "there"), [("a", True), ("A", True), ("r", False)])
def test_a_step_is_held_before_an_effect_and_a_letter_decides(terminal, tmp_path, letter, there):
    hold(terminal, tmp_path)
    assert not (tmp_path / "made.txt").exists()
    terminal.sendline(letter)
    if letter == "r":
        terminal.expect("why not")
        terminal.sendline("not here")
    terminal.expect("all done")
    assert (tmp_path / "made.txt").exists() is there
    terminal.expect(r"In \[\d+\]:")


def test_control_c_stops_a_step_that_is_held(terminal, tmp_path):
    hold(terminal, tmp_path)
    press_control_c(terminal)
    terminal.expect("is paused")
    assert not (tmp_path / "made.txt").exists()
