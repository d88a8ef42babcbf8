"""A live value as plain data: a literal where it is short, else a file beside the notebook. Never a pickle.

Whatever is written is read back first and compared by content; a value that does not come back the same is not written.
"""

from __future__ import annotations

import datetime
import io
import json
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from llmos_nb.heap.digest import digest


def plain(value: Any, depth: int = 0) -> bool:
    """Return whether a value is plain data of Python's own types."""
    if depth > 20:
        return False
    if type(value) in (list, tuple, set):
        return all(plain(v, depth + 1) for v in value)
    if type(value) is dict:
        return all(plain(k, depth + 1) and plain(v, depth + 1) for k, v in value.items())
    return type(value) in (type(None), bool, int, float, complex, str, bytes)


def spell(value: Any) -> str:
    """Return the repr of plain data, with infinities and NaN as Python reads them."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{spell(k)}: {spell(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(spell, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(spell, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


_EXACT = ', float_precision="round_trip"'  # what older pandas needs to read every digit
SHORT, LONG = 300, 64 << 20  # characters of a literal that reads well in a cell; bytes of a file beside it


@dataclass
class Held:
    """A value that a notebook gets as data."""

    name: str
    code: str  # what binds the name
    file: str = ""  # beside the notebook, empty for a literal
    data: bytes = b""  # what the file holds
    about: dict[str, Any] = field(default_factory=dict)  # kind, rows, types


class _Form(NamedTuple):
    """One way to write a value: the file's ending, its bytes, what to import, and the expression that reads a path."""

    ending: str
    data: bytes
    imports: str
    read: Callable[[str], str]

    def code(self, name: str, path: str) -> str:
        """Return the code that binds a name to what a file holds."""
        return f"{self.imports}\n{name} = {self.read(path)}"


def hold(name: str, value: Any, folder: str, why: str = "") -> Held | None:
    """Make plain data of a value, of a long one in a file of a folder; None where nothing brings it back the same."""
    (imports, literal), reason = _literal(value), {"why": why} if why else {}
    if 0 < len(literal) <= SHORT and _same(f"_ = {literal}", value):
        return Held(name, f"{imports}{name} = {literal}", about={"kind": type(value).__name__, **reason})
    for form in _forms(value):
        if len(form.data) <= LONG and _comes_back(form, value):
            file = f"{folder}/{name}.{form.ending}"
            return Held(name, form.code(name, file), file, form.data, about(value) | reason)
    return None


def about(value: Any) -> dict[str, Any]:
    """Describe a table or array: kind, rows, types."""
    found: dict[str, Any] = {"kind": type(value).__name__}
    if hasattr(value, "shape"):
        found["shape"] = list(value.shape)
    if hasattr(value, "dtypes") and hasattr(value, "columns"):
        found["dtypes"] = kinds(value)
    elif hasattr(value, "dtype"):
        found["dtypes"] = str(value.dtype)
    return found


def _literal(value: Any) -> tuple[str, str]:
    """Return what to import for a value of Python's own types, and its literal; empty for any other."""
    if isinstance(value, datetime.date | datetime.timedelta) and type(value).__module__ == "datetime":
        return "import datetime as _datetime\n", f"_{value!r}"
    if isinstance(value, PurePath):
        return "from pathlib import Path\n", f"Path({str(value)!r})"
    return "", spell(value) if plain(value) else ""


def _forms(value: Any) -> Iterator[_Form]:
    """Return the ways to write a value, the most readable first."""
    root = type(value).__module__.partition(".")[0]
    if root == "pandas" and hasattr(value, "to_csv"):
        yield from _pandas(value)
    elif root == "polars" and hasattr(value, "write_parquet"):
        value.write_parquet(buffer := io.BytesIO())
        yield _Form("parquet", buffer.getvalue(), "import polars", lambda p: f"polars.read_parquet({p!r})")
    elif root == "numpy" and hasattr(value, "dtype"):
        yield from _numpy(value)
    elif plain(value):
        yield from _text(value)


def _text(value: Any) -> Iterator[_Form]:
    read = 'Path({!r}).read_text(encoding="utf-8")'.format
    path = "from pathlib import Path"
    with suppress(TypeError, ValueError):
        text = json.dumps(value, indent=1, ensure_ascii=False)
        yield _Form("json", text.encode(), f"import json\n{path}", lambda p: f"json.loads({read(p)})")
    yield _Form("txt", repr(value).encode(), f"import ast\n{path}", lambda p: f"ast.literal_eval({read(p)})")


def _numpy(value: Any) -> Iterator[_Form]:
    import numpy as np  # only where the user has numpy values

    if value.dtype.hasobject:
        return
    np.save(buffer := io.BytesIO(), value, allow_pickle=False)
    scalar = "" if isinstance(value, np.ndarray) else "[()]"
    read = partial("numpy.load({!r}, allow_pickle=False){scalar}".format, scalar=scalar)
    yield _Form("npy", buffer.getvalue(), "import numpy", read)


def _pandas(value: Any) -> Iterator[_Form]:
    """Write a table as CSV with its types; as Parquet where CSV does not bring it back and pyarrow is there."""
    frame, back = value, ""
    if not hasattr(value, "columns"):  # a series
        frame = value.to_frame(name="value" if value.name is None else value.name)
        back = f".iloc[:, 0].rename({value.name!r})"
    index = frame.index
    plain_index = type(index).__name__ == "RangeIndex" and (index.start, index.step, index.name) == (0, 1, None)
    if frame.columns.is_unique and frame.index.nlevels == 1:
        for gap, exact in (("", ""), ("\\N", ""), ("", _EXACT), ("\\N", _EXACT)):
            text = frame.to_csv(index=not plain_index, lineterminator="\n", na_rep=gap)
            rest = f"{_csv_options(frame, plain_index, gap, exact)}{_after(frame)}{back}"
            read = partial("pandas.read_csv({!r}{rest}".format, rest=rest)
            yield _Form("csv", text.encode(), "import pandas", read)
    if find_spec("pyarrow") is not None:
        with suppress(ValueError, TypeError, OSError):  # what Arrow has no type for
            read = partial("pandas.read_parquet({!r}){back}".format, back=back)
            yield _Form("parquet", frame.to_parquet(), "import pandas", read)


def kinds(frame: Any) -> dict[str, str]:
    """Return the types of a table's columns by their names."""
    return dict(zip(map(str, frame.columns), map(str, frame.dtypes), strict=True))


def _csv_options(frame: Any, plain_index: bool, gap: str, exact: str) -> str:
    known = kinds(frame)
    times = [c for c, t in known.items() if t.startswith("datetime64")]
    types = {c: t for c, t in known.items() if c not in times}
    named = "" if plain_index else ", index_col=0"
    dates = f", parse_dates={times!r}" if times else ""
    gaps = f", keep_default_na=False, na_values=[{gap!r}]" if gap else ""
    return f", dtype={types!r}{named}{dates}{gaps}{exact})"


def _after(frame: Any) -> str:
    """Say what a CSV file cannot: units of times, labels that are not texts, the index's own type."""
    parts = ""
    if units := {c: t for c, t in kinds(frame).items() if t.startswith("datetime64")}:
        parts += f".astype({units!r})"
    if not all(isinstance(c, str) for c in frame.columns):
        parts += f".set_axis({frame.columns.tolist()!r}, axis=1)"
    if type(frame.index).__name__ == "DatetimeIndex":
        parts += f".pipe(lambda t: t.set_axis(pandas.to_datetime(t.index).astype({str(frame.index.dtype)!r})))"
    if frame.columns.name is not None:
        parts += f".rename_axis(columns={frame.columns.name!r})"
    return parts


def _comes_back(form: _Form, value: Any) -> bool:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"value.{form.ending}"
        path.write_bytes(form.data)
        return _same(form.code("_", str(path)), value)


def _same(code: str, value: Any) -> bool:
    """Run code that this module made from a value, and compare its value by content."""
    space: dict[str, Any] = {"Path": Path, "_datetime": datetime}
    try:
        exec(code, space)  # noqa: S102 - our own code over our own file
    except Exception:  # whatever a reader does not take is not a way to write it
        return False
    # by content and by class: a list that came back as a tuple would not be the same
    found = digest(space["_"])
    return type(space["_"]) is type(value) and found == digest(value) and len(found) == 64
