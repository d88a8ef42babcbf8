"""An effect outside happens once: counted at the other end, with an interpreter that is killed and resumed."""

import sqlite3

import pytest
from killed import counting_server, live, rerun_all
from turns import python

POST = (
    "import http.client, json\n"
    "c = http.client.HTTPConnection('127.0.0.1', {port})\n"
    "c.request('POST', '/orders', b'x'); orders = json.loads(c.getresponse().read()); c.close()"
)
LAST = [python("total = sum(orders)"), {"text": "done"}]


@pytest.fixture
def server():
    with counting_server() as found:
        yield found


def after(n):
    """Kill when call number `n` is finished."""
    return ("call.finished", n)


def test_a_finished_post_is_not_sent_again_and_its_variable_comes_back(server, tmp_path):
    port, posted = server
    turns = [python(POST.format(port=port)), *LAST]
    assert live(tmp_path, turns, kill_when=after(1)) is None and posted == ["/orders"]
    found = live(tmp_path, turns)
    assert posted == ["/orders"] and found["reason"] == "answered"
    assert found["names"]["orders"] == [1, 2, 3] and found["names"]["total"] == 6
    assert found["restored"][0]["stored"] == ["r1.0"] and found["restored"][0]["rerun"] == []
    assert found["restored"][0]["missing"] == {"c": "r1.0"}  # a connection is no data


def test_the_counter_finds_doubles_where_the_rule_is_switched_off(server, tmp_path):
    port, posted = server
    turns = [python(POST.format(port=port)), *LAST]
    live(tmp_path, turns, kill_when=after(1))
    live(tmp_path, turns, sabotage=rerun_all)
    assert posted == ["/orders", "/orders"]


EFFECTS = {
    "file": "with open('log', 'a') as f: f.write('x')\nmade = {'n': 1}",
    "process": "import subprocess\nmade = subprocess.run('echo x >> log; echo 1', shell=True, capture_output=True).stdout",
    "database": (
        "import sqlite3\nwith sqlite3.connect('db') as c: c.execute('insert into t values (1)')\nc.close(); made = 1"
    ),
    "callback": "made = list(map(open('log', 'a').write, ['x']))",
    "thread": (
        "import threading\ndef work():\n    with open('log', 'a') as f: f.write('x')\n"
        "t = threading.Thread(target=work); t.start(); t.join(); made = 1"
    ),
}  # fmt: skip


def count(folder):
    with sqlite3.connect(folder / "db") as db:
        rows = db.execute("select count(*) from t").fetchone()[0]
    db.close()
    log = folder / "log"
    return rows + (len(log.read_text().split()) and log.read_text().count("x") if log.exists() else 0)


@pytest.fixture
def folder(tmp_path):
    db = sqlite3.connect(tmp_path / "db")
    db.execute("create table t (n)")
    db.commit()
    db.close()
    return tmp_path


@pytest.mark.parametrize("name", EFFECTS)
def test_other_effects_happen_once_too(name, folder):
    turns = [python(EFFECTS[name]), python("y = made"), {"text": "done"}]
    assert live(folder, turns, kill_when=after(1)) is None and count(folder) == 1
    found = live(folder, turns)
    assert count(folder) == 1 and found["reason"] == "answered" and found["names"]["y"]


@pytest.mark.parametrize("name", EFFECTS)
def test_with_the_rule_switched_off_each_is_counted_twice(name, folder):
    turns = [python(EFFECTS[name]), python("y = made"), {"text": "done"}]
    live(folder, turns, kill_when=after(1))
    live(folder, turns, sabotage=rerun_all)
    assert count(folder) == 2


LAMBDA = "with open('log', 'a') as f: f.write('x')\nf = lambda n: n + 1"


def test_the_process_goes_on_without_what_cannot_be_had_and_the_model_is_told(folder):
    turns = [python(LAMBDA), python("y = 1"), {"text": "done"}]
    live(folder, turns, kill_when=after(1))
    found = live(folder, turns)
    assert count(folder) == 1 and found["names"] == {"y": 1} and found["reason"] == "answered"
    (told,) = found["told"]
    assert "These variables are gone: f (made by r1.0)" in told


@pytest.mark.parametrize(("without", "times"), [(True, 1), (False, 2)])
def test_a_person_says_whether_a_step_runs_again(folder, without, times):
    turns = [python(LAMBDA), python("y = 1"), {"text": "done"}]
    live(folder, turns, approve="risky", kill_when=after(1), answer=True)
    waits = live(folder, turns)
    assert waits["state"] == "waiting" and count(folder) == 1
    (text,) = waits["questions"].values()
    assert text.endswith("made `f`, which is gone: run it again, or go on without `f`?") and "wrote" in text
    found = live(folder, turns, answer=without)
    assert found["reason"] == "answered" and count(folder) == times
    assert ("f" in found["names"]) is not without
    known = [call for e in found["restored"] for call in e.get("again", {})]
    assert known == ([] if without else ["r1.0"])  # what that run gave is on record


def test_a_kill_while_a_step_runs_again_asks_anew(folder):
    turns = [python(LAMBDA), python("y = 1"), {"text": "done"}]
    live(folder, turns, approve="risky", kill_when=after(1), answer=True)
    live(folder, turns, kill_when=("question.answered", 1), answer=False)
    waits = live(folder, turns)
    assert waits["state"] == "waiting" and "rebuild" in waits["questions"]


def test_a_step_killed_before_it_acts_runs_again_and_one_that_had_begun_is_in_doubt(folder):
    """The text of neither says what it does: what counts is what was noted before it happened."""
    hidden = "import builtins, os, signal\nwrite = getattr(builtins, 'op' + 'en')\n"
    die = "os.kill(os.getpid(), signal.SIGKILL)\n"
    act = "with write('log', 'a') as f: f.write('x')\n"
    once = "if not os.path.exists('died'): " + die
    turns = [python(hidden + act + once), {"text": "done"}]
    assert live(folder, turns) is None and count(folder) == 1
    found = live(folder, [python(hidden + act + once), {"text": "done"}], answer=None)
    assert found["state"] == "waiting" and count(folder) == 1


def test_steps_that_only_computed_run_again_where_nothing_is_stored(folder):
    turns = [python("def double(n): return 2 * n"), python("x = double(4)"), python("y = x"), {"text": "done"}]
    live(folder, turns, kill_when=after(2))
    found = live(folder, turns)
    assert (found["names"]["x"], found["names"]["y"]) == (8, 8)
    assert found["restored"][0]["rerun"] == ["r1.0"] and found["restored"][0]["stored"] == ["r2.0"]


def test_a_step_that_acts_only_the_second_time_is_stopped(folder):
    code = "import os\nf = (lambda: 1) if not os.path.exists('later') else open('log', 'a').write"
    turns = [python(code), python("y = 1"), {"text": "done"}]
    live(folder, turns, kill_when=after(1))
    (folder / "later").touch()
    found = live(folder, turns)
    assert not (folder / "log").exists() and found["restored"][0]["missing"] == {"f": "r1.0"}


KEEPER = """
class Keeper:
    def __init__(self): self.log = open('log', 'a', 1)
    def put(self, text): return self.log.write(text)
keeper = Keeper()"""


def test_a_step_that_was_killed_while_it_used_a_handle_of_another_is_in_doubt(folder):
    """Nothing that a handle does is seen, and its text does not tell: it counts that the step could reach one."""
    turns = [python(KEEPER), python("n = keeper.put('x\\n')"), {"text": "done"}]
    assert live(folder, turns, kill_when=("names.changed", 2)) is None and count(folder) == 1
    found = live(folder, turns)
    assert found["state"] == "waiting" and count(folder) == 1 and list(found["questions"]) == ["r2.0"]
