"""The panel's Python side: differences, pace, revisions and what it makes of messages from a page."""

import asyncio
import copy
import json
import re
import time

import pytest
from anywidget import AnyWidget
from hypothesis import given, strategies as st
from turns import python
from waits import until_async

import llmos_nb as llmos
from llmos_nb.app.present.panel import PanelShown
from llmos_nb.app.present.widget import (
    ASSETS,
    LIVE,
    STYLES,
    Feed,
    Pacer,
    Panel,
    apply,
    difference,
    front_end,
)
from llmos_nb.errors import UsageError

row = st.fixed_dictionaries({"n": st.integers(1, 9), "s": st.sampled_from(["pending", "done"])})
rows = st.lists(row, max_size=6, unique_by=lambda step: step["n"])
event = st.fixed_dictionaries({"k": st.sampled_from(["a", "b"])})
views = st.fixed_dictionaries(
    {"id": st.sampled_from("xyz")},
    optional={
        "steps": rows,
        "events": st.lists(event, max_size=8),
        "stream": st.text("ab", max_size=4),
        "card": st.none() | st.dictionaries(st.sampled_from("ab"), st.integers()),
    },
)


def view(**more):
    return {"id": "running", "steps": [], "now": [], **more}


@pytest.fixture
def panel():
    made = Panel(lambda verb: None, view())
    made.sent = []
    made.send = made.sent.append
    yield made
    made.close()


@given(views, views)
def test_applying_differences_leads_to_the_new_view(old, new):
    got, target = copy.deepcopy(old), copy.deepcopy(new)
    for _ in range(10):
        patch = json.loads(json.dumps(difference(got, new, most=2)))
        if not patch:
            break
        apply(got, patch)
    assert got == target
    assert new == target


@given(views)
def test_a_view_does_not_differ_from_itself(same):
    assert difference(same, copy.deepcopy(same)) == {}


def test_patch_holds_only_what_changed():
    steps = [{"n": n, "s": "pending", "t": "a title of some length"} for n in range(1, 201)]
    old = view(steps=steps, goal="g" * 1000)
    new = view(steps=[{**steps[0], "s": "done"}, *steps[1:]], goal="g" * 1000)
    assert difference(old, new) == {"steps": {"put": [new["steps"][0]]}}


def test_grown_text_is_sent_as_its_tail():
    assert difference({"stream": "abc"}, {"stream": "abcd"}) == {"append": {"stream": "d"}}


def test_the_pacer_keeps_the_rate():
    now = [0.0]
    pacer = Pacer(lambda: now[0], gap=0.1, rate=1000)
    assert pacer.delay() == 0
    pacer.sent(10)
    assert pacer.delay() == pytest.approx(0.1)
    now[0] = 1
    pacer.sent(2000)
    assert pacer.delay() == pytest.approx(2)


async def test_traffic_stays_low_at_two_hundred_fast_steps(panel):
    times = []
    panel.send = lambda message: times.append((time.monotonic(), len(json.dumps(message))))
    steps = [{"n": n, "s": "pending", "t": "x" * 100} for n in range(1, 201)]
    begin = time.monotonic()
    for i in range(200):
        steps = [*steps[:i], {**steps[i], "s": "done"}, *steps[i + 1 :]]
        panel.show(view(steps=steps, events=[{"n": n, "k": "model.responded", "t": "y" * 40} for n in range(8 * i)]))
        panel.stream("token ")
        await asyncio.sleep(0.006)
    assert len(times) <= 10 * (time.monotonic() - begin) + 1
    assert sum(size for _, size in times) <= 100_000 * (time.monotonic() - begin + 0.5)
    await until_async(lambda: panel.view["events"] == panel._wanted["events"])
    assert panel.view["steps"] == steps


async def test_last_view_arrives_without_a_further_event(panel):
    panel.show(view(id="a"))
    panel.show(view(id="b"))
    assert [m["patch"] for m in panel.sent] == [{"set": {"id": "a"}}]
    await until_async(lambda: panel.view["id"] == "b")
    assert panel.sent[-1] == {"kind": "update", "rev": 2, "patch": {"set": {"id": "b"}}}


async def test_flush_sends_pending_views_at_once(panel):
    panel.show(view(id="a"))
    panel.show(view(id="b"))
    panel.flush()
    assert panel.view["id"] == "b"


def test_without_a_loop_every_view_is_sent(panel):
    for name in "abc":
        panel.show(view(id=name))
    assert [m["rev"] for m in panel.sent] == [1, 2, 3]


def test_a_page_that_is_loaded_again_gets_all_of_it(panel):
    panel.show(view(id="a", card={"title": "?"}))
    state = panel.get_state(["view"])["view"]
    assert (state["id"], state["card"], state["rev"]) == ("a", {"title": "?"}, 1)


def test_a_page_that_missed_a_patch_gets_the_whole_view(panel):
    panel.show(view(id="a"))
    panel._receive(panel, {"verb": "sync", "rev": 0}, [])
    panel._receive(panel, {"verb": "sync", "rev": 1}, [])
    assert [m for m in panel.sent if m["kind"] == "full"] == [{"kind": "full", "view": panel.view}]


def test_verbs_are_acknowledged_and_passed_on():
    heard = []
    panel = Panel(heard.append, view())
    panel.sent = []
    panel.send = panel.sent.append
    panel._receive(panel, {"verb": "approve", "call": "r2.0", "digest": "d", "seq": "t1"}, [])
    assert heard == [{"verb": "approve", "call": "r2.0", "digest": "d"}]
    assert panel.sent == [{"kind": "heard", "seq": "t1"}]


def test_failed_verb_is_reported_in_the_panel():
    def refuse(verb):
        raise UsageError("no step 9; the plan has 4")

    panel = Panel(refuse, view())
    panel.sent = []
    panel.send = panel.sent.append
    panel._receive(panel, {"verb": "skip", "step": 9}, [])
    panel._receive(panel, {"verb": "launch"}, [])
    notes = [m["text"] for m in panel.sent if m["kind"] == "note"]
    assert notes == ["no step 9; the plan has 4", "unknown verb 'launch'"]


def test_a_stream_is_kept_while_its_block_is_shown(panel):
    streaming = view(now=[{"kind": "live", "of": "r1.0"}])
    panel.show(streaming)
    panel.stream("hel")
    panel.stream("lo")
    panel.stream("x = 1", "written")
    panel.stream("1\n", "printed")
    panel.show({**streaming, "what": "2 s"})
    assert [panel.view[key] for key in LIVE] == ["hello", "x = 1", "1\n"]
    panel.show(view(now=[{"kind": "live", "of": "r2.0"}]))
    assert [panel.view[key] for key in LIVE] == ["", "", ""]
    panel.stream("more")
    panel.show(view())
    assert panel.view["stream"] == ""


def test_the_front_end_is_one_module_without_ways_to_live_html():
    text = front_end()
    assert not re.search(r"^import|^export (?!default)", text, re.MULTILINE)
    names = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names))
    assert not re.search(r"innerHTML\s*=|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)


def test_the_extension_loads_the_same_style_sheets_as_the_widget():
    text = (ASSETS.parents[1] / "lab/extension/static/renderer.js").read_text()
    assert json.loads(re.search(r"const STYLES = (\[.*\]);", text)[1]) == STYLES.split()
    assert {f"{name}.css" for name in STYLES.split()} == {p.name for p in ASSETS.iterdir() if p.suffix == ".css"}


class Comm:
    """One end of a comm, with what was sent by it."""

    def __init__(self):
        self.sent, self.closed = [], False

    def send(self, data):
        self.sent.append(data["content"])

    def on_msg(self, callback):
        self.message = callback

    def on_close(self, callback):
        self.leave = callback

    def close(self):
        self.closed = True

    def say(self, **content):
        self.message({"content": {"data": {"method": "custom", "content": content}}})


def test_a_page_with_a_comm_of_its_own_gets_the_view_and_its_clicks_are_heard():
    heard = []
    feed, comm = Feed(heard.append, view(id="a")), Comm()
    feed.attach(comm)
    assert not feed.followed
    comm.say(verb="sync", rev=None)
    comm.say(verb="pause", seq="1")
    assert feed.followed and heard == [{"verb": "pause"}]
    assert comm.sent.pop(0)["kind"] == "clock"
    assert comm.sent == [{"kind": "full", "view": feed.view}, {"kind": "heard", "seq": "1"}]


def test_widget_and_comm_get_the_same_messages(panel):
    del panel.send
    comm = Comm()
    panel.attach(comm)
    panel.show(view(id="b"))
    assert comm.sent == [{"kind": "update", "rev": 1, "patch": {"set": {"id": "b"}}}]
    comm.leave({})
    panel.show(view(id="c"))
    panel.flush()
    assert len(comm.sent) == 1 and panel.view["id"] == "c"


def test_messages_go_only_the_way_that_a_page_follows(panel, monkeypatch):
    del panel.send
    by_widget, comm = [], Comm()
    monkeypatch.setattr(AnyWidget, "send", lambda self, message, buffers=None: by_widget.append(message))
    panel.attach(comm)
    panel._by_widget(panel, {"verb": "pause", "seq": "1"})
    assert (len(by_widget), len(comm.sent)) == (1, 0)
    comm.say(verb="pause", seq="2")
    assert (len(by_widget), len(comm.sent)) == (2, 1)  # a page of either kind is there


def test_comms_that_pages_left_open_are_forgotten_in_time():
    feed, comms = Feed(lambda verb: None, view()), [Comm() for _ in range(20)]
    for comm in comms:
        feed.attach(comm)
    feed.show(view(id="b"))
    assert [bool(comm.sent) for comm in comms] == [False] * 12 + [True] * 8


def test_a_page_that_asks_gets_what_its_notebook_keeps():
    feed, comm = Feed(lambda verb: None, view()), Comm()
    feed.kept = lambda: {"text/plain": "x is 20"}
    feed.attach(comm)
    comm.say(verb="keep")
    assert comm.sent == [{"kind": "keep", "data": {"text/plain": "x is 20"}}]


async def test_what_happens_between_two_messages_costs_no_view(panel):
    made = []

    def make(name):
        return lambda: made.append(name) or view(id=name)

    for name in "abcd":
        panel.show_latest(make(name), None)
    await until_async(lambda: panel.view["id"] == "d")
    assert made == ["a", "d"] and len(panel.sent) == 2
    panel.show_latest(make("e"), None)
    panel.flush()
    panel.flush()
    assert panel.view["id"] == "e" and made == ["a", "d", "e"]


async def test_what_is_written_of_the_next_request_stays_though_its_view_is_made_later(panel):
    def about(of):
        return lambda: view(now=[{"kind": "live", "of": of}])

    panel.show_latest(about("request 1"), "request 1")
    panel.stream("old")
    panel.show_latest(about("request 2"), "request 2")
    panel.stream("new")
    panel.flush()
    assert panel.view["now"][0]["of"] == "request 2" and panel.view["stream"] == "new"


async def test_a_run_with_a_panel_makes_a_view_a_message_and_none_for_each_event(script, monkeypatch):
    made, sent = [], []
    whole = PanelShown.view
    monkeypatch.setattr(PanelShown, "view", lambda shown: made.append(1) or whole(shown))
    monkeypatch.setattr(Panel, "send", lambda self, message, buffers=None: sent.append(message["kind"]))
    steps = [python(f"x{n} = {n}") for n in range(60)]
    process = llmos.start(
        "Count.", model=script(*steps, {"text": "ok"}), namespace={}, approve="auto", budget="99 steps"
    )
    shown = PanelShown(process)
    shown.open()
    await process
    shown.close()
    assert process.reason == "answered" and shown.panel.view["id"] == "finished"
    assert len(process.events) > 300
    assert len(made) <= sent.count("update") + 3, "beside them as it is opened, and as its end is drawn"
