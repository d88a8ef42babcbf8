"""Several processes at once: model slots, the namespace, signals to those that wait, and what the table shows."""

import asyncio
import itertools
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from endpoint import Endpoint
from notebook_driver import Notebook
from turns import Resending, python, same_as_folded
from waits import until, until_async

import llmos_nb as llmos
from llmos_nb.errors import ModelUnavailable, UsageError
from llmos_nb.messages import Response
from llmos_nb.models import Traits
from llmos_nb.models.openai.client import OpenAIModel
from llmos_nb.process.scheduling.queue import POLICIES

BENCH = Path(__file__).parents[1] / "benchmarks" / "bench_scheduling.py"
names = itertools.count()


class Gated:
    """A model whose answers are let go one by one, and that counts how many it makes at once."""

    def __init__(self, **how):
        self.traits, self.endpoint = Traits(f"gated-{next(names)}"), f"gated-{next(names)}"
        self.slots = how.get("slots", 1)
        self.asked, self.now, self.most = [], 0, 0
        self.open = asyncio.Event()
        self.begun = asyncio.Event()
        self.error = None

    async def respond(self, request, on_text):
        self.asked.append(next(m.text for m in reversed(request.messages) if m.role == "user"))
        self.now, self.most = self.now + 1, max(self.most, self.now + 1)
        self.begun.set()
        try:
            await self.open.wait()
            if self.error is not None:
                error, self.error = self.error, None
                raise error
            return Response("Done.")
        finally:
            self.now -= 1


def started(session, model, *goals, **options):
    return [session.start(g, model=model, approve="auto", plan="none", **options) for g in goals]


def goals(model):
    """The goals in the order in which the model was asked."""
    return [text.split()[-1] for text in model.asked]


async def test_an_endpoint_gets_as_many_requests_at_once_as_it_has_slots():
    session, model = llmos.Session(), Gated(slots=3)
    processes = started(session, model, *"abcdefgh")
    await until_async(lambda: sum(bool(p.waits_for) for p in processes) == 5 and model.now >= 3, every=0)
    assert model.now == 3 and all(p.state == "running" for p in processes)
    assert processes[7].waits_for == f"waiting for a model slot ({model.traits.name}, 4 before it)"
    model.open.set()
    for p in processes:
        await p
    assert model.most == 3 and {p.reason for p in processes} == {"answered"}
    assert goals(model) == list("abcdefgh") and all(same_as_folded(p) for p in processes)
    waited = [e.d.get("waited_s") for p in processes for e in p.events if e.k == "model.requested"]
    assert all(w is not None for w in waited[3:])


async def test_settings_bound_the_slots(monkeypatch, script):
    monkeypatch.setenv("LLMOS_SLOTS", "2")
    monkeypatch.setenv("LLMOS_SCHEDULER", "las")
    session = llmos.Session()
    processes = [session.start(f"goal {i}", model=script({"text": "Done.", "wait_s": 0.05})) for i in range(5)]
    await until_async(lambda: any(p.waits_for for p in processes), every=0)
    assert sum(p.uses != "" for p in processes) <= 2
    for p in processes:
        await p
    assert {p.reason for p in processes} == {"answered"}


@pytest.mark.parametrize(
    "toml",
    ['[scheduler]\npolicy = "rr"\nslots = 1\n', '[model]\nslots = 1\n[scheduler]\npolicy = "rr"\n'],
)
async def test_llmos_toml_bounds_the_slots(tmp_path, toml):
    (tmp_path / "llmos.toml").write_text(toml)
    session, model = llmos.Session(), Gated(slots=5)
    processes = started(session, model, "a", "b")
    await until_async(lambda: processes[1].waits_for, every=0)
    assert session.writes.queue.policy == "rr"
    model.open.set()
    await processes[1]


@pytest.mark.parametrize("wrong", ["[scheduler]\nslot = 1", '[scheduler]\npolicy = "fair"', "[model]\nslots = -1"])
def test_a_setting_that_is_wrong_is_named(tmp_path, wrong):
    (tmp_path / "llmos.toml").write_text(wrong)
    with pytest.raises(UsageError, match=r"slot|scheduler"):
        llmos.Session().create("go", model=Gated())


@pytest.mark.parametrize("policy", sorted(POLICIES))
async def test_every_process_ends_under_every_policy(policy):
    session, model = llmos.Session(), Gated(slots=2)
    processes = started(session, model, *"abcdef", scheduler=policy)
    await until_async(lambda: model.now == 2, every=0)
    model.open.set()
    for p in processes:
        await p
    assert sorted(goals(model)) == list("abcdef") and model.most == 2


async def test_the_least_nice_comes_first():
    session, model = llmos.Session(), Gated()
    a, b, c = started(session, model, "a", "b", "c")
    await until_async(lambda: c.waits_for, every=0)
    c.nice(-10)
    assert "0 before it" in c.waits_for and "1 before it" in b.waits_for
    model.open.set()
    for p in (a, b, c):
        await p
    assert goals(model) == ["a", "c", "b"]
    again = llmos.load(c.journal.path, model=model)
    assert again.run.state.nice == -10 and same_as_folded(c), "it survives a restart"
    for wrong in (20, -21, 1.5, True):
        with pytest.raises(UsageError, match="whole number from -20 to 19"):
            c.nice(wrong)


@pytest.mark.parametrize("signal", ["stop", "kill", "pause"])
async def test_process_waiting_for_a_slot_obeys_and_leaves_the_queue(signal):
    session, model = llmos.Session(), Gated()
    a, b, c = started(session, model, "a", "b", "c")
    await until_async(lambda: c.waits_for, every=0)
    getattr(b, signal)()
    await b
    assert b.state == ("ended" if signal == "kill" else "paused") and not b.run.waits
    assert "0 before it" in c.waits_for and model.asked == model.asked[:1]
    model.open.set()
    await a
    await c
    if signal != "kill":
        await b.resume()
        assert b.reason == "answered"
    assert same_as_folded(b)


async def test_message_to_a_waiting_process_is_in_its_next_prompt():
    session, model = llmos.Session(), Gated()
    a, b = started(session, model, "a", "b")
    await until_async(lambda: b.waits_for, every=0)
    b.send("hurry")
    model.open.set()
    await a
    await b
    assert goals(model) == ["a", "hurry"]


@pytest.mark.parametrize("end", ["crash", "kill", "stop"])
async def test_a_process_that_breaks_gives_its_slot_back(end):
    session, model = llmos.Session(), Gated()
    a, b = started(session, model, "a", "b")
    await until_async(lambda: b.waits_for and model.now, every=0)
    if end == "crash":
        a.dispatch.ask(a.dispatch.task.cancel)
        await a.dispatch.there(a.dispatch.settled)
    else:
        getattr(a, end)()
    model.open.set()
    await b
    assert b.reason == "answered" and model.now == 0 and a.state != "running"


async def test_a_model_that_raises_leaves_the_others():
    session, model = llmos.Session(), Gated()
    model.error = RuntimeError("the model is broken")
    processes = started(session, model, "a", "b", "c")
    model.open.set()
    for p in processes:
        await p
    assert [p.reason for p in processes] == ["answered"] * 3
    assert next(e.d["error"] for e in processes[0].events if e.k == "model.failed").endswith("the model is broken")


async def test_pause_works_while_a_retry_is_awaited():
    """The wait after a failed attempt holds no slot, and is ended by a signal at once."""
    session, model = llmos.Session(), Gated()
    model.error = ModelUnavailable("later", 60.0)
    (a,) = started(session, model, "a")
    model.open.set()
    await until_async(lambda: a.waits_for.startswith("until "), every=0)
    a.pause()
    await a
    assert a.state == "paused" and not a.run.waits and len(model.asked) == 1
    (b,) = started(session, model, "b")
    await b
    assert b.reason == "answered"


async def test_a_429_holds_the_others_of_that_endpoint_back():
    limited = {"status": 429, "headers": {"retry-after": "0.2"}, "body": '{"error": {"message": "slow down"}}'}
    async with Endpoint([limited, *[{"text": "Done."}] * 3]) as server:
        session = llmos.Session()
        models = [OpenAIModel("model-a", server.url) for _ in range(3)]
        first = session.start("a", model=models[0])
        await until_async(lambda: any(e.k == "model.failed" for e in first.events), every=0)
        others = [session.start(g, model=m) for g, m in zip("bc", models[1:], strict=True)]
        await until_async(lambda: all(p.waits_for for p in others), every=0)
        assert len(server.requests) == 1, "nobody asks while the endpoint wants to be left alone"
        for p in (first, *others):
            await p
        assert [p.reason for p in (first, *others)] == ["answered"] * 3
        for m in models:
            await m.aclose()


async def test_requests_per_minute_are_bounded(monkeypatch):
    session, model = llmos.Session(), Gated(slots=8)
    processes = started(session, model, "a", "b", "c", requests_per_minute=2)
    model.open.set()
    await processes[0]
    await processes[1]
    assert processes[2].waits_for and len(model.asked) == 2
    processes[2].kill()
    await processes[2]


async def test_time_that_is_over_before_a_slot_is_free_ends_with_its_reason():
    session, model = llmos.Session(), Gated()
    (a,) = started(session, model, "a")
    (b,) = started(session, model, "b", budget="2 s")  # until then it has asked for the slot, also on a busy machine
    await b
    assert b.reason == "budget" and "slot" in b.detail
    a.kill()
    await a


def test_threads_with_loops_of_their_own_share_an_endpoint(tmp_path):
    """A slot that one thread gives back reaches the process that waits in another."""
    lock, counts = threading.Lock(), {"now": 0, "most": 0}

    class Slow:
        traits, endpoint, slots = Traits("slow"), "slow-in-threads", 2

        async def respond(self, request, on_text):
            with lock:
                counts["now"] += 1
                counts["most"] = max(counts["most"], counts["now"])
            await asyncio.sleep(0.01)
            with lock:
                counts["now"] -= 1
            return Response("Done.")

    reasons = []

    def work(n):
        proc = asyncio.run(llmos.run("go", model=Slow(), home=tmp_path / str(n)))
        reasons.append(proc.reason)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert reasons == ["answered"] * 8 and counts["most"] == 2


# the namespace is a resource, too


async def writers(script, count, **options):
    """Processes that want to write while the first one does; the second to come waits longest."""
    order, gate = [], asyncio.Event()
    session = llmos.Session({"log": [], "gate": gate})
    session.on_start.append(
        lambda p: p.run.listeners.append(lambda e, s: order.append(s.goal) if e.k == "call.started" else None)
    )
    first = session.start("0", approve="auto", model=script(python("await gate.wait()"), {"text": "ok"}), **options)
    await until_async(lambda: session.writes.held, every=0)
    rest = []
    for i in range(1, count):
        p = session.start(
            str(i),
            approve="auto",
            model=Resending([python(f"log.append({i})" if count == 3 else f"{i}"), {"text": "ok"}]),
            **options,
        )
        await until_async(lambda p=p: p.waits_for, every=0)
        rest.append(p)
    return session, gate, first, rest, order


@pytest.mark.parametrize("policy", sorted(POLICIES))
async def test_writers_of_the_namespace_come_in_the_order_of_the_policy(script, policy):
    session, gate, first, rest, order = await writers(script, 5, scheduler=policy)
    assert rest[2].waits_for == "waiting for the namespace (one call at a time, 2 before it)"
    rest[-1].nice(-5)
    gate.set()
    await until_async(lambda: len(order) == 5 and not session.writes.held, every=0)
    assert order == ["0", *("4123" if policy in ("las", "priority") else "1234")]
    for p in (first, *rest):
        await p


@pytest.mark.parametrize("signal", ["stop", "kill", "pause"])
async def test_process_waiting_for_the_namespace_obeys_at_once(script, signal):
    session, gate, first, (second, third), _ = await writers(script, 3)
    getattr(second, signal)()
    await second
    assert second.state == ("ended" if signal == "kill" else "paused")
    gate.set()
    await first
    await third
    assert session.namespace["log"] == [2]
    if signal != "kill":
        await second.resume()
        assert second.reason == "answered" and session.namespace["log"] == [2, 1]
    assert same_as_folded(second)


# the table


def test_ps_top_tree_and_nice_in_a_notebook(tmp_path):
    with Notebook(tmp_path) as book:
        spec = book.script({"calls": [{"name": "python", "arguments": {"code": "await gate.wait()"}}]}, {"text": "ok"})
        book.run("import asyncio\ngate = asyncio.Event()")
        assert "no processes" in book.run("%agent ps").text
        assert book.run("%agent tree").text.strip() == book.run("%agent top").text.strip() == "no processes yet"
        for name in ("first", "second"):
            assert book.run(f"%%agent {name} --bg -a auto -m {spec}\nWait for it.").status == "ok"
        listed = lambda: book.run("await asyncio.sleep(0.02)\n%agent ps").text  # noqa: E731
        said = until(lambda: "waiting for the namespace" in (text := listed()) and text, listed)
        for head in ("pid", "name", "state", "waits for", "nice", "steps", "tokens", "cost", "age", "goal"):
            assert head in said
        assert "0 before it" in said.replace("\n", " ") or "before it" in said
        assert book.run("%agent nice second -5").status == "ok" and "-5" in book.run("%agent ps").text
        assert "whole number" in book.run("%agent nice second much").error
        top = book.run("%agent top -n 1").text
        assert top.index("first") < top.index("second") and "python" in top
        assert "1 first [running] Wait for it." in book.run("%agent tree").text
        book.run("gate.set()")
        assert "answered" in book.run("%agent top").text, "it refreshes until nothing runs"


# the benchmark


def test_benchmark_runs_and_broken_tools_or_models_hang_no_process(tmp_path):
    out = tmp_path / "scheduling.json"
    ran = subprocess.run([sys.executable, BENCH, "--quick", "--out", out], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = json.loads(out.read_text())
    assert found["failures"]["hung"] == [] and found["failures"]["cases"] > 50
    assert found["seed"] and "makespan" in ran.stdout and found["makespan"]["rows"][0]["of ideal"] > 0
