"""The loop's picture: drawn by Graphviz, lit without a layout, safe whatever a run says."""

import base64
import re
import shutil
import threading
from xml.etree import ElementTree

import pytest
from fixtures_journals import STATES, hostile
from fixtures_writer import Writer
from hypothesis import given, strategies as st

from llmos_nb.views.loop import dot, loop, run
from llmos_nb.views.loop.dot import dag
from llmos_nb.views.panel.view import view
from llmos_nb.views.wording import LOOP

SVG = dot.SVG
SHAPES = {"svg", "g", "path", "polygon", "polyline", "ellipse", "text", "rect"}


@pytest.fixture
def engine(monkeypatch):
    """An engine of its own, in place of the shared one."""

    def make(wasm=None, looked=True):
        fresh = dot.Engine()
        fresh._wasm, fresh.ready = wasm, looked
        monkeypatch.setattr(dot, "ENGINE", fresh)
        dot._dag.cache_clear()
        dot._drawn.cache_clear()
        return fresh

    yield make
    dot._dag.cache_clear()
    dot._drawn.cache_clear()


def ids(drawing):
    return {e.get("id"): e.get("class") for e in ElementTree.fromstring(drawing).iter() if e.get("id")}


def test_stored_drawing_equals_the_output_of_graphviz():
    assert dot.ENGINE.wait(30)
    drawn = dot.text(dot.parse(dot.ENGINE.render(dot.LOOP, "nop2")))
    kept = dot._KEPT.read_text("utf-8")
    assert ids(kept) == ids(drawn)
    numbers = [[float(n) for n in re.findall(r"-?\d+\.?\d*", text)] for text in (kept, drawn)]
    assert numbers[0] == pytest.approx(numbers[1], abs=1.5)


def test_nodes_and_edges_have_stable_ids():
    found = ids(loop.svg())
    nodes = [n for n, kind in found.items() if kind == "node"]
    assert nodes == list(LOOP)  # in order: the panel's line is made of them
    assert {n for n, kind in found.items() if kind == "edge"} == {f"e{i}" for i in range(1, 10)}


def test_lighting_changes_classes_and_labels_only():
    dark = loop.lit(loop.svg(), "", {})
    lit = loop.lit(loop.svg(), "act", {"e1": "1", "e7": "12"})
    assert ids(lit)["act"] == "node lit" and ids(lit)["plan"] == "node"
    assert ids(lit)["e1"] == "edge" and ids(lit)["e2"] == "edge zero"
    assert "next step 12" in lit and "00<" not in lit
    geometry = re.compile(r' (?:d|points|x|y)="[^"]*"')
    assert geometry.findall(dark) == geometry.findall(lit)
    assert loop.lit(lit, "", {}).count("lit") == 0


def test_the_picture_stands_alone():
    drawn = loop.picture("you", {"e1": "1"})
    root = ElementTree.fromstring(drawn)
    assert not re.search(r"\b(style|onload|href|src)=", drawn) and "currentColor" not in drawn
    assert root[0].tag == f"{SVG}rect" and root[0].get("fill") == "#fff"
    you = next(g for g in root.iter(f"{SVG}g") if g.get("id") == "you")
    assert you.find(f"{SVG}polygon").get("fill") == loop.LIT and you.find(f"{SVG}text").get("font-weight") == "bold"
    assert base64.b64decode(loop.data_uri(drawn).partition(",")[2]).decode() == drawn


def test_a_sentence_says_what_the_picture_shows():
    said = loop.alt("you", {"e4": "2"})
    assert "It stands at you, waiting for you, with 2 results integrated and no re-plan." in said
    assert "It has stopped, with 1 result integrated and planned again twice." in loop.alt("", {"e4": "1", "e8": "2"})


def test_a_drawing_keeps_shapes_only():
    dirty = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="x()">'
        '<script>x</script><a xlink:href="javascript:x"><text>t</text></a><style>*{}</style><image href="h"/>'
        '<g id="plan" onclick="x" style="fill:red"><path d="M0" fill="none"/></g><foreignObject/></svg>'
    )
    clean = dot.text(dot.parse(dirty))
    assert clean == ('<svg xmlns="http://www.w3.org/2000/svg"><g id="plan"><path d="M0" fill="none" /></g></svg>')


# the plan's graph


def test_a_plan_is_laid_out_from_left_to_right_and_once():
    assert dot.ENGINE.wait(30)
    found = dag({1: (), 2: (1,), 3: (2,), 4: (1,)})
    places = {int(n): xy for n, xy in found["n"].items()}
    assert places[1][0] < places[2][0] < places[3][0] and places[2][1] != places[4][1]
    assert all(9 <= x <= found["w"] - 9 and 9 <= y <= found["h"] - 9 for x, y in places.values())
    assert sorted(found["e"]) == [[1, 2], [1, 4], [2, 3]]
    assert dag({1: (), 2: (1,), 3: (2,), 4: (1,)}) is found


@given(st.lists(st.lists(st.integers(1, 12), max_size=3), min_size=1, max_size=12))
def test_every_plan_is_laid_out(shape):
    needs = {i: tuple({n for n in before if n < i}) for i, before in enumerate(shape, 1)}
    assert dot.ENGINE.wait(30)
    found = dag(needs)
    assert set(found["n"]) == set(map(str, needs))
    assert len(found["e"]) == sum(map(len, needs.values()))
    assert len({tuple(xy) for xy in found["n"].values()}) == len(needs)


def test_the_view_has_the_graph_of_up_to_a_dozen_live_steps():
    assert dot.ENGINE.wait(30)
    w = STATES["finished"]()
    v = view(w.state, w.events)
    assert set(v["dag"]["n"]) == {"1", "2", "3", "4", "5"} and [4, 5] in v["dag"]["e"]
    assert v["dagsay"] == "Plan: 2 needs 1, 3 needs 2, 4 needs 1, 5 needs 1"
    assert v["dagnote"] == "4 was replaced by 5"


# the engines


def test_preparing_compiles_in_the_background_and_once(engine):
    fresh = engine(looked=False)
    threads = {id(fresh.prepare()) for _ in range(3)}
    assert len(threads) == 1 and fresh.prepare() is not threading.current_thread()
    fresh.prepare().join(30)
    assert fresh.ready and fresh.render("digraph{a->b}").count("<g") == 4


def test_drawing_does_not_wait_for_the_engine(engine, monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(dot, "_compiled", lambda: gate.wait(30) and None)
    monkeypatch.setattr(dot, "PATIENCE_S", 0.01)
    fresh = engine(looked=False)
    fresh.prepare()
    assert "next step 00" in loop.svg()
    assert dag({1: (), 2: (1,)}) is None
    gate.set()
    assert fresh.wait(30)


@pytest.mark.skipif(shutil.which("dot") is None, reason="the dot program is not installed")
def test_dot_program_is_the_fallback(engine):
    engine(wasm=None)
    assert ids(loop.svg()).keys() == ids(dot._KEPT.read_text("utf-8")).keys()
    assert set(dag({1: (), 2: (1,)})["n"]) == {"1", "2"}
    assert dot.ENGINE.render("this is no DOT") == ""


def test_failing_layout_engine_is_survived(engine, monkeypatch):
    class Trap:
        def render(self, *args, **kwargs):
            raise RuntimeError("out of memory")

    engine(wasm=Trap())
    monkeypatch.setattr(dot, "_by_program", lambda *args: "drawn elsewhere")
    assert dot.ENGINE.render("digraph{}") == "drawn elsewhere"


def test_without_graphviz_the_loop_is_stored_and_the_run_is_dot_text(engine, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    engine(wasm=None)
    assert "next step 00" in loop.svg() and dag({1: (), 2: (1,)}) is None
    w = STATES["finished"]()
    assert run.run_graph(w.state, w.events).startswith("digraph run")


# the whole run


def test_the_run_graph_has_every_answer_call_decision_and_replan():
    assert dot.ENGINE.wait(30)
    w = STATES["finished"]()
    found = ids(run.run_graph(w.state, w.events))
    assert {f"c{c.replace('.', '_')}" for c, call in w.state.calls.items() if call.name == "python"} <= found.keys()
    assert {f"r{i}" for i in range(1, w.state.responses + 1)} | {
        "goal",
        "plan1",
        "plan2",
        "end",
    } <= found.keys()
    assert sum(n.startswith("gate") for n in found) == 2 and sum(n.startswith("step") for n in found) == 5


NASTY = [
    '"];evil[label="',
    "<b>x</b>",
    "<<table>>",
    "\\N \\l end\\",
    "a\nb\x00c",
    "${}`",
    "\u202e",
    "\ud800",
    "-->",
]


@pytest.mark.parametrize("text", NASTY)
def test_text_of_a_run_never_becomes_graph_syntax(text):
    assert dot.ENGINE.wait(30)
    plain = {len(ids(run.run_graph(w.state, w.events))) for w in hostile("x")}
    nasty = set()
    for w in hostile(text):
        root = ElementTree.fromstring(run.run_graph(w.state, w.events))
        assert {e.tag.removeprefix(SVG) for e in root.iter()} <= SHAPES
        nasty.add(len(ids(run.run_graph(w.state, w.events))))
    assert nasty == plain


def test_a_long_run_is_drawn_from_its_end(monkeypatch):
    w = Writer().start().propose().approve_plan()
    for i in range(300):
        w.step(1, f"{i}", code=f"{i}")
    assert len(w.events) > 2_000
    drawn = run.run_graph(w.state, w.events)
    monkeypatch.setattr(dot.ENGINE, "render", lambda *_: "")
    source = run.run_graph(w.state, w.events)  # the sources, where nothing draws them
    assert "r301.0 python" in source and "r2.0 python" not in source
    assert source.count("digraph") == run.ROWS and len(drawn) < 150_000
    width, height = map(float, re.findall(r"viewBox=\"0 0 (\S+) (\S+)\"", drawn)[0])
    assert width < 820 and height < 3_000
    said = run.run_text(w.state, w.events)
    assert said.startswith("… ") and "r301.0 python" in said and "r2.0 python" not in said


def test_a_plan_that_a_person_changed_is_edited_and_not_made_again_and_an_undone_call_is_no_failure():
    w = Writer().start().propose()
    w.add("plan.edited", version=2, steps=w.state.plan.plain(), by="you")
    w.approve_plan().step(1, "342", created=["n"])
    w.add("call.undone", call="r2.0")
    said = run.run_text(w.state, w.events)
    assert "edited by you: plan of" in said and "re-planned" not in said and "r2.0 python, undone: 342" in said
    failed = {node.colour for column in run.columns(w.state, w.events) for node in column} & {run._BAD}
    assert not failed
    w.add("plan.edited", version=3, steps=w.state.plan.plain(), by="model")
    assert "re-planned: plan of" in run.run_text(w.state, w.events)
