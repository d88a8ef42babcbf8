"""A working week: exports of branches, meters, churn, audits, figures, second thoughts, further questions, a module."""

import random

from real_runs.cases.decided import ASKS, LAST
from real_runs.scenario import agent, call, plan, study, user

_RNG = random.Random(2718)
BRANCHES = {
    "in/bremen.csv": "Datum;Artikel;Menge;Preis\n" + "".join(f"{1 + n % 28:02d}.05.2024;{_RNG.choice(['Öl', 'Mehl', 'Salz'])};{_RNG.randrange(1, 9)};{_RNG.uniform(1, 9):.2f}\n" for n in range(40)),
    "in/lyon.csv": "date,item,qty,price\n" + "".join(f"2024-05-{1 + n % 28:02d},{_RNG.choice(['oil', 'flour', 'salt'])},{_RNG.randrange(1, 9)},{_RNG.uniform(1, 9):.2f}\n" for n in range(40)),
    "in/names.json": '{"Öl": "oil", "Mehl": "flour", "Salz": "salt"}',
}  # fmt: skip
METER = "at,kwh\n" + "".join(
    f"2024-10-{26 + h // 24}T{h % 24:02d}:00:00Z,{_RNG.uniform(0.1, 2.4):.3f}\n" for h in range(96)
)
CHURN = "id,age,plan,calls,left\n" + "".join(
    f"{n},{_RNG.randrange(18, 80)},{_RNG.choice(['basic', 'plus', 'pro'])},{_RNG.randrange(0, 40)},{int(_RNG.random() < 0.35)}\n"
    for n in range(240)
)
INVOICES = "no,customer,day,net\n" + "".join(
    f"{1000 + n},{_RNG.choice(['Arl', 'Bode', 'Cix'])},2024-0{_RNG.randrange(1, 7)}-{_RNG.randrange(10, 29)},{_RNG.randrange(100, 9000) / 10}\n"
    for n in range(90)
)
BUOY = "at,wave,wind\n" + "".join(
    f"2024-02-{1 + n // 8:02d} {n % 8 * 3:02d}:00,{_RNG.uniform(0.3, 4):.2f},{_RNG.uniform(1, 18):.1f}\n"
    for n in range(96)
)
MODULE = (
    "from .rates import RATES\n\n\ndef net(gross, country='DE'):\n    return round(gross / (1 + RATES[country]), 2)\n"
)
SURVEY = "month,band,score\n" + "".join(
    f"2023-{1 + n % 12:02d},{_RNG.choice(['low', 'mid', 'high'])},{_RNG.randrange(1, 11)}\n" for n in range(150)
)

WORKDAY = (
    study(
        "branches_in_two_languages",
        "files of two branches with other names, separators and dates, made one, by names in JSON; written and read back",
        "import json\nfrom pathlib import Path\nimport pandas as pd\nIN = Path('in')",
        agent(
            "Make one table of both",
            "names = json.loads((IN / 'names.json').read_text('utf-8'))\nfrench = pd.read_csv(IN / 'lyon.csv', parse_dates=['date'])\ngerman = pd.read_csv(IN / 'bremen.csv', sep=';', parse_dates=['Datum'], dayfirst=True).set_axis(['date', 'item', 'qty', 'price'], axis=1)\ngerman['item'] = german['item'].map(names)\nlen(french), len(german)",
            "both = pd.concat({'Lyon': french, 'Bremen': german}, names=['branch']).reset_index(level=0).drop_duplicates()\nboth['eur'] = (both.pop('price') * both['qty']).round(2)\nboth.groupby(['branch', 'item'])['eur'].agg(['sum', 'count'])",
            "out = Path('out')\nout.mkdir(exist_ok=True)\nfor name, part in both.groupby('branch'):\n    part.to_csv(out / f'{name.lower()}.csv', index=False)\nback = sum(len(pd.read_csv(p)) for p in sorted(out.glob('*.csv')))\nback",
            answer="{{len(both)}} lines worth {{both['eur'].sum():,.2f}} €; {{both.groupby('branch')['eur'].sum().idxmax()}} sold more. The files hold {{back}} lines.",
        ),
        files=BRANCHES,
        skip=("name", "part"),
    ),
    study(
        "meter_over_the_change_of_clocks",
        "hourly readings in UTC, told in local time over the night that has an hour twice; the user looks at noon",
        "import pandas as pd\nmeter = pd.read_csv('meter.csv', parse_dates=['at'])",
        agent(
            "How much a local day?",
            "local = meter.set_index('at')['kwh'].sort_index().tz_convert('Europe/Berlin')\nlocal.index[[0, -1]]",
            "daily = local.resample('D').agg(['sum', 'size'])\ndaily",
            "longest = daily['size'].idxmax()\nlongest",
            answer="{{longest:%d %B}} had {{daily['size'].max()}} hours; in all {{local.sum():.2f}} kWh, most on {{daily['sum'].idxmax():%A}}.",
        ),
        "noon = local.between_time('12:00', '13:00')\nnoon.head()",
        agent(
            "And at noon?",
            "share = noon.sum() / local.sum()\nround(share, 6)",
            answer="{{share:.1%}} of it, in {{len(noon)}} readings.",
        ),
        files={"meter.csv": METER},
        export="2 --of 1,2",
        pids=(1, 2),
    ),
    study(
        "who_will_leave",
        "scikit-learn: a pipeline over columns, a search over a grid, a report as text; seeds are given",
        "import pandas as pd\nchurn = pd.read_csv('churn.csv', index_col='id')",
        agent(
            "Who leaves?",
            plan(("Split", "len(train) > len(test)"), ("Search", "search.best_score_ > 0.4"), ("Judge", "")),
            "from sklearn.model_selection import train_test_split\ntrain, test = train_test_split(churn, test_size=0.25, random_state=11, stratify=churn['left'])\ntrain.shape, test.shape",
            "from sklearn.compose import ColumnTransformer\nfrom sklearn.linear_model import LogisticRegression\nfrom sklearn.model_selection import GridSearchCV\nfrom sklearn.pipeline import Pipeline\nfrom sklearn.preprocessing import OneHotEncoder, StandardScaler\nprepare = ColumnTransformer([('num', StandardScaler(), ['age', 'calls']), ('cat', OneHotEncoder(), ['plan'])])\npipe = Pipeline([('prepare', prepare), ('model', LogisticRegression(max_iter=500))])\nsearch = GridSearchCV(pipe, {'model__C': [0.1, 1.0, 10.0]}, cv=4).fit(train.drop(columns='left'), train['left'])\nsearch.best_params_, round(search.best_score_, 6)",
            "tried = pd.DataFrame(search.cv_results_)\nscores = pd.DataFrame(search.cv_results_)[['param_model__C', 'mean_test_score']]\nfrom sklearn.metrics import confusion_matrix, classification_report\nguess = search.predict(test.drop(columns='left'))\nmatrix = confusion_matrix(test['left'], guess)\nprint(classification_report(test['left'], guess, zero_division=0))\nmatrix",
            answer="{{(guess == test['left']).mean():.1%}} of {{len(test)}} are right (C = {{search.best_params_['model__C']}}); {{matrix[1, 0]}} who left were missed.",
        ),
        files={"churn.csv": CHURN},
        skip=("prepare", "pipe"),
    ),
    study(
        "audit_in_sql_and_python",
        "queries with WITH and windows by the tool, Python between them, and a query over what Python made",
        "import pandas as pd\ninvoices = pd.read_csv('invoices.csv', parse_dates=['day'])",
        agent(
            "Which month is odd?",
            call(
                "sql",
                query="WITH Monthly AS (SELECT customer, month(day) AS m, sum(net) AS net FROM invoices GROUP BY ALL)\nSELECT customer, m, net, net - lag(net) OVER (PARTITION BY customer ORDER BY m) AS step\nFROM Monthly ORDER BY customer, m",
                into="monthly",
            ),
            "monthly['odd'] = monthly['step'].abs() > monthly['step'].abs().quantile(0.9)\nmonthly['odd'].sum()",
            call(
                "sql",
                query="select m, count(*) as n, round(sum(net), 2) as net, round(avg(net), 2) as mean, max(net) as most, min(net) as least from monthly where odd group by m order by m",
            ),
            "odd = monthly[monthly['odd']].sort_values(['customer', 'm'], ignore_index=True)\nodd",
            answer="{{len(odd)}} months are odd, first {{odd['customer'][0]}} in month {{odd['m'][0]}}; in all {{invoices['net'].sum():,.2f}} net.",
            options="-a auto -t sql",
        ),
        files={"invoices.csv": INVOICES},
    ),
    study(
        "figures_of_a_buoy",
        "a figure with two scales, saved and shown; a second one by pandas; what stands in the file is read again",
        "import pandas as pd\nimport matplotlib.pyplot as plt\nbuoy = pd.read_csv('buoy.csv', parse_dates=['at'], index_col='at')",
        agent(
            "Draw the storm",
            "storm = buoy['wave'].rolling('24h').mean().idxmax()\nstorm",
            "fig, left = plt.subplots(figsize=(5, 2.5))\nbuoy['wave'].plot(ax=left, color='C0')\nright = left.twinx()\nbuoy['wind'].plot(ax=right, color='C3', alpha=0.4)\nleft.axvline(storm, color='k', lw=0.8)\nleft.set_ylabel('m')\nfig.savefig('storm.png', dpi=60)\nplt.show()",
            "from PIL import Image\nsize = Image.open('storm.png').size\nsize",
            "ax = buoy.resample('W').max().plot.bar(figsize=(4, 2))\nax.set_title('Weekly maxima')\nplt.show()",
            answer="The storm was on {{storm:%d %B at %H:%M}}, with waves of {{buoy.loc[storm, 'wave']:.2f}} m; the picture has {{size[0]}} × {{size[1]}} points.",
        ),
        files={"buoy.csv": BUOY},
        skip=("fig", "left", "right", "ax"),
    ),
    study(
        "second_thoughts",
        "two of four steps are undone in the midst; the user cleans by hand; the next process goes on from there",
        "orders = [{'no': n, 'eur': e} for n, e in enumerate([12.5, 0, 99.0, 12.5, 7, 0, 250.0])]",
        agent(
            "Clean them",
            "known = {o['no']: o['eur'] for o in orders}\nlen(known)",
            "paid = [o for o in orders if o['eur']]\nlen(paid)",
            "for o in paid:\n    o['eur'] = round(o['eur'] * 1.19, 2)\npaid[0]",
            "paid.sort(key=lambda o: -o['eur'])\ntop = paid[0]['no']\ntop",
            answer="The largest is order {{top}}, with {{max(o['eur'] for o in paid):.2f}} €.",
        ),
        "%agent undo 1 --to r3.0",
        "paid = [o for o in paid if o['eur'] < 200]\nsum(o['eur'] for o in paid)",
        agent(
            "And now?",
            "vat = {o['no']: round(o['eur'] * 0.19, 2) for o in paid}\nvat",
            answer="{{sum(vat.values()):.2f}} € of VAT on {{len(paid)}} orders.",
        ),
        also=("orders", "paid"),
    ),
    study(
        "code_mended_by_the_user",
        "a person mends the code of two steps before they approve them, one of them over a text",
        "lines = ['2024-03-01 INFO start', '2024-03-01 WARN disk 91%', '2024-03-02 WARN disk 97%', '2024-03-02 ERROR full']",
        agent(
            "How full was it?",
            "import re\nfull = [int(m[1]) for line in lines if (m := re.search(r'(\\d)%', line))]\nfull",
            "days = sorted({line.split()[1] for line in lines})\ndays",
            options="-a step",
            answer="At most {{max(full)}} %, on {{len(days)}} days.",
            raises=ASKS,
        ),
        "%agent edit 1 r1.0 \"import re; full = [int(m[1]) for line in lines if (m := re.search(r'(\\d+)%', line))]; full\"",
        "%agent approve 1 r1.0",
        user("%agent resume 1", f"{ASKS}|"),
        '%agent edit 1 r2.0 "days = sorted({line.split()[0] for line in lines}); days"',
        "%agent approve 1 r2.0",
        LAST,
        skip=("m",),
    ),
    study(
        "asked_further",
        "after its answer a process is asked further, twice; the user changes nothing",
        "import pandas as pd\nrain = pd.Series([3.2, 0, 0, 11.4, 7.1, 0, 1.3], index=pd.date_range('2024-04-01', periods=7), name='mm')",
        agent(
            "How many dry days?",
            "dry = rain[rain == 0]\nlen(dry)",
            {"text": "{{len(dry)}} days were dry."},
            "wettest = rain.idxmax()\nwettest",
            {"text": "The wettest was {{wettest:%A}}, with {{rain.max()}} mm."},
            "total = round(float(rain.sum()), 2)\ntotal",
            answer="{{total:.1f}} mm in all, {{rain.mean():.2f}} a day.",
        ),
        '%agent send 1 "And which was the wettest?"',
        user("%agent resume 1", "|UsageError"),
        '%agent send 1 "And in all?"',
        user("%agent resume 1", "|UsageError"),
    ),
    study(
        "failed_half_way_through_files",
        "a step fails after it has written a file and changed an object of the user's class; another way is taken",
        "import csv\nfrom dataclasses import dataclass, field\n\n@dataclass\nclass Shelf:\n    name: str\n    books: list = field(default_factory=list)\n    def add(self, title, pages):\n        if pages < 1:\n            raise ValueError(title)\n        self.books.append((title, pages))\n        return self\nshelf = Shelf('left')",
        agent(
            "Fill the shelf",
            "with open('books.csv', 'w', newline='') as f:\n    csv.writer(f).writerows([('Ada', 120), ('Bo', 0), ('Cy', 310)])\nfor title, pages in csv.reader(open('books.csv')):\n    shelf.add(title, int(pages))",
            "bad = []\nwith open('books.csv', 'w', newline='') as f:\n    csv.writer(f).writerows([('Ada', 120), ('Bo', 0), ('Cy', 310)])\nwith open('books.csv', newline='') as f:\n    for title, pages in csv.reader(f):\n        try:\n            shelf.add(title, int(pages))\n        except ValueError as error:\n            bad.append(str(error))\nshelf",
            "pages = sum(n for _, n in shelf.books)\npages, bad",
            answer="{{len(shelf.books)}} books, {{pages}} pages; not taken: {{', '.join(bad)}}.",
        ),
        also=("shelf",),
        skip=("f", "title", "error"),
    ),
    study(
        "own_package_reloaded",
        "a package of the user's with a relative import, which a cell changes and loads anew between two processes",
        "import importlib\nimport vat\nimport vat.rates\nvat.net(119)",
        agent(
            "Net of these",
            "nets = [vat.net(g) for g in (119, 238, 59.5)]\nnets",
            answer="{{sum(nets):.2f}} net.",
        ),
        "%%writefile vat/rates.py\nRATES = {'DE': 0.19, 'CH': 0.081}\n",
        "_ = importlib.reload(vat.rates), importlib.reload(vat)",
        agent(
            "And in Switzerland?",
            "swiss = vat.net(1081, 'CH')\nswiss",
            "least = min(vat.rates.RATES, key=vat.rates.RATES.get)\nleast",
            answer="{{swiss:,.2f}} net, at {{vat.rates.RATES['CH']:.1%}}; {{least}} has the least.",
        ),
        files={"vat/__init__.py": MODULE, "vat/rates.py": "RATES = {'DE': 0.19}\n"},
        pids=(2,),
    ),
    study(
        "bands_by_quarter",
        "periods and ordered categories: a table by quarter and band, with empty ones, stacked and compared",
        "import pandas as pd\nsurvey = pd.read_csv('survey.csv')\nBANDS = pd.CategoricalDtype(['low', 'mid', 'high', 'top'], ordered=True)",
        agent(
            "By quarter and band",
            "survey['month'] = pd.PeriodIndex(survey['month'], freq='M')\nsurvey['band'] = survey['band'].astype(BANDS)\nsurvey.dtypes",
            "table = survey.pivot_table(index=survey['month'].dt.asfreq('Q'), columns='band', values='score', aggfunc=['mean', 'size'], observed=False)\ntable.round(2)",
            "steps = table['mean'].diff().dropna(how='all', axis=1).stack().rename('step')\nsteps.idxmax()",
            "above = survey[survey['band'] > 'low'].groupby('band', observed=True)['score'].describe()\nabove",
            answer="Most rose {{steps.idxmax()[1]}} in {{steps.idxmax()[0]}}, by {{steps.max():+.2f}}; {{(survey['band'] == 'top').sum()}} are top, {{survey['band'].max()}} is the highest.",
        ),
        files={"survey.csv": SURVEY},
    ),
    study(
        "streams_of_chance",
        "generators spawned from one seed, the module's own state seeded by the user, a sample by pandas with a state",
        "import random\nimport numpy as np\nimport pandas as pd\nseeds = np.random.SeedSequence(20)\nstreams = [np.random.default_rng(s) for s in seeds.spawn(3)]\nrandom.seed('week')",
        agent(
            "Simulate",
            "walks = np.array([s.normal(0, 1, 250).cumsum() for s in streams])\nwalks.shape",
            "deck = list(range(52))\nrandom.shuffle(deck)\nhand = sorted(deck[:5])\nhand",
            "frame = pd.DataFrame(walks.T).sample(40, random_state=3, replace=True)\nlow, high = np.quantile(frame.to_numpy(), [0.05, 0.95])\nround(low, 6), round(high, 6)",
            answer="Between {{low:.2f}} and {{high:.2f}}; the hand sums to {{sum(hand)}}.",
        ),
        "last = streams[0].random()",
        agent("Go on", "more = streams[0].integers(100, size=3) + int(last * 10)\nmore", answer="{{more.sum()}}."),
        export="2 --of 1,2",
        pids=(1, 2),
    ),
)
