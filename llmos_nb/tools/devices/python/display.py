"""The matplotlib figures that a step made: as images, and in words for models that take none."""

from __future__ import annotations

import io
import sys
import warnings
from collections import Counter
from itertools import islice
from typing import Any

from llmos_nb.messages import Part
from llmos_nb.tools.devices.namespace.frames import quoted
from llmos_nb.tools.text import safe_repr

FIGURES = 8


class Figures:
    """Those of one step: which are new since it began."""

    def __init__(self) -> None:
        self._before = {n: id(f) for n, f in _open().items()}
        self._described: Counter[str] = Counter()

    def new(self) -> dict[int, Any]:
        """Return the figures that the step has made and not closed."""
        return {n: f for n, f in _open().items() if self._before.get(n) != id(f)}

    def words(self, plain: str) -> str:
        """Say what a displayed image shows, if it is one of the figures; ``plain`` is its repr."""
        alike = [f for f in self.new().values() if repr(f) == plain]
        seen, self._described[plain] = self._described[plain], self._described[plain] + 1
        return describe(alike[min(seen, len(alike) - 1)]) if alike else plain

    def take(self) -> list[Part]:
        """Render the new figures and close them, as the end of a cell does."""
        figures = self.new()
        parts = [Part("image", describe(f), "image/png", render(f)) for f in list(figures.values())[:FIGURES]]
        for number in figures:
            sys.modules["matplotlib.pyplot"].close(number)
        return parts


def _open() -> dict[int, Any]:
    """Return the open figures by number, without making one the current figure; none without matplotlib."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    return {n: m.canvas.figure for n, m in helpers.Gcf.figs.items()} if helpers is not None else {}


def render(figure: Any) -> bytes:
    """Return a figure as PNG bytes."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():  # a missing glyph is no business of the step
        warnings.simplefilter("ignore")
        figure.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue()


def describe(figure: Any, values: bool = True) -> str:
    """Say what a figure shows: ``figure: 3 bars, x label 'city', y label 'total amount'``; its legend is values."""
    return "figure: " + ("; ".join(_axes(ax, values) for ax in figure.axes) or "empty")


def _axes(ax: Any, values: bool) -> str:
    def of(kind: str) -> list[Any]:
        return [c for c in ax.collections if kind in (base.__name__ for base in type(c).__mro__)]

    drawn = {
        "bar": sum(len(c) for c in ax.containers if hasattr(c, "patches")),
        "line": len(ax.lines),
        "area": len(of("PolyCollection")),
        "point": sum(len(c.get_offsets()) for c in of("PathCollection")),
        "image": len(ax.images) + len(of("QuadMesh")),
    }
    texts = {"title": ax.get_title(), "x label": ax.get_xlabel(), "y label": ax.get_ylabel()}
    said = [f"{n} {noun}{'s' if n > 1 else ''}" for noun, n in drawn.items() if n]
    said += [f"{what} {text!r}" for what, text in texts.items() if text]
    if values and (legend := ax.get_legend()) is not None:
        said.append(f"legend {', '.join(repr(t.get_text()) for t in legend.get_texts()[:8])}")
    return ", ".join(said) or "empty axes"


ROWS, COLUMNS, CHARS = 12, 12, 600


def number(value: float) -> str:
    """Return a float with as many digits as a small model copies right: four, or one decimal from 1000 up."""
    return f"{value:.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def brief(value: object, rows: int = ROWS, chars: int = CHARS) -> str:
    """Return a value in a few rows and characters.

    Parameters
    ----------
    value : object
        Anything; its own code may raise, which is then said.
    rows, chars : int
        Bounds.

    Returns
    -------
    str
        Its text, ending in what was left out.
    """
    try:
        text = _brief(value, rows)
    except Exception:  # the object's own code
        text = safe_repr(value)
    return text if len(text) <= chars else text[:chars] + " …"


WHOLE_ROWS, END_ROWS, WHOLE_CHARS = 60, 10, 22_000


def whole(value: object) -> str:
    """Return a value's text for a model with room: a table by all of its columns that fit and all rows up to 60.

    pandas and polars leave columns and rows out of their own text, whatever room there is.
    """
    home = type(value).__module__.partition(".")[0]
    if home == "polars" and type(value).__name__ == "DataFrame":
        return _whole_polars(value)
    if home != "pandas" or not hasattr(value, "to_string") or not hasattr(value, "head"):
        return safe_repr(value)
    try:
        return _whole_table(value)
    except Exception:  # an index or a cell whose own code misbehaves
        return safe_repr(value)


def _whole_table(value: Any) -> str:
    rows, columns = len(value), len(getattr(value, "columns", ()))
    parts = [value] if rows <= WHOLE_ROWS else [value.head(END_ROWS), value.tail(END_ROWS)]
    if not hasattr(value, "columns") and len(parts) > 1:
        name = f"Name: {value.name}, " if getattr(value, "name", None) is not None else ""
        kind = f"Length: {rows}, dtype: {value.dtype}"
        return "\n…\n".join(str(p.to_string()) for p in parts) + f"\n{name}{kind}"
    if not columns:
        return safe_repr(value)
    if any(quoted(c) != str(c) for c in value.columns):
        parts = [p.set_axis([quoted(c) for c in value.columns], axis=1) for p in parts]
    wide, texts = columns, [str(p.to_string()) for p in parts]
    while sum(map(len, texts)) > WHOLE_CHARS and wide > 1:
        wide = min(wide - 1, max(wide * WHOLE_CHARS // sum(map(len, texts)), 1))
        texts = [str(p.iloc[:, :wide].to_string()) for p in parts]
    shown = "\n…\n".join([texts[0], *(t.partition("\n")[2] for t in texts[1:])])
    cut = [f"the first {wide} columns"] if wide < columns else []
    cut += [f"the first and the last {END_ROWS} rows"] if len(parts) > 1 else []
    return shown + (f"\n\n[{rows} rows x {columns} columns; here are {' and '.join(cut)}]" if cut else "")


def _whole_polars(value: Any) -> str:
    """Return a frame of polars so, as compact Markdown with its shape and types."""
    rows, columns = value.shape
    wide, few = columns, WHOLE_ROWS if rows <= WHOLE_ROWS else 2 * END_ROWS
    form = {"tbl_rows": few, "tbl_cols": -1, "tbl_width_chars": 65_535, "fmt_str_lengths": 1_000}
    with sys.modules["polars"].Config(tbl_formatting="ASCII_MARKDOWN", **form):
        text = str(value)
        while len(text) > WHOLE_CHARS and wide > 1:
            wide = min(wide - 1, max(wide * WHOLE_CHARS // len(text), 1))
            text = str(value[:, :wide])
    return text + (f"\n[here are the first {wide} of {columns} columns]" if wide < columns else "")


def _brief(value: Any, rows: int) -> str:
    home = type(value).__module__.partition(".")[0]
    if home == "numpy" and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, float):
        return number(value)
    if home == "pandas" and hasattr(value, "to_string") and hasattr(value, "head"):
        return _table(value, rows)
    if home == "numpy" and hasattr(value, "tolist"):
        return _array(value, rows)
    if type(value) in (list, tuple, set, frozenset):
        return _sequence(value, rows)
    if type(value) is dict:
        inner = ", ".join(f"{k!r}: {brief(v, rows)}" for k, v in islice(value.items(), rows))
        return "{" + inner + _more(len(value), rows, "keys") + "}"
    return safe_repr(value)


def _table(value: Any, rows: int) -> str:
    wide = {"max_cols": COLUMNS} if hasattr(value, "columns") else {}
    text = str(value.head(rows).to_string(float_format=number, **wide))
    return text + (f"\n… {len(value):,} rows in all" if len(value) > rows else "")


def _array(value: Any, rows: int) -> str:
    flat = ", ".join(brief(v) for v in value.ravel()[:rows].tolist())
    shape = " x ".join(map(str, value.shape))
    return f"array of {shape}: {flat}{' …' if value.size > rows else ''}"


def _sequence(value: Any, rows: int) -> str:
    inner = ", ".join(brief(v, rows) for v in islice(value, rows)) + _more(len(value), rows, "items")
    if isinstance(value, list):
        return f"[{inner}]"
    if isinstance(value, tuple):
        return f"({inner}{',' if len(value) == 1 else ''})"
    return f"{{{inner}}}" if value else safe_repr(value)


def _more(size: int, rows: int, what: str) -> str:
    return f", … {size:,} {what} in all" if size > rows else ""


def rich(value: object, ip: Any) -> dict[str, Any]:
    """Return a value's richer forms by media type, as IPython's formatters know them.

    They are asked one by one, since `DisplayFormatter.format` prints errors of a repr as errors of the cell.
    """
    if ip is None or isinstance(value, str | int | float | bytes | bool | None):
        return {}
    formatters = ip.display_formatter.formatters.items()
    found = {m: _form(value, f) for m, f in formatters if m != "text/plain" and f.enabled}
    found |= _form(value, ip.display_formatter.mimebundle_formatter) or {}
    return {mime: form for mime, form in found.items() if form is not None and mime != "text/plain"}


def _form(value: object, formatter: Any) -> Any:
    """Ask one formatter; a form that raises is no form."""
    from IPython.utils.dir2 import get_real_method  # here only inside IPython

    try:
        try:
            form = formatter.lookup(value)(value)
        except KeyError:
            method = get_real_method(value, formatter.print_method)
            form = method() if method is not None else None
    except Exception:
        return None
    return form[0] if isinstance(form, tuple) else form
