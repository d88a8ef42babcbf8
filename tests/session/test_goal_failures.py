"""Goals that fail wait longer each time and are given up in the end; missed times and changed clocks run nothing twice."""

import asyncio
import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from notebook_driver import Notebook
from served import Served, llmos, rows, script, status, wait_for
from turns import python
from wakers import Clock, ticked

import llmos_nb
from llmos_nb.app.options import carry_out
from llmos_nb.journal import home_of, opened
from llmos_nb.session.goals import Goals, Waker, goals

BERLIN = ZoneInfo("Europe/Berlin")
DAY, HOUR = 86_400.0, 3_600.0


@pytest.fixture
def clock():
    return Clock(datetime(2026, 3, 27, 12, tzinfo=BERLIN).timestamp())


@pytest.fixture
def told():
    return []


@pytest.fixture
def waker(clock, told):
    return Waker(llmos_nb.Session({}), clock, told.append, lambda: 0.0)


@pytest.fixture
def good():
    return script("good.json", {"text": "Done."})


@pytest.fixture
def bad():
    return script("bad.json")  # a request after the last turn is an error


def add(waker, model, **how):
    return goals.add(waker.goals, "Report.", {}, model=model, approve="auto", now=waker.clock(), **how)


def runs():
    return len(list(home_of().runs.glob("2*")))


async def days(waker, clock, hours, step=0.5):
    """Let time go by, and return when the goal ran, on the clock of Berlin."""
    ran, before = [], runs()
    for _ in range(round(hours / step)):
        clock.now += step * HOUR
        await ticked(waker)
        if runs() > before:
            ran.append(f"{datetime.fromtimestamp(clock.now, BERLIN):%d %H:%M}")
            before = runs()
    return ran


async def test_goal_at_nine_in_berlin_runs_at_nine_over_the_change_of_clock(waker, clock, good):
    add(waker, good, cron="0 9 * * *", zone="Europe/Berlin")
    assert await days(waker, clock, 72) == ["28 09:00", "29 09:00", "30 09:00"]


async def test_goal_of_which_nobody_can_say_when_it_is_due_stops_no_other(waker, clock, told, good):
    wrong = add(waker, good, every="1 day")
    waker.goals.change(wrong.n, times="FREQ=DAILY;INTERVAL=99999999999")  # as it was once taken
    waker.goals.change(wrong.n, signature=goals.signature(waker.goals.find(wrong.n)))
    add(waker, good, every="1 h")
    for _ in range(2):
        await ticked(waker)
    assert waker.goals.find(2).said == "process 1 answered" and waker.goals.find(1).pid is None
    assert [line for line in told if "cannot wake" in line] == [f"goal 1 {waker.blocked[1]}"]


async def test_laptop_that_slept_runs_what_it_missed_as_is_said(clock, told, good, tmp_path):
    for missed, wanted in (("once", 1), ("skip", 0), ("all", 4)):
        waker = Waker(llmos_nb.Session({}, home=tmp_path / missed), clock, told.append)
        add(waker, good, cron="0 9 * * *", zone="Europe/Berlin", missed=missed)
        clock.now += 3.9 * DAY
        for _ in range(6):
            await ticked(waker)
        assert len(list(waker.session.home.runs.glob("2*"))) == wanted, missed
        assert waker.goals.find(1).due > clock.now


async def test_clock_that_is_set_back_runs_nothing_twice(waker, clock, good):
    add(waker, good, cron="0 9 * * *", zone="Europe/Berlin")
    assert await days(waker, clock, 22) == ["28 09:00"]
    clock.now -= 3 * HOUR
    assert await days(waker, clock, 20) == []
    assert await days(waker, clock, 8) == ["29 09:00"]


async def test_clock_that_was_wrong_by_years_does_not_hold_a_goal_up(waker, clock, good):
    add(waker, good, cron="0 9 * * *", zone="Europe/Berlin")
    clock.now += 3000 * DAY
    await ticked(waker)
    assert runs() == 1
    clock.now -= 3000 * DAY
    assert await days(waker, clock, 24) == ["28 09:00"]


async def test_goal_that_fails_waits_longer_each_time_and_is_given_up(waker, clock, told, bad):
    add(waker, bad, cron="0 9 * * *", zone="Europe/Berlin", tries="3")
    clock.now = waker.goals.find(1).due
    waits = []
    for _ in range(2):
        await ticked(waker)
        waits.append(waker.goals.find(1).wakes - clock.now)
        clock.now += waits[-1] - 1
        before = runs()
        await ticked(waker)
        assert runs() == before  # not before its time
        clock.now += 1
    await ticked(waker)
    goal = waker.goals.find(1)
    assert waits == [60.0, 120.0] and runs() == 3
    assert (goal.state, goal.due, goal.failures) == ("given up", None, 3) and goal.told is not None
    assert told[-1].startswith("goal 1: is given up after 3 failures: process 3 ended: failed")
    assert await waker.tick() is None and runs() == 3


async def test_answer_ends_the_count_of_failures(waker, clock, told, bad):
    add(waker, bad, every="1 h", tries=2)
    await ticked(waker)
    assert waker.goals.find(1).failures == 1
    script("bad.json", {"text": "Done."})
    clock.now += 61
    await ticked(waker)
    assert (waker.goals.find(1).failures, waker.goals.find(1).state, runs()) == (0, "open", 2)
    assert waker.goals.find(1).wakes == waker.goals.find(1).due
    assert not any("given up" in line for line in told)


async def test_end_by_a_person_is_no_failure(waker, clock):
    add(waker, script("slow.json", {"text": "late", "wait_s": 600}), every="1 h")
    await waker.tick()
    (process,) = waker.session.processes.values()
    await process.kill()
    await asyncio.gather(*waker.following)
    assert waker.goals.find(1).failures == 0 and waker.goals.find(1).state == "open"


async def test_given_up_goal_is_said_once_by_a_notebook_and_wakes_when_it_is_told_to(waker, clock, bad, capsys):
    waker.attended = False  # as in a service
    add(waker, bad, tries=1)
    await ticked(waker)
    said = []
    books = [Waker(llmos_nb.Session({}), clock, said.append) for _ in range(2)]
    for book in (*books, *books):
        await book.tick()
    assert len(said) == 1 and "is given up after 1 failure: " in said[0] and "goals wake 1" in said[0]
    script("bad.json", {"text": "Done."})
    session = llmos_nb.Session({})
    await carry_out(session, "goals wake 1")
    await asyncio.gather(*session.parts["goals"].following)
    assert waker.goals.find(1).state == "done"


async def test_each_missed_time_is_tried_again_where_each_counts(waker, clock, bad):
    add(waker, bad, cron="0 9 * * *", zone="Europe/Berlin", missed="all")
    first = waker.goals.find(1).due
    clock.now += 2 * DAY
    await ticked(waker)
    assert waker.goals.find(1).due == first and waker.goals.find(1).rest == clock.now + 60
    script("bad.json", {"text": "Done."})
    clock.now += 61
    for _ in range(4):
        await ticked(waker)
    assert runs() == 1 + 2 and waker.goals.find(1).due > clock.now


def test_goals_of_a_former_home_are_there_and_still_signed(clock, good):
    former = goals._SCHEMA
    home = home_of()
    with opened(home, former) as db:
        made = goals.Goal(1, "Report.", every=HOUR, first=clock.now, due=clock.now, model=good)
        sql = "INSERT INTO goals(goal, holds, every, first, model, approve, budget, needs, signature, due, state, said) VALUES (?, '', ?, ?, ?, '', '', '', ?, ?, 'open', '')"
        db.execute(sql, (made.goal, made.every, made.first, good, goals.signature(made), made.due))
    (found,) = Goals(home).all()
    assert goals.made_here(found) and (found.missed, found.tries, found.form) == ("once", 5, "")


@pytest.mark.parametrize(
    "change", [{"times": "* * * * *"}, {"zone": "Asia/Tokyo"}, {"missed": "all"}, {"tries": 99}, {"form": ""}]
)
def test_calendar_that_somebody_else_changed_is_not_followed(waker, good, change):
    add(waker, good, cron="0 9 * * *", zone="Europe/Berlin")
    assert goals.made_here(waker.goals.find(1))
    waker.goals.change(1, **change)
    assert not goals.made_here(waker.goals.find(1))


# real interpreters


def test_of_a_service_and_two_notebooks_exactly_one_wakes_a_goal(tmp_path, good):
    with Served() as service, Notebook(tmp_path) as one, Notebook(tmp_path) as other:
        for book in (one, other):
            book.run("%agent goals add Later. --at 2099-01-01T00:00 -m nonsense")  # their timers run
        for _ in range(3):
            goals.add(Goals(home_of()), "Report.", model=good, approve="auto")
        for book in (one, other):
            book.run("get_ipython().run_line_magic('agent', 'goals wake')")
        wait_for(lambda: [g.state for g in Goals(home_of()).all()].count("done") == 3)
        assert len(rows()) == 3 and service.program.poll() is None


def test_goal_of_the_service_that_waits_for_a_person_is_taken_up_by_no_notebook(tmp_path):
    asks = script("asks.json", python("x = 1"), {"text": "Made."})
    goals.add(Goals(home_of()), "Make x.", model=asks, approve="step", every="1 h")
    with Served(), Notebook(tmp_path) as book:
        status(1, "waiting")
        wait_for(lambda: rows()[1]["owner"])
        Goals(home_of()).change(1, due=0)
        book.run("%agent goals wake")
        assert list(rows()) == [1] and "(service)" in rows()[1]["owner"] and book.value("'x' in globals()") == "False"
        llmos("approve", "1", "--yes")
        status(1, "ended")


def test_given_up_goal_of_a_service_stands_below_its_processes(bad):
    goals.add(Goals(home_of()), "Report.", model=bad, approve="auto", tries=1)
    with Served() as service:
        wait_for(lambda: "is given up after 1 failure: " in service.said, lambda: service.said)
        assert "llmos show 1" in service.said and "%agent" not in service.said
    assert "goal 1 is given up after 1 failure: " in llmos("ps")
    assert "is trusted, and stays given up" in llmos("goals", "trust", "1")
    assert json.loads(llmos("ps", "--all", "--json"))["status"] == "ended"  # a line a process, and nothing else


def test_time_of_a_goal_is_said_on_the_clock_on_which_it_is_read(good):
    words = ["add", "Report.", "--cron", "0 9 1 1 *", "-m", good]
    assert re.search(r"due 20\d\d-01-01 09:00 Asia/Tokyo\n", llmos("goals", *words, "--zone", "Asia/Tokyo"))
    assert re.search(r"due 20\d\d-01-01 09:00\n", llmos("goals", *words))  # on that of this machine
    assert "09:00 Asia/Tokyo" in llmos("goals")


def test_goals_are_written_down_listed_and_woken_in_a_terminal(good):
    words = ["add", "Report.", "--cron", "0 9 * * mon-fri", "--zone", "Europe/Berlin", "-m", good, "-a", "auto"]
    said = llmos("goals", *words)
    assert "goal 1 is written down: due 20" in said and "nobody serves this home" in said
    assert "Report." in llmos("goals") and rows() == {}
    with Served():
        assert llmos("goals", "wake", "1").strip() == "goal 1 is due now"
        status(1, "ended")
        wait_for(lambda: "process 1 answered" in llmos("goals"))
        assert Goals(home_of()).find(1).due > 0
    assert "is done" in llmos("goals", "done", "1") and "is removed" in llmos("goals", "remove", "1")
    assert "unknown" in llmos("goals", "ad", "x", code=2) and "no such goal" in llmos("goals", "wake", "7", code=2)
    assert "--cron '': write what" in llmos("goals", "add", "Report.", "--cron", "", code=2)
    assert "%agent" not in llmos("goals", "add", " ", code=2) + llmos("goals", "wake", code=2)


def test_goal_of_a_terminal_that_names_a_variable_waits_for_a_notebook_that_has_it(good):
    goal = "Count the rows of `sales_frame` by `len`, with &`counted`."
    said = llmos("goals", "add", goal, "-m", good, "-a", "auto")
    assert "due now, in a notebook that has `sales_frame`, `counted`" in said
    with Served() as service:
        wait_for(lambda: "goal 1 is due and waits for `sales_frame`" in service.said, lambda: service.said)
        assert rows() == {}
        with Notebook(".") as book:
            for cell in ("%load_ext llmos_nb", "sales_frame, counted = [1], len", "%agent goals wake"):
                ran = book.run(cell)
                assert ran.status == "ok", ran.error
            status(1, "ended")  # while the notebook is there: its timer may have been faster than the cell
    assert "(service)" not in rows()[1]["owner"]


def test_service_says_which_command_shows_a_goal_that_waits_for_a_person():
    asks = script("asks.json", python("x = 1"))
    goals.add(Goals(home_of()), "Pay.", model=asks, approve="step")
    with Served() as service:
        wait_for(lambda: "goal 1: process 1 waits for" in service.said, lambda: service.said)
        assert "llmos show 1" in service.said and "%agent" not in service.said
