"""Everyday work with data of many kinds, in one process or two: sessions, cohorts, ledgers, archives, calendars, tests."""

import gzip
import json
import random

from real_runs.scenario import agent, call, study

_RNG = random.Random(1618)
BOTH = {"export": "2 --of 1,2", "pids": (1, 2)}
BOUGHT = "customer,day,eur\n" + "".join(
    f"c{_RNG.randrange(25):02d},2024-{_RNG.randrange(1, 7):02d}-{_RNG.randrange(1, 29):02d},{_RNG.uniform(3, 90):.2f}\n"
    for _ in range(160)
)
ACCESS = "".join(
    f'10.0.0.{_RNG.randrange(1, 6)} - - [0{1 + i // 40}/Mar/2024:{8 + i % 40 // 4:02d}:{_RNG.randrange(60):02d}:00 +0100] "GET /{_RNG.choice(["", "shop", "cart", "help"])} HTTP/1.1" {_RNG.choice([200, 200, 200, 304, 404])} {_RNG.randrange(90, 9000)}\n'
    for i in range(80)
)
BANK = [(f"R{n:03d}", _RNG.randrange(100, 99999)) for n in range(40)]
STATEMENT = "ref;amount\n" + "".join(f"{r};{a / 100:.2f}\n".replace(".", ",") for r, a in BANK if r[-1] != "7")
BOOKS = "ref,amount\n" + "".join(f"{r},{(a + (r[-1] == '3')) / 100:.2f}\n" for r, a in BANK if r[-1] != "5")
EVENTS = gzip.compress(
    "".join(
        json.dumps({"id": n, "user": {"name": _RNG.choice("uvw"), "tags": _RNG.sample(["a", "b", "c"], 2)}, "ms": _RNG.randrange(2000)}) + "\n"
        for n in range(60)
    ).encode(),
    mtime=0,
)  # fmt: skip
PAYROLL = "".join(
    f"{n:>4}{name:<10}{_RNG.randrange(180000, 620000):>8}\n"
    for n, name in enumerate(("Aoki", "Brandt", "Cissé", "Dvořák"), 1)
)
TRIPS = "line,minute,delay\n" + "".join(f"{_RNG.choice('RST')},{n * 7},{_RNG.randrange(-2, 15)}\n" for n in range(90))

DAILY = (
    study(
        "retention_by_cohort",
        "customers by the month of their first purchase: who came back, and how they rank",
        "import pandas as pd\nbought = pd.read_csv('bought.csv', parse_dates=['day'])",
        agent(
            "How many come back?",
            "bought['month'] = bought['day'].dt.to_period('M')\nbought['first'] = bought.groupby('customer')['month'].transform('min')\nbought.dtypes",
            "age = (bought['month'] - bought['first']).map(lambda d: d.n)\ncohorts = bought.groupby(['first', age])['customer'].nunique().unstack(fill_value=0)\ncohorts",
            "rfm = bought.groupby('customer').agg(last=('day', 'max'), n=('day', 'size'), eur=('eur', 'sum'))\nrfm['class'] = pd.qcut(rfm['eur'], 4, labels=list('DCBA'))\nrfm.sort_values('eur', ascending=False).head(3)",
            answer="{{len(rfm)}} customers, {{(rfm['class'] == 'A').sum()}} of them A; the best spent {{rfm['eur'].max():,.2f}} €.",
        ),
        files={"bought.csv": BOUGHT},
        also=("bought",),
    ),
    study(
        "sessions_of_a_log",
        "lines of a web server's log taken apart and put into sessions; the user leaves out an address between",
        'import re\nimport pandas as pd\nLINE = re.compile(r\'(?P<ip>\\S+) - - \\[(?P<at>[^]]+)\\] "(?P<verb>\\w+) (?P<page>\\S+) [^"]+" (?P<status>\\d+) (?P<size>\\d+)\')',
        agent(
            "Take it apart",
            "hits = pd.DataFrame([LINE.match(l).groupdict() for l in open('access.log')])\nhits['at'] = pd.to_datetime(hits['at'], format='%d/%b/%Y:%H:%M:%S %z')\nhits = hits.astype({'status': int, 'size': int}).sort_values(['ip', 'at'], ignore_index=True)\nhits.shape",
            answer="{{len(hits)}} hits by {{hits['ip'].nunique()}} addresses, {{(hits['status'] == 404).mean():.1%}} not found.",
        ),
        "hits = hits[hits['ip'] != '10.0.0.1'].copy()",
        agent(
            "Sessions of half an hour",
            "new = hits.groupby('ip')['at'].diff() > pd.Timedelta('30min')\nhits['session'] = new.groupby(hits['ip']).cumsum()\nsessions = hits.groupby(['ip', 'session']).agg(pages=('page', 'size'), bytes=('size', 'sum'))\nsessions.describe()",
            answer="{{len(sessions)}} sessions, {{sessions['pages'].mean():.2f}} pages each; {{hits['at'].max():%d.%m. %H:%M}} was the last.",
        ),
        files={"access.log": ACCESS},
        also=("hits",),
        **BOTH,
    ),
    study(
        "bank_against_books",
        "a bank's statement with decimal commas against the books, to the cent",
        "import pandas as pd\nfrom decimal import Decimal\nbank = pd.read_csv('statement.csv', sep=';', decimal=',')\nbooks = pd.read_csv('books.csv')",
        agent(
            "What does not agree?",
            "both = bank.merge(books, on='ref', how='outer', suffixes=('_bank', '_books'), indicator=True)\nboth['_merge'].value_counts()",
            "off = both.query(\"_merge == 'both' and (amount_bank - amount_books).abs() > 0.001\")\noff",
            "exact = sum((Decimal(str(v)) for v in bank['amount']), Decimal())\nexact",
            answer="{{len(off)}} differ, {{(both['_merge'] != 'both').sum()}} stand on one side only; the bank has {{exact:,}} €.",
        ),
        files={"statement.csv": STATEMENT, "books.csv": BOOKS},
    ),
    study(
        "events_in_an_archive",
        "compressed lines of JSON, made flat, exploded and counted; written back compressed",
        "import gzip, json\nimport pandas as pd",
        agent(
            "Which tag is slow?",
            "with gzip.open('events.jsonl.gz', 'rt') as f:\n    events = pd.json_normalize([json.loads(l) for l in f])\nevents.columns.tolist()",
            "by_tag = events.explode('user.tags').groupby('user.tags')['ms'].agg(['median', 'max', 'size'])\nby_tag",
            "by_tag.to_csv('by_tag.csv.gz')\nback = pd.read_csv('by_tag.csv.gz', index_col=0)\nbool((back == by_tag).all().all())",
            answer="{{by_tag['median'].idxmax()}}, with {{by_tag['median'].max():,.1f}} ms.",
        ),
        files={"events.jsonl.gz": EVENTS},
        skip=("f",),
    ),
    study(
        "payroll_to_sheets",
        "columns of fixed width to a workbook of two sheets, which the next process reads",
        "import pandas as pd\npay = pd.read_fwf('payroll.txt', widths=[4, 10, 8], names=['id', 'name', 'cents'])",
        agent(
            "Write the sheets",
            "pay['eur'] = pay.pop('cents') / 100\nwith pd.ExcelWriter('pay.xlsx') as book:\n    pay.to_excel(book, sheet_name='All', index=False)\n    pay[pay['eur'] > 2470].to_excel(book, sheet_name='High', index=False)\npay",
        ),
        agent(
            "Read them",
            "sheets = pd.read_excel('pay.xlsx', sheet_name=None)\n{k: len(v) for k, v in sheets.items()}",
            "names = sheets['High']['name'].tolist()\nnames",
            answer="{{len(names)}} of {{len(pay)}} earn more than 2,470 €: {{', '.join(names)}}.",
        ),
        files={"payroll.txt": PAYROLL},
        skip=("book",),
        also=("pay",),
        **BOTH,
    ),
    study(
        "delays_in_duckdb",
        "a file asked by duckdb with windows, stored as parquet, and read by another process",
        "import duckdb",
        agent(
            "Which line is late?",
            "late = duckdb.sql(\"select line, round(avg(delay), 3) as mean, quantile_cont(delay, 0.9) as p90 from 'trips.csv' group by line order by line\").df()\nlate",
            "duckdb.sql(\"copy (select *, delay - lag(delay) over (partition by line order by minute) as step from 'trips.csv') to 'steps.parquet'\")\ndone = True\ndone",
            answer="{{late.loc[late['mean'].idxmax(), 'line']}}, by {{late['mean'].max():.2f}} min.",
        ),
        agent(
            "Where does it jump?",
            "jumps = duckdb.sql(\"select line, max(step) as most from 'steps.parquet' group by line order by most desc, line\").fetchall()\njumps",
            answer="{{jumps[0][0]}}: {{jumps[0][1]:+d}} min.",
        ),
        files={"trips.csv": TRIPS},
        **BOTH,
    ),
    study(
        "permutation_test",
        "two groups compared by permutations from a seeded generator, with small multiples of figures",
        "import numpy as np\nimport matplotlib.pyplot as plt\nrng = np.random.default_rng(seed=99)\nold, new = rng.normal(20, 3, 25), rng.normal(20.5, 3, 25)",
        agent(
            "Is it chance?",
            "pool = np.concatenate([old, new])\nseen = new.mean() - old.mean()\ndrawn = np.array([(p := rng.permutation(pool))[25:].mean() - p[:25].mean() for _ in range(400)])\np_value = float((np.abs(drawn) >= abs(seen)).mean())\np_value",
            "fig, axes = plt.subplots(1, 3, figsize=(6, 2), sharey=True)\nfor ax, (name, data) in zip(axes, {'old': old, 'new': new, 'drawn': drawn}.items()):\n    ax.hist(data, bins=8)\n    ax.set_title(name)\nplt.show()",
            answer="A difference of {{seen:.2f}}, by chance in {{p_value:.1%}} of {{len(drawn)}} draws.",
        ),
        skip=("p", "ax", "fig", "axes", "name", "data"),
        also=("rng",),
    ),
    study(
        "transport_and_decay",
        "scipy: goods sent at the least cost, a differential equation, blobs of a picture counted",
        "import numpy as np\nfrom scipy import integrate, ndimage, optimize\ncost = np.array([4.0, 6, 9, 5, 3, 8])\nsupply, demand = [40, 30], [20, 25, 25]",
        agent(
            "Send it and let it cool",
            "a = np.vstack([np.kron(np.eye(2), np.ones(3)), np.kron(np.ones(2), np.eye(3))])\nplan = optimize.linprog(cost, A_eq=a, b_eq=supply + demand).x.round(6)\nplan",
            "cooling = integrate.solve_ivp(lambda t, y: -0.3 * (y - 20), (0, 10), [90.0], t_eval=[0, 5, 10]).y[0].round(4)\ncooling",
            "labels, blobs = ndimage.label(np.add.outer(np.arange(8), np.arange(8)) % 5 == 0)\nblobs",
            answer="It costs {{cost @ plan:.2f}}; after 10 min {{cooling[-1]:.1f}} °C; {{blobs}} blobs.",
        ),
    ),
    study(
        "polars_windows",
        "polars: groups by time, ranks in windows, a join to the nearest, names of columns by a pattern",
        "import polars as pl\nfrom datetime import datetime, timedelta\nstart = datetime(2024, 3, 30, 22)\npower = pl.DataFrame({'at': [start + timedelta(minutes=20 * i) for i in range(30)], 'site': ['x', 'y', 'z'] * 10, 'kw_a': [i * 7 % 11 for i in range(30)], 'kw_b': [i * 5 % 13 for i in range(30)]})",
        agent(
            "Which site is first?",
            "hours = power.group_by_dynamic('at', every='3h').agg(pl.col('^kw_.*$').sum())\nhours",
            "ranked = power.with_columns(pl.col('kw_a').rank('dense', descending=True).over('site').alias('rank')).filter(pl.col('rank') == 1).select('site', 'kw_a').unique(maintain_order=True)\nranked",
            "tariff = pl.DataFrame({'at': [start, start + timedelta(hours=4)], 'ct': [21.5, 34.0]})\npriced = power.join_asof(tariff, on='at')\nround(float((priced['kw_a'] * priced['ct']).sum()), 2)",
            answer="{{hours.height}} spans; {{ranked['site'][0]}} first; {{priced['ct'].mean():.2f}} ct on average.",
        ),
    ),
    study(
        "shifts_over_the_clock_change",
        "night shifts over the change of the clocks: zones, rules of repetition, hours that are not there",
        "from datetime import datetime, timedelta\nfrom zoneinfo import ZoneInfo\nimport pandas as pd\nfrom dateutil.rrule import rrule, WEEKLY, SA\nTZ = ZoneInfo('Europe/Paris')",
        agent(
            "How long are the nights?",
            "nights = [(d.replace(tzinfo=TZ), (d + timedelta(hours=8)).replace(tzinfo=TZ)) for d in rrule(WEEKLY, byweekday=SA, count=4, dtstart=datetime(2024, 3, 16, 23))]\nlen(nights)",
            "hours = [(b.timestamp() - a.timestamp()) / 3600 for a, b in nights]\nhours",
            "index = pd.date_range('2024-10-27', periods=6, freq='h', tz='Europe/Paris')\n[t.isoformat() for t in index]",
            answer="{{sum(hours):.1f}} h in {{len(hours)}} nights; the first begins {{nights[0][0]:%a %d %b, %H:%M %Z}}.",
        ),
    ),
    study(
        "model_learned_in_parts",
        "scikit-learn: a transformer by columns, and a model that two processes teach in turn",
        "import numpy as np\nimport pandas as pd\nfrom sklearn.compose import make_column_transformer\nfrom sklearn.linear_model import SGDRegressor\nfrom sklearn.preprocessing import OneHotEncoder, StandardScaler\n"
        "rng = np.random.default_rng(31)\nflats = pd.DataFrame({'m2': rng.uniform(20, 120, 80).round(1), 'floor': rng.integers(0, 6, 80), 'part': rng.choice(['east', 'west'], 80)})\nrent = flats['m2'] * 11 + (flats['part'] == 'west') * 90 + rng.normal(0, 20, 80)\nmodel = SGDRegressor(random_state=0)",
        agent(
            "Learn the first half",
            "columns = make_column_transformer((StandardScaler(), ['m2', 'floor']), (OneHotEncoder(), ['part']))\nX = columns.fit_transform(flats)\nX.shape",
            "model.partial_fit(X[:40], rent[:40])\nfirst = model.score(X[40:], rent[40:])\nround(first, 6)",
            answer="R² {{first:.3f}} after {{40}} flats.",
        ),
        "learned = model.coef_.copy()",
        agent(
            "Learn the rest",
            "for _ in range(5):\n    model.partial_fit(X[40:], rent[40:])\nsecond = model.score(X, rent)\nround(second, 6)",
            "moved = float(np.abs(model.coef_ - learned).max())\nround(moved, 6)",
            answer="R² {{second:.3f}}, after {{model.t_:.0f}} steps.",
        ),
        skip=("columns",),
        also=("learned",),
        **BOTH,
    ),
    study(
        "letters_to_customers",
        "names that are nearly the same, letters by a template, SQL over the table, a report in files",
        "import difflib\nfrom pathlib import Path\nimport pandas as pd\nfrom jinja2 import Template\nleads = pd.DataFrame({'name': ['Meyer Ltd', 'Meier Ltd.', 'Nord AS', 'Norð AS', 'Quay & Co'], 'owed': [120.0, 80.5, 0.0, 15.0, 300.0]})",
        agent(
            "Who is who?",
            "kept = []\nfor name in leads['name']:\n    if not difflib.get_close_matches(name, kept, cutoff=0.8):\n        kept.append(name)\nkept",
            "leads['same'] = [difflib.get_close_matches(n, kept, n=1, cutoff=0.8)[0] for n in leads['name']]\nleads",
            call(
                "sql",
                query="select same, sum(owed) as owed from leads group by same having sum(owed) > 0 order by owed desc",
                into="debts",
            ),
            "letter = Template('Dear all,{% for r in rows %}\\n{{ r.same }}: {{ \"%.2f\" % r.owed }}{% endfor %}').render(rows=debts.to_dict('records'))\nPath('letters').mkdir()\nPath('letters/all.txt').write_text(letter)\nprint(letter)",
            "lines = Path('letters/all.txt').read_text().splitlines()\nlen(lines)",
            options="-a auto -t sql",
            answer="{{len(debts)}} letters over {{debts['owed'].sum():,.2f}} €, the first to {{debts['same'][0]}}.",
        ),
        skip=("name",),
        also=("leads",),
    ),
)
