"""Several processes and the user's cells over one namespace: nothing is overwritten unseen."""

import asyncio
import random

import pytest
from notebook_driver import Notebook
from turns import Resending, python, same_as_folded
from waits import until, until_async

import llmos_nb as llmos
from llmos_nb.journal.events import Decider, LabelChanged
from llmos_nb.process.scheduling import contended, turns_of


async def waits(process):
    """Wait until a process waits for a person or has ended."""
    await process
    return next(iter(process.run.state.questions.values()), {})


@pytest.mark.parametrize("change", ["df.append(2)", "df = [5]", "target = 1"])
async def test_approval_is_void_where_a_shared_name_changed(script, change):
    names = {"df": [1], "target": 0}
    proc = await llmos.run(
        "go", model=script(python("target = len(df)"), {"text": "ok"}), namespace=names, approve="step"
    )
    exec(change, names)
    await proc.approve("all")
    asked = await waits(proc)
    assert proc.state == "waiting" and "asks again because" in asked["text"] and "has changed" in asked["text"]
    await proc.approve("all")
    assert proc.reason == "answered" and names["target"] == len(names["df"]) and same_as_folded(proc)


async def test_approval_counts_where_no_shared_name_changed(script):
    names = {"df": [1], "other": 1}
    proc = await llmos.run("go", model=script(python("n = len(df)"), {"text": "ok"}), namespace=names, approve="step")
    names["other"] = 2
    await proc.approve("all")
    assert proc.reason == "answered" and names["n"] == 1


async def test_cell_right_after_a_step_is_not_attributed_to_it(script):
    session = llmos.Session({})

    def users_cell():
        session.namespace["total"] = "mine"
        session.sharing.changed(["total"], "your cell [2]")

    session.namespace["users_cell"] = users_cell
    soon = "import asyncio\ntotal = 1\nasyncio.get_running_loop().call_soon(users_cell)\nNone"
    proc = session.start("go", approve="auto", model=script(python(soon), python("total = 2"), {"text": "ok"}))
    await proc
    assert proc.reason == "answered" and session.namespace["total"] == "mine"
    assert "`total` (by your cell [2])" in refusals(proc)[0].why


def refusals(process):
    """The calls that were sent back since they rest on what is no more."""
    return [c for c in process.run.state.calls.values() if c.by == Decider("check", "conflict")]


async def two_writers(script, mode):
    """One process writes `total` twice, another writes it between."""
    under_way, gate = asyncio.Event(), asyncio.Event()
    session = llmos.Session({"under_way": under_way, "gate": gate})
    first = session.start(
        "one",
        approve=mode,
        model=script(
            python("total = 1"),
            python("under_way.set()\nawait gate.wait()"),
            python("total = 3"),
            {"text": "ok"},
        ),
    )
    await under_way.wait()
    second = session.start("two", approve="auto", model=script(python("total = 2"), {"text": "ok"}))
    await until_async(lambda: second.run.waits, every=0)  # it has the next turn
    gate.set()
    await second
    await first
    return session, first, second


@pytest.mark.parametrize("mode", ["risky", "plan", "auto", "never"])
async def test_write_over_another_process_goes_back_to_the_model_which_is_told_what_is_there_now(script, mode):
    session, first, second = await two_writers(script, mode)
    assert (first.reason, second.reason) == ("answered", "answered") and session.namespace["total"] == 2
    (sent_back,) = refusals(first)
    assert sent_back.code == "total = 3" and sent_back.status == "rejected" and same_as_folded(first)
    told = next(m.text for m in first.run.state.context.messages() if m.call == sent_back.id)
    assert told.startswith("Not run: `total` (by process 2) has changed since this process last looked at it")
    assert "Now: total: int 2." in told and "send the step again" in told


async def test_process_writes_once_it_was_told_the_new_value(script):
    session = llmos.Session({"total": 0})
    first = session.create(
        "one",
        approve="auto",
        model=script(python("total = 1"), python("print(total)"), python("total += 1"), {"text": "ok"}),
    )
    await session.start("two", approve="auto", model=script(python("total = 5"), {"text": "ok"}))
    await first.start()
    assert [c.code for c in refusals(first)] == ["total = 1"]
    assert first.reason == "answered" and session.namespace["total"] == 6


async def test_same_step_may_be_sent_again_as_often_as_others_change_what_it_writes(script):
    proc, session = await rivalled(script, "auto", times=3)
    assert len(refusals(proc)) == 3 and proc.reason == "answered" and session.namespace["total"] == 8


async def rivalled(script, mode, times):
    """A process that sends one step again and again, while a cell writes before each of the first `times`."""
    session = llmos.Session({"total": 0})
    model = script(python("total"), *[python("total += 5")] * (times + 1), {"text": "ok"})
    inner = model.respond

    async def respond(request, on_text):
        if 0 < model.position <= times:
            session.namespace["total"] = model.position
            session.sharing.changed(["total"], f"your cell [{model.position}]")
        return await inner(request, on_text)

    model.respond = respond
    return await session.start("go", approve=mode, model=model), session


@pytest.mark.parametrize("mode", ["plan", "auto", "never"])
async def test_the_fourth_conflict_is_a_refusal_for_good_where_the_mode_asks_nobody(script, mode):
    proc, session = await rivalled(script, mode, times=4)
    assert proc.reason == "answered" and len(refusals(proc)) == 4
    assert ["tried 4 times and is not written" in c.why for c in refusals(proc)] == [False] * 3 + [True]
    assert session.namespace["total"] == 9, "the script sends it once more, and nobody has changed it since"


async def test_the_fourth_conflict_asks_a_person_in_the_default_mode(script):
    proc, session = await rivalled(script, "risky", times=4)
    asked = await waits(proc)
    assert "`total` (by your cell [4]) has changed" in asked["text"] and "this would write it" in asked["text"]
    assert len(refusals(proc)) == 3 and session.namespace["total"] == 4
    await proc.reject("all", "keep it")
    assert len(refusals(proc)) == 4 and session.namespace["total"] == 4 and proc.reason == "answered"


async def test_person_is_not_asked_about_a_step_that_rests_on_what_is_no_more(script):
    session = llmos.Session({"total": 0})
    first = session.start(
        "one",
        approve="step",
        model=script(python("total"), python("total = 1"), python("total = 2"), {"text": "ok"}),
    )
    assert (await waits(first))["title"]
    await session.start("two", approve="auto", model=script(python("total = 1  # mine"), {"text": "ok"}))
    await first.reject("all", "no need")
    await waits(first)
    assert [c.code for c in refusals(first)] == ["total = 1"], "it had not looked: the write was sent back unasked"
    await first.approve("all")
    assert first.reason == "answered" and session.namespace["total"] == 2


async def test_approved_step_goes_back_where_another_process_changed_what_it_writes(script):
    session = llmos.Session({"total": 0})
    first = session.start("one", approve="step", model=script(python("total = 1"), python("total = 2"), {"text": "ok"}))
    await waits(first)
    await session.start("two", approve="auto", model=script(python("total = 1  # mine"), {"text": "ok"}))
    await first.approve("all")
    assert [c.code for c in refusals(first)] == ["total = 1"] and session.namespace["total"] == 1
    await first.approve("all")
    assert first.reason == "answered" and session.namespace["total"] == 2


async def test_value_of_a_variable_that_the_user_did_not_show_is_not_in_the_refusal(script):
    session = llmos.Session({"total": 0, "other": 1})
    model = script(python("total = 1"), {"text": "ok"})
    first = session.create("one", approve="auto", variables="other", model=model)
    await session.start("two", approve="auto", model=script(python("total = 4711"), {"text": "ok"}))
    await first.start()
    (sent_back,) = refusals(first)
    assert "4711" not in sent_back.why and "Now: total: int." in sent_back.why


async def test_value_that_not_everybody_may_see_is_not_in_the_refusal(script):
    session = llmos.Session({"total": 0})
    first = session.create("one", approve="auto", model=script(python("total = 1"), {"text": "ok"}))
    first.run.append(LabelChanged(name="total", label="secret", why="declared"))
    await session.start("two", approve="auto", model=script(python("total = 4711"), {"text": "ok"}))
    await first.start()
    (sent_back,) = refusals(first)
    assert "4711" not in sent_back.why and "`total` is not shown here: look at it" in sent_back.why


async def test_code_that_may_reach_any_name_overwrites_none_that_changed(script):
    session = llmos.Session({"total": 0})
    model = script(python("total"), python("exec('total' + ' = 1')"), {"text": "ok"})
    inner = model.respond

    async def respond(request, on_text):
        if model.position == 1:
            session.namespace["total"] = 5
            session.sharing.changed(["total"], "your cell [2]")
        return await inner(request, on_text)

    model.respond = respond
    first = await session.start("one", approve="auto", model=model)
    assert len(refusals(first)) == 1 and session.namespace["total"] == 5


async def test_cell_that_runs_between_the_check_and_the_step_is_not_overwritten(script):
    session = llmos.Session({"total": 0})
    proc = session.create(
        "go",
        approve="auto",
        model=script(python("total"), python("total = 1"), python("total += 1"), {"text": "ok"}),
    )
    written = proc.run.journal.written

    def meanwhile(then):
        def cell_runs(error):
            if proc.events[-1].k == "call.started" and proc.events[-1].d["call"] == "r2.0":
                session.namespace["total"] = 9
                session.sharing.changed(["total"], "your cell [3]")
            then(error)

        written(cell_runs)

    proc.run.journal.written = meanwhile
    await proc.start()
    call = proc.run.state.calls["r2.0"]
    assert (call.status, call.error) == ("failed", "Conflict") and "(by your cell [3])" in call.result
    assert [c.id for c in refusals(proc)] == ["r3.0"] and session.namespace["total"] == 9
    assert proc.reason == "answered" and same_as_folded(proc)


@pytest.mark.parametrize("seed", range(3))
async def test_processes_that_write_several_names_in_any_order_wait_in_no_circle(seed):
    rng = random.Random(seed)
    session, wanted = llmos.Session({"a": 0, "b": 0, "c": 0}), 0
    processes = []
    for n in range(5):
        pairs = [rng.sample("abc", 2) for _ in range(4)]
        wanted += 2 * len(pairs)
        turns = [python(f"{x} += 1\n{y} += 1  # {n}.{i}") for i, (x, y) in enumerate(pairs)]
        processes.append(session.start(str(n), approve="auto", model=Resending([*turns, {"text": "ok"}])))
    async with asyncio.timeout(60):
        for process in processes:
            await process
    assert [p.reason for p in processes] == ["answered"] * 5
    assert sum(session.namespace[n] for n in "abc") == wanted
    assert not any(contended(session.sharing, n) for n in "abc"), "every turn was given back"


async def test_wait_for_the_turn_at_a_name_is_shown_and_stop_ends_it(script):
    session = llmos.Session({"total": 0})
    other = session.create("one", approve="auto", model=script(python("total = 1"), {"text": "ok"}))
    turns_of(other.run.sight).claim(other.run, ["total"])
    proc = session.start("two", approve="auto", model=script(python("total = 2"), {"text": "ok"}))
    await until_async(lambda: proc.waits_for.startswith("waiting to write `total`"), every=0)
    await proc.stop()
    assert proc.state == "paused" and session.namespace["total"] == 0
    await other.start()
    assert not contended(session.sharing, "total")
    await proc.resume()
    assert proc.reason == "answered"


async def test_one_process_alone_is_never_asked(script):
    names = {"total": 0}
    model = script(*[python(f"total += {n}") for n in range(1, 5)], {"text": "ok"})
    proc = await llmos.run("go", model=model, namespace=names)
    assert proc.reason == "answered" and names["total"] == 10


async def test_steps_of_two_processes_never_overlap(script):
    log = []
    session = llmos.Session({"log": log, "asyncio": asyncio})

    def model(who):
        code = f"log.append(('{who}', 'in'))\nawait asyncio.sleep(0.01)\nlog.append(('{who}', 'out'))"
        return Resending([*[python(code + f"  # {n}") for n in range(2)], {"text": "ok"}])

    processes = [session.start(who, model=model(who), approve="auto") for who in "ab"]
    for process in processes:
        await process
    assert len(log) == 8 and all(log[i][0] == log[i + 1][0] for i in range(0, 8, 2))


def test_user_cell_runs_while_a_process_works_in_the_background(tmp_path):
    with Notebook(tmp_path) as book:
        book.run("total = 0")
        spec = book.script(
            python("total = 1"),
            {"calls": [{"name": "python", "arguments": {"code": "total = 2"}}], "wait_s": 1},
            {"text": "ok"},
        )
        assert book.run(f"%%agent back --bg -a auto -m {spec}\nGo.").status == "ok"
        ran = book.run("while total != 1:\n    import asyncio\n    await asyncio.sleep(0.01)\ntotal = 'mine'")
        assert ran.status == "ok"
        listed = lambda: book.run("import asyncio\nawait asyncio.sleep(0.05)\n%agent ps").text  # noqa: E731
        until(lambda: "answered" in listed(), listed)
        assert book.value("total") == "'mine'"
        assert "by your cell [" in book.run("%agent log back --json").text


@pytest.mark.parametrize(
    ("code", "conflict"),
    [
        ("import json\nmade = 1", False),
        ("from json import dumps\nmade = 1", False),
        ("import json as dumps\nmade = 1", True),
        ("import json\njson = 1\nmade = 1", True),
        ("from textwrap import dedent as dumps\nmade = 1", True),
    ],
)
async def test_importing_again_what_a_name_stands_for_is_no_conflict(script, code, conflict):
    session = llmos.Session({})

    def users_cell():
        exec("import json\nfrom json import dumps", session.namespace)
        session.sharing.changed(["json", "dumps"], "your cell [2]")

    model = script(python(code), {"text": "ok"})
    proc = session.start("go", approve="step", model=model)
    await proc
    users_cell()
    await proc.approve("all")
    assert ("made" in session.namespace, [c.by for c in refusals(proc)]) == (
        (False, [Decider("check", "conflict")]) if conflict else (True, [])
    )
