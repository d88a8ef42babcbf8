"""Sixty steps of ordinary data science, in six notebooks of ten, as people and models write them.

A step that writes a file begins with `ACTS`: in mode `risky` a person is asked before it. No other one should be asked
about or held. Each notebook finds the files of `lay` in its folder.
"""

import json
import sqlite3

ACTS = "#! "
TABLES = (
    "import pandas as pd\nsales = pd.read_csv('sales.csv', parse_dates=['day'])\nsales.head()",
    "sales.info()\nsales.describe(include='all')",
    "sales['price'] = sales['price'].fillna(sales.groupby('shop')['price'].transform('median'))\nsales.isna().sum()",
    "sales['revenue'] = sales.eval('units * price')\nby_shop = sales.groupby('shop').agg(total=('revenue', 'sum'), n=('units', 'size'))\nby_shop",
    "monthly = sales.set_index('day').resample('MS')['revenue'].sum()\nmonthly.pct_change().round(3)",
    "wide = sales.pivot_table(index='shop', columns=sales['day'].dt.month, values='revenue', aggfunc='sum', fill_value=0)\nwide",
    "shops = pd.read_json('shops.json')\njoined = sales.merge(shops, on='shop', how='left', validate='m:1', indicator=True)\njoined['_merge'].value_counts()",
    "top = joined.sort_values('revenue', ascending=False).groupby('town').head(2)[['town', 'shop', 'revenue']]\ntop",
    "def share(column):\n    return column / column.sum()\njoined['share'] = joined.groupby('town')['revenue'].transform(share)\njoined.groupby('town')['share'].sum()",
    ACTS + "by_shop.to_csv('by_shop.csv')",
)
FIGURES = (
    "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\nimport numpy as np\nrng = np.random.default_rng(7)\nx = rng.normal(size=500)",
    "fig, ax = plt.subplots(figsize=(6, 3))\nax.hist(x, bins=30, color='tab:blue')\nax.set(title='Draws', xlabel='x', ylabel='n')",
    "fig, axes = plt.subplots(2, 2, sharex=True, layout='constrained')\nfor k, ax in enumerate(axes.flat):\n    ax.plot(np.cumsum(rng.normal(size=100)))\n    ax.set_title(f'walk {k}')",
    "import io\nbuffer = io.BytesIO()\nfig.savefig(buffer, format='png', dpi=60)\nlen(buffer.getvalue()) > 1000",
    "plt.style.use('ggplot')\nplt.rcParams['axes.grid'] = True\nwith plt.style.context('dark_background'):\n    plt.figure()\n    plt.scatter(x[:50], x[50:100], c=x[:50], cmap='viridis')\n    plt.colorbar()",
    "import pandas as pd\npd.DataFrame({'a': x, 'b': x ** 2}).plot.scatter('a', 'b', alpha=.3)\npd.Series(x).plot.kde()",
    "plt.figure()\nplt.contourf(*np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-1, 1, 40)), rng.random((40, 40)))\nplt.title(r'$\\alpha^2$')",
    "from matplotlib import font_manager\nnames = sorted({f.name for f in font_manager.fontManager.ttflist})[:5]\nnames",
    "from PIL import Image\nimage = Image.fromarray((rng.random((32, 32, 3)) * 255).astype('uint8')).resize((64, 64)).convert('L')\nimage.size",
    ACTS + "fig.savefig('walks.png')\nplt.close('all')",
)
MODELS = (
    "import numpy as np\nimport pandas as pd\nfrom sklearn.datasets import load_iris, make_regression\nframe = load_iris(as_frame=True).frame\nframe.shape",
    "from sklearn.model_selection import train_test_split\ntrain, test = train_test_split(frame, test_size=.3, random_state=0, stratify=frame['target'])\nlen(train), len(test)",
    "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import StandardScaler\nfrom sklearn.linear_model import LogisticRegression\nmodel = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(train.drop(columns='target'), train['target'])",
    "from sklearn.metrics import classification_report, confusion_matrix\nguess = model.predict(test.drop(columns='target'))\nprint(classification_report(test['target'], guess))\nconfusion_matrix(test['target'], guess)",
    "from sklearn.model_selection import GridSearchCV\nsearch = GridSearchCV(model, {'logisticregression__C': [.1, 1, 10]}, cv=3).fit(train.drop(columns='target'), train['target'])\nsearch.best_params_",
    "from sklearn.ensemble import RandomForestClassifier\nforest = RandomForestClassifier(20, random_state=0, n_jobs=2).fit(train.drop(columns='target'), train['target'])\npd.Series(forest.feature_importances_, train.columns[:-1]).sort_values()",
    "from sklearn.decomposition import PCA\nfrom sklearn.cluster import KMeans\nparts = PCA(2).fit_transform(frame.drop(columns='target'))\nlabels = KMeans(3, n_init=3, random_state=0).fit_predict(parts)\nnp.bincount(labels)",
    "from sklearn.compose import ColumnTransformer\nfrom sklearn.preprocessing import OneHotEncoder\nmixed = frame.assign(kind=np.where(frame['target'] > 1, 'a', 'b'))\nColumnTransformer([('k', OneHotEncoder(), ['kind'])], remainder='passthrough').fit_transform(mixed).shape",
    "import pickle, copy\nsame = pickle.loads(pickle.dumps(forest))\nother = copy.deepcopy(model)\n(same.predict(test.drop(columns='target')) == forest.predict(test.drop(columns='target'))).all()",
    ACTS + "import joblib\njoblib.dump(model, 'model.joblib')",
)
NUMBERS = (
    "import numpy as np\nrng = np.random.default_rng(1)\na = rng.random((50, 50))\nq, r = np.linalg.qr(a)\nnp.allclose(q @ r, a)",
    "from scipy import stats\nleft, right = rng.normal(0, 1, 80), rng.normal(.3, 1, 80)\nstats.ttest_ind(left, right, equal_var=False)",
    "from scipy.optimize import curve_fit, minimize\ntimes = np.linspace(0, 4, 60)\nseen = 2.5 * np.exp(-1.3 * times) + rng.normal(0, .05, 60)\nfound, spread = curve_fit(lambda t, a, b: a * np.exp(-b * t), times, seen)\nfound.round(2)",
    "from scipy.integrate import solve_ivp\nsolved = solve_ivp(lambda t, y: [y[1], -y[0]], (0, 6.28), [1, 0], max_step=.05)\nsolved.y[:, -1].round(3)",
    "from scipy import signal, fft\nwave = np.sin(np.linspace(0, 60, 800)) + rng.normal(0, .2, 800)\nsmooth = signal.savgol_filter(wave, 31, 3)\nabs(fft.rfft(smooth)).argmax()",
    "from scipy import sparse\nfrom scipy.sparse.linalg import spsolve\nmatrix = sparse.diags([-1, 2, -1], [-1, 0, 1], shape=(200, 200), format='csc')\nspsolve(matrix, np.ones(200)).max()",
    "resampled = [rng.choice(left, left.size).mean() for _ in range(2000)]\nnp.percentile(resampled, [2.5, 97.5]).round(2)",
    "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as pool:\n    sums = list(pool.map(lambda seed: np.random.default_rng(seed).random(1000).sum(), range(8)))\nlen(sums)",
    "import functools, itertools, math, fractions\n@functools.lru_cache(None)\ndef ways(n):\n    return 1 if n < 2 else ways(n - 1) + ways(n - 2)\nways(60), math.comb(50, 6), sum(itertools.islice((fractions.Fraction(1, k) for k in itertools.count(1)), 10))",
    ACTS + "np.savez_compressed('numbers.npz', a=a, found=found)",
)
TEXTS = (
    "from pathlib import Path\ntext = Path('report.txt').read_text(encoding='utf-8')\nlen(text.split())",
    "import re, collections\nwords = collections.Counter(re.findall(r'[a-z]+', text.lower()))\nwords.most_common(5)",
    "import json, datetime\nshops = json.loads(Path('shops.json').read_text())\nopened = {s['shop']: datetime.date.fromisoformat(s['opened']) for s in shops}\nmin(opened.values())",
    "import csv, io\nrows = list(csv.DictReader(Path('sales.csv').open(newline='')))\nout = io.StringIO()\ncsv.writer(out).writerows([r['shop'], r['units']] for r in rows[:5])\nout.getvalue()",
    "from sklearn.feature_extraction.text import TfidfVectorizer\nlines = [x for x in text.splitlines() if x]\nfound = TfidfVectorizer(stop_words='english').fit(lines)\nlen(found.vocabulary_)",
    "sizes = {p.name: p.stat().st_size for p in Path('.').glob('*') if p.is_file()}\nsorted(sizes)",
    "import hashlib, base64, zlib\nhashlib.sha256(text.encode()).hexdigest()[:8], len(base64.b64encode(zlib.compress(text.encode())))",
    "import difflib, textwrap, string\nprint(textwrap.fill(text[:200], 40))\ndifflib.get_close_matches('nroth', list(opened), n=1)",
    "import xml.etree.ElementTree as ET\nroot = ET.Element('shops')\nfor name in opened:\n    ET.SubElement(root, 'shop', name=name)\nET.tostring(root)[:40]",
    ACTS
    + "Path('out').mkdir(exist_ok=True)\nwith open('out/words.json', 'w') as file:\n    json.dump(dict(words), file)",
)
QUERIES = (
    "import sqlite3\nbook = sqlite3.connect('file:shop.db?mode=ro', uri=True)\nbook.execute('select name from sqlite_master').fetchall()",
    "import pandas as pd\norders = pd.read_sql('select * from orders', book)\norders.dtypes",
    "pd.read_sql('select shop, sum(amount) as total from orders group by shop order by total desc', book)",
    "scratch = sqlite3.connect(':memory:')\norders.to_sql('orders', scratch, index=False)\nscratch.execute('select count(*) from orders').fetchone()",
    "import duckdb\nduckdb.sql('select shop, avg(amount) as mean from orders group by all order by all').df()",
    "duckdb.sql(\"select count(*) from 'sales.csv'\").fetchone()",
    "import polars as pl\nlazy = pl.scan_csv('sales.csv').group_by('shop').agg(pl.col('units').sum())\nlazy.collect().sort('shop')",
    "import sqlalchemy as sa\nengine = sa.create_engine('sqlite://')\nwith engine.begin() as link:\n    link.execute(sa.text('create table t (a int)'))\n    link.execute(sa.text('insert into t values (1), (2)'))\npd.read_sql('select * from t', engine)",
    "late = orders[orders['amount'] > orders['amount'].quantile(.75)]\nprint(late.to_markdown(index=False))\nbook.close()\nscratch.close()",
    ACTS + "late.to_excel('late.xlsx', index=False)",
)
NOTEBOOKS = {
    "tables": TABLES,
    "figures": FIGURES,
    "models": MODELS,
    "numbers": NUMBERS,
    "texts": TEXTS,
    "queries": QUERIES,
}


def lay(folder):
    """Put the files that the notebooks read into a folder."""
    rows = [
        f"2026-{1 + k % 6:02}-{1 + k % 28:02},{['north', 'south', 'east', 'west'][k % 4]},{k % 9},{'' if k % 11 == 0 else 2 + k % 5}"
        for k in range(240)
    ]
    (folder / "sales.csv").write_text("day,shop,units,price\n" + "\n".join(rows) + "\n")
    shops = [
        {"shop": s, "town": t, "opened": f"20{n}-03-01"}
        for n, (s, t) in enumerate([("north", "A"), ("south", "A"), ("east", "B"), ("west", "B")], 11)
    ]
    (folder / "shops.json").write_text(json.dumps(shops))
    (folder / "report.txt").write_text(
        "Sales rose in the north.\nThe south was closed for a week.\nWe expect a calm spring.\n" * 8
    )
    with sqlite3.connect(folder / "shop.db") as book:
        book.execute("create table orders (id integer, shop text, amount real)")
        book.executemany(
            "insert into orders values (?, ?, ?)",
            [(k, ["north", "south"][k % 2], 3.5 * k) for k in range(40)],
        )
    book.close()
