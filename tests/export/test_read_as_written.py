"""An exported notebook says each thing once, in the words in which it was said, and whose files it reads."""

from importlib import metadata

import pandas as pd
import pytest
from process_runs import ProcessRun
from turns import call, python

import llmos_nb as llmos
from llmos_nb.export import export, lock
from llmos_nb.export.cells import read
from llmos_nb.export.dataflow.parsed import reading


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def texts(path):
    """All that a reader sees of a notebook, cell by cell."""
    shown = ((c["source"], *(o.get("text", "") for o in c.get("outputs", ()))) for c in read(path)["cells"])
    return ["\n".join(parts) for parts in shown]


def test_the_words_of_an_answer_stand_once_and_its_numbers_are_computed_below(tmp_path):
    run = ProcessRun("Count the gulls", tmp_path / "work", "count")
    run.user("gulls = [3, 8, 21]")
    run.begin()
    run.step("n = len(gulls)")
    run.end("On the pier sat {{sum(gulls)}} gulls, at most {{max(gulls):,.1f}} at once.")
    path = export(run.source(), tmp_path / "x.ipynb")
    assert "\n".join(texts(path)).count("On the pier sat 32 gulls, at most 21.0 at once.") == 1
    (cell,) = [c for c in read(path)["cells"] if c["cell_type"] == "code" and "print(answer" in c["source"]]
    assert cell["source"].splitlines()[1:] == [
        "# On the pier sat … gulls, at most 21.0 at once.",
        'answer_1 = f"{sum(gulls)}"',
        "# On the pier sat 32 gulls, at most … at once.",
        'answer_2 = f"{max(gulls):,.1f}"',
        'print(answer_1, answer_2, sep="\\n")',
    ]
    assert cell["outputs"][0]["text"] == "32\n21.0\n"


async def test_queries_import_their_library_once_and_stand_in_lines(script, tmp_path):
    asked = "with Late as (\n    select * from sales where n > 1\n)\nselect count(*) as c from Late"
    model = script(
        *(call("sql", query=q, into=f"t{i}") for i, q in enumerate((asked, "select sum(n) as s from sales"))),
        python("import duckdb as d\nversion = d.__name__"),
        {"text": "Done."},
    )
    space = {"sales": pd.DataFrame({"n": [1, 2]})}
    proc = await llmos.run("Look", model=model, namespace=space, approve="auto", tools=["sql"])
    text = "\n".join(texts(proc.export(tmp_path / "x.ipynb", run=False)))
    assert text.count("import duckdb\n") == 1 and text.count("import duckdb as d") == 1
    assert "__cte" not in text and "        with Late as (\n" in text and "\\n" not in text


@pytest.mark.parametrize("others", [True, False])
async def test_a_file_that_others_may_have_written_is_named_and_no_other(script, tmp_path, others):
    (tmp_path / "feed").mkdir()
    for file in (tmp_path / "feed" / "news.txt", tmp_path / "work" / "news.txt"):
        file.write_text("one two")
    name = "../feed/news.txt" if others else "news.txt"
    model = script(python(f"from pathlib import Path\nn = len(Path({name!r}).read_text())\nn"), {"text": "Done."})
    proc = await llmos.run("Count the letters", model=model, namespace={}, approve="auto", plan="none")
    path = proc.export(tmp_path / "out" / "x.ipynb", run=False)
    assert ("others may have written it" in "\n".join(texts(path))) is others
    more = f" Others may have written {name}." if others else ""
    assert f"It reads {name}, which must be as in the run.{more}" in texts(path)
    methods = proc.export(tmp_path / "out" / "x.md", run=False).read_text()
    assert ("others may have written it" in methods) is others


def test_what_an_export_requires_is_looked_up_once(monkeypatch):
    looks = []
    look = metadata.distribution
    monkeypatch.setattr(metadata, "distribution", lambda name: looks.append(name) or look(name))
    with reading():
        found, first = lock.closure(["pandas", "scipy"]), len(looks)
        assert lock.closure(["scipy", "pandas"]) == found and len(looks) == first
        lock.closure(["pandas"])
        assert len(looks) == first
