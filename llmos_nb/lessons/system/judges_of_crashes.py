"""The judges of a learner's journal and undo: real kills, torn and changed lines, and the lives after them."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmos_nb.lessons.core import Wrong, wrong_if
from llmos_nb.lessons.system import trial

Kill = Callable[[int, trial.Message, bool], bool]
KILLS = 2  # at points drawn anew, beside those in the effect


def honest(world: trial.World) -> Callable[[str, trial.Message], bool]:
    """Return a person who allows all, and says of an effect in doubt what is true."""

    def says(question: str, asked: trial.Message) -> bool:
        return asked["status"] == "proposed" or world.times(asked["name"], **asked["arguments"]) > 0

    return says


def in_the_effect(name: str, met: bool) -> Kill:
    """Kill at the first effect of a tool: before it, or when it has happened and nobody was told."""
    return lambda n, message, after: message["kind"] == "tool" and message["name"] == name and after is met


def at_line(line: int) -> Kill:
    """Kill at a line, before anybody has met it."""
    return lambda n, message, after: n == line and not after


# ---- lesson 07


APART = """
def covered(p, s, call):
    return "act 0" if call["name"] == "pay" and "act 0" not in [c.get("by") for c in s["calls"].values()] else None
"""


def _payment(path: Path, repeat: str = "once") -> tuple[trial.World, trial.Message]:
    """Return a process that looks at a price, pays and answers, and the world that it meets."""
    euros = trial.draw()
    turns = [trial.call("price"), trial.call("pay", euros=euros), trial.answer(f"paid {euros}")]
    world = trial.World({0: turns}, {"price": lambda a: str(euros), "pay": lambda a: f"receipt {euros}"})
    world.person = honest(world)
    pay = trial.tool("pay", "euros: int", effect="external", repeat=repeat)
    return world, trial.process(f"pay {euros}", trial.tool("price", **trial.READS), pay, journal=str(path))


def judge_journal(attempt: Any, seed: int) -> str:
    """Kill a paying process at points drawn anew, tear a line, change a line, and look at what was paid."""
    source = trial.source_of(attempt, "journal") + APART
    with tempfile.TemporaryDirectory(prefix="llmos-mini-") as folder:
        path = Path(folder)
        lines = _whole_run(source, path / "whole")
        kills = [in_the_effect("pay", False), in_the_effect("price", True)]
        for n, kill in enumerate([*kills, *(at_line(secrets.randbelow(lines)) for _ in range(KILLS))]):
            _killed_once(source, path / f"{n}", kill, torn=n % 2 == 0)
        _cut_short(source, path / "whole")
        _nobody_there(source, path / "nobody")
    return f"{KILLS + 3} kills, never paid twice; it asks only where nobody can know, and a changed line is found"


def _whole_run(source: str, path: Path) -> int:
    world, job = _payment(path)
    life = trial.lived(source, world, [job], ["schedule", 0], ["again", 0])
    told = "with a journal, and no crash at all, it did not come to its end"
    wrong_if(life.states[0]["reason"] != "answered", told, 1)
    held = path.exists() and b"call.finished" in path.read_bytes()
    wrong_if(not held, "nothing of what happened is on disk: append writes a line before it returns", 1)
    loose = any(line["loose"] for line in world.log)
    told = "something happened while a line was still on its way to the disk: each append flushes, then os.fsync"
    wrong_if(loose, told, 1)
    same = next(line["same"] for line in world.log if line["kind"] == "again")
    told = "two folds of the same events gave two states: fold reads something beside the events, a clock?"
    wrong_if(not same, told, 3)
    requests = len(world.sent)
    again = trial.lived(source, world, [job], ["schedule", 0])
    told = "a fresh process that reads the same events has another state: state is fold(events), and nothing else"
    wrong_if(again.states != life.states or len(world.sent) != requests, told, 1)
    _changed(source, world, job, path)
    return len(world.log) - 2


def _changed(source: str, world: trial.World, job: trial.Message, path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    middle = next(n for n, line in enumerate(lines) if b"receipt" in line)
    forged = lines[middle].replace(b"receipt", b"refused")
    forgeries = {
        "changed": [*lines[:middle], forged, *lines[middle + 1 :]],
        "changed, the first of all": [_forged(lines[0], goal="pay more"), *lines[1:]],
        "changed, the last of all": [*lines[:-1], _forged(lines[-1], answer="nothing was paid")],
        "taken out": [*lines[:2], *lines[3:]],
        "taken from another journal, and prev mended, which the hash must cover": _spliced(source, path, lines, middle),
    }
    for what, made in forgeries.items():
        path.write_bytes(b"".join(made))
        life = trial.live(source, world, {"processes": [job], "do": []})
        told = f"a line was {what}, and nothing was said when it was read: a line has the hash of what came before"
        wrong_if(not life.error, told, 2)
    path.write_bytes(b"".join(lines))


NO_LINES = "each line is JSON, with prev, the hash of the line before, and hash, its own"


def _forged(line: bytes, **facts: str) -> bytes:
    """Return a line that says something else, under its old hash."""
    try:
        event = json.loads(line)
        return json.dumps({**event, "d": {**event["d"], **facts}}).encode() + b"\n"
    except (ValueError, LookupError, TypeError):
        raise Wrong(NO_LINES, 2) from None


def _spliced(source: str, path: Path, lines: list[bytes], at: int) -> list[bytes]:
    """Return the lines with one of another journal among them, each with the hash of the line before it as `prev`."""
    path = path.with_name("another")
    world, job = _payment(path)
    trial.lived(source, world, [job], ["schedule", 0])
    try:
        other = path.read_bytes().splitlines()[at]
        before, put, after = map(json.loads, (lines[at - 1], other, lines[at + 1]))
        mended = {**put, "prev": before["hash"]}, {**after, "prev": put["hash"]}
    except (ValueError, LookupError, TypeError):
        raise Wrong(NO_LINES, 2) from None
    return [*lines[:at], *(json.dumps(m).encode() + b"\n" for m in mended), *lines[at + 2 :]]


def _cut_short(source: str, path: Path) -> None:
    """Take no more than the newline of the last line away: whole or torn, what is written next begins a line."""
    _, job = _payment(path)
    path.write_bytes(path.read_bytes()[:-1])
    for do in (["record", 0, "run.ended", {"reason": "answered", "answer": "…"}], ["facts", 0]):
        life = trial.live(source, trial.World({}), {"processes": [job], "do": [do]})
        told = f"the last line had lost its newline, and the next one was glued to it: {life.error}. Cut it off"
        wrong_if(life.error, told, 2)


def _killed_once(source: str, path: Path, kill: Kill, torn: bool) -> None:
    world, paying = _payment(path)
    job = {"processes": [paying], "do": [["schedule", 0]]}
    life = trial.live(source, world, job, kill)
    wrong_if(life.error, f"your mini.py raised {life.error}", 1)
    paid = world.times("pay")
    if torn and path.exists():
        with path.open("ab") as file:
            file.write(b'{"k": "call.fini')  # the machine stopped in the middle of a write
    taken_up = {"processes": [paying], "do": [["facts", 0], ["schedule", 0]]}
    life = trial.live(source, world, taken_up)
    told = f"after a kill it could not be taken up again: {life.error}. A torn last line never happened: drop it"
    wrong_if(life.error, told, 2)
    if torn:
        third = trial.live(source, world, {"processes": [paying], "do": []})
        told = "half a line was passed over, and what came next was written behind it: cut it off the file, by truncate"
        wrong_if(third.error or third.states != life.states, told, 2)
    told = "price only reads and may be repeated, and a person was asked for it after a kill"
    wrong_if(any(name == "price" for _, _, name in world.asked), told, 3)
    _doubt_is_on_record(world, life)
    told = f"killed with {paid} payments made, and {world.times('pay')} in the end: "
    intent = "its intent was not on disk before the act, or what was begun was simply run again"
    wrong_if(world.times("pay") > 1, told + intent, 3)
    wrong_if(world.times("pay") < 1, told + "what had not happened was taken as done", 3)
    wrong_if(life.states[0]["reason"] != "answered", "after a kill it did not come to its end", 1)
    asked = world.requests(0)
    told = f"three turns were wanted, and the model was asked {asked} times: an answer on disk is not asked again"
    wrong_if(asked > 3, told, 1)


def _doubt_is_on_record(world: trial.World, life: trial.Life) -> None:
    asked = [status for _, status, name in world.asked if name == "pay" and status != "proposed"]
    told = f"a person was asked whether it was done while the call was {asked[:1]}: record call.in_doubt before"
    wrong_if(any(status != "in doubt" for status in asked), told, 3)
    begun = next(line["facts"]["state"]["calls"] for line in world.log[::-1] if line["kind"] == "facts")
    by = [(c.get("by"), life.states[0]["calls"][name].get("by")) for name, c in begun.items()]
    told = "call.resolved wrote over by, which says what act the call has used: the act counts again. Take another key"
    wrong_if(any(was and was != now for was, now in by), told, 3)


def _nobody_there(source: str, path: Path) -> None:
    world, paying = _payment(path, "idempotent")
    job = {"processes": [paying], "do": [["schedule", 0]]}
    trial.live(source, world, job, in_the_effect("pay", True))
    sure, world.person = world.person, lambda question, asked: None
    life = trial.live(source, world, job)
    told = "a call of a tool that says 'idempotent' was begun, and simply run again: only what is 'pure' is"
    wrong_if(world.times("pay") != 1, told, 3)
    told = "paid, killed, and nobody there to say so: it waits, in doubt, and neither pays nor goes on"
    wrong_if(life.error or life.states[0]["reason"], told, 3)
    world.person = sure
    life = trial.live(source, world, job)
    wrong_if(world.times("pay") != 1 or life.states[0]["reason"] != "answered", told, 3)


# ---- lesson 08


def judge_undo(attempt: Any, seed: int) -> str:
    """Take steps back: nested, in place, a failed one, after a crash; what went out stays."""
    source = trial.source_of(attempt, "undo")
    a, b, c = trial.draw(), trial.draw(), trial.draw()
    steps = [
        trial.call("python", code=f"data['rows'][1]['x'][0] = {a}\nmine = data['rows']\npair = ([{a}], 1)"),
        trial.call("python", code=f"data['rows'] += [{b}]\nlist = 1 / 0"),
        trial.call("pay", euros=c),
        trial.call("python", code=f"mine[0] = {c}\nlate = [mine]\npair[0][0] = {c}\nmine[1]['y'] = {c}"),
        trial.answer("ok"),
    ]

    def begin() -> trial.Message:
        return {"data": {"rows": [b, {"x": [c]}]}, "other": [1]}

    goal = trial.process("work", trial.tool("pay", "euros: int"), names=begin())
    with tempfile.TemporaryDirectory(prefix="llmos-mini-") as folder:
        path = Path(folder) / "journal"
        job = {**goal, "journal": str(path)}
        world = trial.World({0: steps}, {"pay": lambda a: "paid"}, lambda q, asked: True)
        life = trial.live(source, world, {"processes": [job], "do": [["schedule", 0]]}, at_line(1))
        wrong_if(life.error, f"your mini.py raised {life.error}", 1)
        do = [["schedule", 0], ["facts", 0], ["undo", 0, "r4.0"], ["facts", 0]]
        undone = trial.live(source, world, {"processes": [job], "do": do})
        told = [line["facts"] for line in world.log if line["kind"] == "facts"]
        if told:
            _undo_rebuilds(told[0], a, c)
        wrong_if(undone.error, f"your mini.py raised {undone.error}", 1)
        _undo_one(told[1], a, b)
        again = trial.lived(source, world, [job])
        said = "a step that was taken back is there again in the next life"
        wrong_if(again.facts[0]["names"] != told[1]["names"], said, 3)
        said = "a later life recorded again what it only rebuilt: run the code of the steps, and record nothing"
        wrong_if(again.facts[0]["kinds"] != told[1]["kinds"], said, 3)
        back = trial.lived(source, trial.World({0: steps}), [job], ["undo", 0, "r1.0"])
    _undo_all(back, begin(), world)
    once = trial.World({0: steps}, world.effects, world.person)
    _undo_all(trial.lived(source, once, [goal], ["schedule", 0], ["undo", 0, "r1.0"]), begin(), once)
    return "what a step changed is back, however deep, in place; a later life rebuilds what stands, and no more"


def _undo_rebuilds(facts: trial.Message, a: int, c: int) -> None:
    names = facts["names"]
    told = "after a kill the names of the steps that stand were gone: a namespace is rebuilt by running them again"
    wrong_if("mine" not in names or names["data"]["rows"][1]["x"][0] != a, told, 3)
    told = "a step that raised left something inside of a list behind: it is taken back at once, however deep"
    wrong_if(len(names["data"]["rows"]) != 2, told, 2)
    wrong_if(names["data"]["rows"][0] != c, "two names of one list: a change by one was not seen by the other", 2)


def _undo_one(facts: trial.Message, a: int, b: int) -> None:
    names = facts["names"]
    told = "the step made the name `late`, was taken back, and the name is still there"
    wrong_if("late" in names, told, 1)
    told = "a list inside of what the step changed is still as the step left it: a copy of the names copies no object"
    wrong_if(names["data"]["rows"][0] != b, told, 1)
    wrong_if(
        "mine" not in names or names["data"]["rows"][1]["x"][0] != a,
        "the step before it was taken back, too",
        1,
    )
    told = "a dict inside of what the step changed has still the key that the step put there: it is emptied, and filled"
    wrong_if("y" in names["data"]["rows"][1], told, 1)
    told = "a list inside of a tuple is still as the step left it: a tuple is gone through, too"
    wrong_if(names["pair"][0][0] != a, told, 1)
    call_4 = facts["state"]["calls"]["r4.0"]["status"]
    wrong_if(call_4 != "undone", f"the call is {call_4!r} in the state: record call.undone, or nobody knows of it", 3)


def _undo_all(back: trial.Life, begun: trial.Message, world: trial.World) -> None:
    facts = back.facts[0]
    wrong_if(facts["names"] != begun, f"all steps were taken back, and the names are {facts['names']}", 1)
    told = "whoever held the object before still sees the step's work: put the contents back, not another object"
    wrong_if(facts["held"][: len(begun)] != list(begun.values()), told, 2)
    calls = {c["id"]: c["status"] for c in facts["state"]["calls"].values() if c["name"] == "python"}
    told = f"the first step was taken back, and of those after it call.undone says nothing: {calls}"
    wrong_if(any(status == "done" for status in calls.values()), told, 3)
    wrong_if(world.times("pay") != 1, "the payment was made again: what went out stays out, undo is for names", 3)
    wrong_if(
        facts["state"]["calls"]["r3.0"]["status"] != "done",
        "the payment is marked as taken back, and it was made",
        3,
    )
