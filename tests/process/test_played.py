"""Short transcripts of tasks that were played by hand: no turn is wasted, no right answer refused, nothing asked."""

import sqlite3

import pytest
from turns import same_as_folded

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")


def turn(*codes, text=""):
    return {"text": text, "calls": [{"name": "python", "arguments": {"code": c}} for c in codes]}


def answer(text):
    return {"text": text}


PLAYED = {
    "two files with other separators, decimals and names of columns": (
        [
            turn("from pathlib import Path\nfor f in ('q1.csv', 'q2.csv'): print(Path(f).read_text()[:200])"),
            turn(
                "import pandas as pd\nq1 = pd.read_csv('q1.csv')\n"
                "q2 = pd.read_csv('q2.csv', sep=';', decimal=',').rename(columns={'Menge': 'qty'})\n"
                "sales = pd.concat([q1, q2], ignore_index=True)\nbad = sales.qty <= 0\nsales = sales[~bad]\nsales.groupby('sku').qty.sum()"
            ),
            answer("{{len(sales)}} rows are left, {{int(bad.sum())}} had a bad quantity; A1 sold {{sales[sales.sku == 'A1'].qty.sum():.1f}}."),
        ],
        "3 rows are left, 1 had a bad quantity; A1 sold 3.5.",
    ),
    "a forecast against held-out days": (
        [
            turn(
                "import numpy as np\ny = np.arange(28.0) + np.tile([0, 5, 0, 0, 0, 0, -5], 4)\ntrain, test = y[:21], y[21:]\n"
                "naive = np.abs(test - train[-7:]).mean()\nmodel = np.abs(test - (train[-7:] + 7)).mean()\nprint(naive, model)"
            ),
            answer("The error is {{model:.1f}}, that of the naive forecast {{naive:.1f}}."),
        ],
        "The error is 0.0, that of the naive forecast 7.0.",
    ),
    "a figure that is drawn into memory": (
        [
            turn(
                "import io, matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\nfig, ax = plt.subplots()\n"
                "_ = ax.bar(['P', 'Q'], [3, 4])\npicture = io.BytesIO()\nfig.savefig(picture, format='png')\nplt.close(fig)\nsize = len(picture.getvalue())"
            ),
            answer("Q is larger, and the picture is there: {{size > 1000}}."),
        ],
        "Q is larger, and the picture is there: True.",
    ),
    "shop in a database in memory": (
        [
            turn(
                "import sqlite3, pandas as pd\ncon = sqlite3.connect(':memory:')\n"
                "_ = pd.DataFrame({'sku': ['a', 'b', 'a'], 'n': [1, 2, 3]}).to_sql('sold', con, index=False)\n"
                "by = pd.read_sql('select sku, sum(n) as n from sold group by sku', con).set_index('sku')\ncon.close()\nby"
            ),
            answer("Of a there were {{int(by.n['a'])}}."),
        ],
        "Of a there were 4.",
    ),
    "a bug in a class of the user's, repaired on the live object": (
        [
            turn("class Account:\n    def __init__(self): self.balance = 50\n    def take(self, n):\n        if self.balance - n < 100: raise ValueError('limit')\n        self.balance -= n\nann = Account()"),
            turn("def take(self, n):\n    if self.balance - n < -100: raise ValueError('limit')\n    self.balance -= n\nAccount.take = take\nann.take(10)\nann.balance"),
            answer("The sign of the limit was wrong; ann has {{ann.balance}} now."),
        ],
        "The sign of the limit was wrong; ann has 40 now.",
    ),
    "a fact of the first step that is needed after seven more in one turn": (
        [
            turn("offset, rows = {2: 0.37}, {}", *(f"rows[{n}] = {n} * 1.5" for n in range(6)), "corrected = {n: v + offset.get(n, 0) for n, v in rows.items()}\ncorrected"),
            answer("Sensor 2 has {{corrected[2]:.2f}}, sensor 3 {{corrected[3]:.2f}}."),
        ],
        "Sensor 2 has 3.37, sensor 3 4.50.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAYED)
async def test_played_task_takes_the_requests_of_a_plain_loop_and_asks_nothing(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q1.csv").write_text("sku,qty\nA1,2\nB2,-1\n")
    (tmp_path / "q2.csv").write_text("sku;Menge\nA1;1,5\nB2;3\n")
    turns, said = PLAYED[name]
    model = ScriptedModel(turns)
    process = await llmos.run(name, model=model, namespace={}, approve="risky", plan="none", home=tmp_path / "home")
    assert process.reason == "answered" and process.answer == said
    assert model.position == len(turns)
    assert {c.status for c in process.run.state.calls.values()} == {"done"}
    assert not [e for e in process.events if e.k == "question.asked"]
    assert same_as_folded(process)


async def test_report_by_sql_over_the_users_connection_asks_nothing(tmp_path, monkeypatch):
    """Tables looked at by a query that is put together in Python, then read by the SQL tool, and four figures."""
    monkeypatch.chdir(tmp_path)
    db = sqlite3.connect("shop.db")
    pd.DataFrame({"sku": ["a", "b", "a"], "n": [1, 2, 3]}).to_sql("sold", db, index=False)
    pd.DataFrame({"sku": ["a", "b"], "price": [2.5, 4.0]}).to_sql("prices", db, index=False)
    query = "select sku, sum(n * price) as revenue from sold join prices using (sku) group by sku order by sku"
    turns = [
        turn("import pandas as pd\ntabs = {t: pd.read_sql(f'select * from {t}', db) for t in ('sold', 'prices')}"),
        {"calls": [{"name": "sql", "arguments": {"query": query, "database": "db", "into": "by"}}]},
        answer("{{by.sku[0]}} made {{by.revenue[0]:,.2f}} and {{by.sku[1]}} {{by.revenue[1]:,.2f}}."),
    ]
    process = await llmos.run("Report.", model=ScriptedModel(turns), namespace={"db": db}, tools=["sql"], home="home")
    db.close()
    assert process.reason == "answered" and process.answer == "a made 10.00 and b 8.00."
    assert not [e for e in process.events if e.k == "question.asked"]
    assert same_as_folded(process)


async def test_file_that_was_asked_for_is_the_one_question_of_a_report(tmp_path, monkeypatch):
    """The counter-example: what acts outside does ask."""
    monkeypatch.chdir(tmp_path)
    turns = [
        turn("from pathlib import Path\nPath('report.md').write_text('# Report')"),
        answer("It is written."),
    ]
    process = await llmos.run(
        "Write report.md.", model=ScriptedModel(turns), namespace={}, plan="none", home=tmp_path / "home"
    )
    assert len([e for e in process.events if e.k == "question.asked"]) == 1
    await process.approve("all")
    assert process.reason == "answered" and (tmp_path / "report.md").exists()
