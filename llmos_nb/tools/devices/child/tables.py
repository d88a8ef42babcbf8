"""A frame or a series as a table in Markdown."""

from typing import Any

TABLE = "markdown"


def is_table(value: Any) -> bool:
    """Return whether a value is a frame or a series, of pandas, polars or what derives from them."""
    named = any(c.__name__ in ("DataFrame", "Series") for c in type(value).__mro__)
    return named and hasattr(value, "shape") and hasattr(value, "head")


def float_format(value: "Any") -> str:  # the source of these needs no import
    """Return the format by which a float is told that has none; empty for what is no float, and for a rounded one.

    It is told by six digits (its whole part is never cut); one of at most twelve was rounded by somebody.
    """
    if not hasattr(value, "is_integer") or hasattr(value, "numerator"):
        return ""
    digits = repr(float(value)).partition("e")[0].replace(".", "").lstrip("-0")
    if 6 < len(digits) <= 12 and not value.is_integer():
        return ""
    return ".0f" if 999_999.5 <= abs(value) < 1e15 else ".6g"


def column_format(values: "list[Any]") -> str:
    """Return the format of the floats of a column: with the decimals that one of them is told by.

    It is empty where these are more than six, or one is told by a power of ten: each is then told by its own.
    """
    floats = [v for v in values if hasattr(v, "is_integer") and not hasattr(v, "numerator")]
    told = [format(v, float_format(v)) for v in floats]
    decimals = max([len(text.partition(".")[2]) for text in told], default=9)
    return f".{decimals}f" if decimals <= 6 and "e" not in "".join(told) else ""


def markdown_table(table: "Any", most: int = 3_600) -> str:
    """Return a frame or a series as a table in Markdown, by whole rows; to be copied, it needs the two above alone."""

    def shown(value: "Any", form: str = "") -> str:
        if hasattr(value, "is_integer") and not hasattr(value, "numerator"):
            value = format(value, form or float_format(value))
        return " ".join(str(value).replace("|", "\\|").split())

    def parts(key: "Any") -> "list[Any]":
        return list(key) if isinstance(key, tuple) else [key]

    frame = table if hasattr(table, "columns") else table.to_frame()
    heads = [" ".join(str(p) for p in parts(c) if str(p)) for c in frame.columns]
    heads = ["value" if frame is not table and h in ("0", "") else h for h in heads]
    kept = frame.head(200)
    index = getattr(kept, "index", None)
    rows = [list(r) for r in (kept.rows() if index is None else kept.itertuples(index=False, name=None))]
    if index is not None and (
        [*index.names] != [None] or [getattr(index, w, None) for w in ("start", "step")] != [0, 1]
    ):
        heads = ["" if n is None else str(n) for n in index.names] + heads
        rows = [parts(k) + r for k, r in zip(index, rows, strict=True)]
    right = [bool(rows) and all(hasattr(r[i], "__float__") for r in rows) for i in range(len(heads))]
    for i in range(len(heads)):  # of a column of days only the day is told
        if all(hasattr(r[i], "isoformat") and str(r[i])[10:] in ("", " 00:00:00") for r in rows):
            rows = [[*r[:i], str(r[i])[:10], *r[i + 1 :]] for r in rows]
    forms = [column_format([r[i] for r in rows]) for i in range(len(heads))]
    cells = [[shown(h) for h in heads], *([shown(v, f) for v, f in zip(r, forms, strict=True)] for r in rows)]
    widths = [max(3, *(len(r[i]) for r in cells)) for i in range(len(heads))]
    rules = ["-" * (w + 1) + (":" if n else "-") for w, n in zip(widths, right, strict=True)]
    lines = []
    for row in cells:
        padded = [t.rjust(w) if n else t.ljust(w) for t, w, n in zip(row, widths, right, strict=True)]
        lines.append(f"| {' | '.join(padded)} |")
    lines.insert(1, f"|{'|'.join(rules)}|")
    count = max(min(len(lines), most // (len(lines[0]) + 1)), 3)
    left = len(frame) - (count - 2)
    return "\n".join(lines[:count]) + (f"\n\n({left:,} more rows)" if left > 0 else "")
