"""A notebook's door, by the official client of MCP: what an agent outside may do there, is told, and cannot."""

import asyncio
import http.client
import json
import socket
import stat
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import nbformat
import pytest
from outside_agent import over_http
from turns import same_as_folded
from waits import until_async

from llmos_nb.errors import UsageError
from llmos_nb.journal import home_of
from llmos_nb.journal.events import MODEL, CallUndone, ModelResponded
from llmos_nb.process.state.fold import fold
from llmos_nb.session import Session
from llmos_nb.session.door import Place, desk, files, find, http as mcp_server, part

WRITES = "import pathlib; pathlib.Path('out.txt').write_text('x')"
POSTS = "import socket; socket.create_connection(('192.0.2.1', 80))"


@asynccontextmanager
async def opened(namespace=None, **options):
    """A session with an open door; it is closed at the end."""
    session = Session({} if namespace is None else namespace)
    door = session.parts["door"]
    session.place = await door.open(**options)
    try:
        yield session
    finally:
        await door.close()


def last(session):
    """The process that began last."""
    return list(session.processes.values())[-1]


async def asked(session):
    """The process that waits for a person, once it does."""
    await until_async(lambda: session.processes and last(session).state == "waiting")
    return last(session)


async def test_an_agent_plans_works_and_answers_and_the_record_says_who_it_is():
    async with opened({"x": [1, 2, 3]}) as session, over_http(session.place, "claude-code") as agent:
        assert "live Jupyter notebook" in agent.begun.instructions
        steps = [{"title": "Add x up", "expect": "total > 0"}, {"title": "Answer"}]
        plan = asyncio.create_task(agent.call("plan", steps=steps))
        process = await asked(session)
        process.approve("plan")
        assert (await plan)[1].startswith("The plan is approved.")
        assert await agent.call("python", code="total = sum(x)", step="1") == (
            True,
            "no output; created total\nNext is step 2: Answer",
        )
        assert await agent.call("final_answer", answer="The sum is {{total}}.") == (True, "The sum is 6.")
    assert (process.state, process.reason, process.answer) == ("ended", "answered", "The sum is 6.")
    assert process.plan.step(1).status == "done" and process.run.state.model == "claude-code, by MCP"
    assert process.run.state.name == "claude-code" and same_as_folded(process)


async def test_next_call_after_an_answer_begins_another_process():
    async with opened() as session, over_http(session.place) as agent:
        await agent.call("final_answer", answer="First.")
        assert await agent.python("y = 2") == (True, "no output; created y")
        assert [p.state for p in session.processes.values()] == ["ended", "running"]


async def test_call_that_acts_outside_is_released_by_a_persons_approval():
    async with opened() as session, over_http(session.place) as agent:
        call = asyncio.create_task(agent.python(WRITES))
        process = await asked(session)
        process.approve("r1.0")
        assert await call == (True, "1")


async def test_rejected_call_gives_the_agent_the_reason():
    async with opened() as session, over_http(session.place) as agent:
        call = asyncio.create_task(agent.python(WRITES))
        (await asked(session)).reject("r1.0", "not that file")
        assert await call == (False, "Not run: rejected by the user: not that file")


async def test_agent_is_told_what_ran_where_a_person_edited_its_call():
    async with opened() as session, over_http(session.place) as agent:
        call = asyncio.create_task(agent.python(WRITES))
        (await asked(session)).edit("r1.0", code="print('instead')")
        ok, said = await call
        assert ok and "The user edited this call" in said and "instead" in said


async def test_card_says_that_nobody_knows_what_an_agent_has_read_and_its_variables_are_the_users():
    async with opened() as session, over_http(session.place, "reader") as agent:
        call = asyncio.create_task(agent.python(POSTS))
        process = await asked(session)
        (question,) = process.run.state.questions.values()
        process.reject("r1.0", "no")
        await call
        assert "what reader, by MCP, has read by itself is not known here" in json.dumps(question)
        assert await agent.python("z = 1") == (True, "no output; created z")
        assert "z" not in process.run.state.labels


async def test_mode_auto_lets_nothing_out_unasked_since_nobody_knows_what_the_agent_has_read():
    async with opened(approve="auto") as session, over_http(session.place) as agent:
        ok, said = await agent.python(POSTS)
        assert not ok and "what its agent has read by itself is not known here" in said


async def test_undo_is_a_call_of_the_agents_own_and_stands_on_the_record_as_its():
    names = {"mine": 1}
    async with opened(names) as session, over_http(session.place) as agent:
        await agent.python("mine = 2")
        await agent.python("more = 3")
        assert await agent.call("undo") == (True, "taken back: r2.0")
        assert names == {**names, "mine": 2} and "more" not in names
        assert await agent.call("undo", call="r1.0") == (True, "taken back: r1.0")
        assert names["mine"] == 1
        ok, said = await agent.call("undo")
        assert not ok and "no step that changed the namespace is left to undo" in said
        undone = [e.body for e in last(session).events if isinstance(e.body, CallUndone)]
        assert [(b.call, b.by) for b in undone] == [("r2.0", MODEL), ("r1.0", MODEL)]
        await agent.python("kept = 4")
        shown = "".join(c.source for c in nbformat.read(last(session).export("x.ipynb", run=False), 4).cells)
        assert "kept = 4" in shown and "undo(" not in shown


async def test_figure_comes_as_an_image_and_says_so_in_words():
    async with opened() as session, over_http(session.place) as agent:
        done = await agent.raw("python", code="import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()")
        (image,) = [b for b in done.content if b.type == "image"]
        assert image.mime_type == "image/png" and len(image.data) > 1000
        assert not [b for b in (await agent.raw("names")).content if b.type == "image"]  # once


async def test_decision_that_takes_long_is_fetched_by_wait(monkeypatch):
    monkeypatch.setattr(desk, "PATIENCE_S", 0.1)
    monkeypatch.setattr(desk, "BEAT_S", 0.02)
    async with opened() as session, over_http(session.place) as agent:
        ok, said = await agent.python(WRITES)
        assert (
            ok and "r1.0 (python) waits for the person's decision in the notebook" in said and "wait(ticket=1)" in said
        )
        assert "r1.0 (python) waits for the person's decision in the notebook" in agent.beats
        ok, said = await agent.call("calculator", expression="1 + 1")
        assert ok and "waits behind r1.0" in said and "wait(ticket=2)" in said
        (await asked(session)).approve("r1.0")
        monkeypatch.setattr(desk, "PATIENCE_S", 45.0)  # a step may take longer than the former on a busy machine
        assert await agent.call("wait", ticket=1) == (True, "1")
        assert await agent.call("wait") == (True, "2")
        assert await agent.call("wait") == (False, "no call of yours waits")


async def test_call_that_its_agent_gives_up_is_asked_no_more():
    async with opened() as session, over_http(session.place) as agent:
        call = asyncio.create_task(agent.python(WRITES))
        process = await asked(session)
        call.cancel()
        await until_async(lambda: not process.run.state.questions)
        assert process.run.state.calls["r1.0"].why == "it was withdrawn"
        ok, said = await agent.call("names")
        assert ok and "r1.0 (python), for which nobody waited, gave: Not run: rejected by tester, by MCP" in said


async def test_stop_pauses_and_what_was_done_is_told_after_the_resume():
    async with opened() as session, over_http(session.place) as agent:
        await agent.python("y = 1")
        process = last(session)
        call = asyncio.create_task(agent.python("import asyncio\nwhile True: await asyncio.sleep(0.01)"))
        await until_async(lambda: any(c.status == "running" for c in process.run.state.open_calls))
        process.stop()
        ok, said = await call
        assert not ok and "the process is paused (stopped by you)" in said
        ok, said = await agent.python("y = 2")
        assert not ok and f"%agent resume {process.pid}" in said and session.namespace["y"] == 1
        going = asyncio.create_task(process.resume())
        await until_async(lambda: process.state == "running")
        assert (await agent.python("y = 3"))[0] and session.namespace["y"] == 3
        process.kill()
        await going


async def test_words_of_a_person_come_with_the_next_result():
    async with opened() as session, over_http(session.place) as agent:
        await agent.python("y = 1")
        last(session).send("use the median")
        assert await agent.python("y = 2") == (True, "no output; rebound y\nThe user says: use the median")
        assert await agent.python("y = 3") == (True, "no output; rebound y")


async def test_result_of_the_last_call_that_a_budget_allows_is_told():
    async with opened(budget="1 steps") as session, over_http(session.place) as agent:
        assert await agent.python("y = 1") == (True, "no output; created y")
        assert (await agent.call("wait")) == (False, "no call of yours waits")
        await until_async(lambda: last(session).reason == "budget")


async def test_time_in_which_the_agent_thinks_is_not_counted():
    async with opened() as session, over_http(session.place) as agent:
        await agent.python("y = 1")
        events = list(last(session).events)
    at = next(e.n for e in events if isinstance(e.body, ModelResponded))
    late = [
        e if e.n < at else replace(e, at=(datetime.fromisoformat(e.at) + timedelta(hours=9)).isoformat())
        for e in events
    ]
    assert fold(late).spent["s"] < 3600


async def test_thirty_third_open_call_is_refused():
    async with opened() as session, over_http(session.place) as agent:
        first = asyncio.create_task(agent.python(WRITES))
        process = await asked(session)
        more = [asyncio.create_task(agent.call("calculator", expression=f"{n}")) for n in range(32)]
        (refused,) = (await asyncio.wait(more, return_when=asyncio.FIRST_COMPLETED))[0]
        assert refused.result() == (False, "Not run: 32 calls of yours are open; wait for their results")
        process.approve("r1.0")
        assert {(await c)[0] for c in more if c is not refused} == {True} and (await first)[0]


async def test_each_agent_has_a_process_of_its_own_and_pauses_when_it_leaves():
    async with opened() as session, over_http(session.place, "one") as one:
        await one.python("x = 1")
        async with over_http(session.place, "two") as two:
            await two.python("y = 2")
            assert (await two.call("undo", call="r1.0"))[0]
            assert "y" not in session.namespace and session.namespace["x"] == 1
        first, second = session.processes.values()
        await until_async(lambda: second.state == "paused")
        assert second.detail == "stopped by two, by MCP, which has left" and first.state == "running"


async def test_agent_that_is_silent_with_its_line_cut_is_taken_for_gone(monkeypatch):
    monkeypatch.setattr(mcp_server, "GONE_S", 0.05)
    async with opened() as session:
        async with over_http(session.place, polite=False) as agent:
            await agent.python("x = 1")
        await until_async(lambda: last(session).state == "paused")
        assert last(session).detail == "stopped by tester, by MCP, which has gone away"


async def test_nothing_outside_can_approve_and_no_step_opens_a_door():
    async with opened() as session, over_http(session.place) as agent:
        assert not {"approve", "reject", "resume", "allow"} & {t.name for t in (await agent.session.list_tools()).tools}
        assert await agent.call("approve", what="all") == (False, "no tool is named 'approve'")
        session.namespace["session"] = session
        ok, said = await agent.python("await session.parts['door'].open()")
        assert not ok and "cannot steer or approve" in said


async def test_resources_say_how_the_process_stands_and_nothing_that_its_results_do_not():
    async with opened({"secret_sum": 4711}) as session, over_http(session.place) as agent:

        async def read(name):
            return json.loads((await agent.session.read_resource(f"llmos://{name}")).contents[0].text)

        assert await read("process") == {"state": "it begins with your first call"}
        await agent.python("z = secret_sum")
        assert (await read("process"))["state"] == "running" and (await read("plan"))["steps"] == []
        (call,) = await read("evidence")
        assert (call["call"], call["by"], call["changed"]) == ("r1.0", "the mode risky", ["z"])
        assert "4711" not in json.dumps([await read("process"), call]) and "error" in await read("secrets")


async def test_agent_that_goes_round_and_round_does_not_fill_the_disk(monkeypatch):
    monkeypatch.setattr(part, "MOST", 2)
    monkeypatch.setattr(mcp_server, "MOST_TAKEN", 1000)
    async with opened() as session, over_http(session.place) as agent:
        assert [(await agent.call("final_answer", answer="So."))[0] for _ in range(3)] == [True, True, False]
        assert len(session.processes) == 2
        ok, said = await agent.python(f"x = '{'x' * 1000}'")
        assert not ok and "bytes were sent through this door" in said


def refusal(place, body=b"{}", **changed):
    """The status that a request gets, and what is said."""
    given = {
        "Host": f"127.0.0.1:{place.port}",
        "Authorization": f"Bearer {place.token}",
        "Content-Type": "application/json",
    }
    line = http.client.HTTPConnection("127.0.0.1", place.port, timeout=30)
    line.request("POST", "/mcp", body, {k: v for k, v in {**given, **changed}.items() if v})
    answer = line.getresponse()
    said = answer.read().decode()
    line.close()
    return answer.status, said


async def test_who_does_not_know_the_token_or_is_a_page_does_not_come_in():
    async with opened() as session:
        place = session.place
        for wrong in ("", "Bearer", "Bearer no", f"Basic {place.token}", f"Bearer {place.token[:-1]}"):
            assert refusal(place, Authorization=wrong)[0] == 401
        for host in ("evil.example", f"evil.example:{place.port}", "127.0.0.1", f"127.0.0.1:{place.port + 1}"):
            assert refusal(place, Host=host)[0] == 403
        for origin in ("http://evil.example", f"http://127.0.0.1:{place.port}", "null"):
            assert refusal(place, Origin=origin)[0] == 403
        assert refusal(place, body=b"x" * 1_000_001)[0] == 413
        assert refusal(place)[0] == 406  # all else is right: it does not say what answers it takes
        assert not session.processes


async def test_door_stands_in_a_file_of_this_user_alone_and_is_gone_once_it_is_closed():
    async with opened() as session, over_http(session.place) as agent:
        file = files.file_of(session.home, session.place.pid)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert find(session.home) == session.place
        await agent.python("x = 1")
        await session.parts["door"].close()
        assert not file.exists() and last(session).state == "paused"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", session.place.port))


def test_doors_are_found_and_the_file_of_one_whose_interpreter_is_gone_goes(tmp_path, monkeypatch):
    home = home_of()
    with pytest.raises(UsageError, match="no notebook has a door open"):
        find(home)
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        here, there = (Place(n, s.getsockname()[1], "t", str(tmp_path / f"{n}")) for n, s in ((1, one), (2, two)))
        gone = replace(here, pid=3)
        with socket.create_server(("127.0.0.1", 0)) as closed:
            gone = replace(gone, port=closed.getsockname()[1])
        stale = [files.write(home, p) for p in (here, there, gone)][-1]
        with pytest.raises(UsageError, match=r"say which: --kernel 1 \(in .*1\), --kernel 2 "):
            find(home)
        assert not stale.exists() and find(home, 2) == there
        with pytest.raises(UsageError, match=r"no notebook has number 7 with a door open .*there are: --kernel 1"):
            find(home, 7)
        (tmp_path / "1").mkdir()
        monkeypatch.chdir(tmp_path / "1")
        assert find(home) == here  # of several, the one in this folder
