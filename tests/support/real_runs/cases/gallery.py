"""Examples of galleries and docstrings of packages, as they stand there but for the last line of a step."""

from real_runs.scenario import agent, study

GALLERY = (
    study(
        "scipy_spline",
        "scipy: the docstring of CubicSpline, with its figure",
        "import numpy as np\nfrom scipy.interpolate import CubicSpline\nimport matplotlib.pyplot as plt",
        agent(
            "Interpolate a sampled sinusoid",
            "x = np.arange(10)\ny = np.sin(x)\ncs = CubicSpline(x, y)\nxs = np.arange(-0.5, 9.6, 0.1)\ncs(xs)[:3]",
            "fig, ax = plt.subplots(figsize=(6.5, 4))\nax.plot(x, y, 'o', label='data')\nax.plot(xs, np.sin(xs), label='true')\nax.plot(xs, cs(xs), label='S')\n"
            "ax.set_xlim(-0.5, 9.5)\nax.legend(loc='lower left', ncol=2)\nplt.show()",
        ),
    ),
    study(
        "scipy_linkage",
        "scipy: the docstring of linkage, clusters of points and their tree",
        "from scipy.cluster.hierarchy import dendrogram, fcluster, linkage\nfrom matplotlib import pyplot as plt",
        agent(
            "Cluster the points",
            "X = [[i] for i in [2, 8, 0, 4, 1, 9, 9, 0]]\nZ = linkage(X, 'ward')\nZ",
            "labels = fcluster(Z, t=2, criterion='distance')\nlabels",
            "fig = plt.figure(figsize=(8, 4))\ndn = dendrogram(Z)\nplt.show()",
        ),
    ),
    study(
        "pandas_merge_asof",
        "pandas: the docstring of merge_asof, trades and quotes",
        "import pandas as pd\nquotes = pd.DataFrame({'time': pd.to_datetime(['2016-05-25 13:30:00.023', '2016-05-25 13:30:00.030', '2016-05-25 13:30:00.048']), 'ticker': ['GOOG', 'MSFT', 'MSFT'], 'bid': [720.50, 51.97, 51.99]})",
        agent(
            "Which quote stood at each trade?",
            "trades = pd.DataFrame({'time': pd.to_datetime(['2016-05-25 13:30:00.038', '2016-05-25 13:30:00.048']), 'ticker': ['MSFT', 'GOOG'], 'price': [51.95, 720.77]})\ntrades",
            "merged = pd.merge_asof(trades, quotes, on='time', by='ticker', tolerance=pd.Timedelta('20ms'))\nmerged",
        ),
    ),
    study(
        "pandas_crosstab",
        "pandas: crosstab of categories, and a report of to_markdown",
        "import numpy as np\nimport pandas as pd",
        agent(
            "Count them",
            "foo = pd.Categorical(['a', 'b'], categories=['a', 'b', 'c'])\nbar = pd.Categorical(['d', 'e'], categories=['d', 'e', 'f'])\npd.crosstab(foo, bar, dropna=False)",
            "table = pd.crosstab(np.array(['x', 'x', 'y']), np.array(['p', 'q', 'q']))\nprint(table.to_markdown())",
        ),
    ),
    study(
        "polars_pivot",
        "polars: pivot, rolling and an expression of strings",
        "import polars as pl\nfrom datetime import date",
        agent(
            "Turn it",
            "df = pl.DataFrame({'name': ['Cady', 'Cady', 'Karen', 'Karen'], 'subject': ['maths', 'physics', 'maths', 'physics'], 'test_1': [98, 99, 61, 58]})\ndf.pivot('subject', index='name', values='test_1')",
            "days = pl.DataFrame({'date': pl.date_range(date(2001, 1, 1), date(2001, 1, 5), eager=True), 'n': range(5)})\nrolled = days.with_columns(pl.col('n').rolling_mean(3).alias('mean'))\nrolled",
            "upper = df.select(pl.col('name').str.to_uppercase().unique().sort())\nupper",
        ),
    ),
    study(
        "matplotlib_stackplot",
        "matplotlib: stackplot and pie of its gallery, side by side",
        "import matplotlib.pyplot as plt\nimport numpy as np",
        agent(
            "Draw both",
            "year = [1950, 1960, 1970, 1980]\npopulation = {'africa': [.228, .284, .365, .477], 'asia': [1.394, 1.686, 2.120, 2.625]}\nfig, (ax, ax2) = plt.subplots(1, 2)\nax.stackplot(year, population.values(), labels=population.keys(), alpha=0.8)\nax.legend(loc='upper left', reverse=True)\nax2.pie([15, 30, 45, 10], labels=['Frogs', 'Hogs', 'Dogs', 'Logs'], autopct='%1.1f%%')\nplt.show()",
            "total = {k: round(sum(v), 3) for k, v in population.items()}\ntotal",
        ),
    ),
    study(
        "matplotlib_image",
        "matplotlib: imshow and a colour bar, a seed of numpy in the step",
        "import matplotlib.pyplot as plt\nimport numpy as np\nnp.random.seed(19680801)",
        agent(
            "Show the matrix",
            "Z = np.random.rand(6, 10)\nfig, ax0 = plt.subplots()\nc = ax0.pcolor(Z)\nfig.colorbar(c, ax=ax0)\nax0.set_title('default: no edges')\nfig",
            "Z.mean(axis=0).argmax()",
        ),
    ),
    study(
        "sklearn_digits",
        "scikit-learn: the gallery's digits, a classifier and its report",
        "from sklearn import datasets, metrics, svm\nfrom sklearn.model_selection import train_test_split\ndigits = datasets.load_digits()",
        agent(
            "Recognise the digits",
            "n_samples = len(digits.images)\ndata = digits.images.reshape((n_samples, -1))\nclf = svm.SVC(gamma=0.001)\nX_train, X_test, y_train, y_test = train_test_split(data, digits.target, test_size=0.5, shuffle=False)\nclf.fit(X_train, y_train)",
            "predicted = clf.predict(X_test)\nprint(metrics.classification_report(y_test, predicted))",
            "metrics.confusion_matrix(y_test, predicted)",
        ),
    ),
    study(
        "sklearn_outliers",
        "scikit-learn: the gallery's LocalOutlierFactor",
        "import numpy as np\nfrom sklearn.neighbors import LocalOutlierFactor",
        agent(
            "Find the outliers",
            "np.random.seed(42)\nX_inliers = 0.3 * np.random.randn(100, 2)\nX_inliers = np.r_[X_inliers + 2, X_inliers - 2]\nX_outliers = np.random.uniform(low=-4, high=4, size=(20, 2))\nX = np.r_[X_inliers, X_outliers]\nX.shape",
            "clf = LocalOutlierFactor(n_neighbors=20, contamination=0.1)\ny_pred = clf.fit_predict(X)\nn_errors = (y_pred != np.r_[np.ones(200), -np.ones(20)]).sum()\nn_errors",
        ),
    ),
    study(
        "pydantic_model",
        "pydantic: a model, its errors and its schema",
        "from datetime import datetime\nfrom pydantic import BaseModel, PositiveInt, ValidationError",
        agent(
            "Check the data",
            "class User(BaseModel):\n    id: int\n    name: str = 'John Doe'\n    signup_ts: datetime | None\n    tastes: dict[str, PositiveInt]\nuser = User(**{'id': 123, 'signup_ts': '2019-06-01 12:22', 'tastes': {'wine': 9, b'cheese': 7, 'cabbage': '1'}})\nuser.id",
            "user.model_dump()",
            "try:\n    User(**{'id': 'not an int', 'tastes': {}})\nexcept ValidationError as e:\n    errors = [(err['type'], err['loc']) for err in e.errors()]\nerrors",
        ),
    ),
    study(
        "yaml_and_template",
        "PyYAML and Jinja2: a configuration read, a page filled",
        "import yaml\nfrom jinja2 import Template",
        agent(
            "Fill the page",
            "config = yaml.safe_load('name: The Cloak\\nbonus: [0, 10]\\nowner: {who: Colin}\\n')\nconfig",
            "page = Template('<ul>{% for k, v in c|dictsort %}<li>{{ k }}={{ v }}</li>{% endfor %}</ul>').render(c=config)\nprint(page)",
            "yaml.dump(config, sort_keys=True)",
        ),
    ),
    study(
        "openpyxl_sheet",
        "openpyxl: a workbook written, and read as a table",
        "from openpyxl import Workbook, load_workbook\nimport datetime\nimport pandas as pd",
        agent(
            "Write and read it",
            "wb = Workbook()\nws = wb.active\nws['A1'] = 42\nws.append([1, 2, 3])\nws['A3'] = datetime.date(2024, 5, 1)\nwb.save('sample.xlsx')\nws.max_row",
            "back = load_workbook('sample.xlsx')\n[[c.value for c in row] for row in back.active.iter_rows()]",
            "frame = pd.read_excel('sample.xlsx', header=None)\nframe",
        ),
    ),
    study(
        "rich_table",
        "rich: a table printed to a console that records",
        "from rich.console import Console\nfrom rich.table import Table",
        agent(
            "Make the table",
            "table = Table(title='Star Wars Movies')\ntable.add_column('Released', justify='right')\ntable.add_column('Title')\ntable.add_row('Dec 20, 2019', 'The Rise of Skywalker')\ntable.add_row('May 25, 2018', 'Solo')\ntable.row_count",
            "console = Console(record=True, width=60, file=open('/dev/null', 'w'))\nconsole.print(table)\ntext = console.export_text()\nprint(text)",
        ),
    ),
    study(
        "tqdm_loop",
        "tqdm: a loop with a progress bar, and times measured",
        "from tqdm import tqdm\nimport time",
        agent(
            "Add them up",
            "text = ''\nfor char in tqdm(['a', 'b', 'c', 'd']):\n    text = text + char\ntext",
            "start = time.perf_counter()\ntotal = sum(i * i for i in tqdm(range(1000), disable=True))\nelapsed = time.perf_counter() - start\nprint(f'{total} in {elapsed:.3f} s')",
            "total % 7",
        ),
    ),
    study(
        "joblib_parallel",
        "joblib: a loop side by side, a cache on disk, a hash",
        "from joblib import Parallel, Memory, delayed, hash as content_hash\nfrom math import sqrt",
        agent(
            "Take the roots",
            "roots = Parallel(n_jobs=2, prefer='threads')(delayed(sqrt)(i ** 2) for i in range(10))\nroots",
            "memory = Memory('cache', verbose=0)\n@memory.cache\ndef f(x):\n    print('Running f(%s)' % x)\n    return x\nprint(f(1))",
            "print(f(1))",
            "content_hash([1, 2, 3])",
        ),
    ),
    study(
        "dask_delayed",
        "dask: delayed functions and a bag",
        "import dask\nfrom dask import delayed",
        agent(
            "Compute it",
            "@delayed\ndef inc(x):\n    return x + 1\n@delayed\ndef add(x, y):\n    return x + y\nz = add(inc(1), inc(2))\nz",
            "z.compute()",
            "import dask.bag as db\nb = db.from_sequence(['Alice', 'Bob', 'Charlie'])\nlengths = b.map(len).compute(scheduler='sync')\nlengths",
        ),
    ),
    study(
        "sqlglot_transpile",
        "sqlglot: SQL of one database in the words of another, its columns",
        "import sqlglot\nfrom sqlglot import exp, parse_one",
        agent(
            "Translate",
            "sqlglot.transpile('SELECT EPOCH_MS(1618088028295)', read='duckdb', write='hive')[0]",
            "columns = [c.alias_or_name for c in parse_one('SELECT a, b + 1 AS c FROM d').find(exp.Select).expressions]\ncolumns",
            "repr(parse_one('SELECT a + 1 AS z'))",
        ),
    ),
    study(
        "requests_prepared",
        "requests and httpx: a request prepared and a URL taken apart, nothing sent",
        "import httpx\nfrom requests import Request",
        agent(
            "Prepare it",
            "req = Request('GET', 'http://example.org/get', params={'a': 1, 'b': [2, 3]}).prepare()\nreq.url",
            "url = httpx.URL('https://www.example.org:8443/path?key=value#part')\nurl.host, url.port, url.path",
            "sorted(req.headers)",
        ),
    ),
    study(
        "pillow_filter",
        "Pillow: a gradient, filters and a contact sheet shown",
        "from PIL import Image, ImageFilter, ImageOps",
        agent(
            "Filter it",
            "im = Image.linear_gradient('L').resize((64, 64))\nblurred = im.filter(ImageFilter.GaussianBlur(4))\nblurred.getextrema()",
            "sheet = Image.new('L', (128, 64))\nsheet.paste(im, (0, 0))\nsheet.paste(ImageOps.invert(im), (64, 0))\nsheet",
        ),
    ),
    study(
        "logging_and_csv",
        "logging into a file, dates of the log as data, csv of the standard library",
        "import csv, logging\nfrom collections import namedtuple",
        agent(
            "Log and read",
            "logger = logging.getLogger('tutorial')\nhandler = logging.FileHandler('app.log', mode='w')\nhandler.setFormatter(logging.Formatter('%(levelname)s:%(message)s'))\nlogger.addHandler(handler)\nlogger.warning('Watch out!')\nlogger.error('%s before you %s', 'Look', 'leap!')\nhandler.close()",
            "lines = open('app.log').read().splitlines()\nlines",
            "with open('eggs.csv', 'w', newline='') as csvfile:\n    writer = csv.writer(csvfile, delimiter=' ', quotechar='|', quoting=csv.QUOTE_MINIMAL)\n    writer.writerow(['Spam'] * 5 + ['Baked Beans'])\nwith open('eggs.csv', newline='') as csvfile:\n    rows = list(csv.reader(csvfile, delimiter=' ', quotechar='|'))\nrows",
        ),
    ),
)
