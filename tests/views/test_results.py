"""What happened in a step: said from what was recorded, and nothing where nobody looked."""

import json

import pandas as pd
import pytest
from fixtures_writer import CODES, Writer
from turns import call, python, same_as_folded

import llmos_nb as llmos
from llmos_nb.journal.blobs import Blobs, put_inside, put_outside
from llmos_nb.session.prune import forget
from llmos_nb.views import page as static
from llmos_nb.views.counts import Counts
from llmos_nb.views.outside import outside, stays
from llmos_nb.views.panel import Projector
from llmos_nb.views.panel.output import given
from llmos_nb.views.panel.view import view
from llmos_nb.views.results import part, pieces, result, size, wrong
from llmos_nb.views.wording import plain

DONE = {"text": "Done."}


def birds():
    found = pd.DataFrame({"kind": ["Adelie", "Gentoo"] * 6, "mass_g": [3750.0, None, *[4000.0 + n for n in range(10)]]})
    return found.assign(year=2007)


async def ran(script, *turns, names=None, **options):
    names = {"df": birds()} if names is None else names
    options = {"approve": "auto", **options}
    return await llmos.run("Make `out`.", model=script(*turns, DONE), namespace=names, **options)


def of(proc, key):
    return result(proc.run.state, key, Counts.of(proc.events))


def page(proc, key):
    projector = Projector(proc.events)
    projector.open("output", key)
    return projector.view(proc.run.state, proc.events)["sheet"]


def rows(proc):
    return {r["n"]: r for r in view(proc.run.state, proc.events)["steps"]}


# what changed


async def test_a_table_says_its_dimensions_columns_and_dropped_rows(script):
    code = "df = df.dropna().assign(mass_kg=lambda d: d['mass_g'] / 1000)\nprint(len(df), 'rows')\nout = df"
    proc = await ran(script, python(code))
    found = of(proc, "r1.0")
    df = found.changes[0]
    assert (df.name, df.how, df.size) == ("df", "rebound", "12 × 3 → 11 × 4")
    assert df.more == "+1 column mass_kg, 1 row dropped"
    assert (found.changes[1].name, found.changes[1].how, found.changes[1].size) == ("out", "new", "11 × 4")
    assert rows(proc)["r1.0"]["ev"] == "df 12 × 3 → 11 × 4, +1 column mass_kg, 1 row dropped · 11 rows"


async def test_a_table_that_was_printed_is_not_squeezed_into_the_line_of_its_step(script):
    proc = await ran(script, python("print(df.head())\ndf"))
    assert rows(proc)["r1.0"]["ev"] == "a table, 12 × 3"
    assert same_as_folded(proc)


async def test_the_variable_of_a_loop_is_no_result(script):
    code = "total = 0\nfor i, (x, y) in enumerate([(1, 2), (3, 4)]):\n    total += x * y\n    last = i"
    proc = await ran(script, python(code), python("for total in [7]: pass\nfor k in 'ab': print(k)"))
    assert [r["note"] for r in rows(proc).values()] == ["made last, total", "changed total"]
    assert [c.name for key in ("r1.0", "r2.0") for c in of(proc, key).changes] == ["last", "total", "total"]
    proc.undo()
    assert "k" not in proc.run.namespace, "taken back all the same"


async def test_the_variable_of_one_loop_that_another_binds_anew_is_no_result_of_that(script):
    loops = ("for k in 'ab': print(k)", "for k in 'cd': n = k", "k = 7", "for k in 'ef': pass")
    proc = await ran(script, *map(python, loops))
    assert [r.get("note", "") for r in rows(proc).values()] == ["", "made n", "changed k", "changed k"]
    assert [c.name for key in ("r1.0", "r2.0", "r3.0") for c in of(proc, key).changes] == ["n", "k"]
    assert same_as_folded(proc)
    proc.undo(to=1)
    assert {"k", "n"}.isdisjoint(proc.run.namespace), "taken back all the same"


async def test_a_table_that_changed_in_place_says_so(script):
    proc = await ran(script, python("del df['year']\nlen(df)"))
    (change,) = of(proc, "r1.0").changes
    assert (change.how, change.size, change.more) == ("changed in place", "12 × 3 → 12 × 2", "−1 column year")
    assert rows(proc)["r1.0"]["ev"] == "df 12 × 3 → 12 × 2, −1 column year"  # rather than the bare 12


async def test_a_row_names_the_calls_that_did_what_it_says_and_no_later_one(script):
    def serving(step, code):
        return call("python", code=code, step=step)

    plan = {"plan": [{"title": "Add"}, {"title": "Count"}]}
    steps = [serving("1", "df['w'] = 1"), serving("2", "n = 1"), serving("1", "m = len(df)\nm")]
    row = rows(await ran(script, plan, *steps))[1]
    assert row["ev"][1:] == [["@", "r2.0", 1]] and "column w" in row["ev"][0]
    steps[2] = serving("1", "print('of', len(df), 'birds')")
    row = rows(await ran(script, plan, *steps))[1]
    assert row["ev"][0].endswith("column w · of 12 birds ")
    assert row["ev"][1:] == [["@", "r2.0", 1], ["@", "r4.0", 1]]


@pytest.mark.parametrize(
    "code",
    [
        "df = df.dropna().reset_index(drop=True)",  # the last label is gone, the row is another one
        "df = df.sort_values('mass_g', ascending=False).head(11)",  # in another order
        "df = df.iloc[1:].assign(year=2008)",  # what is left has changed, too
        "df = df.iloc[1:].groupby('kind').sum()",
    ],
)
async def test_rows_are_not_said_to_be_dropped_where_the_others_are_not_as_they_were(script, code):
    proc = await ran(script, python(code))
    assert "dropped" not in of(proc, "r1.0").changes[0].more and "gone" not in json.dumps(page(proc, "r1.0"))


async def test_dropped_rows_stand_at_their_places_and_new_columns_are_known(script):
    proc = await ran(script, python("df = df.dropna().assign(mass_kg=lambda d: d['mass_g'] / 1000)"))
    (part,) = of(proc, "r1.0").parts
    assert [(gone, row[0]) for gone, row in part.grid.rows[:3]] == [(False, "0"), (True, "1"), (False, "2")]
    assert part.grid.rows[1][1] == ["1", "Gentoo", "NaN", "2007", ""]
    assert part.grid.new == (False, False, False, True) and part.grid.of == (11, 4)


async def test_a_table_is_kept_up_to_sixty_rows_and_within_bounds(script):
    wide = pd.DataFrame({f"column {n}": ["x" * 200] * 500 for n in range(60)})
    proc = await ran(script, python("out = df.iloc[1:]\nout"), names={"df": wide})
    (part,) = of(proc, "r1.0").parts
    assert part.grid.of == (499, 60) and len(part.grid.columns) == 20 and 0 < len(part.grid.rows) <= 60
    assert len(part.call.facts["table"]) <= 16_100


def test_what_a_display_showed_is_forgotten_with_its_result(tmp_path):
    w = Writer().planned().step(1, result="x" * 5000)
    call = w.state.calls["r2.0"]
    call.facts |= {"outputs": [["display", 5000]], "displays": json.dumps(["| a |\n|---|\n| 1 |"])}
    assert pieces(call) == [("markdown", "| a |\n|---|\n| 1 |")]
    kept, payloads = put_outside({"result": call.result, "facts": call.facts})
    assert len(payloads) == 2 and "| a |" not in str(kept)
    call.facts |= put_inside(kept, Blobs(tmp_path))["facts"]
    assert [kind for kind, _ in pieces(call)] == ["printed"]


@pytest.mark.parametrize("wide", [2, 200])
async def test_the_table_of_a_step_is_forgotten_with_its_result(script, wide):
    names = pd.DataFrame({"who": [f"person {n} " + "x" * wide for n in range(55)]})
    proc = await ran(script, python("print('y' * 5000)\nout = df.iloc[5:]"), names={"df": names})
    assert len(of(proc, "r1.0").parts[0].grid.rows) > 10
    forget(proc.run, "r1.0")
    assert of(proc, "r1.0").parts[0].grid is None and same_as_folded(proc)
    assert "person 7" not in "".join(p.read_text() for p in proc.journal.path.parent.rglob("*") if p.is_file())


async def test_columns_and_values_that_look_like_secrets_are_not_in_a_table(script):
    keys = pd.DataFrame({"password": ["hunter2", "swordfish"], "n": [1, 2]})
    proc = await ran(script, python("out = df.assign(m=3)"), names={"df": keys})
    assert "hunter2" not in proc.journal.path.read_text() and of(proc, "r1.0").parts[0].grid.rows[0][1][1] == "…"


async def test_of_a_large_cell_its_size_is_said(script):
    large = pd.DataFrame({"text": ["x" * 5_000], "list": [list(range(100))], "few": [[1, 2]]})
    proc = await ran(script, python("out = df.copy()"), names={"df": large})
    row = of(proc, "r1.0").parts[0].grid.rows[0][1]
    assert row == ["0", "text of 5,000 characters", "list of 100", "[1, 2]"]


async def test_a_journal_without_dimensions_says_names_alone():
    w = Writer().planned().step(1, created=["birds"])
    found = result(w.state, 1, Counts.of(w.events))
    assert [(c.name, c.how, c.size, c.more) for c in found.changes] == [("birds", "new", "", "")]
    assert found.parts[0].grid is None and found.outside == []


def test_what_has_no_dimensions_says_its_type():
    assert size({"was": ["list", 3], "now": ["list", 4]}) == "list of 3 → list of 4"
    assert size({"now": ["Model"]}) == "Model" and size({}) == ""


# how it went


async def test_as_expected_is_said_only_of_what_was_evaluated(script):
    steps = {
        "plan": [
            {"title": "A", "expect": "len(out) == 11"},
            {"title": "B", "expect": "a number", "depends_on": [1]},
        ]
    }
    proc = await ran(script, steps, python("out = df.dropna()"), python("len(out)"))
    first, second = rows(proc)[1], rows(proc)[2]
    assert (plain(first["verdict"]), first["held"]) == ("as expected: len(out) == 11", True)
    assert second["verdict"] == "ran, nothing to compare" and "held" not in second
    said = [plain(page(proc, n)["blocks"][0]["words"]) for n in (1, 2)]
    assert said[0] == "as expected: len(out) == 11, evaluated after the step."
    assert said[1] == "ran, nothing to compare. It was to show: a number."
    assert [page(proc, n)["blocks"][0].get("glyph") for n in (1, 2)] == ["done", None]
    assert [page(proc, n)["glyph"] for n in (1, 2)] == ["done", "ran"]


async def test_a_step_that_is_not_as_expected_is_neither_green_nor_said_to_have_run_well(script):
    proc = await ran(script, {"plan": [{"title": "A", "expect": "len(out) == 3"}]}, python("out = [1]"))
    row = rows(proc)[1]
    assert plain(row["verdict"]) == "not as expected: len(out) == 3 (len(out) is 1)" and "held" not in row
    assert page(proc, 1)["glyph"] == "failed"


async def test_of_a_table_that_is_not_as_expected_its_dimensions_are_said_and_the_answer_that_a_step_is_missing(
    script,
):
    steps = [{"title": "A", "expect": "len(out) == 3"}, {"title": "B", "depends_on": [1]}]
    proc = await ran(script, {"plan": steps}, python("print('rows:', 11)\nout = df.dropna()\nout"))
    assert plain(rows(proc)[1]["ev"]).startswith("out, 11 × 3 · rows: 11")
    assert "0 of 2 steps" in view(proc.run.state, proc.events)["what"]


async def test_failed_attempts_are_kept_with_the_line_that_names_the_error(script):
    steps = {"plan": [{"title": "A", "expect": "len(out) == 12"}]}
    proc = await ran(script, steps, python("out = df['mass']"), python("out = df"))
    found = of(proc, 1)
    assert [p.call.id for p in found.attempts] == ["r2.0"] and [p.call.id for p in found.parts] == ["r3.0"]
    assert wrong(found.attempts[0].call) == "KeyError: 'mass'"
    blocks = page(proc, 1)["blocks"]
    (attempt,) = (b for b in blocks if b["kind"] == "details")
    assert attempt["summary"].startswith("An attempt failed before, r2.0: KeyError: 'mass'")
    assert "Ran once more after 1 failed attempt." in plain(blocks[0]["words"])


# what it did outside


async def test_no_file_and_no_network_is_said_where_somebody_looked_and_saw_none(script):
    proc = await ran(script, python("out = df.dropna()"))
    assert of(proc, "r1.0").outside == ["no file, no network"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("with open('x.txt', 'w') as f:\n    f.write('1')", "wrote"),
        ("with open('there.txt') as f:\n    f.read()", "read"),
        ("import os\nos.remove('there.txt')", "deleted"),
    ],
)
async def test_no_file_is_not_said_of_a_step_that_had_to_do_with_one(script, tmp_path, monkeypatch, code, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.txt").write_text("1")
    proc = await ran(script, python(code))
    found = of(proc, "r1.0").outside
    assert found[0].startswith(said) and "no file, no network" not in found


def test_no_file_no_network_is_not_said_where_nobody_looked():
    w = Writer().planned().step(1)
    call = w.state.calls["r2.0"]
    assert outside([call]) == [] and outside([]) == []
    call.facts["effects"] = ["handle log"]
    assert outside([call]) == ["could reach log, through which it may act unseen"]
    call.facts["effects"] = ["network evil.example:443", "network (by its code)"]
    assert outside([call]) == ["connected to evil.example:443"]
    call.facts["effects"] = ["unread (by its code)"]
    assert outside([call]) == ["its code may act by native code, which is not seen: it goes too deep to be read"]


# who, how long, and what Undo takes along


def edited():
    w = Writer().planned("step")
    call = w.call(code=CODES[0])
    w.ask(call).add(
        "call.decided", call=call, digest="", what="edit", by="you", why="",
        arguments={"code": CODES[0].replace("df.dropna", "frame.dropna")},
    )  # fmt: skip
    w.ask(call, after=3.0).allow(call, by="you", after=2.0).run(call, "342", created=["birds"])
    return w.add("step.integrated", step=1, met=True, evidence="342")


def test_an_edited_step_shows_its_code_as_run_with_what_was_proposed_and_by_whom():
    w = edited()
    found = result(w.state, 1, Counts.of(w.events))
    (part,) = found.parts
    assert part.code.startswith("birds = frame.dropna") and part.proposed == CODES[0]
    assert part.who.startswith("edited and approved by you at 09:0") and part.who.endswith(" UTC")
    assert found.spent["you"] == pytest.approx(2.1, abs=0.3)
    projector = Projector(w.events)
    projector.open("output", 1)
    code = next(b for b in projector.view(w.state, w.events)["sheet"]["blocks"] if b["kind"] == "code")
    assert code["before"] == CODES[0] and "1 line differs" in plain(code["cap"])


def test_a_step_that_nobody_edited_shows_no_difference():
    w = Writer().two_steps()
    (part,) = result(w.state, 1, Counts.of(w.events)).parts
    assert part.proposed == "" and part.who == ""


async def test_the_page_says_what_undo_takes_along(script):
    steps = {"plan": [{"title": "A"}, {"title": "B", "depends_on": [1]}]}
    proc = await ran(script, steps, python("out = df"), python("more = out.head()"))
    assert (
        page(proc, 1)["foot"]["note"] == "Undo takes back out and more, with the work of step 2, which came after it."
    )
    assert page(proc, 2)["foot"]["note"] == "Undo takes back more."
    proc.undo()
    assert page(proc, 2)["blocks"][0]["words"][0] == "undone"


async def test_a_page_of_a_step_is_not_in_the_view_before_it_is_opened(script):
    proc = await ran(script, python("out = 'a text that is only in the code'"))
    assert "a text that is only in the code'" not in json.dumps(rows(proc)["r1.0"].get("ev", ""))
    assert "sheet" not in view(proc.run.state, proc.events)


def test_prints_and_value_are_told_apart_where_the_record_does():
    w = Writer().planned().step(1, result="seen\n3")
    call = w.state.calls["r2.0"]
    assert pieces(call) == [("printed", "seen\n3")]
    call.facts["outputs"] = [["stdout", 5], ["value", 1]]
    assert pieces(call) == [("printed", "seen"), ("value", "3")]


def test_what_a_step_displays_stands_in_order_and_as_what_it_is():
    bare, said = (
        "<IPython.core.display.Markdown object>",
        ["first\n", "**bold** <i>no</i>\n", "then\n", "# last"],
    )
    w = Writer().planned().step(1, result="".join(said))
    kinds = ["stdout", "display", "stdout", "value"]
    made = [[kind, len(text)] for kind, text in zip(kinds, said, strict=True)]
    w.state.calls["r2.0"].facts["outputs"] = [m + [bare] * (m[0] != "stdout") for m in made]
    blocks, _ = given(part(w.state.calls["r2.0"]))
    assert [b.get("code") or b["markdown"] for b in blocks] == ["first", "**bold** <i>no</i>", "then", "# last"]
    assert blocks[1]["label"] == "Displayed by r2.0"
    assert static.shown(blocks[1]) == "<p><b>bold</b> &lt;i&gt;no&lt;/i&gt;</p>"


async def test_an_object_without_a_text_is_not_said_to_be_displayed(script):
    proc = await ran(script, python("class Bare: pass\nprint('x')\nBare()"))
    assert [kind for kind, _ in pieces(proc.run.state.calls["r1.0"])] == ["printed", "value"]
    assert "isplayed" not in json.dumps(page(proc, "r1.0"))


async def test_the_page_of_a_step_is_the_same_as_text_and_as_html(script):
    steps = {"plan": [{"title": "A", "expect": "len(out) == 11"}]}
    proc = await ran(script, steps, python("print('seen')\nout = df.dropna().assign(mass_kg=1.5)\nout"))
    html, text = static.step(proc.run.state, 1, proc.events)
    for said in ("as expected: len(out) == 11", "no file, no network", "seen", "11 × 4", "mass_kg", "Gentoo"):
        assert said in text and (said in html or said.partition(" len")[0] in html)
    assert "out = df.dropna()" in html and "{" not in html
    assert "<table" in html and max(map(len, text.splitlines())) <= 80


async def test_a_saved_page_shows_tables_as_tables(script):
    proc = await ran(script, python("df = df.dropna()\ndf"))
    html = static.html(proc.run.state, proc.events)
    assert "<caption" in html and ">dropped<" in html and "Table df: 11 rows, 1 dropped row struck through" in html


@pytest.mark.parametrize(
    ("effects", "said"),
    [
        (["write /a/b.csv", "write /a/b.csv", "delete /a/c.csv"], "wrote b.csv and deleted c.csv"),
        (["network example.org"], "connected to example.org"),
        (["network (by its code)", "handle f"], ""),  # that it might is not that it did
        ([], ""),
    ],
)
def test_only_what_was_seen_outside_is_said_to_stay(effects, said):
    w = Writer().planned()
    call = w.call(code=CODES[0])
    w.allow(call).run(call, "1")
    done = w.state.calls[call]
    done.facts["effects"] = effects
    assert stays(w.state, [done]) == said


async def test_what_a_step_printed_is_seen_whatever_its_words(script):
    proc = await ran(script, python("df = df.dropna()\nprint('no output file was written')"))
    assert rows(proc)["r1.0"]["ev"].endswith(" · no output file was written")
    assert [said for _, said in of(proc, "r1.0").parts[0].gave] == ["no output file was written"]


async def test_of_a_step_whose_calls_gave_nothing_the_change_alone_is_seen(script):
    proc = await ran(script, python("df = df.dropna()"))
    assert rows(proc)["r1.0"]["ev"] == "df 12 × 3 → 11 × 3, 1 row dropped" and not of(proc, "r1.0").parts[0].gave


async def test_a_silent_call_is_not_seen_beside_one_that_gave_something(script):
    plan = {"plan": [{"title": "Keep them", "expect": "a number"}]}
    turns = [call("python", code=code, step="1") for code in ("n = 3", "print('of', n, 'birds')")]
    both = {"calls": [one for turn in turns for one in turn["calls"]]}
    row = rows(await ran(script, plan, both))[1]
    assert row["ev"][0] == "of 3 birds "


async def test_of_a_silent_call_that_acted_outside_it_is_seen_what_it_did(script, tmp_path):
    proc = await ran(script, python("df.to_csv('birds.csv')"))
    assert rows(proc)["r1.0"]["ev"] == "wrote birds.csv"
