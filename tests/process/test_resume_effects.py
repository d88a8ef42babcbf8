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


HALF = (
    "xs.append(1)\nwith open('log', 'a') as f: f.write('x')\nimport os, signal\n"
    "if not os.path.exists('lived'): os.kill(os.getpid(), signal.SIGKILL)\ny = 5"
)


@pytest.mark.parametrize("done", [True, False])
def test_a_step_cut_off_says_what_it_did_and_lost_and_is_not_called_done(folder, done):
    turns = [python(HALF), python("n = len(xs)"), {"text": "done"}]
    assert live(folder, turns, namespace={"xs": []}) is None and count(folder) == 1
    (folder / "lived").touch()
    waits = live(folder, turns, namespace={"xs": []})
    assert list(waits["questions"]) == ["r1.0"] and count(folder) == 1
    assert waits["questions"]["r1.0"] == (
        f"Call r1.0 was cut off when the process broke off; until then it wrote {folder / 'log'}. "
        "Whether it came further is not known. `xs`, `f` and `y` are lost, or as before it."
    )
    card = waits["cards"]["r1.0"]
    assert card["title"] == "It was cut off" and "key" not in card["cover"]
    assert card["buttons"][0]["label"] == ("Its effects stand; go on without")
    found = live(folder, turns, namespace={"xs": []}, doubt=done)
    assert found["reason"] == "answered" and count(folder) == 2 - done
    assert found["statuses"]["r1.0"] == ("failed" if done else "done")
    assert found["names"].get("y") == (None if done else 5) and found["names"]["n"] == 1 - done
    (said,) = [t for t in found["results"] if "cut off" in t] or [""]
    if done:
        assert f"what it did outside stands: it wrote {folder / 'log'}. Do not do that again." in said
        assert "Its variables are lost: xs, f, y." in said
    assert bool(said) is done


CALLS = (
    "class Book:\n    def enter(self, n): total.append(n)\n"
    "def note(items): items.append(limits['a'])\n"
    "book, total, xs, limits, n = Book(), [], [], {'a': 1}, 3"
)
WITHIN = (
    "note(xs)\nbook.enter(n)\nprint(limits, max(xs))\nwith open('log', 'a') as f: f.write('x')\nimport json, os\n"
    "json.dumps(limits)\nif not os.path.exists('lived'): os.kill(os.getpid(), 9)\ny = len(xs) + len(total)"
)


@pytest.mark.parametrize("done", [True, False])
def test_what_a_called_function_may_have_changed_is_named_as_what_may_be_lost(folder, done):
    """Not what a call cannot change: numbers, what is printed, what a library gets, what is only read elsewhere."""
    turns = [python(CALLS), python(WITHIN), python("n = len(xs)"), {"text": "done"}]
    assert live(folder, turns) is None and count(folder) == 1
    (folder / "lived").touch()
    waits = live(folder, turns)
    text = waits["questions"]["r2.0"]
    assert text.endswith("`f` and `y` are lost, or as before it; `book`, `total` and `xs` may be lost.")
    assert waits["cards"]["r2.0"]["buttons"][0]["label"] == "Its effects stand; go on without"
    found = live(folder, turns, doubt=done)
    assert found["statuses"]["r2.0"] == ("failed" if done else "done") and found["names"]["n"] == 1 - done
    said = "Its variables are lost: f, y, book (may be lost), total (may be lost), xs (may be lost)."
    assert any(said in t for t in found["results"]) is done


def test_a_step_cut_off_that_leaves_no_variable_may_be_called_done(folder):
    once = "__import__('os').path.exists('lived') or __import__('os').kill(__import__('os').getpid(), 9)"
    turns = [python(f"open('log', 'a').write('x')\n{once}"), {"text": "done"}]
    assert live(folder, turns) is None and count(folder) == 1
    assert "lost" not in live(folder, turns)["questions"]["r1.0"]
    found = live(folder, turns, doubt=True)
    assert found["statuses"]["r1.0"] == "done" and count(folder) == 1


@pytest.mark.parametrize("again", [False, True])
def test_a_variable_of_the_users_that_cannot_be_read_is_asked_about(folder, again):
    turns = [
        python("open('log', 'a').write('x'); fs.append(lambda: 1)"),
        python("n = len(fs)"),
        {"text": "done"},
    ]
    live(folder, turns, approve="risky", kill_when=after(1), answer=True, namespace={"fs": []})
    waits = live(folder, turns, namespace={"fs": []})
    (text,) = waits["questions"].values()
    assert "changed `fs`, which is as the user's own cells have it: run it again, or go on without that?" in text
    found = live(folder, turns, answer=not again, namespace={"fs": []})
    assert found["names"]["n"] == int(again) and count(folder) == 1 + again
    if not again:
        assert any("These are not as you saw them: fs." in t for t in found["told"])


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
