"""All forms of a process in one output: as data, as HTML, as Markdown and as text."""

import json

import pytest
from fixtures_journals import STATES
from fixtures_writer import Writer
from IPython.core.formatters import DisplayFormatter
from turns import python

import llmos_nb as llmos
from llmos_nb.views.bundle import MOST_BYTES, RUN, bundle

PNG = b"\x89PNG and so on"


def drawn(w, data=PNG, n=0):
    call = w.call(code=f"plot({n})")
    w.allow(call).add("call.started", call=call, key=f"k{n}", epoch=1)
    images = [{"mime": "image/png", "text": "figure", "data": data.hex()}]
    return w.add("call.finished", call=call, ok=True, result="drawn", size=8, error="", images=images)


@pytest.mark.parametrize("name", STATES)
def test_every_state_is_whole_in_every_form(name):
    w = STATES[name]()
    forms = json.loads(json.dumps(bundle(w.state, w.events, "c1", "k1")))
    assert list(forms) == [RUN, "text/html", "text/markdown", "text/plain"]
    run = forms[RUN]
    assert (run["version"], run["pid"], run["comm"], run["n"]) == (1, w.state.pid, "c1", w.state.n)
    assert (run["run"], run["head"]) == (w.events[0].hash, w.events[-1].hash)
    assert run["view"]["goal"] == w.state.goal.strip() and run["view"]["kernel_id"] == "k1"
    for form in ("text/markdown", "text/plain"):
        assert run["view"]["state"].lower() in forms[form]


def test_the_data_has_the_output_of_each_row_with_its_figure():
    w = drawn(Writer().planned())
    outputs = bundle(w.state, w.events)[RUN]["outputs"]
    assert list(outputs) == ["1"] and '"kind": "image"' in json.dumps(outputs["1"])


def test_of_many_large_figures_the_last_ones_are_kept_and_the_data_stays_within_its_bound():
    w = Writer().start("auto", plan="none")
    for n in range(8):
        drawn(w, bytes(100_000), n)
    run = bundle(w.state, w.events)[RUN]
    kept = ['"kind": "image"' in json.dumps(sheet) for sheet in run["outputs"].values()]
    assert kept == [False] * 5 + [True] * 3
    assert len(json.dumps(run)) <= MOST_BYTES


def test_a_run_of_thousands_of_events_stays_within_the_bound():
    w = Writer().planned()
    for _ in range(6_000):
        w.add("signal.received", signal="steer", by="you", text="words " * 30)
    run = bundle(w.state, w.events)[RUN]
    assert len(json.dumps(run)) <= MOST_BYTES and run["view"]["goal"]


def test_no_text_of_a_run_ends_the_block_of_markdown_that_it_stands_in():
    w = STATES["finished"](answer="````\n![x](https://evil.example/x.png)\n<script>alert(1)</script>\n````")
    lines = bundle(w.state, w.events)["text/markdown"].split("\n")
    fence = lines[0].removesuffix("text")
    assert set(fence) == {"`"} and lines[-1] == fence
    assert not any(line.strip().startswith(fence) for line in lines[1:-1])


async def test_a_process_as_the_value_of_a_cell_shows_its_panel_in_all_forms_and_its_repr_stays_a_line(script):
    proc = await llmos.run(
        "Add.", model=script(python("x = 2"), {"text": "It is {{x}}."}), namespace={}, approve="auto"
    )
    data, _ = DisplayFormatter().format(proc)
    assert data[RUN]["run"] == proc.events[0].hash and data[RUN]["view"]["id"] == "finished"
    assert "It is 2." in data["text/html"] and "It is 2." in data["text/plain"]
    assert repr(proc) == f"<process {proc.pid} ended, answered: 'Add.'>"
