"""Answers to the exercises of lessons 03 and 04 to 08 as learners write them: right ones, and wrong ones with what is said."""

import functools
import json
from itertools import pairwise

from llmos_nb.journal import GENESIS
from llmos_nb.lessons import crash, memory, pipes, scheduling
from llmos_nb.lessons.calls import passes
from llmos_nb.lessons.crash import accidents
from llmos_nb.lessons.reproducible import first_broken, hash_of
from llmos_nb.lessons.solutions import module
from llmos_nb.process import fold as product_fold

# ---- 03


def in_pages(chosen):
    """Write a search that looks at some of the pages, and at the window."""

    def find(context, words):
        groups = [*(g for page in chosen(context.pages) for g in page), *context.window]
        return next((g.text for g in groups if words in g.text), None)

    return find


def in_window(chosen):
    """Write a search that looks at the pages, and at some of the window."""

    def find(context, words):
        groups = [*(g for page in context.pages for g in page), *chosen(context.window)]
        return next((g.text for g in groups if words in g.text), None)

    return find


def any_case(context, words):
    groups = [*(g for page in context.pages for g in page), *context.window]
    return next((g.text for g in groups if words.lower() in g.text.lower()), None)


# ---- 07


def by_record(pay, disk):
    match list(disk):
        case []:
            disk += ["begun"]
            pay()
            disk.extend(["done"])
            return "paid"
        case ["begun"]:
            return "in doubt"
    return "paid"


def says_its_doubt(pay, disk):
    if disk[-1:] == ["done"]:
        return "paid"
    if disk:
        disk.append("asked")
        return "in doubt"
    disk.append("begun")
    pay()
    disk.append("done")
    return "paid"


def never_says_done(pay, disk):
    if "begun" in disk:
        return "in doubt"
    disk.append("begun")
    pay()
    return "paid"


def cleans_up(pay, disk):
    if "done" in disk:
        return "paid"
    if "begun" in disk:
        disk.remove("begun")
        return "in doubt"
    disk.append("begun")
    pay()
    disk.append("done")
    return "paid"


def in_a_variable():
    known = []

    def pay_once(pay, disk):
        if known:
            return known[0]
        known.append("in doubt")
        pay()
        known[0] = "paid"
        return "paid"

    return pay_once


def catches(pay, disk):
    if "done" in disk:
        return "paid"
    try:
        pay()
    except BaseException:
        return "in doubt"
    disk.append("done")
    return "paid"


def at_last(pay, disk):
    if "done" in disk:
        return "paid"
    try:
        pay()
    finally:
        disk.append("done")
    return "paid"


async def waits(pay, disk):
    pay()
    return "paid"


DECIDED = {"done": "keep", "approved": "run"}


def by_kinds(events, one_call=False, fails=True, refuses=True, resolves=True):
    """Write a fold that differs from a right one in one thing."""
    calls, turns = {}, 0
    for e in events:
        d = e.d
        match e.k:
            case "model.responded":
                turns += 1
                calls.update((f"r{turns}.{i}", "proposed") for i in range(len(d["calls"][: 1 if one_call else None])))
            case "call.decided":
                calls[d["call"]] = {"approve": "approved", "reject": "rejected"}[d["what"] if refuses else "approve"]
            case "call.started":
                calls[d["call"]] = "running"
            case "call.finished":
                calls[d["call"]] = "failed" if fails and not d["ok"] else "done"
            case "call.in_doubt":
                calls[d["call"]] = "in_doubt"
            case "call.resolved" if resolves:
                calls[d["call"]] = "done" if d["done"] or resolves == "done" else "approved"
    return calls


def settled_twice(seed):
    from lived import booked, settled

    return [settled(booked, booked)(seed)[0]] * 2


def killed(seed):
    from llmos_nb.journal import host

    async def run():
        two = await accidents(seed)
        for one in two:
            one.process.kill()
            await one.process
        return two

    return host.to_its_end(run)


# ---- 08


def by_pairs(lines):
    events = [json.loads(line) for line in lines]
    if hash_of(events[0]) != events[0]["hash"] or events[0]["prev"] != GENESIS:
        return 1
    wrong = (n for n, (a, b) in enumerate(pairwise(events), 2) if b["prev"] != a["hash"] or hash_of(b) != b["hash"])
    return next(wrong, None)


def but_for(first=True, last=True, begins=True):
    """Write a search that lacks a look at one line."""

    def broken(lines):
        prev = GENESIS if begins else None
        for n, line in enumerate(lines if last else lines[:-1], 1):
            e = json.loads(line)
            if (first or n > 1) and ((prev and e["prev"] != prev) or hash_of(e) != e["hash"]):
                return n
            prev = e["hash"]
        return None

    return broken


async def awaits_undo(process):
    await process.undo(2)


def undoes_twice(process):
    process.undo()
    process.undo()


async def in_its_folder(folder):
    import llmos_nb as llmos
    from llmos_nb.lessons.models import python
    from llmos_nb.models.scripted import ScriptedModel

    code = f"import pathlib\npathlib.Path({str(folder / 'out.txt')!r}).write_text('a')"
    process = await llmos.run(
        "Write.", model=ScriptedModel([python(code), {"text": "Done."}]), namespace={}, home=folder
    )
    await process.approve()
    return [process, str(process.export(folder / "work.ipynb", run=False))]


async def without_notebook(folder):
    process, _ = await module("08").capstone(folder)
    return process, None


async def needs_the_package(folder):
    process, book = await module("08").capstone(folder)
    written = json.loads(book.read_text())
    next(c for c in written["cells"] if c["cell_type"] == "code")["source"] = ["from llmos_nb import tool"]
    book.write_text(json.dumps(written))
    return process, book


OURS = "is ours, and yours is compared with it"
RIGHT = {
    ("07", "pay_once"): [by_record, says_its_doubt],
    ("07", "after_crash"): [
        lambda status, repeat: DECIDED.get(status, "ask" if repeat == "once" else "run"),
        lambda status, repeat: (
            "keep" if status == "done" else "ask" if (status, repeat) == ("running", "once") else "run"
        ),
    ],
    ("07", "fold"): [by_kinds],
    ("08", "rewind"): [lambda process: process.undo(to=2), undoes_twice],
    ("08", "broken"): [by_pairs, but_for()],
    ("08", "capstone"): [in_its_folder],
}
WRONG = {
    ("02", "as_int"): [(lambda value: int(value) if passes(value)[0] else 1 // 0, 1, f"passes {OURS}")],
    ("03", "find"): [
        (in_pages(lambda pages: pages[:1]), 1, "a page"),
        (in_pages(lambda pages: pages[-1:]), 1, "a page"),
        (in_window(lambda window: window[-1:]), 2, "the window"),
        (in_window(lambda window: window[:1]), 2, "the window"),
        (any_case, 3, "what is like it is not it"),
    ],
    ("03", "prefix_breaks"): [(memory.breaks, 1, f"breaks {OURS}")],
    ("04", "waits"): [
        (scheduling.longest_waits, 1, f"longest_waits {OURS}"),
        (lambda spans: scheduling.longest_waits(spans), 1, f"longest_waits {OURS}"),
        (lambda spans: [(1, 0.0)], 1, "a dict, {pid: seconds}"),
        (lambda spans: {s.pid: float("nan") for s in spans}, 3, "nan"),
        (lambda spans: {s.pid: None for s in spans}, 3, "None"),
    ],
    ("04", "ideal"): [
        (scheduling.bound, 1, f"bound {OURS}"),
        (lambda agents, slots: scheduling.bound(agents, slots), 1, f"bound {OURS}"),
        (functools.partial(scheduling.bound), 1, f"bound {OURS}"),
        (lambda agents, slots: float("nan"), 1, "no schedule beats"),
    ],
    ("06", "label"): [(pipes.label_of, 1, f"label_of {OURS}")],
    ("06", "laundering"): [(pipes.laundered, 1, f"laundered {OURS}")],
    ("06", "pipe"): [(pipes.piped, 1, f"piped {OURS}")],
    ("07", "pay_once"): [
        (never_says_done, 2, "that it is done belongs on disk"),
        (cleans_up, 2, "it paid 2 times"),
        (in_a_variable(), 1, "only what is on disk survives"),
        (catches, 2, "it paid 2 times"),
        (at_last, 2, "it paid 2 times"),
        (lambda pay, disk: "in doubt", 1, "with no crash at all"),
        (lambda pay, disk: pay() or "Paid", 1, "said 'Paid'"),
        (waits, 1, "a coroutine, of which nothing has run"),
    ],
    ("07", "after_crash"): [
        (
            lambda status, repeat: DECIDED.get(status, "run" if repeat == "idempotent" else "ask"),
            3,
            "'running' and is 'pure'",
        ),
        (lambda status, repeat: ["run"], 1, "it gave ['run']"),
        (lambda status, repeat: "Ask", 1, "'run', 'keep' or 'ask' is wanted"),
    ],
    ("07", "fold"): [
        (crash.statuses, 1, f"statuses {OURS}"),
        (lambda events: crash.statuses(tuple(events)), 1, f"statuses {OURS}"),
        (functools.partial(by_kinds, one_call=True), 1, "model.responded"),
        (functools.partial(by_kinds, fails=False), 2, "call.finished"),
        (functools.partial(by_kinds, refuses=False), 2, "call.decided"),
        (functools.partial(by_kinds, resolves=False), 3, "call.resolved"),
        (functools.partial(by_kinds, resolves="done"), 3, "call.resolved"),
        (lambda events: [*product_fold(tuple(events)).calls], 1, "yours says ["),
    ],
    ("08", "rewind"): [(awaits_undo, 1, "a coroutine, of which nothing has run")],
    ("08", "broken"): [
        (first_broken, 1, f"first_broken {OURS}"),
        (but_for(first=False), 1, "first line was changed"),
        (but_for(last=False), 1, "last line was changed"),
        (but_for(begins=False), 2, "first line was taken"),
    ],
    ("08", "capstone"): [
        (without_notebook, 1, "(process, notebook) is wanted"),
        (needs_the_package, 3, "does not run by itself, without llmos_nb"),
    ],
}
SETTLE = [(settled_twice, 1, "each once"), (killed, 1, "ended killed")]
