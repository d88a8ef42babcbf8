"""Further tasks that were played by hand over files of the user's: the requests of a plain loop, one question at most."""

import json
import sqlite3

import pytest
from turns import call, python, same_as_folded
from waits import approve_all

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.process import answers

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")


async def played(turns, namespace, answer, questions=0, **options):
    """Run a transcript in the mode `risky`, with a person who agrees, and see that no turn of it was wasted."""
    model = ScriptedModel([*turns, {"text": answer}])
    process = llmos.start("Play.", model=model, namespace=namespace, plan="none", **options)
    await process
    asked = len(await approve_all(process))
    assert (process.reason, asked, model.position) == ("answered", questions, len(turns) + 1)
    assert {c.status for c in process.run.state.calls.values()} == {"done"} and same_as_folded(process)
    assert not [n.text for n in answers.numbers(process.run.state) if n.kind == "typed"]
    return process.answer


async def test_five_files_of_a_library_are_brought_into_one_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "members.csv").write_text("member_id,branch\nM1,north\nM2,west\nM2,south\n")
    (tmp_path / "books.tsv").write_text("isbn\tgenre\tpreis\nB1\tart\t1,5\nB2\tscience\té\n", encoding="latin-1")
    (tmp_path / "h1.csv").write_text(
        "Loan,member,isbn,out,back\nL1,m1,B1,2025-01-01,2025-02-10\nL2,M9,B2,2025-01-02,\n"
    )
    (tmp_path / "h2.csv").write_text(
        "Loan;member;isbn;out;returned\nL3;M2;B2;01/07/2025;01/08/2025\nL4;M1;B1;02/07/2025;\n"
    )
    (tmp_path / "rules.json").write_text(json.dumps({"fine": {"art": 0.3, "science": 0.5}, "free": 28}))
    turns = [
        python("from pathlib import Path\nimport json\nfor f in sorted(Path().glob('*.*')): print(f.name, f.read_bytes()[:80])"),
        python(
            "import pandas as pd\nmembers = pd.read_csv('members.csv')\n"
            "books = pd.read_csv('books.tsv', sep='\\t', decimal=',', encoding='latin-1')\nrules = json.loads(Path('rules.json').read_text())\n"
            "h1 = pd.read_csv('h1.csv')\nh2 = pd.read_csv('h2.csv', sep=';').rename(columns={'returned': 'back'})\n"
            "for c in ('out', 'back'):\n    h1[c] = pd.to_datetime(h1[c])\n    h2[c] = pd.to_datetime(h2[c], format='%d/%m/%Y')\n"
            "loans = pd.concat([h1, h2], ignore_index=True)\nloans['member'] = loans.member.str.upper()\n"
            "members[members.member_id.duplicated(keep=False)]"
        ),
        python(
            "known = loans.member.isin(members.member_id)\ndropped = int((~known).sum())\nloans = loans[known].merge(books, on='isbn')\n"
            "late = ((loans.back - loans.out).dt.days - rules['free']).clip(lower=0)\n"
            "loans['fine'] = (late * loans.genre.map(rules['fine'])).fillna(0)\nby_genre = loans.groupby('genre').fine.sum()\nby_genre"
        ),
    ]  # fmt: skip
    said = await played(
        turns,
        {},
        "{{len(loans)}} loans, {{dropped}} dropped; fines of art are {{by_genre['art']:.2f}}. M2 stands twice in members.csv.",
    )
    assert said == "3 loans, 1 dropped; fines of art are 3.60. M2 stands twice in members.csv."


@pytest.mark.out_of_process
async def test_refactoring_over_files_asks_once_with_the_tests_that_passed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rates.py").write_text("def conv(a, c):\n    return a * {'EUR': 1, 'USD': 2}[c]\n")
    (tmp_path / "bill.py").write_text("from rates import conv\n\n\ndef total(x):\n    return conv(x, 'USD')\n")
    (tmp_path / "test_bill.py").write_text("from bill import total\n\n\ndef test_total():\n    assert total(2) == 4\n")
    edits = [
        ("rates.py", "def conv(a, c)", "def from_eur(a, c)"),
        ("bill.py", "import conv", "import from_eur"),
        ("bill.py", "return conv(", "return from_eur("),
    ]
    calls = [{"name": "edit_file", "arguments": {"path": p, "old": o, "new": n}} for p, o, n in edits]
    last = [{"name": n, "arguments": {}} for n in ("run_tests", "commit_files")]
    turns = [call("search_files", pattern="conv"), {"calls": [*calls, *last]}]
    await played(turns, {}, "It is renamed.", questions=1, tools=["files", "tests"], home=tmp_path / "home")
    assert "from_eur(x" in (tmp_path / "bill.py").read_text()


async def test_report_from_a_database_asks_for_the_file_alone(tmp_path, monkeypatch):
    pytest.importorskip("sqlalchemy")
    monkeypatch.chdir(tmp_path)
    shop = sqlite3.connect("shop.db")
    shop.executescript(
        "create table orders(day text, total real); insert into orders values('2025-01-03', 7), ('2025-02-01', 5);"
    )
    shop.close()
    turns = [
        call("sql", query="select substr(day, 1, 7) as month, sum(total) as revenue from orders group by month", database="shop", into="months"),
        python("from pathlib import Path\ntotal = months.revenue.sum()\n_ = Path('report.md').write_text(f'# Shop\\n\\n{total}')"),
    ]  # fmt: skip
    said = await played(turns, {"shop": "sqlite:///shop.db"}, "It was {{total:.0f}}.", questions=1, tools=["sql"])
    assert said == "It was 12." and (tmp_path / "report.md").exists()


async def test_two_arms_of_other_mixtures_are_compared_within_each_device():
    ab = pd.DataFrame({"arm": [*"AABB"] * 50, "device": ["phone", "desk"] * 100, "bought": [0, 1, 0, 1] * 50})
    turns = [
        python("mean = ab.groupby(['device', 'arm']).bought.mean().unstack()\nmean"),
        python("effect = ((mean['B'] - mean['A']) * ab.device.value_counts(normalize=True)).sum()\neffect"),
    ]
    said = await played(turns, {"ab": ab}, "B's effect is {{100 * effect:+.1f}} points.")
    assert said == "B's effect is +0.0 points."


async def test_series_with_a_gap_is_forecast_and_compared_with_the_week_before():
    index = pd.date_range("2025-01-01", periods=24 * 28, freq="h", tz="UTC").delete(slice(100, 110))
    energy = pd.Series(20.0 + index.hour + 5 * (index.day_of_week < 5), index)
    turns = [
        python("full = pd.date_range(energy.index[0], energy.index[-1], freq='h')\nlen(full.difference(energy.index))"),
        python(
            "energy = energy.reindex(full).fillna(energy.reindex(full).shift(-168))\ntrain, test = energy[:-168], energy[-168:]\n"
            "naive = pd.Series(train[-168:].to_numpy(), test.index)\nmape = (100 * (naive - test).abs() / test).mean()\nmape"
        ),
    ]  # fmt: skip
    said = await played(
        turns, {"energy": energy, "pd": pd}, "{{len(energy)}} hours, and {{mape:.1f}} % for the naive one."
    )
    assert said == "672 hours, and 0.0 % for the naive one."


async def test_bugs_of_a_class_are_repaired_on_the_live_object():
    names = {}
    exec(  # the user's cell
        "import datetime as dt\nclass Stock:\n    def __init__(self): self.held = []\n"
        "    def reserve(self, n, until, log=[]): self.held.append((n, until)); log.append(n); return log\n"
        "    def count(self): return sum(n for n, until in self.held if until > dt.date(2025, 6, 1))\n"
        "stock = Stock(); stock.reserve(3, dt.date(2025, 6, 1))",
        names,
    )
    turns = [
        python("import inspect\nprint(vars(stock))"),
        python(
            "def reserve(self, n, until, log=None):\n    self.held.append((n, until))\n    return [*(log or []), n]\n"
            "def count(self): return sum(n for n, until in self.held if until >= dt.date(2025, 6, 1))\n"
            "Stock.reserve, Stock.count = reserve, count\nlog = Stock().reserve(1, dt.date(2025, 7, 1))\nprint(log, stock.count())"
        ),
    ]
    said = await played(turns, names, "{{stock.count()}} are held at the fixed day 2025-06-01, `log` is {{log}}.")
    assert said == "3 are held at the fixed day 2025-06-01, `log` is [1]."


async def test_a_table_by_month_with_thousands_signs_percent_and_days():
    days = pd.to_datetime(["2025-01-05", "2025-01-29", "2025-02-26", "2025-03-08"])
    sales = pd.DataFrame({"date": days, "amount": [4000.5, 10169.28, 12015.09, 12644.87]})
    turns = [
        python(
            "# Revenue by month, its change and the largest sale\ng = sales.groupby(sales.date.dt.to_period('M'))\n"
            "monthly = pd.DataFrame({'revenue': g.amount.sum()})\nmonthly['change'] = monthly.revenue.diff()\n"
            "monthly['percent'] = monthly.revenue.pct_change()\n"
            "out = pd.DataFrame({'month': monthly.index.strftime('%B %Y'), 'revenue': monthly.revenue.map('{:,.2f}'.format).values,\n"
            "    'change': monthly.change.map('{:+,.2f}'.format).values, 'percent': monthly.percent.map('{:+.1%}'.format).values,\n"
            "    'largest': sales.loc[g.amount.idxmax(), 'date'].dt.strftime('%d.%m.%Y').values})\nmonthly"
        )
    ]
    said = await played(
        turns,
        {"sales": sales, "pd": pd},
        "{{out}}\n\nBest was {{monthly.revenue.idxmax():%B %Y}} with €{{monthly.revenue.max():,.2f}}, by {{monthly.percent.max():+.1%}} at most.",
    )
    assert "| February 2025 | 12,015.09 | -2,154.69 | -15.2%  | 26.02.2025 |" in said
    assert said.endswith("Best was January 2025 with €14,169.78, by +5.2% at most.")
