"""Sixty steps of ordinary work with data ask nothing in the mode that asks for effects; with an effect they do."""

import sys

import pytest
from turns import python

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel

DONE = {"text": "done"}
# what the user's cells and earlier steps have left
BEFORE = """
import io, sqlite3, pathlib
import numpy as np
import pandas as pd
rng = np.random.default_rng(0)
df = pd.DataFrame({'day': pd.date_range('2026-01-01', periods=60), 'shop': list('abc') * 20,
                   'sales': rng.normal(100, 15, 60).round(2), 'staff': rng.integers(1, 6, 60)})
text = 'Shops close at six. On Sundays, shops do not open.'
name, out = 'results', pathlib.Path('results')
buffer, lines = io.BytesIO(), io.StringIO()
x, y = rng.normal(size=(40, 3)), np.arange(40) % 2
"""
STEPS = """\
df.describe()
df.groupby('shop')['sales'].agg(['mean', 'std'])
df['share'] = df['sales'] / df['sales'].sum()
weekly = df.set_index('day').resample('W')['sales'].sum()
wide = df.pivot_table(index='day', columns='shop', values='sales')
top = df.sort_values('sales', ascending=False).head(5)
df.isna().sum()
smooth = df['sales'].rolling(7).mean()
corr = df[['sales', 'staff']].corr()
binned = pd.cut(df['sales'], 4).value_counts()
df.query('sales > 100').shape
melted = df.melt(id_vars=['day'])
joined = df.merge(df.groupby('shop')['sales'].mean().rename('mean').reset_index(), on='shop')
df.to_csv(lines); rows = lines.getvalue().count(',')
df.to_pickle(buffer)
from io import BytesIO; b = BytesIO(); np.save(b, x)
import io; b = io.BytesIO(); np.savez(b, x=x, y=y)
t = df.to_html()
records = df.head(3).to_dict('records')
import json; j = json.loads(df.to_json(orient='records', date_format='iso'))
import os; os.makedirs(name, exist_ok=True)
import os; os.makedirs('results/plots/daily', exist_ok=True)
out.mkdir(parents=True, exist_ok=True)
(out / 'tables').mkdir(parents=True, exist_ok=True)
import sys; sys.setrecursionlimit(max(sys.getrecursionlimit(), 5000))
import threading; r = []; t = threading.Thread(target=lambda: r.append(df['sales'].sum())); t.start(); t.join()
import threading; e = threading.Event(); t = threading.Timer(0.01, e.set); t.start(); e.wait(5)
import threading; lock = threading.Lock(); s = threading.Semaphore(2); l = threading.local()
from concurrent.futures import ThreadPoolExecutor, as_completed; p = ThreadPoolExecutor(2); v = [f.result() for f in as_completed([p.submit(abs, -1)])]; p.shutdown()
import asyncio; a = await asyncio.gather(*[asyncio.create_task(asyncio.sleep(0, i)) for i in range(3)])
import asyncio; f = asyncio.ensure_future(asyncio.sleep(0)); await f
import asyncio; loop = asyncio.get_running_loop(); ev = asyncio.Event(); loop.call_later(0.01, ev.set); await ev.wait()
import asyncio; loop = asyncio.get_running_loop(); ev = asyncio.Event(); loop.call_soon(ev.set); await ev.wait()
import multiprocessing; cores = multiprocessing.cpu_count()
import faulthandler; faulthandler.is_enabled()
import gc; gc.collect(); gc.disable(); gc.enable()
import warnings; warnings.filterwarnings('ignore', category=FutureWarning)
import logging; logging.basicConfig(level=logging.INFO); logging.getLogger('shop').info('loaded %d rows', len(df))
import random; random.seed(1); sample = random.sample(range(100), 5)
import time; start = time.perf_counter(); took = time.perf_counter() - start
import hashlib; h = hashlib.sha256(text.encode()).hexdigest()
import re; words = re.findall(r'\\w+', text)
from collections import Counter; c = Counter(words if 'words' in dir() else text.split()).most_common(3)
import itertools; pairs = list(itertools.combinations('abc', 2))
from functools import lru_cache, partial, reduce; total = reduce(lambda a, b: a + b, df['sales'])
import datetime as dt; d = dt.datetime.now().isoformat()
import statistics; m = statistics.median(df['sales'])
import sqlite3; con = sqlite3.connect(':memory:'); df.to_sql('t', con, index=False); n = con.execute('select count(*) from t').fetchone(); con.commit(); con.close()
import csv, io; w = csv.writer(s := io.StringIO()); w.writerows([[1, 2], [3, 4]]); r = list(csv.reader(io.StringIO(s.getvalue())))
import pickle; copy = pickle.loads(pickle.dumps(df))
import tempfile, os; d = tempfile.TemporaryDirectory(); df.to_csv(os.path.join(d.name, 'a.csv')); d.cleanup()
import zipfile, io; b = io.BytesIO(); z = zipfile.ZipFile(b, 'w'); z.writestr('a', 'x'); z.close()
import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt, io; fig, ax = plt.subplots(); ax.plot(df['sales']); fig.savefig(io.BytesIO()); plt.close(fig)
import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt; plt.hist(df['sales']); plt.savefig(buffer); plt.close('all')
from sklearn.linear_model import LogisticRegression; model = LogisticRegression().fit(x, y); p = model.predict_proba(x)
from sklearn.model_selection import train_test_split; parts = train_test_split(x, y, random_state=0)
from sklearn.pipeline import make_pipeline; from sklearn.preprocessing import StandardScaler; s = make_pipeline(StandardScaler()).fit_transform(x)
from scipy import optimize; o = optimize.minimize(lambda v: ((v - 3) ** 2).sum(), np.zeros(2)).x
np.linalg.svd(x, full_matrices=False)[1], np.fft.rfft(x[:, 0]), np.percentile(x, [5, 95])
files = sorted(p.name for p in pathlib.Path('.').glob('*')); here = pathlib.Path.cwd(); there = pathlib.Path('none.csv').exists()
"""
LOUD = {
    "folder elsewhere": "import os; os.makedirs(elsewhere + '/made', exist_ok=True)",
    "hidden folder": "import os; os.makedirs('.git/' + name)",
    "file in a folder that is made": "import os; os.makedirs(name); open(os.path.join(name, 'a'), 'w').close()",
    "thread that writes": "import threading; t = threading.Thread(target=save, args=(target,)); t.start(); t.join()",
    "timer that writes": "import threading; t = threading.Timer(0.01, save, [target]); t.start(); t.join()",
    "task that writes": "import asyncio\nasync def go(): save(target)\nawait asyncio.create_task(go())",
    "callback that writes": (
        "import asyncio\nev = asyncio.Event()\ndef go(): ev.set(); save(target)\n"
        "asyncio.get_running_loop().call_soon(go)\nawait ev.wait()\nawait asyncio.sleep(0.05)"
    ),
    "signals": "import faulthandler, signal; faulthandler.register(signal.SIGUSR1)",
    "connection": "import requests; requests.Session().get(address)",
    "writer of matrices": "from scipy.io import netcdf_file; netcdf_file(target, 'w').close()",
    "table beside the buffer": "import io; b = io.BytesIO(); df.to_csv(target)",
}


@pytest.fixture(scope="module")
def left():
    """What was there before, made once; the limit of recursion, which a step raises, is put back."""
    pytest.importorskip("sklearn")
    made, limit = {}, sys.getrecursionlimit()
    exec(BEFORE, made)
    made.pop("__builtins__")
    yield made
    sys.setrecursionlimit(limit)


async def ran(tmp_path, space, code, approve="risky"):
    process = await llmos.run(
        "Try it.", model=ScriptedModel([python(code), DONE]), namespace=space, approve=approve, plan="none",
        home=tmp_path / "home",
    )  # fmt: skip
    return process.run.state.calls["r1.0"]


def test_there_are_sixty():
    assert len(STEPS.splitlines()) == len(set(STEPS.splitlines())) == 60


@pytest.mark.filterwarnings("ignore")  # of libraries; it is no matter here
@pytest.mark.parametrize("step", STEPS.splitlines())
async def test_step_of_ordinary_work_is_neither_asked_about_nor_stopped(tmp_path, left, step):
    space = {**left, "df": left["df"].copy()}
    call = await ran(tmp_path, space, step)
    assert call.status == "done", call.result or call.why


@pytest.mark.filterwarnings("ignore")  # as above
@pytest.mark.parametrize("way", LOUD)
async def test_the_like_with_an_effect_is_asked_about_or_stopped(tmp_path, left, way):
    """The counter-example: without it, a gate that lets everything through would pass."""
    (tmp_path / "elsewhere").mkdir()
    space = dict(left) | {
        "elsewhere": "/nowhere",
        "target": str(tmp_path / "saved"),
        "address": "http://127.0.0.1:9/",
    }
    exec("def save(path):\n    open(path, 'w').close()", space)
    call = await ran(tmp_path, space, LOUD[way])
    assert call.status in ("asked", "failed"), call.result
    assert not (tmp_path / "saved").exists() and not (tmp_path / ".git").exists()
    assert not (tmp_path / "results" / "a").exists()


async def test_folder_that_a_step_has_made_is_said_and_never_made_unasked_where_nothing_may_be(tmp_path):
    made = await ran(tmp_path, {"name": "results"}, "import os; os.makedirs(name)")
    assert made.facts["effects"] == [f"write {tmp_path}/results/"] and (tmp_path / "results").is_dir()
    held = await ran(tmp_path, {"name": "more"}, "import os; os.makedirs(name)", approve="never")
    assert held.status != "done" and not (tmp_path / "more").exists()
