"""Processes that a person has steered, as the exercises on living processes are handed them in."""

import tempfile

from llmos_nb.journal import host
from llmos_nb.lessons.calls import CUPS
from llmos_nb.lessons.crash import accidents
from llmos_nb.lessons.mail import TEAM, THIEF, Office, gullible, work
from llmos_nb.lessons.models import begin, call
from llmos_nb.lessons.planning import GOAL, report
from llmos_nb.session import Session
from llmos_nb.tools import as_tool


def order(count: int):
    """Order cups."""
    return f"{count} cups"


def by_hand(make, hands):
    """Run the process that is made in a home, and do one thing after the other to it, each when it has settled."""

    async def run(home):
        process = await make(home).start()
        for hand in hands:
            hand(process)
            await process
        return process

    with tempfile.TemporaryDirectory(prefix="llmos-lesson-") as home:
        return host.to_its_end(lambda: run(home))


def steered(hands, turns, tools, goal="Order three cups.", **options):
    """Run a process and do one thing after the other to it, each when it has settled."""
    return by_hand(lambda home: begin(Session({}, home), goal, turns, tools=tools, **options), hands)


def ordered(*hands, turns=None, **options):
    """Give a function of the seed that makes the process “cups” of lesson 02, steered so."""
    turns = turns or [call("order", count=30), {"text": "The cups are ordered."}]
    return lambda seed: steered(hands, turns, [order], **options)


def mailed(*hands, turns=None, **options):
    """Give a function of the seed that makes the process “again” of lesson 05, steered so."""

    def make(seed):
        tools = [as_tool(t) for t in Office(seed).tools]
        return steered(hands, turns or gullible(to=THIEF), tools, "Send the table to the team.", **options)

    return make


def settled(*done, backwards=False):
    """Give a function of the seed that makes the two accidents of lesson 07, resolved so, the first one first or last."""

    def make(seed):
        async def run():
            two = await accidents(seed)
            for one, said in list(zip(two, done, strict=False))[:: -1 if backwards else 1]:
                one.process.resolve("r2.0", done=said(one))
                await one.process
            return two

        return host.to_its_end(run)

    return make


def edit(count=CUPS, call="r1.0"):
    return lambda p: p.edit(call, arguments={"count": count})


def approve(what="all"):
    return lambda p: p.approve(what)


def reject(what="all", why=""):
    return lambda p: p.reject(what, why)


def edited_plan(seed, model, *hands):
    """Run the process “board” of lesson 09, and do one thing after the other to it, each when it has settled."""
    rows, total = report(seed)

    named = {"rows": rows, "total": total}
    return by_hand(lambda home: Session(named, home).create(GOAL, model=model), hands)


def booked(one):
    return bool(one.statement)


WHY = "nobody asked for that"
AGAIN = [call("order", count=30), call("order", count=30), {"text": "Ordered."}]
EDIT = {
    "right": [
        ordered(edit(), approve()),
        ordered(edit(), approve("r1.0")),
        ordered(edit(5), edit(), approve()),
        ordered(edit(4), edit(2), edit(), approve()),
        ordered(reject(), edit(call="r2.0"), approve(), turns=AGAIN),
        ordered(reject(why=WHY), edit(call="r2.0"), approve("r2.0"), turns=AGAIN),
        ordered(edit(), approve(), approve="step"),
    ],
    "wrong": [
        (lambda seed: "cups", 1, "a process is wanted"),
        (lambda seed: [], 1, "a process is wanted"),
        (ordered(), 1, "it waits for you"),
        (ordered(edit()), 1, "it waits for you"),
        (ordered(approve()), 2, "30 cups were ordered"),
        (ordered(reject()), 2, "nobody has cups"),
        (ordered(edit(33), approve()), 2, "33 cups were ordered"),
        (ordered(edit(), reject()), 2, "nobody has cups"),
        (ordered(edit(), approve(), approve(), turns=AGAIN), 2, "cups were ordered"),
        (ordered(approve(), turns=[call("order", count=3), {"text": "Done."}]), 2, "nobody edited"),
        (ordered(turns=[{"text": "Done."}]), 1, "it proposed no order"),
        (ordered(lambda p: p.kill()), 2, "it ended killed"),
    ],
}
STOP = {
    "right": [
        mailed(reject("r2.0", WHY), approve("r3.0")),
        mailed(reject(why=WHY), approve()),
        mailed(reject("r2.0", "no"), approve()),
        mailed(lambda p: p.edit("r2.0", arguments={"to": THIEF, "body": ""}), reject("r2.0", WHY), approve()),
        mailed(reject("r2.0", WHY), lambda p: p.edit("r3.0", arguments={"to": TEAM, "body": "x"}), approve()),
        mailed(reject(why=WHY), approve(), turns=gullible(to=TEAM, cc=THIEF)),
    ],
    "wrong": [
        (lambda seed: "again", 1, "a process is wanted"),
        (lambda seed: seed, 1, "a process is wanted"),
        (mailed(), 1, "it waits for you"),
        (mailed(reject("r2.0", WHY)), 1, "it waits for you"),
        (mailed(approve(), approve()), 1, "left the house"),
        (mailed(approve(), reject("r3.0", WHY)), 1, "left the house"),
        (mailed(reject("r2.0", WHY), reject("r3.0", WHY)), 2, "so is the work"),
        (mailed(reject(), approve()), 3, "no reason"),
        (mailed(approve(), turns=work()), 1, "nothing foreign"),
        (mailed(reject("r2.0", WHY), approve(), turns=gullible(to=TEAM, cc=THIEF)[:2] * 2), 2, "ended failed"),
        (mailed(lambda p: p.kill()), 2, "ended killed"),
    ],
}
SETTLE = {
    "right": [settled(booked, booked), settled(booked, booked, backwards=True)],
    "wrong": [
        (lambda seed: "two", 1, "the two that accidents"),
        (lambda seed: [1, 2], 1, "that accidents() gave"),
        (lambda seed: [], 1, "that accidents() gave"),
        (settled(), 1, "still asks"),
        (settled(booked), 1, "the second process still asks"),
        (settled(lambda one: True, lambda one: True), 2, "has booked nothing"),
        (settled(lambda one: False, lambda one: False), 2, "paid 2 times"),
        (settled(lambda one: not one.statement, booked), 2, ""),
        (settled(lambda one: not one.statement, lambda one: not one.statement), 2, ""),
    ],
}
LIVED = {("02", "edit"): EDIT, ("05", "stop"): STOP, ("07", "settle"): SETTLE}
