"""A real service by a clock that a test sets: a week of a small office, sleep, and clocks that are changed."""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from killed import counting_server
from served import Served, llmos, rows, script, status, wait_for
from turns import python

from llmos_nb.journal import home_of, read
from llmos_nb.session.goals import Goals, goals

BERLIN = ZoneInfo("Europe/Berlin")
BOOK = """
import os, sqlite3, urllib.request
from contextlib import closing
with closing(sqlite3.connect("office.db")) as db, db:
    new = db.execute("select id, eur from orders where id not in (select id from ledger) order by id").fetchall()
    db.executemany("insert into ledger values (?, ?)", new)
for order, eur in new:
    urllib.request.urlopen(f"http://127.0.0.1:{os.environ['PORT']}/mail/{order}", b"booked")
with open("report.txt", "a") as report:
    report.write("".join(f"{order} {eur}\\n" for order, eur in new))
"""


class Clock:
    """The clock of a service, on the wall of Berlin."""

    def __init__(self):
        self.file = Path("clock")

    def show(self, day, hour, minute=0, fold=0, month=3):
        moment = datetime(2026, month, day, hour, minute, fold=fold, tzinfo=BERLIN)
        made = Path("clock.new")
        made.write_text(str(moment.timestamp()), "utf-8")
        made.replace(self.file)
        return self

    @property
    def now(self):
        return float(self.file.read_text("utf-8"))


@pytest.fixture
def clock():
    return Clock().show(24, 12)


def daily(clock, model, approve="auto", **how):
    return goals.add(
        Goals(home_of()), "Report.", {}, model=model, approve=approve, now=clock.now,
        cron="0 9 * * *", zone="Europe/Berlin", **how,
    )  # fmt: skip


def looked(clock):
    """Wait until the service has looked at the time that the clock shows: a goal that is due now has run."""
    probe = goals.add(Goals(home_of()), "Look.", {}, model=script("probe.json", {"text": "Seen."}), now=clock.now)
    wait_for(lambda: Goals(home_of()).find(probe.n).state == "done")
    Goals(home_of()).remove(probe.n)


def reports():
    """Return how often the goal has run."""
    return [r["status"] for r in rows().values() if r["name"] == "goal-1"]


def order(number, eur):
    with closing(sqlite3.connect("office.db")) as db, db:
        db.execute("insert into orders values (?, ?)", (number, eur))


def answered_by_a_person(pid):
    """Approve what a process asks until it has ended: after a restart it asks again for what it sees otherwise now."""
    for asked in range(1, 4):
        wait_for(lambda: rows()[pid]["owner"])
        assert "is approved" in llmos("approve", str(pid), "--yes")
        row = wait_for(lambda n=asked: (r := rows()[pid]) and (r["status"] == "ended" or questions(pid) > n) and r)
        if row["status"] == "ended":
            return row
    raise AssertionError(row)


def questions(pid):
    return sum(e.k == "question.asked" for e in read(home_of().find(pid) / "journal.jsonl"))


def ledger():
    with closing(sqlite3.connect("office.db")) as db:
        return [r[0] for r in db.execute("select id from ledger order by id")]


def test_week_of_orders_with_three_restarts_books_and_mails_each_once(clock, monkeypatch):
    with closing(sqlite3.connect("office.db")) as db, db:
        db.execute("create table orders (id integer, eur real)")
        db.execute("create table ledger (id integer, eur real)")
    model = script("book.json", python(BOOK), {"text": "Booked."})
    with counting_server() as (port, mailed):
        monkeypatch.setenv("PORT", str(port))
        daily(clock, model, approve="step")
        service = Served(clock=clock.file)
        try:
            service.__enter__()
            for pid, day in enumerate(range(25, 32), 1):  # Wednesday to Tuesday; on Sunday clocks are changed
                order(2 * pid, 10.0)
                order(2 * pid + 1, 2_000.0)
                if day == 27:  # ended in the evening, and begun again after nine
                    assert service.end() == 0
                clock.show(day, 9)
                if day == 27:
                    service = Served(clock=clock.file).__enter__()
                status(pid, "waiting")
                if day in (28, 30):  # killed while it waits for a person
                    service.kill()
                    service = Served(clock=clock.file).__enter__()
                assert ledger() == list(range(2, 2 * pid))  # nothing before a person has said so
                assert answered_by_a_person(pid)["state"] == "ended, answered"
            assert service.end() == 0
        finally:
            service.kill()
        wanted = list(range(2, 16))
        assert ledger() == wanted and mailed == [f"/mail/{n}" for n in wanted]
        assert [line.split()[0] for line in Path("report.txt").read_text("utf-8").splitlines()] == [*map(str, wanted)]
        assert len(rows()) == 7 and Goals(home_of()).find(1).failures == 0


@pytest.mark.parametrize(("month", "day"), [(3, 29), (10, 25)])
def test_goal_at_nine_in_berlin_is_run_by_the_service_at_nine_over_both_changes_of_clock(month, day):
    clock = Clock().show(day - 1, 10, month=month)
    daily(clock, script("good.json", {"text": "Done."}))
    with Served(clock=clock.file):
        for runs, at in enumerate((day, day + 1), 1):
            clock.show(at, 8, 59, month=month)
            looked(clock)
            assert len(reports()) == runs - 1
            clock.show(at, 9, month=month)
            wait_for(lambda runs=runs: reports() == ["ended"] * runs)


def test_laptop_that_slept_and_a_clock_that_is_set_back_run_a_goal_of_the_service_once(clock):
    daily(clock, script("good.json", {"text": "Done."}))
    with Served(clock=clock.file):
        clock.show(27, 15)  # three times were missed
        wait_for(lambda: reports() == ["ended"])
        clock.show(27, 8)
        looked(clock)
        clock.show(27, 9, 30)
        looked(clock)
        assert reports() == ["ended"]
        clock.show(28, 9)
        wait_for(lambda: reports() == ["ended"] * 2)
