"""Five more tasks as a strong model plays them, over data of other kinds: no request more than a plain loop needs.

Each says how many requests it takes, that no right answer is sent back, and which questions are asked, and why.
"""

import json
import sqlite3

import pytest
from turns import call, python, same_as_folded
from waits import approve_all

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process import answers

pd = pytest.importorskip("pandas")


def together(*turns):
    """Return the calls of several turns in one."""
    return {"calls": [one for turn in turns for one in turn["calls"]]}


async def played(turns, answer, asks=(), **options):
    """Play a transcript with a person who agrees; nothing is refused but by `asks`, and no answer is sent back."""
    model = ScriptedModel([*turns, {"text": answer}])
    process = llmos.start("Play.", model=model, plan="none", **{"namespace": {}, **options})
    await process
    asked = await approve_all(process)
    assert (process.reason, [q["title"] for q in asked], model.position) == ("answered", [*asks], len(turns) + 1)
    assert [e.k for e in process.events].count("model.requested") == len(turns) + 1 and same_as_folded(process)
    assert process.run.state.nudges == {} and not [n for n in answers.numbers(process.run.state) if n.kind == "typed"]
    return process


def statuses(process):
    return [c.status for c in process.run.state.calls.values()]


async def test_prices_of_wine_are_cleaned_and_compared_in_two_requests_and_an_answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wine.csv").write_text(
        "pat_no;region;vintage;price\n1;Baden;2019;8,50\n2;Baden;2020;n/a\n3;Mosel;2019;12,00\n4;Mosel;2021;14,00\n4;Mosel;2021;14,00\n"
    )
    turns = [
        python("import pandas as pd\nwine = pd.read_csv('wine.csv', sep=';', decimal=',', na_values='n/a')\nwine.describe()"),
        python(
            "double = int(wine.duplicated().sum())\nwine = wine.drop_duplicates()\nmissing = int(wine.price.isna().sum())\n"
            "by = wine.groupby('region').price.mean()\nby"
        ),
    ]  # fmt: skip
    said = "{{by.idxmax()}} is dearest with {{by.max():.2f}}; {{double}} double row and {{missing}} price missing were left out."
    p = await played(turns, said)
    assert p.answer == "Mosel is dearest with 13.00; 1 double row and 1 price missing were left out."
    assert set(statuses(p)) == {"done"}


@pytest.mark.parametrize("look", ["SHOW TABLES", "select name, sql from sqlite_master where type = 'table'"])
async def test_loans_of_a_library_are_counted_with_one_look_at_all_tables(tmp_path, monkeypatch, look):
    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("library.db") as library:
        library.executescript(
            "create table books (id integer primary key, title text);"
            "create table loans (id integer primary key, book integer references books(id), days integer);"
            "insert into books values (1, 'Emma'), (2, 'Dracula');"
            "insert into loans values (1, 1, 12), (2, 2, 40), (3, 2, 20);"
        )
    library.close()
    late = "select title, count(*) as n from loans join books on books.id = book where days > 14 group by title order by n desc"
    turns = [
        call("sql", query=look, database="library.db"),
        call("sql", query=late, database="library.db", into="late"),
    ]
    p = await played(turns, "{{late.title[0]}} came late {{int(late.n[0])}} times.", tools=["sql"])
    assert p.answer == "Dracula came late 2 times." and set(statuses(p)) == {"done"}
    shown = p.run.state.calls["r1.0"].result
    assert "loans (id: INTEGER, key; book: INTEGER, refers to books.id; days: INTEGER)" in shown


async def test_a_folder_of_logs_is_read_by_one_glob(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    for day, errors in ((1, 2), (2, 0), (3, 5)):
        lines = ["INFO start", *["ERROR disk full"] * errors, "INFO stop"]
        (tmp_path / "logs" / f"day{day}.log").write_text("\n".join(lines) + "\n")
    count = (
        "from pathlib import Path\nerrors = {f.stem: f.read_text().count('ERROR') for f in Path('logs').glob('*.log')}\n"
        "worst = max(errors, key=errors.get)\nerrors"
    )
    turns = [call("read_file", path="logs/*.log"), python(count)]
    said = "{{worst}} is the worst day with {{errors[worst]}} errors; {{sum(not n for n in errors.values())}} day has none."
    p = await played(turns, said, tools=["files"])
    assert p.answer == "day3 is the worst day with 5 errors; 1 day has none." and set(statuses(p)) == {"done"}
    assert p.run.state.calls["r1.0"].result.count("== logs/day") == 3


@pytest.mark.out_of_process
async def test_a_broken_package_is_mended_with_one_question_though_the_first_commit_was_red(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # the many plugins of this suite are slow to load
    (tmp_path / "llmos.toml").write_text('[tools.tests]\nenv = ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]\n')
    (tmp_path / "units").mkdir()
    (tmp_path / "units" / "__init__.py").write_text("from units.heat import celsius\n")
    (tmp_path / "units" / "heat.py").write_text("def celsius(f):\n    return f - 32 * 5 / 9\n")
    (tmp_path / "test_units.py").write_text(
        "from units import celsius\n\n\ndef test_boiling():\n    assert celsius(212) == 100\n\n\ndef test_text():\n    assert celsius('32') == 0\n"
    )
    run, commit = call("run_tests"), call("commit_files")
    turns = [
        together(call("read_file", path="**/*.py"), run),
        together(call("edit_file", path="units/heat.py", old="f - 32 * 5", new="(f - 32) * 5"), run, commit),
        together(call("edit_file", path="units/heat.py", old="(f - 32)", new="(float(f) - 32)"), run, commit),
    ]
    # the commit that goes back is the model's own haste: a plain loop, which commits red, needs another to mend it
    asks = ["commit 1 file to the folder: 2 tests passed"]
    p = await played(turns, "Precedence was wrong, and texts were not taken.", asks, tools=["files", "tests"])
    assert statuses(p).count("rejected") == 1 and "test_units::test_text" in p.run.state.calls["r2.2"].result
    assert "(float(f) - 32) * 5" in (tmp_path / "units" / "heat.py").read_text()


async def test_weather_stations_are_ranked_and_the_report_is_the_one_question(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stations = [
        {"id": "A", "place": {"name": "Fell", "height": 900}, "rain": [1.0, None, 4.5]},
        {"id": "B", "place": {"name": "Dale", "height": 120}, "rain": [0.5, 2.0, 1.0]},
    ]
    (tmp_path / "stations.json").write_text(json.dumps({"unit": "mm", "stations": stations}))
    turns = [
        python(
            "import json, pandas as pd\nfrom pathlib import Path\nraw = json.loads(Path('stations.json').read_text())\n"
            "rain = pd.json_normalize(raw['stations']).explode('rain').astype({'rain': float})\nrain.info()\nrain"
        ),
        python(
            "total = rain.groupby('place.name').rain.sum()\ngaps = int(rain.rain.isna().sum())\n"
            "Path('report.md').write_text(total.to_frame().to_csv())\ntotal"
        ),
    ]  # fmt: skip
    said = "{{total.idxmax()}} had most rain, {{total.max():.1f}} {{raw['unit']}}; {{gaps}} value is missing. It is in report.md."
    p = await played(turns, said, ["write a file"])
    assert p.answer == "Fell had most rain, 5.5 mm; 1 value is missing. It is in report.md."
    assert (tmp_path / "report.md").exists() and set(statuses(p)) == {"done"}
