"""What a model ran before it answered: a step a table, made by a seed or read from a file, and what it prints."""

STEPS = {
    "sales": """
import numpy as np, pandas as pd
rng = np.random.default_rng(4101)
shops = pd.DataFrame({"shop": rng.choice(["Bern", "Basel", "Chur"], 731), "day": pd.Timestamp("2023-02-01") + pd.to_timedelta(rng.integers(0, 300, 731), "D"),
                      "chf": rng.gamma(2.0, 41.0, 731).round(2), "units": rng.integers(1, 9, 731)})
by = shops.groupby("shop").agg(n=("chf", "size"), total=("chf", "sum"), mean=("chf", "mean"))
best = by.total.idxmax()
print(by)
print(len(shops), shops.day.min(), shops.day.max(), shops.chf.max())
""",
    "sensor": """
import numpy as np, pandas as pd
rng = np.random.default_rng(4102)
air = pd.DataFrame({"t": (6 + 9 * np.sin(np.arange(720) / 24 * 2 * np.pi / 7) + rng.normal(0, 2.5, 720)).round(1)}, index=pd.date_range("2024-01-07 00:00", periods=720, freq="h"))
days = air.t.resample("W").agg(["min", "max", "mean"])
frost = air[air.t < 0]
first = frost.index[0]
print(days.round(2))
print("frost hours:", len(frost), "first", first, "coldest", air.t.min())
""",
    "survey": """
import numpy as np, pandas as pd
rng = np.random.default_rng(4103)
people = pd.DataFrame({"age": rng.choice(["18-29", "30-49", "50+"], 412, p=[0.3, 0.45, 0.25]), "answer": rng.choice(["yes", "no", "unsure"], 412, p=[0.5, 0.35, 0.15])})
counts = pd.crosstab(people.age, people.answer)
shares = pd.crosstab(people.age, people.answer, normalize="index").round(3)
n = len(people)
print(counts, shares, f"yes: {(people.answer == 'yes').mean():.1%} of {n}", sep="\\n")
""",
    "logs": """
import json, random
random.seed(4104)
lines = [{"at": f"2024-06-{random.randint(1, 30):02d}T{random.randint(0, 23):02d}:{random.randint(0, 59):02d}:{random.randint(0, 59):02d}Z", "status": random.choice([200, 200, 200, 200, 301, 404, 500]), "ms": round(random.expovariate(1 / 84), 1), "ip": f"10.{random.randint(0, 3)}.0.{random.randint(1, 40)}"} for _ in range(2350)]
from collections import Counter
status = Counter(x["status"] for x in lines)
slow = sorted((x["ms"] for x in lines), reverse=True)
print(json.dumps({"lines": len(lines), "status": dict(status), "slowest": slow[:4], "p50": slow[len(slow) // 2]}))
print(sorted(x["at"] for x in lines)[0], Counter(x["ip"] for x in lines).most_common(3))
""",
    "money": """
import numpy as np, pandas as pd
rng = np.random.default_rng(4105)
month = pd.period_range("2022-01", periods=24, freq="M")
net = pd.Series(rng.normal(1200, 2600, 24).round(0).astype(int), index=month, name="net")
year = net.groupby(net.index.year).agg(["sum", "min", "max"])
change = (year["sum"].iloc[1] - year["sum"].iloc[0]) / abs(year["sum"].iloc[0])
worst = net.idxmin()
print(year)
print(f"change {change:+.2%}, worst {worst}: {net.min():,} EUR; losses in {(net < 0).sum()} of {len(net)} months")
""",
    "sql": """
import random, sqlite3
random.seed(4106)
db = sqlite3.connect(":memory:")
db.execute("create table loans(id text, branch text, days int, fine real)")
db.executemany("insert into loans values(?, ?, ?, ?)", [(f"L{n:04d}", random.choice(["North", "Quay", "Hill"]), random.randint(1, 60), round(random.random() * 9, 2)) for n in range(1500)])
rows = db.execute("select branch, count(*), round(avg(days), 2), max(fine) from loans group by 1 order by 2 desc").fetchall()
late = db.execute("select count(*) from loans where days > 28").fetchone()[0]
print(rows, late)
""",
    "array": """
import datetime
import numpy as np
rng = np.random.default_rng(4107)
a = rng.lognormal(2.0, 3.0, (400, 3))
col = a.mean(axis=0)
q = np.quantile(a, [0.05, 0.5, 0.95])
when = [datetime.datetime(2024, 3, 31, 2, 30), datetime.date(2023, 12, 24), datetime.time(18, 5)]
print(a.shape, col, q, a.max(), a.min(), a.size)
print(when, f"{a.max():.3e}", 1e6)
""",
    "german": """
import random
random.seed(4108)
zeilen = [(f"{random.randint(1, 28):02d}.{random.randint(1, 12):02d}.2023", random.choice(["Köln", "Ulm", "Jena"]), round(random.uniform(-50, 4800), 2)) for _ in range(96)]
summen = {o: round(sum(b for _, ort, b in zeilen if ort == o), 2) for o in ("Köln", "Ulm", "Jena")}
mittel = sum(b for *_, b in zeilen) / len(zeilen)
text = lambda b: f"{b:,.2f}".replace(",", "x").replace(".", ",").replace("x", ".")
print("\\n".join(f"{o};{text(s)}" for o, s in summen.items()))
print(f"{len(zeilen)} Zeilen, Mittel {text(mittel)}, erste {zeilen[0][0]}: {text(zeilen[0][2])}")
""",
    "trips": """
import numpy as np, pandas as pd
rng = np.random.default_rng(5201)
trips = pd.DataFrame({"bike": rng.integers(100, 130, 900), "start": pd.Timestamp("2024-05-01") + pd.to_timedelta(rng.integers(0, 31 * 1440, 900), "min"), "min": rng.gamma(2.2, 9, 900).round(1), "km": rng.gamma(1.8, 2.1, 900).round(2)})
top = trips.groupby("bike").km.sum().nlargest(3)
hours = trips.start.dt.hour.value_counts().head(3)
fast = trips[trips.km / trips["min"] * 60 > 45]
print(top, hours, f"{len(fast)} of {len(trips)} trips over 45 km/h; longest {trips['min'].max()} min", sep="\\n")
print(trips.describe().loc[["mean", "50%"], ["min", "km"]])
""",
    "tests": """
import random
random.seed(5202)
runs = [{"name": f"test_{i:03d}", "s": round(random.expovariate(2), 3), "ok": random.random() > 0.04} for i in range(214)]
failed = [r["name"] for r in runs if not r["ok"]]
total = sum(r["s"] for r in runs)
print(f"{len(failed)} failed, {len(runs) - len(failed)} passed in {total:.2f}s (version 3.11.9, build 20240612)")
print("\\n".join(f"FAILED tests/test_core.py::{n} - ValueError: {400 + i}" for i, n in enumerate(failed[:3])))
print("slowest:", sorted(((r["s"], r["name"]) for r in runs), reverse=True)[:2])
""",
    "polar": """
import numpy as np, pandas as pd
rng = np.random.default_rng(5203)
ice = pd.DataFrame({"year": np.repeat(np.arange(2015, 2021), 12), "extent": (11 + 3 * np.cos(np.tile(np.arange(12), 6) / 12 * 2 * np.pi) - np.repeat(np.arange(6), 12) * 0.11 + rng.normal(0, 0.2, 72)).round(2)})
low = ice.groupby("year").extent.min()
slope = np.polyfit(low.index, low, 1)[0]
r = np.corrcoef(low.index, low)[0, 1]
print(low.to_string()); print(f"slope {slope:.4f} per year, r = {r:.3f}, r2 = {r * r:.3f}, p < 0.05")
print(ice.pivot_table(index="year", values="extent", aggfunc=["mean", "std"]).round(3))
""",
    "cart": """
import json, random
random.seed(5204)
orders = [{"id": 70000 + i, "items": [{"sku": random.choice("ABCD"), "qty": random.randint(1, 5), "price": random.choice([4.99, 12.5, 19.0, 249.95])} for _ in range(random.randint(1, 4))]} for i in range(160)]
value = {o["id"]: round(sum(x["qty"] * x["price"] for x in o["items"]), 2) for o in orders}
big = max(value, key=value.get)
gross = sum(value.values())
refund = -round(gross * 0.0125, 2)
print(json.dumps({"orders": len(orders), "gross": round(gross, 2), "refund": refund, "biggest": {"id": big, "value": value[big]}, "rate": 0.0125}, indent=1))
""",
    "iowa": """
import pandas as pd
e = pd.read_csv("iowa.csv", parse_dates=["year"])
t = e.pivot(index="year", columns="source", values="net_generation")
share = t["Renewables"] / t.sum(axis=1)
change = t.iloc[-1] - t.iloc[0]
first, last = e.year.min(), e.year.max()
print(t.tail(4))
print(t.sum())
print(share.tail(3).round(4))
print(change)
print(first, last, len(e))
""",
}
