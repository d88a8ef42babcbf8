"""A frame or a series as a table in Markdown."""

from __future__ import annotations

from typing import Any

TABLE = "markdown"


def is_table(value: Any) -> bool:
    """Return whether a value is a frame or a series, of pandas, polars or what derives from them."""
    named = any(c.__name__ in ("DataFrame", "Series") for c in type(value).__mro__)
    return named and hasattr(value, "shape") and hasattr(value, "head")


def markdown(table: Any, most: int = 3_600) -> str:
    """Return a frame or a series as a table in Markdown, by whole rows; it stands alone, so that it can be copied."""

    def shown(value: Any) -> str:
        text = format(value, ".6g") if isinstance(value, float) else str(value)
        return " ".join(text.replace("|", "\\|").split())

    def parts(key: Any) -> list[Any]:
        return list(key) if isinstance(key, tuple) else [key]

    frame = table.to_frame() if not hasattr(table, "columns") else table
    heads = [" ".join(str(p) for p in parts(c) if str(p)) for c in frame.columns]
    heads = ["value" if frame is not table and h in ("0", "") else h for h in heads]
    index = getattr(frame, "index", None)
    plain = index is None or (list(index.names) == [None] and [getattr(index, w, -1) for w in ("start", "step")] == [0, 1])
    kept = frame.head(200)
    rows = [list(r) for r in (kept.rows() if index is None else kept.itertuples(index=False, name=None))]
    if not plain:
        heads = ["" if n is None else str(n) for n in index.names] + heads
        rows = [parts(k) + r for k, r in zip(index, rows)]
    right = [bool(rows) and all(hasattr(r[i], "__float__") for r in rows) for i in range(len(heads))]
    cells = [[shown(h) for h in heads], *([shown(v) for v in r] for r in rows)]
    widths = [max(3, *(len(r[i]) for r in cells)) for i in range(len(heads))]
    lines = [
        "| " + " | ".join(t.rjust(w) if n else t.ljust(w) for t, w, n in zip(r, widths, right)) + " |" for r in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (w + 1) + (":" if n else "-") for w, n in zip(widths, right)) + "|")
    count = max(min(len(lines), most // (len(lines[0]) + 1)), 3)
    left = len(frame) - (count - 2)
    return "\n".join(lines[:count]) + (f"\n\n({left:,} more rows)" if left > 0 else "")
