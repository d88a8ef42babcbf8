"""Tables that a goal attaches: variables of their names, labelled like their files, there again in a new kernel."""

import duckdb
import pandas as pd
import pytest
from turns import call, python

import llmos_nb as llmos
from llmos_nb.errors import UsageError
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process import briefing

FRAME = pd.DataFrame({"city": ["Oslo", "Rome"], "n": [1, 2]})


async def asked(goal, *turns, namespace=None, **options):
    model = ScriptedModel([*turns, {"text": "Done."}])
    names = {} if namespace is None else namespace
    return await llmos.run(goal, model=model, namespace=names, **options), names


@pytest.fixture
def folder(tmp_path):
    FRAME.to_csv(tmp_path / "cities.csv", index=False)
    FRAME.to_csv(tmp_path / "wide.tsv", index=False, sep="\t")
    FRAME.to_csv(tmp_path / "packed.csv.gz", index=False)
    FRAME.to_excel(tmp_path / "book.xlsx", index=False)
    duckdb.sql("select 'Oslo' as city, 1 as n union all select 'Rome', 2").write_parquet(str(tmp_path / "2024.parquet"))
    return tmp_path


@pytest.mark.parametrize(
    ("file", "name"),
    [("cities.csv", "cities"), ("wide.tsv", "wide"), ("packed.csv.gz", "packed"), ("book.xlsx", "book"), ("2024.parquet", "t_2024")],
)  # fmt: skip
async def test_attached_table_becomes_a_variable_named_in_the_prompt(folder, file, name):
    p, names = await asked(f"Look at !`{file}`.", python(f"{name}.shape"))
    assert names[name].to_dict("list") == FRAME.to_dict("list") and p.reason == "answered"
    told = p.run.state.context.head[-1].text
    assert f"{file} is the variable `{name}`" in told and f"{name}: pandas DataFrame" in told
    assert p.run.state.labels == {}


async def test_attaching_again_works_but_never_replaces_a_user_variable(folder):
    _, names = await asked("Sum !`cities.csv`.")
    await asked("Sum !`cities.csv`.", namespace=names)
    mine = names["cities"] = FRAME.copy()
    with pytest.raises(UsageError, match="there is a variable cities already"):
        await asked("Sum !`cities.csv`.", namespace=names)
    assert names["cities"] is mine


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        ("!`nowhere.csv`", "cannot be read"), ("!`broken.parquet`", "not a table"), ("!`a/x.csv` !`b/x.tsv`", "becomes the variable x, too"),
        ("!`note.txt`", "not a PNG"),
    ],
)  # fmt: skip
async def test_unattachable_file_is_reported_before_the_start(folder, goal, words):
    (folder / "broken.parquet").write_bytes(b"PAR1 nothing")
    (folder / "note.txt").write_text("words")
    with pytest.raises(UsageError, match=words):
        await asked(goal)
    assert not list(folder.rglob("journal.jsonl"))


async def test_a_missing_library_is_named(folder, monkeypatch):
    monkeypatch.setitem(briefing._READERS, "xlsx", ("no_such_library", None))
    with pytest.raises(UsageError, match=r'no_such_library is not installed; pip install "llmos_nb\[tables\]"'):
        await asked("!`book.xlsx`")


async def test_table_written_after_an_untrusted_read_attaches_as_untrusted(folder):
    (folder / "llmos.toml").write_text('[labels]\nmail = "untrusted"\n')
    names = {"mail": "a,b\n1,2\n"}
    write = python("from pathlib import Path\nPath('made.csv').write_text(mail)")
    await asked("Save `mail`.", write, namespace=names, approve="auto")
    p, _ = await asked("Read !`made.csv`.", namespace=names)
    assert p.run.state.labels["made"] == "untrusted"


async def test_an_image_written_after_an_untrusted_read_taints_the_goal(folder):
    (folder / "llmos.toml").write_text('[labels]\nmail = "untrusted"\n')
    png = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000")
    (folder / "mine.png").write_bytes(png)
    names = {"mail": png}
    await asked(
        "Save `mail`.",
        python("from pathlib import Path\nPath('made.png').write_bytes(mail)"),
        namespace=names,
        approve="auto",
    )
    p, _ = await asked("See !`made.png`.", namespace=names)
    assert p.run.state.labels["*"] == "untrusted"
    q, _ = await asked("See !`mine.png`.", namespace={})
    assert q.run.state.labels.get("*") is None


async def test_attached_table_is_restored_unless_its_file_changed(folder):
    turns = [python("total = cities['n'].sum()\ntotal"), call("ask", question="Go on?"), {"text": "It is 3."}]
    p = await llmos.run("Sum !`cities.csv`.", model=ScriptedModel(turns), namespace={}, approve="auto")
    fresh = {}
    q = llmos.load(p.journal.path, model=ScriptedModel(turns), namespace=fresh)
    await q.resume()
    await q.reply("yes")
    assert q.reason == "answered" and fresh["total"] == 3
    (folder / "cities.csv").write_text("city,n\nOslo,9\n")
    other = {}
    llmos.load(p.journal.path, model=ScriptedModel(turns), namespace=other)
    assert "cities" not in other
