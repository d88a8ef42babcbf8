"""Tables: pandas and polars, after their docstrings and guides."""

from real_runs.scenario import LOOK, agent, study

SALES = "region,month,amount,units\n" + "".join(
    f"{r},{m},{(i * 37 % 101) + 0.5},{i % 7 + 1}\n"
    for i, (r, m) in enumerate((r, m) for r in ("north", "south", "west") for m in range(1, 9))
)
PEOPLE = "region,manager\nnorth,Ada\nsouth,Bo\nwest,Cy\n"
PANDAS = "import pandas as pd"

TABLES = (
    study(
        "pandas_group",
        "pandas: group, mean and the highest, from a file",
        PANDAS,
        "sales = pd.read_csv('sales.csv')\nsales.head()",
        agent(
            "What is the mean amount by region?",
            "means = sales.groupby('region')['amount'].mean().round(2)\nmeans",
            "best = means.idxmax()\nprint(best, means.max())\nbest",
            answer="The highest mean is in {{best}}.",
        ),
        files={"sales.csv": SALES},
    ),
    study(
        "pandas_merge_pivot",
        "pandas: two files, merged and pivoted; an unused copy",
        "import pandas as pd\nfrom pathlib import Path\nDATA = Path('data')",
        "sales = pd.read_csv(DATA / 'sales.csv')\npeople = pd.read_csv('data/people.csv')\nunused = sales.copy()",
        agent(
            "Amount by manager and month",
            "both = sales.merge(people, on='region', how='left')\nprint(len(both))\nboth.shape",
            "table = both.pivot_table(index='manager', columns='month', values='amount', aggfunc='sum')\ntable",
        ),
        files={"data/sales.csv": SALES, "data/people.csv": PEOPLE},
    ),
    study(
        "pandas_in_place",
        "pandas: changes in place whose order matters, before, within and after",
        "import pandas as pd\ndf = pd.DataFrame({'v': [1.0, None, 3.0, 4.0], 'k': list('abab')})",
        "df['v'] = df['v'].fillna(2.0)",
        "alias = df\nalias.loc[len(alias)] = [10.0, 'c']",
        agent(
            "Clean it step by step",
            "df['v'] += 1\ndf['v'].sum()",
            "df['v'] *= df['v'].iloc[0]\ndf",
            "df.drop(index=0, inplace=True)\ndf.columns = ['value', 'k']\ndf",
            "total = df['value'].sum()\ntotal",
        ),
        LOOK,
        "df['value'] = 0\ntotal = -1",
    ),
    study(
        "pandas_multiindex",
        "pandas: a frame with levels, swapped, sorted and summed by level",
        "import pandas as pd\nindex = pd.MultiIndex.from_product([['a', 'b'], [1, 2, 3]], names=['letter', 'number'])",
        "frame = pd.DataFrame({'x': range(6), 'y': [v * 1.5 for v in range(6)]}, index=index)",
        agent(
            "Sum by number",
            "swapped = frame.swaplevel().sort_index()\nswapped",
            "by_number = frame.groupby(level='number').sum()\nby_number",
            "corner = float(frame.loc[('b', 3), 'y'])\ncorner",
        ),
        also=("frame",),
    ),
    study(
        "pandas_wide_columns",
        "pandas: stacked and unstacked, with levels in the columns",
        PANDAS,
        "long = pd.DataFrame({'city': ['Ulm', 'Ulm', 'Bonn', 'Bonn'], 'year': [2020, 2021] * 2, 'n': [1, 2, 3, 4], 'm': [.1, .2, .3, .4]})",
        agent(
            "Make it wide and long again",
            "wide = long.set_index(['city', 'year']).unstack('year')\nwide",
            "back = wide.stack('year').reset_index()\nback",
            "melted = long.melt(id_vars=['city', 'year'])\nmelted.tail(3)",
        ),
    ),
    study(
        "pandas_categories",
        "pandas: ordered categories, cut and counted",
        PANDAS,
        "ages = pd.Series([3, 17, 18, 40, 65, 90], name='age')",
        agent(
            "How many in each group?",
            "groups = pd.cut(ages, bins=[0, 17, 64, 120], labels=['child', 'adult', 'old'])\ngroups",
            "counts = groups.value_counts(sort=False)\ncounts",
            "oldest = str(groups.max())\noldest",
        ),
    ),
    study(
        "pandas_resample",
        "pandas: days to weeks, a rolling mean, a time zone",
        "import pandas as pd\nimport numpy as np",
        "days = pd.date_range('2024-01-01', periods=28, freq='D', tz='Europe/Berlin')\nseries = pd.Series(np.arange(28) ** 1.5, index=days)",
        agent(
            "Weekly sums",
            "weekly = series.resample('W').sum().round(3)\nweekly",
            "smooth = series.rolling(7).mean().dropna()\nsmooth.iloc[[0, -1]]",
            "utc = weekly.index.tz_convert('UTC')[0]\nutc",
        ),
    ),
    study(
        "pandas_text_columns",
        "pandas: text columns split, extracted and exploded",
        PANDAS,
        "raw = pd.DataFrame({'who': ['Ada Lovelace; 1815', 'Alan Turing; 1912'], 'tags': ['math,engine', 'math,code,war']})",
        agent(
            "Tidy the columns",
            "parts = raw['who'].str.extract(r'(?P<first>\\w+) (?P<last>\\w+); (?P<born>\\d+)')\nparts['born'] = parts['born'].astype(int)\nparts",
            "tags = raw['tags'].str.split(',').explode()\ntags.tolist()",
            "common = tags.value_counts().idxmax()\ncommon",
        ),
    ),
    study(
        "pandas_missing",
        "pandas: gaps filled, nullable integers, a chain of calls",
        "import pandas as pd\nimport numpy as np",
        "readings = pd.DataFrame({'t': [1, 2, 3, 4, 5], 'v': [1.0, np.nan, np.nan, 4.0, np.nan], 'n': pd.array([1, None, 3, None, 5], dtype='Int64')})",
        agent(
            "Fill the gaps",
            "filled = readings.assign(v=readings['v'].interpolate(), n=lambda d: d['n'].fillna(0))\nfilled",
            "gaps = readings.isna().sum()\ngaps",
            "kinds = {c: str(t) for c, t in filled.dtypes.items()}\nkinds",
        ),
    ),
    study(
        "pandas_apply",
        "pandas: the user's function applied by rows, and changed in between",
        "import pandas as pd\nRATE = 0.19\ndef tax(price):\n    return round(price * RATE, 2)",
        "shop = pd.DataFrame({'item': ['pen', 'book'], 'price': [2.0, 30.0]})",
        agent("Add the tax", "shop['tax'] = shop['price'].apply(tax)\nshop", "before = shop['tax'].sum()\nbefore"),
        "RATE = 0.07",
        agent(
            "Again with the new rate",
            "shop['tax'] = shop['price'].apply(tax)\nshop",
            "after = shop['tax'].sum()\nafter",
        ),
    ),
    study(
        "pandas_style",
        "pandas: a styled table, which needs a package that no cell imports",
        PANDAS,
        "grades = pd.DataFrame({'name': ['Ada', 'Bo'], 'grade': [1.3, 2.7]})",
        agent(
            "Show it nicely",
            "html = grades.style.format({'grade': '{:.2f}'}).hide(axis='index').to_html(uuid='t')\nhtml.count('<td')",
            "best = grades.loc[grades['grade'].idxmin(), 'name']\nbest",
        ),
    ),
    study(
        "pandas_alias_views",
        "pandas: a copy, an alias and a column that is written through",
        "import pandas as pd\nbase = pd.DataFrame({'a': [1, 2, 3]})\nsame = base\ncopied = base.copy()",
        agent(
            "Change it",
            "same.loc[0, 'a'] = 100\nbase['a'].tolist()",
            "copied.loc[1, 'a'] = -5\nsums = (int(base['a'].sum()), int(copied['a'].sum()))\nsums",
        ),
        also=("base", "same"),
    ),
    study(
        "pandas_get_dummies",
        "pandas: dummies, correlation, quantiles, ranks",
        "import pandas as pd\npets = pd.DataFrame({'kind': ['cat', 'dog', 'cat', 'eel'], 'kg': [4.0, 20.0, 5.5, 1.0], 'age': [3, 9, 7, 1]})",
        agent(
            "Describe the pets",
            "dummies = pd.get_dummies(pets, columns=['kind'], dtype=int)\ndummies",
            "corr = pets[['kg', 'age']].corr()\ncorr",
            "quart = pets['kg'].quantile([0.25, 0.5, 0.75])\nranks = pets['kg'].rank()\nquart",
        ),
    ),
    study(
        "polars_group",
        "polars: group, join and a lazy query",
        "import polars as pl\nfruit = pl.DataFrame({'fruit': ['fig', 'fig', 'kiwi', 'plum'], 'g': [50, 61, 80, 75], 'c': [0.5, 0.6, 0.7, 0.4]})",
        agent(
            "Weigh the fruit",
            "heavy = fruit.group_by('fruit', maintain_order=True).agg(pl.col('g').sum(), pl.col('c').mean())\nheavy",
            "lazy = fruit.lazy().filter(pl.col('g') > 55).with_columns((pl.col('g') * 2).alias('gg')).collect()\nlazy",
            "names = lazy['fruit'].to_list()\nnames",
        ),
    ),
    study(
        "duckdb_frames",
        "duckdb: SQL over the user's frame, by its name",
        "import duckdb\nimport pandas as pd\nrides = pd.DataFrame({'bike': ['x', 'y', 'x', 'z'], 'km': [1.5, 3.0, 2.5, 7.0]})",
        agent(
            "Kilometres by bike",
            "km = duckdb.sql('select bike, sum(km) as km from rides group by bike order by bike').df()\nkm",
            "far = duckdb.sql('select max(km) from km').fetchone()[0]\nfar",
        ),
    ),
)
