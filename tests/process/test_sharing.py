"""Several processes and the user's cells over one namespace: nothing is overwritten unseen."""

import asyncio

import pytest
from notebook_driver import Notebook
from turns import python, same_as_folded

import llmos_nb as llmos


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
    proc = await llmos.run(
        "go", model=script(python("n = len(df)"), {"text": "ok"}), namespace=names, approve="step"
    )
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
    assert "`total` (by your cell [2])" in (await waits(proc))["text"] and session.namespace["total"] == "mine"


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
    gate.set()
    await second
    await first
    return session, first, second


@pytest.mark.parametrize("mode", ["risky", "auto"])
async def test_two_processes_that_write_the_same_name_are_a_conflict(script, mode):
    session, first, second = await two_writers(script, mode)
    both = [p for p in (first, second) if p.state == "waiting"]
    assert both, "one of them must ask before it overwrites the other's value"
    asked = await waits(both[0])
    assert "`total` (by process" in asked["text"] and "this would write it" in asked["text"]
    kept = session.namespace["total"]
    await both[0].reject("all", "keep it")
    assert session.namespace["total"] == kept


async def test_conflicting_write_is_refused_where_nobody_can_be_asked(script):
    session, first, second = await two_writers(script, "never")
    for process in (first, second):
        if process.state == "waiting":
            await process.approve("all")
    refused = [c for c in first.run.state.calls.values() if c.status == "rejected"]
    assert first.reason == "answered" and [c.code for c in refused] in (["total = 3"], [])
    if refused:
        assert "look at it again" in refused[0].why and session.namespace["total"] == 2


async def test_process_may_write_after_reading_the_new_value(script):
    session = llmos.Session({"total": 0})
    first = session.create(
        "one",
        approve="auto",
        model=script(python("total = 1"), python("print(total)"), python("total += 1"), {"text": "ok"}),
    )
    await session.start("two", approve="auto", model=script(python("total = 5"), {"text": "ok"}))
    first.start()
    asked = await waits(first)
    assert "process 2" in asked["text"]
    await first.reject("all", "look at it first")
    assert first.reason == "answered" and session.namespace["total"] == 6


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
        return script(*[python(code + f"  # {n}") for n in range(2)], {"text": "ok"})

    processes = [session.start(who, model=model(who), approve="auto") for who in "ab"]
    for process in processes:
        await process
        while process.state == "waiting":
            await process.approve("all")
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
        said = ""
        while "waiting" not in said and "answered" not in said:
            said = book.run("import asyncio\nawait asyncio.sleep(0.05)\n%agent ps").text
        assert "waiting" in said and book.value("total") == "'mine'"
        assert "by your cell [" in book.run("%agent log back --json").text
        assert book.run("%agent reject back all 'keep mine'").status == "ok"
        while "answered" not in book.run("import asyncio\nawait asyncio.sleep(0.05)\n%agent ps").text:
            pass
        assert book.value("total") == "'mine'"
