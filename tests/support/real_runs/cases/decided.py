"""What people and failures do to a run: undo, redo, edits, rejections, plans, questions, forks, skills, tools."""

import json

from llmos_nb.session.skills.manifest import notebook_hash
from real_runs.scenario import agent, call, plan, python, study, user

ASKS = "ApprovalNeeded"
LAST = user("%agent resume 1", "|UsageError")  # an approved process goes on at once, and may have ended by then


def skill() -> str:
    """Return a skill's notebook."""
    sources = (
        ("factor = 2.0", ["parameters"]),
        ("scaled = [factor * n for n in range(3)]", []),
        ("assert scaled == [0.0, 2.0, 4.0]", ["test"]),
    )
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {"tags": tags}, "source": s, "outputs": [], "execution_count": None}
        for n, (s, tags) in enumerate(sources)
    ]  # fmt: skip
    said = {"name": "scale", "version": "1.0", "description": "Scale numbers.", "rights": [], "parameters": {"factor": {"type": "float", "default": 2.0}}}  # fmt: skip
    book = {"cells": cells, "metadata": {"llmos_nb": {"skill": said}}, "nbformat": 4, "nbformat_minor": 5}
    said["sha256"] = notebook_hash(book)
    return json.dumps(book)


DECIDED = (
    study(
        "fails_after_a_change",
        "a step changes a dictionary and raises; the next one counts its keys",
        "d = {'a': [1]}",
        agent("Extend it", "d['b'] = [9]\nraise ValueError('no')", "keys = sorted(d)\nprint(d)\nkeys"),
        also=("d",),
    ),
    study(
        "fails_then_another_way",
        "a step fails on a column's name, and another way is taken",
        "import pandas as pd\ndf = pd.DataFrame({'Amount': ['1', '2', 'x', '4']})",
        agent(
            "Sum the column",
            "total = df['amount'].sum()",
            "numbers = pd.to_numeric(df['Amount'], errors='coerce')\nnumbers",
            "total = float(numbers.sum())\ntotal",
        ),
    ),
    study(
        "fails_in_a_frame",
        "a step fails after it has added a column in place",
        "import pandas as pd\ntable = pd.DataFrame({'v': [1, 2, 3]})",
        agent(
            "Add",
            "table['w'] = table['v'] * 2\ntable.loc[9, 'nothing'].foo",
            "shape = table.shape\nshape",
            "table['z'] = 1\ntable",
        ),
    ),
    study(
        "undone_last",
        "the last of three steps is undone",
        "values = [3, 1, 2]",
        agent("Sort and clear", "values.sort()\nvalues", "first = values[0]\nfirst", "values.clear()\nvalues"),
        "%agent undo 1",
        also=("values",),
    ),
    study(
        "undone_and_redone",
        "a step is undone and put back",
        "stack = ['a']",
        agent("Push", "stack.append('b')\nstack", "stack.append('c')\nstack"),
        "%agent undo 1",
        "%agent redo 1",
        also=("stack",),
    ),
    study(
        "undone_to_a_step",
        "all from the plan's second step on is undone; the user goes on",
        "data = [5, 2, 9]",
        agent(
            "In three",
            plan(("sort", ""), ("halve", ""), ("sum", "")),
            "data = sorted(data)\ndata",
            "halves = [d / 2 for d in data]\nhalves",
            "total = sum(halves)\ntotal",
        ),
        "%agent undo 1 --to 2",
        "data.append(100)",
        agent("Maximum", "top = max(data)\ntop"),
        also=("data",),
    ),
    study(
        "undone_before_the_next",
        "the first process is undone before the second reads the name",
        "price = 100",
        agent("Raise", "price = price * 2\nprice"),
        "%agent undo 1",
        agent("Tax", "tax = price * 0.5\ntax"),
        also=("price",),
    ),
    study(
        "edited_step",
        "a person edits the code of a step and approves it",
        "data = [4, 8, 15, 16, 23, 42]",
        agent(
            "Mean of the list",
            "mean = sum(data) / 5\nmean",
            "spread = max(data) - mean\nspread",
            options="-a step",
            raises=ASKS,
        ),
        '%agent edit 1 r1.0 "mean = sum(data) / len(data); mean"',
        "%agent approve 1 r1.0",
        user("%agent resume 1", ASKS),
        "%agent approve 1",
        LAST,
    ),
    study(
        "rejected_step",
        "a person rejects a step, and the model takes another",
        "data = [1, 100, 3]",
        agent(
            "The middle",
            "middle = sum(data) / len(data)\nmiddle",
            "middle = sorted(data)[1]\nmiddle",
            options="-a step",
            raises=ASKS,
        ),
        '%agent reject 1 r1.0 "use the median"',
        user("%agent resume 1", ASKS),
        "%agent approve 1",
        LAST,
    ),
    study(
        "approved_plan",
        "a plan of three steps that a person approves",
        "marks = {'Ada': 1.0, 'Bo': 2.3, 'Cy': 4.0}",
        agent(
            "Who passed?",
            plan(("mean", "mean < 4"), ("passed", "len(passed) == 2"), ("names", "")),
            "mean = sum(marks.values()) / len(marks)\nmean",
            "passed = {k: v for k, v in marks.items() if v < 4}\npassed",
            "names = sorted(passed)\nnames",
            options="-a plan",
            raises=ASKS,
        ),
        "%agent approve 1",
        LAST,
    ),
    study(
        "asked_a_person",
        "the process asks in which currency, and a person answers",
        "amount = 80",
        agent(
            "Convert",
            call("ask", question="Which currency?"),
            "rate = {'CHF': 1.25, 'SEK': 11.0}['CHF']\nrate",
            "converted = amount * rate\nconverted",
            raises=ASKS,
        ),
        '%agent reply 1 "CHF"',
        LAST,
    ),
    study(
        "forked",
        "a process that goes on from another's first step, another way",
        "base = 100",
        agent("Two steps", "a = base + 1\na", "b = a * 2\nb"),
        "%agent fork 1 --at <after 1 r1.0>",
        "%agent resume 2",
        pids=(2,),
    ),
    study(
        "function_as_tool",
        "the user's function is a tool, called by the model and by its code",
        "RATE = 0.19\ndef gross(price: float, pieces: int = 1) -> float:\n    '''The price with tax.'''\n    return round(price * (1 + RATE) * pieces, 2)",
        agent(
            "What with tax? Use &`gross`.",
            call("gross", price=10.0, pieces=3),
            "total = gross(10.0, 3) + gross(2.5)\ntotal",
        ),
    ),
    study(
        "sql_tool",
        "the SQL tool on a live table, its result by name",
        "import pandas as pd\nsales = pd.DataFrame({'city': ['Ulm', 'Bonn', 'Ulm'], 'n': [1, 2, 5]})",
        agent(
            "Sales by city",
            call("sql", query="select city, sum(n) as n from sales group by city order by city", into="by_city"),
            "top = by_city.loc[by_city['n'].idxmax(), 'city']\ntop",
            options="-a auto -t sql",
        ),
    ),
    study(
        "sql_by_journal",
        "the SQL tool, exported by the command from the journal, when the kernel is gone",
        "import pandas as pd\nsales = pd.DataFrame({'city': ['Ulm', 'Bonn', 'Ulm'], 'n': [1, 2, 5]})",
        agent(
            "Large sales",
            call("sql", query="select city, n * 2 as twice from sales where n > 1 order by n", into="large"),
            "most = int(large['twice'].max())\nmost",
            options="-a auto -t sql",
        ),
        export="journal",
    ),
    study(
        "calculator_tool",
        "the calculator, and a step that uses what it said",
        "x = 12",
        agent("A number", call("calculator", expression="(3 + 4) * 12.5"), "y = 87.5 / x\ny"),
    ),
    study(
        "skill_then_process",
        "a skill is run, and a process reads what it left",
        "%agent skill add skill.ipynb",
        "%agent skill run scale factor=4",
        agent("Sum", "total = sum(scaled)\ntotal"),
        files={"skill.ipynb": skill()},
        pids=(2,),
    ),
    study(
        "answer_to_a_name",
        "the answer goes to a name that the next process reads",
        "ns = [3, 4]",
        agent(
            "Hypotenuse",
            "h = (ns[0] ** 2 + ns[1] ** 2) ** 0.5\nh",
            options="-a auto -o told",
            answer="It is {{h}}.",
        ),
        agent("Repeat it", "echo = told.upper()\necho"),
    ),
    study(
        "several_calls_in_a_turn",
        "three calls in one turn, in their order",
        "log = []",
        agent(
            "Three at once",
            {
                "calls": [
                    *python("log.append('a')\nlog")["calls"],
                    *python("log.append('b')\nlog")["calls"],
                    *python("n = len(log)\nn")["calls"],
                ]
            },
        ),
        also=("log",),
    ),
)
