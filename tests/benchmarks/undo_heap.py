"""The heap and the steps of `bench_undo`: plain code, so that every contender runs the same."""

from __future__ import annotations

HEAP = """
import json, warnings, zlib
import numpy as np, pandas as pd
from sklearn.ensemble import RandomForestClassifier
warnings.simplefilter("ignore")
draw = np.random.default_rng({seed})
df = pd.DataFrame(draw.random(({rows}, 10)), columns=list("abcdefghij"))
arr = draw.random({rows})
boxes = [{{"i": i, "v": [i]}} for i in range(20_000)]
X = draw.random((500, 5)); y = draw.integers(0, 2, 500)
model = RandomForestClassifier(100, random_state=0).fit(X, y)
items = [1, 2, [3]]
alias = items
class Basket:
    limit = 5
    def __init__(self):
        self.things = [1]
basket = Basket()
def scale(x):
    return 2 * x
def counter():
    n = 0
    def tick():
        nonlocal n
        n += 1
        return n
    return tick
tick = counter()
"""

# Everything that a user would look at, as plain data; closures are read without being called.
LOOK = """
[
    ["df" in globals() and [list(df.columns), df.shape, int(pd.util.hash_pandas_object(df).sum())],
     zlib.crc32(arr), zlib.crc32(json.dumps(boxes).encode())],
    [items, alias is items, basket.things, vars(basket).get("note"), Basket.limit, scale(3), tick.__closure__[0].cell_contents],
    [model.n_estimators, len(model.estimators_), model.predict(X[:50]).tolist(), "new" in globals()],
]
"""

STEPS = {
    "read only": "df['a'].mean(), arr.sum(), len(boxes), items[0], basket.things, model.n_estimators",
    "drop": "df.drop(columns='b', inplace=True)",
    "loc": "df.loc[0, 'a'] = 9.0",
    "sort in place": "df.sort_values('a', inplace=True)",
    "new column": "df['z'] = df['a'] * 2",
    "rebind": "df = df[df['a'] > 0.5]",
    "delete": "del df",
    "append by an alias": "alias.append(4)",
    "create": "new = [items, 1]",
    "attribute": "basket.note = 1; Basket.limit = 6",
    "redefine": "def scale(x):\n    return 3 * x",
    "closure": "tick()",
    "nested": "boxes[7]['v'].append(1)",
    "all boxes": "for box in boxes: box['v'].append(1)\ndel box",
    "array item": "arr[5] = 1.0",
    "array sort": "arr.sort()",
    "refit": "model.set_params(n_estimators=20).fit(X, y)",
    "exception": "items[2].append(1); df.loc[1, 'b'] = 5.0; arr[0] = 3.0; raise ValueError",
}
