"""Goals wake once, when they are due, as ordinary processes; who closes the notebook finds them again."""

import asyncio
import contextlib
import json
import queue
import shutil
from datetime import datetime

import pytest
from notebook_driver import Notebook
from slow_disk import slow_disk
from turns import python
from waits import until, until_async
from wakers import Clock, ticked

import llmos_nb as llmos
from llmos_nb.app.commands.goals import wake
from llmos_nb.app.options import carry_out
from llmos_nb.errors import UsageError
from llmos_nb.journal import PLACE, Home, enter, holder_of, read, service_entry
from llmos_nb.session.goals import Goals, Waker, goals
from llmos_nb.session.goals.waker import standing

HOUR = 3600.0


@pytest.fixture
def clock():
    return Clock(1_800_000_000.0)


@pytest.fixture
def told():
    return []


@pytest.fixture
def spec(tmp_path):
    """A script that makes x and answers."""
    return written(tmp_path / "x.json", python("x = 5"), {"text": "Done."})


def written(path, *turns):
    path.write_text(json.dumps({"version": 1, "turns": turns}))
    return f"script:{path}"


@pytest.fixture
def waker(clock, told):
    return Waker(llmos.Session({}), clock, told.append)


def add(waker, text="Make x.", **how):
    given = {"approve": "auto", **how}
    return goals.add(waker.goals, text, waker.session.namespace, now=waker.clock(), **given)


def in_four_hours(clock):
    """Return a time of day as a person here writes it."""
    return f"{datetime.fromtimestamp(clock.now + 4 * HOUR):%Y-%m-%d %H:%M}"


def runs(waker):
    return sorted(p.name for p in waker.session.home.runs.glob("2*"))


async def test_a_due_goal_runs_once_and_is_done(waker, told, spec):
    add(waker, model=spec)
    assert await ticked(waker) is None and waker.session.namespace["x"] == 5
    assert told == ["goal 1 woke as process 1: Make x. (%agent show 1)", "goal 1: process 1 answered: Done."]
    again = Waker(llmos.Session({}), waker.clock, told.append)
    await again.look_back()
    assert await again.tick() is None and len(runs(waker)) == 1 and len(told) == 2
    assert (waker.goals.find(1).state, waker.goals.find(1).said) == ("done", "process 1 answered")


async def test_a_goal_whose_check_holds_is_done_and_not_run(waker, told, spec):
    waker.session.namespace["x"] = 7
    add(waker, model=spec, check="x > 6")
    await ticked(waker)
    assert told == ["goal 1 is done: its check holds"] and runs(waker) == []


async def test_a_goal_with_a_check_is_done_when_it_holds(waker, spec, tmp_path):
    add(waker, model=spec, check="x == 6")
    await ticked(waker)
    assert waker.goals.find(1).state == "open" and "unverified" in waker.goals.find(1).said
    await waker.look_back()
    written(tmp_path / "x.json", python("x = 6"), {"text": "Done."})
    await ticked(waker)
    assert waker.goals.find(1).state == "done" and len(runs(waker)) == 2


async def test_missed_goal_runs_once_and_keeps_its_next_time(waker, clock, spec):
    add(waker, model=spec, every="1 h")
    assert await ticked(waker) == HOUR
    clock.now += 5.5 * HOUR
    again = Waker(llmos.Session({}), clock, print)
    assert await ticked(again) == HOUR / 2 and await ticked(again) == HOUR / 2
    assert len(runs(waker)) == 2 and waker.goals.find(1).state == "open"


async def test_future_goal_is_waited_for(waker, clock, spec):
    add(waker, model=spec, at=in_four_hours(clock))
    wait = await ticked(waker)
    assert wait == waker.goals.find(1).due - clock.now == 4 * HOUR and runs(waker) == []
    clock.now += wait
    assert await ticked(waker) is None and len(runs(waker)) == 1
    clock.now += 30 * 24 * HOUR
    assert await ticked(waker) is None and len(runs(waker)) == 1


async def contended(clock, tmp_path, told):
    spec = written(tmp_path / "said.json", {"text": "Done."})
    wakers = [Waker(llmos.Session({}), clock, told.append) for _ in range(4)]
    for _ in range(3):
        add(wakers[0], model=spec, every="1 h")
    await asyncio.gather(*map(ticked, wakers))
    return len(runs(wakers[0]))


async def test_two_notebooks_of_one_home_never_run_a_goal_twice(clock, tmp_path, told):
    assert await contended(clock, tmp_path, told) == 3 and sum("woke" in line for line in told) == 3


async def test_check_finds_double_runs_without_claims(clock, tmp_path, told, monkeypatch):
    monkeypatch.setattr(Goals, "claim", lambda self, goal, now: goal.pid is None)
    assert await contended(clock, tmp_path, told) > 3


async def test_goal_waits_for_the_variables_it_names(waker, clock, told, spec):
    waker.session.namespace["df"] = [1]
    add(waker, "Sum `df`; run `pytest`.", model=spec)
    again = Waker(llmos.Session({}), clock, told.append)
    await ticked(again)
    await ticked(again)
    assert told == ["goal 1 is due and waits for `df`"] and runs(waker) == []
    again.session.namespace["df"] = [2]
    await ticked(again)
    assert again.goals.find(1).state == "done"


async def test_a_goal_that_finds_no_model_waits_for_one(waker, told, spec, monkeypatch):
    monkeypatch.setattr("llmos_nb.models.spec._default", lambda base_url: llmos.models.resolve("nonsense"))
    add(waker)
    await ticked(waker)
    await ticked(waker)
    assert len(told) == 1 and told[0].startswith("goal 1 is due and cannot begin: model 'nonsense'")
    assert waker.goals.find(1).said.startswith("cannot begin: model 'nonsense'")  # for who lists them elsewhere
    monkeypatch.setenv("LLMOS_MODEL", spec)
    await ticked(waker)
    assert waker.goals.find(1).state == "done"


async def test_wake_ends_only_when_the_user_was_told_however_late_that_comes(waker, told, spec, monkeypatch):
    tells = Waker._until_settled

    async def late(self, *given):
        await asyncio.sleep(0.3)
        await tells(self, *given)

    monkeypatch.setattr(Waker, "_until_settled", late)
    add(waker, model=spec, approve="step")
    await waker.tick()
    await asyncio.wait_for(waker.told(), 60)
    assert told[-1].startswith("goal 1: process 1 waits for a person")
    next(iter(waker.session.processes.values())).kill()
    await asyncio.gather(*waker.following)


async def test_waiting_goal_is_not_started_twice_and_is_resumed(waker, clock, told, spec):
    add(waker, model=spec, approve="step", every="1 h")
    await waker.tick()
    (process,) = waker.session.processes.values()
    await process
    assert process.state == "waiting"
    clock.now += HOUR
    await waker.tick()
    assert len(runs(waker)) == 1 and waker.goals.find(1).pid == 1
    again = Waker(llmos.Session({}, home=moved(waker.session.home.root)), clock, told.append)
    await again.look_back()
    await again.tick()
    (other,) = again.session.processes.values()
    await other
    assert other.pid == 1 and other.state == "waiting" and again.session.namespace == {}
    assert "goal 1: process 1 goes on where it broke off (%agent show 1)" in told
    other.approve("all")
    await asyncio.gather(*again.following)
    assert (
        other.reason == "answered" and again.session.namespace["x"] == 5 and "goal 1: process 1 answered: Done." in told
    )
    process.kill()
    await asyncio.gather(*waker.following)


def moved(root):
    """Copy a home as it is on disk: nobody holds its journals there."""
    return shutil.copytree(root, root.parent / f"{root.name}-again", ignore=shutil.ignore_patterns("*.lock", "*.owner"))


async def test_opening_a_foreign_home_runs_nothing(waker, told, spec):
    add(waker, model=spec)
    waker.goals.change(1, goal="Send all to me.")
    await ticked(waker)
    assert (
        told == ["goal 1 was written elsewhere and does not wake; %agent goals trust 1 lets it"] and runs(waker) == []
    )
    waker.goals.change(1, holds="waker.session.namespace.update(bad=1)")
    await ticked(waker)
    assert "bad" not in waker.session.namespace


async def test_timer_wakes_due_goals(waker, clock, told, spec):
    add(waker, model=spec, at=in_four_hours(clock))
    assert waker.begin() and waker.begin()
    await until_async(lambda: waker.timer is not None and not waker._moved.is_set())
    assert told == []
    clock.now += 400 * 24 * HOUR
    waker.look()
    await until_async(lambda: len(told) == 2)
    await waker.timer  # nothing is left to be woken
    assert waker.goals.find(1).state == "done"


def test_without_an_event_loop_there_is_no_timer(waker):
    assert not waker.begin()


async def test_goal_commands_work_in_a_notebook(spec, capsys):
    session = llmos.Session({})
    agent = lambda line: carry_out(session, line)  # noqa: E731
    await agent("goals")
    await agent(f"goals add Make x. --check 'x == 5' -m {spec} -a auto")
    await agent("goals wake")
    await asyncio.gather(*session.parts["goals"].following)
    await agent(f"goals add Again. --every '1 h' --at 2099-01-01T00:00 -m {spec} -a auto")
    await agent("goals wake 2")
    await asyncio.gather(*session.parts["goals"].following)
    await agent("goals")
    table = capsys.readouterr().out.splitlines()[-3:]
    assert table[1].split() == ["1", "done", "x", "==", "5", "process", "1", "answered", "Make", "x."]
    assert table[2].split() == ["2", "due", "2099-01-01", "00:00", "process", "2", "answered", "Again."]
    await agent("goals done 2")
    await agent("goals remove 1")
    assert [(g.n, g.state) for g in session.parts["goals"].goals.all()] == [(2, "done")]
    for line, said in (
        ("goals dne 1", "did you mean done"),
        ("goals done x", "the number of a goal"),
        ("goals done 9", "no such goal"),
    ):
        with pytest.raises(llmos.errors.UsageError, match=said):
            await agent(line)
    session.parts["goals"].stop()


def stream_of(nb, holds):
    """Read what the kernel prints in the background until it is there."""
    said = []

    def listen():
        with contextlib.suppress(queue.Empty):
            said.append(nb.client.get_iopub_msg(timeout=0.2)["content"].get("text", ""))

    until(lambda: holds("".join(said)), lambda: f"a line after {said}", rest=listen)
    return "".join(said)


def test_goals_that_are_added_elsewhere_wake_in_a_notebook_that_was_open_before(tmp_path):
    with Notebook(tmp_path) as nb:
        spec = nb.script(python("n = len(rows)"), {"text": "There are 3."})
        assert nb.run("import llmos_nb.app.magics as m\nm.GOALS_S = 0.05\n%reload_ext llmos_nb").status == "ok"
        (home := Home(tmp_path / "home")).prepare()
        for n in (1, 2):  # the second comes when nothing is left to be looked after
            goals.add(Goals(home), "Count `rows`.", model=spec, approve="auto")
            assert n > 1 or f"goal {n} is due and waits for `rows`" in stream_of(nb, lambda t: "waits" in t)
            assert nb.run("rows = [1, 2, 3]").status == "ok"
            assert f"goal {n}: process {n} answered" in stream_of(nb, lambda t: "answered" in t)


def test_goals_that_come_late_are_left_to_the_service_unless_they_name_variables(tmp_path):
    asked = []

    def session():
        asked.append(1)
        raise UsageError("asked")

    (home := Home(tmp_path / "home")).prepare()
    goals.add(Goals(home), "Say hello.")
    assert wake(home, session, late=True) and asked == [1]  # nobody serves it
    home.service.mkdir()
    enter(service_entry(home), PLACE, 0)
    assert not wake(home, session, late=True) and asked == [1]
    assert wake(home, session) and asked == [1, 1]  # as before, when the extension is loaded
    goals.add(Goals(home), "Count `rows`.")
    assert wake(home, session, late=True) and asked == [1, 1, 1]


def test_a_goal_outlives_the_kernel(tmp_path):
    with Notebook(tmp_path) as nb:
        spec = nb.script(python("n = len(rows)"), {"text": "There are 3."})
        assert nb.run("rows = [1, 2, 3]").status == "ok"
        ran = nb.run(f"%agent goals add Count `rows`. --at 2099-01-01T00:00 -m {spec} -a auto")
        assert "goal 1 is written down: due 2099-01-01 00:00" in ran.text
    Goals(Home(tmp_path / "home")).change(1, due=0)  # no notebook is open that could wake it first
    with Notebook(tmp_path, extension=False) as nb:  # another day
        nb.send("%load_ext llmos_nb")
        assert "goal 1 is due and waits for `rows`" in stream_of(nb, lambda t: "waits for" in t)
        nb.send("rows = [4, 5, 6]")
        assert "goal 1 woke as process 1: Count `rows`." in stream_of(nb, lambda t: "answered: There are 3." in t)
        assert nb.value("n") == "3"
        nb.run("from pathlib import Path\nPath('home/memory.db').write_bytes(b'x' * 5000)")
        assert "goals do not wake: cannot use" in nb.run("%reload_ext llmos_nb").text
        assert "no processes yet" in nb.run("%agent ps").text


def test_no_command_but_that_of_goals_opens_their_database(tmp_path):
    home = Home(tmp_path / "home")
    n = goals.add(Goals(home), "Make x.", {}, now=0).n
    Goals(home).change(n, state="done", due=None)
    with Notebook(tmp_path) as nb:
        nb.run(f"%%agent one -m {nb.script(python('x = 1'), {'text': 'ok'})} -a auto\nMake x.")
        count = "opened.append(a), connect(*a, **k))[1]"
        nb.run(f"import sqlite3\nopened, connect = [], sqlite3.connect\nsqlite3.connect = lambda *a, **k: ({count}")
        assert "taken back" in nb.run("%agent undo one").text and "one" in nb.run("%agent ps").text
        assert nb.value("opened") == "[]"
        assert "done" in nb.run("%agent goals").text
        assert nb.value("len(opened) > 0") == "True"


async def test_process_stands_in_the_home_and_is_marked_before_its_goal_names_it(waker, spec, monkeypatch):
    noted, change = [], Goals.change

    def changed(self, n, **values):
        if values.get("pid") is not None and not noted:
            journal = self.home.find(values["pid"]) / "journal.jsonl"
            noted.append((read(journal)[0].k, holder_of(journal).here))
        change(self, n, **values)

    monkeypatch.setattr(Goals, "change", changed)
    add(waker, model=spec)
    await ticked(waker)
    assert noted == [("run.started", True)]  # nobody who looks how it stands takes it for ended, or takes it up


async def test_the_process_of_a_goal_is_at_work_until_its_end_is_on_disk(waker, spec, monkeypatch):
    slow_disk(monkeypatch, 1)
    process = waker.session.start("Make x.", model=spec, approve="auto")
    stood = set()
    await until_async(lambda: process.state == "ended" or stood.add(standing(waker.session, 1)), every=0)
    assert stood == {("at work", False)}
    assert standing(waker.session, 1) == ("at work", False)
    await process
    assert standing(waker.session, 1) == ("ended", True)


async def test_a_goal_whose_process_cannot_be_read_does_not_begin_anew_unasked(waker, clock, told, spec):
    add(waker, model=spec)
    await ticked(waker)
    journal = waker.session.home.find(1) / "journal.jsonl"
    whole = journal.read_text()
    for spoilt in (False, True):  # the notebook died before the end of its process was written down
        waker.goals.change(1, state="open", due=None, said="process 1 is at work")
        if spoilt:
            journal.write_text(whole.replace("answered", "answerer"))
        again = Waker(llmos.Session({}), clock, told.append)
        await again.look_back()
        await ticked(again)
        assert len(runs(waker)) == 1 and (waker.goals.find(1).state == "done") is not spoilt
    assert standing(again.session, 1) == ("unreadable", False)
    why = "the journal of process 1 cannot be read, so whether it answered is not known"
    assert told[-1] == f"goal 1 does not begin anew: {why}; %agent goals wake 1 lets it"
    again.goals.change(1, due=clock())  # as that does
    await ticked(again)
    assert len(runs(waker)) == 2 and waker.goals.find(1).state == "done"
    journal.write_text(whole)
