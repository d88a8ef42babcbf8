"""Values that are the same while their text is not: long tables, displays, sets within, an id in a `__repr__`, a key."""

from real_runs.scenario import agent, study

BOX = "class Box:\n    def __init__(self, n):\n        self.n = n\n    def __repr__(self):\n        return f'Box {id(self)}'\n"

TEXTS = (
    study(
        "long_tables_read_whole",
        "pandas and polars: tables of which the model reads more rows than a cell shows, and short ones",
        "import pandas as pd\nimport polars as pl",
        agent(
            "Look at both",
            "wide = pd.DataFrame({'n': range(200), 'half': [i / 2 for i in range(200)]})\nwide",
            "tall = pl.DataFrame({'n': [7] * 30})\ntall",
            "short = tall.head(3).with_columns(pl.lit('a b').alias('s'))\nshort",
            "many = [*range(1500)]\nmany",
            answer="{{len(wide)}} and {{tall.height}} rows.",
        ),
    ),
    study(
        "html_and_markdown_displays",
        "a table as HTML, a line of Markdown and one of LaTeX, shown by display and as the last value",
        "import pandas as pd\nfrom IPython.display import HTML, Latex, Markdown, display",
        agent(
            "Show it well",
            "rates = pd.DataFrame({'bank': ['A', 'B'], 'rate': [1.5, 2.25]})\ndisplay(HTML(rates.to_html()))\nbest = rates['rate'].max()\nbest",
            "display(Markdown('**Best:** 2.25 at *B*'))\nlead = best - rates['rate'].min()\nlead",
            "from IPython.core.display import HTML as Page\npage = Page('<h2>Rates</h2><table><tr><td>B</td><td>2.25</td></tr></table>')\nsize = len(page.data)\npage",
            "display(Latex('$r_B = 2.25$'))\ncount = len(rates)\ncount",
            answer="B, by {{lead:.2f}}.",
        ),
        skip=("page",),
    ),
    study(
        "sets_within",
        "lists, tuples and dicts that hold sets, printed, put into texts, shown, and sorted first",
        "from collections import defaultdict\nwords = 'grain mill flour oven bread grain'.split()",
        agent(
            "Group the words",
            "kinds = set(words)\nprint([kinds])\nn = len(kinds)\nn",
            "groups = defaultdict(set)\nfor word in words:\n    groups[word[0]].add(word)\nprint(dict(groups))\nsize = {k: len(v) for k, v in groups.items()}\nsize",
            "for key, group in groups.items():\n    print(key, sorted(group))\nfirst = sorted(kinds)[0]\nfirst",
            "line = f'of {kinds}'\nshort = f'{len(kinds)} of {len(words)}'\nshort",
            "kinds = sorted(kinds)\nprint(kinds)\nlast = kinds[-1]\nlast",
            answer="{{n}} kinds, the first is {{first}}.",
        ),
    ),
    study(
        "class_whose_text_is_its_id",
        "objects whose text is their id: a sum over them, their list, a copy with another text",
        f"{BOX}boxes = [Box(n) for n in (3, 5, 8)]",
        agent(
            "Add them up",
            "total = sum(box.n for box in boxes)\ntotal",
            "large = [box for box in boxes if box.n > 4]\nprint(large)\ncount = len(large)\ncount",
            "class Named(Box):\n    def __repr__(self):\n        return f'Named {self.n}'\nnamed = [Named(box.n) for box in boxes]\nnamed",
            answer="In all {{total}}, of {{len(boxes)}} boxes.",
        ),
    ),
)
