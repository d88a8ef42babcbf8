"""Tables as plain data, for people who look at a step: first rows in cells, and how one table came of another.

Nothing here imports pandas or polars: who holds such a table has imported them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from llmos_nb.heap.adapters.tables import same_values
from llmos_nb.policy.secrets import redact, secret_name, secret_text

ROWS, COLUMNS, CELL, CHARS = 60, 20, 40, 16_000
LONG, BOX = 2_000, 8  # characters and items that are looked at
GONE, COMPARED = 20, 200_000  # rows that are named, and rows of a table that is compared row by row
_PLAIN = ("builtins", "numpy", "pandas", "datetime", "decimal", "uuid")
_MISSING = ("None", "nan", "NaT", "<NA>")
_LIBRARIES = ("pandas", "polars", "numpy", "torch", "scipy")
_BOXES = (list, tuple, dict, set, frozenset)


def spelled(value: Any) -> str:
    """Return the value of one cell on a line; no code of its own runs, and no secret is in it."""
    if isinstance(value, float):
        text = format(value, ".10g")
    elif hasattr(value, "isoformat") and not isinstance(value, timedelta):  # a duration: as it prints, not P0DT4H0M0S
        text = str(value.isoformat()).removesuffix("T00:00:00")
    else:
        home = type(value).__module__.partition(".")[0]
        text = str(value) if home in _PLAIN else f"a {type(value).__name__}"
    return " ".join(redact(text).split())


def form(value: Any) -> list[Any]:
    """Return the type of a value and its dimensions, as far as these are known without running its code."""
    kind, root = type(value), type(value).__module__.partition(".")[0]
    if kind in _BOXES:
        return [kind.__name__, len(value)]
    shape = getattr(value, "shape", ()) if root in _LIBRARIES and not isinstance(value, type) else ()
    return [kind.__name__[:CELL], *[int(n) for n in shape if isinstance(n, int)][:4]]


def is_table(value: Any) -> bool:
    """Return whether a value is a table with columns that `grid` knows."""
    root, kind = type(value).__module__.partition(".")[0], type(value).__name__
    return root in ("pandas", "polars") and kind == "DataFrame"


def grid(value: Any, name: str = "", gone: Sequence[list[Any]] = ()) -> str:
    """Return the first rows of a table as JSON.

    Parameters
    ----------
    value : DataFrame
        Of pandas or polars.
    name : str
        The variable that holds it.
    gone : sequence of list
        Rows that are in it no more, from `compared`.

    Returns
    -------
    str
        ``{"name", "columns", "numeric", "rows", "gone", "of"}``; a row is its label and its cells, `of` all rows and
        columns.
        At most `ROWS` rows, `COLUMNS` columns and about `CHARS` characters.
    """
    columns = list(value.columns)[:COLUMNS]
    rows = [*_rows(value, columns)]
    types = list(value.dtypes)[:COLUMNS]  # by place: two columns may have one name
    numeric = [t.kind in "iufc" if _pandas(value) else t.is_numeric() for t in types]
    made = {"name": name, "columns": [str(c)[:CELL] for c in columns], "numeric": numeric}
    made |= {"rows": rows, "gone": list(gone), "of": [int(n) for n in value.shape]}
    while len(text := json.dumps(made)) > CHARS and len(rows) > 1:
        made["rows"] = rows = rows[: len(rows) // 2]
    return text


def _pandas(value: Any) -> bool:
    return hasattr(value, "iloc")


def _rows(value: Any, columns: list[Any]) -> Iterator[list[str]]:
    """Return label and cells of the first rows; columns and values that look like secrets are not spelled."""
    kept = value.iloc[:ROWS, : len(columns)] if _pandas(value) else value[:ROWS, : len(columns)]
    labels = map(_label, kept.index) if _pandas(value) else map(str, range(len(kept)))
    cells = kept.itertuples(index=False, name=None) if _pandas(value) else kept.rows()
    secret = [secret_name(str(c)) for c in columns]
    for label, row in zip(labels, cells, strict=True):
        yield [label, *("…" if hidden else _cell(v) for hidden, v in zip(secret, row, strict=True))]


def _label(value: Any) -> str:
    """Return a row's label; one of several levels as these, and not as a tuple."""
    return (", ".join(map(_spelled, value)) if type(value) is tuple else _spelled(value))[:CELL]


def _cell(value: Any) -> str:
    if isinstance(value, str) and len(value) <= LONG and secret_text(value):
        return "…"
    text = _spelled(value)
    return "NaN" if text in _MISSING else text if len(text) <= CELL else text[: CELL - 1] + "…"


def _spelled(value: Any) -> str:
    """Return a value on a line; of a large one how large it is, since all of it would be searched for secrets."""
    if type(value) in (int, float):  # the journal looks for secrets once more
        return format(value, ".10g") if type(value) is float else str(value)
    if isinstance(value, str) and len(value) > LONG:
        return f"text of {len(value):,} characters"
    if type(value) in _BOXES and len(value) > BOX:
        return f"{type(value).__name__} of {len(value):,}"
    return spelled(value)


def compared(old: Any, new: Any) -> dict[str, Any]:
    """Say how a table of pandas came of another one.

    Returns
    -------
    dict
        ``plus`` and ``minus``: columns that came and went; ``types``: by column, its type before and after;
        ``dropped``: how many rows are gone, only where all others are as they were; ``gone``: the first of these, each
        as the place before which it stood, its label and its cells in the columns of the new table. What is not known
        is not there.
    """
    if not (is_table(old) and is_table(new) and _pandas(old) and _pandas(new)):
        return {}
    if not (old.columns.is_unique and new.columns.is_unique):
        return {}
    if not (shared := [c for c in new.columns if c in old.columns]):
        return {}  # it is another table
    types = {str(c)[:CELL]: [str(old[c].dtype), str(new[c].dtype)] for c in shared if old[c].dtype != new[c].dtype}
    found = {
        "plus": [str(c)[:CELL] for c in new.columns if c not in old.columns][:COLUMNS],
        "minus": [str(c)[:CELL] for c in old.columns if c not in new.columns][:COLUMNS],
        "types": dict([*types.items()][:COLUMNS]),
        **_dropped(old, new, shared),
    }
    return {k: v for k, v in found.items() if v}


def _dropped(old: Any, new: Any, shared: list[Any]) -> dict[str, Any]:
    """Count the rows that are gone, where each of the others is one of the old rows, in order and unchanged."""
    if not len(new) < len(old) <= COMPARED or not (old.index.is_unique and new.index.is_unique):
        return {}
    stays = old.index.isin(new.index)
    if not old.index[stays].equals(new.index):
        return {}
    rest = old.loc[stays, shared]
    if not all(same_values(rest[c].array, new[c].array) for c in shared):
        return {}
    places = [i for i, kept in enumerate(stays.tolist()) if not kept][:GONE]
    before = [int(stays[:i].sum()) for i in places]
    columns = list(new.columns)[:COLUMNS]
    lines = _rows(old.iloc[places].reindex(columns=columns), columns) if places else ()
    missing = [i + 1 for i, c in enumerate(columns) if c not in old.columns]
    cells = ([("" if i in missing else cell) for i, cell in enumerate(line)] for line in lines)
    gone = [[at, *line] for at, line in zip(before, cells, strict=True)]
    return {"dropped": len(old) - len(new), "gone": gone}


def shapes(pairs: dict[str, tuple[Any, Any]], absent: object) -> dict[str, dict[str, Any]]:
    """Say of each variable what it was and is: ``was`` and ``now`` as `form` gives them, with what `compared` finds."""
    found: dict[str, dict[str, Any]] = {}
    for name, (old, new) in pairs.items():
        one: dict[str, Any] = {} if old is absent else {"was": form(old)}
        one |= {} if new is absent else {"now": form(new)}
        try:
            one |= compared(old, new)
        except Exception:  # a cell, a label or a column whose own code misbehaves: it is not known
            one.pop("gone", None)
        found[name] = one
    return found
